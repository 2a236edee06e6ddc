"""What a filtering step is: rows with their fingerprints in, one verdict for each row out.

A step is judged row by row: its verdict on a row depends on that row, its lists and its parameters alone, never on the
batch. It is fail-closed: a row that lacks what the step needs is unscreenable, with a reason, and never kept.

A third party adds a kind of step by an entry point in the group `release.steps` that names a `StepFactory`. A step that has to see
all shards before it can judge has a second pass; its shape is `Gathers`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.envelope import PublicKey
from audit_logs.statement import SelfTest
from release.errors import StepError
from release.fingerprint import Fingerprints, Pictures
from release.lineage import Digests, Lineage
from release.lists import StoredList
from release.plan import Columns, StepKind, StepParameters, StepPlan

KEPT, REMOVED, UNSCREENABLE = 0, 1, 2

Covers = Literal["stored", "declared", "pixels"]
Flags = npt.NDArray[np.bool_]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rows:
    """A batch of rows.

    Attributes:
        n: number of rows.
        batch: their columns, in the source's schema.
        fingerprints: what is known of their images.
        problems: rows that the source could not deliver whole -> reason; they are unscreenable whatever a step says.
        pictures: who shows their pictures to a step that has to see pixels; None where there is nobody.
    """

    n: int
    batch: pa.RecordBatch
    fingerprints: Fingerprints
    problems: Mapping[int, str]
    pictures: Pictures | None = None


@dataclass(frozen=True, slots=True)
class Verdicts:
    """A step's word on each row of a batch. No value, score or distance is in it.

    Attributes:
        status: (n,) uint8: `KEPT`, `REMOVED` or `UNSCREENABLE`; without meaning for rows that an earlier step took.
        reason: why a row is unscreenable, else "".
        which_list: the first list of the plan that a removed row matched, else "".
        coverage: for each fingerprint that the step uses, how many of the rows still in had it.
        kept_low_quality: how many of the rows still in it keeps although their picture has too little detail to be matched.
    """

    status: npt.NDArray[np.uint8]
    reason: list[str]
    which_list: list[str]
    coverage: dict[str, int]
    kept_low_quality: int = 0


class Step(Protocol):
    """One step of a plan, with its lists open.

    Attributes:
        name: its name in the plan.
        kind: its kind.
        parameters: what the plan tells it.
        lists: its lists, in the plan's order.
        covers: which bytes its verdicts speak of: the stored ones, hashes and links that came with the source, or pixels.
        needs_pixels: whether images must be decoded for it.
        conventions: the resize conventions that it uses.
        decoder: the decode path with versions, "" where nothing is decoded.
    """

    @property
    def name(self) -> str:
        """Its name in the plan."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def parameters(self) -> StepParameters:
        """What the plan tells it."""

    @property
    def lists(self) -> tuple[StoredList, ...]:
        """Its lists, in the plan's order."""

    @property
    def covers(self) -> Covers:
        """Which bytes its verdicts speak of."""

    @property
    def needs_pixels(self) -> bool:
        """Whether images must be decoded for it."""

    @property
    def conventions(self) -> tuple[str, ...]:
        """The resize conventions that it uses."""

    @property
    def decoder(self) -> str:
        """The decode path with versions."""

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch; `alive` (n,) tells the rows that no earlier step took."""

    def self_test(self, canary: Rows) -> SelfTest:
        """Return what became of the canary row's reserved entries.

        Raises:
            StepError: one was missed, or one was found that lies beyond the step's reach (`canary`).
        """


class StepFactory(StepKind, Protocol):
    """A kind of step: reads its parameters from a plan and makes steps. What the entry points of `release.steps` name."""

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Step:
        """Return a step with its lists' indexes open.

        Raises:
            StepError: it cannot work with these lists or columns.
        """


@runtime_checkable
class Looks(Protocol):
    """A step that looks at columns which have no role in a plan, and can tell whether a source has them."""

    def check(self, schema: pa.Schema) -> None:
        """Check the columns that it looks at.

        Raises:
            StepError: one is not there, or of a type that it cannot use.
        """


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for a whole build before its first row is read.

    Attributes:
        now: when it began.
        name: the dataset line.
        institution: the key that signs it.
        max_list_age_days: the largest age of a list, None for any.
        rows: rows of the source.
    """

    now: datetime
    name: str
    institution: PublicKey
    max_list_age_days: int | None
    rows: int


@runtime_checkable
class Awaits(Protocol):
    """A step that needs what others have to give, and can tell whether it is there and still holds."""

    def ready(self, terms: Terms) -> None:
        """Check it.

        Raises:
            Problem: it is not there, or does not hold for this build.
        """


@runtime_checkable
class Testifies(Protocol):
    """A step with sealed evidence of its own."""

    def evidence(self, number: int, positions: Iterator[pa.RecordBatch]) -> Mapping[str, Mapping[str, Iterator[pa.RecordBatch]]]:
        """Return its tables by tier and name, each as batches of one schema.

        Args:
            number: the step's place in the plan, from 1.
            positions: the table `positions` of tier rows.
        """


@runtime_checkable
class Rounds(Protocol):
    """A step over numbers that another machine may round otherwise, so that who does it again has to allow for that."""

    def lenient(self) -> Step:
        """Return the step with so much more patience for a row as rounding may come to."""


@runtime_checkable
class Notes(Protocol):
    """A gathering step that has to remember something of every row of the source, as it will see no column later."""

    @property
    def note_schema(self) -> pa.Schema:
        """The columns of what it remembers; none of them holds a picture or a text."""

    def note(self, rows: Rows, split: str) -> pa.RecordBatch:
        """Return what it remembers of the rows of a batch, all of them, in order. `split`: theirs."""


