"""Every pixel mode of Pillow brought to 8-bit grey or RGB, each by a stated rule; an unknown mode is refused by name.

L, RGB                      as they are
1, P, YCbCr, HSV, RGBX      converted by Pillow (palette colours, not palette indices)
LA, La, PA, RGBA, RGBa,     over white; unless every pixel is opaque, also over black and without the transparency
  and any mode with tRNS
CMYK                        converted by Pillow; a JPEG without Adobe's marker holds ink values that are not inverted
LAB                         its lightness
I;16 and its byte orders    the upper 8 of 16 bits, rounded
I                           0..255 as it is, 0..65535 as 16 bits, any other range stretched to 0..255
F                           0..1 times 255, 0..255 as it is, any other range stretched to 0..255
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

Pixels = NDArray[np.uint8]

_CONVERTED = {"1": "L", "P": "RGB", "YCbCr": "RGB", "HSV": "RGB", "RGBX": "RGB"}
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}


def views_of(image: Image.Image) -> list[Pixels]:
    """Return what a viewer shows of a loaded frame, and, if it is not opaque, what a dark page and a careless reader show.

    Raises:
        ValueError: its mode has no rule.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return [_scaled(np.asarray(image), sixteen=image.mode.startswith("I;16"))]
    if image.has_transparency_data:
        return _with_alpha(image.convert(_PREMULTIPLIED.get(image.mode, image.mode)).convert("RGBA"))
    if image.mode == "LAB":
        return [np.asarray(image.getchannel("L"))]
    if image.mode == "CMYK":
        return [np.asarray(_inks(image).convert("RGB"))]
    if image.mode in _CONVERTED:
        image = image.convert(_CONVERTED[image.mode])
    if image.mode not in ("L", "RGB"):
        raise ValueError(f"pixel mode {image.mode} has no rule")
    return [np.asarray(image)]


def _with_alpha(image: Image.Image) -> list[Pixels]:
    """Return an RGBA picture over white and, where it is not opaque, over black and without its transparency."""
    bare = np.asarray(image.convert("RGB"))
    lowest, _ = image.getchannel("A").getextrema()
    if lowest == 255:
        return [bare]
    return [_over(image, 255), _over(image, 0), bare]


def _over(image: Image.Image, grey: int) -> Pixels:
    """Return an RGBA picture over a page of one grey."""
    page = Image.new("RGBA", image.size, (grey, grey, grey, 255))
    page.alpha_composite(image)
    return np.asarray(page.convert("RGB"))


def _inks(image: Image.Image) -> Image.Image:
    """Return a CMYK picture whose inks are 0 for none; Pillow takes every JPEG to be inverted, as Adobe's are."""
    if image.format == "JPEG" and "adobe" not in image.info:
        return ImageChops.invert(image)
    return image


def _scaled(values: NDArray[np.generic], *, sixteen: bool) -> Pixels:
    """Return values of more than 8 bits in 0..255."""
    numbers = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(numbers.min()), float(numbers.max())
    if sixteen or (np.issubdtype(values.dtype, np.integer) and low >= 0 and 255 < high <= 65535):
        numbers = numbers / 257
    elif np.issubdtype(values.dtype, np.floating) and low >= 0 and high <= 1:
        numbers = numbers * 255
    elif low < 0 or high > 255:
        numbers = (numbers - low) * (255 / (high - low))
    return np.round(numbers).astype(np.uint8)
