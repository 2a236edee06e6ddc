"""Contestant: which rows of a table of links have an MD5 of a list, by DuckDB or `datasets`, with one thread. Prints one JSON object.

The clock starts when the list is in memory (DuckDB: in a table, `datasets`: in a Python set) and the table is known; the rows are read
within it. `datasets.map` adds a column, as people do who look at what they drop; `datasets.filter` in batches is the faster way.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

Find = Callable[[], tuple[int, int]]


def main() -> None:
    """Prepare, find once, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by", choices=tuple(TOOLS), required=True)
    parser.add_argument("--rows", type=Path, required=True, help="a folder of Parquet files")
    parser.add_argument("--entries", type=Path, required=True, help="hexadecimal MD5, one a line")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="links-") as cache:
        find = TOOLS[options.by](options.rows, options.entries, cache)
        clock, processor = time.perf_counter(), time.process_time()
        rows, hits = find()
        told = {"rows": rows, "hits": hits, "seconds": time.perf_counter() - clock, "processor": time.process_time() - processor}
    sys.stdout.write(json.dumps(told) + "\n")


def by_duckdb(rows: Path, entries: Path, _: str) -> Find:
    """Prepare a semi join over the Parquet files, which writes nothing."""
    import duckdb

    connection = duckdb.connect(config={"threads": 1})
    connection.execute(
        "CREATE TABLE known AS SELECT column0 AS md5 FROM read_csv(?, header=false, columns={'column0': 'VARCHAR'})", [str(entries)]
    )

    def find() -> tuple[int, int]:
        files = [f"{rows}/*.parquet"]
        whole = connection.execute("SELECT count(*) FROM read_parquet(?)", files).fetchall()
        hits = connection.execute("SELECT count(*) FROM read_parquet(?) SEMI JOIN known USING (md5)", files).fetchall()
        return int(whole[0][0]), int(hits[0][0])

    return find


def by_map(rows: Path, entries: Path, cache: str) -> Find:
    """Prepare `datasets.map`, a row at a time."""
    known, loaded = set(entries.read_text(encoding="ascii").split()), _loaded(rows, cache)

    def find() -> tuple[int, int]:
        marked = loaded.map(lambda row: {"listed": row["md5"] in known})
        return len(marked), sum(marked.with_format("arrow")[:]["listed"].to_pylist())

    return find


def by_filter(rows: Path, entries: Path, cache: str) -> Find:
    """Prepare `datasets.filter`, which is given the one column, a thousand rows at a time."""
    known, loaded = set(entries.read_text(encoding="ascii").split()), _loaded(rows, cache)

    def find() -> tuple[int, int]:
        kept = loaded.filter(lambda values: [value not in known for value in values], input_columns="md5", batched=True)
        return len(loaded), len(loaded) - len(kept)

    return find


def _loaded(rows: Path, cache: str):  # noqa: ANN202  (its class is in a heavy import)
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    loaded = Dataset.from_parquet([str(path) for path in sorted(rows.glob("*.parquet"))], cache_dir=cache)
    loaded.select(range(10)).map(lambda row: row)  # what is imported at the first call is, after this
    return loaded


TOOLS: dict[str, Callable[[Path, Path, str], Find]] = {
    "duckdb semi join": by_duckdb,
    "datasets.map, row by row": by_map,
    "datasets.filter, in batches": by_filter,
}

if __name__ == "__main__":
    main()
