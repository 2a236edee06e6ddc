"""Merkle trees of RFC 6962 section 2.1 over SHA-256. Proofs, which verifying a release does not need, are made and checked in `proof`.

`hashes` are leaf hashes of 32 bytes in order; they may as well be the roots of subtrees of one equal size 2^k, of which the last
may be smaller.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from audit_logs.errors import FormatError

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
    if any(len(value) != HASH_SIZE for value in hashes):
        raise FormatError("a hash has the wrong length", expected=f"{HASH_SIZE} bytes")
    level = list(hashes) or [EMPTY]
    while len(level) > 1:
        above = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=False)]
        level = above + level[len(above) * 2 :]  # an odd last node moves up unchanged
    return level[0]
