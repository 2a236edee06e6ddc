"""The verdict on a release, and the reasons for it. Source: docs/SPEC.md section 14. `telling` puts a report into words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from audit_logs.case import Case, Freshness, established
from audit_logs.errors import Failure, VerificationError
from audit_logs.manifest import Manifest
from audit_logs.replay import State
from audit_logs.seen import Seen, SeenTrust

EXIT_CODES = {"verified": 0, "failed": 1, "stale": 3, "withdrawn": 4, "incomplete": 5}
INCOMPLETE_CODES = frozenset({"no-candidate", "not-released", "opinions-missing", "opinions-tier", "unknown-type", "superseded"})
STALE_CODES = frozenset({"stale", "cosignature-future"})
WITHDRAWN_CODE = "withdrawn"
NOT_FATAL = INCOMPLETE_CODES | STALE_CODES | {WITHDRAWN_CODE}


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a verification: why the release is not verified, and what the sections established."""

    failures: tuple[Failure, ...]
    case: Case

    @property
    def verdict(self) -> str:
        """Return `failed`, `withdrawn`, `incomplete`, `stale` or `verified`, by the precedence of section 14."""
        codes = {failure.code for failure in self.failures}
        if codes - NOT_FATAL:
            return "failed"
        if WITHDRAWN_CODE in codes:
            return "withdrawn"
        if codes & INCOMPLETE_CODES:
            return "incomplete"
        return "stale" if codes else "verified"

    @property
    def exit_code(self) -> int:
        """Return the exit code of the verdict."""
        return EXIT_CODES[self.verdict]

    @property
    def manifest(self) -> Manifest | None:
        """Return the manifest, if it has its form."""
        return self.case.manifest

    @property
    def state(self) -> State | None:
        """Return what the log says, if it holds."""
        return self.case.state

    @property
    def freshness(self) -> Freshness | None:
        """Return how old the newest proof is, if there is a candidate."""
        return self.case.freshness

    @property
    def release(self) -> str:
        """Return the release's name, "" where it is not known."""
        return self.case.trust.name if self.case.trust else ""

    @property
    def version(self) -> str:
        """Return the release's version, "" where it is not known."""
        return self.manifest.version if self.manifest else ""

    @property
    def root(self) -> str:
        """Return the release root in hex, "" where it is not known."""
        return self.manifest.root if self.manifest else ""

    @property
    def rows(self) -> int:
        """Return the number of rows, 0 where it is not known."""
        return self.manifest.rows if self.manifest else 0

    @property
    def seen(self) -> Seen | None:
        """Return what to remember of the log and the trust file for the next verification; None where they did not hold."""
        if not self.case.continues:
            return None
        trust, signed = established(self.case.trust), established(self.case.signed)
        size, root = signed.checkpoint.size, signed.checkpoint.root.hex()
        return Seen(trust.log.origin, trust.log.key, size, root, signed.text, SeenTrust(trust.version, trust.digest))

    def require(self, accept_stale: timedelta | None = None) -> None:
        """Return if the release may be used.

        Args:
            accept_stale: the age up to which a stale verdict is accepted; None: none is.

        Raises:
            VerificationError: it is not verified (the code is that of the first failure).
        """
        age = self.freshness.age_seconds if self.freshness and self.verdict == "stale" else None
        is_young = accept_stale is not None and age is not None and timedelta(seconds=age) <= accept_stale
        if self.verdict != "verified" and not is_young:
            raise self.failures[0].problem(VerificationError, f"the release is not verified: {self.verdict}")
