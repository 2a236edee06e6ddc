"""`release fingerprints`: what a list holder needs of a source, and nothing else of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, CommandGroup, command, signs
from release.cli._output import Output
from release.cli._passphrase import PASSPHRASE

if TYPE_CHECKING:
    from release.asking import Exported

EXAMPLE = "release fingerprints export plan.toml --step partner-list --holder holder.json --out to-holder"
fingerprints = CommandGroup("fingerprints", summary="Give a list holder the fingerprints of a source.", examples=(EXAMPLE,))


@command("export", examples=(EXAMPLE,))
@click.argument("plan", type=FOLDER)
@click.option("--step", required=True, help="The plan's step of kind `remote`.")
@click.option("--holder", type=FOLDER, required=True, help="The holder's card; its key has to be the one that the step names.")
@click.option("--out", type=FOLDER, required=True, help="A new folder for the holder.")
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True, help="For how long an answer counts.")
@signs
@PASSPHRASE
def export(output: Output, plan: Path, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Fingerprint every row of the source of PLAN, and write a sealed, signed request to a list holder.

    The request has digests and perceptual hashes of every row under ids that only you can make: no column, no image, no place in the
    source. What only you may know stays in the step's private folder. docs/remote.md tells what the holder learns.
    """
    from release.asking import Request
    from release.asking import export as run

    with output.progress("fingerprinting", total=None, unit="rows") as bar:
        done = run(Request(plan, **options), datetime.now(UTC), bar.update)
    output.result(_as_json(done), _in_words(done))


def _as_json(done: Exported) -> dict[str, object]:
    source = {"root": done.source_root, "rows": done.rows}
    return {"request": done.request, "key": done.keyid, "source": source, "expiresOn": done.expires_on, "out": str(done.out)}


def _in_words(done: Exported) -> str:
    return "\n".join(
        [
            f"Wrote a request about {done.rows:,} rows into {done.out}; it holds until {done.expires_on}.",
            f'  request = "{done.request}"     <- into the step of the plan',
            f"  your key id is {done.keyid}; the holder admits you by it",
            f"  private     {done.folder}: keep it, and put the answer there",
            f"Next: give {done.out} to the holder, who runs `release screen-for-others`.",
        ]
    )


fingerprints.add_command(export)
