"""A classifier of pictures: the share of each that has the grey of its middle, near 1 for blank pages and placeholders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.errors import StepError


@dataclass(frozen=True, slots=True)
class Plain:
    """What the entry point names."""

    version: str = "1.0.0"
    license: str = "Apache-2.0"

    def open(self, options: Mapping[str, object]) -> Looking:
        """Return a classifier for which greys that lie `levels` apart, 8 if nothing is said, are one.

        Raises:
            StepError: an option is unknown or no number of levels.
        """
        levels = options.get("levels", 8)
        if set(options) - {"levels"} or isinstance(levels, bool) or not isinstance(levels, int) or not 0 <= levels <= 255:
            raise StepError("the picture classifier cannot use its options", expected="levels, a whole number from 0 to 255")
        return Looking(levels)


@dataclass(frozen=True, slots=True)
class Looking:
    """An open classifier."""

    levels: int

    def score_pictures(self, pictures: NDArray[Any]) -> Sequence[float | None]:
        """Return the share, 0 to 1, of each of k pictures, (k, height, width, 3) uint8."""
        greys = pictures.mean(axis=3).reshape(len(pictures), -1)
        middle = np.median(greys, axis=1, keepdims=True)
        return [float(share) for share in (np.abs(greys - middle) <= self.levels).mean(axis=1)]


PLAIN = Plain()
