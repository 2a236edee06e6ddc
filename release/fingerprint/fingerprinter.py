"""Fingerprints of a batch of rows: digests here, in one read; decoding and perceptual hashes in a process of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import version
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from release.errors import ScreeningError
from release.fingerprint.columns import CONVENTIONS, Fingerprints, Limits, Stored
from release.fingerprint.decoder import Decoder, Task
from release.fingerprint.wire import CODE_BYTES, Outcome

DECODER = f"simplejpeg {version('simplejpeg')}, pillow {version('pillow')}, pdq-kernel 2"
"""The decode path, as an attestation names it."""

SLICE_BYTES = 1 << 24
"""Stored bytes that lie in shared memory at one time, unless a single picture has more; little enough to stay near the processor."""


class Fingerprinter:
    """Makes fingerprints; a context manager that owns the decoder process.

    Args:
        limits: what one picture may cost.
        conventions: the resize conventions of PDQ, of `CONVENTIONS`.
        perceptual: without it only digests are made, and no process is started.
    """

    def __init__(self, limits: Limits, conventions: Sequence[str] = CONVENTIONS, perceptual: bool = True) -> None:
        unknown = sorted(set(conventions) - set(CONVENTIONS))
        if unknown:
            raise ScreeningError("a resize convention is unknown", expected=", ".join(CONVENTIONS), found=", ".join(unknown))
        self._limits = limits
        self._conventions = tuple(conventions) if perceptual else ()
        self._decoder = Decoder(limits, Task(self._conventions)) if perceptual else None

    def __enter__(self) -> Self:
        """Start the decoder process.

        Raises:
            ScreeningError: it could not be started.
        """
        if self._decoder is not None:
            self._decoder.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End the decoder process."""
        if self._decoder is not None:
            self._decoder.close()

    def run(self, images: Sequence[Stored | None]) -> Fingerprints:
        """Return the fingerprints of rows with these stored bytes, None where a row has none.

        A picture that ends or hangs its decoder costs its own row and no other.

        Raises:
            ScreeningError: the decoder process cannot be started.
        """
        if images.count(None) == len(images):
            return _no_pictures(len(images), self._conventions)
        made = _Columns(images, self._limits)
        for rows in _slices(images, made.reason):
            if self._decoder is None:
                made.digest(rows)
                continue
            wanted = [row for row in rows if not made.reason[row]]
            pictures = [picture for row in wanted if (picture := images[row]) is not None]
            for row, outcome in zip(wanted, self._decoder.ask(pictures, partial(made.digest, rows)), strict=True):
                made.take(row, outcome)
        return made.fingerprints(self._conventions)


class _Columns:
    """Fingerprints in the making."""

    def __init__(self, images: Sequence[Stored | None], limits: Limits) -> None:
        self._images = images
        self._digests: tuple[list[bytes], ...] = ([], [], [])
        self._outcomes: dict[int, Outcome] = {}
        self.reason = ["no-image" if data is None else "too-large" if len(data) > limits.bytes else "" for data in images]

    def digest(self, rows: Sequence[int]) -> None:
        """Make the digests of the next rows, all three from one buffer."""
        md5, sha1, sha256 = self._digests
        for row in rows:
            data = self._images[row]
            if data is None:
                md5.append(bytes(16))
                sha1.append(bytes(20))
                sha256.append(bytes(32))
            else:
                md5.append(hashlib.md5(data, usedforsecurity=False).digest())
                sha1.append(hashlib.sha1(data, usedforsecurity=False).digest())
                sha256.append(hashlib.sha256(data).digest())

    def take(self, row: int, outcome: Outcome) -> None:
        """Take over what became of one picture."""
        self.reason[row] = outcome.reason
        self._outcomes[row] = outcome

    def fingerprints(self, conventions: tuple[str, ...]) -> Fingerprints:
        """Return all of it."""
        framed = [(row, outcome) for row, outcome in self._outcomes.items() if outcome.frames]
        md5, sha1, sha256 = (_array(digests, width) for digests, width in zip(self._digests, (16, 20, 32), strict=True))
        quality = np.full((len(conventions), len(self._images)), -1, dtype=np.int32)
        for row, outcome in framed:
            quality[:, row] = outcome.quality
        return Fingerprints(
            md5=md5,
            sha1=sha1,
            sha256=sha256,
            has_bytes=np.array([data is not None for data in self._images], dtype=np.bool_),
            reason=self.reason,
            pdq={name: _codes([outcome for _, outcome in framed], place) for place, name in enumerate(conventions)},
            frame_row=np.array([row for row, outcome in framed for _ in range(outcome.frames)], dtype=np.int64),
            quality=quality.min(axis=0, initial=100 if conventions else -1),
            qualities=dict(zip(conventions, quality, strict=True)),
        )


def _no_pictures(n: int, conventions: Sequence[str]) -> Fingerprints:
    """Return the fingerprints of n rows of which none has bytes: nothing is looked at one by one."""
    quality = np.full(n, -1, np.int32)
    codes = {name: np.zeros((0, 8, 32), np.uint8) for name in conventions}
    return Fingerprints(
        md5=np.zeros((n, 16), np.uint8),
        sha1=np.zeros((n, 20), np.uint8),
        sha256=np.zeros((n, 32), np.uint8),
        has_bytes=np.zeros(n, np.bool_),
        reason=["no-image"] * n,
        pdq=codes,
        frame_row=np.zeros(0, np.int64),
        quality=quality,
        qualities=dict.fromkeys(conventions, quality),
    )


def _array(digests: list[bytes], width: int) -> NDArray[np.uint8]:
    """Return digests as an array, (n, width)."""
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, width)


def _codes(outcomes: list[Outcome], place: int) -> NDArray[np.uint8]:
    """Return the hashes of all frames under the convention at `place`, (m, 8, 32)."""
    parts = []
    for outcome in outcomes:
        size = outcome.frames * CODE_BYTES
        parts.append(outcome.codes[place * size : (place + 1) * size])
    return np.frombuffer(b"".join(parts), dtype=np.uint8).reshape(-1, 8, 32)


def _slices(images: Sequence[Stored | None], reasons: Sequence[str]) -> Iterator[list[int]]:
    """Yield runs of rows whose pictures together fit into the shared memory."""
    rows: list[int] = []
    held = 0
    for row, data in enumerate(images):
        size = 0 if data is None or reasons[row] else len(data)
        if rows and held + size > SLICE_BYTES:
            yield rows
            rows, held = [], 0
        rows.append(row)
        held += size
    if rows:
        yield rows
