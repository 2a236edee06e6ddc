"""One proof that many rows are in a release (docs/SPEC.md section 19).

The rows of a row group are the leaves of an RFC 6962 tree whose root stands in the manifest. A proof holds, left to right, the
roots of the largest subtrees in which no row is wanted; a group of which every row is wanted needs none.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence

from audit_logs import merkle
from audit_logs.errors import VerificationError


def make(hashes: Sequence[bytes], wanted: Sequence[int]) -> list[bytes]:
    """Return the hashes that prove some leaves of a row group.

    Args:
        hashes: the leaf hashes of all its rows.
        wanted: positions, ascending and distinct, at least one.
    """
    return list(_missing(hashes, wanted, 0, len(hashes)))


def _missing(hashes: Sequence[bytes], wanted: Sequence[int], first: int, end: int) -> Iterator[bytes]:
    if not wanted:
        yield merkle.root(hashes[first:end])
    elif len(wanted) < end - first:
        middle = first + _split(end - first)
        at = bisect_left(wanted, middle)
        yield from _missing(hashes, wanted[:at], first, middle)
        yield from _missing(hashes, wanted[at:], middle, end)


def root(size: int, leaves: Mapping[int, bytes], proof: Iterator[bytes]) -> bytes:
    """Return the root that leaf hashes and a proof lead to.

    Args:
        size: rows of the row group.
        leaves: the leaf hash at each wanted position, all below `size`.
        proof: gives the next hashes; those that are needed are taken from it.

    Raises:
        VerificationError: the proof has too few hashes (`receipt-proof`).
    """
    return _root(leaves, sorted(leaves), (0, size), proof)


def _root(leaves: Mapping[int, bytes], wanted: Sequence[int], span: tuple[int, int], proof: Iterator[bytes]) -> bytes:
    first, end = span
    if not wanted:
        return _next(proof)
    if len(wanted) == end - first:
        return merkle.root([leaves[position] for position in wanted])
    middle = first + _split(end - first)
    at = bisect_left(wanted, middle)
    left = _root(leaves, wanted[:at], (first, middle), proof)
    return merkle.node_hash(left, _root(leaves, wanted[at:], (middle, end), proof))


def _next(proof: Iterator[bytes]) -> bytes:
    found = next(proof, None)
    if found is None:
        raise VerificationError("the receipt's proof has too few hashes", where="proof", code="receipt-proof")
    return found


def _split(count: int) -> int:
    """Return the largest power of 2 below a count of 2 or more."""
    return 1 << (count - 1).bit_length() - 1
