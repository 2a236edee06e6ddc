"""The search for digests in compiled code: a filter, then buckets, then full comparison, each for a group of queries at once.

Most rows are in no list. A bit for each value of the leading bits, of which about one in sixteen is set, is small enough for the
cache and sends nearly all of them away; it is never wrong about that. What it lets pass is looked up in the buckets.
Loops without branches let the memory be asked for many things at once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled
from release.match.machine import inlined

LONG_BUCKET = 16
"""Digests in one bucket beyond which they are not compared one by one."""

GROUP = 1024
"""Queries that are taken through each stage together."""

_WORD = 6  # 64 bits of the filter in a word


class Known(NamedTuple):
    """What is searched.

    Attributes:
        digests: (n, w) uint8, sorted.
        words: the same bytes, four at a time, (n, w / 4) uint32.
        buckets: (2**bits + 1,) uint32: where the digests with each value of the leading bits begin.
        filter: (2**k / 64,) uint64: a bit for each value of the k leading bits, set if a digest has it.
    """

    digests: NDArray[np.uint8]
    words: NDArray[np.uint32]
    buckets: NDArray[np.uint32]
    filter: NDArray[np.uint64]


class _Group(NamedTuple):
    """Room for a group: the queries that are still open, their leading bits, where their buckets begin and end."""

    open: NDArray[np.uint32]
    leading: NDArray[np.uint32]
    low: NDArray[np.uint32]
    high: NDArray[np.uint32]


@compiled
def find_digests(known: Known, queries: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the position of each of `queries` (q, w) among the sorted digests, or -1."""
    found = np.full(queries.shape[0], -1, np.int64)
    if known.digests.shape[0] == 0:
        return found
    asked = queries.view(np.uint32)
    group = _Group(
        np.empty(GROUP + 1, np.uint32), np.empty(GROUP + 1, np.uint32), np.empty(GROUP + 1, np.uint32), np.empty(GROUP + 1, np.uint32)
    )
    for start in range(0, queries.shape[0], GROUP):
        stop = min(start + GROUP, queries.shape[0])
        count = _filter(known.filter, asked[start:stop], group)
        count = _open_buckets(known, asked[start:stop], group, count)
        for place in range(count):
            number = start + np.int64(group.open[place])
            first, last = np.int64(group.low[place]), np.int64(group.high[place])
            if last - first > LONG_BUCKET:
                found[number] = _bisect(known.digests, first, last, queries[number])
            else:
                found[number] = _among(known.words, first, last, asked[number])
    return found


@inlined
def _places(values: int) -> np.uint32:
    """Return by how much 32 leading bits are to be shifted to give one of `values`, a power of two."""
    shift = np.uint32(32)
    while (1 << (32 - np.int64(shift))) < values:
        shift -= np.uint32(1)
    return shift


@inlined
def _filter(bits: NDArray[np.uint64], asked: NDArray[np.uint32], group: _Group) -> int:
    """Set which queries pass the filter, and their leading bits; return how many."""
    shift = _places(bits.shape[0] << _WORD)
    count = np.uint64(0)
    for number in range(np.uint64(asked.shape[0])):
        word = asked[number, 0]
        swapped = ((word & np.uint32(0xFF)) << np.uint32(24)) | ((word & np.uint32(0xFF00)) << np.uint32(8))
        swapped |= ((word >> np.uint32(8)) & np.uint32(0xFF00)) | (word >> np.uint32(24))
        value = swapped >> shift
        group.open[count], group.leading[count] = np.uint32(number), swapped
        count += (bits[value >> np.uint32(_WORD)] >> np.uint64(value & np.uint32(63))) & np.uint64(1)
    return count  # type: ignore[return-value]


@inlined
def _open_buckets(known: Known, asked: NDArray[np.uint32], group: _Group, count: int) -> int:
    """Set the bucket of each open query, and leave open those whose bucket may hold them; return how many."""
    shift, one = _places(known.buckets.shape[0] - 1), np.uint32(1)
    last = np.uint32(known.words.shape[0] - 1)
    left = np.uint64(0)
    for place in range(np.uint64(count)):
        bucket = group.leading[place] >> shift
        low, high = known.buckets[bucket], known.buckets[bucket + one]
        number = group.open[place]
        likely = known.words[min(low, last), 0] == asked[number, 0]  # the first digest of the bucket begins alike
        group.open[left], group.low[left], group.high[left] = number, low, high
        left += np.uint64((high > low) & (likely | (high > low + one)))
    return left  # type: ignore[return-value]


@inlined
def _bisect(digests: NDArray[np.uint8], low: np.int64, high: np.int64, query: NDArray[np.uint8]) -> np.int64:
    """Return the position of `query` among the sorted digests `low` to `high`, or -1."""
    while low < high:
        middle = (low + high) // 2
        entry = digests[middle]
        at = 0
        while at < query.shape[0] and entry[at] == query[at]:
            at += 1
        if at == query.shape[0]:
            return np.int64(middle)
        if entry[at] < query[at]:
            low = middle + 1
        else:
            high = middle
    return np.int64(-1)


@inlined
def _among(words: NDArray[np.uint32], first: np.int64, last: np.int64, wanted: NDArray[np.uint32]) -> np.int64:
    """Return the position of `wanted` among the digests `first` to `last`, or -1."""
    for at in range(first, last):
        word = 0
        while word < words.shape[1] and words[at, word] == wanted[word]:
            word += 1
        if word == words.shape[1]:
            return np.int64(at)
    return np.int64(-1)
