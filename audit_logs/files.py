"""The files of a release as a verifier sees them: names and sizes first, bytes on demand, links never followed."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audit_logs.errors import StoreError


@dataclass(frozen=True, slots=True)
class FileInfo:
    """A name below the release: its path with `/`, its size in bytes, and what it is if not a plain file ("" if it is one)."""

    path: str
    size: int
    special: str = ""


class Files(Protocol):
    """What verifying needs of a release; a folder is one, a test's dictionary another."""

    def names(self) -> Iterable[FileInfo]:
        """Return everything that is there but folders."""
        ...

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes, at most `limit` + 1 of them.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def open(self, path: str) -> io.RawIOBase | io.BufferedIOBase:
        """Open a file for reading.

        Raises:
            StoreError: it cannot be read.
        """
        ...


class FolderFiles:
    """The files below a folder. Only what `names` calls a plain file is ever opened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def names(self) -> Iterator[FileInfo]:
        """Yield everything below the folder but folders, sorted within each.

        Raises:
            StoreError: a folder cannot be listed.
        """
        yield from self._below("")

    def _below(self, prefix: str) -> Iterator[FileInfo]:
        try:
            with os.scandir(self.folder / prefix) as entries:
                found = sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            raise unreadable(prefix or str(self.folder), error) from error
        for name, status in found:
            if stat.S_ISDIR(status.st_mode):
                yield from self._below(f"{prefix}{name}/")
            else:
                yield FileInfo(prefix + name, status.st_size, _special(status.st_mode))

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes, at most `limit` + 1 of them.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            with io.BufferedReader(self.open(path)) as file:
                return file.read(limit + 1)
        except OSError as error:
            raise unreadable(path, error) from error

    def open(self, path: str) -> io.FileIO:
        """Open a file for reading, without a buffer.

        Raises:
            StoreError: it cannot be read, or became a link after it was listed.
        """
        try:
            # O_NONBLOCK: a file that was swapped for a pipe after it was listed must not hold us for ever.
            return io.FileIO(os.open(self.folder / path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK))
        except OSError as error:
            raise unreadable(path, error) from error


def _special(mode: int) -> str:
    if stat.S_ISREG(mode):
        return ""
    return "a symbolic link" if stat.S_ISLNK(mode) else "neither file nor folder"


def unreadable(path: str, error: OSError) -> StoreError:
    """Return what the system said about a file, as a problem."""
    return StoreError("could not read a file of the release", where=path, found=error.strerror or type(error).__name__, code="unreadable")
