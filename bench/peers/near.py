"""Contestant: faiss, exact search within 31 bits: every entry compared (`flat`), or multi-index hashing (`multi`).

`multi` is built as threatexchange builds it: 16 parts of 16 bits, one bit flipped in each, which finds all within 31 bits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from bench.turn import Facts, serve

RADIUS = 31
PARTS = 16
CHUNK = 32_000_000  # bytes


def main() -> None:
    """Prepare, then search for all queries whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=("flat", "multi"), required=True)
    parser.add_argument("--entries", type=Path, required=True, help="an array (n, 32)")
    parser.add_argument("--queries", type=Path, required=True, help="an array (m, 32)")
    parser.add_argument("--count", type=int, required=True, help="so many of them")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    faiss.omp_set_num_threads(1)
    place, parts = (int(number) for number in options.part.split("/"))
    queries = np.load(options.queries)[: options.count][place::parts]
    start = time.perf_counter()
    index = flat() if options.kind == "flat" else multi()
    for part in chunks(options.entries):
        index.add(part)
    build = time.perf_counter() - start

    def work() -> Facts:
        limits, _, _ = index.range_search(queries, RADIUS + 1)  # its radius is exclusive
        return {"count": len(queries), "hits": np.flatnonzero(np.diff(limits)).tolist()}

    serve({"build": build, "version": version("faiss-cpu"), "entries": index.ntotal}, work)


def chunks(path: Path) -> Iterator[Any]:
    """Yield entries by the million, so that the file does not stand beside the index in the peak of memory."""
    known = np.load(path, mmap_mode="r")
    with path.open("rb") as file:
        file.seek(known.offset)
        while data := file.read(CHUNK):
            yield np.frombuffer(data, np.uint8).reshape(-1, 32)


def flat() -> faiss.IndexBinary:
    """Return an index that compares with every entry."""
    return faiss.IndexBinaryFlat(256)


def multi() -> faiss.IndexBinary:
    """Return an index of 16 hash tables."""
    index = faiss.IndexBinaryMultiHash(256, PARTS, 256 // PARTS)
    index.nflip = RADIUS // PARTS
    return index


if __name__ == "__main__":
    main()
