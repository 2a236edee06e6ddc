"""Files of a release on their way into a hidden folder: hashed byte by byte as they are written, and never read again for it.

What is hashed is what is written, in the same buffer, to a file that this process made or opened in a folder that is its user's alone
(0700). A file has its name in the release only once its SHA-256 is the manifest's. `HashedFiles` then answers a verifier with
the digests that were taken; a file that is not, by inode, size and time of its last change, the one that was written, is hashed anew.

A file that was cut off stays as a part, and is gone on with: what is there is hashed, and the rest is asked for.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path, PurePosixPath

from audit_logs.errors import StoreError, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.manifest import FileEntry, Shard
from release import store
from release.hub import HubDataset

_Stamp = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A file with the bytes of the manifest: what the system said of it when they were hashed, and SHA-256 (hex) of its row groups."""

    stamp: _Stamp
    ranges: tuple[str, ...]


class Digester:
    """Hashes a file's bytes, all of them and piece by piece, as they come."""

    def __init__(self, entry: Shard | FileEntry) -> None:
        groups = entry.row_groups if isinstance(entry, Shard) else ()
        self._ends = [group.start for group in groups[:1]] + [group.end for group in groups]
        self._pieces: list[str] = []
        self._whole, self._piece = hashlib.sha256(), hashlib.sha256()
        self.size = 0

    def update(self, data: bytes | memoryview) -> None:
        """Take the bytes that follow."""
        view = memoryview(data)
        self._whole.update(view)
        while view.nbytes and len(self._pieces) < len(self._ends):
            part = view[: self._ends[len(self._pieces)] - self.size]
            self._piece.update(part)
            self.size += part.nbytes
            view = view[part.nbytes :]
            if self.size == self._ends[len(self._pieces)]:
                self._pieces.append(self._piece.hexdigest())
                self._piece = hashlib.sha256()
        self.size += view.nbytes

    @property
    def sha256(self) -> str:
        """SHA-256 of all that came."""
        return self._whole.hexdigest()

    @property
    def ranges(self) -> tuple[str, ...]:
        """SHA-256 of each row group that came to its end."""
        return tuple(self._pieces[1:])


@dataclass(frozen=True, slots=True)
class Landing:
    """Where files land.

    Attributes:
        source: the repository at its commit.
        folder: the release, within a folder that is its user's alone.
        parts: a folder for files that are not whole yet.
        older: SHA-256 -> a file with these bytes, maybe.
    """

    source: HubDataset
    folder: Path
    parts: Path
    older: Mapping[str, Path]

    def obtain(self, entry: Shard | FileEntry) -> Arrived:
        """Let a file of the manifest be there with its bytes: as it lies there, from an older copy, or from the Hub.

        Raises:
            VerificationError: the Hub gave others (`file-size`, `file-digest`); they are gone.
            HubError: the Hub refused or failed; what came stays as a part.
            OSError: the disk did not take it.
        """
        target, copy = self.folder / entry.path, self.older.get(entry.sha256)
        store.make_folder(target.parent)
        if there := _hashed(target, entry):
            return there
        _remove(target)
        if copy is not None and copy.is_file() and not copy.is_symlink():
            _link(copy, target)
            if linked := _hashed(target, entry):
                return linked
            target.unlink()
        part = self.parts / _part_name(entry)
        arrived = self._fetch(part, entry)
        part.rename(target)
        return arrived

    def _fetch(self, part: Path, entry: Shard | FileEntry) -> Arrived:
        with store.open_part(part) as file:
            digester = Digester(entry)
            if os.fstat(file.fileno()).st_size > entry.bytes:
                file.truncate(0)
            _feed(digester, iter(lambda: file.read(store.CHUNK) or b"", b""))
            if digester.size < entry.bytes:
                for chunk in self.source.chunks(entry.path, digester.size):
                    if digester.size + len(chunk) > entry.bytes:
                        part.unlink()
                        raise _wrong(entry, f"more than {entry.bytes}", entry.bytes)
                    digester.update(chunk)
                    _write(file, chunk)
            if (digester.size, digester.sha256) != (entry.bytes, entry.sha256):
                part.unlink()
                raise _wrong(entry, str(digester.size) if digester.size != entry.bytes else "other bytes", digester.size)
            return Arrived(_stamp(os.fstat(file.fileno())), digester.ranges)

    def tidy(self, entries: Iterable[Shard | FileEntry]) -> None:
        """Make the folder of parts, and remove what an earlier run fetched of a release that is no longer the one that is wanted."""
        store.make_folder(self.parts)
        wanted, parts = {entry.path for entry in entries}, {_part_name(entry) for entry in entries}
        for path in [path for path in (self.folder / "data").glob("**/*") if path.is_symlink() or not path.is_dir()]:
            if path.relative_to(self.folder).as_posix() not in wanted:
                path.unlink()
        for path in self.parts.iterdir():
            if path.name not in parts or path.is_dir():
                _remove(path)


