"""What a new vintage of a list adds and removes, by type and class: counts alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from release.lists.entries import WIDTHS, Entries
from release.lists.gather import Resolved, rows
from release.lists.origins import Origins
from release.lists.report import Change
from release.lists.stored import CHUNK, StoredList


def between(old: StoredList, new: Resolved) -> dict[str, Change]:
    """Return the change of every type that the old list or the new one has.

    Raises:
        ListError: the old list is damaged.
    """
    before = old.origins()
    found = {}
    for kind in sorted({*old.entries, *new.entries}):
        none = np.zeros((0, WIDTHS[kind]), np.uint8)
        there = old.all_entries(kind) if old.entries.get(kind) else none
        here = new.entries.get(kind, none)
        gone, came = ~_in_other(there, here), ~_in_other(here, there)
        found[kind] = Change(
            added=int(came.sum()),
            removed=int(gone.sum()),
            added_by_class=_by_class(new.origins, kind, came),
            removed_by_class=_by_class(before, kind, gone),
        )
    return found


def _in_other(entries: Entries, other: Entries) -> NDArray[np.bool_]:
    """Return which of distinct entries (n, w) are among other ones, which are in the order of their bytes."""
    found = np.zeros(len(entries), np.bool_)
    ranked = rows(other)
    for start in range(0, len(entries) if len(other) else 0, CHUNK):
        chunk = entries[start : start + CHUNK]
        place = np.minimum(np.searchsorted(ranked, rows(chunk)), len(other) - 1)
        found[start : start + CHUNK] = (other[place] == chunk).all(axis=1)
    return found


def _by_class(origins: Origins | None, kind: str, chosen: NDArray[np.bool_]) -> Mapping[str, int]:
    if origins is None or not any(origins.names) or not chosen.any():
        return {}
    counts = np.bincount(origins.classes_of(kind, len(chosen))[chosen], minlength=len(origins.names)).tolist()
    return {name: count for name, count in zip(origins.names, counts, strict=True) if count}
