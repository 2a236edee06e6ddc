"""Exact matching of digests: one sorted array, buckets on the leading bits, full comparison.

Reserved entries (the self-test's) lie in the same array as the list's own, so that an index that lost or damaged its array
loses them too; which positions are theirs is known, and a row that hits one of them is a self-test row and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.errors import ListError
from release.match import saved

KIND = "digests"
WIDTHS = (16, 20, 32)
"""Bytes of MD5, SHA-1 and SHA-256."""

_MOST_BITS = 24

Digests = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DigestIndex:
    """A searchable set of digests.

    Attributes:
        digests: (n, w) uint8, sorted, distinct, the list's entries and the reserved ones.
        buckets: (2**bits + 1,) uint32: where the digests with each value of the leading bits begin.
        reserved_positions: ascending int64, the positions of reserved entries that are not entries of the list as well.
    """

    digests: Digests
    buckets: NDArray[np.uint32]
    reserved_positions: NDArray[np.int64]

    @classmethod
    def build(cls, entries: Digests, reserved: Digests) -> DigestIndex:
        """Return the index of `entries` (n, w) and `reserved` (k, w), w one of 16, 20, 32; duplicates count once.

        Raises:
            ListError: the widths differ, or are none of a known digest.
        """
        if entries.ndim != 2 or entries.shape[1] not in WIDTHS or entries.shape[1:] != reserved.shape[1:]:
            raise ListError("digests have a wrong width", expected="16, 20 or 32 bytes", found=f"{entries.shape[1:]}, {reserved.shape[1:]}")
        everything = np.concatenate([entries, reserved])
        own = np.concatenate([np.ones(len(entries), dtype=np.bool_), np.zeros(len(reserved), dtype=np.bool_)])
        order = np.lexsort((~own, *reversed(_columns(everything))))  # an entry of the list comes before its reserved twin
        ranked = everything[order]
        first = np.ones(len(ranked), dtype=np.bool_)
        first[1:] = (ranked[1:] != ranked[:-1]).any(axis=1)
        kept = np.ascontiguousarray(ranked[first])
        return cls(kept, _buckets(kept), np.flatnonzero(~own[order][first]))

    @classmethod
    def load(cls, path: Path) -> DigestIndex:
        """Return a saved index, mapped into memory.

        Raises:
            ListError: it is missing or damaged.
        """
        arrays = saved.load(path, KIND)
        return cls(arrays["digests"], arrays["buckets"], arrays["reserved"])

    def save(self, path: Path) -> None:
        """Write the index, readable by the owner alone.

        Raises:
            StoreError: it could not be written.
        """
        saved.save(path, KIND, {"digests": self.digests, "buckets": self.buckets, "reserved": self.reserved_positions})

    def __len__(self) -> int:
        """Return the number of distinct entries of the list, without reserved ones."""
        return len(self.digests) - len(self.reserved_positions)

    def find(self, queries: Digests) -> NDArray[np.int64]:
        """Return for each of `queries` (q, w) its position, which may be a reserved one, or -1.

        Raises:
            ListError: the queries have another width than the digests.
        """
        if queries.shape[1:] != self.digests.shape[1:]:
            raise ListError("queries have a wrong width", expected=f"{self.digests.shape[1]} bytes", found=f"{queries.shape[1:]}")
        return _scan()(self.digests, self.digests.view(np.uint32), self.buckets, np.ascontiguousarray(queries))

    def contains(self, queries: Digests) -> NDArray[np.bool_]:
        """Return for each of `queries` (q, w) whether it is an entry of the list; reserved entries do not count."""
        positions = self.find(queries)
        return (positions >= 0) & ~np.isin(positions, self.reserved_positions)


def _columns(digests: Digests) -> list[NDArray[np.unsignedinteger[Any]]]:
    """Return the digests as columns of big-endian words, the leading one first."""
    width = digests.shape[1]
    columns: list[NDArray[np.unsignedinteger[Any]]] = []
    for start in range(0, width, 8):
        stop = min(start + 8, width)
        columns.append(np.ascontiguousarray(digests[:, start:stop]).view(f">u{stop - start}")[:, 0].astype(np.uint64))
    return columns


def _buckets(ranked: Digests) -> NDArray[np.uint32]:
    """Return where each value of the leading bits begins; about one digest a bucket."""
    bits = min(len(ranked).bit_length(), _MOST_BITS)
    leading = _columns(ranked[:, :8])[0] >> np.uint64(64 - bits) if bits else np.zeros(len(ranked), dtype=np.uint64)
    return np.searchsorted(leading, np.arange((1 << bits) + 1, dtype=np.uint64)).astype(np.uint32)


@cache
def _scan() -> Callable[[Digests, NDArray[np.uint32], NDArray[np.uint32], Digests], NDArray[np.int64]]:
    """Return the compiled search; the compiler is loaded at first use."""
    from release.match.scan import find_digests

    return find_digests
