"""The only durable writer of this package, on `audit_logs.store`: files, locks, and folders that change in one step.

write_file, open_new    temp file in the same folder, fsync, rename, fsync of the folder
place_folder            a folder takes a name that nobody has: renameat2(RENAME_NOREPLACE), renamex_np(RENAME_EXCL)
swap_folder             a reader sees the old folder or the new one, never a mixture: renameat2(RENAME_EXCHANGE) on
                        Linux, renamex_np(RENAME_SWAP) on macOS, a plain rename where nothing stands yet
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from audit_logs.errors import StoreError
from audit_logs.store import (
    PRIVATE,
    PUBLIC,
    check_private,
    fsync_folder,
    is_leftover,
    lock,
    make_folder,
    make_private_folder,
    read_file,
    remove_file,
    write_file,
    writing,
)

__all__ = [
    "check_private",
    "copy_folder",
    "file_sha256",
    "fsync_folder",
    "link_folder",
    "lock",
    "make_folder",
    "make_private_folder",
    "new_folder",
    "open_file",
    "open_new",
    "open_part",
    "place_folder",
    "read_file",
    "remove_file",
    "swap_folder",
    "write_file",
    "write_hidden",
]

CHUNK = 1 << 20
_AT_FDCWD = -100
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2  # <linux/fs.h>
_RENAME_SWAP, _RENAME_EXCL = 2, 4  # <sys/stdio.h> of macOS
_CANNOT_SWAP = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


@contextmanager
def open_new(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """Give a binary file to write to, that takes its name when the block ends well, and is gone if it does not.

    Raises:
        StoreError: it could not be written; what was there before is unchanged.
    """
    with writing(path, PRIVATE if private else PUBLIC) as file:
        yield file


def write_hidden(path: Path, data: bytes | bytearray) -> None:
    """Write a small file into a folder that nobody sees before it is whole; not brought to the disk for itself.

    Raises:
        OSError: as the system says.
    """
    path.write_bytes(data)


def open_part(path: Path) -> FileIO:
    """Open a file that is not whole yet, or make it, to read what is there and to write on behind it; a link is not followed.

    Raises:
        OSError: as the system says.
    """
    return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666), "r+b")


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading; a symbolic link is followed.

    Raises:
        StoreError: it is no file: a pipe, for one, would hold us for ever.
        OSError: as the system says.
    """
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise StoreError(f"could not read {path.name}: it is no file", where=str(path), expected="a file")
    return file


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file (hex), read in one pass with little memory.

    Raises:
        StoreError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with open_file(path) as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise StoreError(f"could not read {path.name}: {error.strerror}", where=str(path)) from error
    return digest.hexdigest()


def copy_folder(source: Path, destination: Path, *, leave_out: Collection[str] = ()) -> None:
    """Copy a folder's files, durably, into a folder that is not there yet.

    Args:
        source: the folder; it holds no symbolic links.
        destination: where the copy goes.
        leave_out: names directly below `source` that are not copied; what a killed writer left is not, either.

    Raises:
        StoreError: a file could not be read or written; the copy is then incomplete, for the caller to delete.
    """
    for path, target in _files_and_folders(source, destination, leave_out):
        with path.open("rb") as file, open_new(target) as copy:
            shutil.copyfileobj(file, copy, CHUNK)


def link_folder(source: Path, destination: Path, *, leave_out: Collection[str] = ()) -> None:
    """Give every file of a folder a second name in a folder that is not there yet, on the same file system.

    Nothing is copied, however large the files are. This package replaces files and never writes into one, so that what is then
    written below one of the folders does not change the other.

    Raises:
        StoreError: a file could not be read or linked; what was made is then incomplete, for the caller to delete.
    """
    for path, target in _files_and_folders(source, destination, leave_out):
        try:
            os.link(path, target)
        except OSError as error:
            raise StoreError(f"could not link {path.name}: {error.strerror}", where=str(path)) from error


