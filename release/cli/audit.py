"""`release audit`: check a candidate as an auditor, and sign report and opinion; `--cosign`: sign a later checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, command, signs
from release.cli._output import Output
from release.cli._passphrase import PASSPHRASE

if TYPE_CHECKING:
    from release.audit import Audited

_MARKS = {"confirmed": "confirmed", "refuted": "REFUTED", "not-checkable": "not checkable", "skipped": "skipped"}


@command(
    "audit",
    examples=(
        "release audit candidate --key auditor.pem --identity identity.age --trust trust.json --lists lists --source source",
        "release audit candidate --key auditor.pem --trust trust.json --cosign",
    ),
)
@click.argument("folder", type=FOLDER, metavar="DIR")
@click.option("--key", type=FOLDER, required=True, help="Your signing key.")
@click.option("--trust", type=FOLDER, required=True, help="Your own trust file; never the one in the candidate.")
@click.option("--identity", type=FOLDER, help="Your age identity, which opens the sealed evidence.")
@click.option("--witness-key", type=FOLDER, help="Your witness key.  [default: the signing key]")
@click.option("--lists", type=FOLDER, help="Your list store; without one the audit is at best qualified.")
@click.option("--source", type=FOLDER, help="The pinned source, if it is at hand.")
@click.option("--out", type=FOLDER, help="Where report and opinion go.  [default: DIR]")
@click.option("--work", type=FOLDER, help="A private folder for opened evidence and sealed findings.  [default: DIR.audit]")
@click.option("--memory", type=FOLDER, help="What you cosigned and submitted before.  [default: beside the key]")
@click.option("--state", type=FOLDER, help="What you saw of the log before, as `release verify` remembers it.")
@click.option(
    "--skip", multiple=True, type=click.Choice(["fingerprints", "no-listed-row"]), help="A claim to leave out; the report says so."
)
@click.option("--cosign", "only_cosign", is_flag=True, help="Only cosign the checkpoint, as on a release that holds your opinion.")
@signs
@PASSPHRASE
def audit(output: Output, folder: Path, only_cosign: bool, skip: tuple[str, ...], **options: Any) -> int:  # noqa: ANN401  (click has checked their types)
    """Check the candidate in DIR and sign an opinion on it.

    Every claim ends as confirmed, refuted, not checkable or skipped. A listed row is never shown: what is known of it is sealed
    for you and the institution's reporting officer. Exit codes: 0 PASSED (or cosigned), 1 FAILED or an error.
    """
    from release import audit as workbench

    request = workbench.Request(folder=folder, skip=frozenset(skip), workers=os.cpu_count() or 1, **options)
    if only_cosign:
        line = workbench.cosign(request)
        output.result(
            {"line": line},
            f"Cosigned the checkpoint in {folder}.\nNext: the institution runs its `release publish`, `recall` or `record` again.",
        )
        return 0
    done = workbench.audit(request, meter=_meter(output))
    output.result(_as_json(done), _in_words(done))
    return 0 if done.result == "PASSED" else 1


def _meter(output: Output) -> Callable[[str, int], AbstractContextManager[Callable[[int], object]]]:
    from release.cli import interrupted

    @contextmanager
    def show(label: str, total: int) -> Iterator[Callable[[int], object]]:
        with output.progress(label, total=total, unit="rows") as bar:

            def tick(rows: int) -> None:
                interrupted.check()
                bar.update(rows)

            yield tick

    return show


def _as_json(done: Audited) -> dict[str, object]:
    return {
        "release": done.release,
        "version": done.version,
        "organisation": done.organisation,
        "result": done.result,
        "conclusion": done.conclusion,
        "claims": [{"claim": claim.claim, "result": claim.result, "detail": claim.detail} for claim in done.claims],
        "limitations": list(done.limitations),
        "report": str(done.report),
        "opinion": str(done.opinion),
        "finding": None if done.finding is None else str(done.finding),
    }


def _in_words(done: Audited) -> str:
    lines = [f"{done.result}: {done.release} {done.version}, audited by {done.organisation}; the report is {done.conclusion}.", ""]
    lines += [f"  {_MARKS[claim.result]:<14} {claim.claim:<17} {claim.detail}" for claim in done.claims]
    lines += ["", "Limitations:", *(f"  {text}" for text in done.limitations), ""]
    if done.finding is not None:
        lines.append(f"1 finding sealed in {done.finding}, for you and the institution's reporting officer. Give it to the officer.")
    lines += [f"Report:  {done.report}", f"Opinion: {done.opinion}", _next_step(done)]
    return "\n".join(lines)


def _next_step(done: Audited) -> str:
    if done.result == "FAILED":
        return "Next: the institution logs both with `release publish`, which will refuse to publish; it mends the source or lists and builds again."
    return "Next: the institution runs `release publish`, then you run `release audit DIR --key KEY --trust FILE --cosign`."
