"""`release plan`: show a plan's canonical form, check what it needs, estimate what a build of it takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli._command import FOLDER, CommandGroup, command, signs
from release.cli._output import Output
from release.cli._passphrase import PASSPHRASE

if TYPE_CHECKING:
    from release.build.check import Checked, Need
    from release.build.explain import Explained

plan = CommandGroup(
    "plan", summary="Show, check and explain a plan.", examples=("release plan show plan.toml", "release plan check plan.toml")
)


@command("show", examples=("release plan show plan.toml", "release plan show plan.toml --format json"))
@click.argument("file", type=FOLDER, metavar="PLAN")
def show(output: Output, file: Path) -> None:
    """Check PLAN and show what it comes to, with every default, and the digest that attestations carry."""
    from release.plan import load
    from release.steps import kinds

    read = load(file, kinds())
    canonical = read.canonical()
    output.result({"digest": read.digest, "plan": canonical}, f"{json.dumps(canonical, indent=2)}\nplan digest {read.digest}")


@command("check", examples=("release plan check plan.toml",))
@click.argument("file", type=FOLDER, metavar="PLAN")
@signs
@PASSPHRASE
def check(output: Output, file: Path) -> int:
    """Tell PLAN's steps in words, what each needs, and whether it is there.

    No row is read and no list value is shown. The exit code is 1 where something is missing.
    """
    from datetime import UTC, datetime

    from release.build.check import check
    from release.plan import load
    from release.steps import kinds

    checked = check(load(file, kinds()), datetime.now(UTC).date())
    output.result({"complete": checked.complete, **asdict(checked)}, "\n".join(_words(checked)))
    return 0 if checked.complete else 1


def _words(checked: Checked) -> Iterator[str]:
    yield from map(_need, checked.needs)
    for number, step in enumerate(checked.steps, 1):
        yield f"{number}. {step.name} ({step.kind})" + (f" takes {step.takes}" if step.takes else "")
        yield from map(_need, step.needs)
    yield from (f"   not said {note}" for note in checked.notes)
    yield "Everything is there." if checked.complete else "Something is missing: a build would be refused."


def _need(need: Need) -> str:
    return f"   {'there  ' if need.there else 'MISSING'}  {need.what}: {need.detail}"


@command("explain", examples=("release plan explain plan.toml", "release plan explain plan.toml --shards 8"))
@click.argument("file", type=FOLDER, metavar="PLAN")
@click.option("--shards", type=click.IntRange(1), default=3, show_default=True, help="How many shards of the source to screen.")
@PASSPHRASE
def explain(output: Output, file: Path, shards: int) -> None:
    """Estimate rows, time and memory of a build of PLAN from a sample of shards.

    The source is opened and hashed as a build does it, some of its shards are screened by one worker, and what that wrote is deleted.
    """
    from datetime import UTC, datetime

    from release.build.explain import explain
    from release.plan import load
    from release.steps import kinds

    with output.progress("screening a sample", total=None, unit="rows") as bar:
        found = explain(load(file, kinds()), datetime.now(UTC).date(), shards, bar.update)
    output.result(asdict(found), "\n".join(_estimate(found)))


def _estimate(found: Explained) -> Iterator[str]:
    yield f"From {found.sampled_rows:,} rows in {found.sampled_shards:,} of {found.shards:,} shards, a build may come to:"
    yield f"  rows in       {found.rows:>14,}"
    for step, count in found.removed.items():
        yield f"  removed       {count:>14,}  by {step}" + (" (not tried: it needs every shard)" if step in found.later else "")
    yield f"  unscreenable  {found.unscreenable:>14,}"
    yield f"  kept          {found.kept:>14,}"
    yield f"  data files    {found.bytes / 1e6:>14,.1f}  MB"
    yield f"  screening     {found.seconds:>14,.1f}  seconds by one worker; it shrinks with the number of workers and cores"
    yield f"  pinning       {found.pinning:>14,.1f}  seconds, as measured"
    yield f"  memory        {found.memory / 1e6:>14,.1f}  MB for each worker with its decoder"


plan.add_command(show)
plan.add_command(check)
plan.add_command(explain)
