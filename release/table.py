"""The only Parquet writer: data files with deterministic bytes, and the private tables of a build.

The bytes of a data file depend on its rows, their schema and pyarrow's version; not on how rows were batched on the way in.
Binary values (images) are stored PLAIN and uncompressed, so that a new version shares most bytes with the one before; all
else is zstd. Each row group is one contiguous byte range, hashed while it is written (docs/SPEC.md section 6).
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from audit_logs.errors import FormatError, StoreError
from release import store
from release.values import cast, normalise

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PARQUET_WRITER = f"pyarrow {pa.__version__}"
MAGIC_BYTES = 4
_LARGEST_GROUP = (1 << 31) - 1  # Arrow counts the bytes of a binary column in 32 bits
_PRIVATE_GROUP_ROWS = 1 << 16
_PRIVATE_GROUP_BYTES = 16 << 20
_BUFFER = 1 << 20
# A page is cut after the first few rows that fill it. The pictures of a row group of usual size share one page: with each further page
# header, a version from which a row is missing has other bytes at two more places (bench/newbytes.py).
_PIECE_ROWS = 16
_SMALL_PIECE_ROWS = 8192  # where no column holds bytes, and so no image
# In tables without images, as of links, values differ from row to row: dictionaries take time, and room. Private tables are read whole.
_SMALL: dict[str, Any] = {"use_dictionary": False, "write_batch_size": 1024}
_PRIVATE: dict[str, Any] = {**_SMALL, "write_statistics": False}
_PAGE = 32 << 20
_FIXED: dict[str, Any] = {
    "version": "2.6",
    "data_page_version": "1.0",
    "data_page_size": _PAGE,
    "write_page_index": True,
    "compression_level": None,
    "store_schema": True,
}


@dataclass(frozen=True, slots=True)
class WrittenGroup:
    """A row group: half-open byte range, its sha256 (hex), its rows."""

    start: int
    end: int
    sha256: str
    rows: int


@dataclass(frozen=True, slots=True)
class WrittenShard:
    """A data file: size, sha256 (hex), rows, row groups from byte 4 without a gap, and the footer: the rest."""

    bytes: int
    sha256: str
    rows: int
    row_groups: tuple[WrittenGroup, ...]
    footer_start: int
    footer_sha256: str


@dataclass(frozen=True, slots=True)
class GroupRange:
    """Where a Parquet file says that a row group is: half-open byte range and rows."""

    start: int
    end: int
    rows: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a Parquet file says that its parts are."""

    bytes: int
    rows: int
    row_groups: tuple[GroupRange, ...]
    footer_start: int


class _HashingFile(io.RawIOBase):
    """Hashes what passes to a file: all of it, and piece by piece if pieces are asked for."""

    def __init__(self, file: BinaryIO, *, pieces: bool) -> None:
        super().__init__()
        self._file = file
        self._pieces = pieces
        self._whole = hashlib.sha256()
        self._piece = hashlib.sha256()
        self._wanted = True
        self.position = 0

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True

    def write(self, data: ReadableBuffer) -> int:
        """Write and hash a buffer of bytes."""
        size = memoryview(data).nbytes
        if not self._wanted:
            return size
        self._file.write(data)
        self._whole.update(data)
        if self._pieces:
            self._piece.update(data)
        self.position += size
        return size

    def drop(self) -> None:
        """Swallow what is still to come."""
        self._wanted = False

    def cut(self) -> str:
        """Return the sha256 (hex) of what came since the last cut."""
        digest, self._piece = self._piece.hexdigest(), hashlib.sha256()
        return digest

    def sha256(self) -> str:
        """Return the sha256 (hex) of all."""
        return self._whole.hexdigest()


