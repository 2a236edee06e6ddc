"""`release build`: screen a source and write a signed candidate."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output
from release.cli._passphrase import PASSPHRASE

if TYPE_CHECKING:
    from release.build import Built


@command(
    "build",
    examples=(
        "release build plan.toml --out candidate",
        "release build plan.toml --out candidate-2 --previous published --workers 2",
    ),
)
@click.argument("plan", type=FOLDER)
@click.option("--out", type=FOLDER, required=True, help="The candidate's folder; it is not there before it is complete.")
@click.option("--previous", type=FOLDER, help="The line's last release, or a candidate of it that was never published.")
@click.option("--released", type=FOLDER, help="The line's last release, where --previous is a candidate.")
@click.option("--workers", type=click.IntRange(1), default=os.cpu_count() or 1, show_default="one for each core", help="Worker processes.")
@click.option(
    "--override",
    "overrides",
    multiple=True,
    metavar="STEP=REASON",
    callback=lambda _context, _option, values: _overrides(values),
    help="Go on although STEP removed more rows than the plan's cap. The reason is signed and published.",
)
@signs
@PASSPHRASE
def build(output: Output, plan: Path, out: Path, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Screen the source that PLAN names and write a signed candidate.

    The candidate is not public: it holds sealed evidence for the auditors. A build that was interrupted goes on where it was when
    the same command is run again; a candidate that is there already stays as it is.
    """
    from release.build import Request, build

    request = Request(plan=plan, out=out.absolute(), **options)
    built = build(request, progress=_progress(output))
    for warning in built.warnings:
        output.warn(f"not yet publishable: {warning}")
    output.result(_as_json(built), _in_words(built))


def _overrides(values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if any(not equals for _, equals, _ in pairs):
        raise click.BadParameter("expected STEP=REASON")
    return {step: reason for step, _, reason in pairs}


def _progress(output: Output) -> Callable[[int], AbstractContextManager[Callable[[int], object]]]:
    @contextmanager
    def show(rows: int) -> Iterator[Callable[[int], object]]:
        with output.progress("screening", total=rows, unit="rows") as bar:
            yield bar.update

    return show


def _as_json(built: Built) -> dict[str, object]:
    rows = {
        "in": built.manifest.source.rows,
        "kept": built.manifest.rows,
        "removed": dict(built.removed),
        "unscreenable": dict(built.unscreenable),
    }
    facts = {"release": built.manifest.name, "version": built.manifest.version, "root": built.manifest.root, "rows": rows}
    return {**facts, "again": built.again}


def _in_words(built: Built) -> str:
    manifest = built.manifest
    lines = [
        f"{'Already there' if built.again else 'Built'}: {manifest.name} {manifest.version} in {built.folder}",
        f"  rows in       {manifest.source.rows:>12,}",
        *(f"  removed       {count:>12,}  by {step}" for step, count in built.removed.items()),
        *(f"  unscreenable  {count:>12,}  {reason}" for reason, count in built.unscreenable.items()),
        f"  kept          {manifest.rows:>12,}",
        f"  root          {manifest.root}",
        *(f"  {line}" for line in built.told),
        "Next: give the folder to your auditors (`release audit`), then `release publish`.",
    ]
    return "\n".join(lines)
