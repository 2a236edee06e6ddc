"""Where a verifier's trust file comes from: its reader's own place, a digest that the reader knows, or first contact, said in full.

    --trust FILE                 the file that the reader pinned
    --trust-digest SHA256        the release's own copy, if it has this digest (with --trust: FILE, if it has)
    --trust-on-first-use         the release's own copy, which nobody vouched for; pinned after a run that ends `verified`,
                                 and from then on the pinned file alone decides

A trust file that comes from the release is the word of whoever made the release, and each such use is said aloud.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from audit_logs import seen
from audit_logs import trust as trusts
from audit_logs.errors import Failure, StoreError, TrustError
from audit_logs.files import FolderFiles
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.statement import TRUST_NAME


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands on the command line: file, digest in hex, and whether first use was asked for."""

    file: Path | None
    digest: str | None
    first_use: bool

    @property
    def fault(self) -> str:
        """Say in one sentence why that cannot be followed, or nothing."""
        if self.file is None and self.digest is None and not self.first_use:
            return "say whom you believe: --trust FILE, --trust-digest SHA256, or --trust-on-first-use"
        if self.digest is not None and self.first_use:
            return "--trust-digest says whom you believe, --trust-on-first-use that you do not know yet: give one of them"
        if self.digest is not None and not re.fullmatch("[0-9a-f]{64}", self.digest):
            return "--trust-digest is a SHA-256: 64 lower-case hexadecimal characters"
        return ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """The trust file to verify by.

    Attributes:
        data: its bytes.
        path: where it is pinned, or will be; None where it is known by digest alone.
        new: whether it is to be pinned there.
        warning: what the reader has to be told, or "".
    """

    data: bytes
    path: Path | None
    new: bool = False
    warning: str = ""

    @property
    def state(self) -> Path | None:
        """Where the log is remembered by default: beside the pinned file."""
        return None if self.path is None else self.path.with_suffix(".seen.json")


def choose(folder: Path, asked: Asked) -> Chosen:
    """Return the trust file that was asked for.

    Raises:
        TrustError: it cannot be read (`trust`), the release holds no copy (`trust-missing`), or it has another digest (`trust-digest`).
    """
    if asked.first_use:
        return _first_use(folder, asked.file or Path(f"{os.path.normpath(folder.absolute())}.{TRUST_NAME}"))
    data = _read(asked.file) if asked.file is not None else _own_copy(folder)
    found = sha256(data).hexdigest()
    if asked.digest not in (None, found):
        failure = Failure("trust-digest", str(asked.file or folder / TRUST_NAME), f"SHA-256 {asked.digest}", found)
        next_step = "get the file with this digest from people whom you believe"
        raise failure.problem(TrustError, "this is not the trust file that you know", next_step)
    inside = asked.file is not None and asked.digest is None and is_inside(asked.file, folder)
    return Chosen(data, asked.file, warning=_unvouched(data) if inside else "")


def pin(chosen: Chosen, report: Report) -> str:
    """Pin a trust file of first contact after a run that ended `verified`, and say what was done; "" if there is nothing to do.

    Raises:
        StoreError: it could not be written.
    """
    if not chosen.new or chosen.path is None:
        return ""
    if report.verdict != "verified":
        return f"the trust file of the release is not pinned: the release is {report.verdict}"
    from audit_logs import store  # not before there is something to write: verifying loads nothing of the writing side

    with store.writing(chosen.path, store.Placement(exclusive=True)) as file:  # what somebody else pinned meanwhile stays
        file.write(chosen.data)
    return f"pinned as {chosen.path}; from now on that file decides"


def is_inside(path: Path, folder: Path) -> bool:
    """Tell whether a file lies in a folder, all links resolved."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def remembered(path: Path | None) -> Seen | None:
    """Return what a state file remembers; None where there is no file, or nobody asked for one.

    Raises:
        FormatError: it has not its legal form.
        StoreError: it cannot be read.
    """
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            return seen.parse(file.read(seen.LIMIT + 1), where=str(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError("the state file cannot be read", where=str(path), found=error.strerror or "an error") from error


def remember(path: Path, new: Seen, old: Seen | None) -> None:
    """Let a state file remember `new`, if it still remembers `old`: what is seen is compared with what was seen before, and then only kept.

    Raises:
        StoreError: it remembers another line (`state-other`), or another run changed it since it was read (`state-changed`), or it could
            not be written.
    """
    from audit_logs import store

    if old is not None and old.origin != new.origin:
        failure = Failure("state-other", str(path), f"what was seen of {new.origin}", f"what was seen of {old.origin}")
        raise failure.problem(StoreError, "the state file remembers another line", "name a place of its own for each line with --state")
    with store.lock(path.parent):
        if remembered(path) not in (old, new):
            failure = Failure("state-changed", str(path), "what it remembered when this run began", "something else")
            raise failure.problem(StoreError, "another run changed the state file meanwhile", "verify again, which compares with that")
        store.write_file(path, seen.encode(new))


def _first_use(folder: Path, place: Path) -> Chosen:
    new = not os.path.lexists(place)
    data = _own_copy(folder) if new else _read(place)
    if new or is_inside(place, folder):
        return Chosen(data, place, new, _unvouched(data))
    try:
        differs = _own_copy(folder) != data
    except TrustError:
        differs = False
    return Chosen(data, place, warning=f"the release holds another trust file than {place}, which is pinned and decides" if differs else "")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(trusts.LIMIT + 1)
    except OSError as error:
        raise TrustError("the trust file cannot be read", where=str(path), found=error.strerror or "an error") from error


def _own_copy(folder: Path) -> bytes:
    try:
        return FolderFiles(folder).read(TRUST_NAME, trusts.LIMIT)
    except StoreError as error:
        failure = Failure("trust-missing", str(folder / TRUST_NAME), "a file", error.found or error.what)
        next_step = "get the trust file from people whom you believe, and name it with --trust"
        raise failure.problem(TrustError, "the release holds no copy of its trust file", next_step) from error


def _unvouched(data: bytes) -> str:
    return (
        f"first contact: this trust file (SHA-256 {sha256(data).hexdigest()}) comes from the release itself, and nobody vouched for it. "
        "Ask the institution or an auditor, by a way that you trust, whether that digest is theirs"
    )
