"""A plan before a build: each step in words, what it needs, and whether that is there. No row is read, and no list value is shown."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from audit_logs import trust as trusts
from audit_logs.errors import Problem
from release import signers, store
from release.cardplan import gaps
from release.lists import ListStore, StoredList
from release.plan import Plan, StepPlan
from release.source import look
from release.steps import Awaits, Looks, StepFactory, kinds
from release.steps.thin import KIND as THIN


@dataclass(frozen=True, slots=True)
class Need:
    """Something that a build needs: what, whether it is there, and more of it, or why it is not."""

    what: str
    there: bool
    detail: str


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """A step: its name and kind, what it takes, in words, and what it needs."""

    name: str
    kind: str
    takes: str
    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """What a plan comes to: what the build as a whole needs, each step, and what readers will miss in the card, which stops no build."""

    needs: tuple[Need, ...]
    steps: tuple[CheckedStep, ...]
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether everything is there."""
        return all(need.there for need in (*self.needs, *(need for step in self.steps for need in step.needs)))


def check(plan: Plan, today: date) -> Checked:
    """Look for everything that a plan names."""
    schema: list[pa.Schema | None] = []
    source = _need("the source", lambda: schema.append(look(plan)), "its columns are there")
    if schema == [None]:
        source = Need("the source", there=True, detail="on the Hub, which was not asked")
    needs = (
        source,
        _need("the institution's key", lambda: signers.load(plan.keys.institution), str(plan.keys.institution)),
        _need("the log's key", lambda: signers.load_note_signer(plan.keys.log), str(plan.keys.log)),
        _need("the trust file", lambda: trusts.parse(_bytes(plan)), str(plan.audit.trust)),
    )
    known = kinds()
    steps = tuple(_step(plan, step, known[step.kind], schema[0] if schema else None, today) for step in plan.steps)
    return Checked(needs, steps, gaps(plan.card, plan.columns.text))


def _bytes(plan: Plan) -> bytes:
    return store.read_file(plan.audit.trust, 1 << 24)


def _step(plan: Plan, step: StepPlan, kind: StepFactory, schema: pa.Schema | None, today: date) -> CheckedStep:
    lists: list[StoredList] = []
    needs = [_list(plan, name, lists, today) for name in step.lists]
    if len(lists) == len(step.lists):
        needs += _working(plan, step, kind, tuple(lists), schema)
    if step.kind == THIN:
        there = plan.keys.line.exists()
        needs.append(Need("the memory of the line", there=True, detail=str(plan.keys.line) if there else "the line's first build makes it"))
    return CheckedStep(step.name, step.kind, takes(kind), tuple(needs))


def takes(kind: StepFactory) -> str:
    """Return what a kind takes, in the words of its module's first line; "" where it has none."""
    first = (inspect.getdoc(sys.modules.get(type(kind).__module__)) or "").partition("\n")[0]
    return first.partition(": ")[2].rstrip(".")


def _list(plan: Plan, name: str, lists: list[StoredList], today: date) -> Need:
    def opened() -> str:
        stored = ListStore(plan.lists.store).open(name)
        lists.append(stored)
        stored.check_age(today, plan.lists.max_age_days)
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(stored.entries.items()) if count)
        return f"{counts}; of {stored.vintage} ({stored.age(today)} days old), by {stored.authority}"

    return _need(f"the list {name}", opened)


def _working(plan: Plan, step: StepPlan, kind: StepFactory, lists: tuple[StoredList, ...], schema: pa.Schema | None) -> Iterator[Need]:
    """Yield whether a step can be made, and whether the source has the columns that have no role in the plan."""
    made = []
    yield _need(
        "what it works with", lambda: made.append(kind.build(step, lists, plan.columns)), "columns, packages and files that it names"
    )
    if made and isinstance(made[0], Looks) and schema is not None:
        looking = made[0]
        if isinstance(made[0], Awaits):
            yield _need("request and answer", lambda: looking.check(schema), "there, and those that the plan names")
        else:
            yield _need("its columns in the source", lambda: looking.check(schema), "there, and of the right type")


def _need(what: str, look_for: Callable[[], object], detail: str = "") -> Need:
    """Return a need; what is looked for may give the detail itself."""
    try:
        found = look_for()
    except Problem as problem:
        return Need(what, there=False, detail=str(problem))
    return Need(what, there=True, detail=found if isinstance(found, str) else detail)
