"""Contestant: exact match of MD5 in a saved index."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from bench.ours.near import WARM
from bench.turn import Facts, serve
from release.match import DigestIndex


def main() -> None:
    """Prepare, then look all rows up whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True, help="an array (m, 16)")
    options = parser.parse_args()
    index, rows = DigestIndex.load(options.index), np.load(options.rows)
    index.contains(rows[:WARM])

    def work() -> Facts:
        return {"count": len(rows), "hits": int(index.contains(rows).sum())}

    serve({"entries": len(index)}, work)


if __name__ == "__main__":
    main()
