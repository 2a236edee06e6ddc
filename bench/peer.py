"""The peer: threatexchange 1.2.17 as its documentation uses it, on the same pictures and lists; runs in an environment of its own.

Each picture: MD5 looked up in a set, `PdqSignal.hash_from_bytes`, `PDQIndex.query`. One convention, one form, nothing written.

Usage: python bench/peer.py PICTURES.parquet ... --md5 FILE --pdq FILE [--rows N]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
from threatexchange.signal_type.pdq.pdq_index import PDQIndex
from threatexchange.signal_type.pdq.signal import PdqSignal

PARTS = ("md5", "hash", "query")


def main() -> None:
    """Screen the pictures and print the result as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--md5", type=Path, required=True)
    parser.add_argument("--pdq", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1 << 62)
    options = parser.parse_args()
    start = time.perf_counter()
    known = frozenset(options.md5.read_text(encoding="ascii").split())
    index = PDQIndex((line, line) for line in options.pdq.read_text(encoding="ascii").split())
    loaded = time.perf_counter()
    spent, counts = dict.fromkeys(PARTS, 0.0), {"rows": 0, "md5": 0, "pdq": 0}
    for path in options.pictures:
        for batch in pq.ParquetFile(path).iter_batches(100, columns=["image"]):
            for image in batch.column("image").field("bytes").to_pylist()[: options.rows - counts["rows"]]:
                screen(image, known, index, spent, counts)
    seconds = time.perf_counter() - loaded
    versions = {name: version(name) for name in ("threatexchange", "pdqhash", "faiss-cpu", "pillow")}
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"load": loaded - start, "seconds": seconds, "spent": spent, "counts": counts, "peak": memory, "versions": versions}))


def screen(image: bytes, known: frozenset[str], index: PDQIndex, spent: dict[str, float], counts: dict[str, int]) -> None:
    """Screen one picture."""
    times = [time.perf_counter()]
    counts["md5"] += hashlib.md5(image, usedforsecurity=False).hexdigest() in known
    times.append(time.perf_counter())
    code = PdqSignal.hash_from_bytes(image)
    times.append(time.perf_counter())
    counts["pdq"] += bool(code and index.query(code))
    times.append(time.perf_counter())
    counts["rows"] += 1
    for part, (begin, end) in zip(PARTS, pairwise(times), strict=True):
        spent[part] += end - begin


if __name__ == "__main__":
    main()
