"""`release receipt`: check a folder against the receipt of its export."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli._command import FOLDER, CommandGroup, command
from release.cli._output import Output

if TYPE_CHECKING:
    from release.consume.vetting import Checked, Source

SHOWN = 20
EXAMPLE = "release receipt check train/0123456789abcdef.receipt.json train --trust trust.json"

receipt = CommandGroup("receipt", summary="Check a folder against the receipt of its export.", examples=(EXAMPLE,))


@command("check", examples=(EXAMPLE,))
@click.argument("file", type=FOLDER, metavar="RECEIPT")
@click.argument("folder", type=FOLDER, metavar="FOLDER")
@click.option(
    "--trust",
    type=FOLDER,
    required=True,
    multiple=True,
    help="A trust file that you have pinned. More than one for releases of several lines.",
)
@click.option("--now", hidden=True, help="The time to check at, as YYYY-MM-DDTHH:MM:SSZ.")
def check(output: Output, file: Path, folder: Path, trust: tuple[Path, ...], now: str | None) -> int:
    """Prove that FOLDER holds rows of a vetted release and nothing else, or name what else it holds.

    Neither the release nor a network is needed. Files may have been copied, renamed and re-ordered, and receipts of other exports
    may lie in FOLDER too. What was withdrawn after the receipt was made is not seen here: for that, verify the release's newest copy.
    What `release verify` or `release get` remembered of the log beside a trust file is held against the receipt's.

    Exit codes: 0 vetted rows only, 5 something else as well or no row at all, or a release that was not complete; 4 a withdrawn one; 1 an error.
    """
    from audit_logs.fields import instant
    from release.checks import remembered, trust_bytes
    from release.consume.vetting import check

    moment = instant(now) if now else datetime.now(UTC)
    seen = [known for one in trust if (known := remembered.read(one.with_suffix(".seen.json"))) is not None]
    found = check(file, folder, [trust_bytes(one) for one in trust], now=moment, seen=seen)
    output.result(found.as_json(), "\n".join(_in_words(found)))
    return found.exit_code


receipt.add_command(check)


def _in_words(found: Checked) -> Iterator[str]:
    if found.failures:
        yield f"{found.verdict.upper()}: the receipt proves nothing, because its release is {found.verdict}."
        yield from (f"  {failure}" for failure in found.failures)
        return
    yield f"{found.vetted} vetted + {len(found.unscreened)} unscreened."
    for one in found.unscreened[:SHOWN]:
        yield f"  {one.path}: {one.reason}"
    if not found.vetted and not found.unscreened:
        yield "  There is neither a picture nor a row in this folder: is it the right one?"
    if len(found.unscreened) > SHOWN:
        yield f"  and {len(found.unscreened) - SHOWN} more; --format json names all"
    for source in found.sources:
        yield _source(source)
    yield "Not checked: whether a release was withdrawn since then. Verify its newest copy to learn that."


def _source(source: Source) -> str:
    when = "" if source.confirmed is None else f" on {datetime.fromtimestamp(source.confirmed, UTC):%Y-%m-%d}"
    side = "" if source.separation is None else f" Its separation is `{source.separation}`: do not mix it with pictures of the other side."
    later = (
        f" The log that you saw since then has {source.later} more entries, of which the receipt knows nothing: "
        "the release may have been withdrawn. Verify its newest copy."
        if source.later
        else ""
    )
    return (
        f"Rows of {source.release} {source.version}, passed by {', '.join(source.organisations)}; the log was confirmed{when}.{side}{later}"
    )
