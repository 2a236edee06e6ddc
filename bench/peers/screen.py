"""Contestant: threatexchange as its documentation uses it; runs in the peers' environment.

Each picture: MD5 looked up in a set, `PdqSignal.hash_from_bytes`, `PDQIndex.query`. One convention, one form.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import numpy as np
from threatexchange.signal_type.pdq.pdq_index import PDQIndex
from threatexchange.signal_type.pdq.signal import PdqSignal

from bench import pack
from bench.turn import Facts, serve

PARTS = ("md5", "hash", "query")


def main() -> None:
    """Prepare, then screen all pictures whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--md5", type=Path, required=True, help="an array (n, 16)")
    parser.add_argument("--pdq", type=Path, required=True, help="an array (n, 32)")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    files = pack.read(options.pictures, options.part)
    start = time.perf_counter()
    known = frozenset(hexed(options.md5))
    index = PDQIndex((code, code) for code in hexed(options.pdq))
    load = time.perf_counter() - start

    def work() -> Facts:
        found = {"count": 0, "md5": 0, "pdq": 0, **{f"{part} seconds": 0.0 for part in PARTS}}
        for data in files:
            screen(data, known, index, found)
        return found

    serve({"load": load, "version": version("threatexchange"), "entries": [len(known), len(index)]}, work)


def hexed(path: Path) -> list[str]:
    """Return entries as the text that list files have."""
    entries = np.load(path)
    text, width = entries.tobytes().hex(), 2 * entries.shape[1]
    return [text[at : at + width] for at in range(0, len(text), width)]


def screen(data: bytes, known: frozenset[str], index: PDQIndex, found: Facts) -> None:
    """Screen one picture."""
    times = [time.perf_counter()]
    found["md5"] += hashlib.md5(data, usedforsecurity=False).hexdigest() in known
    times.append(time.perf_counter())
    code = PdqSignal.hash_from_bytes(data)
    times.append(time.perf_counter())
    found["pdq"] += bool(code and index.query(code))
    times.append(time.perf_counter())
    found["count"] += 1
    for part, (begin, end) in zip(PARTS, pairwise(times), strict=True):
        found[f"{part} seconds"] += end - begin


if __name__ == "__main__":
    main()
