"""Every pixel mode of Pillow brought to 8-bit grey or RGB, each by a stated rule; an unknown mode is refused by name.

L, RGB                      as they are
1, P, YCbCr, HSV, RGBX      converted by Pillow (palette colours, not palette indices)
LA, La, PA, RGBA, RGBa,     over white; unless every pixel is opaque, also over black and without the transparency
  and any mode with tRNS
CMYK                        converted by Pillow; a JPEG without Adobe's marker holds ink values that are not inverted
LAB                         its lightness
I;16 and its byte orders    the upper 8 of 16 bits, rounded; over white, over black and without the transparency where tRNS names a value
I                           0..255 as it is, 0..65535 as 16 bits, any other range stretched to 0..255
F                           0..1 times 255, 0..255 as it is, any other range stretched to 0..255

Of grey TIFF, Pillow leaves three things undone, so that they are done here: zero may be white (16 bits, floats), 32 bits may be
unsigned, 8 bits signed. Where that shows another picture than the numbers as they are, both are views: careless readers see the other.
12 bits fill their range.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, SAMPLEFORMAT, TiffImageFile

Pixels = NDArray[np.uint8]

_CONVERTED = {"1": "L", "P": "RGB", "YCbCr": "RGB", "HSV": "RGB", "RGBX": "RGB"}
_SIGNED, _WHITE_IS_ZERO = 2, 0  # values of the tags SampleFormat and PhotometricInterpretation
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}


def views_of(image: Image.Image) -> list[Pixels]:
    """Return what a viewer shows of a loaded frame, and, if it is not opaque, what a dark page and a careless reader show.

    Raises:
        ValueError: its mode has no rule.
    """
    if image.mode.startswith("I") or image.mode == "F":
        return _deep(image)
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
    if image.mode == "L" and _tiff(image, SAMPLEFORMAT) == _SIGNED:
        return [np.asarray(image) ^ np.uint8(128), np.asarray(image)]
    return [np.asarray(image)]


def _deep(image: Image.Image) -> list[Pixels]:
    """Return the views of a grey picture of more than 8 bits."""
    values, sixteen = np.asarray(image), image.mode.startswith("I;16")
    if sixteen and _tiff(image, BITSPERSAMPLE) == 12:
        values = np.round(values.astype(np.float64) * (65535 / 4095))
    bare = _scaled(values, sixteen=sixteen)
    if image.mode == "I" and _tiff(image, BITSPERSAMPLE) == 32 and _tiff(image, SAMPLEFORMAT) != _SIGNED and values.min() < 0:
        return [_scaled(values.view(np.uint32), sixteen=False), bare]
    if _tiff(image, PHOTOMETRIC_INTERPRETATION) == _WHITE_IS_ZERO:
        return [255 - bare, bare]
    clear = image.info.get("transparency")
    if isinstance(clear, int) and (values == clear).any():
        return [np.where(values == clear, np.uint8(255), bare), np.where(values == clear, np.uint8(0), bare), bare]
    return [bare]


def _tiff(image: Image.Image, tag: int) -> object:
    """Return the value of a tag of a TIFF file, the first of several, or None."""
    value = image.tag_v2.get(tag) if isinstance(image, TiffImageFile) else None
    return value[0] if isinstance(value, tuple) and value else value


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
