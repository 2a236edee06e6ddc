"""The claims of an audit report, their order, and what follows from their results (docs/SPEC.md section 9.3).

confirmed      checked here, and so
refuted        checked here, and not so: the report is adverse
not-checkable  the auditor's tier, or a source that is not at hand, does not allow it: a limitation
skipped        it could have been checked and was not: the report is at best qualified
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from audit_logs.statement import AuditorList, Claim

SIGNATURES = "signatures"
LOG = "log"
FILES = "files"
ROWS = "rows"
STEPS = "steps"
COUNTS = "counts"
SOURCE_FILES = "source-files"
SOURCE_ROOT = "source-root"
FIRST_KEYED_ROOT = "first-keyed-root"
LAST_KEYED_ROOT = "last-keyed-root"
STEP_COMMITMENTS = "step-commitments"
LIST_ENTRIES = "list-entries"
FILTERS = "filters"
REMOTE_REQUEST = "remote-request"
REMOTE_ANSWER = "remote-answer"
FINGERPRINTS = "fingerprints"
NO_LISTED_ROW = "no-listed-row"

ORDER = (
    SIGNATURES,
    LOG,
    FILES,
    ROWS,
    STEPS,
    COUNTS,
    SOURCE_FILES,
    SOURCE_ROOT,
    FIRST_KEYED_ROOT,
    LAST_KEYED_ROOT,
    STEP_COMMITMENTS,
    LIST_ENTRIES,
    FILTERS,
    REMOTE_REQUEST,
    REMOTE_ANSWER,
    FINGERPRINTS,
    NO_LISTED_ROW,
)
MOST_TOLD = 400
"""Characters of a detail or limitation: whatever an institution sealed, a report stays far below what the log takes."""

NEED_MATCHES = "the auditor's tier is rows, and this needs tier matches"

Conclusion = Literal["unqualified", "qualified", "adverse"]


def told(text: str) -> str:
    """Return a text as a report may carry it: printable ASCII, and no longer than `MOST_TOLD`."""
    plain = re.sub("[^ -~]", "?", text)
    return plain if len(plain) <= MOST_TOLD else plain[: MOST_TOLD - 4] + " ..."


def confirmed(claim: str, detail: str) -> Claim:
    """Return a claim that was checked and holds."""
    return Claim(claim, "confirmed", told(detail))


def refuted(claim: str, detail: str) -> Claim:
    """Return a claim that was checked and does not hold."""
    return Claim(claim, "refuted", told(detail))


def not_checkable(claim: str, detail: str) -> Claim:
    """Return a claim that tier or source do not allow to check."""
    return Claim(claim, "not-checkable", told(detail))


def skipped(claim: str, detail: str) -> Claim:
    """Return a claim that could have been checked and was not."""
    return Claim(claim, "skipped", told(detail))


def decide(claim: str, faults: Sequence[str], detail: str) -> Claim:
    """Return a claim as refuted by its faults, or as confirmed where there is none."""
    return refuted(claim, "; ".join(faults)) if faults else confirmed(claim, detail)


def in_order(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Return claims in the order of the report."""
    return tuple(sorted(claims, key=lambda claim: ORDER.index(claim.claim)))


def conclude(claims: Sequence[Claim], lists: Sequence[AuditorList]) -> Conclusion:
    """Return the conclusion that the results allow."""
    results = {claim.result for claim in claims}
    if "refuted" in results:
        return "adverse"
    return "qualified" if "skipped" in results or not lists else "unqualified"
