"""`release publish`: publish a candidate that meets the trust policy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output

if TYPE_CHECKING:
    from release.publish import Authority, Published

INCOMPLETE = 5  # the exit code of a release that is not yet one


@command("publish", examples=("release publish candidate --to published", "release publish candidate --to published --plan plan.toml"))
@click.argument("folder", type=FOLDER)
@click.option("--to", "destination", required=True, help="A folder; what it holds is replaced in one step.")
@click.option("--plan", type=FOLDER, default=Path("plan.toml"), show_default=True, help="The plan that names keys and trust file.")
@signs
def publish(output: Output, folder: Path, destination: str, plan: Path) -> int:
    """Publish the candidate in FOLDER if the trust policy holds, else say exactly what is missing.

    The first call logs the release and waits for the auditors' cosignatures (`release audit FOLDER --cosign`); the same call again,
    once they are there, writes the destination. Exit code 5 while it waits.
    """
    from release.publish import publish

    published = publish(folder, local(destination), authority(plan), datetime.now(UTC))
    value = {
        "release": published.manifest.name,
        "version": published.manifest.version,
        "published": published.destination is not None,
        "destination": str(published.destination or ""),
        "waitingFor": list(published.waiting_for),
    }
    output.result(value, _in_words(published))
    return 0 if published.destination else INCOMPLETE


def local(destination: str) -> Path:
    """Return the folder that a destination names; this version knows no others."""
    from release.errors import UsageError

    if destination.startswith("hub:"):
        raise UsageError("this version publishes to folders", where="--to", expected="a folder", found=destination)
    return Path(destination).absolute()


def authority(plan_path: Path, trust: Path | None = None) -> Authority:
    """Return trust file and keys as a plan names them, or another trust file."""
    from audit_logs import store
    from audit_logs.trust import LIMIT
    from release import head, signers
    from release.plan import load
    from release.publish import Authority
    from release.steps import kinds

    plan = load(plan_path, kinds())
    return Authority(
        trust=store.read_file(trust or plan.audit.trust, LIMIT),
        publisher=signers.load(plan.keys.institution),
        log=signers.load_note_signer(plan.keys.log),
        head=head.place(plan.keys.log),
    )


def _in_words(published: Published) -> str:
    name = f"{published.manifest.name} {published.manifest.version}"
    if published.destination is None:
        waiting = "\n".join(f"  {organisation}" for organisation in published.waiting_for)
        return f"{name} is logged and waits for the cosignatures of\n{waiting}\nNext: each runs `release audit FOLDER --cosign`; then run this again."
    return f"Published: {name} in {published.destination}, verified as a stranger would before it was shown."
