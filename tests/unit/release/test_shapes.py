"""Shares and shapes: nothing is called none or all that is not, and no shape is longer than its ground."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.shapes import WHOLE, icon, percent, scale, segment, share, stacked, with_share


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 40, "0 %"),
        (40, 40, "100 %"),
        (1, 5_850_000_000, "less than 0.01 %"),
        (5_849_999_999, 5_850_000_000, "99.99 %"),
        (1, 8, "12.50 %"),
        (1, 4, "25 %"),
    ],
)
def test_a_share_in_words_never_rounds_to_none_or_all(part: int, whole: int, words: str) -> None:
    """One row of billions is less than a hundredth of a percent, and all but one are not all."""
    assert percent(part, whole) == words
    assert with_share("n", part, whole) == f"n ({words})"


def test_an_empty_whole_has_no_shares() -> None:
    """Nothing is divided by nothing."""
    assert share(0, 0) == 0
    assert with_share("0", 0, 0) == "0"


def lengths(shape: str, name: str = "width") -> list[float]:
    """Return every value in percent of an attribute of rectangles."""
    return [float(value) for value in re.findall(rf' {name}="([\d.]+)%"', shape)]


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=4))
def test_parts_side_by_side_are_never_longer_than_the_whole(parts: list[int]) -> None:
    """Whatever the counts are, a stacked bar stays within its track."""
    shape = stacked([("left", part) for part in parts], sum(parts), "bar")
    assert sum(lengths(shape)[1:]) <= 100.001


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_scale_shows_a_value_beyond_its_limit_beyond_the_line(value: int, limit: int) -> None:
    """The line stays inside the ground; what lies beyond it has a shape of its own, and only then a length."""
    shape = scale(value, limit, "title", "description")
    _, inside, over = lengths(shape)
    line = lengths(shape, "x1")[0]
    assert inside <= line + 0.01 <= 100
    assert inside + over <= 100
    assert over == 0 or value > limit


def test_a_counted_segment_outside_its_whole_is_cut() -> None:
    """A count above the source's, which only a broken chain can claim, draws nothing outside the page."""
    points = re.findall(r"(-?\d+),", segment(50, 99, 10, "title"))
    assert {int(point) for point in points} <= {0, 2 * WHOLE}


def test_text_in_a_title_is_text() -> None:
    """Titles and descriptions are escaped like everything else."""
    assert "<b>" not in segment(1, 1, 1, "<b>") + scale(1, 1, "<b>", "<b>") + icon("check", "<b>")