@dataclass(frozen=True, slots=True)
class UnitResult:
    """What the first pass left of one source shard; the tables are private and hold no image.

    Attributes:
        unit: index of the shard.
        rows: its number of source rows.
        status: (rows,) uint8.
        tables: the shard's private tables by name: positions, fingerprints of kept rows, the ledger of the others, and as `notes`
            what the step itself remembered.
    """

    unit: int
    rows: int
    status: npt.NDArray[np.uint8]
    tables: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Held:
    """What a build holds beside the shards.

    Attributes:
        lineage: the private memory of the dataset line, or None where there is none.
        released: called, it yields the row digests of the line's last release, (n, 32) uint8 at a time; nothing without one.
    """

    lineage: Lineage | None = None
    released: Callable[[], Iterator[Digests]] = lambda: iter(())


@dataclass(frozen=True, slots=True)
class Taken:
    """What a gathering step takes.

    Attributes:
        rows: by shard the positions of rows to remove, each with the name of the list or rule that asks for it; "" where no list does.
        told: what the institution may read of it on its own screen: nothing of single rows, lists or places.
        lineage: the memory of the line after this build, or None where it stays as it was.
        unscreenable: by shard the positions of rows that it could not judge, each with the reason.
    """

    rows: Mapping[int, Mapping[int, str]]
    told: tuple[str, ...] = ()
    lineage: Lineage | None = None
    unscreenable: Mapping[int, Mapping[int, str]] = field(default_factory=dict)


@runtime_checkable
class Gathers(Protocol):
    """A step with a second pass, over what the first one left of all shards, never over images."""

    def gather(self, results: Sequence[UnitResult], held: Held) -> Taken:
        """Return the rows to remove.

        Raises:
            BuildError: it cannot do what it is there for; nothing may be signed.
        """


@dataclass(slots=True)
class Sheet:
    """Verdicts in the making: a removal stands against any reason, and the first reason against later ones."""

    status: npt.NDArray[np.uint8]
    reason: list[str]
    which_list: list[str]

    @classmethod
    def blank(cls, n: int) -> Sheet:
        """Return a sheet on which every row is kept."""
        return cls(np.zeros(n, np.uint8), [""] * n, [""] * n)

    def remove(self, hits: Flags, which_list: str) -> None:
        """Mark rows (n,) as removed because of a list, unless an earlier list has."""
        for row in np.flatnonzero(hits & (self.status != REMOVED)).tolist():
            self.status[row], self.reason[row], self.which_list[row] = REMOVED, "", which_list

    def cannot_screen(self, row: int, reason: str) -> None:
        """Mark a row as unscreenable, unless it has a verdict."""
        if self.status[row] == KEPT:
            self.status[row], self.reason[row] = UNSCREENABLE, reason

    def verdicts(self, coverage: dict[str, int], kept_low_quality: int = 0) -> Verdicts:
        """Return the finished verdicts."""
        return Verdicts(self.status, self.reason, self.which_list, coverage, kept_low_quality)


def given(absent: Sequence[str]) -> Flags:
    """Return (n,) bool: which rows have no reason, of (n,) reasons, for something to be missing."""
    flags: Flags = np.fromiter(map(len, absent), np.int64, len(absent)) == 0
    return flags


def missed(step: str, which_list: str, what: str) -> StepError:
    """Return the error for a canary that a step did not treat as it must."""
    return StepError(
        "the self-test failed, so nothing that this step says can be believed",
        where=f"step {step}, list {which_list}",
        expected=what,
        next_step="import the list again; if that does not help, report this as a bug",
        code="canary",
    )


def check_verdict(step: Step, canary: Rows, *, removed: bool) -> None:
    """Check that a step of one list, in which a reserved entry counts as any other, removes the canary row, or does not.

    Raises:
        StepError: it is the other way round.
    """
    verdicts = step.screen(canary, np.ones(canary.n, np.bool_))
    if (verdicts.status[0] == REMOVED) != removed:
        raise missed(step.name, step.lists[0].name, "the canary removed within the step's reach, and not beyond it")


def usable_types(plan: StepPlan, lists: Sequence[StoredList], types: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return by list name the types of its entries that a step can use, sorted.

    Raises:
        StepError: the step has no list, or a list without an entry that it can use.
    """
    if not lists:
        raise StepError("the step has no list", where=f"step {plan.name}", code="step-lists")
    usable = {used.name: tuple(sorted(kind for kind, count in used.entries.items() if count and kind in types)) for used in lists}
    for used in lists:
        if not usable[used.name]:
            raise StepError(
                f"a {plan.kind} step can use no entry of the list",
                where=f"step {plan.name}, list {used.name}",
                expected="entries of type " + " or ".join(sorted(types)),
                found=", ".join(sorted(used.entries)),
                code="step-lists",
            )
    return usable


def need_column(plan: StepPlan, column: str | None, role: str) -> str:
    """Return the column of a role.

    Raises:
        StepError: the plan names none.
    """
    if column is None:
        raise StepError(
            f"a {plan.kind} step needs a column of {role}s",
            where=f"step {plan.name}",
            next_step=f"name it in the plan: source.columns.{role}",
            code="step-column",
        )
    return column


def of_type(value: object, kind: type[T], plan: StepPlan) -> T:
    """Return a value that another room gave, after checking that it is of the type that this step works with.

    Raises:
        StepError: it is not; the program is put together wrongly.
    """
    if not isinstance(value, kind):
        raise StepError(
            "a step was given a part of another step", where=f"step {plan.name}", expected=kind.__name__, found=type(value).__name__
        )
    return value
