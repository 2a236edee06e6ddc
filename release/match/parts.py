"""How a hash is cut into parts, and how far each part has to be searched so that nothing within a distance is missed.

Two hashes that differ in at most d bits differ, if each of their p parts i is given a radius r(i) with the sum of all
r(i) + 1 above d, in at most r(i) bits of at least one part i: otherwise they would differ in r(i) + 1 bits or more of every part.
So it is enough to look, for each part, at the entries whose part lies within r(i), and to count all bits of those.
For d = 31 and eleven parts: 2 in ten of them, 1 in the eleventh. A radius of -1 means that a part need not be looked at.

Source: Norouzi, Punjani, Fleet, "Fast Exact Search in Hamming Space with Multi-Index Hashing", 2014, section 3, made general.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

BITS = 256
FEW = 8192
"""Up to so many entries are compared one by one, which costs no more at the usual distance."""

SHORT = 400_000
"""Up to so many entries are cut into sixteen parts, which need far fewer probes; beyond, buckets of sixteen bits are too full."""

LONG = 3_000_000
"""Beyond so many entries a bit more in each part keeps the buckets short."""

_FULL = 24  # entries of a block of buckets, on average: far below the 255 that a byte can count
_LARGEST_BLOCK = 8  # as a power of two
_PROBE, _CANDIDATE, _COMPARISON = 40, 150, 2  # what one costs, in tenths of a nanosecond


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of the tables: `parts` of `width` bits each; buckets are counted in blocks of 2**`block`. No parts: no tables."""

    parts: int
    width: int
    block: int


NO_TABLES = Shape(0, 0, 0)


def shape_for(entries: int) -> Shape:
    """Return the form of the tables for a number of entries; the figures were measured at a distance of 31."""
    if entries <= FEW:
        return NO_TABLES
    parts, width = (16, 16) if entries <= SHORT else (11, 22) if entries <= LONG else (11, 23)
    room = _FULL * (1 << width) // entries
    return Shape(parts, width, min(max(room.bit_length() - 1, 0), _LARGEST_BLOCK))


def radii(distance: int, parts: int) -> tuple[int, ...]:
    """Return the radius of each part: as even as can be, with a sum of (radius + 1) of exactly distance + 1."""
    least, more = divmod(distance + 1, parts)
    return tuple(least - (0 if part < more else 1) for part in range(parts))


def is_worth_probing(shape: Shape, distance: int, entries: int) -> bool:
    """Return whether probing the tables costs less than comparing with every entry."""
    if not shape.parts:
        return False
    probes = sum(_ball(shape.width, radius) for radius in radii(distance, shape.parts))
    return probes * _PROBE + probes * entries * _CANDIDATE // (1 << shape.width) < entries * _COMPARISON


def _ball(width: int, radius: int) -> int:
    """Return how many words of `width` bits lie within `radius` of one."""
    return sum(comb(width, bits) for bits in range(radius + 1))


@lru_cache(maxsize=64)
def flips(shape: Shape, distance: int) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Return what is to be turned in the parts: all masks, part after part, and where those of each part begin, (parts + 1,)."""
    masks = [_masks(shape.width, radius) for radius in radii(distance, shape.parts)]
    begins = np.cumsum([0, *(len(part) for part in masks)], dtype=np.int64)
    return np.concatenate(masks), begins


@lru_cache(maxsize=64)
def _masks(width: int, radius: int) -> NDArray[np.uint32]:
    """Return the words of `width` bits with at most `radius` bits set."""
    chosen = (bits for count in range(radius + 1) for bits in combinations(range(width), count))
    return np.array([sum(1 << bit for bit in bits) for bits in chosen], np.uint32)
