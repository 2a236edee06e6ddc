"""Files that rows refer to: images inside the source's folder only, never larger than allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path, PurePath

from audit_logs.errors import StoreError
from release import store
from release.source.base import BAD_PATH, MISSING_FILE, TOO_LARGE

_IMAGES = "avif bmp gif heic heif ico jfif jp2 jpe jpeg jpg jxl pbm pgm png pnm ppm tga tif tiff webp"
IMAGES = frozenset(f".{word}" for word in _IMAGES.split())
"""Endings of image files, in lower case: what a row may name, and what counts as an image in a folder."""


class NotRead(Exception):  # noqa: N818  (a reason that a row is told by, not a failure)
    """A file was not read; `reason` is the row's problem."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def inside(root: Path, name: str) -> Path:
    """Return the real path of a file that a row names.

    Raises:
        NotRead: `bad-path`: absolute, upwards, with NUL, or led out of the folder by a symbolic link; `missing-file`.
    """
    parts = name.split("/")
    if not name or name.startswith("/") or "\x00" in name or ".." in parts:
        raise NotRead(BAD_PATH)
    real_root = Path(os.path.realpath(root))
    try:
        real = Path(os.path.realpath(real_root / name, strict=True))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotRead(MISSING_FILE) from error
    except (OSError, ValueError) as error:  # a loop of links, a name too long, no permission on the way, lone surrogates
        raise NotRead(BAD_PATH) from error
    if not real.is_relative_to(real_root):
        raise NotRead(BAD_PATH)
    return real


def has_ending(path: PurePath, endings: Collection[str]) -> bool:
    """Tell whether a path ends in one of these, in any case."""
    return path.suffix.lower() in endings


def read_inside(root: Path, name: str, limit: int, endings: Collection[str] = IMAGES) -> bytes:
    """Return the bytes of the file that a row names; at most `limit` are ever read.

    The name and the file that it leads to must both have one of the `endings`: a link must not pass a key off as a picture.

    Raises:
        NotRead: `bad-path` (see `inside`, it has another ending, or it is no plain file), `missing-file`, or `too-large`.
    """
    real = inside(root, name)
    if not (has_ending(PurePath(name), endings) and has_ending(real, endings)):
        raise NotRead(BAD_PATH)
    try:
        status = real.stat()
        if not stat.S_ISREG(status.st_mode):
            raise NotRead(BAD_PATH)
        if status.st_size > limit:
            raise NotRead(TOO_LARGE)
        return store.read_file(real, limit)
    except FileNotFoundError as error:
        raise NotRead(MISSING_FILE) from error
    except (OSError, StoreError) as error:  # no permission, or exchanged for a link, a pipe or a larger file since the look above
        raise NotRead(BAD_PATH) from error
