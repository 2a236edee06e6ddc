"""`release init`: a plan, keys and a trust file to start from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output


@command("init", examples=("release init first", "release init first --name example/street-scenes --organisation museum.example"))
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--name", default="example/first-release", show_default=True, help="owner/name of the dataset line.")
@click.option("--organisation", default="institution.example", show_default=True, help="Who you are, normally a domain name.")
@click.option("--auditors", type=click.IntRange(1, 100), default=2, show_default=True, help="How many organisations must pass a release.")
def init(output: Output, folder: Path, name: str, organisation: str, auditors: int) -> None:
    """Write a plan, keys, a trust file and a small example source into DIR, ready to build."""
    from release import starter

    starter.start(folder.absolute(), starter.Wanted(name, organisation, auditors), datetime.now(UTC))
    output.result(
        {"folder": str(folder), "plan": str(folder / "plan.toml"), "trust": str(folder / "trust.json")},
        f"Wrote plan, keys, trust file and a small source into {folder}. keys/ and lists/ are for you alone.\n"
        f"Next: release build {folder}/plan.toml --out {folder}/candidate\n"
        f"Then: each auditor runs `release auditor new`, and you add each card: release trust add-auditor {folder}/trust.json auditor.json",
    )
