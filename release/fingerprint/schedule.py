"""The operators of `taps` in the order in which compiled code works them off: the picture is read once, for all conventions.

Down a picture in colour, four lines at a time are brought to luma and added to every sample that they are part of, so that each
pixel is looked at once. Down a grey picture, the lines of each sample are added up, four at a time, and are never left in memory.
Across, each sample is the weighted sum of the columns that it is made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.columns import NEAREST, THUMBNAIL
from release.fingerprint.taps import SIDE, Taps, nearest_taps, taps, thumbnail_size, thumbnail_taps

LINES = 4
"""Lines of the picture that are added at a time: fewer passes over the sums, and still one order of additions."""

_KEPT = 4096  # axes of this many lengths are remembered

Down = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""For each group of lines where its entries start, (g + 1,); the sample of each entry, (k,); the weights of its lines, (k, 4)."""

Strips = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""For each sample where its entries start, (65,); the lines of each entry, (k, 4); their weights, (k, 4)."""

Across = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""For each sample where its entries start, (65,); the column of each entry, (k,); its weight, (k,)."""

NOTHING: Down = (np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros((0, LINES), np.float32))
"""A schedule without an entry."""


@dataclass(frozen=True, slots=True)
class Axis:
    """The operator along one axis under one convention: down a picture in colour, down a grey one, and across."""

    down: Down
    strips: Strips
    across: Across


def axes(rows: int, columns: int, convention: str) -> tuple[Axis, Axis]:
    """Return the operators down and across a picture, resizing included."""
    if convention == THUMBNAIL:
        small = thumbnail_size(rows, columns)
        return _thumbnail(rows, small[0]), _thumbnail(columns, small[1])
    return (_nearest(rows), _nearest(columns)) if convention == NEAREST else (_full(rows), _full(columns))


@lru_cache(maxsize=_KEPT)
def _full(length: int) -> Axis:
    return _axis(taps(length), length)


@lru_cache(maxsize=_KEPT)
def _nearest(length: int) -> Axis:
    return _axis(nearest_taps(length), length)


@lru_cache(maxsize=_KEPT)
def _thumbnail(length: int, target: int) -> Axis:
    return _axis(thumbnail_taps(length, target), length)


def _axis(operator: Taps, length: int) -> Axis:
    """Return both schedules of an operator on `length` lines; taps without weight are left out."""
    sample, tap = np.nonzero(operator.weight)
    line, weight = operator.index[sample, tap], operator.weight[sample, tap]
    start = np.searchsorted(sample, np.arange(SIDE + 1)).astype(np.int64)
    across = start, line.astype(np.int64), weight
    return Axis(_down(sample, line, weight, length), _strips(*across), across)


def _strips(start: NDArray[np.int64], line: NDArray[np.int64], weight: NDArray[np.float32]) -> Strips:
    """Return the entries sample by sample; the last one of a sample is filled up with lines of no weight."""
    begins = np.concatenate([[0], np.cumsum(-(-np.diff(start) // LINES))]).astype(np.int64)
    sample = np.repeat(np.arange(SIDE), np.diff(start))
    within = np.arange(len(line)) - start[sample]
    entry, place = begins[sample] + within // LINES, within % LINES
    lines, weights = np.zeros((begins[-1], LINES), np.int64), np.zeros((begins[-1], LINES), np.float32)
    lines[entry, place], weights[entry, place] = line, weight
    return begins, lines, weights


def _down(sample: NDArray[np.int64], line: NDArray[np.int64], weight: NDArray[np.float32], length: int) -> Down:
    """Return the entries group by group of `LINES` lines."""
    entry, place = np.unique(line // LINES * SIDE + sample, return_inverse=True)
    weights = np.zeros((len(entry), LINES), np.float32)
    np.add.at(weights, (place, line % LINES), weight)
    groups = -(-length // LINES)
    start = np.searchsorted(entry // SIDE, np.arange(groups + 1)).astype(np.int64)
    return start, (entry % SIDE).astype(np.int64), weights
