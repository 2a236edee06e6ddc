"""Row accounting: one status for each row, sums that balance, and a difference that is no hit list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.account import Tally, add_up, check_balance, check_hiding, judge
from release.errors import BuildError, ScreeningError
from release.steps import KEPT, REMOVED, UNSCREENABLE, Rows, Verdicts


def rows(n: int, problems: Mapping[int, str] | None = None) -> Rows:
    """Return n rows of which only the number matters."""
    nothing: Any = None
    return Rows(n=n, batch=nothing, fingerprints=nothing, problems=problems or {})


def step(name: str, status: list[int], reason: list[str] | None = None, kept_low_quality: int = 0) -> Any:
    """Return a step that gives these verdicts whatever it sees."""
    verdicts = Verdicts(
        status=np.array(status, np.uint8),
        reason=reason or ["" if one != UNSCREENABLE else "no-pixels" for one in status],
        which_list=["a-list" if one == REMOVED else "" for one in status],
        coverage={},
        kept_low_quality=kept_low_quality,
    )
    return SimpleNamespace(name=name, screen=lambda _rows, alive: replace(verdicts, coverage={"md5": int(alive.sum())}))


def test_a_row_ends_at_the_first_step_that_takes_it() -> None:
    """A row that two steps would remove is removed by the first, and the second never counts it as its input."""
    judged = judge([step("one", [REMOVED, KEPT, KEPT]), step("two", [REMOVED, REMOVED, KEPT])], rows(3))
    assert judged.step.tolist() == [1, 2, 0]
    assert [(tally.entered, tally.removed, tally.left) for tally in judged.tallies] == [(3, 1, 2), (2, 1, 1)]
    assert judged.which_list == ["a-list", "a-list", ""]


def test_a_row_that_the_source_could_not_deliver_is_never_kept() -> None:
    """A row with a problem of its source is unscreenable at the first step, though no step objects to it."""
    judged = judge([step("one", [KEPT, KEPT])], rows(2, {1: "bad-path"}))
    assert judged.status.tolist() == [KEPT, UNSCREENABLE]
    assert judged.reason == ["", "bad-path"]
    assert judged.tallies[0].unscreenable == {"bad-path": 1}


def test_rows_kept_at_low_quality_are_counted_with_their_step() -> None:
    """The step says how many it kept without a comparison that means anything, the first step too, whose verdicts are corrected."""
    poor = step("near", [KEPT, KEPT, KEPT], kept_low_quality=2)
    judged = judge([poor, step("two", [KEPT, KEPT, KEPT]), poor], rows(3, {2: "bad-path"}))
    assert [tally.kept_low_quality for tally in judged.tallies] == [2, 0, 2]


def test_a_source_problem_is_not_mistaken_for_a_hit() -> None:
    """A row without its bytes cannot be a hit: what a step says of it is replaced by the source's reason."""
    judged = judge([step("one", [REMOVED])], rows(1, {0: "missing-file"}))
    assert (judged.status.tolist(), judged.which_list) == ([UNSCREENABLE], [""])


@pytest.mark.parametrize("status", [[KEPT], [KEPT, KEPT, KEPT], [KEPT, 7]])
def test_verdicts_that_do_not_fit_the_rows_stop_the_build(status: list[int]) -> None:
    """A step that returns too few, too many or unknown verdicts is an error, never a kept row."""
    with pytest.raises(ScreeningError, match="verdicts"):
        judge([step("one", status)], rows(2))


def test_unscreenable_needs_a_reason() -> None:
    """A row cannot be set aside without saying why."""
    with pytest.raises(ScreeningError, match="without a reason"):
        judge([step("one", [UNSCREENABLE], [""])], rows(1))


@given(st.lists(st.lists(st.sampled_from([KEPT, REMOVED, UNSCREENABLE]), min_size=9, max_size=9), min_size=1, max_size=5))
def test_counts_balance_whatever_the_steps_say(verdicts: list[list[int]]) -> None:
    """For any verdicts of any number of steps, rows in = kept + removed + unscreenable, for each step and the whole."""
    judged = judge([step(f"s{i}", statuses) for i, statuses in enumerate(verdicts)], rows(9))
    kept = int((judged.step == 0).sum())
    check_balance(9, judged.tallies, kept)
    taken = sum(tally.removed + sum(tally.unscreenable.values()) for tally in judged.tallies)
    assert kept + taken == 9


@pytest.mark.parametrize(
    ("source", "tallies", "kept"),
    [
        (10, [Tally(10, 1, {}, {})], 10),
        (10, [Tally(9, 0, {}, {})], 9),
        (10, [Tally(10, 1, {}, {}), Tally(10, 0, {}, {})], 10),
        (1, [Tally(1, 1, {"x": 1}, {})], 0),
        (3, [Tally(3, 1, {}, {}, kept_low_quality=3)], 2),
        (3, [Tally(3, 1, {}, {}), Tally(2, 0, {}, {"pdq-full": 3})], 2),
    ],
)
def test_a_row_that_is_lost_or_doubled_stops_the_build(source: int, tallies: list[Tally], kept: int) -> None:
    """Counts that do not add up are an error before anything is signed."""
    with pytest.raises(BuildError, match="balance"):
        check_balance(source, tallies, kept)


def test_shards_add_up_step_by_step() -> None:
    """The tallies of the whole are the sums of those of its shards, reasons and coverage included."""
    one = [Tally(4, 1, {"truncated": 1}, {"pdq": 3}, kept_low_quality=2)]
    two = [Tally(2, 0, {"truncated": 1, "crashed": 1}, {"pdq": 0})]
    assert add_up([one, two]) == (Tally(6, 1, {"crashed": 1, "truncated": 2}, {"pdq": 3}, kept_low_quality=2),)


@pytest.mark.parametrize(("missing", "listed", "allowed"), [(0, 0, True), (100, 1, True), (99, 1, False), (1000, 3, True), (3, 3, False)])
def test_the_difference_to_a_public_parent_must_not_be_the_hit_list(missing: int, listed: int, *, allowed: bool) -> None:
    """At most one in a hundred of the rows that others can see are missing may be missing because of a list."""
    if allowed:
        check_hiding(missing, listed, "the public parent")
        return
    with pytest.raises(BuildError, match="single out") as caught:
        check_hiding(missing, listed, "the public parent")
    assert caught.value.code == "hit-list"
    assert str(listed) not in caught.value.found
