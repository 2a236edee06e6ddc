"""`release get`: fetch a release from the Hub, verify it, and only then make it visible."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output
from release.cli._trusting import trusting
from release.cli.export import Age

if TYPE_CHECKING:
    from release.consume.changes import Changes
    from release.consume.get import Got


@command(
    "get",
    examples=(
        "release get hub:example/street-scenes --out street-scenes --trust trust.json",
        "release get hub:example/street-scenes@1.2.0 --out street-scenes-1.2.0 --trust trust.json",
        "release get hub:example/street-scenes --out street-scenes --trust trust.json --allow-stale 14d",
    ),
)
@click.argument("address", metavar="hub:NAME[@VERSION]")
@click.option(
    "--out", type=FOLDER, required=True, help="The folder for it. A release of this line that is there is replaced by the newest."
)
@click.option("--trust", type=FOLDER, help="The trust file that you have pinned; never the one in the release.")
@click.option("--trust-digest", metavar="SHA256", help="The trust file in the release, if it has this digest.")
@click.option(
    "--trust-on-first-use",
    is_flag=True,
    help="The trust file in the release, though nobody vouched for it; pinned as --trust, or beside --out.",
)
@click.option("--allow-stale", type=Age(), help="Accept a release whose newest proof is up to this old, such as 14d.")
@click.option("--allow-withdrawn", is_flag=True, help="Fetch a release that was withdrawn all the same.")
def get(output: Output, address: str, out: Path, **options: Any) -> int:  # noqa: ANN401  (click has checked their types)
    """Download a release, verify everything, and only then let it appear in OUT.

    Nothing that the Hub says is believed. A run that was cut off goes on where it was; run again later, it fetches what is new, and
    says what changed. The default branch gives the newest log also for an older version.

    Exit codes: 0 verified, or accepted; 1 failed, 3 stale, 4 withdrawn, 5 incomplete: OUT is then as it was.
    """
    from release.consume import address as addresses
    from release.consume.fetch import Wish
    from release.consume.get import get

    accepted = options["allow_stale"], options["allow_withdrawn"]
    with output.progress("bytes", total=None, unit="B") as bar:
        choose = trusting(output, out, options).choose
        wish = Wish(addresses.parse(address), choose, *accepted, workers=os.cpu_count() or 1, progress=bar.update)
        got = get(wish, out)
    for note in got.notes:
        output.warn(note)
    output.result(_as_json(got), "\n".join(_in_words(got)))
    return 0 if got.folder is not None else got.report.exit_code


def _as_json(got: Got) -> dict[str, object]:
    from audit_logs.documents import write
    from audit_logs.telling import as_json, tell
    from release.cli._verdict import as_json as refused

    value = dict(as_json(tell(got.report))) if got.folder is not None else refused(got.report)
    return value | {"folder": None if got.folder is None else str(got.folder), "changes": write(got.changes)}


def _in_words(got: Got) -> Iterator[str]:
    from release.cli._verdict import in_words

    yield from in_words(got.report, where="" if got.folder is None else f" in {got.folder}")
    if got.changes is not None:
        yield from _changes(got.changes)


def _changes(found: Changes) -> Iterator[str]:
    if found.before == found.after and found.added == found.gone == 0:
        yield f"Nothing new in {found.after}, but {'a newer log' if found.log else 'that it was confirmed again'}."
        return
    rows = (
        "rows cannot be counted, because the older copy is damaged"
        if found.added is None
        else f"{found.added} rows added, {found.gone} rows withdrawn"
    )
    yield f"From {found.before} to {found.after}: {rows}."
    yield from (f"  {text}" for text in (*found.lists, *found.auditors))
