"""Contestant: near match of one form of each query, within 31 bits, in a saved index."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bench.turn import Facts, serve
from release.match import NearIndex

RADIUS = 31
WARM = 64  # queries before the clock runs, after which whatever has to be compiled is


def main() -> None:
    """Prepare, then search for all queries whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True, help="an array (m, 32)")
    parser.add_argument("--count", type=int, required=True, help="so many of them")
    parser.add_argument("--batch", type=int, default=1 << 30, help="queries of one call")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    place, parts = (int(number) for number in options.part.split("/"))
    index, queries = NearIndex.load(options.index), np.load(options.queries)[: options.count][place::parts]
    index.any_within(queries[:WARM], RADIUS)

    def work() -> Facts:
        calls = [index.any_within(queries[at : at + options.batch], RADIUS) for at in range(0, len(queries), options.batch)]
        return {"count": len(queries), "hits": np.flatnonzero(np.concatenate(calls)).tolist()}

    serve({"entries": len(index)}, work)


if __name__ == "__main__":
    main()
