"""Which program made a release: its name, its version and a digest of its code."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from audit_logs.statement import Tool

NAME = "vetted-release"


@cache
def this_tool() -> Tool:
    """Return name, version and code digest of this program.

    The code digest is the SHA-256 over `path NUL sha256 LF` for every Python file of `release` and `audit_logs`, sorted by path.
    """
    root = Path(__file__).resolve().parent.parent
    lines = [
        f"{path.relative_to(root).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for package in ("audit_logs", "release")
        for path in sorted((root / package).rglob("*.py"))
    ]
    return Tool(name=NAME, version=_version(), code_digest=hashlib.sha256("".join(lines).encode()).hexdigest())


def _version() -> str:
    try:
        return version(NAME)
    except PackageNotFoundError:
        return "0+source"
