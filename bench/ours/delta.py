"""Contestant: new entries of a list against the stored hashes of an earlier release, one form of each, without a picture."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from bench.ours.near import RADIUS, WARM
from bench.turn import Facts, serve
from release.match import NearIndex

BATCH = 1 << 20


def main() -> None:
    """Prepare, then compare everything whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stored", type=Path, required=True, help="an array (n, 32)")
    parser.add_argument("--new", type=Path, required=True, help="an array (k, 32)")
    options = parser.parse_args()
    stored, new = np.load(options.stored), np.load(options.new)
    start = time.perf_counter()
    index = NearIndex.build(new, new[:0])
    build = time.perf_counter() - start
    index.any_within(stored[:WARM], RADIUS)

    def work() -> Facts:
        hits = [int(index.any_within(stored[at : at + BATCH], RADIUS).sum()) for at in range(0, len(stored), BATCH)]
        return {"count": len(stored), "hits": sum(hits)}

    serve({"build": build, "entries": len(index)}, work)


if __name__ == "__main__":
    main()
