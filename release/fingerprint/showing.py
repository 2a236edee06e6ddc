"""Pixels of one size in the place of hashes: what the decoder process answers where a classifier is to see pictures.

Every view of every frame comes out, as it is hashed otherwise (`release.fingerprint.decode`), in RGB of 8 bits and under the same limits.
"""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.fingerprint.columns import Limits
from release.fingerprint.decode import Picture, Room
from release.fingerprint.fit import COVER, Fit
from release.fingerprint.wire import Outcome

Box = tuple[float, float, float, float]


class Showing:
    """Answers with the pixels of every view."""

    def __init__(self, limits: Limits, fit: Fit) -> None:
        self._limits = limits
        self._fit = fit
        self._room = Room(colour=True)

    def warm_up(self) -> None:
        """Load every decoder and filter."""
        Image.init()
        fitted(np.zeros((600, 600, 3), np.uint8), self._fit)

    def outcome(self, data: memoryview) -> Outcome:
        """Return the views of one picture, and the reason where it did not decode whole."""
        frames: list[bytes] = []
        try:
            picture = Picture(data, self._limits, self._room)
            frames.extend(fitted(view.pixels, self._fit) for view in picture.views())
            return Outcome(picture.reason, len(frames), (), b"".join(frames))
        except MemoryError:
            return Outcome("memory")


def fitted(pixels: NDArray[np.uint8] | NDArray[np.uint32], fit: Fit) -> bytes:
    """Return a view, (rows, columns) grey or RGBX or (rows, columns, 3), as (height, width, 3) bytes of RGB."""
    image = _image(pixels)
    box = _central(image.size, fit) if fit.resize == COVER else None
    scaled = image.resize((fit.resize_width, fit.resize_height), Image.Resampling[fit.filter.upper()], box)
    if fit.jpeg:
        scaled = _stored(scaled, fit.jpeg)
    left, top = (fit.resize_width - fit.width) // 2, (fit.resize_height - fit.height) // 2
    return scaled.crop((left, top, left + fit.width, top + fit.height)).tobytes()


def _image(pixels: NDArray[np.uint8] | NDArray[np.uint32]) -> Image.Image:
    """Return a view as a Pillow image in RGB."""
    rows, columns = pixels.shape[:2]
    if pixels.dtype == np.uint32:
        return Image.frombytes("RGB", (columns, rows), pixels.tobytes(), "raw", "RGBX", 0, 1)
    return Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")


def _central(size: tuple[int, int], fit: Fit) -> Box:
    """Return the largest central part (left, top, right, bottom) of a picture that has the shape to scale to."""
    scale = min(size[0] / fit.resize_width, size[1] / fit.resize_height)
    width, height = scale * fit.resize_width, scale * fit.resize_height
    left, top = max(0.0, (size[0] - width) / 2), max(0.0, (size[1] - height) / 2)
    return left, top, min(float(size[0]), left + width), min(float(size[1]), top + height)


def _stored(image: Image.Image, quality: int) -> Image.Image:
    """Return a picture stored as a JPEG, with colour at half the size, and read again."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return Image.open(out, formats=("JPEG",)).convert("RGB")
