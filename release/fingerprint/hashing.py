"""Hashes of every view of a picture: what the decoder process answers where pictures are matched."""

from __future__ import annotations

import numpy as np
from PIL import Image

from release.fingerprint import pdq
from release.fingerprint.columns import NEAREST, Limits
from release.fingerprint.compiled import forbid_compilation
from release.fingerprint.decode import Picture, Room
from release.fingerprint.wire import Outcome


class Hashing:
    """Answers with the hashes of every view; JPEG is decoded in colour where `nearest-512` promises the bits of the C++ reference."""

    def __init__(self, limits: Limits, conventions: tuple[str, ...]) -> None:
        self._limits = limits
        self._conventions = conventions
        self._hasher = pdq.Hasher(conventions)
        self._room = Room(colour=NEAREST in conventions)

    def warm_up(self) -> None:
        """Load every decoder and compile every kernel, so that no picture pays for it with its time or memory."""
        Image.init()
        for pixels in (np.zeros((600, 600), np.uint8), np.zeros((600, 600, 3), np.uint8), np.zeros((600, 600), np.uint32)):
            self._hasher.hash(pixels)  # all coefficients tie, so that the reference's way is compiled, too
        forbid_compilation()

    def outcome(self, data: memoryview) -> Outcome:
        """Return the hashes of one picture, or the reason why there are none."""
        codes: list[pdq.Forms] = []
        quality: list[pdq.Qualities] = []
        try:
            picture = Picture(data, self._limits, self._room)
            for view in picture.views():
                code, value = self._hasher.hash(view.pixels, exact=view.exact)
                codes.append(code)
                if view.counts:
                    quality.append(value)
            reason = picture.reason
        except MemoryError:
            reason = "memory"
        if not codes:
            return Outcome(reason, 0, (-1,) * len(self._conventions))
        packed = codes[0] if len(codes) == 1 else np.stack(codes, axis=1)
        lowest = quality[0] if len(quality) == 1 else np.min(quality, axis=0)
        return Outcome(reason, len(codes), tuple(lowest.tolist()), packed.tobytes())
