"""Contestant: which rows have an MD5 of a list, by DuckDB, pyarrow or polars, each with one thread and its fastest form.

DuckDB joins tables in memory, of 16-byte blobs or of 128-bit numbers; polars a frame of blobs. What can be prepared is: data in
the tool's own form. These tools make a hash table anew at each call, which a long table of rows pays for once; so a round looks up a
quarter of the rows, then all, and what counts is the difference. What a call costs whatever the rows is told apart.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench.turn import Facts, serve

Count = Callable[[], int]
LEAST = 1e-6  # seconds; of very few rows the difference is noise


def main() -> None:
    """Prepare, then look all rows up whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by", choices=tuple(TOOLS), required=True)
    parser.add_argument("--entries", type=Path, required=True, help="an array (n, 16)")
    parser.add_argument("--rows", type=Path, required=True, help="an array (m, 16)")
    options = parser.parse_args()
    tool, package = TOOLS[options.by]
    entries, rows = np.load(options.entries), np.load(options.rows)
    few = len(rows) // 4
    quarter, everything = tool(entries, rows[:few]), tool(entries, rows)

    def work() -> Facts:
        _, *first = timed(quarter)
        hits, *second = timed(everything)
        seconds, processor = (max(after - before, LEAST) for before, after in zip(first, second, strict=True))
        more = len(rows) - few
        return {"count": more, "hits": hits, "seconds": seconds, "processor": processor, "call": first[0] - few * seconds / more}

    serve({"version": version(package), "entries": len(entries)}, work)


def timed(work: Count) -> tuple[int, float, float]:
    """Return what something counts, and its seconds on the clock and of processors."""
    clock, processor = time.perf_counter(), time.process_time()
    count = work()
    return count, time.perf_counter() - clock, time.process_time() - processor


def blobs(values: Any) -> pa.Array:  # noqa: ANN401  (an array (n, 16))
    """Return digests as an Arrow column of fixed width."""
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])


def by_pyarrow(entries: Any, rows: Any) -> Count:  # noqa: ANN401  (arrays (n, 16))
    """Prepare `pyarrow.compute.is_in`."""
    import pyarrow.compute as pc

    known, asked = blobs(entries), blobs(rows)
    pa.set_cpu_count(1)
    return lambda: int(pc.sum(pc.is_in(asked, value_set=known)).as_py() or 0)


def by_polars(entries: Any, rows: Any) -> Count:  # noqa: ANN401  (as above)
    """Prepare a semi join of polars."""
    import polars as pl

    known, asked = (pl.DataFrame({"md5": pl.Series(blobs(values).cast(pa.binary()))}) for values in (entries, rows))
    return lambda: asked.join(known, on="md5", how="semi").height


def by_duckdb_blobs(entries: Any, rows: Any) -> Count:  # noqa: ANN401  (as above)
    """Prepare a semi join of DuckDB on blobs."""
    return _duckdb(entries, rows, "md5")


def by_duckdb_numbers(entries: Any, rows: Any) -> Count:  # noqa: ANN401  (as above)
    """Prepare a semi join of DuckDB on numbers of 128 bits."""
    return _duckdb(entries, rows, "('0x' || hex(md5))::UHUGEINT AS md5")


def _duckdb(entries: Any, rows: Any, column: str) -> Count:  # noqa: ANN401  (as above)
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    for name, values in (("known", entries), ("asked", rows)):
        connection.register("given", pa.table({"md5": blobs(values)}))
        connection.execute(f"CREATE TABLE {name} AS SELECT {column} FROM given")  # noqa: S608  (our own names)
        connection.unregister("given")
    query = "SELECT count(*) FROM asked SEMI JOIN known USING (md5)"
    return lambda: int(connection.execute(query).fetchall()[0][0])


TOOLS = {
    "pyarrow is_in": (by_pyarrow, "pyarrow"),
    "polars semi join": (by_polars, "polars"),
    "duckdb semi join, blobs": (by_duckdb_blobs, "duckdb"),
    "duckdb semi join, numbers": (by_duckdb_numbers, "duckdb"),
}

if __name__ == "__main__":
    main()
