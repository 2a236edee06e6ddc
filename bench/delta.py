"""New entries of a list against the stored hashes of an earlier release: ten million against ten thousand, without a picture.

Usage: python -m bench.delta [--quick]
"""

from __future__ import annotations

import sys

from bench import material
from bench.contest import Contest
from bench.ours.near import RADIUS
from bench.setting import Found, Setting, alone
from bench.tables import MIB, table

OURS = "delta"
TARGET = 20  # seconds


def measure(setting: Setting) -> Found:
    """Return what was seen."""
    stored = material.entries(setting, "pdq", setting.scaled(10_000_000, 50_000))
    new = material.queries(setting, stored, setting.scaled(10_000, 500))
    with Contest() as contest:
        contest.enter(OURS, sys.executable, ["-m", "bench.ours.delta", "--stored", str(stored), "--new", str(new)])
        seen = contest.play(1)[OURS]
    entries = seen["facts"][0]["entries"]
    if seen["results"][0]["hits"] != len(material.within(entries, RADIUS)):
        raise SystemExit(f"the stored hashes within {RADIUS} bits of a new entry were not found, or more than them")
    return seen


def tables(found: Found) -> str:
    """Return the table of this part."""
    stored, entries = found["count"], found["facts"][0]["entries"]
    comparisons = stored * entries / found["median"] / 1e9
    row = [f"{stored:,} stored, {entries:,} new", found["median"], TARGET, comparisons, found["peak"] / MIB]
    return table(["delta, one core", "seconds", "target", "billions of pairs/s", "peak memory, MiB"], [row])


if __name__ == "__main__":
    alone("delta", __doc__, measure, tables)
