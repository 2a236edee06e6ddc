"""Near search by counting the bits of every pair: for short lists, for what is new, and to check the tables against.

A block of entries is laid out word by word, so that the machine compares eight of them at once, and stays in the nearest cache
while every query has its turn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled
from release.match.machine import inlined, set_bits
from release.match.probe import Answers, Entries, Queries, tell

BLOCK = 1024
"""Hashes compared before the next query has its turn: 32 KiB, which stay in the nearest cache."""

Words = NDArray[np.uint64]


@compiled
def scan(entries: Entries, queries: Queries, answers: Answers) -> None:
    """Compare every query with every entry, and note those that are near."""
    block = np.empty((4, BLOCK), np.uint64)
    total = entries.words.shape[0]
    for start in range(0, total, BLOCK):
        size = min(BLOCK, total - start)
        for word in range(4):
            for at in range(size):
                block[word, at] = entries.words[start + at, word]
        for number in range(queries.words.shape[0]):
            row = queries.owner[number]
            if answers.rows[row] and not queries.exhaustive:
                continue
            query = queries.words[number]
            if _nearest(block, size, query) <= queries.radius:
                for at in range(size):
                    if _distance(block, at, query) <= queries.radius:
                        tell(entries, np.int64(start + at), row, answers)


@inlined
def _nearest(block: Words, size: int, query: Words) -> int:
    """Return the least number of bits in which `query` differs from the first `size` hashes of a block."""
    least = np.uint64(257)
    first, second, third, fourth = block[0, :size], block[1, :size], block[2, :size], block[3, :size]
    for at in range(size):
        distance = set_bits(first[at] ^ query[0])
        distance += set_bits(second[at] ^ query[1])
        distance += set_bits(third[at] ^ query[2])
        distance += set_bits(fourth[at] ^ query[3])
        least = min(least, distance)
    return np.int64(least)  # type: ignore[return-value]


@inlined
def _distance(block: Words, at: int, query: Words) -> int:
    """Return the number of bits in which `query` differs from one hash."""
    total = np.uint64(0)
    for word in range(4):
        total += set_bits(block[word, at] ^ query[word])
    return np.int64(total)  # type: ignore[return-value]


@compiled
def first_forms(words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Return for each form of each of `words` (rows, forms, 4) whether no earlier form of its row is the same, (rows, forms)."""
    first = np.ones(words.shape[:2], np.bool_)
    for row in range(words.shape[0]):
        for form in range(1, words.shape[1]):
            for earlier in range(form):
                if words[row, earlier, 0] == words[row, form, 0] and (words[row, earlier] == words[row, form]).all():
                    first[row, form] = False
                    break
    return first
