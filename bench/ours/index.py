"""Contestant that plays no round: builds an index from an array of entries and saves it, and tells seconds, size and memory."""

from __future__ import annotations

import argparse
import resource
import time
from itertools import pairwise
from pathlib import Path

import numpy as np

from bench.turn import serve
from release.match import DigestIndex, NearIndex

ENOUGH = 10_000  # entries, for whatever a long list needs


def main() -> None:
    """Build, save, load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=Path, required=True, help="an array (n, 16) of MD5 or (n, 32) of PDQ")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    entries = np.load(options.entries)
    kind = NearIndex if entries.shape[1] == 32 else DigestIndex
    kind.build(entries[:ENOUGH], entries[:0]).save(options.out)  # whatever has to be compiled is, after this
    times = [time.perf_counter()]
    index = kind.build(entries, entries[:0])
    times.append(time.perf_counter())
    index.save(options.out)
    times.append(time.perf_counter())
    kind.load(options.out)
    times.append(time.perf_counter())
    build, save, load = (after - before for before, after in pairwise(times))
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    serve({"build": build, "save": save, "load": load, "bytes": options.out.stat().st_size, "peak": memory}, dict)


if __name__ == "__main__":
    main()
