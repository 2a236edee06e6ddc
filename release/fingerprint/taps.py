"""Blur and decimation as one sparse operator per axis: which source lines make a sample, and with what weight.

PDQ blurs a picture with two passes of a box filter along each axis (a tent, after Jarosz) and then keeps 64 x 64 of the
samples. The filter is separable and linear, so each kept sample is a weighted sum of few lines along one axis, of few
along the other, and nothing else needs to be computed.

Source of the geometry: facebook/ThreatExchange, pdq/cpp/downscaling (window = ceil(n / 128), samples at cell centres).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Samples along each axis."""

NEAREST_SIDE = 512
"""What the C++ reference resizes both sides to, by nearest neighbour, once one of them is longer."""

_CUBIC_REACH = 2.0  # of the bicubic kernel, in lines of the result


@dataclass(frozen=True, slots=True)
class Taps:
    """The operator along one axis: `index` (64, t) int64 lines of the picture, `weight` (64, t) float32, rows summing to 1."""

    index: NDArray[np.int64]
    weight: NDArray[np.float32]


def window(length: int) -> int:
    """Return the width of the box filter along an axis of `length` pixels."""
    return (length + 2 * SIDE - 1) // (2 * SIDE)


@lru_cache(maxsize=4096)
def taps(length: int) -> Taps:
    """Return the operator along an axis of `length` pixels, at the picture's own resolution."""
    width = window(length)
    right = (width + 2) // 2 - 1  # the box reaches this far to the right, and the rest of its width to the left
    left = width - 1 - right
    sample = (2 * np.arange(SIDE) + 1) * length // (2 * SIDE)
    weight = np.zeros((SIDE, 2 * width - 1))
    for step in range(width):
        middle = sample - left + step  # a line of the first pass that the second pass reads
        inside = (middle >= 0) & (middle < length)
        share = np.where(inside, 1.0 / (_count(sample, left, right, length) * _count(middle, left, right, length)), 0.0)
        weight[:, step : step + width] += share[:, None]
    index = sample[:, None] - 2 * left + np.arange(2 * width - 1)
    weight[(index < 0) | (index >= length)] = 0.0
    return Taps(np.clip(index, 0, length - 1).astype(np.int64), weight.astype(np.float32))


@lru_cache(maxsize=4096)
def nearest_taps(length: int) -> Taps:
    """Return the operator along an axis of `length` pixels that is first brought to 512 by nearest neighbour."""
    resized = taps(NEAREST_SIDE)
    return Taps(resized.index * length // NEAREST_SIDE, resized.weight)


@lru_cache(maxsize=4096)
def thumbnail_taps(length: int, target: int) -> Taps:
    """Return the operator along an axis of `length` pixels that Pillow's thumbnail first brings to `target` pixels.

    Pillow averages whole cells of pixels while that leaves at least twice the target, and then interpolates with a bicubic
    kernel; the operator leaves out its rounding to whole grey levels. Source: Pillow, Image.thumbnail with reducing_gap 2.
    """
    cell = max(int(length / target / 2.0), 1)
    first, cubic = _bicubic(-(-length // cell), length / cell, target)
    small = taps(target)
    base = first[small.index.min(axis=1)]
    reach = int((first[small.index].max(axis=1) - base).max()) + cubic.shape[1]
    weight = np.zeros((SIDE, reach))
    for tap in range(small.index.shape[1]):
        line = small.index[:, tap]
        places = (first[line] - base)[:, None] + np.arange(cubic.shape[1])
        weight[np.arange(SIDE)[:, None], places] += small.weight[:, tap, None] * cubic[line]
    index = (base[:, None] + np.arange(reach))[:, :, None] * cell + np.arange(cell)
    held = np.maximum((index < length).sum(axis=2, keepdims=True), 1)  # the last cell may be cut off
    spread = np.where(index < length, weight[:, :, None] / held, 0.0)
    return Taps(np.minimum(index, length - 1).reshape(SIDE, -1), spread.reshape(SIDE, -1).astype(np.float32))


def thumbnail_size(rows: int, columns: int) -> tuple[int, int]:
    """Return (rows, columns) of Pillow's thumbnail of a picture with a side above 512: the longer side becomes 512."""
    longer, shorter = max(rows, columns), min(rows, columns)
    exact = NEAREST_SIDE * shorter / longer
    choices = (math.floor(exact), math.ceil(exact))
    aspect = columns / rows

    def error(side: int) -> float:
        """Return how far the aspect of a thumbnail with this shorter side is off, as Pillow counts it."""
        return abs(aspect - (side / NEAREST_SIDE if rows > columns else NEAREST_SIDE / max(side, 1)))

    side = max(min(choices, key=error), 1)
    return (NEAREST_SIDE, side) if rows > columns else (side, NEAREST_SIDE)


def _bicubic(held: int, extent: float, target: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return, for each of `target` lines, its first source line of `held` and the weights from there on, (target, k).

    Args:
        held: source lines there are.
        extent: how much of them the picture covers, less than `held` where the last one is cut off.
        target: lines wanted.
    """
    scale = max(extent / target, 1.0)
    centre = (np.arange(target) + 0.5) * (extent / target)
    first = np.maximum((centre - _CUBIC_REACH * scale + 0.5).astype(np.int64), 0)
    end = np.minimum((centre + _CUBIC_REACH * scale + 0.5).astype(np.int64), held)
    at = first[:, None] + np.arange(int((end - first).max()))
    away = np.abs((at - centre[:, None] + 0.5) / scale)
    near = (1.5 * away - 2.5) * away * away + 1.0
    far = ((-0.5 * away + 2.5) * away - 4.0) * away + 2.0
    weight = np.where(away < 1.0, near, np.where(away < _CUBIC_REACH, far, 0.0)) * (at < end[:, None])
    return first, weight / weight.sum(axis=1, keepdims=True)


def _count(at: NDArray[np.int64], left: int, right: int, length: int) -> NDArray[np.int64]:
    """Return how many lines the box around each position holds, at least 1."""
    held: NDArray[np.int64] = np.minimum(at + right, length - 1) - np.maximum(at - left, 0) + 1
    return np.maximum(held, np.int64(1))
