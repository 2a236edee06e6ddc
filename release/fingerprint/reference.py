"""The reference's own way to the 64 x 64 samples: every pixel blurred, each running sum in its order, in single precision.

Its rounding errors decide bits where a coefficient ties with the median, so they have to be made again, not avoided.

Source of the algorithm: facebook/ThreatExchange, pdq/cpp/downscaling (two passes of a box filter along each axis).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.blur import BLUE, GREEN, RED
from release.fingerprint.compiled import compiled
from release.fingerprint.taps import SIDE, window

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8] | NDArray[np.uint32]

KEPT_PIXELS = 1 << 21
"""Room for pictures up to this large is kept: pages that are touched for the first time cost more than the sums."""

_TILE = 16  # lines that are turned at a time, so that the machine adds up many of them at once


class Reference:
    """Blurs picture after picture in the same room, of `KEPT_PIXELS` pixels; larger pictures get room of their own."""

    def __init__(self) -> None:
        self._room = np.empty((2, KEPT_PIXELS), np.float32)

    def samples(self, pixels: Pixels) -> Floats:
        """Return the 64 x 64 samples of a picture as `pdq.Hasher` takes it."""
        rows, columns = pixels.shape[:2]
        room = self._room if rows * columns <= KEPT_PIXELS else np.empty((2, rows * columns), np.float32)
        lines, blurred = room[:, : rows * columns].reshape(2, rows, columns)
        down, across = ((2 * np.arange(SIDE) + 1) * side // (2 * SIDE) for side in (rows, columns))
        wide, high = window(columns), window(rows)
        luma(pixels, lines)
        box_across(lines, wide)
        box_down(lines, high, blurred)
        box_across(blurred, wide)
        few = np.ascontiguousarray(blurred[:, across])
        done: Floats = np.empty_like(few)
        box_down(few, high, done)
        return np.ascontiguousarray(done[down])


def one_kind(pixels: Pixels) -> Any:  # noqa: ANN401  (whichever of both types it was)
    """Return pixels line by line as compiled code takes them: decoders give arrays of several kinds, of which it knows one."""
    flat = np.ascontiguousarray(pixels).reshape(pixels.shape[0], -1)
    flat.flags.writeable = False
    return flat


def luma(pixels: Pixels, out: Floats) -> None:
    """Set `out` to luma in single precision, rounded once from double precision."""
    if pixels.ndim == 2 and pixels.dtype == np.uint8:
        out[:] = pixels
    else:
        _luma(one_kind(pixels), out)


@compiled
def _luma(pixels: Pixels, out: Floats) -> None:
    """Set `out` to the luma of RGB pixels, (rows, 3 * columns), or RGBX pixels, (rows, columns)."""
    for y in range(out.shape[0]):
        row, to = pixels[y], out[y]
        if pixels.shape[1] == out.shape[1]:
            for x in range(to.shape[0]):
                red, green, blue = np.int32(row[x] & 255), np.int32((row[x] >> 8) & 255), np.int32((row[x] >> 16) & 255)
                to[x] = np.float32(RED * red + GREEN * green + BLUE * blue)
        else:
            for x in range(to.shape[0]):
                to[x] = np.float32(RED * row[3 * x] + GREEN * row[3 * x + 1] + BLUE * row[3 * x + 2])


@compiled
def box_down(lines: Floats, width: int, out: Floats) -> None:
    """Set `out` to `lines` after one box filter along the first axis, added up in the reference's order, single precision."""
    length, columns = lines.shape
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


@compiled
def box_across(lines: Floats, width: int) -> None:
    """Put `lines` through one box filter along the second axis, in place."""
    rows, columns = lines.shape
    tile = np.zeros((columns, _TILE), dtype=np.float32)
    done = np.empty_like(tile)
    for first in range(0, rows, _TILE):
        count = min(_TILE, rows - first)
        for y in range(count):
            for x in range(columns):
                tile[x, y] = lines[first + y, x]
        box_down(tile, width, done)
        for y in range(count):
            for x in range(columns):
                lines[first + y, x] = done[x, y]
