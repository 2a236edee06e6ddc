"""What every source of rows has in common: units, batches, the image column, splits.

A source is opened once, where plan and pin are made, and travels to worker processes by pickle; files are opened where they
are read. Its units are the source shards of docs/SPEC.md section 3.3 and depend on nothing but the source and the plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

import pyarrow as pa

from audit_logs.fields import is_path
from audit_logs.manifest import SourcePin
from release.errors import SourceError

DEFAULT_SPLIT = "train"
NO_IMAGE, BAD_PATH, MISSING_FILE, TOO_LARGE = "no-image", "bad-path", "missing-file", "too-large"
_NUMBERED = re.compile(r"([A-Za-z0-9_]{1,64})-[0-9]{5}-of-[0-9]{5}\.parquet")
_SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "eval": "test",
    "evaluation": "test",
}
_SPLIT_ORDER = {"train": 0, "validation": 1, "test": 2}


@dataclass(frozen=True, slots=True)
class ImageColumn:
    """The column that holds images: binary, or a struct with fields `bytes` and `path` (the `datasets` Image feature)."""

    name: str
    nested: bool

    @property
    def leaf(self) -> str:
        """Return the name under which `rows.row_digests` knows the image bytes."""
        return f"{self.name}.bytes" if self.nested else self.name


@dataclass(frozen=True, slots=True)
class Unit:
    """One source shard: consecutive rows of one split. `spec` says which, in the words of its source."""

    index: int
    split: str
    rows: int
    spec: object


@dataclass(frozen=True, slots=True)
class SourceBatch:
    """Consecutive rows of a unit.

    Attributes:
        batch: the rows, under the source's normalised schema.
        first: position of the first one in the unit.
        problems: row in the batch -> why it has no image: `no-image`, `bad-path`, `missing-file` or `too-large`.
    """

    batch: pa.RecordBatch
    first: int
    problems: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What a plan says about reading a source.

    Attributes:
        columns: the plan's column roles.
        split: the one split that is read, None for all; see `in_reading_order`.
        shard_rows: rows of a unit.
        file_bytes: a file that a row refers to and that is larger is not read.
    """

    columns: ColumnRoles
    split: str | None
    shard_rows: int
    file_bytes: int


class ColumnRoles(Protocol):
    """The part of a plan that names columns; a role that no column has is None."""

    @property
    def image(self) -> str | None:
        """Images."""

    @property
    def text(self) -> str | None:
        """Captions."""

    @property
    def url(self) -> str | None:
        """Where an image came from."""

    @property
    def declared(self) -> Mapping[str, str]:
        """Digest type -> column of digests that came with the source."""


class Source(Protocol):
    """Where rows come from; it can be pickled."""

    @property
    def kind(self) -> str:
        """`parquet`, `imagefolder` or `hub`."""

    @property
    def schema(self) -> pa.Schema:
        """The normalised schema of every batch."""

    @property
    def features(self) -> Mapping[str, object]:
        """By column, how `datasets` is to read it."""

    @property
    def image(self) -> ImageColumn | None:
        """The image column, if the plan names one."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """The source shards in order; those of a split are consecutive."""

    @property
    def pin(self) -> SourcePin:
        """What the manifest says of the source; `root` and `parent` are left for the build to fill in."""

    @property
    def stored_bytes(self) -> int:
        """Bytes of the files that rows are read from."""

    def read(self, unit: Unit, *, batch_bytes: int) -> Iterator[SourceBatch]:
        """Yield a unit's rows in order, about `batch_bytes` of values at a time and at least one row.

        Raises:
            SourceError: they cannot be read, or are not what they were when the source was opened.
        """

    def locator(self, unit: Unit, position: int) -> str:
        """Return where a row of a unit is, for people who hold the source."""

    def planted(self, row: pa.RecordBatch, folder: Path) -> Source:
        """Return a source of this kind and schema with one unit: `row`, once for each way in which this source's rows may be stored.

        It is written into a private folder, and read by the same reader, so that the self-test's row comes the way of all rows.

        Raises:
            StoreError: the row cannot be written.
            SourceError: it cannot be read back.
        """


def gather(pieces: Iterable[tuple[pa.RecordBatch, dict[int, str]]], batch_bytes: int) -> Iterator[SourceBatch]:
    """Join small batches with their problems into batches of about `batch_bytes`, and count positions."""
    parts: list[pa.RecordBatch] = []
    problems: dict[int, str] = {}
    first = rows = size = 0
    for batch, found in pieces:
        if parts and size + batch.nbytes > batch_bytes:
            yield SourceBatch(_joined(parts), first, problems)
            first, rows, size, problems = first + rows, 0, 0, {}
        problems |= {rows + row: reason for row, reason in found.items()}
        parts.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
    if rows:
        yield SourceBatch(_joined(parts), first, problems)


def _joined(parts: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Return the parts as one batch, and let go of them: this generator waits while the batch is worked on."""
    whole = pa.concat_batches(parts)
    parts.clear()
    return whole


