"""The input recipe of a classifier over pictures: from a stored picture to the numbers that it is given. It stands in plan and attestation.

    input = { width = 224, height = 224 }      what the classifier takes, in pixels; the rest has defaults
    resize, resize_width, resize_height,       how the picture is brought to that size (release.fingerprint.fit): done in the
      filter, jpeg                             decoder process
    channels, layout, dtype                    the order of colours and of dimensions, and the type of a number
    scale, mean, std                           number = (pixel x scale - mean of its colour) / std of its colour, in that order of colours

The arithmetic is done in double precision and rounded once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.fingerprint import Fit
from release.fingerprint.fit import FILTERS, LARGEST, RESIZES
from release.sections import Range, Section
from release.steps.about import Key

RGB, BGR = "RGB", "BGR"
NCHW, NHWC = "NCHW", "NHWC"
FLOAT, BYTE = "float32", "uint8"
_SIDE, _SCALED = Range(1, LARGEST), Range(1, 2 * LARGEST)
_BEST_JPEG = 95
_PLAIN = ("1", ("0", "0", "0"), ("1", "1", "1"))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a classifier is given of a picture.

    Attributes:
        fit: the size, and how a picture is brought to it.
        channels: the order of colours.
        layout: the order of dimensions.
        dtype: the type of a number.
        scale: decimal text, by which a pixel of 0 to 255 is multiplied.
        mean: three decimal texts, which are taken off.
        std: three decimal texts, by which the rest is divided.
    """

    fit: Fit
    channels: str
    layout: str
    dtype: str
    scale: str
    mean: tuple[str, ...]
    std: tuple[str, ...]

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        fit = self.fit
        size = {"width": fit.width, "height": fit.height}
        scaled = {"resize": fit.resize, "resize_width": fit.resize_width, "resize_height": fit.resize_height}
        form = {"filter": fit.filter, "jpeg": fit.jpeg, "channels": self.channels, "layout": self.layout, "dtype": self.dtype}
        return {**size, **scaled, **form, "scale": self.scale, "mean": list(self.mean), "std": list(self.std)}

    @property
    def shape(self) -> tuple[int, int, int]:
        """The dimensions of one picture."""
        height, width = self.fit.height, self.fit.width
        return (3, height, width) if self.layout == NCHW else (height, width, 3)

    def arranged(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Return pixels, (m, height, width, 3) RGB, as the classifier takes them: (m, *shape) of `dtype`."""
        table, places = self._table(), (2, 1, 0) if self.channels == BGR else (0, 1, 2)
        count, height, width, _ = pixels.shape
        found = np.empty((count, 3, height, width) if self.layout == NCHW else pixels.shape, table.dtype)
        for colour, place in enumerate(places):
            plane = found[:, colour] if self.layout == NCHW else found[..., colour]
            plane[...] = table[colour][pixels[..., place]]
        return found

    def tells_apart(self) -> bool:
        """Tell whether no two values of a pixel become one number: who is shown the same of every picture judges none."""
        with np.errstate(over="ignore"):
            table = self._table()
        return bool(np.isfinite(table).all()) and all(len(np.unique(line)) == table.shape[1] for line in table)

    def _table(self) -> NDArray[Any]:
        """Return the number for each of 256 values of a pixel, by colour, (3, 256)."""
        mean, std = (np.array([[float(text)] for text in texts]) for texts in (self.mean, self.std))
        numbers = (np.arange(256) * float(self.scale) - mean) / std
        return np.asarray(numbers, np.uint8 if self.dtype == BYTE else np.float32)


def parse_recipe(section: Section) -> Recipe:
    """Return the recipe in a table `input`, which it closes."""
    width, height = (_required(section, key) for key in ("width", "height"))
    fit = Fit(
        width=width,
        height=height,
        resize=section.choice("resize", RESIZES, RESIZES[0]),
        resize_width=section.integer("resize_width", _SCALED, width),
        resize_height=section.integer("resize_height", _SCALED, height),
        filter=section.choice("filter", FILTERS, "bilinear"),
        jpeg=section.integer("jpeg", Range(0, _BEST_JPEG), 0),
    )
    for key, scaled, side in (("resize_width", fit.resize_width, width), ("resize_height", fit.resize_height, height)):
        if scaled < side:
            section.fault(key, f"at least {side}, of which the centre is cut out", str(scaled))
    recipe = Recipe(
        fit,
        section.choice("channels", (RGB, BGR), RGB),
        section.choice("layout", (NCHW, NHWC), NCHW),
        section.choice("dtype", (FLOAT, BYTE), FLOAT),
        section.number("scale", "1"),
        section.numbers("mean", ("0", "0", "0")),
        section.numbers("std", ("1", "1", "1")),
    )
    if not all(float(text) for text in recipe.std):
        section.fault("std", "three numbers, none of them 0", "0")
    elif not recipe.tells_apart():
        section.fault(
            "scale", "scale, mean and std under which each of 256 values of a pixel is another finite number", "some that are one, or none"
        )
    if recipe.dtype == BYTE and (recipe.scale, recipe.mean, recipe.std) != _PLAIN:
        section.fault("dtype", "float32 where scale, mean or std are named", BYTE)
    section.close()
    return recipe


def _required(section: Section, key: str) -> int:
    if not section.has(key):
        section.fault(key, str(_SIDE), "nothing")
    return section.integer(key, _SIDE, 1)


RECIPE_KEYS = (
    Key("input.width, input.height", "1 to 1024", "required", "the size in pixels that the classifier takes"),
    Key(
        "input.resize",
        "`stretch`, `cover`",
        "`stretch`",
        "the whole picture is scaled, whatever its shape; or the largest central part of the right shape, and what lies beside it is not seen",
    ),
    Key(
        "input.resize_width, input.resize_height",
        "1 to 2048",
        "width, height",
        "the size to scale to; of a larger one the centre is cut out, and what lies around it is not seen",
    ),
    Key("input.filter", "`nearest`, `box`, `bilinear`, `bicubic`, `lanczos`", "`bilinear`", "Pillow's filter of that name"),
    Key("input.jpeg", "0 to 95", "0", "the quality with which the scaled picture is stored as JPEG and read again; 0 for not at all"),
    Key("input.channels", "`RGB`, `BGR`", "`RGB`", "the order of colours"),
    Key("input.layout", "`NCHW`, `NHWC`", "`NCHW`", "the order of dimensions: colours before lines and columns, or last"),
    Key("input.dtype", "`float32`, `uint8`", "`float32`", "the type of a number"),
    Key("input.scale", "number", "1", "number = (pixel of 0 to 255 x scale - mean) / std"),
    Key("input.mean, input.std", "three numbers", "0 and 1", "one for each colour, in the order of `channels`"),
)
