"""`release recall`: withdraw a release, and republish the log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output
from release.cli.publish import INCOMPLETE, authority, place

if TYPE_CHECKING:
    from release.record import Recorded


@command(
    "recall",
    examples=(
        'release recall published --reason "a rights holder objects to 3 pictures"',
        'release recall candidate --reason "screened against an outdated list" --to published --plan plan.toml',
    ),
)
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--reason", required=True, help="For the readers of the log; it can never be taken back.")
@click.option("--plan", type=FOLDER, default=Path("plan.toml"), show_default=True, help="The plan that names keys and trust file.")
@click.option("--to", "destinations", multiple=True, help="A published folder of this line, of any version. May be given more than once.")
@click.option("--log-from", type=FOLDER, multiple=True, help="A folder that may hold a newer copy of the log. May be given more than once.")
@signs
def recall(output: Output, folder: Path, reason: str, **options: Any) -> int:  # noqa: ANN401  (click has checked their types)
    """Log a signed withdrawal of the release in DIR, and put the new log into each published folder.

    DIR is the release's candidate or a published copy of it. From then on a verifier that has the new log says `withdrawn` (exit
    code 4) of it. A folder that holds another version of the line gets the new log once the auditors have cosigned it
    (`release audit DIR --cosign`): run the same command again. Exit code 5 while it waits.
    """
    from release import record

    places = record.Places(folder, tuple(place(one, options["plan"]) for one in options["destinations"]), options["log_from"])
    done = record.recall(places, reason, authority(options["plan"]), datetime.now(UTC))
    name = f"{done.manifest.name} {done.manifest.version}"
    return tell(output, done, f"{name} is {'now' if done.added else 'already'} withdrawn in the log of {folder}.")


def tell(output: Output, done: Recorded, first: str) -> int:
    """Say what was recorded and what is waited for, and return the exit code."""
    value = {
        "release": done.manifest.name,
        "version": done.manifest.version,
        "added": done.added,
        "written": [{"destination": str(path), "verdict": verdict} for path, verdict in done.verdicts.items()],
        "waiting": [{"destination": str(path), "for": list(organisations)} for path, organisations in done.waiting.items()],
    }
    lines = [first, *(f"  {path} has the new log; a verifier says of it: {verdict}" for path, verdict in done.verdicts.items())]
    for path, organisations in done.waiting.items():
        lines.append(f"  {path} waits for the cosignatures of {', '.join(organisations)}")
    if done.waiting:
        lines.append("Next: each runs `release audit DIR --cosign`; then run this again.")
    output.result(value, "\n".join(lines))
    return INCOMPLETE if done.waiting else 0
