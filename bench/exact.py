"""Exact match of MD5, next to DuckDB, pyarrow and polars: rows per second against a list.

Usage: python -m bench.exact [--quick]

Eight million rows, one in a hundred of them listed. One core each; every contestant has to find the same number of rows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from bench import material
from bench.contest import Contest
from bench.firstline import build_index
from bench.setting import Found, Setting, alone
from bench.tables import searches

OURS = "ours"
PEERS = ("duckdb semi join, blobs", "duckdb semi join, numbers", "pyarrow is_in", "polars semi join")
SIZES = (1_000_000, 10_000_000)
TARGETS = {1_000_000: "2.5", 10_000_000: "4"}
LISTED = 100  # one row in so many


def measure(setting: Setting) -> Found:
    """Return what was seen, by number of entries."""
    sizes = (5_000, 50_000) if setting.quick else SIZES
    return {str(size): _contest(setting, size, setting.scaled(8_000_000, 40_000)) for size in sizes}


def _contest(setting: Setting, size: int, count: int) -> Found:
    entries = material.entries(setting, "md5", size)
    index, built = build_index(entries)
    rows = _rows(setting, entries, count)
    with Contest() as contest:
        contest.enter(OURS, sys.executable, ["-m", "bench.ours.exact", "--index", str(index), "--rows", str(rows)])
        for name in PEERS if setting.peer else ():
            given = ["--by", name, "--entries", str(entries), "--rows", str(rows)]
            contest.enter(name, setting.peer or "", ["-m", "bench.peers.exact", *given])
        seen = contest.play(setting.rounds)
    for name, one in seen.items():
        if one["results"][0]["hits"] != len(range(0, count, LISTED)):
            raise SystemExit(f"{name} did not find the rows that are listed")
    return {"built": built, "contestants": seen}


def _rows(setting: Setting, entries: Path, count: int) -> Path:
    """Return an array (count, 16): drawn, but for one row in a hundred."""
    path = setting.results / f"rows-{count}-{entries.stem}.npy"
    if not path.exists():
        made, known = material.drawn(count, 16, 1), np.load(entries, mmap_mode="r")
        listed = np.arange(0, count, LISTED)
        made[listed] = known[(listed * 7919) % len(known)]
        np.save(path, made)
    return path


def tables(found: Found) -> str:
    """Return the tables of this part."""
    return searches("further rows/s, exact match", "call", found, TARGETS)


if __name__ == "__main__":
    alone("exact", __doc__, measure, tables)
