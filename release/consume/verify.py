"""The full verifier: everything that `audit_logs.verify` checks, and every row (docs/SPEC.md section 13.8)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from audit_logs.files import FolderFiles
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.verify import verify as verify_light
from release.checks import DataChecks, local_folder, remembered, trust_bytes


def verify(path: Path | str, trust: Path | str | bytes, *, state: Path | None = None, now: datetime | None = None) -> Report:
    """Verify a release down to its rows and return what was found; a release that fails is a report too.

    Args:
        path: the release's folder.
        trust: the pinned trust file or its bytes; never the copy that lies in the release.
        state: what was seen of the log before, to notice a log that was rolled back; a verified log is remembered there.
        now: the time, if not this machine's.

    Raises:
        UsageError: `path` names a repository on the Hub, which has to be downloaded first.
        TrustError: the trust file cannot be read.
        StoreError: the folder cannot be listed, or the state file cannot be read or written.
    """
    seen = remembered.read(state)
    report = check(path, trust, seen=seen, now=now)
    remembered.write(state, report, seen)
    return report


def check(path: Path | str, trust: Path | str | bytes, *, seen: Seen | None, now: datetime | None = None, workers: int = 1) -> Report:
    """Verify as `verify` does, and write nothing.

    Args:
        path: as `verify`.
        trust: as `verify`.
        seen: what was remembered of the log.
        now: as `verify`.
        workers: processes that check rows, at most.

    Raises:
        UsageError: as `verify`.
        TrustError: as `verify`.
        StoreError: the folder cannot be listed.
    """
    folder = local_folder(path)
    moment = now or datetime.now(UTC)
    return verify_light(FolderFiles(folder), trust_bytes(trust), now=moment, seen=seen, extra_checks=DataChecks(folder, workers))
