"""`release auditor`: an auditor's keys, and the card that an institution needs of them."""

from __future__ import annotations

from pathlib import Path

import click

from release.cli._command import FOLDER, CommandGroup, command, signs
from release.cli._output import Output

auditor = CommandGroup(
    "auditor", summary="Make an auditor's keys and card.", examples=("release auditor new auditor-keys --organisation watchdog.example",)
)


@command("new", examples=("release auditor new auditor-keys --organisation watchdog.example",))
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--organisation", required=True, help="Who you are, normally a domain name.")
@click.option("--passphrase", "locked", is_flag=True, help="Lock auditor.pem with a passphrase, which is asked for.")
@signs
def new(output: Output, folder: Path, organisation: str, locked: bool) -> None:
    """Write a signing key, an age identity and the public card auditor.json into DIR."""
    from audit_logs import keys
    from release import signers, starter, store, trustfile
    from release.errors import UsageError

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("the folder is not empty", where=str(folder), expected="an empty folder, or a new name")
    trustfile.check_names(organisation)
    chosen = signers.new_passphrase(f"the new key {folder / 'auditor.pem'}") if locked else None
    store.make_private_folder(folder)
    signer = keys.generate(folder / "auditor.pem", passphrase=chosen)
    card = trustfile.card(organisation, signer, starter.write_identity(folder / "identity.age"))
    store.write_file(folder / "auditor.json", card.encode())
    output.result(
        {"organisation": organisation, "key": card.key, "card": str(folder / "auditor.json")},
        f"Wrote auditor.pem, identity.age (both for you alone) and auditor.json into {folder}.\n"
        f"Give auditor.json to the institution; its key id is {card.key}.",
    )


auditor.add_command(new)
