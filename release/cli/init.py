"""`release init`: a plan, keys and a trust file to start from."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output


@command("init", examples=("release init first", "release init first --name example/street-scenes --organisation museum.example"))
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--name", default="example/first-release", show_default=True, help="owner/name of the dataset line.")
@click.option("--organisation", default="institution.example", show_default=True, help="Who you are, normally a domain name.")
@click.option("--auditors", type=click.IntRange(1, 100), default=2, show_default=True, help="How many organisations must pass a release.")
@click.option("--passphrase", "locked", is_flag=True, help="Lock the keys with a passphrase, which is asked for.")
@signs
def init(output: Output, folder: Path, locked: bool, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Write a plan, keys, a trust file and a small example source into DIR, ready to build."""
    from release import signers, starter

    chosen = signers.new_passphrase(f"the new keys in {folder}") if locked else None
    starter.start(folder.absolute(), starter.Wanted(passphrase=chosen, **options), datetime.now(UTC))
    output.result(
        {"folder": str(folder), "plan": str(folder / "plan.toml"), "trust": str(folder / "trust.json")},
        f"Wrote plan, keys, trust file and a small source into {folder}. keys/ and lists/ are for you alone.\n"
        f"Next: release build {folder}/plan.toml --out {folder}/candidate\n"
        f"Then: each auditor runs `release auditor new`, and you add each card: release trust add-auditor {folder}/trust.json auditor.json",
    )
