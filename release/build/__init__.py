"""From a plan to a candidate: resolve, screen every shard, check the accounts, sign, log, seal, and only then show it.

The folder that was asked for appears in one rename, complete. Until then everything lies in a private work folder beside
it, with keys and ledger; a build that was interrupted goes on from its receipts, and nothing of it is left when it is done.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit_logs.manifest import Manifest
from release import lineage, store
from release.account import Tally, add_up
from release.build.candidate import Keys, Screened, assemble
from release.build.existing import existing
from release.build.inputs import inputs, remember
from release.build.line import released_digests
from release.build.places import check_out
from release.build.prepare import Request, context, prepare, unmet
from release.errors import BuildError
from release.receipt import Receipt
from release.revise import second_pass
from release.run import LocalEngine
from release.screen import Job
from release.steps import Held

__all__ = ["Built", "Progress", "Request", "build"]

KEY_BYTES = 32
FINAL = ("hit-list", "nothing-left")  # codes of refusals after which nothing of a build is of use
SEALED = "reason sealed"  # what a finished candidate still tells of its unscreenable rows: how many
Clock = Callable[[], datetime]
Tick = Callable[[int], object]  # told how many more rows are done
Progress = Callable[[int], AbstractContextManager[Tick]]  # given the number of rows: a `tqdm` bar, or nothing


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made.

    Attributes:
        folder: the candidate.
        manifest: its manifest.
        removed: rows removed, by step.
        unscreenable: rows set aside, by reason; a build that finds its candidate done knows only how many, the reasons are sealed.
        warnings: what will keep it from being published, in words.
        again: the candidate was there already and nothing was done.
        told: what steps of the second pass tell the institution, and nobody else.
    """

    folder: Path
    manifest: Manifest
    removed: Mapping[str, int]
    unscreenable: Mapping[str, int]
    warnings: tuple[str, ...]
    again: bool
    told: tuple[str, ...] = ()


def quiet(_: int) -> AbstractContextManager[Tick]:
    """Show no progress."""
    return nullcontext(lambda _: None)


def now_utc() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


def build(request: Request, *, clock: Clock = now_utc, progress: Progress = quiet) -> Built:
    """Build the candidate that a plan describes.

    Raises:
        PlanError: the plan has faults.
        BuildError: `out` holds something else, the rows do not balance, or the difference to a public parent would be a hit list.
        Locked: another build works on the same `out`.
        Problem: whatever a room refused; no candidate is there then.
    """
    started = clock()
    check_out(request.out)
    prepared = prepare(request, started)
    warnings = tuple(unmet(prepared))
    work = request.out.parent / f".{request.out.name}.building"
    if request.out.exists():
        manifest, steps = existing(request.out, prepared)
        _sweep(work)
        unscreenable = sum(step.unscreenable for step in steps)
        removed = {step.step.name: step.removed for step in steps}
        return Built(request.out, manifest, removed, {SEALED: unscreenable} if unscreenable else {}, warnings, again=True)
    store.make_private_folder(work)
    with store.lock(work / "lock"):
        if request.out.exists():
            raise BuildError("another build has just finished here", where=str(request.out), next_step="run again", code="out-exists")
        keys = _keys(work)
        job = Job(prepared.plan, prepared.source, work, keys.row, context(prepared, keys.row), prepared.list_digests)
        units = prepared.source.units
        with progress(sum(unit.rows for unit in units)) as tick:
            done = LocalEngine(request.workers).run(job, units, tick)
            receipts: Sequence[Receipt] = sorted(done, key=lambda receipt: receipt.unit)
        with _final(work):
            revised = second_pass(job, prepared.steps, receipts, Held(prepared.lineage, lambda: released_digests(prepared.line)))
            tallies = add_up([receipt.tallies for receipt in revised.receipts])
            screened = Screened(revised.receipts, tallies, started, clock())
            manifest = assemble(prepared, screened, keys, work)
        if revised.lineage is not None:  # before the candidate is shown: a row that hides others must never come back
            lineage.write(prepared.plan.keys.line, revised.lineage)
        remember(request.out, inputs(prepared, manifest.digest, work / "tree"))
        store.place_folder(work / "tree", request.out)
        shutil.rmtree(work)
    removed = {step.name: tally.removed for step, tally in zip(prepared.steps, screened.tallies, strict=True)}
    return Built(request.out, manifest, removed, _by_reason(screened.tallies), warnings, again=False, told=revised.told)


@contextmanager
def _final(work: Path) -> Iterator[None]:
    """A refusal that no other run of this build can escape takes the work folder with it, keys and ledger."""
    try:
        yield
    except BuildError as error:
        if error.code in FINAL:
            shutil.rmtree(work)
        raise


def _sweep(work: Path) -> None:
    """Delete the work folder of a build that ended between showing its candidate and clearing up: keys and ledger lie in it."""
    if work.exists():
        with store.lock(work / "lock"):
            shutil.rmtree(work)


def _by_reason(tallies: tuple[Tally, ...]) -> dict[str, int]:
    total: dict[str, int] = {}
    for tally in tallies:
        for reason, count in tally.unscreenable.items():
            total[reason] = total.get(reason, 0) + count
    return dict(sorted(total.items()))


def _keys(work: Path) -> Keys:
    """Return the two keys of this build, drawn at its first start and kept 0600 in the work folder until it ends."""
    found = []
    for name in ("row.key", "match.key"):
        path = work / name
        if not path.exists():
            store.write_file(path, secrets.token_bytes(KEY_BYTES), private=True)
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise BuildError(
                "a key of this build is damaged", where=str(path), next_step=f"delete {work} and build again", code="work-folder"
            )
        found.append(key)
    return Keys(row=found[0], match=found[1])
