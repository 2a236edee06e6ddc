"""`release propose`: put a candidate with its sealed evidence where its auditors can fetch it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output
from release.cli.publish import place


@command(
    "propose",
    examples=(
        "release propose candidate --to /shared/street-scenes-candidate --plan plan.toml",
        "release propose candidate --to hub:example/street-scenes-candidates --plan plan.toml",
    ),
)
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--to", "destination", required=True, help="A folder that the auditors share, or a private hub:owner/name for candidates.")
@click.option("--plan", type=FOLDER, default=Path("plan.toml"), show_default=True, help="The plan that names the trust file.")
def propose(output: Output, folder: Path, destination: str, plan: Path) -> None:
    """Put the candidate in DIR and its sealed evidence where its auditors can fetch it.

    On the Hub that is a repository of its own, which is made private, has to be private before each upload, and is never opened.
    After `release publish` has logged the release, the same command brings auditors the log that they are to cosign.
    """
    from audit_logs import store
    from audit_logs.trust import LIMIT
    from release import propose as proposals
    from release.plan import load
    from release.steps import kinds

    trust = store.read_file(load(plan, kinds()).audit.trust, LIMIT)
    done = proposals.propose(folder, place(destination, plan), trust, datetime.now(UTC))
    name = f"{done.manifest.name} {done.manifest.version}"
    value = {
        "release": done.manifest.name,
        "version": done.manifest.version,
        "destination": str(done.destination),
        "written": done.written,
    }
    said = f"{name} is {'now' if done.written else 'already'} in {done.destination}, with its sealed evidence."
    output.result(
        value,
        f"{said}\nNext: each auditor audits a copy and gives it back; `release opinion add {folder} {done.destination}` takes it over.",
    )
