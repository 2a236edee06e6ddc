"""Matching of PhotoDNA values that somebody else made: every listed value within a Euclidean distance, none missed.

A value is 144 bytes, taken as a point of 144 coordinates from 0 to 255. All pairs of a block of queries and a block of entries
are compared by one product of matrices. It is exact although it is done in single precision: with coordinates moved to
-128..127, the product of [a, 1, |a|^2] and [-2b, |b|^2, 1] is the squared distance of a and b, and no sum of any of its terms
exceeds 2 * 144 * 128^2 + 2 * 144 * 128^2 = 9,437,184 in magnitude, below the 2^24 up to which single precision holds every whole number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from release.errors import ListError
from release.match import saved
from release.match.order import ranked

KIND = "photodna"
WIDTH = 144
_QUERIES, _ENTRIES = 256, 4096  # of a block: 4 MiB of squared distances

Values = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """A searchable set of PhotoDNA values.

    Attributes:
        values: (n, 144) uint8 in the order of their bytes, the list's entries and the reserved ones.
        reserved: (k,) int64: ascending positions of the reserved entries.
        numbers: (k,) int64: the number of the reserved entry at each of these positions.
    """

    values: Values
    reserved: NDArray[np.int64]
    numbers: NDArray[np.int64]

    @classmethod
    def build(cls, entries: Values, reserved: Values) -> VectorIndex:
        """Return the index of `entries` (n, 144) and `reserved` (k, 144), numbered 0 to k-1; duplicate entries count once.

        Raises:
            ListError: a value is not 144 bytes long.
        """
        return cls(*ranked(_checked(entries), _checked(reserved)))

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> VectorIndex:
        """Return a saved index, mapped into memory; `sha256` (hex) is that of the file, where it is known.

        Raises:
            ListError: it is missing or damaged.
        """
        arrays = saved.load(path, KIND, sha256)
        return cls(arrays["values"], arrays["reserved"], arrays["numbers"])

    def save(self, path: Path) -> None:
        """Write the index, readable by the owner alone.

        Raises:
            StoreError: it could not be written.
        """
        saved.save(path, KIND, {"values": self.values, "reserved": self.reserved, "numbers": self.numbers})

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a worker maps the saved index."""
        raise TypeError("an index of known values is mapped from its file, never pickled")

    def __len__(self) -> int:
        """Return the number of distinct entries of the list, without reserved ones."""
        return len(self.values) - len(self.reserved)

    def unreserved(self, number: int) -> VectorIndex:
        """Return this index, its arrays shared, with one reserved entry as an entry of the list: for self-tests that go all the way."""
        others = self.numbers != number
        return replace(self, reserved=saved.frozen(self.reserved[others]), numbers=saved.frozen(self.numbers[others]))

    def any_within(self, values: Values, distance: int) -> NDArray[np.bool_]:
        """Return whether each of `values` (m, 144) lies within a Euclidean `distance` of an entry; reserved entries do not count.

        Raises:
            ListError: a value is not 144 bytes long.
        """
        own = np.ones(len(self.values), np.bool_)
        own[self.reserved] = False
        asked = _rows(_checked(values))
        found = np.zeros(len(values), np.bool_)
        for start in range(0, len(values), _QUERIES):
            for first in range(0, len(self.values), _ENTRIES):
                near = self._squares(asked[start : start + _QUERIES], first) <= distance * distance
                found[start : start + _QUERIES] |= (near & own[first : first + _ENTRIES]).any(axis=1)
        return found

    def reserved_within(self, value: Values, distance: int) -> list[int]:
        """Return, ascending, the numbers of the reserved entries within a Euclidean `distance` of `value`, (144,).

        Raises:
            ListError: the value is not 144 bytes long.
        """
        asked = _rows(_checked(value[None]))
        parts = [self._squares(asked, first)[0] <= distance * distance for first in range(0, len(self.values), _ENTRIES)]
        near = np.concatenate(parts)[self.reserved] if parts else np.zeros(0, np.bool_)
        return sorted(self.numbers[near].tolist())

    def _squares(self, asked: Floats, first: int) -> Floats:
        """Return the squared distances of prepared queries (q, 146) and the block of entries from `first` on."""
        entries = _centred(self.values[first : first + _ENTRIES])
        norms = (entries * entries).sum(axis=1, keepdims=True)
        columns = np.concatenate([-2 * entries, norms, np.ones_like(norms)], axis=1)
        squares: Floats = asked @ columns.T
        return squares


def _rows(values: Values) -> Floats:
    """Return queries (q, 144) as [a, 1, |a|^2], (q, 146)."""
    points = _centred(values)
    norms = (points * points).sum(axis=1, keepdims=True)
    return np.concatenate([points, np.ones_like(norms), norms], axis=1)


def _centred(values: Values) -> Floats:
    """Return coordinates from -128 to 127."""
    return values.astype(np.float32) - np.float32(128)


def _checked(values: Values) -> Values:
    """Return `values`, which have to be (n, 144)."""
    if values.ndim != 2 or values.shape[1] != WIDTH:
        raise ListError("PhotoDNA values have a wrong width", expected="144 bytes", found=f"{values.shape[1:]}")
    return values
