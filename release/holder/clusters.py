"""Dense clusters of near-identical pictures: what a request looks like by which somebody walks the edge of a match.

Whoever changes one picture a little, again and again, and asks about all of the copies, learns where matching ends. Counted is, for each distinct
PDQ hash of a request, how many other distinct ones lie within `RADIUS` bits. Exact: two hashes that close agree in at least one of
`RADIUS` + 1 parts, so each part is sorted and equal parts are compared. Copies with one hash count once: a picture that a source has often teaches nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from release.errors import ExchangeError

RADIUS = 16  # bits of 256
PARTS = RADIUS + 1
Codes = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Clusters:
    """How many distinct hashes there are, how many lie in a dense cluster, and the largest number around one."""

    hashes: int
    dense: int
    largest: int


def find(codes: Codes, most: int) -> Clusters:
    """Return what there is of clusters in hashes (n, 32): of those with more than `most` others within `RADIUS` bits."""
    distinct = np.unique(codes.reshape(-1, 32), axis=0)
    around = np.zeros(len(distinct), np.int64)
    bounds = np.linspace(0, 256, PARTS + 1).astype(int)
    bits = np.unpackbits(distinct, axis=1)
    words = np.ascontiguousarray(distinct).view("<u8")
    parts = np.stack([_numbers(bits[:, start:end]) for start, end in pairwise(bounds)], axis=1)
    for part in range(PARTS):
        for one, other in _pairs(parts[:, part]):
            close = _close(words[one], words[other])
            _count((one[close], other[close]), parts[:, :part], around)
    return Clusters(len(distinct), int((around > most).sum()), int(around.max(initial=0)))


def _numbers(bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
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


def _count(pairs: tuple[Places, Places], earlier: npt.NDArray[np.int64], around: Places) -> None:
    """Count close pairs, but for those that agree in an earlier part, where they were counted already."""
    one, other = pairs
    new = ~(earlier[one] == earlier[other]).any(axis=1)
    np.add.at(around, one[new], 1)
    np.add.at(around, other[new], 1)


def check(codes: Iterable[Codes], most: int) -> Clusters:
    """Refuse hashes among which more than `most` near-identical ones lie around one.

    Raises:
        ExchangeError: there are (`dense-cluster`); counts alone are told.
    """
    found = find(np.concatenate([np.zeros((0, 32), np.uint8), *codes]), most)
    if found.dense:
        raise ExchangeError(
            "the request holds dense clusters of near-identical pictures, so it was not compared",
            expected=f"at most {most} other pictures within {RADIUS} bits of one",
            found=f"{found.dense} of {found.hashes} distinct pictures with more, up to {found.largest}",
            next_step="ask the institution what it asks about; if you know, raise `cluster` for it, and let it make a new request",
            code="dense-cluster",
        )
    return found
