"""The second pass of a build, for steps that have to see every shard before they can judge (`steps.Gathers`).

Such a step lets every row pass in the first pass. When all shards have receipts it is shown what is left of each, sealed
results and no images, and names kept rows that go. Here they move to the other side: the data file is written again without
them, and private tables, counts and keyed roots follow. No image is decoded again.

A shard's receipt is removed before the shard is touched: a build that is interrupted here screens that shard anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.manifest import Shard
from release import store, table
from release.account import Tally, count_lists
from release.errors import StepError
from release.ledger import POSITIONS, notes_name
from release.lineage import Lineage
from release.receipt import Receipt
from release.screen import Job, keyed_roots, shard_entry
from release.source import Unit
from release.steps import KEPT, REMOVED, UNSCREENABLE, Gathers, Held, Step, Taken, UnitResult


@dataclass(frozen=True, slots=True)
class Revised:
    """What the second pass came to: the receipts, what its steps tell the institution, and the memory of the line after it."""

    receipts: tuple[Receipt, ...]
    told: tuple[str, ...]
    lineage: Lineage | None


def second_pass(job: Job, steps: Sequence[Step], receipts: Sequence[Receipt], held: Held) -> Revised:
    """Return what is left after every gathering step has had its say, in the plan's order.

    Raises:
        BuildError: a step cannot do what it is there for.
        StepError: a step names a row that is not there or not kept.
        StoreError: a file could not be written.
    """
    current = list(receipts)
    told: list[str] = []
    for number, step in enumerate(steps, 1):
        if not isinstance(step, Gathers):
            continue
        taken = step.gather([_result(job, receipt, number) for receipt in current], held)
        held, told = replace(held, lineage=taken.lineage or held.lineage), [*told, *taken.told]
        unknown = (taken.rows.keys() | taken.unscreenable.keys()) - {receipt.unit for receipt in current}
        if unknown:
            raise StepError(
                "a step names a shard that is not there", where=f"step {step.name}", found=str(min(unknown)), code="step-gather"
            )
        current = [_without(job, receipt, _removal(step.name, number, taken, receipt.unit)) for receipt in current]
    return Revised(tuple(current), tuple(told), held.lineage)


@dataclass(frozen=True, slots=True)
class _Removal:
    """What a gathering step takes from one shard: position in the shard -> list or rule that asks for it, or why it could not be judged."""

    name: str
    number: int
    taken: Mapping[int, str]
    unjudged: Mapping[int, str]

    @property
    def going(self) -> list[int]:
        """The positions of all rows that it takes."""
        return [*self.taken, *self.unjudged]


def _removal(name: str, number: int, taken: Taken, unit: int) -> _Removal:
    """Return what a step takes from one shard.

    Raises:
        StepError: a row has two fates.
    """
    found = _Removal(name, number, taken.rows.get(unit, {}), taken.unscreenable.get(unit, {}))
    if found.taken.keys() & found.unjudged.keys():
        raise StepError("a gathering step both removes a row and cannot judge it", where=f"step {name}", code="step-gather")
    return found


def _tables(job: Job, receipt: Receipt) -> dict[str, Path]:
    return {name: job.work / f"{receipt.unit:05d}.{name}.parquet" for name in receipt.tables}


def _result(job: Job, receipt: Receipt, number: int) -> UnitResult:
    tables = _tables(job, receipt)
    own = {"notes": tables[notes_name(number)]} if notes_name(number) in tables else {}
    shown = {name: path for name, path in tables.items() if not name.startswith("notes-")} | own
    status = np.zeros(receipt.rows, np.uint8)
    removed = table.read_whole(tables["removed"])
    first = _first(job, receipt)
    words = {"removed": REMOVED, "unscreenable": UNSCREENABLE}
    status[removed["position"].to_numpy() - first] = [words[word] for word in removed["status"].to_pylist()]
    return UnitResult(receipt.unit, receipt.rows, status, shown)


def _first(job: Job, receipt: Receipt) -> int:
    return sum(unit.rows for unit in job.source.units[: receipt.unit])


def _without(job: Job, receipt: Receipt, removal: _Removal) -> Receipt:
    """Return the receipt of a shard from which rows were taken; the shard's files are written again."""
    later = tuple(_fewer(tally, number, removal) for number, tally in enumerate(receipt.tallies, 1))
    if not removal.going:
        return receipt
    unit = job.source.units[receipt.unit]
    positions = table.read_whole(_tables(job, receipt)["positions"])
    kept = np.flatnonzero(positions["kept"].to_numpy())
    going = np.isin(kept, removal.going)
    if int(going.sum()) != len(removal.going):
        raise StepError("a gathering step names a row that is not kept", where=f"step {removal.name}", code="step-gather")
    store.remove_file(job.receipt_path(unit))
    steps = _rewrite_tables(job, receipt, removal, (kept, going))
    cells = positions["digest"].to_pylist()
    digests = np.frombuffer(b"".join(cells), np.uint8).reshape(-1, 32)
    return replace(
        receipt,
        keyed_roots=tuple(keyed_roots(job.row_key, digests, steps, len(receipt.tallies))),
        shard=_rewrite_data(job, receipt.shard, going, digests[steps == KEPT]),
        tallies=later,
        tables={name: store.file_sha256(path) for name, path in _tables(job, receipt).items()},
    )


