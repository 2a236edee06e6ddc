"""Near matching of PDQ hashes: every hash within a Hamming distance, none missed, by comparing with all of them.

Entries and reserved entries (the self-test's) lie in one array of 64-bit words, a row per word, so that the machine compares
many hashes at once. The search is exact. A faster exact search (multi-index hashing) can take this one's place behind the
same two questions, and be checked against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from release.errors import ListError
from release.match import saved

KIND = "pdq"
WIDTH = 32
FORMS = 8

Codes = NDArray[np.uint8]
Words = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class NearIndex:
    """A searchable set of 256-bit hashes.

    Attributes:
        words: (4, n) uint64: the n hashes in sorted order, a row for each word, the list's entries and the reserved ones.
        reserved_id: (n,) int32: the number of the reserved entry at each position, -1 for entries of the list.
    """

    words: Words
    reserved_id: NDArray[np.int32]

    @classmethod
    def build(cls, entries: Codes, reserved: Codes) -> NearIndex:
        """Return the index of `entries` (n, 32) and `reserved` (k, 32) uint8, numbered 0 to k-1; duplicate entries count once.

        Raises:
            ListError: a hash is not 32 bytes long.
        """
        own, theirs = np.unique(_words(entries), axis=0), _words(reserved)
        words = np.concatenate([own, theirs])
        ids = np.concatenate([np.full(len(own), -1), np.arange(len(theirs))]).astype(np.int32)
        order = np.lexsort((ids, *words.T[::-1]))
        return cls(np.ascontiguousarray(words[order].T), ids[order])

    @classmethod
    def load(cls, path: Path) -> NearIndex:
        """Return a saved index, mapped into memory.

        Raises:
            ListError: it is missing or damaged.
        """
        arrays = saved.load(path, KIND)
        return cls(arrays["words"], arrays["reserved"])

    def save(self, path: Path) -> None:
        """Write the index, readable by the owner alone.

        Raises:
            StoreError: it could not be written.
        """
        saved.save(path, KIND, {"words": self.words, "reserved": self.reserved_id})

    def __len__(self) -> int:
        """Return the number of distinct entries of the list, without reserved ones."""
        return int(np.count_nonzero(self.reserved_id < 0))

    def any_within(self, codes: Codes, radius: int) -> NDArray[np.bool_]:
        """Return whether each of `codes`, (m, 32) or (m, 8, 32) with any form counting, lies within `radius` bits of an entry.

        Reserved entries do not count.

        Raises:
            ListError: a hash is not 32 bytes long.
        """
        forms = codes[:, None, :] if codes.ndim == 2 else codes
        words = _words(forms.reshape(-1, forms.shape[-1])).reshape(len(forms), -1, 4)
        return _compiled()[0](self.words, self.reserved_id, words, radius)

    def reserved_within(self, forms: Codes, radius: int) -> list[int]:
        """Return, ascending, the numbers of the reserved entries within `radius` bits of any of `forms`, (k, 32) or (32,).

        Raises:
            ListError: a hash is not 32 bytes long.
        """
        positions = _compiled()[1](self.words, _words(np.atleast_2d(forms)), radius)
        return sorted(int(number) for number in np.unique(self.reserved_id[positions]) if number >= 0)


def _words(codes: Codes) -> Words:
    """Return `codes` (n, 32) as (n, 4) 64-bit words."""
    if codes.ndim != 2 or codes.shape[1] != WIDTH:
        raise ListError("hashes have a wrong width", expected="32 bytes", found=f"{codes.shape[1:]}")
    return np.ascontiguousarray(codes).view("<u8").astype(np.uint64)


@cache
def _compiled() -> tuple[
    Callable[[Words, NDArray[np.int32], Words, int], NDArray[np.bool_]], Callable[[Words, Words, int], NDArray[np.bool_]]
]:
    """Return the compiled searches; the compiler is loaded at first use."""
    from release.match.scan import any_within, within

    return any_within, within
