"""Parquet lists, as collections of links have them (`URL`, `md5`): columns of text, or of digests as bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from release.lists.csv import CLASS, NO_VALUE, find_columns
from release.lists.entries import WIDTHS
from release.lists.reading import Batch, broken, opened
from release.lists.records import Records, Statement
from release.lists.streams import not_this

MAGIC = b"PAR1"
UNIT = "row"

NOT_TEXT = "neither text nor bytes"
_ROWS = 16_384


def read(path: Path, columns: Mapping[str, str]) -> Iterator[Batch]:
    """Yield the values of a Parquet list, rows counted from 1; `columns` as in `csv.read`.

    Raises:
        ListError: the file cannot be read or is no Parquet (`list-format`), lacks the columns (`list-columns`), or is broken at a row
            (`list-file`).
    """
    with opened(path) as source:
        try:
            file = pq.ParquetFile(source)
            header = file.schema_arrow.names
        except (pa.ArrowException, OSError, ValueError):
            raise not_this(path, "Parquet file", "Parquet, whole") from None
        places = {kind: header[place] for kind, place in find_columns(path.name, header, columns).items()}
        records = Records()
        yield from records.flow(_rows(path, file, records, places))


def _rows(path: Path, file: pq.ParquetFile, records: Records, places: Mapping[str, str]) -> Iterator[None]:
    number = 1
    try:
        for batch in _batches(file, sorted(set(places.values()))):
            found = {kind: batch.column(name).to_pylist() for kind, name in places.items()}
            groups = found.pop(CLASS, None)
            for place in range(batch.num_rows):
                cells = [(kind, cell) for kind, column in found.items() if (cell := column[place]) is not None and cell != ""]
                _take(records, number + place, cells, None if groups is None else str(groups[place] or ""))
            number += batch.num_rows
            yield
    except (pa.ArrowException, OSError, ValueError):
        raise broken(path, f"after row {number - 1}", "cannot be read on", "Parquet, whole") from None


def _batches(file: pq.ParquetFile, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows group by group, so that a damaged group takes none before it along."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(_ROWS, row_groups=[group], columns=list(columns))


def _take(records: Records, number: int, cells: Sequence[tuple[str, object]], group: str | None) -> None:
    if not cells:
        records.refuse(number, NO_VALUE)
        return
    owner = None if group is None else records.state(Statement(group=group))
    for kind, cell in cells:
        if isinstance(cell, bytes):
            records.value(kind, number, cell.hex().encode() if len(cell) == WIDTHS[kind] else cell, owner)
        elif isinstance(cell, str):
            records.value(kind, number, cell, owner)
        else:
            records.refuse(number, f"{kind}: {NOT_TEXT}")
