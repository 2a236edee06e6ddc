"""What lies near what: kept rows of all shards compared with removed ones, by PDQ hashes or by vectors. Exact: with every removed row.

Both comparisons work on what the first pass left in private tables, a shard at a time. The product of vectors is in single precision;
a row that rounding moved just beyond the distance still counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from release import table
from release.match import NearIndex
from release.steps.base import UnitResult

SLACK = 1e-5
AT_ONCE = 4096  # rows that are compared with all removed ones in one product
FORMS, PDQ_BYTES = 8, 32
Vectors = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]


class Comparison(Protocol):
    """One way in which rows can be near."""

    @property
    def count(self) -> int:
        """The number of removed hashes or vectors that rows are compared with."""

    def remember(self, results: Sequence[UnitResult], *, listed: bool) -> None:
        """Take what a list removed, or what else was removed, to compare rows with."""

    def near(self, result: UnitResult) -> Iterator[tuple[int, Positions]]:
        """Yield kept rows of a shard that lie near a removed one, each with the numbers of those."""


def _chosen(results: Sequence[UnitResult], listed: bool) -> Iterator[tuple[UnitResult, pa.Table, Positions]]:
    """Yield for each shard the lines of removed rows that a list took, or of the others, and their positions in the shard."""
    first = 0
    for result in results:
        gone = table.read_whole(result.tables["removed"])
        named = pc.not_equal(gone["list"], "")
        chosen = gone.filter(pc.and_(pc.equal(gone["status"], "removed"), named if listed else pc.invert(named)))
        yield result, chosen, np.asarray(chosen["position"].to_numpy() - first, np.int64)
        first += result.rows


class Hashes:
    """Compares PDQ hashes under one convention."""

    def __init__(self, convention: str, radius: int) -> None:
        self._column, self._radius = f"pdq-{convention}", radius
        self._seeds: Codes = np.zeros((0, PDQ_BYTES), np.uint8)
        self._index: NearIndex | None = None

    @property
    def count(self) -> int:
        """The number of distinct hashes that rows are compared with."""
        return len(self._seeds)

    def remember(self, results: Sequence[UnitResult], *, listed: bool) -> None:
        """Take the hashes of removed rows, in the form in which their pictures are stored."""
        cells = [cell for _, chosen, _ in _chosen(results, listed) for cell in chosen[self._column].to_pylist() if cell is not None]
        codes = np.frombuffer(b"".join(cells), np.uint8).reshape(-1, FORMS, PDQ_BYTES)[:, 0]
        self._seeds = np.unique(codes, axis=0)
        self._index = NearIndex.build(self._seeds, np.zeros((0, PDQ_BYTES), np.uint8)) if len(self._seeds) else None

    def near(self, result: UnitResult) -> Iterator[tuple[int, Positions]]:
        """Yield kept rows of a shard that lie near a removed one, each with the numbers of those."""
        if self._index is None:
            return
        cells = table.read_whole(result.tables["kept"])[self._column].to_pylist()
        codes = [np.frombuffer(cell or b"", np.uint8).reshape(-1, FORMS, PDQ_BYTES) for cell in cells]
        owners = np.repeat(np.arange(len(codes)), [len(one) for one in codes])
        whole = np.concatenate([np.zeros((0, FORMS, PDQ_BYTES), np.uint8), *codes])
        positions = np.flatnonzero(result.status == 0)
        for kept in np.unique(owners[self._index.any_within(whole, self._radius)]).tolist():
            yield int(positions[kept]), self._which(codes[kept].reshape(-1, PDQ_BYTES))

    def _which(self, forms: Codes) -> Positions:
        distances = np.bitwise_count(forms[:, None, :] ^ self._seeds[None, :, :]).sum(axis=2, dtype=np.int64)
        return np.flatnonzero((distances <= self._radius).any(axis=0))


class Directions:
    """Compares vectors of length 1."""

    def __init__(self, length: int, distance: float) -> None:
        self._length, self._least = length, 1 - distance - SLACK
        self._seeds: Vectors = np.zeros((0, length), np.float32)

    @property
    def count(self) -> int:
        """The number of vectors that rows are compared with."""
        return len(self._seeds)

    def remember(self, results: Sequence[UnitResult], *, listed: bool) -> None:
        """Take the vectors of removed rows that have one."""
        cells: list[bytes] = []
        for result, _, positions in _chosen(results, listed):
            cells += table.read_whole(result.tables["notes"])["vector"].take(pa.array(positions)).drop_null().to_pylist()
        self._seeds = self._array(cells)

    def near(self, result: UnitResult) -> Iterator[tuple[int, Positions]]:
        """Yield kept rows of a shard that lie near a removed one, each with the numbers of those."""
        if not len(self._seeds):
            return
        kept = np.flatnonzero(result.status == 0)
        cells = table.read_whole(result.tables["notes"])["vector"]
        for start in range(0, len(kept), AT_ONCE):
            chosen = kept[start : start + AT_ONCE]
            likeness = self._array(cells.take(pa.array(chosen)).to_pylist()) @ self._seeds.T
            for row in np.flatnonzero((likeness >= self._least).any(axis=1)).tolist():
                yield int(chosen[row]), np.flatnonzero(likeness[row] >= self._least)

    def _array(self, cells: Sequence[bytes]) -> Vectors:
        return np.frombuffer(b"".join(cells), "<f4").astype(np.float32).reshape(-1, self._length)
