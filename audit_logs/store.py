"""The only durable writer: a file is there, whole and on the disk, or it is not there.

For each file: open a new file in the same folder (O_EXCL), write, fsync, rename over the name, fsync the folder. Whatever
fails before the rename leaves the old file as it was and no new one; a process that is killed leaves at most a file
named `.<name>.<random>.tmp`, which nobody reads. For POSIX systems.
"""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from audit_logs.errors import Locked, StoreError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700
_OTHERS = 0o077

_REASONS = {
    errno.EACCES: "permission denied",
    errno.EDQUOT: "the disk quota is used up",
    errno.EEXIST: "it exists already",
    errno.EFBIG: "it is larger than the file system allows",
    errno.EIO: "the disk reports an error",
    errno.EISDIR: "it is a folder",
    errno.ELOOP: "it is a symbolic link",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENOENT: "it, or its folder, does not exist",
    errno.ENOSPC: "the disk is full",
    errno.ENOTDIR: "a part of its path is no folder",
    errno.EPERM: "the operation is not permitted",
    errno.EROFS: "the file system is read-only",
}
_NEXT_STEPS = {
    errno.ENOSPC: "free some space and run again",
    errno.EDQUOT: "free some space and run again",
    errno.EACCES: "check who owns the folder",
    errno.EEXIST: "name another file, or move that one away",
}


@dataclass(frozen=True, slots=True)
class Placement:
    """How a file comes to its name.

    Attributes:
        private: mode 0600 from its creation on, under any umask; otherwise what the umask leaves of 0666.
        exclusive: refuse if the name is taken, instead of replacing what is there.
    """

    private: bool = False
    exclusive: bool = False


PUBLIC = Placement()
PRIVATE = Placement(private=True)
PRIVATE_NEW = Placement(private=True, exclusive=True)


def write_file(path: Path, data: bytes, *, private: bool = False) -> None:
    """Replace a file, durably.

    Raises:
        StoreError: it could not be written; what was there before is unchanged.
    """
    with writing(path, PRIVATE if private else PUBLIC) as file:
        file.write(data)


