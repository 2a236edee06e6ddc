"""Decoded pixels that two tools hash alike: the same arrays, read from one file or decoded by the same decoder.

Only numpy, pyarrow and simplejpeg, which both environments have in the same versions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg

from bench import pack

FAINT = 4
"""How often a picture of little contrast is among those that are compared: one for so many."""


def write_arrays(path: Path, pictures: list[bytes]) -> None:
    """Decode JPEG files in colour and write the arrays."""
    np.savez(path, *(simplejpeg.decode_jpeg(data, "RGB") for data in pictures))


def read_arrays(path: Path, part: str = "0/1") -> list[Any]:
    """Return arrays (rows, columns, 3) uint8, or with `part` i/n every n-th from the i-th on."""
    place, parts = (int(number) for number in part.split("/"))
    with np.load(path) as stored:
        return [stored[name] for name in stored.files[place::parts]]


def agreed(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the pictures of a pack in colour, and of some a copy of little contrast, each named by the digest of its pixels."""
    for number, data in enumerate(pack.read(path)):
        pixels = simplejpeg.decode_jpeg(data, "RGB")
        yield hashlib.sha256(pixels).hexdigest(), pixels
        if number % FAINT == 0:
            faint = 120 + pixels // 20
            yield hashlib.sha256(faint).hexdigest(), faint
