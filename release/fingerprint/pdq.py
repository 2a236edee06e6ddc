"""PDQ: a 256-bit perceptual hash of a picture, its eight dihedral forms, its quality, under three resize conventions.

Fast path: only the 64 x 64 samples that count are computed, for all conventions in one pass over the pixels. The reference
adds up running sums in single precision over the whole picture, and its rounding errors decide bits where a coefficient ties
with the median. So where the fast path finds such a near tie, the picture is blurred again, in full and in the reference's order.

Source of the algorithm: facebook/ThreatExchange, pdq/cpp (conventions `full`, `nearest-512`) and pdq/python (`thumbnail-512`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.fingerprint import blur, kernel
from release.fingerprint.columns import FULL, NEAREST, THUMBNAIL
from release.fingerprint.reference import Reference, one_kind
from release.fingerprint.schedule import LINES, NOTHING, Axis, axes
from release.fingerprint.taps import NEAREST_SIDE, SIDE

FORMS = ("identity", "rotate-90", "rotate-180", "rotate-270", "mirror-rows", "mirror-columns", "transpose", "anti-transpose")
"""The eight dihedral forms in the order of every (8, 32) array: the names and the order of the reference."""

MINIMUM_SIDE = 5
"""Below this many pixels along a side the reference gives the all-zero hash and quality 0."""

NEAR_TIE = 1e-3
"""Coefficients closer to each other than this at the median may change places by the reference's rounding errors."""

KEPT_COLUMNS = 4096
"""Room for the sums of pictures up to this wide is kept from one picture to the next."""

Forms = NDArray[np.uint8]
Qualities = NDArray[np.int32]
Pixels = NDArray[np.uint8] | NDArray[np.uint32]
_MOST = 3  # conventions, whose schedules compiled code takes together


class Hasher:
    """Hashes picture after picture in the same room; not for two threads at once.

    Pictures are (rows, columns) uint8 grey, (rows, columns, 3) uint8 RGB, or (rows, columns) uint32 RGBX with red in the lowest byte.

    Attributes:
        names: the resize conventions.
        ties: how many hashes had a near tie so far, and were made anew in the reference's order.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        self._room = np.empty((len(self.names) * SIDE + LINES) * KEPT_COLUMNS, np.float32)
        self._samples = np.empty((SIDE, SIDE), np.float32)
        self._reference = Reference()
        self.ties = 0

    def hash(self, pixels: Pixels, *, exact: bool = True) -> tuple[Forms, Qualities]:
        """Return the eight forms, (conventions, 8, 32) uint8, and the quality, (conventions,) int32, under each convention.

        Once a side exceeds 512, `nearest-512` brings both sides to 512 by nearest neighbour, and `thumbnail-512` the longer one by
        Pillow's bicubic thumbnail of the decoded pixels; smaller pictures are the same under all three. The thumbnail is folded
        into the blur without its rounding to whole grey levels, which moved 20 of 186 hashes of quality >= 50 by 2 or 4 bits.

        Args:
            pixels: the picture.
            exact: whether ties are to be decided by the reference's rounding errors, which has no sense where luma itself is not its own.
        """
        rows, columns = pixels.shape[:2]
        codes = np.zeros((len(self.names), 8, 32), np.uint8)
        quality = np.zeros(len(self.names), np.int32)
        large = max(rows, columns) > NEAREST_SIDE
        names = self.names if large else (FULL,)
        for name, at in zip(names, self._sampled(pixels, names), strict=True):
            if min(rows, columns) < MINIMUM_SIDE and name != NEAREST:
                continue
            quality[at], margin = kernel.finish(self._samples, kernel.COSINES, kernel.COSINES_ACROSS, codes[at])
            if exact and margin < NEAR_TIE:
                quality[at] = self._again(pixels, name, codes[at])
        if not large:
            codes[1:], quality[1:] = codes[0], quality[0]
        return codes, quality

    def _sampled(self, pixels: Pixels, names: tuple[str, ...]) -> Iterator[int]:
        """Yield the number of each convention once `_samples` are those of the picture under it."""
        rows, columns = pixels.shape[:2]
        steps = tuple(axes(rows, columns, name) for name in names)
        grey = pixels.ndim == 2 and pixels.dtype == np.uint8
        sums = None if grey else self._down(pixels, steps)
        for at, (down, across) in enumerate(steps):
            if sums is None:
                blur.grey(one_kind(pixels), down.strips, across.across, self._lines(LINES, columns), self._samples)
            else:
                blur.across(sums[at], across.across, self._samples)
            yield at

    def _lines(self, count: int, columns: int) -> NDArray[np.float32]:
        """Return room for so many lines."""
        room = self._room if columns <= KEPT_COLUMNS else np.empty(count * columns, np.float32)
        return room[: count * columns].reshape(count, columns)

    def _down(self, pixels: Pixels, steps: tuple[tuple[Axis, Axis], ...]) -> NDArray[np.float32]:
        """Return the samples down a picture in colour, (conventions, 64, columns)."""
        columns = pixels.shape[1]
        lines = self._lines(LINES + len(steps) * SIDE, columns)
        sums = lines[LINES:].reshape(len(steps), SIDE, columns)
        schedules = (*(down.down for down, _ in steps), *(NOTHING for _ in range(_MOST - len(steps))))
        blur.down_colour(one_kind(pixels), schedules, sums, lines[:LINES])
        return sums

    def _again(self, pixels: Pixels, name: str, codes: Forms) -> int:
        """Set the eight forms anew, all sums in the reference's order, and return the quality."""
        self.ties += 1
        samples = self._reference.samples(_resized(pixels, name))
        quality, _ = kernel.finish(samples, kernel.COSINES, kernel.COSINES_ACROSS, codes)
        return int(quality)