def _fewer(tally: Tally, number: int, removal: _Removal) -> Tally:
    """Return a step's tally after the removal: the step itself removes more, a later one has fewer to begin with."""
    if number == removal.number:
        taken = Counter(tally.by_list) + Counter(count_lists(removal.taken.values()))
        unscreenable = dict(Counter(tally.unscreenable) + Counter(removal.unjudged.values()))
        return replace(tally, removed=tally.removed + len(removal.taken), by_list=dict(taken), unscreenable=unscreenable)
    return _later(tally, len(removal.going)) if number > removal.number else tally


def _later(tally: Tally, gone: int) -> Tally:
    """Return the tally of a later step, which has so many rows fewer; it had kept them, so they had every fingerprint that it covers."""
    fewer = replace(tally, entered=tally.entered - gone)
    coverage = {kind: max(0, rows - gone) for kind, rows in tally.coverage.items()}
    return replace(fewer, coverage=coverage, kept_low_quality=min(tally.kept_low_quality, fewer.left))


def _rewrite_tables(
    job: Job, receipt: Receipt, removal: _Removal, rows: tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]
) -> npt.NDArray[np.int16]:
    """Move rows from the kept to the removed side; return by source row the step that took it (0: kept)."""
    kept, going = rows
    tables, unit, first = _tables(job, receipt), job.source.units[receipt.unit], _first(job, receipt)
    prints, gone = table.read_whole(tables["kept"]), table.read_whole(tables["removed"])
    moved = _moved(unit, removal, prints.filter(pa.array(going)), (kept[going], job))
    gone = pa.concat_tables([gone, moved.select(gone.schema.names).cast(gone.schema)]).sort_by("position")
    steps = np.zeros(receipt.rows, np.int16)
    steps[gone["position"].to_numpy() - first] = gone["step"].to_numpy()
    positions = table.read_whole(tables["positions"]).set_column(2, POSITIONS.field("kept"), pa.array(steps == KEPT))
    for name, rewritten in (("positions", positions), ("kept", prints.filter(pa.array(~going))), ("removed", gone)):
        table.write_sealed_table(tables[name], rewritten.schema, rewritten.combine_chunks().to_batches())
    return steps


def _moved(unit: Unit, removal: _Removal, prints: pa.Table, rows: tuple[npt.NDArray[np.int64], Job]) -> pa.Table:
    positions, job = rows
    first = sum(other.rows for other in job.source.units[: unit.index])
    count, status = len(positions), {True: "removed", False: "unscreenable"}
    place = {
        "position": pa.array(positions + first, pa.int64()),
        "status": pa.array([status[position in removal.taken] for position in positions.tolist()], pa.string()),
        "step": pa.array([removal.number] * count, pa.int32()),
        "reason": pa.array([removal.unjudged.get(position, "") for position in positions.tolist()], pa.string()),
        "list": pa.array([removal.taken.get(position, "") for position in positions.tolist()], pa.string()),
        "locator": pa.array([job.source.locator(unit, position) for position in positions.tolist()], pa.string()),
    }
    return pa.table({**place, **{name: prints[name] for name in prints.schema.names}})


def _rewrite_data(job: Job, shard: Shard, going: npt.NDArray[np.bool_], digests: npt.NDArray[np.uint8]) -> Shard:
    path = job.work / "tree" / shard.path
    group_rows = job.plan.build.row_group_rows
    writer = table.ShardWriter(path, job.source.schema, group_rows, job.source.features)
    try:
        for batch in _filtered(path, going):
            writer.append(batch)
        return shard_entry(shard.path, shard.split, writer.close(), digests, group_rows)
    finally:
        writer.discard()


def _filtered(path: Path, going: npt.NDArray[np.bool_]) -> Iterator[pa.RecordBatch]:
    start = 0
    for batch in table.read_groups(path):
        yield batch.filter(pa.array(~going[start : start + batch.num_rows]))
        start += batch.num_rows
