"""Merkle roots and proofs: what is proven holds, and nothing else does."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_logs import merkle
from audit_logs.errors import FormatError, VerificationError

LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(130)]
SIZES = st.integers(1, len(LEAVES))


def by_definition(hashes: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, word by word."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    split = 1
    while split * 2 < len(hashes):
        split *= 2
    return hashlib.sha256(b"\x01" + by_definition(hashes[:split]) + by_definition(hashes[split:])).digest()


@pytest.mark.parametrize("size", [*range(20), 31, 32, 33, 127, 128, 129])
def test_root_is_that_of_the_definition(size: int) -> None:
    """The level-by-level root is the recursive one of RFC 6962."""
    assert merkle.root(LEAVES[:size]) == by_definition(LEAVES[:size])


@given(SIZES, st.integers(0, 5))
def test_roots_of_equal_subtrees_stand_for_their_leaves(size: int, height: int) -> None:
    """A tree over roots of 2^k leaves each, the last with fewer, is the tree over the leaves."""
    width = 1 << height
    parts = [merkle.root(LEAVES[at : min(at + width, size)]) for at in range(0, size, width)]
    assert merkle.root(parts) == merkle.root(LEAVES[:size])


@given(SIZES, st.data())
def test_inclusion_is_proven_for_this_leaf_at_this_place_only(size: int, data: st.DataObject) -> None:
    """The proof of one index proves no other index, size, leaf or root."""
    index = data.draw(st.integers(0, size - 1))
    proof, root = merkle.inclusion_proof(LEAVES[:size], index), merkle.root(LEAVES[:size])
    merkle.verify_inclusion(LEAVES[index], index, size, proof, root)
    bad = bytes(32)
    attempts = [
        (bad, index, size, proof, root),
        (LEAVES[index], index, size, proof, bad),
        (LEAVES[index], index, size, [*proof, bad], root),
        (LEAVES[index], size, size, proof, root),
        (LEAVES[index], -1, size, proof, root),
        (LEAVES[index][:31], index, size, proof, root),
    ]
    attempts += [(LEAVES[index], index, size, proof[:-1], root)] if proof else []
    attempts += [(LEAVES[index], other, size, proof, root) for other in range(size) if other != index][:5]
    for attempt in attempts:
        with pytest.raises(VerificationError) as caught:
            merkle.verify_inclusion(*attempt)
        assert caught.value.code == "merkle-inclusion"


@given(SIZES, st.data())
def test_consistency_is_proven_for_these_two_trees_only(size: int, data: st.DataObject) -> None:
    """The proof between two trees proves no other sizes and no other roots."""
    old = data.draw(st.integers(1, size))
    proof = merkle.consistency_proof(LEAVES[:size], old)
    old_root, new_root = merkle.root(LEAVES[:old]), merkle.root(LEAVES[:size])
    merkle.verify_consistency(old, size, old_root, new_root, proof)
    bad = bytes(32)
    attempts = [
        (old, size, bad, new_root, proof),
        (old, size, old_root, bad, proof),
        (old, size, old_root, new_root, [*proof, bad]),
        (size + 1, size, old_root, new_root, proof),
        (old, size, old_root, new_root + b"x", proof),
    ]
    attempts += [(old, size, old_root, new_root, proof[:-1])] if proof else []
    for attempt in attempts:
        with pytest.raises(VerificationError) as caught:
            merkle.verify_consistency(*attempt)
        assert caught.value.code == "merkle-consistency"


def test_every_tree_follows_the_empty_one() -> None:
    """From size 0 no proof is needed, and a wrong empty root is refused."""
    root = merkle.root(LEAVES[:3])
    merkle.verify_consistency(0, 3, merkle.EMPTY, root, [])
    merkle.verify_consistency(0, 0, merkle.EMPTY, merkle.EMPTY, [])
    for arguments in ((0, 3, root, root, []), (0, 3, merkle.EMPTY, root, [root]), (0, 0, merkle.EMPTY, root, [])):
        with pytest.raises(VerificationError):
            merkle.verify_consistency(*arguments)


def test_builders_refuse_what_is_not_there() -> None:
    """No proof for a leaf or an older tree that does not exist, no tree over hashes of another length."""
    for attempt in (
        lambda: merkle.inclusion_proof(LEAVES[:3], 3),
        lambda: merkle.inclusion_proof([], 0),
        lambda: merkle.consistency_proof(LEAVES[:3], 0),
        lambda: merkle.consistency_proof(LEAVES[:3], 4),
        lambda: merkle.root([bytes(31)]),
    ):
        with pytest.raises(FormatError):
            attempt()
