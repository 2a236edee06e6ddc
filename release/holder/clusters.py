"""Dense clusters of near-identical pictures: what a request looks like by which somebody walks the edge of a match.

Whoever changes one picture a little, again and again, and asks about all of the copies, learns where matching ends. Counted is, for each distinct
PDQ hash of a request, how many other records have one within `RADIUS` bits: in any of their views, under each convention and in each of the eight forms,
since a match in any of these is a match of the record. Views of one record do not count among themselves: an answer says one word about all of them.
Copies with one hash count once: a picture that a source has often teaches nothing. Of records that share a hash, the one with the fewest views counts, so that
no record can stand for all others.

Exact: two hashes that close agree in at least one of `RADIUS` + 1 parts, so each part is sorted and equal parts are compared; where that is more
work than to compare all with all, this is done. It ends as soon as one dense cluster is found: its size is a lower bound then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from release.errors import ExchangeError

RADIUS = 16  # bits of 256
PARTS = RADIUS + 1
FORMS, BYTES = 8, 32
_AT_ONCE = 1 << 19  # pairs that are compared at once
_WAITING = 4096  # pairs, at least, before they are counted
Codes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Tick = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Clusters:
    """How many distinct hashes there are, how many were found to lie in a dense cluster, and the largest number of records around one."""

    hashes: int
    dense: int
    largest: int


@dataclass(slots=True)
class _Around:
    """Which records lie around each hash, each counted once.

    Attributes:
        owners: (n,) int64, the record of each hash.
        most: how many may lie around one.
    """

    owners: Places
    most: int
    counts: Places = field(init=False)
    _keys: Places = field(init=False)
    _waiting: list[Places] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with nothing."""
        self.counts, self._keys = np.zeros(len(self.owners), np.int64), np.zeros(0, np.int64)

    def add(self, one: Places, other: Places) -> bool:
        """Take close pairs, and tell whether a dense cluster is known by now."""
        apart = self.owners[one] != self.owners[other]
        one, other = one[apart], other[apart]
        self._waiting += [self._key(one, other), self._key(other, one)]
        if sum(map(len, self._waiting)) > max(_WAITING, len(self._keys)):
            self.settle()
        return self.dense

    def _key(self, one: Places, other: Places) -> Places:
        return one * (int(self.owners.max(initial=0)) + 1) + self.owners[other]

    def settle(self) -> None:
        """Count what was taken."""
        self._keys = np.unique(np.concatenate([self._keys, *self._waiting]))
        self._waiting = []
        self.counts = np.bincount(self._keys // (int(self.owners.max(initial=0)) + 1), minlength=len(self.owners))

    @property
    def dense(self) -> bool:
        """Whether more than allowed lie around one."""
        return bool((self.counts > self.most).any())


def find(codes: Codes, owners: Places, most: int, tick: Tick = lambda _: None) -> Clusters:
    """Return what there is of clusters in hashes (n, 32) of records (n,): of those with more than `most` other records within `RADIUS` bits."""
    views = np.bincount(owners, minlength=1)[owners]
    fewest = np.argsort(views, kind="stable")
    distinct, first = np.unique(codes[fewest], axis=0, return_index=True)
    around = _Around(owners[fewest][first], most)
    words = np.ascontiguousarray(distinct).view("<u8").reshape(-1, BYTES // 8)
    for one, other in _candidates(distinct):
        close = _close(words[one], words[other])
        tick(0)
        if around.add(one[close], other[close]):
            break
    around.settle()
    return Clusters(len(distinct), int((around.counts > most).sum()), int(around.counts.max(initial=0)))


def _candidates(distinct: Codes) -> Iterator[tuple[Places, Places]]:
    """Yield pairs of places among which are all that are close, the same one more than once perhaps."""
    bounds = np.linspace(0, 256, PARTS + 1).astype(int)
    bits = np.unpackbits(distinct, axis=1)
    parts = [_numbers(bits[:, start:end]) for start, end in pairwise(bounds)]
    equal = sum(float(count) * (count - 1) / 2 for part in parts for count in np.unique(part, return_counts=True)[1].tolist() if count > 1)
    if equal > len(distinct) * (len(distinct) - 1) / 2:
        yield from _all_pairs(len(distinct))
    else:
        for part in parts:
            yield from _pairs(part)


def _all_pairs(count: int) -> Iterator[tuple[Places, Places]]:
    rows = max(1, _AT_ONCE // max(count, 1))
    for start in range(0, count, rows):
        one, other = np.indices((min(rows, count - start), count - start), np.int64)
        later = other > one
        yield one[later] + start, other[later] + start


def _numbers(bits: npt.NDArray[np.uint8]) -> Places:
    return np.asarray(bits @ (1 << np.arange(bits.shape[1], dtype=np.int64)), np.int64)


def _pairs(values: Places) -> Iterator[tuple[Places, Places]]:
    """Yield the pairs of places with equal values: in sorted order each place with the next one, then with the next but one, and so on."""
    order = np.argsort(values, kind="stable")
    ranked, first, step = values[order], np.arange(len(order), dtype=np.int64), 0
    while len(first):
        step += 1
        first = first[first + step < len(order)]
        first = first[ranked[first + step] == ranked[first]]
        yield order[first], order[first + step]


def _close(one: Words, other: Words) -> Flags:
    return np.asarray(np.bitwise_count(one ^ other).sum(axis=1, dtype=np.int64) <= RADIUS)


def check(conventions: Iterable[Sequence[bytes]], most: int, tick: Tick = lambda _: None) -> Clusters:
    """Refuse records among which more than `most` have near-identical hashes around one.

    Args:
        conventions: for each convention, one after another, for each record the hashes of its views, the eight forms of each.
        most: how many other records may lie around a hash.
        tick: called again and again while it works.

    Returns:
        What was found; `hashes` are those of one form under one convention.

    Raises:
        ExchangeError: there are (`dense-cluster`); counts alone are told.
    """
    whole = Clusters(0, 0, 0)
    for cells in conventions:
        views = np.frombuffer(b"".join(cells), np.uint8).reshape(-1, FORMS, BYTES)
        owners = np.repeat(np.arange(len(cells), dtype=np.int64), [len(cell) // (FORMS * BYTES) for cell in cells])
        for form in range(FORMS):
            found = find(views[:, form], owners, most, tick)
            if found.dense:
                raise _dense(found, most)
            whole = Clusters(max(whole.hashes, found.hashes), 0, max(whole.largest, found.largest))
    return whole


def _dense(found: Clusters, most: int) -> ExchangeError:
    return ExchangeError(
        "the request holds dense clusters of near-identical pictures, so it was not compared",
        expected=f"at most {most} other pictures within {RADIUS} bits of one",
        found=f"{found.largest} or more around one of {found.hashes} distinct pictures",
        next_step="ask the institution what it asks about; if you know, raise `cluster` for it, and let it make a new request",
        code="dense-cluster",
    )
