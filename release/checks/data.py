"""Section 13.8 of docs/SPEC.md: layout, schema and rows of the data files.

By the time a Parquet file is parsed here its bytes have been hashed, and are those of the signed manifest (13.7). Each worker holds
one row group at a time, so memory does not grow with the release.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from audit_logs.errors import Failure, FormatError, VerificationError
from audit_logs.files import Files
from audit_logs.manifest import Field, Manifest, Roles, Shard
from release import rows, table
from release.checks import footer
from release.checks.columns import metadata_fault, without_bytes
from release.errors import SourceError

ROWS_FOR_PROCESSES = 20_000  # below it, starting processes costs more than they save


@dataclass(frozen=True, slots=True)
class DataChecks:
    """The row checks of the data files below a folder, as `audit_logs.verify` takes them.

    Attributes:
        folder: the release.
        workers: processes at most. They are spawned, which a script without a main guard does not survive: 1 stays in this one.
    """

    folder: Path
    workers: int = 1

    def __call__(self, manifest: Manifest, _: Files) -> Iterator[Failure]:
        """Yield every data file whose layout, schema or rows are not the manifest's."""
        tasks = [Task(self.folder / shard.path, shard, manifest.schema, manifest.columns) for shard in manifest.shards]
        workers = min(self.workers, len(tasks))
        if manifest.rows < ROWS_FOR_PROCESSES or workers <= 1:
            for task in tasks:
                yield from check_shard(task)
            return
        with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
            for failures in pool.map(check_shard, tasks):
                yield from failures


@dataclass(frozen=True, slots=True)
class Task:
    """One data file, and what the manifest says of it."""

    path: Path
    shard: Shard
    schema: tuple[Field, ...]
    columns: Roles


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
    with task.path.open("rb") as file:
        for group in task.shard.row_groups:
            file.seek(group.start)
            found = hashlib.sha256(file.read(group.end - group.start)).hexdigest()
            if found != group.sha256:
                yield Failure("range-digest", f"{task.shard.path}, bytes {group.start} to {group.end}", group.sha256, found)


def _check_rows(task: Task) -> Iterator[Failure]:
    for number, (group, batch) in enumerate(zip(task.shard.row_groups, table.read_groups(task.path), strict=True)):
        root = rows.tree_root(rows.row_digests(batch)).hex()
        if root != group.root:
            yield Failure("row-root", f"{task.shard.path}, row group {number}", group.root, root)
        if missing := without_bytes(batch, task.columns.image):
            yield Failure("row-image", f"{task.shard.path}, row group {number}", "an image has bytes", f"{missing} without")


def _columns(schema: tuple[Field, ...]) -> str:
    return ", ".join(f"{column.name}: {column.type}" for column in schema)