class _Writer:
    """A Parquet file that is there when it is closed, and gone if anything fails before."""

    def __init__(self, path: Path, schema: pa.Schema, options: Mapping[str, object], *, private: bool) -> None:
        self._path = path
        self._file: AbstractContextManager[BinaryIO] = store.open_new(path, private=private)
        self._open = True
        self._parquet: Any = None
        self.sink = _HashingFile(self._file.__enter__(), pieces=not private)
        with self._guarded():
            self._parquet = pq.ParquetWriter(pa.PythonFile(self.sink, mode="w"), schema, **_FIXED, **options)
        self.sink.cut()  # the magic belongs to no row group

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        """Give the file up if writing fails; `store` turns a full disk and the like into a StoreError."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            self._give_up(error)
            raise StoreError(f"could not write {self._path.name}: {error}", where=str(self._path)) from error

    def _give_up(self, error: Exception) -> None:
        if self._open:
            self._open = False
            self.sink.drop()
            if self._parquet is not None:  # it writes a footer when it goes, wanted or not
                self._parquet.close()
            self._file.__exit__(type(error), error, error.__traceback__)

    def write_group(self, batches: list[pa.RecordBatch]) -> None:
        """Write all rows of `batches` as one row group."""
        if sum(batch.nbytes for batch in batches) > _LARGEST_GROUP:
            step = "name a smaller build.row_group_rows in the plan"
            error = StoreError("a row group is too large", where=str(self._path), expected="below 2 GiB", next_step=step)
            self._give_up(error)
            raise error
        with self._guarded():
            rows = pa.Table.from_batches(batches)
            self._parquet.write_table(rows, row_group_size=max(1, rows.num_rows))

    def close(self) -> None:
        """Write the footer and bring the file to its name."""
        with self._guarded():
            self._parquet.close()
        self._open = False
        self._file.__exit__(None, None, None)

    def discard(self) -> None:
        """Leave nothing behind; does nothing once the file is closed."""
        with suppress(_DiscardedError):
            self._give_up(_DiscardedError())


class _DiscardedError(Exception):
    """Travels into the open file to say that it is not wanted."""


class ShardWriter:
    """Writes a data file: row groups of exactly `group_rows` rows, the last one smaller."""

    def __init__(self, path: Path, schema: pa.Schema, group_rows: int, features: Mapping[str, object]) -> None:
        """Begin a file at `path`.

        Args:
            path: where it will stand once it is closed.
            schema: normalised.
            group_rows: 2^k rows.
            features: by column, how `datasets` is to read it, as in the metadata that it writes itself.

        Raises:
            StoreError: the file cannot be made, or Parquet has no exact form for a type.
        """
        for field in schema:
            _check_exact(field.type, field.name)
        self._schema = schema.with_metadata(features_metadata(features))
        small = not any(binary for field in schema for _, binary in _leaves(field.name, field.type))
        self._rows = _Cutter(group_rows, _SMALL_PIECE_ROWS if small else _PIECE_ROWS)
        self._path = path
        self._groups: list[WrittenGroup] = []
        options = _options(schema) | (_SMALL if small else {"write_batch_size": _PIECE_ROWS})
        self._writer = _Writer(path, self._schema, options, private=False)

    def append(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch with the file's schema.

        Raises:
            StoreError: the disk did not take them; nothing stays.
        """
        for group in self._rows.add(batch.replace_schema_metadata(self._schema.metadata)):
            self._write(group)

    def _write(self, group: list[pa.RecordBatch]) -> None:
        start = self._writer.sink.position
        self._writer.write_group(group)
        rows = sum(batch.num_rows for batch in group)
        self._groups.append(WrittenGroup(start, self._writer.sink.position, self._writer.sink.cut(), rows))

    def close(self) -> WrittenShard:
        """Finish the file and return what was written.

        Raises:
            StoreError: the disk did not take it, or the row groups are not where the file itself says.
        """
        if rest := self._rows.rest():
            self._write(rest)
        sink = self._writer.sink
        footer_start = sink.position
        self._writer.close()
        groups = tuple(self._groups)
        written = WrittenShard(sink.position, sink.sha256(), sum(group.rows for group in groups), groups, footer_start, sink.cut())
        if layout(self._path) != _claimed(written):
            raise StoreError("the Parquet library did not write row groups one after another", where=str(self._path))
        return written

    def discard(self) -> None:
        """Leave nothing behind; does nothing once the file is closed."""
        self._writer.discard()


class PrivateWriter:
    """Writes a private table (0600) with bounded memory."""

    def __init__(self, path: Path, schema: pa.Schema, codec: str = "ZSTD") -> None:
        """Begin a table at `path`; `codec` is how what is no digest is compressed.

        Raises:
            StoreError: the file cannot be made.
        """
        self.schema = schema
        self._pending: list[pa.RecordBatch] = []
        self._writer = _Writer(path, schema, {**_options(schema, codec), **_PRIVATE}, private=True)

    def append(self, batch: pa.RecordBatch) -> None:
        """Write the rows of a batch with the table's schema.

        Raises:
            StoreError: the disk did not take them; nothing stays.
        """
        self._pending.append(batch)
        rows, size = sum(part.num_rows for part in self._pending), sum(part.nbytes for part in self._pending)
        if rows >= _PRIVATE_GROUP_ROWS or size >= _PRIVATE_GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        pending, self._pending = [part for part in self._pending if part.num_rows], []
        if pending:
            self._writer.write_group(pending)

    def close(self) -> str:
        """Finish the table and return its file's sha256 (hex).

        Raises:
            StoreError: the disk did not take it.
        """
        self._flush()
        self._writer.close()
        return self._writer.sink.sha256()

    def discard(self) -> None:
        """Leave nothing behind; does nothing once the table is closed."""
        self._writer.discard()


