"""One shard: read, fingerprint, screen, write. A pure function of plan, source, lists and row key, ended by a receipt.

A row passes through here once. It leaves as a row of the shard, or as a line of the sealed ledger, and as nothing else:

    reader -> fingerprints -> step 1 -> ... -> step n -> kept: data/<split>-....parquet, and its fingerprints for tier rows
                                 `-> removed or unscreenable: one line for tier matches; its bytes are dropped here

Before the first row of a shard the canary is stored in the source's own format, and passes the same reader, the same
fingerprinter and the same steps; one miss stops the build. They never reach a table, a count or a root.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import repeat
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs import merkle
from audit_logs.manifest import Range, RowGroup, Shard
from audit_logs.statement import SelfTest
from release import receipt, store
from release.account import Judgement, Tally, add_up, judge
from release.canary import canary_batch
from release.errors import ScreeningError
from release.fingerprint import CONVENTIONS, Fingerprinter, Fingerprints, Pictures, Stored, Viewer
from release.ledger import Ledger, NoteTables, fingerprint_arrays
from release.lists import ListStore
from release.lists.links import hosts
from release.plan import Plan
from release.receipt import Receipt
from release.rows import KeyedTree, group_roots, row_digests, tree_root
from release.source import Source, SourceBatch, Unit
from release.steps import Notes, Rows, Step, build_steps
from release.table import ShardWriter, WrittenShard

BATCH_BYTES = 32 << 20
SMALL_BATCH_BYTES = 4 << 20  # of rows without pictures: some ten thousand of them, near the processor
Tick = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a worker needs; it travels to worker processes by pickle, over a pipe, never through a file.

    Attributes:
        plan: what is to be done.
        source: where rows come from.
        work: the private work folder; data files go below `work/tree`.
        row_key: 32 bytes.
        context: digest of all that a shard is a function of (hex): plan, source, lists, code and key.
        lists: digest (hex) of every list of the plan, by name, as the build found it.
    """

    plan: Plan
    source: Source
    work: Path
    row_key: bytes
    context: str
    lists: dict[str, str]

    def receipt_path(self, unit: Unit) -> Path:
        """Return where the unit's receipt lies."""
        return self.work / f"{unit.index:05d}.receipt.json"

    def shard_name(self, unit: Unit) -> str:
        """Return the path of the unit's data file in the release."""
        peers = [other.index for other in self.source.units if other.split == unit.split]
        return f"data/{unit.split}-{peers.index(unit.index):05d}-of-{len(peers):05d}.parquet"

    def finished(self, unit: Unit) -> Receipt | None:
        """Return the unit's receipt if it is of this job and every file that it names is still what it says."""
        done = receipt.read(self.receipt_path(unit))
        if done is None or done.context != self.context or done.unit != unit.index:
            return None
        files = {self.work / f"{unit.index:05d}.{name}.parquet": sha256 for name, sha256 in done.tables.items()}
        files[self.work / "tree" / done.shard.path] = done.shard.sha256
        return done if all(path.is_file() and store.file_sha256(path) == sha256 for path, sha256 in files.items()) else None


