"""Published rows against the steps that judge without a list: each is done again, with its attested parameters.

A step that lets a published row through twice is no proof that it took what it had to; one that would take a published row
was not applied as attested. What a step needs and is not here (a plug-in, a model, a key) leaves its part open, and the claim says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from audit_logs.statement import Claim, FilterStep
from release.audit import claims
from release.audit.candidate import Examined
from release.errors import Fault, StepError
from release.fingerprint import Fingerprints
from release.plan import StepPlan
from release.steps import KEPT, Gathers, Looks, Rows, Step, kinds


@dataclass(slots=True)
class Filters:
    """Screens published rows again, batch by batch, in order.

    Attributes:
        steps: the steps that can be done again, by their order.
        open_steps: the others, and why they cannot.
        taken: for each step, how many published rows it would take.
        rows: how many rows there were.
    """

    steps: dict[int, Step]
    open_steps: dict[int, str]
    taken: dict[int, int] = field(default_factory=dict)
    rows: int = 0

    def take(self, batch: pa.RecordBatch, prints: Fingerprints) -> None:
        """Screen the next rows."""
        rows = Rows(n=batch.num_rows, batch=batch, fingerprints=prints, problems={})
        self.rows += rows.n
        for order, step in self.steps.items():
            verdicts = step.screen(rows, np.ones(rows.n, np.bool_))
            self.taken[order] = self.taken.get(order, 0) + int((verdicts.status != KEPT).sum())

    def claim(self) -> Claim:
        """Return the claim, after the last row."""
        faults = [f"step {order} would not keep {taken} published rows" for order, taken in self.taken.items() if taken]
        if faults:
            return claims.refuted(claims.FILTERS, "; ".join(faults))
        done = f"steps {', '.join(map(str, self.steps))} keep all {self.rows} published rows; " if self.steps else ""
        left = "; ".join(f"step {order}: {why}" for order, why in self.open_steps.items())
        if left:
            return claims.not_checkable(claims.FILTERS, done + left)
        return claims.confirmed(claims.FILTERS, f"{done}they were screened again with the attested parameters")


def filters(case: Examined) -> Filters | None:
    """Return what is to be done again for a release, or None where every step has lists."""
    made, left = {}, {}
    for step in case.steps:
        if step.lists:
            continue
        try:
            made[step.step.order] = _again(step, case)
        except StepError as error:
            left[step.step.order] = error.what
    return Filters(made, left) if made or left else None


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
    if faults:
        raise StepError("its parameters are not those of its kind")
    made = factory.build(StepPlan(step.step.name, factory.kind, (), parameters), (), case.columns)
    if isinstance(made, Gathers):
        raise StepError("it judges by all rows of the source at once, which an audit does not have")
    if isinstance(made, Looks):
        made.check(case.schema)
    return made
