"""Change the smallest release in every small way and see that none is accepted; `make tamper` runs it in full.

PYTHONPATH=tests python -m tamper [--sample N] [--seed S]

It ends with the count of cases, and with exit code 1 if a change was accepted or raised an exception.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tamper.tampering import Tampering
from tamper.working import tampering, work

PROCESSES = 2
PIECE = 2000
TRIED = 300  # cases of each file that are timed for the estimate
EVERY = 15.0  # seconds between two lines of progress
SHOWN = 20


def pieces(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    """Yield a long sequence in parts."""
    for first in range(0, len(numbers), PIECE):
        yield numbers[first : first + PIECE]


def estimate(cases: Tampering) -> float:
    """Return how many seconds a full run takes, from a few cases of each file."""
    seconds = 0.0
    for numbers in cases.ranges():
        tried = numbers[:: max(1, len(numbers) // TRIED)]
        start = time.perf_counter()
        work(tried)
        seconds += (time.perf_counter() - start) / len(tried) * len(numbers)
    return seconds / PROCESSES


def run(numbers: Sequence[int]) -> list[str]:
    """Carry out cases in all processes, and tell how far they are."""
    found: list[str] = []
    done, start, told = 0, time.monotonic(), time.monotonic()
    with ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn")) as pool:
        for count, wrong in pool.map(work, pieces(numbers)):
            done += count
            found += wrong
            if time.monotonic() - told > EVERY:
                told = time.monotonic()
                say(f"{done:,} of {len(numbers):,} cases, {len(found)} wrong, {told - start:,.0f} s")
    return found


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run all cases or a sample of them."""
    parser = argparse.ArgumentParser(prog="tamper", description="Change the smallest release in every small way.")
    parser.add_argument("--sample", type=int, metavar="N", help="run only N cases")
    parser.add_argument("--seed", type=int, default=1, metavar="S", help="which ones (default: 1)")
    asked = parser.parse_args()
    cases = tampering()
    for target in cases.targets:
        say(f"{target.cases:>9,} cases: {target.path}, {len(target.data):,} bytes{', outside the proof' if target.outside else ''}")
    say(f"{len(cases):>9,} cases in all, about {estimate(cases) / 60:.0f} minutes on {PROCESSES} cores")
    numbers = range(len(cases)) if asked.sample is None else cases.sample(asked.sample, asked.seed)
    found = run(numbers)
    for wrong in found[:SHOWN]:
        say(wrong)
    say(f"{len(numbers):,} cases, {len(found)} accepted or with an exception")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
