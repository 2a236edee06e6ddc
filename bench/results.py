"""The tables of builds and verifications."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bench.tables import MIB, median, table

Measured = dict[str, Any]  # as in the JSON


def tables(found: Measured) -> str:
    """Return everything as Markdown."""
    parts = [
        _build_table(found["builds"]),
        _memory_table(found["builds"]),
        _verify_table(found["verifications"]),
        _stage_table(found["stages"]),
        "List import, seconds: " + ", ".join(f"{name} {seconds:.1f}" for name, seconds in found["imports"].items()),
    ]
    return "\n\n".join(parts)


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
