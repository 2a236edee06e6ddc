"""Pictures as classifiers are to see them: pixels of a declared size, made in a decoder process, one picture at a time.

Here no picture is decoded. For each fit there is one process, started when the first picture is asked for, under the limits that hold for
hashes; what leaves it are plain pixels, as many as the fit says for each view of each frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from release.fingerprint.columns import Limits, Stored
from release.fingerprint.decoder import Decoder, Task
from release.fingerprint.fit import Fit

NO_IMAGE, TOO_LARGE, NO_PIXELS = "no-image", "too-large", "no-pixels"


@dataclass(frozen=True, slots=True)
class Shown:
    """What of one picture can be seen.

    Attributes:
        reason: "" where every frame decoded whole, else a reason of `columns`, or `no-pixels`.
        pixels: (m, height, width, 3) uint8 RGB: the views of all frames, as far as they decoded.
    """

    reason: str
    pixels: NDArray[np.uint8]


class Viewer:
    """Shows pictures; a context manager that owns the decoder processes."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._decoders: dict[Fit, Decoder] = {}

    def __enter__(self) -> Self:
        """Start nothing yet."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the decoder processes."""
        while self._decoders:
            self._decoders.popitem()[1].close()

    def show(self, picture: Stored | None, fit: Fit) -> Shown:
        """Return the views of a picture with these stored bytes.

        Raises:
            ScreeningError: a decoder process cannot be started, or dies on every picture.
        """
        if picture is None:
            return Shown(NO_IMAGE, _views(b"", fit))
        if len(picture) > self._limits.bytes:
            return Shown(TOO_LARGE, _views(b"", fit))
        (outcome,) = self._decoder(fit).ask([picture], _nothing)
        return Shown(outcome.reason or ("" if outcome.frames else NO_PIXELS), _views(outcome.codes, fit))

    def _decoder(self, fit: Fit) -> Decoder:
        """Return the decoder for a fit, started."""
        if fit not in self._decoders:
            decoder = self._decoders[fit] = Decoder(self._limits, Task(fit=fit))
            decoder.start()
        return self._decoders[fit]


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of a batch of rows, none of them decoded, and who can show them."""

    viewer: Viewer
    images: Sequence[Stored | None]

    def show(self, row: int, fit: Fit) -> Shown:
        """Return the views of a row's picture; see `Viewer.show`."""
        return self.viewer.show(self.images[row], fit)


def _views(pixels: bytes, fit: Fit) -> NDArray[np.uint8]:
    return np.frombuffer(pixels, np.uint8).reshape(-1, fit.height, fit.width, 3)


def _nothing() -> None:
    """Do nothing while a picture is decoded."""
