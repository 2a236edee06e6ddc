"""The files of a release as a verifier sees them: names and sizes first, bytes on demand, links never followed."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audit_logs.errors import StoreError

_CHUNK = 1 << 20
# O_NONBLOCK: a file that was swapped for a pipe after it was listed must not hold us for ever.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


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

    def digest(self, path: str) -> tuple[int, str]:
        """Return a file's size and its SHA-256 in hex, from one read of its bytes.

        Raises:
            StoreError: it cannot be read.
            OSError: it could be opened, and not be read to its end.
        """
        ...


class FolderFiles:
    """The files below a folder. Only what `names` calls a plain file is ever opened, and no link is followed.

    In a snapshot of a Hub cache (`snapshots/<commit>`), a link whose text leads to a plain file in the cache's own `blobs/` stands
    for that file, which is opened there, by its own name.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        place = Path(os.path.realpath(folder))  # unlike `resolve`, it raises nothing where links go round in a circle
        is_snapshot = place.parent.name == "snapshots" and re.fullmatch("[0-9a-f]{40}", place.name) is not None
        self._cache = place.parent.parent / "blobs" if is_snapshot else None
        self._blobs: dict[str, str] = {}
        self._inodes: dict[tuple[int, int], str] = {}

    def names(self) -> Iterator[FileInfo]:
        """Yield everything below the folder but folders, sorted within each.

        Raises:
            StoreError: a folder cannot be listed.
        """
        self._blobs.clear()
        self._inodes.clear()
        waiting = [""]  # a list and no recursion: whoever made the release chose how deep its folders lie
        while waiting:
            yield from self._within(waiting.pop(), waiting)

    def _within(self, prefix: str, waiting: list[str]) -> Iterator[FileInfo]:
        try:
            with os.scandir(self.folder / prefix) as entries:
                found = sorted((entry.name, entry.stat(follow_symlinks=False)) for entry in entries)
        except OSError as error:
            raise unreadable(prefix or str(self.folder), error) from error
        for name, status in found:
            if stat.S_ISDIR(status.st_mode):
                waiting.append(f"{prefix}{name}/")
            elif stat.S_ISLNK(status.st_mode):
                yield self._linked(prefix + name, status.st_size)
            else:
                # Two paths to one file are told apart from two files: who writes to one would change the other.
                other = self._inodes.setdefault((status.st_dev, status.st_ino), prefix + name)
                special = "" if other == prefix + name else f"the same file as {other}"
                yield FileInfo(prefix + name, status.st_size, special if stat.S_ISREG(status.st_mode) else "neither file nor folder")

    def _linked(self, path: str, size: int) -> FileInfo:
        """Return a link as the blob of this cache that it stands for, any other as what it is."""
        up = re.escape("../" * (path.count("/") + 2))
        try:
            target = os.readlink(self.folder / path)  # noqa: PTH115  (a Path would tidy the text up)
            blob = re.fullmatch(f"{up}blobs/([0-9a-f]{{40}}|[0-9a-f]{{64}})", target)
            if blob is not None and self._cache is not None:
                with _opened_folder(self._cache) as cache:
                    status = os.stat(blob[1], dir_fd=cache, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    self._blobs[path] = blob[1]
                    return FileInfo(path, status.st_size)
        except OSError:
            pass  # the link is gone, there is no such blob, or `blobs` is itself a link: it leads to nothing that is this cache's
        return FileInfo(path, size, "a symbolic link")

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

    def digest(self, path: str) -> tuple[int, str]:
        """Return a file's size and its SHA-256 in hex, from one read of its bytes.

        Raises:
            StoreError: it cannot be read, or became a link after it was listed.
            OSError: it could be opened, and not be read to its end.
        """
        digest, size, buffer = hashlib.sha256(), 0, bytearray(_CHUNK)
        with self.open(path) as stream:
            while count := stream.readinto(buffer):
                digest.update(memoryview(buffer)[:count])
                size += count
        return size, digest.hexdigest()

    def open(self, path: str) -> io.FileIO:
        """Open a file for reading, without a buffer.

        Raises:
            StoreError: it cannot be read, or became a link after it was listed.
        """
        try:
            if path not in self._blobs or self._cache is None:
                return io.FileIO(os.open(self.folder / path, _READ))
            with _opened_folder(self._cache) as cache:
                return io.FileIO(os.open(self._blobs[path], _READ, dir_fd=cache))
        except OSError as error:
            raise unreadable(path, error) from error


@contextmanager
def _opened_folder(path: Path) -> Iterator[int]:
    """Open a folder that is no link, so that what is looked up in it is looked up in it and nowhere else."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def unreadable(path: str, error: OSError) -> StoreError:
    """Return what the system said about a file, as a problem."""
    return StoreError("could not read a file of the release", where=path, found=error.strerror or type(error).__name__, code="unreadable")
