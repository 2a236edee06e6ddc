"""Near match of PDQ hashes within 31 bits, next to faiss: queries per second, memory, and how long an index takes to build.

Usage: python -m bench.near [--entries 100000 1000000 10000000] [--quick]

Entries are drawn at random; one query in twenty is made from an entry, at 0 to 40 bits, and each contestant has to find exactly
those within 31. Slower contestants get fewer queries. One core each.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from bench import material
from bench.contest import Contest
from bench.firstline import build_index
from bench.ours.near import RADIUS
from bench.setting import Found, Setting, parser, run, setting
from bench.tables import searches

OURS = "ours"
PEERS = {"faiss IndexBinaryFlat": "flat", "faiss IndexBinaryMultiHash": "multi"}
SIZES = (100_000, 1_000_000, 10_000_000)
TARGETS = {100_000: "8", 1_000_000: "18", 10_000_000: "40"}
QUERIES = 20_000
SECOND = {OURS: 40_000_000_000, "flat": 900_000_000, "multi": 500_000_000}  # about so many comparisons, made or saved, in a second


def measure(chosen: Setting, sizes: Sequence[int] = ()) -> Found:
    """Return what was seen, by number of entries."""
    sizes = sizes or ((2_000, 20_000) if chosen.quick else SIZES)
    return {str(size): _contest(chosen, size) for size in sizes}


def _contest(chosen: Setting, size: int) -> Found:
    entries = material.entries(chosen, "pdq", size)
    queries = material.queries(chosen, entries, QUERIES)
    index, built = build_index(entries)
    counts = {kind: max(min(QUERIES, work // size), 40) for kind, work in SECOND.items()}
    with Contest() as contest:
        given = ["--queries", str(queries), "--count"]
        contest.enter(OURS, sys.executable, ["-m", "bench.ours.near", "--index", str(index), *given, str(counts[OURS])])
        for name, kind in PEERS.items() if chosen.peer else ():
            known = ["--entries", str(entries), "--kind", kind]
            contest.enter(name, chosen.peer or "", ["-m", "bench.peers.near", *known, *given, str(counts[kind])])
        seen = contest.play(chosen.rounds)
    for name, one in seen.items():
        _check(name, one["results"][0])
    return {"built": built, "contestants": seen}


def _check(name: str, result: Found) -> None:
    """Refuse figures of a search that is not exact.

    Raises:
        SystemExit: it missed an entry within the radius, or found one beyond.
    """
    if result["hits"] != [at for at in material.within(QUERIES, RADIUS) if at < result["count"]]:
        raise SystemExit(f"{name} did not find exactly the queries within {RADIUS} bits")


def tables(found: Found) -> str:
    """Return the tables of this part."""
    return searches("queries/s, near match", "build", found, TARGETS)


def main() -> None:
    """Run this part from the command line."""
    options = parser(__doc__)
    options.add_argument("--entries", type=int, nargs="+", default=(), help="numbers of entries")
    given = options.parse_args()
    run("near", setting(given), lambda chosen: measure(chosen, given.entries), tables)


if __name__ == "__main__":
    main()
