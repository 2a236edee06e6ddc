"""Probing the tables of multi-index hashing, part after part for all queries, so that a part's small tables stay in the cache.

For one query and part: first all buckets, then all entries in them, then their bits. Each of the three is a loop in which no
step waits for the one before, so that memory is asked for many things at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled
from release.match.machine import fetch_soon, inlined, set_bits
from release.match.tables import CROWDED, Tables, part_of

Words = NDArray[np.uint64]
CANDIDATES = 4096
"""Entries that are gathered before they are compared."""

_PATIENCE = 16
"""A query with more candidates than a sixteenth of all entries is left to the scan, which compares far faster."""


class Entries(NamedTuple):
    """What is searched.

    Attributes:
        words: (n, 4) uint64.
        reserved: (k,) int64: ascending positions of reserved entries.
        numbers: (k,) int64: the number of each.
    """

    words: Words
    reserved: NDArray[np.int64]
    numbers: NDArray[np.int64]


class Queries(NamedTuple):
    """What is searched for.

    Attributes:
        words: (q, 4) uint64.
        owner: (q,) int64: the row that each is of.
        radius: bits in which a hit may differ.
        exhaustive: whether the search goes on after a row's first hit.
    """

    words: Words
    owner: NDArray[np.int64]
    radius: int
    exhaustive: bool


class Flips(NamedTuple):
    """What is turned in the parts: masks, (m,) uint32, and where those of each part begin, (parts + 1,) int64."""

    masks: NDArray[np.uint32]
    begins: NDArray[np.int64]


class Answers(NamedTuple):
    """What is found: by row, whether an entry is near it; by number, whether a reserved entry is near any of them."""

    rows: NDArray[np.bool_]
    reserved: NDArray[np.bool_]


class _Room(NamedTuple):
    """Room for the work on one query and part."""

    low: NDArray[np.uint32]
    high: NDArray[np.uint32]
    candidates: NDArray[np.uint32]


@inlined
def tell(entries: Entries, at: np.int64, row: np.int64, answers: Answers) -> None:
    """Note a hit at position `at`."""
    place = np.searchsorted(entries.reserved, at)
    if place < entries.reserved.shape[0] and entries.reserved[place] == at:
        answers.reserved[entries.numbers[place]] = True
    else:
        answers.rows[row] = True


@compiled
def probe(entries: Entries, tables: Tables, queries: Queries, flips: Flips, answers: Answers) -> NDArray[np.bool_]:
    """Search for all queries; return for each whether it was left to the scan, because its buckets are too full, (q,) bool."""
    width = 0
    while (1 << width) < tables.ends.shape[1]:
        width += 1
    most = np.max(flips.begins[1:] - flips.begins[:-1])
    room = _Room(np.empty(most, np.uint32), np.empty(most, np.uint32), np.empty(CANDIDATES, np.uint32))
    spent = np.zeros(queries.words.shape[0], np.int64)
    patience = entries.words.shape[0] // _PATIENCE + CANDIDATES
    for part in range(tables.ids.shape[0]):
        masks = flips.masks[flips.begins[part] : flips.begins[part + 1]]
        if masks.shape[0] == 0:
            continue
        keys = part_of(queries.words, part, width)
        own = Tables(tables.ids[part : part + 1], tables.begins[part : part + 1], tables.ends[part : part + 1])
        for number in range(queries.words.shape[0]):
            if spent[number] > patience or (answers.rows[queries.owner[number]] and not queries.exhaustive):
                continue
            count = _buckets(own, keys[number], masks, room)
            for at in range(count):
                spent[number] += np.int64(room.high[at]) - np.int64(room.low[at])
            if spent[number] <= patience:
                _compare(entries, own.ids[0], queries, number, _Found(room, count, answers))
    left: NDArray[np.bool_] = spent > patience
    return left


class _Found(NamedTuple):
    """The buckets of one query and part, and where its hits are noted."""

    room: _Room
    buckets: int
    answers: Answers


@inlined
def _buckets(tables: Tables, key: int, masks: NDArray[np.uint32], room: _Room) -> int:
    """Set where the entries of each bucket that is not empty begin and end; return the number of these buckets."""
    ids, begins, ends = tables.ids[0], tables.begins[0], tables.ends[0]
    block = np.uint32(0)
    while (begins.shape[0] - 1) << block < ends.shape[0]:
        block += np.uint32(1)
    inner = (np.uint32(1) << block) - np.uint32(1)
    count = np.uint64(0)
    for at in range(masks.shape[0]):
        bucket = np.uint32(key ^ masks[at])
        number = bucket >> block
        first = begins[number]
        low, high = first, np.uint32(first + ends[bucket])
        if bucket & inner:
            low = np.uint32(first + ends[bucket - np.uint32(1)])
        if first & CROWDED:
            low, high = first ^ CROWDED, begins[number + np.uint32(1)] & ~CROWDED
        room.low[count], room.high[count] = low, high
        if high > low:
            fetch_soon(ids, np.uint64(low))
            count += np.uint64(1)
    return count  # type: ignore[return-value]


@inlined
def _compare(entries: Entries, ids: NDArray[np.uint32], queries: Queries, number: int, found: _Found) -> None:
    """Gather the entries of the buckets, and note those that are near."""
    candidates = found.room.candidates
    held = np.uint64(0)
    for bucket in range(found.buckets):
        for at in range(np.uint64(found.room.low[bucket]), np.uint64(found.room.high[bucket])):
            candidates[held] = ids[at]
            fetch_soon(entries.words, np.uint64(4) * np.uint64(ids[at]))
            held += np.uint64(1)
            if held == CANDIDATES:
                _count_bits(entries, candidates[:held], queries, number, found.answers)
                held = np.uint64(0)
    _count_bits(entries, candidates[:held], queries, number, found.answers)


@inlined
def _count_bits(entries: Entries, candidates: NDArray[np.uint32], queries: Queries, number: int, answers: Answers) -> None:
    """Compare all bits of the candidates with those of a query, and note those that are near."""
    words, query, radius = entries.words, queries.words[number], np.uint64(queries.radius)
    first, second, third, fourth = query[0], query[1], query[2], query[3]
    for place in range(candidates.shape[0]):
        at = np.uint64(candidates[place])
        distance = set_bits(words[at, 0] ^ first) + set_bits(words[at, 1] ^ second)
        distance += set_bits(words[at, 2] ^ third) + set_bits(words[at, 3] ^ fourth)
        if distance <= radius:
            tell(entries, np.int64(at), queries.owner[number], answers)
