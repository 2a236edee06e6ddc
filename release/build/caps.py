"""The caps of a plan: how many rows a step, or one list of it, may remove before somebody has to look into it.

A poisoned list, or a threshold that is wrong, should not empty a dataset. An override is no switch: it names the step and a reason,
the reason is signed, and where the step stayed below its caps it is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from release.account import Tally
from release.errors import BuildError, UsageError
from release.plan import StepPlan
from release.sections import ANY_TEXT

LONGEST_REASON = 400


def check_overrides(steps: Sequence[StepPlan], overrides: Mapping[str, str]) -> None:
    """Check that overrides are of steps that have a cap, and give a reason.

    Raises:
        UsageError: one is not.
    """
    capped = [step.name for step in steps if step.caps.step is not None or step.caps.lists]
    for name, reason in overrides.items():
        if name not in capped:
            raise UsageError("an override is of no step with a cap", where=name, expected=" or ".join(capped) or "no override")
        if not re.fullmatch(ANY_TEXT.regex, reason) or not reason.strip() or len(reason) > LONGEST_REASON:
            raise UsageError(
                "an override needs a reason that can be signed",
                where=name,
                expected=f"1 to {LONGEST_REASON} characters on one line",
                found=f"{len(reason)} characters",
            )


def used_overrides(steps: Sequence[StepPlan], tallies: Sequence[Tally], overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the overrides that were needed, by step.

    Raises:
        BuildError: a step removed more rows than a cap allows, and no override says why that is right.
    """
    used = {}
    for step, tally in zip(steps, tallies, strict=True):
        for where, cap, removed in _exceeded(step, tally):
            if step.name not in overrides:
                raise BuildError(
                    "a step removed more rows than the plan's cap, so nothing is signed",
                    where=where,
                    expected=f"at most {cap} rows",
                    found=f"{removed} rows",
                    next_step=f"look into it; if it is right, run again with --override '{step.name}=REASON', which will be signed",
                    code="cap",
                )
            used[step.name] = overrides[step.name]
    return used


def _exceeded(step: StepPlan, tally: Tally) -> Iterator[tuple[str, int, int]]:
    """Yield the caps that a step broke, the lists' first: they say more."""
    for name, cap in step.caps.lists.items():
        if tally.by_list.get(name, 0) > cap:
            yield f"step {step.name}, list {name}", cap, tally.by_list[name]
    if step.caps.step is not None and tally.removed > step.caps.step:
        yield f"step {step.name}", step.caps.step, tally.removed
