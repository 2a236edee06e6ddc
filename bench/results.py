"""What was measured, as JSON and as the tables of README.md."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

MIB = 1 << 20
Measured = dict[str, Any]  # as in the JSON
LIBRARIES = ("numba", "numpy", "pillow", "pyarrow", "simplejpeg", "cryptography", "datasets")


def machine() -> dict[str, object]:
    """Return what it was measured on: processor, cores, memory, versions; nothing that names the machine."""
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "processor": found[1] if found else platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "memory": f"{memory:.0f} GiB",
        "system": f"Linux {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
    }


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(_text(cell) for cell in line) + " |" for line in lines)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.2f}" if abs(cell) < 10 else f"{cell:.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def tables(found: Measured) -> str:
    """Return everything as Markdown."""
    parts = [
        _build_table(found["builds"]),
        _memory_table(found["builds"]),
        _verify_table(found["verifications"]),
        _stage_table(found["stages"]),
    ]
    if "peer" in found:
        parts.append(_peer_table(found["peer"], found["builds"]))
    lines = [f"{name}: {value}" for name, value in found["machine"].items()]
    lines.append(f"load before and after: {found['load before']:.2f}, {found['load after']:.2f}")
    lines.append("list import, seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["imports"].items()))
    return "\n\n".join([*parts, "\n".join(lines)])


def _build_table(builds: list[Measured]) -> str:
    rows = []
    for build in builds:
        seconds = median(build["seconds"])
        outcome = build["outcome"]
        gone = sum(outcome["removed"].values()), sum(outcome["unscreenable"].values())
        rows.append(
            [build["name"], build["workers"], seconds, build["rows"] / seconds, median(build["processor"]), build["bytes"] / MIB, *gone]
        )
    head = ["build", "workers", "seconds", "rows/s", "processor s", "MiB out", "removed", "unscreenable"]
    return table(head, rows) + "\n\n" + "\n".join(_growth(builds))


def _growth(builds: list[Measured]) -> Iterator[str]:
    """Yield how the time grows from the smallest to the largest dataset of the same pictures, for each number of workers."""
    small = [build for build in builds if build["name"].endswith(" of 512x512")]
    for workers in sorted({build["workers"] for build in small}):
        those = sorted((build for build in small if build["workers"] == workers), key=lambda build: int(build["rows"]))
        first, last = those[0], those[-1]
        if more := last["rows"] - first["rows"]:
            each = (median(last["seconds"]) - median(first["seconds"])) / more
            fixed = median(first["seconds"]) - each * first["rows"]
            yield (
                f"From {first['rows']:,} to {last['rows']:,} rows, {workers} worker(s): "
                f"{1000 * each:.2f} ms for each further row, {fixed:.1f} s whatever the rows.\n"
            )


def _memory_table(builds: list[Measured]) -> str:
    rows = []
    for build in builds:
        for role in ("parent", "worker", "decoder"):
            worst = {name: max(run[name] for run in build["memory"][role]) / MIB for name in ("peak", "lists", "apart", "shared")}
            rows.append([f"{build['name']}, {build['workers']} worker(s): {role}", *worst.values()])
    return table(["peak memory of one process, MiB", "resident", "list pages", "without them", "pictures in shared memory"], rows)


def _verify_table(verifications: list[Measured]) -> str:
    rows = []
    for case in verifications:
        plain = median(case["seconds"]["plain"])
        for name, label in (("plain", "plain SHA-256"), ("light", "python -m audit_logs verify"), ("full", "release verify")):
            seconds = median(case["seconds"][name])
            rows.append([f"{case['name']}: {label}", seconds, seconds / plain, case["bytes"] / MIB / seconds, case["peak"][name] / MIB])
    return table(["verify", "seconds", "times plain", "MiB/s", "peak MiB"], rows)


def _stage_table(stages: list[Measured]) -> str:
    rows = []
    for stage in stages:
        whole = sum(stage["seconds"].values())
        for name, seconds in sorted(stage["seconds"].items(), key=lambda item: -item[1]):
            rows.append([f"{stage['name']}: {name}", 1000 * seconds / stage["rows"], 100 * seconds / whole])
    return table(["one worker, one shard", "ms/row", "% of the time"], rows)


def _peer_table(peers: list[Measured], builds: list[Measured]) -> str:
    rows = []
    for peer in peers:
        count = peer["counts"]["rows"]
        ours = min((build for build in builds if build["rows"] == count), key=lambda build: int(build["workers"]))
        spent = [1000 * peer["spent"][part] / count for part in ("md5", "hash", "query")]
        rows.append(["threatexchange, one process", count / peer["seconds"], *spent, peer["load"], peer["peak"] / MIB])
        worker = max(run["apart"] for run in ours["memory"]["worker"]) + max(run["apart"] for run in ours["memory"]["decoder"])
        rows.append([f"release build, {ours['workers']} worker(s)", count / median(ours["seconds"]), "", "", "", "", worker / MIB])
    return table(["the same pictures and lists", "rows/s", "MD5 ms", "PDQ ms", "query ms", "load s", "peak MiB"], rows)
