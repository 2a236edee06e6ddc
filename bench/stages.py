"""Where the time of a worker goes: one shard screened in this process, under a clock at the door of each room.

Usage: python -m bench.stages PLAN

The decoder process works while the worker waits for it, so `fingerprints` is a time on the clock and not on the processor.
"""

from __future__ import annotations

import argparse
import json
import secrets
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from release import screen, store
from release.build.prepare import Request, context, prepare
from release.source import SourceBatch


class Clock:
    """Seconds spent by name; what one name calls under another name is counted once, under the inner one."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self._inner = [0.0]

    def enter(self) -> float:
        """Begin a part."""
        self._inner.append(0.0)
        return time.perf_counter()

    def leave(self, name: str, start: float) -> None:
        """End the part that began at `start`."""
        total = time.perf_counter() - start
        self.spent[name] += total - self._inner.pop()
        self._inner[-1] += total

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """Return `work` under the clock."""

        def run(*args: Any, **named: Any) -> Any:  # noqa: ANN401  (whatever `work` takes and gives)
            start = self.enter()
            try:
                return work(*args, **named)
            finally:
                self.leave(name, start)

        return run

    def batches(self, read: Callable[..., Iterator[SourceBatch]]) -> Callable[..., Iterator[SourceBatch]]:
        """Return a reader of batches under the clock."""

        def run(*args: Any, **named: Any) -> Iterator[SourceBatch]:  # noqa: ANN401  (as above)
            batches = read(*args, **named)
            while True:
                start = self.enter()
                batch = next(batches, None)
                self.leave("read source", start)
                if batch is None:
                    return
                yield batch

        return run


def main() -> None:
    """Screen the first shard of a plan's source and print, as JSON, seconds by part."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plan", type=Path)
    plan = parser.parse_args().plan
    prepared = prepare(Request(plan=plan, out=plan.parent / "none"), datetime.now(UTC))
    work = plan.parent / ".stages"
    store.make_private_folder(work)
    key, clock = secrets.token_bytes(32), Clock()
    job = screen.Job(prepared.plan, prepared.source, work, key, context(prepared, key), prepared.list_digests)
    begin = time.perf_counter()
    with screen.Screening(job) as screening:
        opened = time.perf_counter()
        watch(clock, screening)
        unit = prepared.source.units[0]
        start = clock.enter()
        screening.run(unit, lambda _: None)
        clock.leave("everything else", start)
    shutil.rmtree(work)
    print(json.dumps({"rows": unit.rows, "open": opened - begin, "seconds": dict(clock.spent)}))


def watch(clock: Clock, screening: Any) -> None:  # noqa: ANN401  (its private members are looked at)
    """Put the clock at the door of each room."""
    fingerprinter = screening._fingerprinter  # noqa: SLF001
    fingerprinter.run = clock.timed("fingerprints", fingerprinter.run)
    for step in screening.steps:
        kind = type(step)
        kind.screen = clock.timed(f"step {step.kind}", kind.screen)
        kind.self_test = clock.timed("self-test, and loading compiled code", kind.self_test)
    source = type(screening.job.source)
    source.read = clock.batches(source.read)
    screen.ShardWriter.append = clock.timed("write shard", screen.ShardWriter.append)
    screen.ShardWriter.close = clock.timed("write shard", screen.ShardWriter.close)
    screen.Ledger.append = clock.timed("write private tables", screen.Ledger.append)
    screen.Ledger.close = clock.timed("write private tables", screen.Ledger.close)
    screen.row_digests = clock.timed("row digests", screen.row_digests)
    screen.image_bytes = clock.timed("copy images out of Arrow", screen.image_bytes)
    screen.KeyedTree = clock.timed("keyed roots", screen.KeyedTree)


if __name__ == "__main__":
    main()
