"""The entries of a list of terms or expressions, as texts in lines of a fixed width: what is searched in texts is not looked up by a digest.

Reserved entries (the self-test's) lie among the list's own, as in the other indexes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from release.errors import ListError
from release.match import saved

KIND = "phrases"
Lines = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """A set of short texts.

    Attributes:
        lines: (n, w) uint8, sorted, distinct: each a text in UTF-8 with zeros after it.
        reserved_positions: ascending int64, the lines that are the self-test's.
    """

    lines: Lines
    reserved_positions: NDArray[np.int64]

    @classmethod
    def build(cls, entries: Lines, reserved: Lines) -> PhraseIndex:
        """Return the index of `entries` (n, w) and `reserved` (k, w); duplicates count once.

        Raises:
            ListError: the widths differ.
        """
        if entries.shape[1:] != reserved.shape[1:]:
            raise ListError("phrases have a wrong width", expected=f"{reserved.shape[1:]}", found=f"{entries.shape[1:]}")
        lines, first = np.unique(np.concatenate([entries, reserved]), axis=0, return_index=True)
        return cls(lines, np.flatnonzero(first >= len(entries)))

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> PhraseIndex:
        """Return a saved index, mapped into memory; `sha256` (hex) is that of the file, where it is known.

        Raises:
            ListError: it is missing or damaged.
        """
        arrays = saved.load(path, KIND, sha256)
        return cls(arrays["lines"], arrays["reserved"])

    def save(self, path: Path) -> None:
        """Write the index, readable by the owner alone.

        Raises:
            StoreError: it could not be written.
        """
        saved.save(path, KIND, {"lines": self.lines, "reserved": self.reserved_positions})

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled: a worker maps the saved index."""
        raise TypeError("an index of known values is mapped from its file, never pickled")

    def __len__(self) -> int:
        """Return the number of distinct entries of the list, without reserved ones."""
        return len(self.lines) - len(self.reserved_positions)

    @property
    def own(self) -> Lines:
        """The list's own lines, in the order of their bytes."""
        return np.delete(self.lines, self.reserved_positions, axis=0)

    def texts(self, *, reserved: bool) -> list[str]:
        """Return the list's own texts, with those of the self-test or without them."""
        return [bytes(line).rstrip(b"\0").decode() for line in (self.lines if reserved else self.own)]
