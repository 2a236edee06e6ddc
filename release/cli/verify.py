"""`release verify`: the full verifier, with the report, verdicts and exit codes of `python -m audit_logs verify`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output


@command(
    "verify",
    examples=(
        "release verify published --trust trust.json",
        "release verify published --trust trust.json --format json",
    ),
)
@click.argument("folder", metavar="DIR")
@click.option("--trust", type=FOLDER, required=True, help="The trust file that you have pinned; never the one in the release.")
@click.option("--state", type=FOLDER, help="What was seen of the log before.  [default: beside the trust file]")
@click.option("--now", hidden=True, help="The time to verify at, as YYYY-MM-DDTHH:MM:SSZ.")
def verify(output: Output, folder: str, trust: Path, state: Path | None, now: str | None) -> int:
    """Verify a release from its bytes, offline, down to each row, and give a verdict.

    Exit codes: 0 verified, 1 failed, 3 stale, 4 withdrawn, 5 incomplete; 2 is a wrong call.
    """
    from audit_logs.cli import human
    from audit_logs.errors import StoreError
    from audit_logs.fields import instant
    from release.checks import default_state, local_folder, outside, remembered
    from release.consume.verify import check
    from release.errors import UsageError

    place = state or default_state(trust)
    seen = remembered.read(place)
    report = check(folder, trust, seen=seen, now=instant(now) if now else None, workers=os.cpu_count() or 1)
    output.result(report.as_json(), human(report))
    try:  # the verdict does not depend on whether it can be remembered
        remembered.write(outside(place, local_folder(folder), "the state file"), report, seen)
    except (StoreError, UsageError) as problem:
        output.warn(f"nothing is remembered of the log: {problem}")
    return report.exit_code
