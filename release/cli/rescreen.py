"""`release rescreen`: a list against the fingerprints that were sealed with a candidate, without an image; counts only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output
from release.cli._passphrase import PASSPHRASE

if TYPE_CHECKING:
    from release.audit.rescreen import Rescreened


@command(
    "rescreen",
    examples=(
        "release rescreen candidate --identity officer.age --lists lists --list known-pdq",
        "release rescreen candidate --identity officer.age --lists lists --list known-pdq --new-only --format json",
    ),
)
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option(
    "--identity", type=FOLDER, required=True, help="An age identity that opens the sealed evidence: the officer's or an auditor's."
)
@click.option("--lists", "store", type=FOLDER, required=True, help="The list store.")
@click.option("--list", "name", required=True, help="The list.")
@click.option(
    "--distance", type=click.IntRange(0, 64), default=31, show_default=True, help="Largest distance in bits of a near match, of 256."
)
@click.option("--new-only", is_flag=True, help="Only entries that the release was not screened with; takes tier `matches`.")
@PASSPHRASE
def rescreen(output: Output, folder: Path, **options: object) -> int:
    """Match a newer list with the fingerprints of the rows that the candidate in DIR kept.

    DIR is the candidate as it was built, with its sealed evidence. No image is read, and no row is named: which rows go is decided by
    the next build. Exit codes: 0 no row matches, 1 some do, or an error.
    """
    from release.audit.rescreen import Request
    from release.audit.rescreen import rescreen as run
    from release.cli import interrupted

    with output.progress("matching", total=None, unit="rows") as bar:

        def tick(rows: int) -> None:
            interrupted.check()
            bar.update(rows)

        done = run(Request(folder=folder, **options), tick)  # type: ignore[arg-type]  # click has checked their types
    output.result(_as_json(done), _in_words(done))
    return 1 if done.rows_matched else 0


def _as_json(done: Rescreened) -> dict[str, object]:
    return {
        "release": done.release,
        "rows": done.rows,
        "rowsMatched": done.rows_matched,
        "matched": done.matched,
        "entries": done.entries,
        "notMatched": list(done.unused),
    }


def _in_words(done: Rescreened) -> str:
    entries = ", ".join(f"{count:,} {kind}" for kind, count in done.entries.items())
    lines = [f"{done.rows_matched:,} of the {done.rows:,} kept rows of {done.release} match an entry ({entries})."]
    lines += [f"  {kind:<8} {count:,} rows" for kind, count in done.matched.items() if done.rows_matched]
    if done.unused:
        lines.append(f"Not matched, as a rescreen has no way to: entries of type {', '.join(done.unused)}.")
    if done.rows_matched:
        lines.append("Next: build and publish a new version with this list; `release recall` the old one if nobody may use it any longer.")
    return "\n".join(lines)
