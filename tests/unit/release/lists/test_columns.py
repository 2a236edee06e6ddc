"""Columns that grow in one piece, and entries put in order in their own memory, compared with NumPy's own ways."""

from __future__ import annotations

import numpy as np
import pytest

from release.lists.columns import Column, distinct, only
from release.match.order import CHUNK


def drawn(count: int, width: int, values: int = 256) -> np.ndarray:
    """Return drawn entries; few `values` make many duplicates."""
    return np.random.default_rng(count + width).integers(0, values, (count, width), np.uint8)


def test_a_column_gives_what_was_added_in_that_order_and_once() -> None:
    """Batches of any number of rows come out as one array of the caller's own; afterwards the column is empty."""
    column = Column(np.uint8, 20)
    parts = [drawn(count, 20) for count in (0, 3, 1000, 1)]
    for part in parts:
        column.add(part)
    taken = column.take()
    assert np.array_equal(taken, np.concatenate(parts))
    assert taken.flags.writeable
    assert column.take().shape == (0, 20)


@pytest.mark.parametrize("scalar", [np.int64, np.int32, np.bool_])
def test_a_column_of_single_values_keeps_their_kind(scalar: type[np.generic]) -> None:
    """Times, owners and marks come out as they went in, also when every second one of an array is added."""
    column: Column[np.generic] = Column(scalar)
    values = np.arange(10).astype(scalar)
    column.add(values[::2])
    assert np.array_equal(column.take(), values[::2])


@pytest.mark.parametrize(("width", "values"), [(16, 256), (20, 256), (144, 256), (16, 2), (3, 4)])
def test_distinct_entries_are_those_of_numpy_and_lie_in_the_memory_of_the_raw_ones(width: int, values: int) -> None:
    """Order, duplicates and places agree with `numpy.unique`, and no second array of the entries is made."""
    raw = drawn(CHUNK + 100, width, values)
    expected, inverse = np.unique(raw, axis=0, return_inverse=True)
    found, places = distinct(raw)
    assert np.array_equal(found, expected)
    assert np.array_equal(places, inverse.reshape(-1))
    assert np.shares_memory(found, raw)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_kept_entries_move_up_in_their_own_memory(share: float) -> None:
    """Whatever part of several chunks is kept, it comes out in order, and no second array is made."""
    raw = drawn(2 * CHUNK + 5, 32)
    kept = np.random.default_rng(7).random(len(raw)) < share
    expected = raw[kept]
    found = only(raw, kept)
    assert np.array_equal(found, expected)
    assert found.base is raw
