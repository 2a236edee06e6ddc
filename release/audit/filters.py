"""Published rows against the steps that judge without a list: each is done again, with its attested parameters.

A step that lets a published row through twice is no proof that it took what it had to; one that would take a published row
was not applied as attested. Steps that judge by rows which are gone are done again on the fingerprints that tier matches seals.
What a step needs and is not here (a plug-in, a model, a key, vectors, the versions that decoded and judged pictures) leaves its part open,
and the claim says so.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from audit_logs.statement import Claim, FilterStep
from release.audit import claims
from release.audit.candidate import Examined
from release.audit.fingerprints import UNABLE
from release.audit.neighbourhood import Neighbourhood, neighbourhood
from release.errors import Fault, StepError
from release.evidence import OpenedTier
from release.plan import StepPlan
from release.steps import KEPT, Gathers, Looks, Rounds, Rows, Step, kinds
from release.steps.neighbours import Neighbours
from release.steps.remote import KIND as REMOTE
from release.steps.signals import ROUNDING


@dataclass(slots=True)
class Filters:
    """Screens published rows again, batch by batch, in order.

    Attributes:
        steps: the steps that can be done again, by their order.
        open_steps: the others, and why they cannot.
        sealed: the steps that were done again on sealed fingerprints, by their order, and what came of it.
        taken: for each step, how many published rows it would take.
        unable: for each step, how many of which it cannot tell because of this machine's limits.
        rows: how many rows there were.
    """

    steps: dict[int, Step]
    open_steps: dict[int, str]
    sealed: dict[int, Neighbourhood] = field(default_factory=dict)
    taken: Counter[int] = field(default_factory=Counter)
    unable: Counter[int] = field(default_factory=Counter)
    rows: int = 0

    def take(self, rows: Rows) -> None:
        """Screen the next rows."""
        self.rows += rows.n
        for order, step in self.steps.items():
            verdicts = step.screen(rows, np.ones(rows.n, np.bool_))
            unable = np.array([reason in UNABLE for reason in verdicts.reason], np.bool_)
            self.taken[order] += int(((verdicts.status != KEPT) & ~unable).sum())
            self.unable[order] += int(unable.sum())

    def claim(self) -> Claim:
        """Return the claim, after the last row."""
        faults = [f"step {order} would not keep {taken} published rows" for order, taken in self.taken.items() if taken]
        faults += [f"step {order} {fault}" for order, found in self.sealed.items() for fault in found.faults]
        if faults:
            return claims.refuted(claims.FILTERS, "; ".join(faults))
        if unable := max(self.unable.values(), default=0):
            return claims.skipped(claims.FILTERS, f"{unable} rows could not be decoded within this machine's limits")
        if self.open_steps:
            left = "; ".join(f"step {order}: {why}" for order, why in self.open_steps.items())
            return claims.not_checkable(claims.FILTERS, self._done() + left)
        return claims.confirmed(claims.FILTERS, f"{self._done()}they were screened again with the attested parameters{self._spare()}")

    def _done(self) -> str:
        """What was found where there is no fault, in words."""
        told = [f"steps {', '.join(map(str, self.steps))} keep all {self.rows} published rows; "] if self.steps else []
        return "".join([*told, *(f"step {order}: {found.done}; " for order, found in self.sealed.items())])

    def _spare(self) -> str:
        """What was allowed for rounding, in words."""
        scored = any(isinstance(step, Rounds) and step.decoder for step in self.steps.values())
        return f", scores of pictures with {ROUNDING} to spare" if scored else ""


def filters(case: Examined, rows: OpenedTier, matches: OpenedTier | None) -> Filters | None:
    """Return what is to be done again for a release, or None where every step has lists.

    Args:
        case: the candidate.
        rows: the opened tier rows.
        matches: the opened tier matches, if the auditor has it: what steps need that judge by rows which are gone.

    Raises:
        EvidenceError: a sealed table is not in its form.
    """
    found = Filters({}, {})
    for step in case.steps:
        if step.lists:
            continue
        try:
            again = _again(step, case)
        except StepError as error:
            found.open_steps[step.step.order] = error.what
        else:
            _place(found, step.step.order, again, (rows, matches))
    return found if found.steps or found.open_steps or found.sealed else None


def _place(found: Filters, order: int, step: Step, tiers: tuple[OpenedTier, OpenedTier | None]) -> None:
    """Put a step where it belongs: done on published rows, done here on sealed fingerprints, or left open."""
    rows, matches = tiers
    if not isinstance(step, Gathers):
        found.steps[order] = step
    elif isinstance(step, Neighbours) and step.needs_pixels and matches is not None:
        found.sealed[order] = neighbourhood(order, step.parameters, rows, matches)
        if not found.sealed[order].whole:
            found.open_steps[order] = "its vectors are not sealed"
    else:
        found.open_steps[order] = "it judges by all rows of the source at once, which an audit does not have"


def _again(step: FilterStep, case: Examined) -> Step:
    """Return a step with its attested parameters, ready for the published columns.

    Raises:
        StepError: it cannot be done here.
    """
    factory = kinds().get(step.step.kind)
    if factory is None:
        raise StepError("its kind is not known here")
    faults: list[Fault] = []
    parameters = factory.parse(step.parameters, "", faults)
    if faults or parameters.canonical() != step.parameters:  # a path is no part of what is attested: it would name a file of this machine
        raise StepError("its parameters are not those of its kind")
    made = factory.build(StepPlan(step.step.name, factory.kind, (), parameters), (), case.columns)
    if step.step.kind == REMOTE:
        raise StepError("it rests on the word of a list holder, whose lists nobody else has")
    if isinstance(made, Rounds) and made.decoder != step.decoder:
        raise StepError("its pictures were decoded or judged by other versions than those here")
    if isinstance(made, Looks):
        made.check(case.schema)
    return made.lenient() if isinstance(made, Rounds) else made
