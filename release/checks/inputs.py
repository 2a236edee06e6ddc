"""What a verifier is given: a folder, a pinned trust file, and where it remembers logs."""

from __future__ import annotations

from pathlib import Path

from audit_logs.errors import TrustError
from audit_logs.trust import LIMIT as TRUST_LIMIT
from release.errors import UsageError

HUB = "hub:"


def local_folder(path: Path | str) -> Path:
    """Return the folder of a release on this machine.

    Raises:
        UsageError: it names a repository on the Hub.
    """
    if str(path).startswith(HUB):
        raise UsageError(
            "a release on the Hub cannot be verified in place",
            where=str(path),
            expected="a folder",
            next_step="fetch it with `release get`, or look at it with `release verify`",
        )
    return Path(path)


def trust_bytes(trust: Path | str | bytes) -> bytes:
    """Return a trust file's bytes.

    Raises:
        TrustError: it cannot be read.
    """
    if isinstance(trust, bytes):
        return trust
    try:
        with Path(trust).open("rb") as file:
            return file.read(TRUST_LIMIT + 1)
    except OSError as error:
        raise TrustError("the trust file cannot be read", where=str(trust), found=error.strerror or "an error") from error


def outside(path: Path, folder: Path, what: str) -> Path:
    """Return `path` if it does not lie in a release: a file there would not belong to it.

    Raises:
        UsageError: it does.
    """
    if path.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{what} would lie inside the release", where=str(path), next_step="name a place outside the release")
    return path
