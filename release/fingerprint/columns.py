"""What a batch of rows is, in columns: digests of the stored bytes, perceptual hashes of every frame, or a reason.

Reasons, one per row, "" where nothing is missing:

    no-image      the row has no bytes
    too-large     more bytes than the limit; digests only
    undecodable   not a picture in an accepted format, or damaged beyond any pixel
    truncated     damaged; hashes of what did decode
    frames        more frames than the limit; hashes of the first ones
    pixels        more pixels than the limit, by its header; never decoded
    memory        needed more address space than the limit
    timeout       took longer than the limit
    crashed       the decoder died on it
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

FULL = "full"
NEAREST = "nearest-512"
THUMBNAIL = "thumbnail-512"

CONVENTIONS = (FULL, NEAREST, THUMBNAIL)
"""The resize conventions in use for PDQ, which may differ by up to 28 bits on one file."""


Stored = bytes | memoryview
"""A row's stored bytes: themselves, or a view of them where they lie."""


class Limits(Protocol):
    """What one picture may cost."""

    @property
    def pixels(self) -> int:
        """Pixels of one frame."""

    @property
    def frames(self) -> int:
        """Frames that are hashed."""

    @property
    def bytes(self) -> int:
        """Stored bytes."""

    @property
    def seconds(self) -> float:
        """Wall-clock time of decoding and hashing."""

    @property
    def memory(self) -> int:
        """Bytes of address space beyond what the decoder itself takes."""


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """The fingerprints of n rows with m decoded frames.

    Attributes:
        md5: (n, 16) uint8, of the stored bytes; zeros where `has_bytes` is false.
        sha1: (n, 20) uint8.
        sha256: (n, 32) uint8.
        has_bytes: (n,) bool.
        reason: one per row, "" or a reason of this module's docstring.
        pdq: by convention, (m, 8, 32) uint8: the eight dihedral forms of each frame.
        frame_row: (m,) int64, the row of each frame, ascending.
        quality: (n,) int32, the lowest over frames and conventions, 0 to 100, or -1 where nothing was decoded. Of the views of a
            frame that is not opaque, the first alone counts.
        qualities: by convention, (n,) int32: the same under that convention alone.
    """

    md5: NDArray[np.uint8]
    sha1: NDArray[np.uint8]
    sha256: NDArray[np.uint8]
    has_bytes: NDArray[np.bool_]
    reason: list[str]
    pdq: Mapping[str, NDArray[np.uint8]]
    frame_row: NDArray[np.int64]
    quality: NDArray[np.int32]
    qualities: Mapping[str, NDArray[np.int32]] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.reason)
