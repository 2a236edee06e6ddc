"""Pictures and one decoder process for all tests of this folder."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from release.fingerprint import Fingerprinter


@dataclass(frozen=True, slots=True)
class Cost:
    """Limits of one picture."""

    pixels: int = 4_000_000
    frames: int = 4
    bytes: int = 8_000_000
    seconds: float = 20.0
    memory: int = 1 << 29


@dataclass(frozen=True, slots=True)
class Studio:
    """Generated pictures of flowing colours, and their files."""

    limits: type[Cost] = field(default=Cost)

    def rgb(self, seed: int = 0, rows: int = 300, columns: int = 400) -> NDArray[np.uint8]:
        """Return a smooth random picture, (rows, columns, 3)."""
        small = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
        return np.asarray(Image.fromarray(small).resize((columns, rows), Image.Resampling.BICUBIC))

    def image(self, seed: int = 0, rows: int = 300, columns: int = 400) -> Image.Image:
        """Return the same as a Pillow image."""
        return Image.fromarray(self.rgb(seed, rows, columns))

    def file(self, image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
        """Return an image as the bytes of a file."""
        out = io.BytesIO()
        image.save(out, kind, **options)
        return out.getvalue()

    def distance(self, one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
        """Return the number of bits in which two hashes differ."""
        return int(np.bitwise_count(one ^ other).sum())


@pytest.fixture(scope="session")
def studio() -> Studio:
    """Return the maker of pictures."""
    return Studio()


@pytest.fixture(scope="session")
def prints() -> Iterator[Fingerprinter]:
    """Return a running fingerprinter under all conventions."""
    with Fingerprinter(Cost()) as fingerprinter:
        yield fingerprinter
