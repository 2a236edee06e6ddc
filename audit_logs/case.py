"""What one verification is given, and what its sections have established so far. It lives as long as one call of `verify`, and its report."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias, TypeVar

from audit_logs.errors import Failure, VerificationError
from audit_logs.files import FileInfo, Files
from audit_logs.manifest import Manifest
from audit_logs.note import SignedCheckpoint, VerifierKey
from audit_logs.policy import Weighed
from audit_logs.replay import CandidateState, State
from audit_logs.seen import Seen
from audit_logs.trust import Trust

T = TypeVar("T")
ExtraChecks: TypeAlias = Callable[[Manifest, Files], Iterable[Failure]]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the quorum's cosignatures are, in seconds (None: no quorum), and how old they may be."""

    age_seconds: int | None
    limit_seconds: int
    quorum: int
    witnesses: int


@dataclass(slots=True)
class Case:
    """The inputs of a verification, and under them the results of its sections, None until they hold."""

    files: Files
    trust_bytes: bytes
    now: datetime
    seen: Seen | None = None
    extra_checks: ExtraChecks | None = None
    listing: dict[str, FileInfo] = field(default_factory=dict)
    trust: Trust | None = None
    signed: SignedCheckpoint | None = None
    cosignatures: dict[VerifierKey, int] = field(default_factory=dict)
    entries: list[bytes] = field(default_factory=list)
    state: State | None = None
    manifest: Manifest | None = None
    candidate: CandidateState | None = None
    weighed: tuple[Weighed, ...] = ()
    freshness: Freshness | None = None
    continues: bool = False

    def read(self, path: str, limit: int) -> bytes:
        """Return the bytes of a plain file that was listed.

        Raises:
            VerificationError: there is none (`folder-missing`), or it is larger than it may be, or changes meanwhile (`file-size`).
        """
        info = self.listing.get(path)
        if info is None or info.special:
            failure = Failure("folder-missing", path, "a file", info.special if info else "none")
            raise failure.problem(VerificationError, "a file is missing")
        data = self.files.read(path, info.size) if info.size <= limit else b""
        if len(data) != info.size:
            failure = Failure("file-size", path, f"at most {limit} bytes, as many as when it was listed", "others")
            raise failure.problem(VerificationError, "a file is too large, or changes")
        return data


def established(value: T | None) -> T:
    """Return what an earlier section must have established.

    Raises:
        VerificationError: it has not; sections ran out of order.
    """
    if value is None:
        raise VerificationError("a check ran before the one that it rests on", code="verification")
    return value
