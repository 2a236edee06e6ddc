"""`release verify`: the full verifier, with the report, verdicts and exit codes of `python -m audit_logs verify`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, command
from release.cli._output import Output
from release.cli._page import page_place, write_page
from release.cli._trusting import trusting

if TYPE_CHECKING:
    from audit_logs.contact import Chosen
    from audit_logs.report import Report
    from audit_logs.seen import Seen


@command(
    "verify",
    examples=(
        "release verify published --trust trust.json",
        "release verify published --trust trust.json --format json",
        "release verify published --trust-digest 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        "release verify published --trust-on-first-use",
        "release verify hub:example/street-scenes --trust trust.json",
        "release verify published --trust trust.json --report street-scenes.html",
    ),
)
@click.argument("folder", metavar="DIR|hub:NAME[@VERSION]")
@click.option("--trust", type=FOLDER, help="The trust file that you have pinned; never the one in the release.")
@click.option("--trust-digest", metavar="SHA256", help="The trust file in the release, if it has this digest.")
@click.option(
    "--trust-on-first-use",
    is_flag=True,
    help="The trust file in the release, though nobody vouched for it; pinned as --trust, or beside DIR, if the release is verified.",
)
@click.option("--state", type=FOLDER, help="What was seen of the log before.  [default: beside the trust file]")
@click.option("--report", type=FOLDER, metavar="FILE", help="Write what was found as one page for people, outside DIR.")
@click.option("--now", hidden=True, help="The time to verify at, as YYYY-MM-DDTHH:MM:SSZ.")
def verify(output: Output, folder: str, now: str | None, **options: Any) -> int:  # noqa: ANN401  (click has checked their types)
    """Verify a release from its bytes, down to each row, and give a verdict.

    A folder is verified offline. A release on the Hub is fetched into a temporary folder, verified there, and not kept.

    With --report, the findings become one HTML page that needs no network: the steps, lists, auditors, and the history of the log.

    Exit codes: 0 verified, 1 failed, 3 stale, 4 withdrawn, 5 incomplete; 2 is a wrong call.
    """
    from audit_logs import contact
    from audit_logs.fields import instant
    from audit_logs.telling import as_json, tell
    from release.checks import local_folder, remembered
    from release.consume.address import is_on_hub
    from release.consume.verify import check
    from release.errors import UsageError

    if is_on_hub(folder):
        return _on_hub(output, folder, options)
    asked = contact.Asked(options["trust"], options["trust_digest"], options["trust_on_first_use"])
    if asked.fault:
        raise UsageError(asked.fault)
    place = page_place(options["report"], local_folder(folder))
    chosen = contact.choose(local_folder(folder), asked)
    if chosen.warning:
        output.warn(chosen.warning)
    memory = options["state"] or chosen.state
    seen = remembered.read(memory)
    report = check(folder, chosen.data, seen=seen, now=instant(now) if now else None, workers=os.cpu_count() or 1)
    output.result(as_json(tell(report)), _in_words(report))
    _remember(output, (local_folder(folder), chosen), (memory, seen), report)
    write_page(output, place, report, chosen)
    return report.exit_code


def _on_hub(output: Output, name: str, options: Mapping[str, Any]) -> int:
    """Verify a release on the Hub, and keep nothing of it but what was seen of its log, and the page."""
    from audit_logs.telling import as_json, tell
    from release.checks import remembered
    from release.cli import _verdict
    from release.consume.address import parse
    from release.consume.fetch import Wish, fetch

    address, state = parse(name), options["state"]
    target = page_place(options["report"], None)
    choose = trusting(output, Path(address.folder_name), options).choose
    with TemporaryDirectory(prefix="vetted-release-") as place, output.progress("bytes", total=None, unit="B") as bar:
        wish = Wish(address, choose, allow_withdrawn=True, workers=os.cpu_count() or 1, progress=bar.update, state=state)
        fetched = fetch(wish, Path(place), {})
        report, chosen = fetched.report, fetched.chosen
        if fetched.whole:
            output.result(as_json(tell(report)), _in_words(report))
            where = state or chosen.state
            _remember(output, (Path(place), chosen), (where, remembered.read(where)), report)
        else:  # refused for its record; nothing was fetched that facts could be told of
            output.result(_verdict.as_json(report), "\n".join(_verdict.in_words(report)))
    write_page(output, target, report, chosen, whole=fetched.whole)
    return report.exit_code


def _in_words(report: Report) -> str:
    from audit_logs.telling import human, tell
    from release.advice import explained

    return "\n".join([human(tell(report)), *explained(report)])


def _remember(output: Output, verified: tuple[Path, Chosen], memory: tuple[Path | None, Seen | None], report: Report) -> None:
    """Pin a trust file of first contact, and remember the log; the verdict does not depend on whether that can be done."""
    from audit_logs import contact
    from audit_logs.errors import StoreError
    from release.checks import outside, remembered
    from release.errors import UsageError

    (folder, chosen), (place, seen) = verified, memory
    try:
        pinned = contact.pin(chosen, report)
        if pinned:
            output.warn(pinned)
        if place is None:
            output.warn("nothing is remembered of the log: name a place with --state")
        else:
            remembered.write(outside(place, folder, "the state file"), report, seen)
    except (StoreError, UsageError) as problem:
        output.warn(f"nothing is remembered: {problem}")
