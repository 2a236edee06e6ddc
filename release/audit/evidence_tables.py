"""The tables of an opened tier, read in their one form and in bounded memory; who delivers another form gets no opinion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from audit_logs.errors import FormatError
from release import table
from release.errors import EvidenceError
from release.evidence import OpenedTier
from release.ledger import PLACE, POSITIONS

Digests = npt.NDArray[np.uint8]
WIDTH = 32
_PLACED = ("position", "status", "step", "reason")


@dataclass(frozen=True, slots=True)
class SourceShard:
    """The rows of one source shard: its number, the position of its first row, (n, 32) row digests, (n,) kept flags."""

    index: int
    first: int
    digests: Digests
    kept: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Gone:
    """Where the rows that are not kept ended, sorted by position: (m,) position, step, and whether it was removed; reasons."""

    position: npt.NDArray[np.int64]
    step: npt.NDArray[np.int32]
    removed: npt.NDArray[np.bool_]
    reason: list[str]


def batches(tier: OpenedTier, name: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Yield a table's rows with the columns of `schema`.

    Raises:
        EvidenceError: the tier has no such table, or it has other columns.
    """
    try:
        for batch in table.read_sealed_table(_path(tier, name), schema.names):
            if batch.schema.remove_metadata() != schema:
                raise malformed(tier.tier, name, "the columns of SPEC.md section 15", "others")
            yield batch
    except FormatError as error:
        raise malformed(tier.tier, name, "a Parquet table", "something else") from error


def columns(tier: OpenedTier, name: str) -> pa.Schema:
    """Return the schema of a table, without metadata.

    Raises:
        EvidenceError: the tier has no such table, or it is none.
    """
    try:
        return pq.read_schema(_path(tier, name)).remove_metadata()
    except (pa.ArrowException, OSError) as error:
        raise malformed(tier.tier, name, "a Parquet table", "something else") from error


def source_shards(tier: OpenedTier) -> Iterator[SourceShard]:
    """Yield the source's rows shard by shard, from the table `positions`.

    Raises:
        EvidenceError: shards are not numbered from 0 without a gap, or a digest has not 32 bytes.
    """
    waiting: list[pa.RecordBatch] = []
    index = first = 0
    for batch in batches(tier, "positions", POSITIONS):
        for number, part in _runs(batch):
            if number != index:
                if number != index + 1 or not waiting:
                    raise malformed(tier.tier, "positions", f"source shard {index + 1}", f"{number}")
                yield (done := _source_shard(tier, index, first, waiting))
                index, first, waiting = number, first + len(done.kept), []
            waiting.append(part)
    if waiting:
        yield _source_shard(tier, index, first, waiting)


def _runs(batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
    numbers = batch.column("shard").to_numpy(zero_copy_only=False)
    starts = [0, *(np.flatnonzero(np.diff(numbers)) + 1).tolist(), len(numbers)]
    for start, end in pairwise(starts):
        if end > start:
            yield int(numbers[start]), batch.slice(start, end - start)


def _source_shard(tier: OpenedTier, index: int, first: int, parts: Sequence[pa.RecordBatch]) -> SourceShard:
    whole = pa.concat_batches(parts)
    if any(column.null_count for column in whole.columns):
        raise malformed(tier.tier, "positions", "no null", "some")
    digests = fixed(whole.column("digest"), WIDTH)
    if digests is None:
        raise malformed(tier.tier, "positions", "row digests of 32 bytes", "others")
    return SourceShard(index, first, digests, np.array(whole.column("kept").to_pylist(), np.bool_))


def fixed(column: pa.Array, width: int) -> Digests | None:
    """Return a binary column without nulls as (n, width) uint8, or None if a value has another length."""
    if column.null_count or pc.any(pc.not_equal(pc.binary_length(column), width)).as_py():
        return None
    return np.frombuffer(b"".join(column.to_pylist()), np.uint8).reshape(-1, width)


def gone_rows(tier: OpenedTier) -> Gone:
    """Return where the rows that are not kept ended; neither fingerprints nor locators are read.

    Raises:
        EvidenceError: the table `removed` is not in its form.
    """
    schema = pa.schema([PLACE.field(name) for name in _PLACED])
    whole = pa.Table.from_batches(batches(tier, "removed", schema), schema).sort_by("position")
    status = whole["status"].to_pylist()
    if any(whole[name].null_count for name in _PLACED) or set(status) - {"removed", "unscreenable"}:
        raise malformed(tier.tier, "removed", "status removed or unscreenable, and no null", "others")
    removed = np.array([one == "removed" for one in status], np.bool_)
    position, step = (whole[name].combine_chunks().to_numpy(zero_copy_only=False) for name in ("position", "step"))
    return Gone(position.astype(np.int64), step.astype(np.int32), removed, whole["reason"].to_pylist())


def malformed(tier: str, name: str, expected: str, found: str) -> EvidenceError:
    """Return the error for a table that is not in its form."""
    return EvidenceError(
        "a table of the sealed evidence is not in its form",
        where=f"tier {tier}, table {name}",
        expected=expected,
        found=found,
        next_step="ask the institution for the evidence of this candidate again",
        code="evidence-form",
    )


def _path(tier: OpenedTier, name: str) -> Path:
    if name not in tier.tables:
        raise malformed(tier.tier, name, "the table", "none")
    return tier.tables[name]
