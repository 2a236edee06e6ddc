"""Merkle trees of RFC 6962 section 2.1 over SHA-256: roots, proofs, and their verification.

All functions take and give hashes of 32 bytes. `hashes` are leaf hashes in order; they may as well be the roots of
subtrees of one equal size 2^k, of which the last may be smaller, and then sizes and indexes count subtrees.
Proofs are verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 define.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from audit_logs.errors import FormatError, VerificationError

HASH_SIZE = 32
EMPTY = hashlib.sha256().digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256(00 || data)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256(01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """Return the tree's root; that of no leaves is SHA-256 of nothing.

    Raises:
        FormatError: a hash is not 32 bytes.
    """
    _check_sizes(hashes)
    return _levels(hashes)[-1][0] if hashes else EMPTY


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """Return the siblings on the way from leaf `index` to the root, lowest first.

    Raises:
        FormatError: there is no such leaf, or a hash is not 32 bytes.
    """
    _check_sizes(hashes)
    if not 0 <= index < len(hashes):
        raise FormatError("there is no such leaf", expected=f"an index below {len(hashes)}", found=str(index))
    proof = []
    for level in _levels(hashes)[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        index >>= 1
    return proof


def consistency_proof(hashes: Sequence[bytes], old: int) -> list[bytes]:
    """Return the proof that the tree of the first `old` leaves is a prefix of this one (RFC 6962 section 2.1.2).

    Raises:
        FormatError: `old` is not from 1 to the number of leaves, or a hash is not 32 bytes.
    """
    _check_sizes(hashes)
    if not 0 < old <= len(hashes):
        raise FormatError("there is no such older tree", expected=f"a size from 1 to {len(hashes)}", found=str(old))
    return _subproof(hashes, old, whole=True)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that a leaf hash stands at `index` in the tree of `size` leaves with root `expected`.

    Raises:
        VerificationError: it is not proven (`merkle-inclusion`).
    """
    holds = 0 <= index < size and _all_hashes([leaf, expected, *proof])
    sides = _sides(index, size - 1) if holds else []
    node = leaf
    for sibling, left in zip(proof, sides, strict=False):
        node = node_hash(sibling, node) if left else node_hash(node, sibling)
    if not holds or len(proof) != len(sides) or node != expected:
        raise VerificationError("an inclusion proof does not hold", code="merkle-inclusion")


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `old_size` leaves is a prefix of the tree of `new_size` leaves.

    Every tree follows the empty one, by an empty proof.

    Raises:
        VerificationError: it is not proven (`merkle-consistency`).
    """
    if not 0 <= old_size <= new_size or not _all_hashes([old_root, new_root, *proof]):
        holds = False
    elif old_size in (0, new_size):
        holds = not proof and (old_root == EMPTY if old_size == 0 else old_root == new_root)
        holds = holds and (new_size > 0 or new_root == EMPTY)
    else:
        holds = _both_roots(old_size, new_size, old_root, proof) == (old_root, new_root)
    if not holds:
        raise VerificationError("a consistency proof does not hold", code="merkle-consistency")


def _levels(hashes: Sequence[bytes]) -> list[list[bytes]]:
    """Return all levels from the leaves to the root; an odd last node moves up unchanged."""
    levels = [list(hashes)]
    while len(below := levels[-1]) > 1:
        above = [node_hash(left, right) for left, right in zip(below[::2], below[1::2], strict=False)]
        levels.append(above + below[len(above) * 2 :])
    return levels


def _subproof(hashes: Sequence[bytes], old: int, *, whole: bool) -> list[bytes]:
    size = len(hashes)
    if old == size:
        return [] if whole else [root(hashes)]
    split = 1 << (size - 1).bit_length() - 1
    if old <= split:
        return [*_subproof(hashes[:split], old, whole=whole), root(hashes[split:])]
    return [*_subproof(hashes[split:], old - split, whole=False), root(hashes[:split])]


def _sides(index: int, last: int) -> list[bool]:
    """Return, for each sibling on the way from node `index` to the root, whether it stands to the left.

    `last` is the index of the level's last node; where that is even, it has no sibling and moves up as it is.
    """
    sides = []
    while last:
        if index & 1 or index < last:
            sides.append(bool(index & 1))
        index, last = index >> 1, last >> 1
    return sides


def _both_roots(old_size: int, new_size: int, old_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the old and the new root that a consistency proof leads to, or None if it has the wrong length."""
    # It starts at the largest complete subtree that ends the old tree. If that is the whole old tree, the proof leaves it out.
    nodes = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    index, last = old_size - 1, new_size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    sides = _sides(index, last)
    if len(nodes) != len(sides) + 1:
        return None
    old = new = nodes[0]
    for sibling, left in zip(nodes[1:], sides, strict=True):
        old = node_hash(sibling, old) if left else old
        new = node_hash(sibling, new) if left else node_hash(new, sibling)
    return old, new


def _all_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH_SIZE for value in values)


def _check_sizes(hashes: Iterable[bytes]) -> None:
    if not _all_hashes(hashes):
        raise FormatError("a hash has the wrong length", expected=f"{HASH_SIZE} bytes")
