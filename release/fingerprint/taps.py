"""Blur and decimation as one sparse operator per axis: which source lines make a sample, and with what weight.

PDQ blurs a picture with two passes of a box filter along each axis (a tent, after Jarosz) and then keeps 64 x 64 of the
samples. The filter is separable and linear, so each kept sample is a weighted sum of few lines along one axis, of few
along the other, and nothing else needs to be computed.

Source of the geometry: facebook/ThreatExchange, pdq/cpp/downscaling (window = ceil(n / 128), samples at cell centres).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

SIDE = 64
"""Samples along each axis."""

NEAREST_SIDE = 512
"""What the C++ reference resizes both sides to, by nearest neighbour, once one of them is longer."""


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


def _count(at: NDArray[np.int64], left: int, right: int, length: int) -> NDArray[np.int64]:
    """Return how many lines the box around each position holds, at least 1."""
    held: NDArray[np.int64] = np.minimum(at + right, length - 1) - np.maximum(at - left, 0) + 1
    return np.maximum(held, np.int64(1))
