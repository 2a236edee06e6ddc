"""The compiled side of `release.hashing`: what its doors, and the row digests, hand to compiled code."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.hashing import SIZE, Bytes, messages
from release.hashing.machine import BLOCK, INITIAL, digest


def equal_values(prefix: bytes, values: Bytes) -> Bytes:
    """Return SHA-256(prefix || value) of each of `values` (n, w) as (n, 32)."""
    return _equal(frozen(INITIAL), 0, prefix, values)


def keyed_values(key: bytes, prefix: bytes, values: Bytes) -> Bytes:
    """Return HMAC-SHA-256(key, prefix || value) of each of `values` (n, w) as (n, 32). Source: RFC 2104."""
    short = (hashlib.sha256(key).digest() if len(key) > BLOCK else key).ljust(BLOCK, b"\0")
    inner = _equal(_after(bytes(byte ^ 0x36 for byte in short)), BLOCK, prefix, values)
    return _equal(_after(bytes(byte ^ 0x5C for byte in short)), BLOCK, b"", inner)


def _after(block: bytes) -> NDArray[np.uint32]:
    """Return the state after a first block."""
    out = np.empty(SIZE, np.uint8)
    digest(frozen(INITIAL), np.frombuffer(block, np.uint8), 0, 1, out, 0)
    return frozen(out.view(">u4").astype(np.uint32))


def _equal(initial: NDArray[np.uint32], before: int, prefix: bytes, values: Bytes) -> Bytes:
    out = np.empty((len(values), SIZE), np.uint8)
    messages.of_equal(initial, before, np.frombuffer(prefix, np.uint8), flat(values), values.shape[1], out.reshape(-1))
    return out


def put_numbers(prefix: bytes, numbers: NDArray[np.uint64], cells: Bytes, column: int) -> None:
    """Write SHA-256(prefix || number) of n numbers to `cells[:, column]`; cells are (n, columns, 32)."""
    step = cells.shape[1] * SIZE
    messages.of_numbers(np.frombuffer(prefix, np.uint8), frozen(numbers), cells.reshape(-1), column * SIZE, step)


def put_texts(prefix: bytes, texts: tuple[Bytes, NDArray[Any]], cells: Bytes, column: int) -> None:
    """Write SHA-256(prefix || length || text) of n texts, their bytes and n + 1 bounds, to `cells[:, column]`."""
    data, bounds = texts
    messages.of_texts(
        np.frombuffer(prefix, np.uint8), frozen(data), frozen(bounds), cells.reshape(-1), column * SIZE, cells.shape[1] * SIZE
    )


def of_slices(prefix: bytes, data: Bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> Bytes:
    """Return SHA-256(prefix || data[start:end]) of n slices as (n, 32)."""
    out = np.empty((len(starts), SIZE), np.uint8)
    messages.of_slices(np.frombuffer(prefix, np.uint8), frozen(data), frozen(starts), frozen(ends), out.reshape(-1))
    return out


def flat(values: Bytes) -> Bytes:
    """Return bytes in one piece and in one row, not to be written."""
    return frozen(np.ascontiguousarray(values).reshape(-1))


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a view that cannot be written: compiled code takes arrays that can and those that cannot for two types."""
    view = array.view()
    view.flags.writeable = False
    return view