def hash_array(pixels: NDArray[np.uint8]) -> tuple[bytes, int]:
    """Return hash (32 bytes) and quality (0 to 100) of `pixels`, (rows, columns) grey or (rows, columns, 3) RGB, uint8."""
    codes, quality = dihedral(pixels)
    return codes[0].tobytes(), quality


def dihedral(pixels: NDArray[np.uint8], convention: str = FULL) -> tuple[Forms, int]:
    """Return the eight forms, (8, 32) uint8, and the quality of `pixels` under one resize convention."""
    codes, quality = Hasher((convention,)).hash(pixels)
    return codes[0], int(quality[0])


def conventions(pixels: NDArray[np.uint8], names: Iterable[str]) -> dict[str, tuple[Forms, int]]:
    """Return forms and quality under each convention."""
    hasher = Hasher(names)
    codes, quality = hasher.hash(pixels)
    return {name: (codes[at], int(quality[at])) for at, name in enumerate(hasher.names)}


def _solid(pixels: Pixels) -> NDArray[np.uint8]:
    """Return RGBX as RGB, and everything else as it is."""
    if pixels.dtype == np.uint8:
        return np.ascontiguousarray(pixels, np.uint8)
    return np.ascontiguousarray(pixels.view(np.uint8).reshape(*pixels.shape, 4)[:, :, :3])


def _resized(pixels: Pixels, convention: str) -> Pixels:
    """Return the picture as the convention resizes it."""
    if max(pixels.shape[:2]) <= NEAREST_SIDE or convention == FULL:
        return pixels
    return _thumbnail(_solid(pixels)) if convention == THUMBNAIL else _nearest(pixels)


def _thumbnail(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture as Pillow's thumbnail of at most 512 x 512."""
    image = Image.fromarray(pixels)
    image.thumbnail((NEAREST_SIDE, NEAREST_SIDE))
    return np.asarray(image)


def _nearest(pixels: Pixels) -> Pixels:
    """Return the picture at 512 x 512 by nearest neighbour."""
    rows, columns = (np.arange(NEAREST_SIDE) * side // NEAREST_SIDE for side in pixels.shape[:2])
    few: Pixels = np.ascontiguousarray(pixels[np.ix_(rows, columns)])  # type: ignore[assignment]  # of the dtype that they had
    return few
