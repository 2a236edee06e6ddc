"""What a verifier remembers of a log, so that nobody can show it an older or another one later. Source: docs/SPEC.md section 13.3."""

from __future__ import annotations

from dataclasses import dataclass

from audit_logs import canonical, fields
from audit_logs.fields import BASE, Count, Positive, Sha256, Text, refuse

TYPE = BASE + "seen/v0.1"
LIMIT = 1024 * 1024
_ABSENT = object()


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


def parse(data: bytes, *, where: str = "state file") -> Seen:
    """Return what a state file remembers.

    Raises:
        FormatError: it has not its legal form.
    """
    value = canonical.decode(data, where=where, limit=LIMIT)
    if value.pop("_type", None) != TYPE:
        raise refuse(f"{where}._type", TYPE, "another type")
    if value.setdefault("trust", _ABSENT) is None:
        raise refuse(f"{where}.trust", "an object, or no such member", None)
    value["trust"] = None if value["trust"] is _ABSENT else value["trust"]
    return fields.read(Seen, value, where)


def encode(seen: Seen) -> bytes:
    """Return the bytes of a state file."""
    members = {name: value for name, value in fields.write(seen).items() if value is not None}
    return canonical.encode({"_type": TYPE, **members})
