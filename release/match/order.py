"""Rows of bytes in the order of their bytes, and which of them are the first of their kind."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
CHUNK = 65_536


class Ranked(NamedTuple):
    """Entries and reserved entries in one order.

    Attributes:
        rows: (n, w) uint8, in ascending order: each entry once, and every reserved entry.
        reserved: (k,) int64: ascending positions of the reserved entries; after an equal entry.
        numbers: (k,) int64: which reserved entry lies at each of these positions.
    """

    rows: Bytes
    reserved: NDArray[np.int64]
    numbers: NDArray[np.int64]


def ranked(entries: Bytes, reserved: Bytes) -> Ranked:
    """Return `entries` (n, w) and `reserved` (k, w), numbered 0 to k-1, in one order."""
    everything = np.concatenate([entries, reserved])
    order = order_of(everything)
    kept = first_of_kind(everything, order) | (order >= len(entries))  # equal rows keep their order: entries before reserved ones
    del everything  # a list may be most of the memory that there is
    order = order[kept]
    places = np.flatnonzero(order >= len(entries))
    return Ranked(_taken(entries, reserved, order), places, order[places] - len(entries))


def _taken(entries: Bytes, reserved: Bytes, order: NDArray[np.int64]) -> Bytes:
    """Return the rows of two arrays, numbered one after the other, in an order."""
    rows = np.empty((len(order), entries.shape[1]), np.uint8)
    for start in range(0, len(order), CHUNK):
        part, place = order[start : start + CHUNK], rows[start : start + CHUNK]
        own = part < len(entries)
        place[own] = entries[part[own]]
        place[~own] = reserved[part[~own] - len(entries)]
    return rows


def order_of(rows: Bytes) -> NDArray[np.int64]:
    """Return the positions of `rows` (n, w) in ascending order of their bytes; equal rows keep their order.

    The first eight bytes decide nearly always, and one sort of one column is several times faster than one of all columns.
    """
    first = _word(rows, 0)
    order = np.argsort(first)
    leading = first[order]
    tied = np.zeros(len(rows), np.bool_)
    tied[1:] = leading[1:] == leading[:-1]
    tied[:-1] |= tied[1:]
    places = np.flatnonzero(tied)
    if len(places):
        among = np.sort(order[places])  # so that equal rows come out in the order in which they came
        columns = [_word(rows[among], start) for start in range(0, rows.shape[1], 8)]
        order[places] = among[np.lexsort(columns[::-1])]
    return order


def first_of_kind(rows: Bytes, order: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return for each of `rows` (n, w), taken in an order, whether it differs from the one before; with the memory of a part of them."""
    first = np.ones(len(order), np.bool_)
    for start in range(1, len(order), CHUNK):
        part = rows[order[start - 1 : start + CHUNK]]
        first[start : start + CHUNK] = (part[1:] != part[:-1]).any(axis=1)
    return first


def _word(rows: Bytes, start: int) -> NDArray[np.uint64]:
    """Return eight bytes of each row (or those that are left) as a number that orders as they do."""
    part = np.zeros((len(rows), 8), np.uint8)
    width = min(8, rows.shape[1] - start)
    part[:, :width] = rows[:, start : start + width]
    return part.view(">u8")[:, 0].astype(np.uint64)
