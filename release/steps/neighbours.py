"""`neighbours`: rows that lie near a row that an earlier step removed.

When all rows have been screened, it looks at what was removed: every kept row whose PDQ hash lies within `pdq` bits of that of a removed row, in any
frame and any of the eight forms, or whose vector in an embedding column lies within a cosine distance of that of a removed row, goes as well. It
finds what lists do not know: other pictures of a series, crops and edits that a wider radius or an embedding still sees. The search is exact: every
kept row is compared with every removed one. With `of = "listed"` only rows that a list took have neighbours, else all removed rows do.
It cannot find what lies further away, nor the neighbours of a neighbour. It takes harmless rows that only look alike; where one removed row drags more than `drag`
rows with it, as a blank picture may, the build stops. A row without the hash or vector that the step compares is unscreenable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.statement import SelfTest
from release.canary import DISTANCES
from release.errors import BuildError, Fault
from release.fingerprint import CONVENTIONS, DECODER
from release.lists import StoredList
from release.plan import Columns, StepPlan
from release.sections import Pattern, Range, Section
from release.steps.about import About, Key
from release.steps.base import Covers, Flags, Held, Rows, Sheet, Taken, UnitResult, Verdicts, need_column, of_type
from release.steps.models import BAD_VECTOR, NO_VECTOR, unit, vectors_of
from release.steps.near_hash import NO_PIXELS
from release.steps.nearness import Comparison, Directions, Hashes
from release.steps.scores import field_of, wrong_type

KIND = "neighbours"
RULE = "neighbours"  # what the ledger names in the place of a list, where the neighbour is a listed row's
_CONVENTION = Pattern("|".join(CONVENTIONS), "one of " + ", ".join(CONVENTIONS))
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Embedding:
    """A column of vectors of one length, and the largest cosine distance (decimal text, 0 to 2) at which rows are neighbours."""

    column: str
    length: int
    distance: str

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"column": self.column, "length": self.length, "distance": self.distance}


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is compared: PDQ hashes within `pdq` bits under `conventions`, vectors, or both; whose neighbours; how many one row may drag."""

    of: str
    pdq: int | None
    conventions: tuple[str, ...]
    embedding: Embedding | None
    drag: int

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        pixels = {} if self.pdq is None else {"pdq": self.pdq, "conventions": list(self.conventions)}
        vectors = {} if self.embedding is None else {"embedding": self.embedding.canonical()}
        return {"of": self.of, **pixels, **vectors, "drag": self.drag}


