"""Exact matching of digests: one sorted array, a filter and buckets on the leading bits, full comparison.

Reserved entries (the self-test's) lie in the same array as the list's own, so that an index that lost or damaged its array
loses them too; which positions are theirs is known, and a row that hits one of them is a self-test row and nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.errors import ListError
from release.match import saved
from release.match.order import first_of_kind, order_of

KIND = "digests"
WIDTHS = (16, 20, 32)
"""Bytes of MD5, SHA-1 and SHA-256."""

_MOST_BITS = 24  # 64 MiB of buckets
_WORD_BITS = 6  # the filter is kept in words of 64 bits
_SPARSE_BITS, _MOST_SPARSE_BITS = 4, 27  # a filter with one bit in sixteen set, of at most 16 MiB

Digests = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class DigestIndex:
    """A searchable set of digests.

    Attributes:
        digests: (n, w) uint8, sorted, distinct, the list's entries and the reserved ones.
        buckets: (2**bits + 1,) uint32: where the digests with each value of the leading bits begin.
        filter: (2**k / 64,) uint64: a bit for each value of the k leading bits, set if a digest has it.
        reserved_positions: ascending int64, the positions of reserved entries that are not entries of the list as well.
    """

    digests: Digests
    buckets: NDArray[np.uint32]
    filter: NDArray[np.uint64]
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
        order = order_of(everything)
        rows = everything[order]
        kept = first_of_kind(
            rows, np.arange(len(rows))
        )  # equal digests keep their order: an entry of the list comes before its reserved twin
        digests = np.ascontiguousarray(rows[kept])
        return cls(digests, _buckets(digests), _filter(digests), np.flatnonzero(order[kept] >= len(entries)))

    @classmethod
    def load(cls, path: Path, sha256: str | None = None) -> DigestIndex:
        """Return a saved index, mapped into memory; `sha256` (hex) is that of the file, where it is known.

        Raises:
            ListError: it is missing or damaged.
        """
        arrays = saved.load(path, KIND, sha256)
        return cls(arrays["digests"], arrays["buckets"], arrays["filter"], arrays["reserved"])

    def save(self, path: Path) -> None:
        """Write the index, readable by the owner alone.

        Raises:
            StoreError: it could not be written.
        """
        arrays: dict[str, NDArray[Any]] = {
            "digests": self.digests,
            "buckets": self.buckets,
            "filter": self.filter,
            "reserved": self.reserved_positions,
        }
        saved.save(path, KIND, arrays)

    def __len__(self) -> int:
        """Return the number of distinct entries of the list, without reserved ones."""
        return len(self.digests) - len(self.reserved_positions)

    def unreserved(self) -> DigestIndex:
        """Return this index, its arrays shared, with reserved entries as entries of the list: for self-tests that go all the way."""
        return replace(self, reserved_positions=self.reserved_positions[:0])

    def find(self, queries: Digests) -> NDArray[np.int64]:
        """Return for each of `queries` (q, w) its position, which may be a reserved one, or -1.

        Raises:
            ListError: the queries have another width than the digests.
        """
        if queries.shape[1:] != self.digests.shape[1:]:
            raise ListError("queries have a wrong width", expected=f"{self.digests.shape[1]} bytes", found=f"{queries.shape[1:]}")
        from release.match.lookup import Known, find_digests  # the compiler is loaded at first use

        digests = saved.frozen(self.digests)
        known = Known(digests, digests.view(np.uint32), saved.frozen(self.buckets), saved.frozen(self.filter))
        return find_digests(known, saved.frozen(np.ascontiguousarray(queries)))

    def contains(self, queries: Digests) -> NDArray[np.bool_]:
        """Return for each of `queries` (q, w) whether it is an entry of the list; reserved entries do not count."""
        positions = self.find(queries)
        found = positions >= 0
        hits = np.flatnonzero(found)
        found[hits] = ~np.isin(positions[hits], self.reserved_positions)
        return found


def _leading(digests: Digests, bits: int) -> NDArray[np.int64]:
    """Return the first `bits` bits, at most 32, of each digest."""
    first = np.ascontiguousarray(digests[:, :4]).view(">u4")[:, 0]
    return first.astype(np.int64) >> (32 - bits)


def _buckets(ranked: Digests) -> NDArray[np.uint32]:
    """Return where each value of the leading bits begins; about one digest a bucket."""
    bits = min(len(ranked).bit_length(), _MOST_BITS)
    counts = np.bincount(_leading(ranked, bits), minlength=1 << bits)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.uint32)


def _filter(ranked: Digests) -> NDArray[np.uint64]:
    """Return a bit for each value of the leading bits, the first value in the lowest bit."""
    bits = min(max(len(ranked).bit_length() + _SPARSE_BITS, _WORD_BITS), _MOST_SPARSE_BITS)
    there = np.zeros(1 << bits, np.bool_)
    there[_leading(ranked, bits)] = True
    return np.packbits(there, bitorder="little").view("<u8")
