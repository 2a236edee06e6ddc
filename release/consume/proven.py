"""A verified release, and its rows: each row group is proven as it stands in memory, and that memory is what is used.

Between verifying a file and reading it somebody could put another one in its place. So rows are not read from the release after
the verdict; they are read once more, and given out only if their digests give the root of the signed manifest.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

from audit_logs import contact
from audit_logs.contact import Chosen
from audit_logs.errors import StoreError, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.manifest import Manifest, RowGroup, Shard
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.verify import verify as verify_light
from release import advice, rows, table
from release.checks import footer, local_folder, metadata_fault, outside, remembered, role_fault, trust_bytes, without_bytes
from release.errors import UsageError


@dataclass(frozen=True, slots=True)
class Opened:
    """A release that was verified: its folder, its manifest, and what there is to remember of its log."""

    folder: Path
    manifest: Manifest
    chosen: Chosen
    report: Report
    seen: Seen | None

    def remember(self) -> None:
        """Remember the log beside the trust file; a warning where that cannot be done, for the rows are proven all the same."""
        state = self.chosen.state
        try:
            remembered.write(state and outside(state, self.folder, "the state file"), self.report, self.seen)
        except (StoreError, UsageError) as problem:
            warnings.warn(f"nothing is remembered of the log: {problem}", stacklevel=3)

    def splits(self, split: str | None) -> dict[str, list[Shard]]:
        """Return the data files of each split, or of the one asked for.

        Raises:
            UsageError: there is no such split.
        """
        found = {name: list(shards) for name, shards in groupby(self.manifest.shards, key=lambda shard: shard.split)}
        if split is None:
            return found
        if split not in found:
            raise UsageError("the release has no such split", where=self.manifest.name, expected=" or ".join(found), found=split)
        return {split: found[split]}

    def schema(self, shard: Shard) -> pa.Schema:
        """Return the columns as a data file has them, after checking that they are the manifest's and play their roles.

        Raises:
            VerificationError: they are not, or the file changed (`parquet-schema`, `range-digest`).
        """
        return carried_schema(footer.schema(footer.read(self.folder / shard.path, shard)), self.manifest, shard.path)


def carried_schema(schema: pa.Schema, manifest: Manifest, where: str) -> pa.Schema:
    """Return the columns that a data file's footer tells, after checking that they are the manifest's and play their roles.

    Raises:
        VerificationError: they are not (`parquet-schema`).
    """
    plain = rows.normalise(schema)
    if rows.schema_fields(plain) != manifest.schema:
        raise VerificationError("a data file has other columns than the manifest", where=where, code="parquet-schema")
    if fault := role_fault(plain, manifest.columns) or metadata_fault(schema, manifest.columns):
        raise VerificationError("the manifest contradicts itself", where=where, found=fault, code="parquet-schema")
    return plain.with_metadata({key: value for key, value in (schema.metadata or {}).items() if key == b"huggingface"})


@dataclass(frozen=True, slots=True)
class Group:
    """A row group whose rows are proven.

    Attributes:
        batch: its n rows.
        columns: the n column digests of each column, in schema order.
        digests: the n row digests.
        pictures: each picture's bytes in that memory, None for null; empty where the release has no image column.
        picture_digests: SHA-256 of each picture's bytes.
    """

    batch: pa.RecordBatch
    columns: tuple[list[bytes], ...]
    digests: list[bytes]
    pictures: list[memoryview | None]
    picture_digests: list[bytes]


def open_release(path: Path | str, trust: Path | str | bytes, accept_stale: timedelta | None) -> Opened:
    """Verify a release down to its files' bytes.

    Raises:
        VerificationError: it is not verified; the code says why.
        Problem: folder or trust file cannot be read.
    """
    folder = local_folder(path)
    chosen = contact.Chosen(trust_bytes(trust), None if isinstance(trust, bytes) else Path(trust))
    seen = remembered.read(chosen.state)
    report = verify_light(FolderFiles(folder), chosen.data, now=datetime.now(UTC), seen=seen)
    advice.require(report, accept_stale)
    if report.manifest is None:
        raise VerificationError("the release has no manifest", where=str(folder), code="manifest")
    return Opened(folder, report.manifest, chosen, report, seen)


def groups(opened: Opened, shard: Shard, schema: pa.Schema) -> Iterator[Group]:
    """Yield the row groups of a data file, each after its rows gave the manifest's root, and images that all have bytes.

    Args:
        opened: the release.
        shard: the data file.
        schema: as `Opened.schema` gives it.

    Raises:
        VerificationError: the rows are others (`row-root`), or an image has no bytes (`row-image`).
    """
    wanted = iter(shard.row_groups)
    image = opened.manifest.columns.image
    for batch in table.read_groups(opened.folder / shard.path, schema.remove_metadata()):
        yield proven(batch, shard, next(wanted, None), image)
    if next(wanted, None) is not None:
        raise _changed(shard)


def proven(batch: pa.RecordBatch, shard: Shard, wanted: RowGroup | None, image: str | None) -> Group:
    """Return a row group whose rows gave the manifest's root, and whose images all have bytes.

    Raises:
        VerificationError: as `groups`.
    """
    found = _digested(batch, image)
    if wanted is None or rows.tree_root(np.frombuffer(b"".join(found.digests), np.uint8).reshape(-1, 32)).hex() != wanted.root:
        raise _changed(shard)
    if missing := without_bytes(batch, image):
        raise VerificationError("a row has a path in the place of its image", where=shard.path, found=f"{missing} rows", code="row-image")
    return found


def _digested(batch: pa.RecordBatch, image: str | None) -> Group:
    pictures = [] if image is None else _pictures(batch.column(image))
    hashed = [hashlib.sha256(content_of(picture)).digest() for picture in pictures]
    known = {} if image is None else {_bytes_path(batch.schema, image): hashed}
    columns = tuple(rows.column_digests(name, column, known) for name, column in zip(batch.schema.names, batch.columns, strict=True))
    digests = [hashlib.sha256(b"R" + b"".join(cells)).digest() for cells in zip(*columns, strict=True)]
    return Group(batch, columns, digests, pictures, hashed)


def content_of(picture: memoryview | None) -> memoryview:
    """Return a picture's bytes, none for null."""
    return memoryview(b"") if picture is None else picture


def _bytes_path(schema: pa.Schema, image: str) -> str:
    return f"{image}.bytes" if pa.types.is_struct(schema.field(image).type) else image


def _pictures(column: pa.Array) -> list[memoryview | None]:
    """Return the bytes of each picture of an image column without copying them; None for null."""
    content = column.field("bytes") if pa.types.is_struct(column.type) else column
    _, offsets, data = content.buffers()
    bounds = np.frombuffer(offsets, np.int32, len(content) + 1, content.offset * 4).tolist()
    view = memoryview(data) if data is not None else memoryview(b"")
    there = content.is_valid().to_pylist()
    return [view[start:end] if valid else None for start, end, valid in zip(bounds, bounds[1:], there, strict=False)]


def _changed(shard: Shard) -> VerificationError:
    return VerificationError(
        "the rows of a data file are not those of the manifest",
        where=shard.path,
        next_step="do not use this folder; fetch the release again",
        code="row-root",
    )
