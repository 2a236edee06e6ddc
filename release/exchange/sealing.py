"""Requests and answers on their way: age files, padded as sealed evidence is (SPEC section 20.2)."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import pyrage

from release import store
from release.errors import ExchangeError
from release.evidence import Padded, padded_length, recipient

LEAST_ANSWER = 65_536  # bytes of an opened answer, so that the size of a sealed one does not tell how few rows matched
_HEADER = 16 * 1024  # of an age file for one recipient: a few hundred bytes; reading a longer one takes time with the square of its length
_END = b"\n--- "
_CHUNK, _TAG = 64 * 1024, 16  # of age's payload


def seal(path: Path, content: Iterable[bytes], to: str, *, least: int = 0) -> None:
    """Write `content`, padded, to `least` bytes at least, and encrypted to one age recipient, as a new file; nothing stays if it fails.

    Raises:
        EvidenceError: the recipient is none.
        StoreError: the file could not be written.
    """
    key = recipient(to, path.name)
    with store.open_new(path) as out:
        pyrage.encrypt_io(Padded(content, least), out, [key])


def open_sealed(path: Path, identity: pyrage.x25519.Identity, into: BinaryIO, *, most: int | None = None) -> None:
    """Decrypt a sealed file into another one; `most`: the most bytes that its content may have before it is padded.

    Raises:
        ExchangeError: it cannot be read, or the identity does not open it (`exchange-form`).
    """
    try:
        with store.open_file(path) as sealed:
            _check_head(sealed, path)
            _check_size(sealed, path, most)
            pyrage.decrypt_io(sealed, into, [identity])
    except (OSError, pyrage.DecryptError) as error:
        found = error.strerror or "" if isinstance(error, OSError) else str(error)
        raise _not_sealed(path, "an age file for this identity", found) from error
    into.seek(0)


def _check_head(sealed: BinaryIO, path: Path) -> None:
    """Refuse a header that is long, as with very many recipients, before it is parsed."""
    if _END not in sealed.read(_HEADER):
        raise _not_sealed(path, f"an age file with a header of at most {_HEADER} bytes", "a longer one, or none")
    sealed.seek(0)


def _check_size(sealed: BinaryIO, path: Path, most: int | None) -> None:
    size = sealed.seek(0, io.SEEK_END)
    sealed.seek(0)
    if most is None:
        return
    opened = max(padded_length(most), LEAST_ANSWER)
    if size > (room := _HEADER + opened + _TAG * (2 + opened // _CHUNK)):
        raise _not_sealed(path, f"at most {room} bytes", f"{size}")


def _not_sealed(path: Path, expected: str, found: str) -> ExchangeError:
    return ExchangeError(
        "a sealed file cannot be opened",
        where=str(path),
        expected=expected,
        found=found,
        next_step="get it again, and check for whom it was sealed",
        code="exchange-form",
    )