def write_private(path: Path, batch: pa.RecordBatch) -> None:
    """Write one batch as a private table.

    Raises:
        StoreError: the disk did not take it; nothing stays.
    """
    writer = PrivateWriter(path, batch.schema)
    try:
        writer.append(batch)
        writer.close()
    finally:
        writer.discard()


class _Cutter:
    """Cuts a stream of batches into groups of exactly so many rows, each in pieces that only depend on the rows.

    A piece is what the Parquet library takes at a time, so that pages are cut where they would be if the group were in one
    piece; and putting together pieces, not groups, keeps a group of large images in memory once and not twice.
    """

    def __init__(self, rows: int, piece_rows: int) -> None:
        self._wanted = rows
        self._piece_rows = min(rows, piece_rows)
        self._pieces: list[pa.RecordBatch] = []
        self._parts: list[pa.RecordBatch] = []
        self._count = 0  # rows of the parts

    def add(self, batch: pa.RecordBatch) -> Iterator[list[pa.RecordBatch]]:
        """Yield each group that is full."""
        while batch.num_rows:
            part = batch.slice(0, self._piece_rows - self._count)
            batch = batch.slice(part.num_rows)
            self._parts.append(part)
            self._count += part.num_rows
            if self._count == self._piece_rows:
                self._join()
            if len(self._pieces) * self._piece_rows == self._wanted:
                yield self.rest()

    def rest(self) -> list[pa.RecordBatch]:
        """Return what has not been yielded yet."""
        self._join()
        pieces, self._pieces = self._pieces, []
        return pieces

    def _join(self) -> None:
        if self._parts:
            whole = len(self._parts) == 1 and self._piece_rows > _PIECE_ROWS  # rows with images are copied: they would keep a whole batch
            self._pieces.append(self._parts[0] if whole else pa.concat_batches(self._parts))
        self._parts, self._count = [], 0


