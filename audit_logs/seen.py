"""What a verifier remembers of a log, so that nobody can show it an older or another one later. Source: docs/SPEC.md section 13.3."""

from __future__ import annotations

from dataclasses import dataclass

from audit_logs.documents import Document
from audit_logs.errors import Failure, StoreError
from audit_logs.fields import BASE, Count, Positive, Sha256, Text

TYPE = BASE + "seen/v0.1"
LIMIT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class SeenTrust:
    """The trust file by which a release was verified: its version and its sha256."""

    version: Positive
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Seen:
    """A checkpoint that was seen: the log's origin and key (vkey), its size and root then, and the checkpoint note's text."""

    origin: Text
    log_key: Text
    size: Count
    root: Sha256
    checkpoint: Text
    trust: SeenTrust | None = None


_DOCUMENT = Document(Seen, TYPE, LIMIT)


def parse(data: bytes, *, where: str = "state file") -> Seen:
    """Return what a state file remembers.

    Raises:
        FormatError: it has not its legal form.
    """
    return _DOCUMENT.parse(data, where)


def encode(seen: Seen) -> bytes:
    """Return the bytes of a state file."""
    return _DOCUMENT.encode(seen)


def check_same_line(new: Seen, old: Seen | None, *, where: str) -> None:
    """Check that a state file may hold this from now on: what is remembered of one line is never lost to another.

    Raises:
        StoreError: it remembers another line.
    """
    if old is not None and old.origin != new.origin:
        failure = Failure("state-other", where, f"what was seen of {new.origin}", f"what was seen of {old.origin}")
        raise failure.problem(StoreError, "the state file remembers another line", "name a place of its own for each line with --state")
