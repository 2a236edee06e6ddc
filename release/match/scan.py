"""The searches in compiled code: digests in buckets, and hashes by counting differing bits."""

from __future__ import annotations

import numpy as np
from llvmlite.ir import IRBuilder, Value  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled

BLOCK = 1024
"""Hashes compared before the next query has its turn: 32 KiB, which stay in the nearest cache."""

LONG_BUCKET = 16
"""Digests in one bucket beyond which they are not compared one by one."""

GROUP = 256
"""Queries whose buckets are fetched together."""

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
    first, second, third, fourth = words[0, start:stop], words[1, start:stop], words[2, start:stop], words[3, start:stop]
    for at in range(stop - start):
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
def _bisect(digests: NDArray[np.uint8], low: int, high: int, query: NDArray[np.uint8]) -> int:
    """Return the position of `query` among the sorted digests `low` to `high`, or -1."""
    while low < high:
        middle = (low + high) // 2
        entry = digests[middle]
        at = 0
        while at < query.shape[0] and entry[at] == query[at]:
            at += 1
        if at == query.shape[0]:
            return middle
        if entry[at] < query[at]:
            low = middle + 1
        else:
            high = middle
    return -1


@compiled
def find_digests(
    digests: NDArray[np.uint8], words: NDArray[np.uint32], buckets: NDArray[np.uint32], queries: NDArray[np.uint8]
) -> NDArray[np.int64]:
    """Return the position of each of `queries` in the sorted `digests`, or -1; `words` are the digests' bytes, four at a time.

    A bucket holds one or two digests, which are compared one by one; a list whose digests were made to begin alike is halved.
    """
    found = np.full(queries.shape[0], -1, dtype=np.int64)
    shift = 32
    while (1 << (32 - shift)) < buckets.shape[0] - 1:
        shift -= 1
    asked = queries.view(np.uint32)
    low, high = np.empty(GROUP, dtype=np.int64), np.empty(GROUP, dtype=np.int64)
    begins = np.empty(GROUP, dtype=np.uint32)
    for start in range(0, queries.shape[0], GROUP):
        size = min(GROUP, queries.shape[0] - start)
        _fetch_buckets(queries[start : start + size], shift, buckets, low, high)
        _fetch_words(words, low, begins[:size])
        for number in range(size):
            first, last, wanted = low[number], high[number], asked[start + number]
            if last - first > LONG_BUCKET:
                found[start + number] = _bisect(digests, first, last, queries[start + number])
            elif first < last and (last - first > 1 or begins[number] == wanted[0]):
                found[start + number] = _among(words, first, last, wanted)
    return found


@compiled
def _fetch_buckets(
    queries: NDArray[np.uint8], shift: int, buckets: NDArray[np.uint32], low: NDArray[np.int64], high: NDArray[np.int64]
) -> None:
    """Set where each query's bucket begins and ends; without branches, so that memory is asked for many at once."""
    for number in range(queries.shape[0]):
        leading = np.uint64(0)
        for at in range(4):
            leading = (leading << np.uint64(8)) | np.uint64(queries[number, at])
        bucket = leading >> np.uint64(shift)
        low[number] = np.int64(buckets[bucket])
        high[number] = np.int64(buckets[bucket + np.uint64(1)])


@compiled
def _fetch_words(words: NDArray[np.uint32], low: NDArray[np.int64], begins: NDArray[np.uint32]) -> None:
    """Set the first word of the first digest of each bucket, all asked for at once."""
    if words.shape[0] == 0:
        return
    last = words.shape[0] - 1
    for number in range(begins.shape[0]):
        begins[number] = words[min(low[number], last), 0]


@compiled
def _among(words: NDArray[np.uint32], first: int, last: int, wanted: NDArray[np.uint32]) -> int:
    """Return the position of `wanted` among the digests `first` to `last`, or -1."""
    for at in range(first, last):
        word = 0
        while word < words.shape[1] and words[at, word] == wanted[word]:
            word += 1
        if word == words.shape[1]:
            return at
    return -1
