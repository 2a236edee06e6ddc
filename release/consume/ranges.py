"""Row groups of a release by byte range: hashed before they are parsed, and proven before they are given out (docs/SPEC.md section 13.8).

The manifest, from a record that was verified, says where each row group and footer lies and what its SHA-256 is. Whoever serves
the bytes, and however: other bytes than these are never parsed, and rows that do not give the row group's root never used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from audit_logs.errors import VerificationError
from audit_logs.files import FolderFiles
from audit_logs.manifest import Manifest, Range, RowGroup, Shard
from release import table
from release.checks import footer
from release.consume.proven import carried_schema, proven
from release.hub import HubDataset

T = TypeVar("T")
R = TypeVar("R")


class Reader(Protocol):
    """Gives parts of a release's files."""

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return a half-open range of a file's bytes, of which nothing is known, nor whether they are all.

        Raises:
            Problem: it cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True)
class FolderReader:
    """Parts of files in a folder."""

    files: FolderFiles

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return a range."""
        with self.files.open(path) as file:
            file.seek(start)
            return file.read(end - start) or b""


@dataclass(frozen=True, slots=True)
class HubReader:
    """Parts of files of a commit on the Hub."""

    source: HubDataset

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return a range; of an answer that is too long, no more than one byte too many."""
        found = bytearray()
        for chunk in self.source.chunks(path, start, end):
            found += chunk[: end - start + 1 - len(found)]
            if len(found) > end - start:
                break
        return bytes(found)


@dataclass(frozen=True, slots=True)
class RangeProver:
    """Reads row groups and proves them.

    Attributes:
        manifest: of a record that was verified.
        reader: gives the bytes.
    """

    manifest: Manifest
    reader: Reader
    _told: dict[str, tuple[pq.FileMetaData, pa.Schema]] = field(default_factory=dict)

    def prove(self, shard: Shard, number: int) -> pa.RecordBatch:
        """Return the rows of a row group.

        Raises:
            VerificationError: its bytes or those of the footer are others (`range-digest`), what the footer tells is not the
                manifest's (`parquet-layout`, `parquet-schema`), nor are the rows (`row-root`, `row-image`).
            Problem: the bytes cannot be read, or are no Parquet file.
        """
        group = shard.row_groups[number]
        metadata, schema = self._footer(shard)
        data = self._verified(shard, group)
        batch = table.read_group(table.Parts(shard.bytes, {group.start: data}), metadata, number, schema.remove_metadata())
        return proven(batch, shard, group, self.manifest.columns.image).batch

    def _footer(self, shard: Shard) -> tuple[pq.FileMetaData, pa.Schema]:
        """Return what a data file's footer tells, of the file whose row groups were asked for last."""
        if shard.path not in self._told:
            data = self._verified(shard, shard.footer)
            metadata = footer.metadata(data)
            groups = tuple(table.GroupRange(group.start, group.end, group.rows) for group in shard.row_groups)
            if table.layout_of(metadata, shard.bytes, shard.path) != table.Layout(shard.bytes, shard.rows, groups, shard.footer.start):
                raise VerificationError("a data file has other row groups than the manifest", where=shard.path, code="parquet-layout")
            schema = carried_schema(footer.schema(data), self.manifest, shard.path)
            self._told.clear()
            self._told[shard.path] = metadata, schema
        return self._told[shard.path]

    def _verified(self, shard: Shard, part: RowGroup | Range) -> bytes:
        data = self.reader.read(shard.path, part.start, part.end)
        found = hashlib.sha256(data).hexdigest()
        if found != part.sha256:
            raise VerificationError(
                "a part of a data file has other bytes than the release",
                where=f"{shard.path}, bytes {part.start} to {part.end}",
                expected=part.sha256,
                found=found if len(data) == part.end - part.start else f"{min(len(data), part.end - part.start + 1)} bytes",
                next_step="run again; if that does not help, do not use this copy, and tell the institution",
                code="range-digest",
            )
        return data


def ahead(work: Callable[[T], R], items: Iterable[T]) -> Iterator[tuple[T, R]]:
    """Yield each item with what work makes of it, in order; the next is worked on meanwhile, in a thread, and no further one."""
    pool = ThreadPoolExecutor(1)
    try:
        running = None
        for item in items:
            if running is None:
                running = item, pool.submit(work, item)
                continue
            done = running[0], running[1].result()
            running = item, pool.submit(work, item)
            yield done
        if running is not None:
            yield running[0], running[1].result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
