"""`release publish`: publish a candidate that meets the trust policy."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output

if TYPE_CHECKING:
    from release.hubplace import HubDestination
    from release.publish import Authority, Published

INCOMPLETE = 5  # the exit code of a release that is not yet one


@command(
    "publish",
    examples=("release publish candidate --to published", "release publish candidate --to hub:example/street-scenes --plan plan.toml"),
)
@click.argument("folder", type=FOLDER)
@click.option("--to", "destination", required=True, help="A folder, or hub:owner/name; what it holds is replaced in one step.")
@click.option("--plan", type=FOLDER, default=Path("plan.toml"), show_default=True, help="The plan that names keys and trust file.")
@signs
def publish(output: Output, folder: Path, destination: str, plan: Path) -> int:
    """Publish the candidate in FOLDER if the trust policy holds, else say exactly what is missing.

    The first call logs the release and waits for the auditors' cosignatures (`release audit FOLDER --cosign`); the same call again,
    once they are there, writes the destination. Exit code 5 while it waits.

    On the Hub a new repository is private until one commit with the whole release was read back, has its tag and its gate.
    Evidence is never uploaded there.
    """
    from release.publish import publish

    published = publish(folder, place(destination, plan), authority(plan), datetime.now(UTC))
    value = {
        "release": published.manifest.name,
        "version": published.manifest.version,
        "published": published.destination is not None,
        "destination": str(published.destination or ""),
        "waitingFor": list(published.waiting_for),
        "remark": published.remark,
    }
    output.result(value, _in_words(published))
    return 0 if published.destination else INCOMPLETE


def place(destination: str, plan_path: Path) -> Path | HubDestination:
    """Return the folder or the repository that a destination names; a plan says how readers come to the latter."""
    from release.consume.address import is_on_hub, parse
    from release.errors import UsageError

    if not is_on_hub(destination):
        return Path(destination).absolute()
    address = parse(destination)
    if address.version is not None:
        raise UsageError("a version is not named: it is the candidate's", where="--to", expected=f"hub:{address.name}", found=destination)

    from release.build.frontmatter import gate_lines
    from release.hubplace import HubDestination
    from release.plan import load
    from release.steps import kinds

    hub = load(plan_path, kinds()).hub
    return HubDestination(address.name, hub.gated, gate_lines(hub))


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
    said = f"Published: {name} in {published.destination}, verified as a stranger would before it was shown."
    return f"{said}\n{published.remark}".rstrip()
