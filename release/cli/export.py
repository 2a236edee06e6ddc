"""`release export`: a verified release as a folder that a trainer reads, with a receipt."""

from __future__ import annotations

import re
import shlex
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli import _verdict
from release.cli._command import FOLDER, command
from release.cli._output import Output

if TYPE_CHECKING:
    from release.consume.export import Exported

LAYOUTS = ("imagefolder", "kohya", "webdataset", "jsonl")
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Age(click.ParamType[timedelta]):
    """A length of time such as `36h` or `14d`."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401  (click's signature)
        """Return the time that a text names."""
        parts = re.fullmatch(r"([0-9]{1,8})([smhd])", str(value))
        if parts is None:
            raise click.BadParameter("expected a number and one of s, m, h, d, as in 14d", ctx, param)
        return timedelta(seconds=int(parts[1]) * _UNITS[parts[2]])


@command(
    "export",
    examples=(
        "release export published --as kohya --out train --trust trust.json",
        'release export published --as imagefolder --out large --trust trust.json --where "width >= 512" --columns image,caption',
        "release export published --as webdataset --out shards --trust trust.json --split train",
    ),
)
@click.argument("folder", metavar="DIR")
@click.option("--as", "layout", type=click.Choice(LAYOUTS), required=True, help="The layout that your trainer reads.")
@click.option("--out", type=FOLDER, required=True, help="The folder to make; nothing may be there yet.")
@click.option("--trust", type=FOLDER, required=True, help="The trust file that you have pinned; never the one in the release.")
@click.option(
    "--where",
    multiple=True,
    metavar="CONDITION",
    help='Only rows that meet it: "width >= 512". May be given more than once: all have to hold.',
)
@click.option("--columns", metavar="NAMES", help="Which columns, with commas between.  [default: all that the layout can hold]")
@click.option("--split", help="Only this split.")
@click.option(
    "--captions",
    type=click.Choice(("txt", "json")),
    default="txt",
    show_default=True,
    help="For kohya: a .txt beside each picture, or one metadata.json.",
)
@click.option("--allow-stale", type=Age(), help="Accept a release whose newest proof is up to this old, such as 14d.")
def export(output: Output, folder: str, layout: str, out: Path, **options: Any) -> int:  # noqa: ANN401  (click has checked their types)
    """Write the rows of a verified release in the layout that a trainer reads, with a receipt.

    Pictures are written byte for byte as they were screened. The receipt (`*.receipt.json` in the new folder) proves which rows of
    which release they are: `release receipt check` needs it, the folder and your trust file, and neither release nor network.

    Exit codes: 0 exported; 1 failed, 3 stale, 4 withdrawn, 5 incomplete, as `release verify` says it: nothing is written then.
    """
    from release.advice import RefusedError
    from release.consume import Wanted, open_release
    from release.consume.export import as_json, export

    columns = options["columns"]
    wanted = Wanted(layout, options["captions"], None if columns is None else tuple(columns.split(",")), options["where"], options["split"])
    try:
        opened = open_release(folder, options["trust"], options["allow_stale"])
    except RefusedError as refused:
        output.result(_verdict.as_json(refused.report), "\n".join(_verdict.in_words(refused.report)))
        return refused.report.exit_code
    with output.progress("rows", total=opened.manifest.rows, unit="rows") as bar:
        exported = export(opened, out, wanted, progress=bar.update)
    opened.remember()
    output.result(as_json(exported), _in_words(exported, options["trust"]))
    return 0


def _in_words(exported: Exported, trust: Path) -> str:
    lines = [f"{exported.rows} rows ({exported.bytes / 1e6:.1f} MB of pictures) in {exported.folder}."]
    lines += [f"  left out: {count} rows: {reason}" for reason, count in exported.left_out.items()]
    if exported.columns_left_out:
        lines.append(f"  left out: columns {', '.join(map(ascii, exported.columns_left_out))}, which this layout cannot hold")
    words = ("release", "receipt", "check", str(exported.receipt), str(exported.folder), "--trust", str(trust))
    lines.append(f"Receipt: {exported.receipt}. Check the folder at any time: {shlex.join(words)}")
    return "\n".join(lines)
