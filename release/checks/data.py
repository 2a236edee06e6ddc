"""Section 13.8 of docs/SPEC.md: layout, schema and rows of the data files.

By the time a Parquet file is parsed here its bytes have been hashed, and are those of the signed manifest (13.7). Each worker holds
one row group at a time, so memory does not grow with the release.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from audit_logs.errors import Failure, FormatError, VerificationError
from audit_logs.files import Files
from audit_logs.manifest import Field, Manifest, Roles, Shard
from release import rows, table
from release.checks import footer
from release.checks.columns import metadata_fault, without_bytes
from release.errors import SourceError

ROWS_FOR_PROCESSES = 20_000  # below it, starting processes costs more than they save
SMALL_ROW_BYTES = 16 << 10  # above it, threads do: hashing a row's picture, which holds no lock, takes longer than all else


@dataclass(frozen=True, slots=True)
class DataChecks:
    """The row checks of the data files below a folder, as `audit_logs.verify` takes them.

    Attributes:
        folder: the release.
        workers: threads at most; or processes, where there are many small rows. They are spawned, which a script without a main guard
            does not survive: 1 stays in this one.
    """

    folder: Path
    workers: int = 1

    def __call__(self, manifest: Manifest, _: Files) -> Iterator[Failure]:
        """Yield every data file whose layout, schema or rows are not the manifest's."""
        with pool_for(manifest, self.workers) as pool:
            checks = Checking(self.folder, manifest, pool)
            for shard in manifest.shards:
                checks.begin(shard)
            yield from checks.failures()


def pool_for(manifest: Manifest, workers: int) -> Executor:
    """Return what checks a release's data files side by side, at most as many at a time as there are workers."""
    most = max(1, min(workers, len(manifest.shards)))
    size = sum(shard.bytes for shard in manifest.shards)
    if most == 1 or manifest.rows < ROWS_FOR_PROCESSES or size > manifest.rows * SMALL_ROW_BYTES:
        return ThreadPoolExecutor(most)
    return ProcessPoolExecutor(most, mp_context=multiprocessing.get_context("spawn"))


@dataclass(frozen=True, slots=True)
class Checking:
    """The row checks of a release whose data files come one after another."""

    folder: Path
    manifest: Manifest
    pool: Executor
    _running: list[Future[list[Failure]]] = field(default_factory=list)

    def begin(self, shard: Shard, ranges: tuple[str, ...] | None = None) -> None:
        """Begin to check a data file that is there.

        Args:
            shard: what the manifest says of it; its bytes have the SHA-256 that stands there.
            ranges: SHA-256 of its row groups' bytes, where whoever wrote the file took them from the bytes that were written.
        """
        task = Task(self.folder / shard.path, shard, self.manifest.schema, self.manifest.columns, ranges)
        self._running.append(self.pool.submit(check_shard, task))

    def failures(self) -> Iterator[Failure]:
        """Yield what is wrong with the files that were begun, once they are checked."""
        for one in self._running:
            yield from one.result()


@dataclass(frozen=True, slots=True)
class Task:
    """One data file, what the manifest says of it, and the SHA-256 of its row groups where that is known already."""

    path: Path
    shard: Shard
    schema: tuple[Field, ...]
    columns: Roles
    ranges: tuple[str, ...] | None = None


def check_shard(task: Task) -> list[Failure]:
    """Return what is wrong with one data file: `parquet-layout`, `parquet-schema`, `range-digest`, `row-root` or `row-image`."""
    try:
        return list(_check_layout(task)) or [*_check_ranges(task), *_check_rows(task)]
    except (FormatError, SourceError) as error:
        return [Failure("parquet-layout", task.shard.path, error.expected or "a Parquet file of plain columns", error.what)]
    except VerificationError as error:
        return [Failure(error.code, task.shard.path, error.expected, "other bytes than before")]


def _check_layout(task: Task) -> Iterator[Failure]:
    shard, found = task.shard, table.layout(task.path)
    groups = tuple(table.GroupRange(group.start, group.end, group.rows) for group in shard.row_groups)
    if found != table.Layout(shard.bytes, shard.rows, groups, shard.footer.start):
        yield Failure("parquet-layout", shard.path, "the row groups of the manifest", "others")
    told = footer.schema(footer.read(task.path, shard))
    schema = rows.schema_fields(rows.normalise(told))
    if schema != task.schema:
        yield Failure("parquet-schema", shard.path, _columns(task.schema), _columns(schema))
    elif fault := metadata_fault(told, task.columns):
        yield Failure("parquet-schema", shard.path, "what the manifest says of the columns", fault)


def _check_ranges(task: Task) -> Iterator[Failure]:
    """The footer's range is checked where it is read."""
    for group, found in zip(task.shard.row_groups, task.ranges or _ranges(task), strict=True):
        if found != group.sha256:
            yield Failure("range-digest", f"{task.shard.path}, bytes {group.start} to {group.end}", group.sha256, found)


def _ranges(task: Task) -> Iterator[str]:
    with task.path.open("rb") as file:
        for group in task.shard.row_groups:
            file.seek(group.start)
            yield hashlib.sha256(file.read(group.end - group.start)).hexdigest()


def _check_rows(task: Task) -> Iterator[Failure]:
    for number, (group, batch) in enumerate(zip(task.shard.row_groups, table.read_groups(task.path), strict=True)):
        root = rows.tree_root(rows.row_digests(batch)).hex()
        if root != group.root:
            yield Failure("row-root", f"{task.shard.path}, row group {number}", group.root, root)
        if missing := without_bytes(batch, task.columns.image):
            yield Failure("row-image", f"{task.shard.path}, row group {number}", "an image has bytes", f"{missing} without")


def _columns(schema: tuple[Field, ...]) -> str:
    return ", ".join(f"{column.name}: {column.type}" for column in schema)
