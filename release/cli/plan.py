"""`release plan`: check a plan and show its canonical form."""

from __future__ import annotations

import json
from pathlib import Path

import click

from release.cli._command import FOLDER, CommandGroup, command
from release.cli._output import Output

plan = CommandGroup("plan", summary="Check a plan and show its canonical form.", examples=("release plan show plan.toml",))


@command("show", examples=("release plan show plan.toml", "release plan show plan.toml --format json"))
@click.argument("file", type=FOLDER, metavar="PLAN")
def show(output: Output, file: Path) -> None:
    """Check PLAN and show what it comes to, with every default, and the digest that attestations carry."""
    from release.plan import load
    from release.steps import kinds

    read = load(file, kinds())
    canonical = read.canonical()
    output.result({"digest": read.digest, "plan": canonical}, f"{json.dumps(canonical, indent=2)}\nplan digest {read.digest}")


plan.add_command(show)
