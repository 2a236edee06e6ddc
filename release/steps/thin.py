"""`thin`: rows drawn so that rows which a list took are hidden among them.

Whoever has the source, or an earlier version, can see which rows are missing. This step sorts the source into cells by what anybody can see of a
row (its split, the host of its link, the class of its size), and draws rows from the cells of the hits until in each cell at most 1 in `among`
of hits and drawn rows is a hit; among what the last release had and this one lacks it does the same. Rows that other steps took do not count as cover: anybody who can repeat such
a step can leave them out. A row is drawn by a tag under a key that is kept for the dataset line (`[keys] line` in the plan), and stays out
of all later versions, as does a row that a list once took, so that versions cannot be intersected. Cells with less than `least_cell` rows are put together.
It cannot hide hits from somebody who knows more of a row than its cell, or who has another institution's derivative of the same source. It removes
about a hundred harmless rows for each hit. Where a cell has too few rows, the build stops. It finds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audit_logs.statement import SelfTest
from release import table
from release.errors import BuildError, Fault, StepError
from release.lineage import Lineage, Tags
from release.lists import StoredList
from release.lists.urls import host
from release.plan import Columns, StepPlan
from release.sections import Pattern, Range, Section
from release.steps.about import About, Key
from release.steps.base import Covers, Flags, Held, Rows, Sheet, Taken, UnitResult, Verdicts, of_type
from release.steps.scores import field_of, wrong_type

KIND = "thin"
NOTES = pa.schema([("split", pa.string()), ("host", pa.string()), ("size", pa.int16())])
CELLS = ("split", "host", "size")
_CELL = Pattern("|".join(CELLS), "one of " + ", ".join(CELLS))
WORST = 5  # cells that are told one by one
_APART = "\x1f"


@dataclass(frozen=True, slots=True)
class Parameters:
    """How well hits hide.

    Attributes:
        among: at most one in so many rows that are missing from a cell is a hit.
        least_cell: cells with fewer rows are put together.
        cells: what tells cells apart, of `CELLS`.
        width, height: columns from which the size of a picture is taken; both or none. Without, the number of its stored bytes is.
    """

    among: int
    least_cell: int
    cells: tuple[str, ...]
    width: str | None
    height: str | None

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        sizes = {"width": self.width, "height": self.height} if self.width else {}
        return {"among": self.among, "least_cell": self.least_cell, "cells": list(self.cells), **sizes}


@dataclass(frozen=True, slots=True)
class Thin:
    """A step of this kind."""

    name: str
    parameters: Parameters
    columns: Columns
    kind: str = KIND
    lists: tuple[StoredList, ...] = ()
    covers: Covers = "declared"
    needs_pixels: bool = False
    conventions: tuple[str, ...] = ()
    decoder: str = ""

    @property
    def note_schema(self) -> pa.Schema:
        """What it remembers of a row: the parts of its cell."""
        return NOTES

    def check(self, schema: pa.Schema) -> None:
        """Check that the columns of sizes are there and hold numbers.

        Raises:
            StepError: they do not.
        """
        for column in filter(None, (self.parameters.width, self.parameters.height)):
            field = field_of(schema, column, self.name)
            if not (pa.types.is_integer(field.type) or pa.types.is_floating(field.type)):
                raise wrong_type(field, self.name, "numbers")

    def note(self, rows: Rows, split: str) -> pa.RecordBatch:
        """Return the parts of the cells of a batch."""
        links = rows.batch.column(self.columns.url).to_pylist() if self.columns.url and "host" in self.parameters.cells else [None] * rows.n
        hosts = [(host(link) if link else None) or "" for link in links]
        splits = [split if "split" in self.parameters.cells else ""] * rows.n
        return pa.record_batch([pa.array(splits), pa.array(hosts, pa.string()), pa.array(self._sizes(rows), pa.int16())], schema=NOTES)

    def _sizes(self, rows: Rows) -> npt.NDArray[np.int16]:
        """Return the class of each row's size, (n,): the power of two below it; -1 where there is no size."""
        if "size" not in self.parameters.cells:
            return np.full(rows.n, -1, np.int16)
        if self.parameters.width and self.parameters.height:
            columns = (rows.batch.column(name).cast(pa.float64()) for name in (self.parameters.width, self.parameters.height))
            width, height = (column.to_numpy(zero_copy_only=False) for column in columns)
            return _classes(width * height)
        if self.columns.image is None:
            return np.full(rows.n, -1, np.int16)
        images = rows.batch.column(self.columns.image)
        stored = images.field("bytes") if pa.types.is_struct(images.type) else images
        return _classes(pc.binary_length(stored).cast(pa.float64()).to_numpy(zero_copy_only=False))

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:  # noqa: ARG002  (it judges in the second pass)
        """Let every row pass."""
        return Sheet.blank(rows.n).verdicts({})

    def self_test(self, canary: Rows) -> SelfTest:
        """Check the columns before the first row; there is no list, and so no canary.

        Raises:
            StepError: a column is not there or of another type.
        """
        self.check(canary.batch.schema)
        return SelfTest(planted=0, caught=0, beyond=0)

    def gather(self, results: Sequence[UnitResult], held: Held) -> Taken:
        """Return the rows that are drawn, and those that must not come back.

        Raises:
            BuildError: a cell has too few rows to hide what lists took from it (`hit-list`).
            StepError: the build has no memory of the line.
        """
        if held.lineage is None:
            raise StepError("a thin step needs the memory of the dataset line", where=f"step {self.name}", code="step-gather")
        source = _Source.of(results, held, self.parameters.least_cell)
        drawn = np.zeros(len(source.tags), np.bool_)
        parent, last = [], []
        for rows in source.cells_with_hits():
            drawn[self._draw(source, rows)] = True
            cover, inside = source.cover[rows] | drawn[rows], source.released[rows]
            parent.append(Cell(len(rows), int(source.hit[rows].sum()), int(cover.sum())))
            last.append(Cell(int(inside.sum()), int((source.hit[rows] & inside).sum()), int((cover & inside).sum())))
        going = source.kept & (drawn | source.cover | source.listed)
        starts = np.cumsum([0, *(result.rows for result in results)])
        taken = {
            result.unit: dict.fromkeys(np.flatnonzero(going[start : start + result.rows]).tolist(), "")
            for result, start in zip(results, starts.tolist(), strict=False)
        }
        told = f"step {self.name}: {int(going.sum())} rows taken, {int(drawn.sum())} of them drawn anew, for {len(parent)} cells with hits"
        return Taken(
            taken,
            (told, *hiding("the source", parent), *hiding("the last release", last)),
            held.lineage.with_rows(source.tags[drawn], source.tags[source.hit]),
        )

    def _draw(self, source: _Source, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return the rows that are drawn from a cell: as many as its hits need, and among the last release's rows as many as those need."""
        rows = rows[np.argsort(source.tags[rows], kind="stable")]
        free = rows[source.kept[rows] & ~source.cover[rows] & ~source.hit[rows]]
        released = source.released[free]
        inside = self._missing(source.hit[rows] & source.released[rows], source.cover[rows] & source.released[rows])
        first = free[released][: max(inside, 0)]
        rest = np.setdiff1d(free, first, assume_unique=True)  # sorted by position
        rest = rest[np.argsort(source.tags[rest], kind="stable")]
        more = max(self._missing(source.hit[rows], source.cover[rows]) - len(first), 0)
        if len(first) < inside or len(rest) < more:
            raise BuildError(
                "a public cell has too few rows to hide what lists took from it, so nothing is signed",
                where=f"step {self.name}",
                expected=f"{self.parameters.among - 1} other rows for each hit",
                found="fewer",
                next_step="raise least_cell, let fewer things tell cells apart, or withhold this version",
                code="hit-list",
            )
        return np.concatenate([first, rest[:more]])

    def _missing(self, hits: Flags, cover: Flags) -> int:
        return (self.parameters.among - 1) * int(hits.sum()) - int(cover.sum())


@dataclass(frozen=True, slots=True)
class Cell:
    """What somebody who has other rows of a cell sees missing: of `rows` rows `hits` that a list took, and `cover` that were drawn."""

    rows: int
    hits: int
    cover: int

    @property
    def precision(self) -> float:
        """How often the best guess at a hit is right: every missing row looks like any other of its cell."""
        return self.hits / (self.hits + self.cover)


def hiding(holder: str, cells: Sequence[Cell]) -> Iterator[str]:
    """Yield, for the institution alone, how often somebody who has other rows guesses a hit: over all, in the median cell, and in the worst ones.

    Args:
        holder: what that person has, in words.
        cells: those with hits; of others nothing has to hide.
    """
    ranked = sorted((cell for cell in cells if cell.hits), key=lambda cell: cell.precision, reverse=True)
    if not ranked:
        return
    whole = Cell(0, sum(cell.hits for cell in ranked), sum(cell.cover for cell in ranked))
    middle = ranked[len(ranked) // 2]
    yield (
        f"who has {holder} and takes a missing row for a hit is right 1 time in {1 / whole.precision:.0f} over all, "
        f"in {1 / middle.precision:.0f} in the median cell, in {1 / ranked[0].precision:.0f} in the worst of {len(ranked)}"
    )
    for cell in ranked[:WORST]:
        yield f"  {holder}, a cell of {cell.rows} rows: {cell.hits} hits and {cell.cover} drawn rows, 1 in {1 / cell.precision:.0f}"


def _classes(sizes: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    with np.errstate(invalid="ignore", divide="ignore"):
        powers = np.floor(np.log2(sizes))
    return np.where(np.isfinite(powers), powers, -1).astype(np.int16)


@dataclass(frozen=True, slots=True)
class _Source:
    """All rows of the source, (n,) each, in order.

    Attributes:
        tags: by which they are drawn.
        cell: number of the cell.
        kept: whether the row is kept so far.
        hit: whether a list takes it, or once took it.
        listed: whether a list once took it.
        cover: whether it was drawn for an earlier version, and is no hit.
        released: whether the line's last release has it.
    """

    tags: Tags
    cell: npt.NDArray[np.int64]
    kept: Flags
    hit: Flags
    listed: Flags
    cover: Flags
    released: Flags

    @classmethod
    def of(cls, results: Sequence[UnitResult], held: Held, least_cell: int) -> _Source:
        """Return what the first pass left, put together."""
        lineage = held.lineage or Lineage.new()
        tags, notes, hits = [], [], []
        first = 0
        for result in results:
            tags.append(_tags(lineage, result))
            notes.append(table.read_whole(result.tables["notes"]))
            hits.append(_hits(result, first))
            first += result.rows
        whole = np.concatenate(tags)
        listed = np.isin(whole, lineage.listed)
        hit = np.concatenate(hits) | listed
        released = [lineage.tags(digests) for digests in held.released()]
        return cls(
            tags=whole,
            cell=_cells(pa.concat_tables(notes), least_cell),
            kept=np.concatenate([result.status == 0 for result in results]),
            hit=hit,
            listed=listed,
            cover=np.isin(whole, lineage.drawn) & ~hit,
            released=np.isin(whole, np.concatenate(released)) if released else np.zeros(len(whole), np.bool_),
        )

    def cells_with_hits(self) -> Iterator[npt.NDArray[np.int64]]:
        """Yield the positions of the rows of each cell that has a hit."""
        order = np.argsort(self.cell, kind="stable")
        ends = np.cumsum(np.bincount(self.cell))
        for number in np.unique(self.cell[self.hit]).tolist():
            yield order[ends[number - 1] if number else 0 : ends[number]]


def _tags(lineage: Lineage, result: UnitResult) -> Tags:
    cells = table.read_whole(result.tables["positions"])["digest"].to_pylist()
    return lineage.tags(np.frombuffer(b"".join(cells), np.uint8).reshape(-1, 32))


def _hits(result: UnitResult, first: int) -> Flags:
    """Return (rows,) bool: which rows of a shard a list took; `first` is the position of its first row in the source."""
    gone = table.read_whole(result.tables["removed"])
    hits = np.zeros(result.rows, np.bool_)
    named = pc.and_(pc.equal(gone["status"], "removed"), pc.not_equal(gone["list"], ""))
    hits[gone["position"].filter(named).to_numpy() - first] = True
    return hits


def _cells(notes: pa.Table, least: int) -> npt.NDArray[np.int64]:
    """Return the number of each row's cell, (n,): too small cells are put together within their split, and then over all splits."""
    whole = notes.combine_chunks()
    split = whole["split"]
    keys = pc.binary_join_element_wise(split, whole["host"], whole["size"].cast(pa.string()), _APART)
    for wider in (split, pa.scalar("")):
        numbers = _numbers(keys)
        keys = pc.if_else(pa.array(np.bincount(numbers)[numbers] < least), wider, keys)
    return _numbers(keys)


def _numbers(keys: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    encoded = pa.concat_arrays(keys.chunks) if isinstance(keys, pa.ChunkedArray) else keys
    return np.asarray(encoded.dictionary_encode().indices.to_numpy(zero_copy_only=False), np.int64)


class ThinKind:
    """The kind `thin`."""

    kind = KIND
    needs_lists: frozenset[str] = frozenset()
    about = About(
        covers="`declared`: links and sizes as the source tells them",
        keys=(
            Key("among", "100 to 10000", "100", "in each cell at most one in so many of hits and drawn rows is a hit"),
            Key("least_cell", "1 to 2^31-1", "1000", "cells with fewer rows of the source are put together"),
            Key("cells", "list of text", "all three", "what tells cells apart: `split`, `host` (of the plan's url column), `size`"),
            Key(
                "width, height",
                "text",
                "none",
                "columns with the size of a picture in pixels; without them, `size` is that of the stored bytes",
            ),
        ),
        reasons={},
        audit="An auditor with tier `matches` sees which rows were taken by which step, and adds them up (claim `counts`). That they were drawn by the line's key is "
        "`not-checkable` (claim `filters`): the key stays with the institution, since it tells cover from hits in every version.",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        chosen = section.texts("cells", CELLS, _CELL)
        parameters = Parameters(
            among=section.integer("among", Range(100, 10_000), 100),
            least_cell=section.integer("least_cell", Range(1, (1 << 31) - 1), 1000),
            cells=tuple(part for part in CELLS if part in chosen),
            width=section.optional_text("width"),
            height=section.optional_text("height"),
        )
        if bool(parameters.width) != bool(parameters.height):
            section.fault("height", "width and height", "one of the two")
        section.close()
        return parameters

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Thin:  # noqa: ARG002  (the protocol's)
        """Return a step."""
        return Thin(plan.name, of_type(plan.parameters, Parameters, plan), columns)
