"""Merkle roots and proofs by RFC 6962 section 2.1, word by word and recursively: what the product's are held against."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def _split(count: int) -> int:
    """Return the largest power of 2 smaller than a count."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def root(hashes: Sequence[bytes]) -> bytes:
    """MTH of section 2.1, over leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    at = _split(len(hashes))
    return hashlib.sha256(b"\x01" + root(hashes[:at]) + root(hashes[at:])).digest()


def inclusion(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(hashes) == 1:
        return []
    at = _split(len(hashes))
    if index < at:
        return [*inclusion(hashes[:at], index), root(hashes[at:])]
    return [*inclusion(hashes[at:], index - at), root(hashes[:at])]


def consistency(hashes: Sequence[bytes], old: int) -> list[bytes]:
    """PROOF of section 2.1.2."""
    return _subproof(hashes, old, whole=True)


def _subproof(hashes: Sequence[bytes], old: int, *, whole: bool) -> list[bytes]:
    if old == len(hashes):
        return [] if whole else [root(hashes)]
    at = _split(len(hashes))
    if old <= at:
        return [*_subproof(hashes[:at], old, whole=whole), root(hashes[at:])]
    return [*_subproof(hashes[at:], old - at, whole=False), root(hashes[:at])]