@dataclass(frozen=True, slots=True)
class Neighbours:
    """A step of this kind."""

    name: str
    parameters: Parameters
    kind: str = KIND
    lists: tuple[StoredList, ...] = ()

    @property
    def covers(self) -> Covers:
        """Pixels where hashes are compared, else a column that came with the source."""
        return "declared" if self.parameters.pdq is None else "pixels"

    @property
    def needs_pixels(self) -> bool:
        """Whether hashes are compared."""
        return self.parameters.pdq is not None

    @property
    def conventions(self) -> tuple[str, ...]:
        """The resize conventions in use."""
        return self.parameters.conventions

    @property
    def decoder(self) -> str:
        """The decode path."""
        return DECODER if self.needs_pixels else ""

    @property
    def note_schema(self) -> pa.Schema:
        """What it remembers of a row: its vector, of length 1, or null."""
        return pa.schema([("vector", pa.binary())])

    def check(self, schema: pa.Schema) -> None:
        """Check that the column of vectors is there.

        Raises:
            StepError: it is not, or holds something else than lists of floating-point numbers.
        """
        if self.parameters.embedding is not None:
            field = field_of(schema, self.parameters.embedding.column, self.name)
            if not (pa.types.is_list(field.type) and pa.types.is_floating(field.type.value_type)):
                raise wrong_type(field, self.name, "lists of floating-point numbers")

    def note(self, rows: Rows, split: str) -> pa.RecordBatch:  # noqa: ARG002  (the protocol's)
        """Return the vectors of a batch."""
        if self.parameters.embedding is None:
            return pa.record_batch([pa.nulls(rows.n, pa.binary())], schema=self.note_schema)
        vectors, absent = self._vectors(rows, self.parameters.embedding)
        whole, size = unit(vectors).astype("<f4").tobytes(), 4 * self.parameters.embedding.length
        cells = [None if reason else whole[row * size : (row + 1) * size] for row, reason in enumerate(absent)]
        return pa.record_batch([pa.array(cells, pa.binary())], schema=self.note_schema)

    def _vectors(self, rows: Rows, embedding: Embedding) -> tuple[Vectors, list[str]]:
        vectors, absent = vectors_of(rows.batch.column(embedding.column), embedding.length)
        directed = np.asarray(vectors.any(axis=1), np.bool_).tolist()  # a vector of zeros has no direction
        return vectors, [reason or ("" if any_of else BAD_VECTOR) for reason, any_of in zip(absent, directed, strict=True)]

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Let every row pass that has what is compared; it judges in the second pass."""
        sheet, coverage = Sheet.blank(rows.n), {}
        if self.parameters.embedding is not None:
            _, absent = self._vectors(rows, self.parameters.embedding)
            for row, reason in enumerate(absent):
                if reason:
                    sheet.cannot_screen(row, reason)
            coverage["vector"] = int((alive & np.array([not reason for reason in absent], np.bool_)).sum())
        if self.parameters.pdq is not None:
            hashed = hashed_rows(rows, sheet)
            coverage |= {f"pdq-{convention}": int((hashed & alive).sum()) for convention in self.conventions}
        return sheet.verdicts(coverage)

    def self_test(self, canary: Rows) -> SelfTest:
        """Check the column before the first row; there is no list, and so no canary.

        Raises:
            StepError: it is not there or of another type.
        """
        self.check(canary.batch.schema)
        return SelfTest(planted=0, caught=0, beyond=0)

    def gather(self, results: Sequence[UnitResult], held: Held) -> Taken:  # noqa: ARG002  (the protocol's)
        """Return the kept rows that lie near a removed one.

        Raises:
            BuildError: a removed row drags more rows than the plan lets it (`cap`).
        """
        compared: list[Comparison] = [Hashes(convention, self.parameters.pdq or 0) for convention in self.conventions]
        if self.parameters.embedding is not None:
            compared.append(Directions(self.parameters.embedding.length, float(self.parameters.embedding.distance)))
        taken: dict[int, dict[int, str]] = {result.unit: {} for result in results}
        for comparison in compared:
            for listed in (True, False) if self.parameters.of == "removed" else (True,):
                comparison.remember(results, listed=listed)
                self._take(comparison, results, RULE if listed else "", taken)
        return Taken(taken)

    def _take(self, comparison: Comparison, results: Sequence[UnitResult], rule: str, taken: dict[int, dict[int, str]]) -> None:
        """Add the neighbours of the rows that a comparison remembers."""
        drags = np.zeros(comparison.count, np.int64)
        for result in results:
            for row, near in comparison.near(result):
                taken[result.unit].setdefault(row, rule)
                drags[near] += 1
        if drags.size and int(drags.max()) > self.parameters.drag:
            raise BuildError(
                "a removed row drags more rows with it than the plan lets it, so nothing is signed",
                where=f"step {self.name}",
                expected=f"at most {self.parameters.drag} neighbours of one row",
                found=f"{int(drags.max())}",
                next_step="look into it (a blank picture has many); then take a smaller distance, or raise drag",
                code="cap",
            )


def hashed_rows(rows: Rows, sheet: Sheet) -> Flags:
    """Return (n,) bool: which rows have a hash; those that were not decoded whole are marked as unscreenable."""
    hashed = np.zeros(rows.n, np.bool_)
    hashed[rows.fingerprints.frame_row] = True
    for row, reason in enumerate(rows.fingerprints.reason):
        if reason or not hashed[row]:
            sheet.cannot_screen(row, reason or NO_PIXELS)
    return hashed


class NeighboursKind:
    """The kind `neighbours`."""

    kind = KIND
    needs_lists: frozenset[str] = frozenset()
    about = About(
        covers="`pixels` with `pdq`, else `declared`",
        keys=(
            Key("of", "`removed`, `listed`", "`removed`", "whose neighbours go: those of every removed row, or of rows that a list took"),
            Key("pdq", "0 to 64", "this or `embedding`", "the largest distance in bits of 256"),
            Key("conventions", "list of text", "all three", "the resize conventions under which hashes are compared"),
            Key("embedding", "table", "", "vectors that came with the source, below"),
            Key("embedding.column", "text", "required", "a column with a list of numbers for each row"),
            Key("embedding.length", "1 to 65536", "required", "how many numbers each vector has"),
            Key("embedding.distance", "number, 0 to 2", "required", "the largest cosine distance"),
            Key("drag", "0 to 2^53-1", "100", "how many rows one removed row may drag with it; above it the build stops"),
        ),
        reasons={
            NO_VECTOR: "the vector is null",
            BAD_VECTOR: "the vector has another length, is all zero, or holds a null or a number that is not finite",
            "no-image, no-pixels, too-large, undecodable, truncated, frames, pixels, memory, timeout, crashed": "as for `near-hash`",
        },
        audit="With tier `matches` it is done again on the sealed hashes of both sides (claim `filters`): a row left near a removed one, or taken though near "
        "none, refutes it. Vectors are not sealed, so with `embedding`, and without tier `matches`, the claim is `not-checkable`.",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        pdq = section.integer("pdq", Range(0, DISTANCES[-1]), 0) if section.has("pdq") else None
        conventions = section.texts("conventions", CONVENTIONS, _CONVENTION)
        embedding = _embedding(section.section("embedding")) if section.has("embedding") else None
        if pdq is None and embedding is None:
            section.fault("pdq", "pdq, embedding or both", "neither")
        parameters = Parameters(
            of=section.choice("of", ("removed", "listed"), "removed"),
            pdq=pdq,
            conventions=() if pdq is None else tuple(one for one in CONVENTIONS if one in conventions),
            embedding=embedding,
            drag=section.integer("drag", Range(0, (1 << 53) - 1), 100),
        )
        section.close()
        return parameters

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Neighbours:  # noqa: ARG002  (the protocol's)
        """Return a step.

        Raises:
            StepError: it compares hashes and the plan names no image column.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        if parameters.pdq is not None:
            need_column(plan, columns.image, "image")
        return Neighbours(plan.name, parameters)


def _embedding(section: Section) -> Embedding:
    embedding = Embedding(section.text("column"), section.integer("length", Range(1, 65_536), 1), section.number("distance"))
    if not section.has("length"):
        section.fault("length", "how many numbers each vector has", "nothing")
    if not 0 <= float(embedding.distance) <= 2:
        section.fault("distance", "a number from 0 to 2", embedding.distance)
    section.close()
    return embedding
