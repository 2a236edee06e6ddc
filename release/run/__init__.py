"""Engines that run shards: `local` (processes on this machine). Another engine is one more file with one more `Engine`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from release.receipt import Receipt
from release.run.local import LocalEngine
from release.screen import Job
from release.source import Unit

__all__ = ["Engine", "LocalEngine"]


class Engine(Protocol):
    """Runs every unit of a job that has no valid receipt yet, in any order, and yields the receipts of all of them."""

    def run(self, job: Job, units: Sequence[Unit], progress: Callable[[int], object]) -> Iterator[Receipt]:
        """Yield one receipt for each unit.

        Args:
            job: what to do.
            units: the source shards to do.
            progress: told the number of rows done since the last call.

        Raises:
            ScreeningError: a worker died.
            Problem: what a shard raised; the units that ended before it keep their receipts.
        """
        ...
