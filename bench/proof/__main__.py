"""Measure the proof layer and print tables; single runs go to bench/results/proof.json.

Usage: PYTHONPATH=tests python -m bench.proof [--mib 16 256 1024] [--rounds 5] [--entries 100000] [--peer PYTHON] [--results DIR]

`make bench-proof` does that, with model_signing in an environment of its own. Needs Linux, and twice the largest size on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.machine import machine
from bench.proof import logged, made, verifying
from bench.tables import median, table

MIB = 1 << 20
SHARDS = 8
STARTS = 20


def main() -> None:
    """Measure everything."""
    asked = argparse.ArgumentParser(prog="bench.proof", description="Measure the light verifier and the log.")
    asked.add_argument("--mib", type=int, nargs="+", default=[16, 256, 1024], help="sizes of the data of a release")
    asked.add_argument("--rounds", type=int, default=5, help="rounds of each; the median is told")
    asked.add_argument("--entries", type=int, default=100_000, help="entries of the log; a multiple of 1,000")
    asked.add_argument("--peer", type=Path, help="the Python of an environment with bench/signing-requirements.txt")
    asked.add_argument("--results", type=Path, default=Path("bench/results"))
    options = asked.parse_args()
    load = os.getloadavg()[0]
    cores = sorted(os.sched_getaffinity(0))
    found: dict[str, Any] = {"machine": machine(), "load before": load, "verify": []}
    options.results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=options.results, prefix="proof") as folder:
        found["starts"] = verifying.starts(STARTS, Path(folder))
        for size in options.mib:
            release = made.make(Path(folder) / str(size), SHARDS, size * MIB // SHARDS)
            for count in sorted({1, min(2, len(cores)), len(cores)}):
                found["verify"].append(verifying.measured(release, options.rounds, cores[:count], options.peer))
                say(f"verified {size} MiB on {count} core(s)")
        found["log"] = logged.measured(Path(folder) / "log", options.entries)
    found["load after"] = os.getloadavg()[0]
    if options.peer:
        found["peer"] = "model_signing 1.1.1 with pyOpenSSL, in an environment of its own"
    (options.results / "proof.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = tables(found)
    (options.results / "proof.md").write_text(text + "\n", encoding="utf-8")
    say(text)


def tables(found: dict[str, Any]) -> str:
    """Return everything as Markdown."""
    starts = [[name, 1000 * median(those), 1000 * min(those)] for name, those in found["starts"].items()]
    lines = [f"{name}: {value}" for name, value in found["machine"].items()]
    lines.append(f"load before and after: {found['load before']:.2f}, {found['load after']:.2f}")
    log = [[name, _milliseconds(value)] for name, value in found["log"].items() if isinstance(value, float | list)]
    counted = ", ".join(f"{name}: {value:,}" for name, value in found["log"].items() if isinstance(value, int))
    head = ["release", "cores", "what", "seconds", "MiB/s", "of plain SHA-256"]
    parts = [
        table(["start", "median ms", "best ms"], starts),
        table(head, [row for case in found["verify"] for row in _rows(case)]),
        table([f"log ({counted})", "median ms"], log),
    ]
    return "\n\n".join([*parts, "\n".join(lines)])


def _rows(case: dict[str, Any]) -> list[list[object]]:
    """Return the lines of one size on some cores: the work alone, then whole commands. The last column is plain's time over this one's."""
    rows: list[list[object]] = []
    name = f"{case['bytes'] / MIB:,.0f} MiB in {case['files']} files"
    for place, those in (("within one process", case["inside"]), ("command", case["commands"])):
        plain = median(those["plain"])
        for what, times in those.items():
            taken = median(times)
            rows.append([name, case["cores"], f"{what}, {place}", taken, case["bytes"] / MIB / taken, plain / taken])
    return rows


def _milliseconds(value: float | list[float]) -> float:
    return 1000 * (median(value) if isinstance(value, list) else value)


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
