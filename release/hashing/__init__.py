"""SHA-256 of many short messages at once: digests of columns and rows, Merkle levels, keyed digests.

`hashlib` hashes one message for each call, and for a message of a block or two the call costs more than the hash. From `MANY` values on
compiled loops are used, whose compiler is loaded then; below it `hashlib` is. Both give the same: tests compare them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["MANY", "SIZE", "Bytes", "equal", "keyed", "leaves", "parents"]

MANY = 1024
"""Values from which compiled code is worth being loaded."""

SIZE = 32
"""Bytes of a digest."""

Bytes = NDArray[np.uint8]


def equal(prefix: bytes, values: Bytes) -> Bytes:
    """Return SHA-256(prefix || value) of each of `values` (n, w), w at least 1, as (n, 32)."""
    if len(values) >= MANY:
        from release.hashing.many import equal_values

        return equal_values(prefix, values)
    return _one_by_one(lambda value: hashlib.sha256(prefix + value).digest(), values)


def keyed(key: bytes, prefix: bytes, values: Bytes) -> Bytes:
    """Return HMAC-SHA-256(key, prefix || value) of each of `values` (n, w), w at least 1, as (n, 32)."""
    if len(values) >= MANY:
        from release.hashing.many import keyed_values

        return keyed_values(key, prefix, values)
    return _one_by_one(lambda value: hmac.digest(key, prefix + value, "sha256"), values)


def leaves(digests: Bytes) -> Bytes:
    """Return the RFC 6962 leaf hashes of row digests, (n, 32)."""
    return equal(b"\x00", digests)


def parents(level: Bytes) -> Bytes:
    """Return the level above nodes (n, 32); an odd last one moves up unchanged (RFC 6962 section 2.1)."""
    pairs = len(level) // 2
    above = equal(b"\x01", level[: 2 * pairs].reshape(pairs, 2 * SIZE))
    return np.concatenate([above, level[2 * pairs :]]) if len(level) % 2 else above


def _one_by_one(made: Callable[[bytes], bytes], values: Bytes) -> Bytes:
    data, width = np.ascontiguousarray(values).tobytes(), values.shape[1]
    whole = bytearray().join(made(data[start : start + width]) for start in range(0, len(data), width))
    return np.frombuffer(whole, np.uint8).reshape(-1, SIZE)
