"""The filtering steps: one file for each kind, and the kinds that third parties add."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from importlib.metadata import EntryPoint, entry_points

from release.errors import StepError
from release.lists import ListStore
from release.plan import Plan
from release.steps.base import (
    KEPT,
    REMOVED,
    UNSCREENABLE,
    Awaits,
    Gathers,
    Held,
    Looks,
    Notes,
    Rounds,
    Rows,
    Step,
    StepFactory,
    Taken,
    Terms,
    Testifies,
    UnitResult,
    Verdicts,
)
from release.steps.classifier import ClassifierKind
from release.steps.exact_hash import ExactHashKind
from release.steps.near_hash import NearHashKind
from release.steps.neighbours import NeighboursKind
from release.steps.remote import RemoteKind
from release.steps.separate import SeparateKind
from release.steps.text import TextKind
from release.steps.thin import KIND as THIN
from release.steps.thin import ThinKind
from release.steps.url import UrlKind

__all__ = [
    "KEPT",
    "REMOVED",
    "UNSCREENABLE",
    "Awaits",
    "Gathers",
    "Held",
    "Looks",
    "Notes",
    "Rounds",
    "Rows",
    "Step",
    "StepFactory",
    "Taken",
    "Terms",
    "Testifies",
    "UnitResult",
    "Verdicts",
    "build_steps",
    "kinds",
]

GROUP = "release.steps"
BUILT_IN: tuple[StepFactory, ...] = (
    ExactHashKind(),
    NearHashKind(),
    UrlKind(),
    ClassifierKind(),
    SeparateKind(),
    TextKind(),
    RemoteKind(),
    NeighboursKind(),
    ThinKind(),
)


def kinds() -> Mapping[str, StepFactory]:
    """Return the kinds of steps that there are, by name: the built-in ones and those of installed packages.

    Raises:
        StepError: an installed package's kind cannot be loaded, or takes a name that is taken.
    """
    found: dict[str, StepFactory] = {}
    for factory in (*BUILT_IN, *map(_load, entry_points(group=GROUP))):
        if factory.kind in found:
            raise StepError("two kinds of steps have one name", where=f"entry point group {GROUP}", found=factory.kind, code="step-kind")
        found[factory.kind] = factory
    return found


def build_steps(plan: Plan, store: ListStore, today: date | None = None) -> tuple[Step, ...]:
    """Return the steps of a plan with their lists open.

    Args:
        plan: the plan.
        store: where its lists are.
        today: the day on which the lists may not be too old; None where that was checked before.

    Raises:
        ListError: a list is missing, empty, damaged or too old.
        StepError: a step cannot work with its lists or columns.
    """
    factories = kinds()
    steps: list[Step] = []
    for step_plan in plan.steps:
        lists = tuple(store.open(name) for name in step_plan.lists)
        for used in lists:
            if today is not None:
                used.check_age(today, plan.lists.max_age_days)
        step = factories[step_plan.kind].build(step_plan, lists, plan.columns)
        if steps and ((isinstance(steps[-1], Gathers) and not isinstance(step, Gathers)) or steps[-1].kind == THIN):
            raise StepError(
                "a step that gathers comes last, so that no later step screens what it takes",
                where=f"step {steps[-1].name}",
                expected="no other kind of step after it, and after thin none at all",
                found=f"step {step.name}",
                code="step-gather",
            )
        steps.append(step)
    return tuple(steps)


def _load(entry: EntryPoint) -> StepFactory:
    try:
        factory: StepFactory = entry.load()
    except (ImportError, AttributeError) as error:
        raise StepError("a kind of step cannot be loaded", where=f"entry point {entry.name} = {entry.value}", code="step-kind") from error
    return factory
