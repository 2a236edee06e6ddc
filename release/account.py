"""Row accounting: every row ends with exactly one status, and the sums are checked before anything is signed.

entered(1)   = source rows
entered(i+1) = entered(i) - removed(i) - unscreenable(i)
kept         = entered(n) - removed(n) - unscreenable(n)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from release.errors import BuildError, ScreeningError
from release.steps import KEPT, REMOVED, UNSCREENABLE, Rows, Step, Verdicts

HIDING = 100  # of the rows that others can see are missing, at most one in this many may be missing because of a list


@dataclass(frozen=True, slots=True)
class Tally:
    """What one step did with the rows that reached it.

    Attributes:
        entered: rows that reached it.
        removed: rows that it removed.
        unscreenable: rows that it could not screen, by reason.
        coverage: rows that had it, by fingerprint.
        kept_low_quality: rows that it kept although their picture has too little detail to be matched.
        by_list: rows that it removed because of a list, by the first list of the plan that they match.
    """

    entered: int
    removed: int
    unscreenable: Mapping[str, int]
    coverage: Mapping[str, int]
    kept_low_quality: int = 0
    by_list: Mapping[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int:
        """Return how many rows went on to the next step."""
        return self.entered - self.removed - sum(self.unscreenable.values())


@dataclass(frozen=True, slots=True)
class Judgement:
    """Where each of n rows ended.

    Attributes:
        step: (n,) int16, the step (from 1) that took the row out, 0 for a kept row.
        status: (n,) uint8, `KEPT`, `REMOVED` or `UNSCREENABLE`.
        reason: why a row is unscreenable, else "".
        which_list: the list that a removed row matched, else "".
        tallies: one for each step.
    """

    step: npt.NDArray[np.int16]
    status: npt.NDArray[np.uint8]
    reason: list[str]
    which_list: list[str]
    tallies: tuple[Tally, ...]


def judge(steps: Sequence[Step], rows: Rows) -> Judgement:
    """Run every step over the rows that are still in, and give each row its one status.

    A row that the source itself could not deliver (`rows.problems`) is unscreenable at the first step, whatever the steps need.

    Raises:
        ScreeningError: a step gave verdicts of another shape than its rows, or a status that does not exist.
    """
    step_of = np.zeros(rows.n, np.int16)
    status = np.zeros(rows.n, np.uint8)
    reason, which_list = [""] * rows.n, [""] * rows.n
    alive = np.ones(rows.n, np.bool_)
    tallies = []
    for number, step in enumerate(steps, 1):
        entered = int(alive.sum())
        verdicts = _with_problems(step.screen(rows, alive), rows) if number == 1 else step.screen(rows, alive)
        _check(verdicts, rows.n, step.name)
        gone = np.flatnonzero(alive & (verdicts.status != KEPT))
        step_of[gone] = number
        status[gone] = verdicts.status[gone]
        for row in gone.tolist():
            reason[row], which_list[row] = verdicts.reason[row], verdicts.which_list[row]
        alive[gone] = False
        unscreenable = Counter(verdicts.reason[row] for row in gone.tolist() if verdicts.status[row] == UNSCREENABLE)
        taken = [verdicts.which_list[row] for row in gone.tolist() if verdicts.status[row] == REMOVED]
        tallies.append(
            Tally(
                entered=entered,
                removed=len(taken),
                unscreenable=dict(unscreenable),
                coverage=dict(verdicts.coverage),
                kept_low_quality=verdicts.kept_low_quality,
                by_list=count_lists(taken),
            )
        )
    return Judgement(step_of, status, reason, which_list, tuple(tallies))


def count_lists(which_list: Iterable[str]) -> dict[str, int]:
    """Return how many rows each list took; "" is no list."""
    return dict(Counter(name for name in which_list if name))


def _with_problems(verdicts: Verdicts, rows: Rows) -> Verdicts:
    if not rows.problems:
        return verdicts
    status, reason, which_list = verdicts.status.copy(), list(verdicts.reason), list(verdicts.which_list)
    for row, problem in rows.problems.items():
        status[row], reason[row], which_list[row] = UNSCREENABLE, problem, ""
    return replace(verdicts, status=status, reason=reason, which_list=which_list)


def _check(verdicts: Verdicts, n: int, name: str) -> None:
    shape = (verdicts.status.shape, len(verdicts.reason), len(verdicts.which_list))
    if shape != ((n,), n, n) or bool((verdicts.status > UNSCREENABLE).any()):
        raise ScreeningError(
            "a step gave verdicts that do not fit its rows", where=f"step {name}", expected=f"{n} verdicts", found=str(shape)
        )
    unnamed = verdicts.status == UNSCREENABLE
    if any(not verdicts.reason[row] for row in np.flatnonzero(unnamed).tolist()):
        raise ScreeningError("a step called a row unscreenable without a reason", where=f"step {name}")


def add_up(shards: Sequence[Sequence[Tally]]) -> tuple[Tally, ...]:
    """Return the tallies of the whole from those of its shards, step by step."""
    return tuple(
        Tally(
            entered=sum(tally.entered for tally in step),
            removed=sum(tally.removed for tally in step),
            unscreenable=_sum(tally.unscreenable for tally in step),
            coverage=_sum(tally.coverage for tally in step),
            kept_low_quality=sum(tally.kept_low_quality for tally in step),
            by_list=_sum(tally.by_list for tally in step),
        )
        for step in zip(*shards, strict=True)
    )


def _sum(counts: object) -> dict[str, int]:
    total: Counter[str] = Counter()
    for count in counts:  # type: ignore[attr-defined]
        total.update(count)
    return dict(sorted(total.items()))


def check_balance(source_rows: int, tallies: Sequence[Tally], kept: int) -> None:
    """Check `rows in = kept + removed + unscreenable` for each step and the whole, and that no step tells more of its rows than it had.

    Raises:
        BuildError: the counts do not balance; nothing may be signed.
    """
    entering = source_rows
    for number, tally in enumerate(tallies, 1):
        if tally.entered != entering or tally.left < 0:
            raise _unbalanced(f"step {number}", entering, tally.entered)
        if tally.kept_low_quality > tally.left:
            raise _unbalanced(f"step {number}, kept at low quality", tally.left, tally.kept_low_quality)
        if (covered := max(tally.coverage.values(), default=0)) > tally.entered:
            raise _unbalanced(f"step {number}, coverage", tally.entered, covered)
        entering = tally.left
    if entering != kept:
        raise _unbalanced("the whole", entering, kept)


def _unbalanced(where: str, expected: int, found: int) -> BuildError:
    return BuildError(
        "the row counts do not balance, so nothing is signed",
        where=where,
        expected=f"{expected} rows",
        found=f"{found} rows",
        next_step="report this as a bug and keep the work folder private",
        code="counts",
    )


def check_hiding(missing: int, by_lists: int, whose: str) -> None:
    """Check that the rows which others can see are missing are not, in the main, the hits.

    Args:
        missing: rows that `whose` has and this release lacks.
        by_lists: those of them that a list step took.
        whose: "the public parent" or "the previous release".

    Raises:
        BuildError: more than one in a hundred is missing because of a list; the difference would be a hit list.
    """
    if by_lists * HIDING > missing:
        raise BuildError(
            f"the difference between {whose} and this release would single out the rows that matched a list, so nothing is signed",
            where=whose,
            expected=f"at most 1 in {HIDING} of the missing rows missing because of a list step",
            found="more",
            next_step='let a thin step hide them, or, if nobody else holds the source, set parent = "private"',
            code="hit-list",
        )
