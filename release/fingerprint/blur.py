"""Blur and decimation in compiled code: a picture of any pixel layout in, 64 x 64 samples for each convention out.

    grey  (rows, columns) uint8
    RGB   (rows, 3 * columns) uint8
    RGBX  (rows, columns) uint32, red in the lowest byte, the highest one without meaning

Determinism: no fast-math and a fixed order of every sum, so that one build of this code gives one result everywhere.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.compiled import compiled

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]

RED, GREEN, BLUE = 0.299, 0.587, 0.114
"""Weights of luma (ITU-R BT.601), as PDQ uses them."""

_RED, _GREEN, _BLUE = np.float32(RED), np.float32(GREEN), np.float32(BLUE)


@compiled
def _luma(line: Any, out: Floats) -> None:  # noqa: ANN401  (compiled for each pixel layout)
    """Write the luma of a line of RGB or RGBX pixels, told apart by their number."""
    if line.shape[0] == 3 * out.shape[0]:
        for x in range(out.shape[0]):
            out[x] = _RED * np.float32(line[3 * x]) + _GREEN * np.float32(line[3 * x + 1]) + _BLUE * np.float32(line[3 * x + 2])
    else:
        for x in range(out.shape[0]):
            pixel = line[x]
            red, green, blue = np.int32(pixel & 255), np.int32((pixel >> 8) & 255), np.int32((pixel >> 16) & 255)
            out[x] = _RED * np.float32(red) + _GREEN * np.float32(green) + _BLUE * np.float32(blue)


@compiled
def _add(total: Floats, weight: Floats, lines: Any) -> None:  # noqa: ANN401  (floats, or grey pixels)
    """Add four weighted lines to a sum, one after the other."""
    a, b, c, d = weight[0], weight[1], weight[2], weight[3]
    first, second, third, fourth = lines
    for x in range(total.shape[0]):
        sum_x = total[x] + a * np.float32(first[x])
        sum_x += b * np.float32(second[x])
        sum_x += c * np.float32(third[x])
        total[x] = sum_x + d * np.float32(fourth[x])


@compiled
def down_colour(pixels: Any, schedules: Any, sums: Floats, four: Floats) -> None:  # noqa: ANN401  (as above)
    """Set `sums` (conventions, 64, columns) to the samples down an RGB or RGBX picture, whose lines are brought to luma once for all.

    `schedules` are `schedule.Down`, three of them, and `four` (4, columns) is room for the lines in hand.
    """
    last = pixels.shape[0] - 1
    sums[:] = 0.0
    lines = (four[0], four[1], four[2], four[3])
    for group in range((last + 4) // 4):
        used = False
        for convention in range(sums.shape[0]):
            start, sample, weight = schedules[convention]
            for entry in range(start[group], start[group + 1]):
                if not used:
                    used = True
                    for k in range(4):
                        _luma(pixels[min(4 * group + k, last)], four[k])
                _add(sums[convention, sample[entry]], weight[entry], lines)


@compiled
def _across_four(lines: Any, schedule: Any, out: Floats) -> None:  # noqa: ANN401  (as above)
    """Set `out` (4, 64) to the samples across four lines."""
    start, column, weight = schedule
    first, second, third, fourth = lines
    for j in range(64):
        a = b = c = d = np.float32(0.0)
        for entry in range(start[j], start[j + 1]):
            x, share = column[entry], weight[entry]
            a += share * first[x]
            b += share * second[x]
            c += share * third[x]
            d += share * fourth[x]
        out[0, j], out[1, j], out[2, j], out[3, j] = a, b, c, d


@compiled
def across(sums: Floats, schedule: Any, out: Floats) -> None:  # noqa: ANN401  (as above)
    """Set `out` (64, 64) to the samples across one convention's `sums` (64, columns)."""
    for i in range(0, 64, 4):
        _across_four((sums[i], sums[i + 1], sums[i + 2], sums[i + 3]), schedule, out[i : i + 4])


@compiled
def grey(pixels: Any, strips: Any, schedule: Any, four: Floats, out: Floats) -> None:  # noqa: ANN401  (as above)
    """Set `out` (64, 64) to the samples of a grey picture under one convention: `schedule.Strips` down, `schedule.Across` across."""
    start, line, weight = strips
    for i in range(0, 64, 4):
        four[:] = 0.0
        for k in range(4):
            for entry in range(start[i + k], start[i + k + 1]):
                rows = line[entry]
                _add(four[k], weight[entry], (pixels[rows[0]], pixels[rows[1]], pixels[rows[2]], pixels[rows[3]]))
        _across_four((four[0], four[1], four[2], four[3]), schedule, out[i : i + 4])