class Screening:
    """A worker's open rooms: steps on memory-mapped lists, and the fingerprinter with its decoder process."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._columns = job.plan.columns
        self._lists = ListStore(job.plan.lists.store)
        self.steps: tuple[Step, ...] = ()

    def __enter__(self) -> Self:
        """Open the lists and start the decoder.

        Raises:
            ScreeningError: a list is not the one that the build started with.
        """
        plan = self.job.plan
        self.steps = build_steps(plan, self._lists)
        for step in self.steps:
            for used in step.lists:
                if used.digest != self.job.lists[used.name]:
                    raise ScreeningError("a list changed while the build was running", where=f"list {used.name}", next_step="run again")
        perceptual = any(step.needs_pixels for step in self.steps)
        self._conventions = conventions_of(self.steps)
        self._fingerprinter = Fingerprinter(plan.build.limits, self._conventions or CONVENTIONS[:1], perceptual=perceptual)
        self._fingerprinter.__enter__()
        self._viewer = Viewer(plan.build.limits)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop the decoders."""
        self._viewer.__exit__(kind, error, trace)
        self._fingerprinter.__exit__(kind, error, trace)

    def run(self, unit: Unit, tick: Tick) -> Receipt:
        """Screen one source shard and return its receipt, which is also written; nothing half-written stays.

        Args:
            unit: the source shard.
            tick: told the number of rows after each batch.

        Raises:
            ScreeningError: a canary was missed, or the rows read are not the rows that the source promised.
            Problem: the source, a list, the decoder or the disk failed.
        """
        self_tests = self._self_test()
        with contextlib.ExitStack() as stack:
            notes = {number: step for number, step in enumerate(self.steps, 1) if isinstance(step, Notes)}
            output = _Output(self.job, unit, Ledger(self.job.work, f"{unit.index:05d}", self._conventions, self.links), notes)
            stack.callback(output.discard)
            tallies = [self._batch(batch, output, tick) for batch in self.job.source.read(unit, batch_bytes=self._batch_bytes)]
            done = output.close(add_up(tallies) if tallies else (), self_tests)
            stack.pop_all()
        receipt.write(self.job.receipt_path(unit), done)
        return done

    @property
    def _batch_bytes(self) -> int:
        return BATCH_BYTES if self._columns.image else SMALL_BATCH_BYTES

    @property
    def links(self) -> tuple[str, ...]:
        """Return the link columns that the sealed tables carry."""
        return ("url", "domain") if self._columns.url else ()

    def _self_test(self) -> tuple[SelfTest, ...]:
        """Let every step find the canary, which is stored and read as a row of the source is."""
        with tempfile.TemporaryDirectory(dir=self.job.work, prefix="self-test-") as folder:
            source = self.job.source.planted(canary_batch(self.job.source.schema, self._columns), Path(folder))
            rows = [row for batch in source.read(source.units[0], batch_bytes=BATCH_BYTES) for row in _one_by_one(batch)]
            told = [[step.self_test(self._rows(row)) for step in self.steps] for row in rows]
        if not rows:
            raise ScreeningError("the self-test's row was not read back", code="canary")
        return tuple(_whole(step) for step in zip(*told, strict=True))

    def _rows(self, batch: SourceBatch) -> Rows:
        images = image_bytes(batch.batch, self._columns.image)
        prints = self._fingerprinter.run(images)
        return Rows(batch.batch.num_rows, batch.batch, prints, batch.problems, Pictures(self._viewer, images))

    def _batch(self, batch: SourceBatch, output: _Output, tick: Tick) -> tuple[Tally, ...]:
        rows = self._rows(batch)
        digests = row_digests(batch.batch, known_digests(rows.fingerprints, batch.batch.schema, self._columns.image))
        judgement = judge(self.steps, rows)
        output.append(batch, digests, judgement, lambda chosen: self._columns_of(rows, chosen))
        output.notes.append(rows)
        tick(rows.n)
        return judgement.tallies

    def _columns_of(self, rows: Rows, chosen: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
        columns = fingerprint_arrays(rows.fingerprints, chosen)
        if self._columns.url:
            columns["url"] = rows.batch.column(self._columns.url).take(pa.array(chosen))
            columns["domain"] = hosts(columns["url"])
        return columns


class _Output:
    """What one shard writes: its data file and its private tables."""

    def __init__(self, job: Job, unit: Unit, ledger: Ledger, notes: Mapping[int, Notes]) -> None:
        self._job, self._unit = job, unit
        self._offset = sum(other.rows for other in job.source.units[: unit.index])
        self._name = job.shard_name(unit)
        store.make_folder(job.work / "tree" / "data")
        self._data = ShardWriter(job.work / "tree" / self._name, job.source.schema, job.plan.build.row_group_rows, job.source.features)
        self._ledger = ledger
        self.notes = NoteTables(job.work, f"{unit.index:05d}", notes, unit.split)
        self._digests: list[npt.NDArray[np.uint8]] = []
        self._steps: list[npt.NDArray[np.int16]] = []

    def append(
        self,
        batch: SourceBatch,
        digests: npt.NDArray[np.uint8],
        judgement: Judgement,
        fingerprints: Callable[[npt.NDArray[np.int64]], dict[str, pa.Array]],
    ) -> None:
        """Write one batch: kept rows to the data file, a line for every row to the private tables."""
        kept = judgement.step == 0
        self._data.append(batch.batch if kept.all() else batch.batch.filter(pa.array(kept)))  # filtering copies every image
        source, unit, first = self._job.source, self._unit, batch.first
        self._ledger.append(
            unit.index, digests, judgement, fingerprints, lambda row: (self._offset + first + row, source.locator(unit, first + row))
        )
        self._digests.append(digests)
        self._steps.append(judgement.step)

    def close(self, tallies: tuple[Tally, ...], self_tests: tuple[SelfTest, ...]) -> Receipt:
        """Finish every file and return the receipt."""
        digests = np.concatenate(self._digests) if self._digests else np.zeros((0, 32), np.uint8)
        steps = np.concatenate(self._steps) if self._steps else np.zeros(0, np.int16)
        if len(digests) != self._unit.rows:
            raise ScreeningError(
                "the source did not deliver the rows that it promised",
                where=f"source shard {self._unit.index}",
                expected=f"{self._unit.rows} rows",
                found=f"{len(digests)}",
                next_step="check that nobody writes to the source while it is read",
            )
        return Receipt(
            context=self._job.context,
            unit=self._unit.index,
            rows=self._unit.rows,
            source_root=tree_root(digests).hex(),
            keyed_roots=tuple(keyed_roots(self._job.row_key, digests, steps, len(self_tests))),
            shard=shard_entry(self._name, self._unit.split, self._data.close(), digests[steps == 0], self._job.plan.build.row_group_rows),
            tallies=tallies,
            self_tests=self_tests,
            tables=self._ledger.close() | self.notes.close(),
        )

    def discard(self) -> None:
        """Leave nothing behind."""
        self._data.discard()
        self._ledger.discard()
        self.notes.discard()


def _whole(tests: Sequence[SelfTest]) -> SelfTest:
    """Return what became of the canary in all the ways in which it was stored."""
    return SelfTest(*(sum(counts) for counts in zip(*map(astuple, tests), strict=True)))


def _one_by_one(batch: SourceBatch) -> Iterator[SourceBatch]:
    """Yield each row of the self-test's own source.

    Raises:
        ScreeningError: one was not read as it was written.
    """
    if batch.problems:
        found = ", ".join(batch.problems.values())
        raise ScreeningError("the self-test's row was not read as it was written", found=found, code="canary")
    for row in range(batch.batch.num_rows):
        yield SourceBatch(batch.batch.slice(row, 1), batch.first + row, {})


def keyed_roots(row_key: bytes, digests: npt.NDArray[np.uint8], steps: npt.NDArray[np.int16], count: int) -> Iterator[str]:
    """Yield a shard's keyed root (hex) at each boundary, 0 to `count`; `steps` has the step that took a row, 0 for a kept one."""
    tree = KeyedTree(row_key, digests)
    yield tree.root().hex()
    for number in range(1, count + 1):
        tree.remove(np.flatnonzero(steps == number))
        yield tree.root().hex()


def shard_entry(path: str, split: str, written: WrittenShard, digests: npt.NDArray[np.uint8], group_rows: int) -> Shard:
    """Return the manifest's entry of a data file from what was written and the row digests, in stored order."""
    roots = group_roots(digests, group_rows)
    groups = tuple(
        RowGroup(start=group.start, end=group.end, sha256=group.sha256, rows=group.rows, root=root.hex())
        for group, root in zip(written.row_groups, roots, strict=True)
    )
    return Shard(
        path=path,
        split=split,
        bytes=written.bytes,
        sha256=written.sha256,
        rows=written.rows,
        root=merkle.root(roots).hex(),
        row_groups=groups,
        footer=Range(start=written.footer_start, end=written.bytes, sha256=written.footer_sha256),
    )


def conventions_of(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the resize conventions that any step uses, in their fixed order."""
    used = {convention for step in steps for convention in step.conventions}
    return tuple(convention for convention in CONVENTIONS if convention in used)


def image_bytes(batch: pa.RecordBatch, column: str | None) -> list[Stored | None]:
    """Return the stored image bytes of each row, where they lie in the batch; None where there is no image or no image column."""
    if column is None:
        return [None] * batch.num_rows
    values = batch.column(column)
    if pa.types.is_struct(values.type):
        values = values.field("bytes")
    widths = {pa.binary(): np.int32, pa.large_binary(): np.int64}
    if values.type not in widths or values.buffers()[2] is None:
        copied: list[Stored | None] = values.to_pylist()
        return copied
    _, places, data = values.buffers()
    ends = np.frombuffer(places, widths[values.type], len(values) + 1 + values.offset)[values.offset :].tolist()
    whole = memoryview(data).cast("B")
    there = values.is_valid().to_pylist() if values.null_count else repeat(True)  # noqa: FBT003
    return [whole[start:end] if valid else None for start, end, valid in zip(ends, ends[1:], there, strict=False)]


def known_digests(prints: Fingerprints, schema: pa.Schema, column: str | None) -> dict[str, list[bytes | None]]:
    """Return the SHA-256 of the image bytes under the name that `row_digests` knows them by, so that they are hashed once."""
    if column is None:
        return {}
    data = prints.sha256.tobytes()
    digests = [data[32 * i : 32 * i + 32] if there else None for i, there in enumerate(prints.has_bytes.tolist())]
    return {f"{column}.bytes" if pa.types.is_struct(schema.field(column).type) else column: digests}
