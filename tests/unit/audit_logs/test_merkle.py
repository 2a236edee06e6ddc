"""Merkle roots and proofs: what is proven holds, and nothing else does."""

from __future__ import annotations

import pytest
import rfc6962
from hypothesis import given
from hypothesis import strategies as st

from audit_logs import merkle, proof
from audit_logs.errors import FormatError, VerificationError

LEAVES = [merkle.leaf_hash(bytes([number])) for number in range(130)]
SIZES = st.integers(1, len(LEAVES))


@pytest.mark.parametrize("size", [*range(20), 31, 32, 33, 127, 128, 129])
def test_root_is_that_of_the_definition(size: int) -> None:
    """The level-by-level root is the recursive one of RFC 6962."""
    assert merkle.root(LEAVES[:size]) == rfc6962.root(LEAVES[:size])


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
    siblings, root = rfc6962.inclusion(LEAVES[:size], index), merkle.root(LEAVES[:size])
    proof.verify_inclusion(LEAVES[index], index, size, siblings, root)
    bad = bytes(32)
    attempts = [
        (bad, index, size, siblings, root),
        (LEAVES[index], index, size, siblings, bad),
        (LEAVES[index], index, size, [*siblings, bad], root),
        (LEAVES[index], size, size, siblings, root),
        (LEAVES[index], -1, size, siblings, root),
        (LEAVES[index][:31], index, size, siblings, root),
    ]
    attempts += [(LEAVES[index], index, size, siblings[:-1], root)] if siblings else []
    attempts += [(LEAVES[index], other, size, siblings, root) for other in range(size) if other != index][:5]
    for attempt in attempts:
        with pytest.raises(VerificationError) as caught:
            proof.verify_inclusion(*attempt)
        assert caught.value.code == "merkle-inclusion"


@given(SIZES, st.data())
def test_consistency_is_proven_for_these_two_trees_only(size: int, data: st.DataObject) -> None:
    """The proof between two trees proves no other sizes and no other roots."""
    old = data.draw(st.integers(1, size))
    siblings = rfc6962.consistency(LEAVES[:size], old)
    old_root, new_root = merkle.root(LEAVES[:old]), merkle.root(LEAVES[:size])
    proof.verify_consistency(old, size, old_root, new_root, siblings)
    bad = bytes(32)
    attempts = [
        (old, size, bad, new_root, siblings),
        (old, size, old_root, bad, siblings),
        (old, size, old_root, new_root, [*siblings, bad]),
        (size + 1, size, old_root, new_root, siblings),
        (old, size, old_root, new_root + b"x", siblings),
    ]
    attempts += [(old, size, old_root, new_root, siblings[:-1])] if siblings else []
    for attempt in attempts:
        with pytest.raises(VerificationError) as caught:
            proof.verify_consistency(*attempt)
        assert caught.value.code == "merkle-consistency"


def test_every_tree_follows_the_empty_one() -> None:
    """From size 0 no proof is needed, and a wrong empty root is refused."""
    root = merkle.root(LEAVES[:3])
    proof.verify_consistency(0, 3, merkle.EMPTY, root, [])
    proof.verify_consistency(0, 0, merkle.EMPTY, merkle.EMPTY, [])
    for arguments in ((0, 3, root, root, []), (0, 3, merkle.EMPTY, root, [root]), (0, 0, merkle.EMPTY, root, [])):
        with pytest.raises(VerificationError):
            proof.verify_consistency(*arguments)


def test_a_tree_over_hashes_of_another_length_is_refused() -> None:
    """A leaf of 31 bytes is no hash."""
    with pytest.raises(FormatError):
        merkle.root([bytes(31)])
