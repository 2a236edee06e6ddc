"""Requests and answers on their way: age files, padded as sealed evidence is (SPEC section 20.2)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import pyrage

from release import store
from release.errors import ExchangeError
from release.evidence import Padded, recipient


def seal(path: Path, content: Iterable[bytes], to: str) -> None:
    """Write `content`, padded and encrypted to one age recipient, as a new file; nothing stays if it fails.

    Raises:
        EvidenceError: the recipient is none.
        StoreError: the file could not be written.
    """
    key = recipient(to, path.name)
    with store.open_new(path) as out:
        pyrage.encrypt_io(Padded(content), out, [key])


def open_sealed(path: Path, identity: pyrage.x25519.Identity, into: BinaryIO) -> None:
    """Decrypt a sealed file into another one.

    Raises:
        ExchangeError: it cannot be read, or the identity does not open it (`exchange-form`).
    """
    try:
        with store.open_file(path) as sealed:
            pyrage.decrypt_io(sealed, into, [identity])
    except (OSError, pyrage.DecryptError) as error:
        raise ExchangeError(
            "a sealed file cannot be opened",
            where=str(path),
            expected="an age file for this identity",
            found=error.strerror or "" if isinstance(error, OSError) else str(error),
            next_step="get it again, and check for whom it was sealed",
            code="exchange-form",
        ) from error
    into.seek(0)
