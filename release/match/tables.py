"""The tables of multi-index hashing: for each part of a hash, which entries have each value in that part.

Entries lie in one array, part after part ordered by the value of that part, and a bucket is a stretch of it. Where a bucket
begins is kept in little more than a byte: buckets are counted in blocks, a block has its beginning in four bytes and, for each
bucket, how many of its entries lie up to that bucket's end. A block of more than 255 entries is marked and taken as one
bucket: that gives more candidates, and every candidate is compared in full.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled
from release.match.parts import Shape

Words = NDArray[np.uint64]

CROWDED = np.uint32(1 << 31)
MOST = (1 << 31) - 1
"""Entries that the tables can number."""

_BLOCK_MOST = 255


class Tables(NamedTuple):
    """The tables, as compiled code takes them.

    Attributes:
        ids: (parts, n) uint32: positions of entries, in the order of their part.
        begins: (parts, blocks + 1) uint32: where each block begins in `ids`, with the highest bit set where it is crowded.
        ends: (parts, buckets) uint8: how many entries of its block lie up to the end of each bucket; 0 in a crowded block.
    """

    ids: NDArray[np.uint32]
    begins: NDArray[np.uint32]
    ends: NDArray[np.uint8]


def build(words: Words, shape: Shape) -> Tables:
    """Return the tables of `words` (n, 4)."""
    buckets = 1 << shape.width
    tables = Tables(
        np.empty((shape.parts, len(words)), np.uint32),
        np.empty((shape.parts, (buckets >> shape.block) + 1), np.uint32),
        np.zeros((shape.parts, buckets), np.uint8),
    )
    for part in range(shape.parts):
        keys = part_of(words, part, shape.width)
        counts = _counts(keys, buckets)
        _fill_blocks(counts, shape.block, tables.begins[part], tables.ends[part])
        _fill_ids(keys, counts, tables.ids[part])
    return tables


@compiled
def part_of(words: Words, part: int, width: int) -> NDArray[np.uint32]:
    """Return bits `part` * `width` and following of each of `words` (n, 4), (n,) uint32."""
    keys = np.empty(words.shape[0], np.uint32)
    mask = (np.uint64(1) << np.uint64(width)) - np.uint64(1)
    word, bit = divmod(part * width, 64)
    across = bit + width > 64
    low, high = np.uint64(bit), np.uint64(64 - bit)
    for at in range(words.shape[0]):
        value = words[at, word] >> low
        if across:
            value |= words[at, word + 1] << high
        keys[at] = np.uint32(value & mask)
    return keys


@compiled
def _counts(keys: NDArray[np.uint32], buckets: int) -> NDArray[np.uint32]:
    """Return where each bucket begins, (buckets + 1,)."""
    counts = np.zeros(buckets + 1, np.uint32)
    for at in range(keys.shape[0]):
        counts[np.uint64(keys[at]) + np.uint64(1)] += np.uint32(1)
    for bucket in range(buckets):
        counts[bucket + 1] += counts[bucket]
    return counts


@compiled
def _fill_blocks(counts: NDArray[np.uint32], block: int, begins: NDArray[np.uint32], ends: NDArray[np.uint8]) -> None:
    """Set where blocks begin, and the buckets' ends within them."""
    size = 1 << block
    for number in range(begins.shape[0] - 1):
        first, last = counts[number * size], counts[(number + 1) * size]
        if last - first > _BLOCK_MOST:
            begins[number] = first | CROWDED
        else:
            begins[number] = first
            for bucket in range(number * size, (number + 1) * size):
                ends[bucket] = np.uint8(counts[bucket + 1] - first)
    begins[begins.shape[0] - 1] = counts[counts.shape[0] - 1]


@compiled
def _fill_ids(keys: NDArray[np.uint32], counts: NDArray[np.uint32], ids: NDArray[np.uint32]) -> None:
    """Set the entries of each bucket; `counts` are used up."""
    for at in range(keys.shape[0]):
        bucket = np.uint64(keys[at])
        ids[np.uint64(counts[bucket])] = np.uint32(at)
        counts[bucket] += np.uint32(1)
