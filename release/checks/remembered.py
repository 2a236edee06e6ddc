"""The state file: what a verifier saw of a log, so that nobody can show it an older or another one later."""

from __future__ import annotations

from pathlib import Path

from audit_logs import contact
from audit_logs.report import Report
from audit_logs.seen import Seen


def read(path: Path | None) -> Seen | None:
    """Return what a state file remembers; None where there is no file, or nobody asked for one.

    Raises:
        FormatError: it has not its legal form.
        StoreError: it cannot be read.
    """
    return contact.remembered(path)


def write(path: Path | None, report: Report, before: Seen | None) -> None:
    """Remember the log of a release that was verified.

    Raises:
        StoreError: the file could not be written, remembers another line (`state-other`), or was changed meanwhile (`state-changed`).
    """
    if path is not None and report.verdict == "verified" and report.seen is not None and report.seen != before:
        contact.remember(path, report.seen, before)
