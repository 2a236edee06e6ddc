"""Which statement each entry of a list comes from: what lets a later tombstone take back its own entry and no other.

    keys, times, deleted, classes   (s,): the newest statement on each name, tombstones too: an older statement that comes late must
                                    not bring back what was taken back before
    <type>.entry, <type>.statement  (m,) uint32: entry number (in the order of bytes) and the statement that it comes from

An entry that several statements own goes when the last of them is gone. Of several classes it counts under the first by alphabet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.match import saved

KIND = "origins"
KEY = 16
UNNAMED = bytes(KEY)

Numbers = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Who owns what: entry numbers and statement numbers, (m,) uint32 each."""

    entry: Numbers
    statement: Numbers


@dataclass(frozen=True, slots=True)
class Origins:
    """The statements behind a list's entries.

    Attributes:
        keys: (s, 16) uint8, zeros for records without a name.
        times: (s,) int64, microseconds since 1970.
        deleted: (s,) bool: tombstones.
        classes: (s,) uint8: place in `names`.
        names: the classes in alphabetical order, "" among them if there is an entry of none.
        pairs: by type of entry.
    """

    keys: NDArray[np.uint8]
    times: NDArray[np.int64]
    deleted: NDArray[np.bool_]
    classes: NDArray[np.uint8]
    names: tuple[str, ...]
    pairs: Mapping[str, Pairs]

    @classmethod
    def load(cls, path: Path, sha256: str, names: Sequence[str]) -> Origins:
        """Return saved origins; the digest of the file, and `names`, are those of the list's record.

        Raises:
            ListError: they are missing or damaged.
        """
        arrays = saved.load(path, KIND, sha256)
        kinds = sorted({name.rpartition(".")[0] for name in arrays if name.endswith(".entry")})
        pairs = {kind: Pairs(arrays[f"{kind}.entry"], arrays[f"{kind}.statement"]) for kind in kinds}
        deleted = arrays["deleted"].astype(np.bool_)
        return cls(arrays["keys"], arrays["times"], deleted, arrays["classes"], tuple(names), pairs)

    def save(self, path: Path) -> None:
        """Write the origins, readable by the owner alone.

        Raises:
            StoreError: they could not be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "keys": self.keys,
            "times": self.times,
            "deleted": self.deleted.astype(np.uint8),
            "classes": self.classes,
        }
        for kind, pairs in self.pairs.items():
            arrays |= {f"{kind}.entry": pairs.entry, f"{kind}.statement": pairs.statement}
        saved.save(path, KIND, arrays)

    def classes_of(self, kind: str, count: int) -> NDArray[np.uint8]:
        """Return for each of the `count` entries of a type the place of its class in `names`, (count,) uint8."""
        if kind not in self.pairs:
            return np.zeros(count, np.uint8)
        unnamed = len(self.names) if "" in self.names[:1] else 0  # no class comes after every class
        ranks = np.where(self.classes == 0, unnamed, self.classes) if unnamed else self.classes
        first = np.full(count, 255, np.uint8)
        pairs = self.pairs[kind]
        np.minimum.at(first, pairs.entry, ranks[pairs.statement].astype(np.uint8))
        return np.where(first == unnamed, 0, first).astype(np.uint8) if unnamed else first
