"""From 64 x 64 samples to the bits of PDQ, in compiled code: cosine transform, medians, eight forms, quality.

The cosine transform keeps the reference's single precision and its order of additions, because a coefficient that ties with
the median is decided by the last bit. The mirrored and turned forms come from the same coefficients by changes of sign and
by transposition.

Source of the algorithm: facebook/ThreatExchange, pdq/cpp/hashing.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled

Floats = NDArray[np.float32]
Keys = NDArray[np.uint32]
Pixels = NDArray[np.uint8]


def _cosines() -> Floats:
    """Return rows 1 to 16 of the 64-point cosine transform, (16, 64), rounded as the reference rounds them."""
    scale = float(np.float32(math.sqrt(2.0 / 64.0)))
    angles = (math.pi / 2.0 / 64.0) * np.outer(np.arange(1, 17), 2 * np.arange(64) + 1)
    return np.asarray([[scale * math.cos(angle) for angle in row] for row in angles], dtype=np.float32)


COSINES = _cosines()
COSINES_ACROSS = np.ascontiguousarray(COSINES.T)


@compiled
def transform(blurred: Floats, cosines: Floats, across: Floats) -> Floats:
    """Return coefficients 1 to 16 of the cosine transform along both axes, (16, 16), from (64, 64) samples."""
    half = np.zeros((16, 64), dtype=np.float32)
    out = np.zeros((16, 16), dtype=np.float32)
    for i in range(16):
        for k in range(0, 64, 4):
            a, b, c, d = cosines[i, k], cosines[i, k + 1], cosines[i, k + 2], cosines[i, k + 3]
            for j in range(64):
                total = half[i, j] + a * blurred[k, j]
                total += b * blurred[k + 1, j]
                total += c * blurred[k + 2, j]
                half[i, j] = total + d * blurred[k + 3, j]
        for k in range(0, 64, 4):
            a, b, c, d = half[i, k], half[i, k + 1], half[i, k + 2], half[i, k + 3]
            for j in range(16):
                total = out[i, j] + a * across[k, j]
                total += b * across[k + 1, j]
                total += c * across[k + 2, j]
                out[i, j] = total + d * across[k + 3, j]
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
def _ranked(coefficients: Floats, even_rows: bool, even_columns: bool) -> Keys:
    """Return (256,) whole numbers in the order of the coefficients, the sign of even rows and, or, even columns changed."""
    bits = coefficients.reshape(256).view(np.uint32)
    keys = np.empty(256, dtype=np.uint32)
    for at in range(256):
        row, column = at >> 4, at & 15
        turn = (even_rows and row % 2 == 0) != (even_columns and column % 2 == 0)
        word = bits[at] ^ np.uint32(0x80000000 if turn else 0)
        if word == np.uint32(0x80000000):  # minus zero ranks with zero
            word = np.uint32(0)
        keys[at] = ~word if word >> 31 else word | np.uint32(0x80000000)
    return keys


@compiled
def _at_most(keys: Keys, bound: int) -> np.int32:
    """Return how many keys do not exceed `bound`."""
    count = np.int32(0)
    limit = np.uint32(bound)
    for at in range(256):
        count += np.int32(keys[at] <= limit)
    return count


@compiled
def _median(keys: Keys) -> int:
    """Return the 128th key from below, found bit by bit."""
    low = 0
    for bit in range(31, -1, -1):
        if _at_most(keys, low + (1 << bit) - 1) < 128:
            low += 1 << bit
    return low


@compiled
def margin(coefficients: Floats) -> float:
    """Return how far the coefficients just above and at the median lie apart: below it, an error may swap two bits."""
    keys = _ranked(coefficients, False, False)  # noqa: FBT003
    median = _median(keys)
    if _at_most(keys, median) > 128:
        return 0.0
    below, above = -np.inf, np.inf
    flat = coefficients.reshape(256)
    for at in range(256):
        if keys[at] > median:
            above = min(above, flat[at])
        else:
            below = max(below, flat[at])
    return above - below


@compiled
def _write_bits(keys: Keys, straight: Pixels, turned: Pixels) -> None:
    """Set bit 16 * i + j, counted from the end of the hash, where a coefficient exceeds the median; `turned`: transposed."""
    median = _median(keys)
    for byte in range(32):
        own = other = 0
        for bit in range(8):
            at = 8 * byte + bit
            own |= int(keys[at] > median) << bit
            other |= int(keys[16 * (at % 16) + at // 16] > median) << bit
        straight[31 - byte], turned[31 - byte] = own, other


@compiled
def forms(coefficients: Floats, out: Pixels) -> None:
    """Set the eight dihedral hashes, (8, 32) uint8, in the order of `pdq.FORMS`."""
    out[:] = 0
    _write_bits(_ranked(coefficients, False, False), out[0], out[6])  # noqa: FBT003
    _write_bits(_ranked(coefficients, False, True), out[5], out[1])  # noqa: FBT003
    _write_bits(_ranked(coefficients, True, True), out[2], out[7])  # noqa: FBT003
    _write_bits(_ranked(coefficients, True, False), out[4], out[3])  # noqa: FBT003


@compiled
def finish(blurred: Floats, cosines: Floats, across: Floats, out: Pixels) -> tuple[int, float]:
    """Set the eight hashes of (64, 64) samples and return their quality and their margin."""
    coefficients = transform(blurred, cosines, across)
    forms(coefficients, out)
    return quality(blurred), margin(coefficients)
