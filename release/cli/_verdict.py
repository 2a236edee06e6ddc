"""What a release comes to, in words, where a command does not go on with it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from audit_logs.report import Report


def in_words(report: Report, *, where: str = "") -> Iterator[str]:
    """Yield verdict, failures, the reason of a withdrawal, and what to do next; `where` names what was accepted all the same."""
    from release.advice import explained, reason

    yield f"{report.verdict.upper()}: {report.release} {report.version}".rstrip() + where
    if not where or report.verdict != "verified":
        yield from (f"  {failure}" for failure in report.failures)
    if why := reason(report):
        yield f"The reason that the institution gives: {why}"
    yield from explained(report)


def as_json(report: Report) -> dict[str, object]:
    """Return the object that `--format json` prints of a release that is refused."""
    from audit_logs.documents import write

    return {"verdict": report.verdict, "failures": write(report.failures)}
