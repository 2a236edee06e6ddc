"""A contest: each contestant is a process of its own, prepared before the clock, and all do their rounds in turn.

    with Contest(cores=1) as contest:
        contest.enter("ours", sys.executable, ["-m", "bench.ours.near", ...])
        contest.enter("faiss", peer, ["-m", "bench.peers.near", ...])
        shown = contest.play(rounds=3)

With one core, every process of the contest, and all that it starts, may use that core alone, and libraries are told to use one
thread. With two, each contestant is two such processes, one for each core, that do half of the work each, at the same time.
A round's seconds go on the clock of this process from the question to the last answer, unless the answer tells seconds of its own. One round before is not counted, unless it takes long.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from bench import watch

ROOT = Path(__file__).resolve().parents[1]
SINGLE = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "ARROW_NUM_THREADS"), "1"
)
WARM = 10.0  # seconds; a first round that takes longer is as good as any other, and counts


class Contestant:
    """Processes that answer together."""

    def __init__(self, name: str, processes: list[subprocess.Popen[str]]) -> None:
        self.name = name
        self._processes = processes
        self.facts = self._answers()
        self.seconds: list[float] = []
        self.processor: list[float] = []
        self.results: list[dict[str, Any]] = []
        self.peak = 0

    def round(self) -> None:
        """Do one round."""
        before = self._spent()
        start = time.perf_counter()
        for process in self._processes:
            _pipe(process.stdin).write("\n")
            _pipe(process.stdin).flush()
        self.results = self._answers()
        took = time.perf_counter() - start
        self.seconds.append(max(result.get("seconds", took) for result in self.results))
        self.processor.append(
            sum(result["processor"] for result in self.results) if "processor" in self.results[0] else self._spent() - before
        )

    def warm_up(self) -> None:
        """Do a round that does not count, unless it takes long."""
        self.round()
        if self.seconds[0] < WARM:
            self.seconds.clear()
            self.processor.clear()

    def finish(self) -> None:
        """Take down the peak of memory and end the processes."""
        self.peak = max((watch.tree_peak(process.pid) for process in self._processes), default=0)
        for process in self._processes:
            _pipe(process.stdin).close()
            process.wait(timeout=60)
            _pipe(process.stdout).close()

    def stop(self) -> None:
        """End the processes, whatever they are doing."""
        for process in self._processes:
            if process.poll() is None:
                process.kill()
                process.wait()

    def shown(self) -> dict[str, Any]:
        """Return what was seen, as JSON: seconds on the clock and of processors, count of things done, what the processes said."""
        count = sum(result["count"] for result in self.results)
        return {
            "median": statistics.median(self.seconds),
            "rate": count / statistics.median(self.seconds),
            "seconds": self.seconds,
            "processor": self.processor,
            "count": count,
            "peak": self.peak,
            "results": self.results,
            "facts": self.facts,
        }

    def _spent(self) -> float:
        return sum(watch.tree_seconds(process.pid) for process in self._processes)

    def _answers(self) -> list[dict[str, Any]]:
        answers = []
        for process in self._processes:
            line = _pipe(process.stdout).readline()
            if not line:
                raise SystemExit(f"a contestant ended with status {process.wait()}: {process.args}")
            answers.append(json.loads(line))
        return answers


class Contest:
    """Contestants side by side; a context manager that lets no process live on."""

    def __init__(self, cores: int = 1) -> None:
        self.cores = sorted(os.sched_getaffinity(0))[:cores]
        if len(self.cores) < cores:
            raise SystemExit(f"the contest needs {cores} cores; this process may use {len(self.cores)}")
        self.contestants: list[Contestant] = []

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """End every process."""
        for contestant in self.contestants:
            contestant.stop()

    def enter(self, name: str, python: str | Path, arguments: Sequence[str]) -> Contestant:
        """Start a contestant and wait until it is prepared; with several cores each process is told its part."""
        processes = []
        for place, core in enumerate(self.cores):
            part = ["--part", f"{place}/{len(self.cores)}"] if len(self.cores) > 1 else []
            processes.append(_start([str(python), *arguments, *part], core))
        contestant = Contestant(name, processes)
        self.contestants.append(contestant)
        return contestant

    def play(self, rounds: int = 3) -> dict[str, dict[str, Any]]:
        """Let all do their rounds in turn, and return by name what was seen."""
        for contestant in self.contestants:
            contestant.warm_up()
        for number in range(rounds):
            for contestant in self.contestants:
                if len(contestant.seconds) <= number:
                    contestant.round()
        for contestant in self.contestants:
            contestant.finish()
        return {contestant.name: contestant.shown() for contestant in self.contestants}


def _start(command: Sequence[str], core: int) -> subprocess.Popen[str]:
    environment = {**os.environ, **SINGLE, "PYTHONPATH": str(ROOT)}
    with pinned({core}):
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)


@contextlib.contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """Let this process, and whatever it starts meanwhile, use these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _pipe(pipe: Any) -> Any:  # noqa: ANN401  (a pipe that was asked for at start)
    return pipe
