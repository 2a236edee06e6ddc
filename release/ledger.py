"""The private tables of a build: they become the sealed tiers of SPEC.md section 15 and are deleted afterwards.

positions  every source row: source shard, row digest, kept or not
kept       the fingerprints of the rows that are published, in release order
removed    status, step, reason, list, fingerprints and locator of the rows that are not
notes-<n>  what gathering step n remembers of every source row; never sealed
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from release import table
from release.account import Judgement
from release.fingerprint import Fingerprints
from release.steps import REMOVED, Notes, Rows

FORMS = 8  # dihedral forms of a PDQ hash
PDQ_BYTES = 32
PASSING = "NONE"  # these tables are read once more and then deleted
POSITIONS = pa.schema([("shard", pa.int32()), ("digest", pa.binary()), ("kept", pa.bool_())])
PLACE = pa.schema([("position", pa.int64()), ("status", pa.string()), ("step", pa.int32()), ("reason", pa.string()), ("list", pa.string())])
COUNTS = pa.schema([("shard", pa.int32()), ("step", pa.int32()), ("reason", pa.string()), ("rows", pa.int64())])
LISTS = pa.schema([("step", pa.int32()), ("list", pa.string()), ("type", pa.string()), ("entry", pa.binary())])


def fingerprint_fields(conventions: Sequence[str]) -> list[tuple[str, pa.DataType]]:
    """Return the fingerprint columns: three digests, the PDQ hashes of each convention, the quality."""
    digests = [(name, pa.binary()) for name in ("md5", "sha1", "sha256")]
    return [*digests, *((f"pdq-{convention}", pa.binary()) for convention in conventions), ("quality", pa.int32())]


def kept_schema(conventions: Sequence[str], links: Sequence[str]) -> pa.Schema:
    """Return the schema of the table `kept`; `links` are `url` and `domain` where the plan has a url column."""
    return pa.schema([*fingerprint_fields(conventions), *((name, pa.string()) for name in links)])


def removed_schema(conventions: Sequence[str], links: Sequence[str]) -> pa.Schema:
    """Return the schema of the table `removed`."""
    texts = [(name, pa.string()) for name in (*links, "locator")]
    return pa.schema([*PLACE, *(pa.field(name, kind) for name, kind in [*fingerprint_fields(conventions), *texts])])


def fingerprint_arrays(prints: Fingerprints, chosen: npt.NDArray[np.int64]) -> dict[str, pa.Array]:
    """Return the fingerprint columns of the chosen rows; null where a row has none."""
    arrays = {name: binary(getattr(prints, name)[chosen], prints.has_bytes[chosen]) for name in ("md5", "sha1", "sha256")}
    for convention, hashes in prints.pdq.items():
        arrays[f"pdq-{convention}"] = _hashes(hashes, prints.frame_row, chosen)
    quality = prints.quality[chosen]
    arrays["quality"] = pa.array(quality, pa.int32(), mask=quality < 0)
    return arrays


def binary(digests: npt.NDArray[np.uint8], there: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    """Return (n, w) bytes as a column of n values, null where (n,) `there` is false."""
    if there is not None and not there.any():
        return pa.nulls(len(digests), pa.binary())
    data = pa.py_buffer(np.ascontiguousarray(digests))
    valid = None if there is None or there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(digests.shape[1]), len(digests), [valid, data]).cast(pa.binary())


def _hashes(hashes: npt.NDArray[np.uint8], frame_row: npt.NDArray[np.int64], chosen: npt.NDArray[np.int64]) -> pa.Array:
    if not len(frame_row):
        return pa.nulls(len(chosen), pa.binary())
    starts, ends = np.searchsorted(frame_row, chosen, "left"), np.searchsorted(frame_row, chosen, "right")
    pairs = zip(starts.tolist(), ends.tolist(), strict=True)
    return pa.array([hashes[start:end].tobytes() if end > start else None for start, end in pairs], pa.binary())


def frames(value: bytes) -> npt.NDArray[np.uint8]:
    """Return the hashes of a `pdq-` cell as (frames, 8, 32)."""
    return np.frombuffer(value, np.uint8).reshape(-1, FORMS, PDQ_BYTES)


class Ledger:
    """The three private tables of one shard, written as its batches pass."""

    def __init__(self, folder: Path, prefix: str, conventions: Sequence[str], links: Sequence[str]) -> None:
        self._paths = {name: folder / f"{prefix}.{name}.parquet" for name in ("positions", "kept", "removed")}
        self._positions = table.PrivateWriter(self._paths["positions"], POSITIONS, PASSING)
        self._kept = table.PrivateWriter(self._paths["kept"], kept_schema(conventions, links), PASSING)
        self._removed = table.PrivateWriter(self._paths["removed"], removed_schema(conventions, links), PASSING)

    def append(
        self,
        shard: int,
        digests: npt.NDArray[np.uint8],
        judgement: Judgement,
        fingerprints: Callable[[npt.NDArray[np.int64]], dict[str, pa.Array]],
        place: Callable[[int], tuple[int, str]],
    ) -> None:
        """Write one batch.

        Args:
            shard: index of the source shard.
            digests: (n, 32) uint8, row digests.
            judgement: where each of the n rows ended.
            fingerprints: the fingerprint and link columns of the chosen rows.
            place: position in the whole source and locator of a row of the batch.
        """
        kept = judgement.step == 0
        cells = binary(digests)
        shards = pa.repeat(pa.scalar(shard, pa.int32()), len(cells))
        self._positions.append(pa.record_batch([shards, cells, pa.array(kept)], schema=POSITIONS))
        self._kept.append(_batch(fingerprints(np.flatnonzero(kept)), self._kept.schema))
        gone = np.flatnonzero(~kept)
        places = [place(row) for row in gone.tolist()]
        columns = fingerprints(gone) | {
            "position": pa.array([position for position, _ in places], pa.int64()),
            "status": pa.array(
                ["removed" if status == REMOVED else "unscreenable" for status in judgement.status[gone].tolist()], pa.string()
            ),
            "step": pa.array(judgement.step[gone], pa.int32()),
            "reason": pa.array([judgement.reason[row] for row in gone.tolist()], pa.string()),
            "list": pa.array([judgement.which_list[row] for row in gone.tolist()], pa.string()),
            "locator": pa.array([locator for _, locator in places], pa.string()),
        }
        self._removed.append(_batch(columns, self._removed.schema))

    def close(self) -> dict[str, str]:
        """Finish the tables and return their sha256 by name."""
        return {"positions": self._positions.close(), "kept": self._kept.close(), "removed": self._removed.close()}

    def discard(self) -> None:
        """Leave nothing behind: the shard failed."""
        for writer in (self._positions, self._kept, self._removed):
            writer.discard()


class NoteTables:
    """What gathering steps remember of every row of one shard: a private table for each, under the step's number."""

    def __init__(self, folder: Path, prefix: str, steps: Mapping[int, Notes], split: str) -> None:
        self._steps, self._split = steps, split
        self._paths = {number: folder / f"{prefix}.{notes_name(number)}.parquet" for number in steps}
        self._writers = {number: table.PrivateWriter(self._paths[number], step.note_schema) for number, step in steps.items()}

    def append(self, rows: Rows) -> None:
        """Write what each step remembers of a batch."""
        for number, step in self._steps.items():
            self._writers[number].append(step.note(rows, self._split))

    def close(self) -> dict[str, str]:
        """Finish the tables and return their sha256 by name."""
        return {notes_name(number): writer.close() for number, writer in self._writers.items()}

    def discard(self) -> None:
        """Leave nothing behind: the shard failed."""
        for writer in self._writers.values():
            writer.discard()


def notes_name(number: int) -> str:
    """Return the name of the table in which step `number` remembers."""
    return f"notes-{number}"


def _batch(columns: dict[str, pa.Array], schema: pa.Schema) -> pa.RecordBatch:
    return pa.record_batch([columns[name] for name in schema.names], schema=schema)
