"""Files that rows refer to: found inside the source's folder only, never larger than allowed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from audit_logs.errors import StoreError
from release import store
from release.source.base import BAD_PATH, MISSING_FILE, TOO_LARGE


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


def read_inside(root: Path, name: str, limit: int) -> bytes:
    """Return the bytes of the file that a row names; at most `limit` are ever read.

    Raises:
        NotRead: `bad-path` (see `inside`, or it is no plain file), `missing-file`, or `too-large`.
    """
    real = inside(root, name)
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