class HashedFiles(FolderFiles):
    """A release whose data files were hashed while they were written."""

    def __init__(self, folder: Path, arrived: Mapping[str, tuple[Shard | FileEntry, Arrived]]) -> None:
        super().__init__(folder)
        self._arrived = arrived

    def digest(self, path: str) -> tuple[int, str]:
        """Return a file's size and SHA-256, as they were when it was written if it is still that file."""
        known = self._arrived.get(path)
        if known is not None and _stamp((self.folder / path).lstat()) == known[1].stamp:
            return known[0].bytes, known[0].sha256
        return super().digest(path)


def _remove(path: Path) -> None:
    """Remove whatever has a name: what an older version of this package laid there may be a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _part_name(entry: Shard | FileEntry) -> str:
    return f"{entry.sha256}.{PurePosixPath(entry.path).name}"


def _stamp(status: os.stat_result) -> _Stamp:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _hashed(path: Path, entry: Shard | FileEntry) -> Arrived | None:
    """Return a file that has the bytes of the manifest; None if it has others, or is none."""
    try:
        opened = FolderFiles(path.parent).open(path.name)
    except StoreError:
        return None
    with opened as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size != entry.bytes:
            return None
        digester = Digester(entry)
        _feed(digester, iter(lambda: file.read(store.CHUNK) or b"", b""))
    return Arrived(_stamp(status), digester.ranges) if digester.sha256 == entry.sha256 else None


def _feed(digester: Digester, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        digester.update(chunk)


def _write(file: FileIO, chunk: bytes) -> None:
    written = file.write(chunk) or 0
    while written < len(chunk):  # a full disk takes a part first
        written += file.write(memoryview(chunk)[written:]) or 0


def _link(copy: Path, target: Path) -> None:
    """Give a file a second name; a copy where it has more already: two files of a release are never one, nor one of somebody else's."""
    try:
        os.link(copy, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(copy, target)
        return
    if target.stat().st_nlink > 2:
        target.unlink()
        shutil.copyfile(copy, target)


def _wrong(entry: Shard | FileEntry, found: str, size: int) -> VerificationError:
    same = size == entry.bytes and found == "other bytes"
    return VerificationError(
        "the Hub gave a file with other bytes than the release has",
        where=entry.path,
        expected=entry.sha256 if same else str(entry.bytes),
        found=found,
        next_step="run again; if that does not help, do not use this copy, and tell the institution",
        code="file-digest" if same else "file-size",
    )


def is_full(error: BaseException | None) -> bool:
    """Tell whether a disk, or what its user may have of it, is full."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def unwritten(error: OSError, where: Path) -> StoreError:
    """Return what the system said about writing a release, as a problem."""
    reason = "the disk is full" if is_full(error) else error.strerror or "unknown reason"
    step = "free some space and run again" if is_full(error) else "run again"
    return StoreError(f"could not write the release: {reason}", where=str(where), next_step=step)
