"""`release opinion`: what auditors give back, on its way into the candidate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from release.cli._command import FOLDER, CommandGroup, command
from release.cli._output import Output

if TYPE_CHECKING:
    from release.opinions import Added

_ADD = (
    "release opinion add candidate /shared/street-scenes-candidate --plan plan.toml",
    "release opinion add candidate hub:example/street-scenes-candidates --plan plan.toml",
)
_SEND = "release opinion send candidate --to hub:example/street-scenes-candidates"

opinion = CommandGroup("opinion", summary="Give back, or take over, reports, opinions and cosignatures.", examples=(_ADD[0], _SEND))


@command("add", examples=_ADD)
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.argument("sources", nargs=-1, required=True, metavar="FROM...")
@click.option("--plan", type=FOLDER, default=Path("plan.toml"), show_default=True, help="The plan that names the trust file.")
def add_opinions(output: Output, folder: Path, sources: tuple[str, ...], plan: Path) -> int:
    """Bring each auditor's report, opinion and cosignature into the candidate in DIR.

    FROM is an auditor's copy of the candidate, a folder that all share, a single file, or the repository for candidates on the Hub with
    its pull requests. What does not hold is named and left where it is. Exit code 1 if there was any.
    """
    from release import trustfile
    from release.cli.publish import place
    from release.opinions import add
    from release.plan import load
    from release.steps import kinds

    trust = trustfile.read(load(plan, kinds()).audit.trust)
    added = add(folder, [place(source, plan) for source in sources], trust)
    value = {
        "opinions": added.opinions,
        "cosigned": added.cosigned,
        "older": added.older,
        "refused": [{"where": str(refused.piece), "code": refused.code} for refused in added.refused],
    }
    output.result(value, "\n".join(_in_words(added, folder)))
    return 1 if added.refused else 0


@command("send", examples=(_SEND,))
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--to", "destination", required=True, help="The repository for candidates, hub:owner/name.")
def send_opinion(output: Output, folder: Path, destination: str) -> None:
    """Give report, opinion and cosignature in DIR back, as a pull request to the repository from which the candidate came.

    DIR is the copy that `release audit` worked on. The request is as private as its repository.
    """
    from release.consume.address import parse
    from release.hubplace import HubDestination
    from release.opinions import send

    request = send(folder, HubDestination(parse(destination).name))
    value = {"destination": destination, "request": request}
    output.result(value, f"Sent to {destination} as {request}." if request else f"All of it is at {destination} already.")


def _in_words(added: Added, folder: Path) -> list[str]:
    lines = [f"{organisation}: {result}, report and opinion are now in {folder}." for organisation, result in added.opinions.items()]
    lines += [f"{organisation} has cosigned the log." for organisation in added.cosigned]
    lines += [
        f"{organisation} has cosigned an older state of the log, and is asked again once the release is logged."
        for organisation in added.older
    ]
    lines += [f"left out: {refused.piece} ({refused.code}; docs/errors.md tells what that means)" for refused in added.refused]
    return [*(lines or ["There is nothing new."]), "Next: `release publish DIR --to DEST` says what is missing."]


for _command in (add_opinions, send_opinion):
    opinion.add_command(_command)
