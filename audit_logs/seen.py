"""What a verifier remembers of a log, so that nobody can show it an older or another one later. Source: docs/SPEC.md section 13.3."""

from __future__ import annotations

from dataclasses import dataclass

from audit_logs.documents import Document
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