def write_sealed_table(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write a private table (0600) in one go.

    Raises:
        StoreError: the disk did not take it; nothing stays.
    """
    writer = PrivateWriter(path, schema)
    try:
        for batch in batches:
            writer.append(batch)
        writer.close()
    finally:
        writer.discard()


def read_sealed_table(path: Path, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a private table in order, a bounded number at a time.

    Args:
        path: the table.
        columns: which columns; all of them if not given.

    Raises:
        FormatError: it is not a Parquet file, or a damaged one.
    """
    with _reading(path), pq.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
        yield from file.iter_batches(_PRIVATE_GROUP_ROWS, columns=columns, use_threads=False)


def read_whole(path: Path) -> pa.Table:
    """Return a private table as a whole, with its schema also where it has no rows.

    Raises:
        FormatError: it is not a Parquet file, or a damaged one.
    """
    with _reading(path), pq.ParquetFile(path, pre_buffer=False) as file:
        return file.read(use_threads=False)


def read_groups(path: Path, schema: pa.Schema | None = None) -> Iterator[pa.RecordBatch]:
    """Yield one batch for each row group, in order, under a normalised schema; memory holds one row group at a time.

    Args:
        path: a data file, hashed before it is read.
        schema: cast to it; if not given, to the file's own schema, normalised.

    Raises:
        FormatError: it is not a Parquet file, or a damaged one.
        SourceError: a column has a type that a release cannot carry.
    """
    with _reading(path), pq.ParquetFile(path, pre_buffer=False, arrow_extensions_enabled=False) as file:
        wanted = schema or normalise(file.schema_arrow)
        for index in range(file.num_row_groups):
            rows = file.read_row_group(index, use_threads=False)
            batches = rows.combine_chunks().to_batches()
            if len(batches) > 1:
                raise FormatError("a row group is too large", where=f"{path.name}: row group {index}", expected="below 2 GiB")
            yield from (cast(batch, wanted) for batch in batches)


def layout(path: Path) -> Layout:
    """Return where a Parquet file's row groups and footer are.

    Raises:
        FormatError: it is not a Parquet file, or its row groups are not contiguous from byte 4.
    """
    with _reading(path):
        metadata = pq.read_metadata(path)
    return layout_of(metadata, path.stat().st_size, path.name)


def layout_of(metadata: pq.FileMetaData, size: int, name: str) -> Layout:
    """Return where the parts of a Parquet file of `size` bytes are by its own footer.

    Raises:
        FormatError: its row groups are not contiguous from byte 4.
    """
    position = MAGIC_BYTES
    groups = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        start, end = _group_range(group)
        if start != position or end <= start:
            where = f"{name}: row group {index}"
            raise FormatError("row groups are not one after another", where=where, expected=f"a start at {position}", found=f"{start}")
        groups.append(GroupRange(start, end, group.num_rows))
        position = end
    return Layout(size, metadata.num_rows, tuple(groups), position)


class Parts(io.RawIOBase):
    """A file of which some parts are held in memory: reading anything else is an error, so that nobody parses what was not looked at."""

    def __init__(self, size: int, parts: Mapping[int, bytes]) -> None:
        """Hold parts of a file of `size` bytes, by the places where they begin."""
        super().__init__()
        self._size, self._parts, self._at = size, parts, 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that one can go to any place in it."""
        return True

    def tell(self) -> int:
        """Return where the next read begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the bytes from here on, all of which have to be held.

        Raises:
            OSError: they are not.
        """
        end = self._size if size < 0 else min(self._at + size, self._size)
        for start, data in self._parts.items():
            if start <= self._at and end <= start + len(data):
                found = data[self._at - start : end - start]
                self._at = end
                return found
        raise OSError("a footer leads to bytes outside its row group")


def read_group(file: Parts, metadata: pq.FileMetaData, index: int, schema: pa.Schema) -> pa.RecordBatch:
    """Return the rows of one row group, of which `file` holds all bytes, under a normalised schema.

    Raises:
        FormatError: it is a damaged one.
        SourceError: a column has a type that a release cannot carry.
    """
    where = Path(f"row group {index}")
    with _reading(where), pq.ParquetFile(pa.PythonFile(file, mode="r"), metadata=metadata, arrow_extensions_enabled=False) as parquet:
        batches = parquet.read_row_group(index, use_threads=False).combine_chunks().to_batches()
    if len(batches) != 1:
        raise FormatError("a row group is empty or too large", where=str(where), expected="below 2 GiB")
    return cast(batches[0], schema)


def _group_range(group: pq.RowGroupMetaData) -> tuple[int, int]:
    chunks = [group.column(index) for index in range(group.num_columns)]
    starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
    ends = [start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)]
    return min(starts), max(ends)


def _claimed(written: WrittenShard) -> Layout:
    groups = tuple(GroupRange(group.start, group.end, group.rows) for group in written.row_groups)
    return Layout(written.bytes, written.rows, groups, written.footer_start)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise FormatError(f"{path.name} cannot be read as Parquet", where=str(path), found=str(error).splitlines()[0]) from error


def _options(schema: pa.Schema, codec: str = "ZSTD") -> dict[str, object]:
    leaves = [leaf for field in schema for leaf in _leaves(field.name, field.type)]
    others = [path for path, binary in leaves if not binary]
    compression = {path: "NONE" if binary else codec for path, binary in leaves}
    return {"compression": compression, "use_dictionary": others, "write_statistics": others}


def _leaves(path: str, kind: pa.DataType) -> Iterator[tuple[str, bool]]:
    """Yield the Parquet path of each leaf column and whether it is binary."""
    if pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from _leaves(f"{path}.{kind.field(index).name}", kind.field(index).type)
    elif pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    else:
        yield path, pa.types.is_binary(kind)


def _check_exact(kind: pa.DataType, where: str) -> None:
    """Refuse what Parquet would store as another type: seconds since the epoch or midnight, days in milliseconds."""
    children = [kind.field(index).type for index in range(kind.num_fields)]
    for child in children:
        _check_exact(child, where)
    seconds = (pa.types.is_timestamp(kind) or pa.types.is_time32(kind)) and kind.unit == "s"
    if seconds or pa.types.is_date64(kind):
        raise StoreError(f"Parquet has no exact form for {kind}", where=f"column {where}", next_step="convert the column in the source")


def features_metadata(features: Mapping[str, object]) -> dict[str, str]:
    """Return the schema metadata from which `datasets` takes a column's feature, above all Image (docs/SPEC.md section 6)."""
    text = json.dumps({"info": {"features": dict(features)}}, sort_keys=True, separators=(",", ":"))
    return {"huggingface": text} if features else {}
