"""Tables in Markdown, and the rows that compare ours with a peer."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

MIB = 1 << 20
RACE = ("", "ours", "peer", "times", "by processor time", "target")


def median(values: Sequence[float]) -> float:
    """Return the median."""
    return float(statistics.median(values))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table; all columns but the first are numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(_text(cell) for cell in line) + " |" for line in lines)


def race(name: str, ours: dict[str, Any], peer: dict[str, Any] | None, target: str = "") -> list[object]:
    """Return a row of `RACE`: things per second on the clock, and how many times faster ours is, also by processor seconds."""
    if peer is None:
        return [name, float(ours["rate"]), "", "", "", target]
    rates = float(ours["rate"]), float(peer["rate"])
    return [name, *rates, rates[0] / rates[1], per_processor_second(ours) / per_processor_second(peer), target]


def per_processor_second(seen: dict[str, Any]) -> float:
    """Return things per processor second of all of a contestant's processes, which other work on the machine disturbs less."""
    spent = median(seen["processor"])
    return float(seen["count"] / spent) if spent else float("nan")


def searches(what: str, prepared: str, found: dict[str, Any], targets: Mapping[int, str]) -> str:
    """Return two tables of searches in lists of several sizes: speed against each peer, then what an index takes.

    Args:
        what: is searched for, in a second.
        prepared: what peers tell of the seconds before the first answer, in their facts or with each answer.
        found: by number of entries, `built` (facts of our index) and `contestants`, of which the first is ours.
        targets: by number of entries.
    """
    races, memory = [], []
    for size, seen in found.items():
        (ours, first), *peers = seen["contestants"].items()
        label, built = f"{int(size):,} entries", seen["built"]
        races += [race(f"{label}, {name}", first, one, targets.get(int(size), "")) for name, one in peers or [("no peer", None)]]
        memory.append([f"{label}, {ours}", built["build"], built["bytes"] / MIB, first["peak"] / MIB, built["peak"] / MIB])
        memory += [[f"{label}, {name}", (one["facts"][0] | one["results"][0])[prepared], "", one["peak"] / MIB, ""] for name, one in peers]
    head = ["index", f"seconds to build (peers: {prepared})", "saved, MiB", "peak memory of a search, MiB", "of the building, MiB"]
    return table([f"{what}, one core", *RACE[1:]], races) + "\n\n" + table(head, memory)


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.0f}" if abs(cell) >= 100 else f"{cell:.2f}" if abs(cell) < 10 else f"{cell:.1f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)
