"""The searches in compiled code: digests in buckets, and hashes by counting differing bits."""

from __future__ import annotations

import numpy as np
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled

BLOCK = 2048
"""Hashes compared before the next query has its turn: 64 KiB, which stay in the nearest cache."""

Words = NDArray[np.uint64]


@intrinsic  # type: ignore[untyped-decorator]
def _set_bits(_typing: object, _word: object) -> object:
    """Count the bits of a 64-bit word with the machine's own instruction."""

    def emit(_context: object, builder: IRBuilder, _signature: object, arguments: list[Value]) -> Value:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), emit


@compiled
def _nearest(words: Words, start: int, stop: int, query: Words) -> int:
    """Return the least number of bits in which `query` differs from the hashes `start` to `stop`."""
    least = np.uint64(257)
    first, second, third, fourth = words[0], words[1], words[2], words[3]
    for at in range(start, stop):
        distance = _set_bits(first[at] ^ query[0])
        distance += _set_bits(second[at] ^ query[1])
        distance += _set_bits(third[at] ^ query[2])
        distance += _set_bits(fourth[at] ^ query[3])
        least = min(least, distance)
    return np.int64(least)  # type: ignore[return-value]


@compiled
def _distance(words: Words, at: int, query: Words) -> int:
    """Return the number of bits in which `query` differs from one hash."""
    total = np.uint64(0)
    for word in range(4):
        total += _set_bits(words[word, at] ^ query[word])
    return np.int64(total)  # type: ignore[return-value]


@compiled
def any_within(words: Words, reserved: NDArray[np.int32], queries: Words, radius: int) -> NDArray[np.bool_]:
    """Return for each of `queries` (m, forms, 4) whether a hash of the list lies within `radius` of one of its forms."""
    found = np.zeros(queries.shape[0], dtype=np.bool_)
    for start in range(0, words.shape[1], BLOCK):
        stop = min(start + BLOCK, words.shape[1])
        for number in range(queries.shape[0]):
            for form in range(queries.shape[1]):
                if found[number]:
                    break
                query = queries[number, form]
                if _nearest(words, start, stop, query) <= radius:
                    for at in range(start, stop):
                        if reserved[at] < 0 and _distance(words, at, query) <= radius:
                            found[number] = True
    return found


@compiled
def within(words: Words, queries: Words, radius: int) -> NDArray[np.bool_]:
    """Return for each hash whether it lies within `radius` of one of `queries` (forms, 4)."""
    found = np.zeros(words.shape[1], dtype=np.bool_)
    for start in range(0, words.shape[1], BLOCK):
        stop = min(start + BLOCK, words.shape[1])
        for form in range(queries.shape[0]):
            if _nearest(words, start, stop, queries[form]) <= radius:
                for at in range(start, stop):
                    if _distance(words, at, queries[form]) <= radius:
                        found[at] = True
    return found


@compiled
def _order(left: NDArray[np.uint8], right: NDArray[np.uint8]) -> int:
    """Return -1, 0 or 1 as `left` comes before, is, or comes after `right`, byte by byte."""
    for at in range(left.shape[0]):
        if left[at] != right[at]:
            return -1 if left[at] < right[at] else 1
    return 0


@compiled
def find_digests(digests: NDArray[np.uint8], buckets: NDArray[np.int64], queries: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the position of each of `queries` in the sorted `digests`, or -1."""
    found = np.full(queries.shape[0], -1, dtype=np.int64)
    bits = 0
    while (1 << bits) < buckets.shape[0] - 1:
        bits += 1
    for number in range(queries.shape[0]):
        query = queries[number]
        leading = (np.int64(query[0]) << 24) | (np.int64(query[1]) << 16) | (np.int64(query[2]) << 8) | np.int64(query[3])
        bucket = leading >> (32 - bits)
        low, high = buckets[bucket], buckets[bucket + 1]
        while low < high:
            middle = (low + high) // 2
            order = _order(digests[middle], query)
            if order == 0:
                found[number] = middle
                break
            if order < 0:
                low = middle + 1
            else:
                high = middle
    return found
