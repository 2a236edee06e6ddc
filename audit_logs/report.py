"""What a verification found: verdict, facts with who stands behind them, and what is not proven. Source: docs/SPEC.md section 14."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from audit_logs import fields
from audit_logs.errors import VerificationError
from audit_logs.manifest import Manifest
from audit_logs.replay import State
from audit_logs.seen import Seen
from audit_logs.statement import ListUse

EXIT_CODES = {"verified": 0, "failed": 1, "stale": 3, "withdrawn": 4, "incomplete": 5}
INCOMPLETE_CODES = frozenset({"no-candidate", "not-released", "opinions-missing", "opinions-tier", "unknown-type", "superseded"})
STALE_CODES = frozenset({"stale", "cosignature-future"})
WITHDRAWN_CODE = "withdrawn"


@dataclass(frozen=True, slots=True)
class Failure:
    """One reason why a release is not verified: a stable code, a place, what was expected there and what was found."""

    code: str
    where: str = ""
    expected: str = ""
    found: str = ""

    def __str__(self) -> str:
        """Return the reason in one line."""
        parts = (("at", self.where), ("expected", self.expected), ("found", self.found))
        return "; ".join([self.code, *(f"{name} {value}" for name, value in parts if value)])


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so, and who stands behind it: `proven here`, `checked by ...` or `claimed by ...`."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class StepSummary:
    """A filtering step with the counts, the lists and the override that the institution claims."""

    name: str
    kind: str
    order: int
    rows_in: int
    rows_out: int
    removed: int
    unscreenable: int
    kept_low_quality: int
    override: str
    covers: str
    lists: tuple[ListUse, ...]


@dataclass(frozen=True, slots=True)
class OpinionSummary:
    """An engaged or trusted auditor: its verdict, its report's conclusion, and whether that counts, else why not."""

    organisation: str
    result: str
    conclusion: str
    tier: str
    counts: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the quorum's cosignatures are, in seconds (None: no quorum), and how old they may be."""

    age_seconds: int | None
    limit_seconds: int
    quorum: int
    witnesses: int


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a verification. `facts` is empty where the verdict is failed: nothing should be believed then.

    Attributes:
        verdict: `verified`, `stale`, `incomplete`, `withdrawn` or `failed`.
        release: the release's name, "" where it is not known.
        root: the release root in hex; rows: the number of rows.
        separation: which rows with one signal a `separate` step let stay; None without such a step.
        failures: why the verdict is not `verified`.
        not_proven: sentences in plain words.
        seen: what to remember of the log for the next verification; None where the log did not hold.
    """

    verdict: str
    release: str
    version: str
    root: str
    rows: int
    separation: str | None
    steps: tuple[StepSummary, ...]
    opinions: tuple[OpinionSummary, ...]
    freshness: Freshness | None
    facts: tuple[Fact, ...]
    failures: tuple[Failure, ...]
    not_proven: tuple[str, ...]
    manifest: Manifest | None
    state: State | None
    seen: Seen | None

    @property
    def exit_code(self) -> int:
        """Return the exit code of the verdict."""
        return EXIT_CODES[self.verdict]

    def require(self, accept_stale: timedelta | None = None) -> None:
        """Return if the release may be used.

        Args:
            accept_stale: the age up to which a stale verdict is accepted; None: none is.

        Raises:
            VerificationError: it is not verified (the code is that of the first failure).
        """
        if self.verdict == "verified" or (self.verdict == "stale" and self._young_enough(accept_stale)):
            return
        first = self.failures[0] if self.failures else Failure(self.verdict)
        raise VerificationError(
            f"the release is not verified: {self.verdict}", where=first.where, expected=first.expected, found=first.found, code=first.code
        )

    def _young_enough(self, limit: timedelta | None) -> bool:
        age = None if self.freshness is None else self.freshness.age_seconds
        return limit is not None and age is not None and timedelta(seconds=age) <= limit

    def as_json(self) -> Mapping[str, Any]:
        """Return the object that `--format json` prints."""
        names = ("verdict", "release", "version", "root", "rows", "separation", "steps", "opinions", "freshness", "failures", "facts")
        document = {name: fields.write(getattr(self, name)) for name in names}
        return document | {"notProven": list(self.not_proven)}


def verdict_of(failures: tuple[Failure, ...]) -> str:
    """Return the verdict for the reasons that were found, by the precedence of section 14."""
    codes = {failure.code for failure in failures}
    if codes - INCOMPLETE_CODES - STALE_CODES - {WITHDRAWN_CODE}:
        return "failed"
    if WITHDRAWN_CODE in codes:
        return "withdrawn"
    if codes & INCOMPLETE_CODES:
        return "incomplete"
    return "stale" if codes else "verified"
