"""`release screen-for-others`: the holder's side of a remote step. What it prints are counts, never a row."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output
from release.cli._passphrase import PASSPHRASE

if TYPE_CHECKING:
    from release.holder import Answered


EXAMPLE = (
    "release screen-for-others to-holder --list known-pdq --lists lists --admitted admitted.toml --key auditor.pem --identity identity.age"
    " --out to-institution"
)


@command("screen-for-others", examples=(EXAMPLE,))
@click.argument("folder", type=FOLDER, metavar="REQUEST")
@click.option("--list", "names", multiple=True, required=True, help="A list to compare with; may be given again.")
@click.option("--lists", "store", type=FOLDER, required=True, help="The list store.")
@click.option("--admitted", type=FOLDER, required=True, help="The file that says who is served, and how much.")
@click.option("--served", type=FOLDER, help="The private record of what was asked.  [default: beside --admitted]")
@click.option("--key", type=FOLDER, required=True, help="Your signing key.")
@click.option("--identity", type=FOLDER, required=True, help="Your age identity, which opens the request.")
@click.option("--out", type=FOLDER, required=True, help="A new folder for the answer.")
@signs
@PASSPHRASE
def screen_for_others(output: Output, names: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Compare the request of another institution with your lists, and write a sealed, signed answer.

    REQUEST is the folder that the institution gave you. Only requesters in the file of the admitted are served, within their budgets; a
    request is used up even where it is refused for what it holds. The answer has the ids of the rows that matched, sealed to the institution: no
    distance, list or entry.
    """
    from release.cli import interrupted
    from release.holder import Request, answer

    with output.progress("comparing", total=None, unit="rows") as bar:

        def tick(rows: int) -> None:
            interrupted.check()
            bar.update(rows)

        done = answer(Request(lists=names, **options), datetime.now(UTC), tick)
    output.result(_as_json(done), _in_words(done))


def _as_json(done: Answered) -> dict[str, object]:
    counts = {"rows": done.rows, "matched": done.matched, "pictures": done.pictures}
    return {"requester": done.requester, "release": done.name, **counts, "answer": done.statement, "out": str(done.out)}


def _in_words(done: Answered) -> str:
    return "\n".join(
        [
            f"Compared {done.rows:,} rows of {done.name} for {done.requester}: {done.matched:,} matched.",
            f'  answer = "{done.statement}"     <- tell the institution; it goes into its plan',
            f"Next: give {done.out} back to the institution.",
        ]
    )