def named_split(path: str) -> str | None:
    """Return the split that a file's name or a folder above it gives, or None.

    Names: `<split>-00000-of-00002.parquet`; a folder, or the first word of a Parquet file's name, that is train, test, validation
    or one of their usual short forms.
    """
    parts = PurePosixPath(path).parts
    if numbered := _NUMBERED.fullmatch(parts[-1]):
        return numbered[1]
    first_word = re.split(r"[^A-Za-z0-9]", parts[-1], maxsplit=1)[0]
    for word in (*parts[:-1], first_word if parts[-1].endswith(".parquet") else ""):
        if word.lower() in _SPLIT_NAMES:
            return _SPLIT_NAMES[word.lower()]
    return None


def in_reading_order(paths: Iterable[str], request: Request, where: str) -> list[tuple[str, str]]:
    """Return (path, split) of the files to be read, in order: train, validation, test, other splits by name; then by the path's bytes.

    A file whose name gives no split is of `train`; where no name gives one, all files are of the plan's split.

    Raises:
        SourceError: the plan names a split that is not there.
    """
    named = {path: named_split(path) for path in paths}
    unnamed = DEFAULT_SPLIT if any(named.values()) else request.split or DEFAULT_SPLIT
    files = [(path, split or unnamed) for path, split in named.items()]
    there = {split for _, split in files}
    if there and request.split not in (None, *there):
        found = ", ".join(sorted(there)[:20])
        raise SourceError(
            "the source has no such split", where=where, expected=str(request.split), found=found, next_step="mend source.split"
        )
    return sorted((file for file in files if request.split in (None, file[1])), key=_place)


def _place(file: tuple[str, str]) -> tuple[int, str, bytes]:
    path, split = file
    return _SPLIT_ORDER.get(split, len(_SPLIT_ORDER)), split, path.encode()


def check_path(path: str, where: str) -> None:
    """Refuse a file name that a manifest cannot carry.

    Raises:
        SourceError: it is not UTF-8 and NFC, or has control characters or backslashes.
    """
    try:
        fine = is_path(path) and path.encode() is not None
    except UnicodeEncodeError:
        fine = False
    if not fine:
        shown = path.encode("utf-8", "backslashreplace").decode().encode("unicode_escape").decode()[:120]
        expected = "UTF-8 in normal form C, no control characters, no backslash, at most 1,024 bytes"
        raise SourceError("a file of the source has a name that others could not read", where=where, expected=expected, found=shown)


def image_column(schema: pa.Schema, roles: ColumnRoles, where: str) -> ImageColumn | None:
    """Check that the plan's columns are there with a usable type, and return the image column.

    Raises:
        SourceError: a column that the plan names is not there or holds something else.
    """
    wanted = {"text": roles.text, "url": roles.url} | {f"declared {kind}": column for kind, column in roles.declared.items()}
    for role, name in wanted.items():
        if name is not None:
            kinds = [pa.string(), pa.binary()] if role.startswith("declared") else [pa.string()]
            _check_column(schema, (role, name, kinds), where)
    if roles.image is None:
        return None
    kind = schema.field(roles.image).type if roles.image in schema.names else None
    if kind is not None and pa.types.is_struct(kind) and _is_image_struct(kind):
        return ImageColumn(roles.image, nested=True)
    _check_column(schema, ("image", roles.image, [pa.binary()]), where)
    return ImageColumn(roles.image, nested=False)


def _is_image_struct(kind: pa.DataType) -> bool:
    fields = {kind.field(index).name: kind.field(index).type for index in range(kind.num_fields)}
    usable = fields.get("bytes") == pa.binary() and fields.get("path", pa.string()) == pa.string()
    return bool(usable and len(fields) == kind.num_fields)


def _check_column(schema: pa.Schema, wanted: tuple[str, str, Sequence[pa.DataType]], where: str) -> None:
    role, name, kinds = wanted
    expected = " or ".join(map(str, kinds)) + (", or struct<bytes: binary, path: string>" if role == "image" else "")
    if name not in schema.names:
        found = "columns " + ", ".join(schema.names[:20])
        raise SourceError(f"the source has no column {name!r}, which the plan names as {role}", where=where, found=found)
    if schema.field(name).type not in kinds:
        found = str(schema.field(name).type)
        raise SourceError(f"the source's column {name!r} cannot be used as {role}", where=where, expected=expected, found=found)


def empty_source(where: str) -> SourceError:
    """Return the error for a source without rows."""
    return SourceError("the source has no rows", where=where, expected="at least one row", next_step="check the path in the plan")
