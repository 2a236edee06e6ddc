"""The numeric core of PDQ in compiled code: blur and decimation, cosine transform, median, bits, quality.

Determinism: no fast-math, a fixed order of every sum, so that one build of this code gives one result everywhere. The
cosine transform keeps the reference's single precision and its order of additions, because a coefficient that ties with the
median is decided by the last bit.

Source of the algorithm: facebook/ThreatExchange, pdq/cpp/hashing and pdq/cpp/downscaling.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

RED, GREEN, BLUE = 0.299, 0.587, 0.114
"""Weights of luma (ITU-R BT.601), as PDQ uses them."""


def _cosines() -> Floats:
    """Return rows 1 to 16 of the 64-point cosine transform, (16, 64), rounded as the reference rounds them."""
    scale = float(np.float32(math.sqrt(2.0 / 64.0)))
    angles = (math.pi / 2.0 / 64.0) * np.outer(np.arange(1, 17), 2 * np.arange(64) + 1)
    return np.asarray([[scale * math.cos(angle) for angle in row] for row in angles], dtype=np.float32)


COSINES = _cosines()
COSINES_ACROSS = np.ascontiguousarray(COSINES.T)


@compiled
def samples(pixels: Pixels, down: tuple[Any, Any], across: tuple[Any, Any]) -> Floats:
    """Return the 64 x 64 blurred samples of `pixels` (rows, columns, 1 or 3) uint8; `down`, `across`: (index, weight)."""
    rows_index, rows_weight = down
    columns_index, columns_weight = across
    columns, channels = pixels.shape[1], pixels.shape[2]
    flat = pixels.reshape(pixels.shape[0], columns * channels)
    line = np.empty(columns * channels, dtype=np.float32)
    luma = np.empty(columns, dtype=np.float32)
    out = np.empty((64, 64), dtype=np.float32)
    for i in range(64):
        line[:] = 0.0
        for tap in range(rows_index.shape[1]):
            weight = rows_weight[i, tap]
            if weight != 0.0:
                row = flat[rows_index[i, tap]]
                for x in range(line.shape[0]):
                    line[x] += weight * np.float32(row[x])
        if channels == 3:
            for x in range(columns):
                luma[x] = np.float32(RED * line[3 * x] + GREEN * line[3 * x + 1] + BLUE * line[3 * x + 2])
        else:
            luma[:] = line
        for j in range(64):
            total = np.float32(0.0)
            for tap in range(columns_index.shape[1]):
                total += columns_weight[j, tap] * luma[columns_index[j, tap]]
            out[i, j] = total
    return out


@compiled
def transform(blurred: Floats, cosines: Floats, across: Floats) -> Floats:
    """Return coefficients 1 to 16 of the cosine transform along both axes, (16, 16), from (64, 64) samples."""
    half = np.zeros((16, 64), dtype=np.float32)
    for i in range(16):
        for k in range(64):
            weight = cosines[i, k]
            for j in range(64):
                half[i, j] += weight * blurred[k, j]
    out = np.zeros((16, 16), dtype=np.float32)
    for i in range(16):
        for k in range(64):
            value = half[i, k]
            for j in range(16):
                out[i, j] += value * across[k, j]
    return out


@compiled
def quality(blurred: Floats) -> int:
    """Return PDQ's quality, 0 to 100: the sum of the visible gradients between neighbouring samples."""
    total = 0
    for i in range(64):
        for j in range(64):
            here = blurred[i, j]
            if i < 63:
                total += abs(int((here - blurred[i + 1, j]) * np.float32(100.0) / np.float32(255.0)))
            if j < 63:
                total += abs(int((here - blurred[i, j + 1]) * np.float32(100.0) / np.float32(255.0)))
    return min(total // 90, 100)


@compiled
def margin(coefficients: Floats) -> float:
    """Return how far the coefficients just above and at the median lie apart: below it, an error may swap two bits."""
    ranked = np.sort(coefficients.ravel())
    return float(ranked[128] - ranked[127])


@compiled
def _signed(coefficients: Floats, by_row: bool, by_column: bool) -> Floats:
    """Return the coefficients of the mirrored picture: even rows and, or, even columns change their sign."""
    out = coefficients.copy()
    for i in range(16):
        for j in range(16):
            if (by_row and i % 2 == 0) != (by_column and j % 2 == 0):
                out[i, j] = -out[i, j]
    return out


@compiled
def _write_bits(signed: Floats, straight: Pixels, turned: Pixels) -> None:
    """Set bit 16 * i + j, counted from the end of the hash, where a coefficient exceeds the median; `turned`: transposed."""
    median = np.sort(signed.ravel())[127]
    for i in range(16):
        for j in range(16):
            if signed[i, j] > median:
                bit, other = 16 * i + j, 16 * j + i
                straight[31 - bit // 8] |= np.uint8(1 << (bit % 8))
                turned[31 - other // 8] |= np.uint8(1 << (other % 8))


@compiled
def forms(coefficients: Floats) -> Pixels:
    """Return the eight dihedral hashes, (8, 32) uint8, in the order of `pdq.FORMS`."""
    out = np.zeros((8, 32), dtype=np.uint8)
    _write_bits(coefficients, out[0], out[6])
    _write_bits(_signed(coefficients, False, True), out[5], out[1])  # noqa: FBT003
    _write_bits(_signed(coefficients, True, True), out[2], out[7])  # noqa: FBT003
    _write_bits(_signed(coefficients, True, False), out[4], out[3])  # noqa: FBT003
    return out


@compiled
def box_down(lines: Floats, width: int) -> Floats:
    """Return `lines` after one box filter along the first axis, added up in the reference's order, single precision."""
    length, columns = lines.shape
    out = np.empty_like(lines)
    total = np.zeros(columns, dtype=np.float32)
    right = (width + 2) // 2 - 1
    held = 0
    for at in range(-right, length):
        entering, leaving = at + right, at + right - width
        if entering < length:
            for x in range(columns):
                total[x] += lines[entering, x]
            held += 1
        if leaving >= 0:
            for x in range(columns):
                total[x] -= lines[leaving, x]
            held -= 1
        if at >= 0:
            share = np.float32(held)
            for x in range(columns):
                out[at, x] = total[x] / share
    return out