def _files_and_folders(source: Path, destination: Path, leave_out: Collection[str]) -> Iterator[tuple[Path, Path]]:
    """Make the folders of `source` again below `destination`, and yield each file with the place that it has there."""
    make_folder(destination)
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if relative.parts[0] in leave_out or is_leftover(path.name):
            continue
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise StoreError("only files and folders are copied", where=str(path), expected="a file", found="a link or a special file")
        if path.is_dir():
            make_folder(destination / relative)
        else:
            yield path, destination / relative


def place_folder(staging: Path, destination: Path) -> None:
    """Give the folder `staging` a name that nothing has, in one step; both are on one file system.

    Where the system or the file system has no rename that fails over what is there, the plain one does: over a file, a link or a
    folder with anything in it that fails as well.

    Raises:
        StoreError: something stands at `destination`, or it cannot be done here; everything is as it was.
    """
    _check_folder(staging)
    _bring_to_disk(staging)
    try:
        _rename_new(staging, destination)
    except OSError as error:
        raise _refusal(destination, error) from error
    for parent in {staging.parent, destination.parent}:
        fsync_folder(parent)


@contextmanager
def new_folder(destination: Path) -> Iterator[Path]:
    """Give an empty folder that takes its name, which nothing may have, when the block ends well, and is gone if it does not.

    Raises:
        StoreError: something stands at `destination`, or it cannot be done here.
        OSError: no folder can be made beside it.
    """
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=f".{destination.name}.") as place:
        staging = Path(place) / destination.name
        make_folder(staging)
        yield staging
        place_folder(staging, destination)


def _rename_new(staging: Path, destination: Path) -> None:
    """Rename to a name that must be free.

    Raises:
        OSError: as the system says.
    """
    try:
        _special_rename(staging, destination, (_RENAME_NOREPLACE, _RENAME_EXCL))
    except OSError as error:
        if error.errno not in _CANNOT_SWAP:
            raise
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from error
        staging.rename(destination)


def _bring_to_disk(staging: Path) -> None:
    for folder, _, _ in os.walk(staging):
        fsync_folder(Path(folder))


def swap_folder(staging: Path, destination: Path) -> bool:
    """Put the folder `staging` in the place of `destination` in one step, and say whether there was one.

    If so, the old folder stands at `staging` afterwards, for the caller to delete. Both are on one file system.

    Raises:
        StoreError: it cannot be done here; both folders are as they were.
    """
    _check_folder(staging)
    _bring_to_disk(staging)
    exists = destination.exists() or destination.is_symlink()
    try:
        if exists:
            _check_folder(destination)
            _special_rename(staging, destination, (_RENAME_EXCHANGE, _RENAME_SWAP))
        else:
            staging.rename(destination)
    except OSError as error:
        raise _refusal(destination, error) from error
    for parent in {staging.parent, destination.parent}:
        fsync_folder(parent)
    return exists


def _check_folder(path: Path) -> None:
    if path.is_symlink() or not path.is_dir():
        found = "a symbolic link" if path.is_symlink() else "a file" if path.exists() else "nothing"
        raise StoreError("only a folder can be put in place of a folder", where=str(path), expected="a folder", found=found)


def _special_rename(one: Path, other: Path, flags: tuple[int, int]) -> None:
    """Rename in one system call with a flag: that of Linux, or that of macOS.

    Raises:
        OSError: as the system call says; ENOSYS where there is none.
    """
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if sys.platform == "darwin" and hasattr(library, "renamex_np"):
        failed = library.renamex_np(*names, ctypes.c_uint(flags[1]))
    elif hasattr(library, "renameat2"):
        failed = library.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], ctypes.c_uint(flags[0]))
    else:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if failed:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _refusal(destination: Path, error: OSError) -> StoreError:
    number = error.errno or 0
    if number == errno.EXDEV:
        reason, step = "the new folder is on another file system", "let both be on one file system"
    elif number in _CANNOT_SWAP:
        reason, step = "this file system cannot exchange two folders in one step", "publish to a folder that does not exist yet"
    elif number in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
        reason, step = "something has come to stand there", "move it away, or name another folder, and run again"
    elif number == errno.ENOSPC:
        reason, step = "the disk is full", "free some space and run again"
    else:
        reason, step = error.strerror or "unknown reason", "check who owns the folders"
    return StoreError(f"could not replace {destination.name}: {reason}", where=str(destination), next_step=step)
