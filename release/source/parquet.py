"""Rows from Parquet files: one file, a folder, a glob, or files of a Hub repository.

Row groups may be of any size: columns are read through a small buffer, a few rows at a time, so that memory depends on the
size of single values and pages and never on that of a row group or file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audit_logs.manifest import SourceFile, SourcePin
from release import store, table
from release.errors import SourceError
from release.source.base import (
    BAD_PATH,
    DEFAULT_SPLIT,
    NO_IMAGE,
    ImageColumn,
    Request,
    SourceBatch,
    Unit,
    check_path,
    empty_source,
    gather,
    in_reading_order,
)
from release.source.columns import check_columns
from release.source.files import NotRead, read_inside
from release.source.parquetfiles import (
    Described,
    Files,
    LocalFiles,
    PinnedFile,
    describe,
    explained,
    find,
    group_rows_of,
    open_parquet,
    pin_file,
)
from release.values import cast

PLANTED, PLANTED_IMAGE = "planted.parquet", "planted.png"
_MOST_ROWS_AT_ONCE = 128
_MOST_SMALL_ROWS, _SMALL_PARTS = 8192, 4  # of a source without images, whose rows differ less
_PARTS_OF_A_BATCH = 16  # rows of a file differ in size: a batch is put together from so many reads of average rows


@dataclass(frozen=True, slots=True)
class Span:
    """Row groups `start` to `end` of file number `file`; the first of their rows is row `first` of the file."""

    file: int
    start: int
    end: int
    first: int


@dataclass(frozen=True, slots=True)
class Origin:
    """What the manifest says of where files came from: kind, Hub repository and commit."""

    kind: str
    locator: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class ParquetSource:
    """Rows of Parquet files with one schema; see `release.source.base.Source`."""

    origin: Origin
    where: Files
    pinned: tuple[PinnedFile, ...]
    described: Described
    image: ImageColumn | None
    units: tuple[Unit, ...]
    file_bytes: int

    @property
    def kind(self) -> str:
        """Return `parquet` or `hub`."""
        return self.origin.kind

    @property
    def schema(self) -> pa.Schema:
        """Return the normalised schema of every batch."""
        return self.described.schema

    @property
    def features(self) -> Mapping[str, object]:
        """Return how `datasets` is to read columns: what the files say, and Image for an image struct."""
        image = {self.image.name: {"_type": "Image"}} if self.image is not None and self.image.nested else {}
        return self.described.features | image

    @property
    def pin(self) -> SourcePin:
        """Return the source as the manifest has it, with every file, but for its root."""
        files = tuple(SourceFile(path=file.path, bytes=file.bytes, sha256=file.sha256, rows=sum(file.group_rows)) for file in self.pinned)
        return SourcePin(
            kind=self.origin.kind,  # type: ignore[arg-type]  # one of the three, by construction
            locator=self.origin.locator,
            revision=self.origin.revision,
            parent="public",
            rows=sum(file.rows for file in files),
            root="",
            files=files,
            metadata=None,
            file_bytes=self.file_bytes,
        )

    @property
    def stored_bytes(self) -> int:
        """Return the bytes of the Parquet files, without those of pictures that rows name as files."""
        return sum(file.bytes for file in self.pinned)

    def locator(self, unit: Unit, position: int) -> str:
        """Return file and row number of a row."""
        for span in _spans(unit):
            rows = sum(self.pinned[span.file].group_rows[span.start : span.end])
            if position < rows:
                return f"{self.pinned[span.file].path}, row {span.first + position}"
            position -= rows
        raise SourceError("there is no such row in the source", where=f"source shard {unit.index}")

    def read(self, unit: Unit, *, batch_bytes: int) -> Iterator[SourceBatch]:
        """Yield a unit's rows; see `release.source.base.Source.read`.

        Raises:
            SourceError: a file cannot be read, or is not what it was when it was pinned.
        """
        pieces = (piece for span in _spans(unit) for batch in self._rows(span, batch_bytes) for piece in self._filled(batch, batch_bytes))
        return gather(pieces, batch_bytes)

    def planted(self, row: pa.RecordBatch, folder: Path) -> ParquetSource:
        """Return this source with one row, in a Parquet file of its own; see `release.source.base.Source.planted`.

        Where rows may name their image as a file, the row is there once more in that way.

        Raises:
            StoreError: the row cannot be written.
            SourceError: the file cannot be read back.
        """
        by_name = self._named(row, folder) if self.where.root is not None else None
        table.write_private(folder / PLANTED, row if by_name is None else pa.concat_batches([row, by_name]))
        where = LocalFiles(folder, None if self.where.root is None else folder)
        pinned, described = pin_file(where, PLANTED, DEFAULT_SPLIT)
        _check_same(PLANTED, self.schema, PLANTED, described.schema)
        unit = Unit(0, DEFAULT_SPLIT, sum(pinned.group_rows), (Span(0, 0, len(pinned.group_rows), 0),))
        return replace(self, where=where, pinned=(pinned,), units=(unit,))

    def _named(self, row: pa.RecordBatch, folder: Path) -> pa.RecordBatch | None:
        """Return a row whose image is a file in the folder, or None if this source's rows cannot name one."""
        if self.image is None or not self.image.nested or (kind := self.schema.field(self.image.name).type).get_field_index("path") < 0:
            return None
        (image,) = row.column(self.image.name).field("bytes").to_pylist()
        store.write_file(folder / PLANTED_IMAGE, image, private=True)
        place = row.schema.get_field_index(self.image.name)
        return row.set_column(place, row.schema.field(place), pa.array([{"bytes": None, "path": PLANTED_IMAGE}], kind))

    def _rows(self, span: Span, batch_bytes: int) -> Iterator[pa.RecordBatch]:
        pinned = self.pinned[span.file]
        path = self.where.local(pinned)
        with explained(pinned.path), open_parquet(path) as file:
            if group_rows_of(file.metadata) != pinned.group_rows:
                raise SourceError("a Parquet file has other row groups than when it was pinned", where="footer")
            groups = range(span.start, span.end)
            most, parts = (_MOST_SMALL_ROWS, _SMALL_PARTS) if self.image is None else (_MOST_ROWS_AT_ONCE, _PARTS_OF_A_BATCH)
            rows = min(most, _average_rows(file.metadata, groups, batch_bytes // parts))
            for batch in file.iter_batches(rows, row_groups=list(groups), use_threads=False):
                yield cast(batch, self.schema)
        self.where.local(pinned)

    def _filled(self, batch: pa.RecordBatch, batch_bytes: int) -> Iterator[tuple[pa.RecordBatch, dict[int, str]]]:
        """Yield the batch in one or more pieces, with the bytes of files that rows name filled in."""
        if self.image is None:
            yield batch, {}
            return
        column = batch.column(self.image.name)
        values = column.field("bytes") if self.image.nested else column
        missing = values.null_count or column.null_count
        if not missing:
            yield batch, {}
        elif not self.image.nested:
            yield batch, {row: NO_IMAGE for row, there in enumerate(values.is_valid().to_pylist()) if not there}
        else:
            yield from _fill(batch, self.image.name, self._file, batch_bytes)

    def _file(self, name: str | None) -> bytes:
        if not name:
            raise NotRead(NO_IMAGE)
        if self.where.root is None:
            raise NotRead(BAD_PATH)
        return read_inside(self.where.root, name, self.file_bytes)


def _fill(
    batch: pa.RecordBatch, name: str, fetch: Callable[[str | None], bytes], batch_bytes: int
) -> Iterator[tuple[pa.RecordBatch, dict[int, str]]]:
    """Yield pieces of a batch in which rows without bytes have those of the file that they name, or a problem."""
    column = batch.column(name)
    there = column.field("bytes").is_valid().to_pylist()
    exists = column.is_valid().to_pylist()
    paths = column.field("path").to_pylist() if column.type.get_field_index("path") >= 0 else [None] * len(column)
    found: dict[int, bytes] = {}
    problems: dict[int, str] = {}
    start = size = 0
    for row in range(batch.num_rows):
        if exists[row] and there[row]:
            continue
        try:
            found[row - start] = fetch(paths[row] if exists[row] else None)
            size += len(found[row - start])
        except NotRead as reason:
            problems[row - start] = reason.reason
        if size >= batch_bytes:
            yield _with_bytes(batch.slice(start, row + 1 - start), name, found), problems
            start, size, found, problems = row + 1, 0, {}, {}
    if start < batch.num_rows:
        yield _with_bytes(batch.slice(start), name, found), problems


def _with_bytes(batch: pa.RecordBatch, name: str, found: Mapping[int, bytes]) -> pa.RecordBatch:
    if not found:
        return batch
    column = batch.column(name)
    fields = [column.type.field(index) for index in range(column.type.num_fields)]
    images = [found.get(row, value) for row, value in enumerate(column.field("bytes").to_pylist())]
    children = [pa.array(images, pa.binary()) if field.name == "bytes" else column.field(index) for index, field in enumerate(fields)]
    filled = pa.StructArray.from_arrays(children, fields=fields, mask=column.is_null())
    return batch.set_column(batch.schema.get_field_index(name), batch.schema.field(name), filled)


def open_local(path: Path, request: Request) -> ParquetSource:
    """Open a Parquet file, a folder of them, or a glob; every file is hashed.

    Raises:
        SourceError: there is none, one cannot be read, schemas differ, a column of the plan is missing, or there are no rows.
    """
    folder, names = find(path)
    for name in names:
        check_path(name, str(folder))
    where = LocalFiles(folder, folder if path.is_dir() else None)
    files = [pin_file(where, name, split) for name, split in in_reading_order(names, request, str(path))]
    return assemble(Origin("parquet"), where, files, request)


def look(path: Path, request: Request) -> pa.Schema:
    """Return the normalised schema of a Parquet file, a folder of them or a glob, from the footer of the first; nothing is hashed.

    Raises:
        SourceError: there is none, it cannot be read, or a column of the plan is missing.
    """
    folder, names = find(path)
    first, _ = in_reading_order(names, request, str(path))[0]
    described = describe(folder / first, first)
    check_columns(described.schema, described.features, request.columns, str(path))
    return described.schema


def assemble(origin: Origin, where: Files, files: Sequence[tuple[PinnedFile, Described]], request: Request) -> ParquetSource:
    """Return the source made of pinned files in reading order, with one schema, cut into units.

    Raises:
        SourceError: schemas differ, a column of the plan is missing, or there are no rows.
    """
    place = where.place
    if not sum(sum(file.group_rows) for file, _ in files):
        raise empty_source(place)
    first, described = files[0]
    for file, other in files[1:]:
        _check_same(first.path, described.schema, file.path, other.schema)
    image = check_columns(described.schema, described.features, request.columns, place)
    pinned = tuple(file for file, _ in files)
    return ParquetSource(origin, where, pinned, described, image, tuple(_units(pinned, request.shard_rows)), request.file_bytes)


def _check_same(first: str, schema: pa.Schema, path: str, other: pa.Schema) -> None:
    if schema == other:
        return
    pairs = [(field.name, str(field.type)) for field in schema], [(field.name, str(field.type)) for field in other]
    differing = sorted(set(pairs[0]) ^ set(pairs[1])) or [("the order of columns", "")]
    raise SourceError(
        "two files of the source have different columns",
        where=path,
        expected=f"the columns of {first}",
        found=f"a difference in {differing[0][0]}",
        next_step="give each kind of file a source of its own",
    )


def _units(files: Sequence[PinnedFile], shard_rows: int) -> Iterator[Unit]:
    """Yield units of whole row groups, each of at least `shard_rows` rows but the last of a split."""
    index = rows = 0
    spans: list[Span] = []
    for number, file in enumerate(files):
        starts = [0, *accumulate(file.group_rows)]
        for group, count in enumerate(file.group_rows):
            if spans and spans[-1].file == number:
                spans[-1] = Span(number, spans[-1].start, group + 1, spans[-1].first)
            else:
                spans.append(Span(number, group, group + 1, starts[group]))
            rows += count
            if rows >= shard_rows:
                yield Unit(index, file.split, rows, tuple(spans))
                index, rows, spans = index + 1, 0, []
        if rows and (number + 1 == len(files) or files[number + 1].split != file.split):
            yield Unit(index, file.split, rows, tuple(spans))
            index, rows, spans = index + 1, 0, []


def _spans(unit: Unit) -> tuple[Span, ...]:
    if not isinstance(unit.spec, tuple):
        raise SourceError("this unit is of another source", where=f"source shard {unit.index}")
    return unit.spec


def _average_rows(metadata: pq.FileMetaData, groups: range, part_bytes: int) -> int:
    size: int = sum(max(0, metadata.row_group(index).total_byte_size) for index in groups)
    rows: int = sum(metadata.row_group(index).num_rows for index in groups)
    return max(1, rows * part_bytes // max(1, size))
