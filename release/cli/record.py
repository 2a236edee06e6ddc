"""`release record`: log statements that others signed, and republish the log."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output
from release.cli.publish import authority, place
from release.cli.recall import tell


@command(
    "record",
    examples=(
        "release record candidate withdrawal.sigstore.json --to published",
        "release record candidate superseded.sigstore.json --to published --trust trust-v1.json",
    ),
)
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.argument("files", type=FOLDER, nargs=-1, metavar="[STATEMENT]...")
@click.option("--plan", type=FOLDER, default=Path("plan.toml"), show_default=True, help="The plan that names keys and trust file.")
@click.option("--trust", type=FOLDER, help="The trust file that readers have pinned.  [default: the plan's]")
@click.option("--to", "destinations", multiple=True, help="A published folder of this line, of any version. May be given more than once.")
@click.option("--log-from", type=FOLDER, multiple=True, help="A folder that may hold a newer copy of the log. May be given more than once.")
@signs
def record(output: Output, folder: Path, files: tuple[Path, ...], **options: Any) -> int:  # noqa: ANN401  (click has checked their types)
    """Add signed statements to the log of DIR, and put the new log into each published folder.

    A statement is a bundle file: what `release withdraw` and `release trust supersede` write, or a late report or opinion. One that
    would be void is refused. Without any, the log of DIR and its cosignatures are handed on as they are. Exit code 5 while a folder
    waits for cosignatures.
    """
    from audit_logs.envelope import MAX_BUNDLE
    from release import record, store

    bundles = [store.read_file(path, MAX_BUNDLE) for path in files]
    places = record.Places(folder, tuple(place(one, options["plan"]) for one in options["destinations"]), options["log_from"])
    signing = authority(options["plan"], options["trust"])
    done = record.record(places, lambda _: bundles, signing, datetime.now(UTC))
    return tell(output, done, f"{done.added} of {len(bundles)} statements are new in the log of {folder}.")
