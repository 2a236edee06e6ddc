"""Columns that grow in one piece, and entries that are put in order where they lie.

What a list file gives is taken up in some hundred batches. As arrays of their own they would lie between the short-lived objects of the
reader, and the memory around them could not be used again; and an ordered copy beside the unordered entries would be half of the memory
that an import needs.
"""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from release.lists.entries import Entries
from release.match.order import CHUNK, first_of_kind, order_of

_AT_ONCE = 16  # bytes of each entry that are moved at once
Scalar = TypeVar("Scalar", bound=np.generic)


class Column(Generic[Scalar]):
    """Rows of one shape, added many at a time and taken once."""

    def __init__(self, scalar: type[Scalar], *shape: int) -> None:
        """Begin without rows: each is one `scalar`, or an array of this shape."""
        self._scalar, self._shape = scalar, shape
        self._data = bytearray()  # grows where it lies, or is moved by the kernel without a copy

    def add(self, rows: NDArray[Scalar]) -> None:
        """Take up rows, (k, *shape)."""
        self._data += np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data

    def take(self) -> NDArray[Scalar]:
        """Return all rows, (n, *shape), and keep none; the array is the caller's to change."""
        data, self._data = self._data, bytearray()
        return np.frombuffer(data, self._scalar).reshape(-1, *self._shape)


def only(raw: Entries, kept: NDArray[np.bool_]) -> Entries:
    """Return those of `raw` (n, w) that are kept, in its own memory: `raw` is used up."""
    end = 0
    for start in range(0, len(raw), CHUNK):
        part = raw[start : start + CHUNK][kept[start : start + CHUNK]]
        raw[end : end + len(part)] = part
        end += len(part)
    return raw[:end]


def distinct(raw: Entries) -> tuple[Entries, NDArray[np.int64]]:
    """Return entries (n, w) distinct and in the order of their bytes, and the place of each of `raw` among them; `raw` is used up."""
    if not len(raw):
        return raw, np.zeros(0, np.int64)
    order = order_of(raw)
    first = first_of_kind(raw, order)
    places = np.empty(len(raw), np.int64)
    places[order] = np.cumsum(first) - 1
    order = order[first]
    for start in range(0, raw.shape[1], _AT_ONCE):
        raw[: len(order), start : start + _AT_ONCE] = raw[order, start : start + _AT_ONCE]
    return raw[: len(order)], places
