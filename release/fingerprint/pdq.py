"""PDQ: a 256-bit perceptual hash of a picture, its eight dihedral forms, its quality, under three resize conventions.

Fast path: only the 64 x 64 samples that count are computed. The reference adds up running sums in single precision over the
whole picture, and its rounding errors decide bits where a coefficient ties with the median. So where the fast path finds
such a near tie, the picture is blurred again, in full and in the reference's order.

Source of the algorithm: facebook/ThreatExchange, pdq/cpp (conventions `full`, `nearest-512`) and pdq/python (`thumbnail-512`).
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.fingerprint import kernel
from release.fingerprint.columns import FULL, NEAREST, THUMBNAIL
from release.fingerprint.taps import NEAREST_SIDE, Taps, nearest_taps, taps, thumbnail_size, thumbnail_taps, window

FORMS = ("identity", "rotate-90", "rotate-180", "rotate-270", "mirror-rows", "mirror-columns", "transpose", "anti-transpose")
"""The eight dihedral forms in the order of every (8, 32) array: the names and the order of the reference."""

MINIMUM_SIDE = 5
"""Below this many pixels along a side the reference gives the all-zero hash and quality 0."""

NEAR_TIE = 1e-3
"""Coefficients closer to each other than this at the median may change places by the reference's rounding errors."""

Forms = NDArray[np.uint8]


def hash_array(pixels: NDArray[np.uint8]) -> tuple[bytes, int]:
    """Return hash (32 bytes) and quality (0 to 100) of `pixels`, (rows, columns) grey or (rows, columns, 3) RGB, uint8."""
    codes, quality = dihedral(pixels)
    return codes[0].tobytes(), quality


def dihedral(pixels: NDArray[np.uint8], convention: str = FULL) -> tuple[Forms, int]:
    """Return the eight forms, (8, 32) uint8, and the quality of `pixels` under one resize convention."""
    return conventions(pixels, (convention,))[convention]


def conventions(pixels: NDArray[np.uint8], names: Iterable[str]) -> dict[str, tuple[Forms, int]]:
    """Return forms and quality under each convention; they are computed once where the conventions agree.

    Once a side exceeds 512, `nearest-512` brings both sides to 512 by nearest neighbour, and `thumbnail-512` the longer one by
    Pillow's bicubic thumbnail of the decoded pixels; smaller pictures are the same under all three. The thumbnail is folded
    into the blur without its rounding to whole grey levels, which moved 20 of 186 hashes of quality >= 50 by 2 or 4 bits.
    """
    solid = np.ascontiguousarray(pixels if pixels.ndim == 3 else pixels[:, :, None]).view()
    solid.flags.writeable = False  # decoders give arrays of both kinds; compiled code takes them for two types
    large = max(solid.shape[:2]) > NEAREST_SIDE
    done: dict[str, tuple[Forms, int]] = {}
    for name in names:
        key = name if large else FULL
        if key not in done:
            done[key] = _hash(solid, key)
        done[name] = done[key]
    return {name: done[name] for name in names}


def _hash(pixels: NDArray[np.uint8], convention: str) -> tuple[Forms, int]:
    """Return forms and quality of a (rows, columns, channels) picture whose convention applies."""
    rows, columns = pixels.shape[:2]
    if min(rows, columns) < MINIMUM_SIDE and convention != NEAREST:
        return np.zeros((8, 32), dtype=np.uint8), 0
    down, across = _operators(rows, columns, convention)
    blurred = kernel.samples(pixels, _pair(down), _pair(across))
    coefficients = kernel.transform(blurred, kernel.COSINES, kernel.COSINES_ACROSS)
    if kernel.margin(coefficients) < NEAR_TIE:
        blurred = _reference_samples(_resized(pixels, convention))
        coefficients = kernel.transform(blurred, kernel.COSINES, kernel.COSINES_ACROSS)
    return kernel.forms(coefficients), int(kernel.quality(blurred))


def _operators(rows: int, columns: int, convention: str) -> tuple[Taps, Taps]:
    """Return the operators down and across a picture, resizing included."""
    if convention == NEAREST:
        return nearest_taps(rows), nearest_taps(columns)
    if convention == THUMBNAIL:
        small = thumbnail_size(rows, columns)
        return thumbnail_taps(rows, small[0]), thumbnail_taps(columns, small[1])
    return taps(rows), taps(columns)


def _resized(pixels: NDArray[np.uint8], convention: str) -> NDArray[np.uint8]:
    """Return the picture as the convention resizes it."""
    if convention == THUMBNAIL:
        return _thumbnail(pixels)
    return _nearest(pixels) if convention == NEAREST else pixels


def _pair(operator: Taps) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the operator as compiled code takes it."""
    return operator.index, operator.weight


def _thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture as Pillow's thumbnail of at most 512 x 512."""
    image = Image.fromarray(pixels if pixels.shape[2] == 3 else pixels[:, :, 0])
    image.thumbnail((NEAREST_SIDE, NEAREST_SIDE))
    small = np.asarray(image)
    return np.ascontiguousarray(small if small.ndim == 3 else small[:, :, None])


def _nearest(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture at 512 x 512 by nearest neighbour."""
    rows, columns = (np.arange(NEAREST_SIDE) * side // NEAREST_SIDE for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[np.ix_(rows, columns)])


def _reference_samples(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the 64 x 64 samples by blurring every pixel, each sum in the reference's order."""
    rows, columns = pixels.shape[:2]
    lines = _luma(pixels)
    for _ in range(2):
        lines = np.ascontiguousarray(kernel.box_down(np.ascontiguousarray(lines.T), window(columns)).T)
        lines = kernel.box_down(lines, window(rows))
    down, across = ((2 * np.arange(64) + 1) * side // 128 for side in (rows, columns))
    return np.ascontiguousarray(lines[np.ix_(down, across)])


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return luma in single precision, rounded once from double precision."""
    if pixels.shape[2] == 1:
        return pixels[:, :, 0].astype(np.float32)
    red, green, blue = (pixels[:, :, channel].astype(np.float64) for channel in range(3))
    return (red * kernel.RED + green * kernel.GREEN + blue * kernel.BLUE).astype(np.float32)