@contextmanager
def writing(path: Path, placement: Placement = PUBLIC) -> Iterator[BinaryIO]:
    """Give a binary file to write to, that takes its name when the block ends well, and is gone if it does not.

    Raises:
        StoreError: it could not be written; what was there before is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with _explained(path, "write", temporary):
            with os.fdopen(_create(temporary, private=placement.private), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _name(temporary, path, exclusive=placement.exclusive)
            fsync_folder(path.parent)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_file(path: Path) -> None:
    """Remove a file, durably; it may be gone already.

    Raises:
        StoreError: it could not be removed.
    """
    with _explained(path, "remove"):
        path.unlink(missing_ok=True)
        fsync_folder(path.parent)


def make_folder(path: Path, *, private: bool = False) -> None:
    """Make a folder and those above it, durably; it may be there already.

    Raises:
        StoreError: it could not be made.
    """
    with _explained(path, "make the folder"):
        if path.is_dir():
            return
        make_folder(path.parent)
        path.mkdir(PRIVATE_FOLDER if private else 0o777, exist_ok=True)
        if private:
            path.chmod(PRIVATE_FOLDER)
        fsync_folder(path.parent)


def make_private_folder(path: Path) -> None:
    """Make a folder with mode 0700, or check that the one there has no looser mode.

    Raises:
        StoreError: it could not be made, or others can look into it.
    """
    make_folder(path, private=True)
    check_private(path)


def exists(path: Path) -> bool:
    """Say whether there is anything under a name, be it a link to nowhere.

    Raises:
        StoreError: one may not look.
    """
    with _explained(path, "look at"):
        try:
            path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return False
    return True


def files_below(folder: Path) -> list[str]:
    """Return the relative paths of everything below a folder that is no folder: files, links, pipes.

    Raises:
        StoreError: one may not look.
    """
    with _explained(folder, "look into"):
        found: list[Path] = []
        waiting = [folder] if folder.is_dir() else []
        while waiting:
            for path in waiting.pop().iterdir():
                (found if path.is_symlink() or not path.is_dir() else waiting).append(path)
        return [path.relative_to(folder).as_posix() for path in found]


def check_private(path: Path) -> None:
    """Check that a file or folder is no symbolic link and gives nothing to group and others.

    Raises:
        StoreError: it does, is a link, or is not there (`not-private` for the first two).
    """
    with _explained(path, "look at"):
        status = path.lstat()
    _check_mode(path, status)


def read_file(path: Path, limit: int, *, private: bool = False) -> bytes:
    """Return the bytes of a file that is neither a link nor larger than it may be.

    Raises:
        StoreError: it cannot be read, is larger than `limit`, or is to be private and is not (`not-private`).
    """
    with _explained(path, "read"), os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"could not read {path.name}", where=str(path), expected="a file")
        if private:
            _check_mode(path, status)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise StoreError(f"could not read {path.name}", where=str(path), expected=f"at most {limit} bytes", found="more")
    return data


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold the one lock of a folder, or of a lock file that is made where there is none.

    The lock goes with the process that holds it, however that ends. A folder needs no lock file: it is itself locked.

    Raises:
        Locked: another process, or another part of this one, holds it.
        StoreError: it cannot be locked here.
    """
    with _explained(path, "lock"):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC) if path.is_dir() else _open_lock_file(path)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise Locked(
                "somebody else is writing here", where=str(path), next_step="wait until the other command has ended, then run again"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
    try:
        yield
    finally:
        with suppress(OSError):  # closing gives it up too; this is for a forked worker that may still have it open
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def fsync_folder(path: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        StoreError: the disk did not take them.
    """
    with _explained(path, "write"):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_leftover(name: str) -> bool:
    """Say whether a file name is that of a file which a killed process was writing."""
    return name.startswith(".") and name.endswith(".tmp")


def _create(path: Path, *, private: bool) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE if private else 0o666)
    if private:
        os.fchmod(descriptor, PRIVATE_FILE)  # a umask of 0777 would leave the owner nothing
    return descriptor


def _name(temporary: Path, path: Path, *, exclusive: bool) -> None:
    if exclusive:
        os.link(temporary, path)  # unlike a rename, it fails where the name is taken
    else:
        temporary.replace(path)


def _open_lock_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE_FILE)


def _check_mode(path: Path, status: os.stat_result) -> None:
    if status.st_mode & _OTHERS or stat.S_ISLNK(status.st_mode):
        wanted = "700" if stat.S_ISDIR(status.st_mode) else "600"
        raise StoreError(
            f"others can reach {path.name}",
            where=str(path),
            expected=f"mode {wanted} and no symbolic link",
            found=f"mode {stat.S_IMODE(status.st_mode):o}",
            next_step=f"chmod {wanted} it, and consider what others may have read",
            code="not-private",
        )


@contextmanager
def _explained(path: Path, verb: str, temporary: Path | None = None) -> Iterator[None]:
    """Turn what the system says about a path into one sentence."""
    try:
        yield
    except OSError as problem:
        number = problem.errno or 0
        if temporary is not None and not _is_ours(problem, {path, path.parent, temporary}):
            raise
        raise StoreError(
            f"could not {verb} {path.name}: {_REASONS.get(number, problem.strerror or 'unknown reason')}",
            where=str(path),
            next_step=_NEXT_STEPS.get(number, ""),
        ) from problem


def _is_ours(problem: OSError, paths: set[Path]) -> bool:
    """Say whether trouble within a caller's block is about the file being written, and not about another file or a network."""
    if problem.filename is None:
        return problem.errno in _REASONS
    return isinstance(problem.filename, str | os.PathLike) and Path(problem.filename) in paths
