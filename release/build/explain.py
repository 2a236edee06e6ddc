"""What a build will come to, from a sample of its shards: rows, time and memory. What was screened for it is deleted again.

The shards are taken at even distances, and pass the very steps of the build in one process. Steps of the second pass need every shard, so
the estimate leaves them out. It is an estimate: shards differ.
"""

from __future__ import annotations

import resource
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from release import store
from release.account import Tally, add_up
from release.build.groups import by_size
from release.lists import ListStore
from release.plan import Plan
from release.receipt import Receipt
from release.screen import Job, Screening
from release.source import Source, Unit, open_source
from release.steps import Gathers, Looks, build_steps

KIB = 1024
Tick = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Explained:
    """An estimate.

    Attributes:
        rows: rows of the source.
        shards: shards of the source.
        sampled_rows: rows of the sampled shards.
        sampled_shards: how many of them.
        removed: by step, rows of the whole that it may remove.
        unscreenable: rows of the whole that may be unscreenable.
        kept: rows of the whole that may be kept.
        bytes: bytes of the data files of the whole.
        seconds: of one worker, for the whole; one core is taken by a worker and its decoder.
        pinning: seconds that it took to open and hash the source.
        memory: bytes that the process and its decoder took at most.
        later: steps of the second pass, which were not tried.
    """

    rows: int
    shards: int
    sampled_rows: int
    sampled_shards: int
    removed: dict[str, int]
    unscreenable: int
    kept: int
    bytes: int
    seconds: float
    pinning: float
    memory: int
    later: tuple[str, ...]


def explain(plan: Plan, today: date, shards: int, tick: Tick) -> Explained:
    """Screen a sample of a plan's shards, and return what the whole may come to.

    Args:
        plan: the plan.
        today: the day on which its lists may not be too old.
        shards: how many shards to screen, at most.
        tick: told the number of rows after each batch.

    Raises:
        Problem: what a build of this plan would be refused with.
    """
    steps = build_steps(plan, ListStore(plan.lists.store), today)
    started = time.monotonic()
    source = open_source(plan)
    pinning = time.monotonic() - started
    for step in steps:
        if isinstance(step, Looks):
            step.check(source.schema)
    chosen = sample(source.units, shards)
    work = Path(tempfile.mkdtemp(prefix="release-explain-"))
    try:
        digests = {used.name: used.digest for step in steps for used in step.lists}
        job = Job(plan.settled(by_size(source)), source, work / "work", secrets.token_bytes(32), "0" * 64, digests)
        store.make_private_folder(job.work)
        started = time.monotonic()
        with Screening(job) as screening:
            receipts = [screening.run(unit, tick) for unit in chosen]
        seconds = time.monotonic() - started
    finally:
        shutil.rmtree(work)
    later = tuple(step.name for step in steps if isinstance(step, Gathers))
    return _scaled(source, receipts, (seconds, pinning), [step.name for step in steps], later)


def sample(units: tuple[Unit, ...], count: int) -> list[Unit]:
    """Return so many units at even distances, or all of them."""
    if count >= len(units):
        return list(units)
    return [units[(2 * number + 1) * len(units) // (2 * count)] for number in range(count)]


def _scaled(source: Source, receipts: list[Receipt], times: tuple[float, float], names: list[str], later: tuple[str, ...]) -> Explained:
    rows, sampled = sum(unit.rows for unit in source.units), sum(receipt.rows for receipt in receipts)
    share = rows / max(1, sampled)
    tallies: tuple[Tally, ...] = add_up([receipt.tallies for receipt in receipts])
    used = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return Explained(
        rows=rows,
        shards=len(source.units),
        sampled_rows=sampled,
        sampled_shards=len(receipts),
        removed={name: round(tally.removed * share) for name, tally in zip(names, tallies, strict=True)},
        unscreenable=round(sum(sum(tally.unscreenable.values()) for tally in tallies) * share),
        kept=round(sum(receipt.shard.rows for receipt in receipts) * share),
        bytes=round(sum(receipt.shard.bytes for receipt in receipts) * share),
        seconds=times[0] * share,
        pinning=times[1],
        memory=sum(used) * KIB,
        later=later,
    )
