"""Rows, their digests and their roots: docs/SPEC.md sections 3 and 4.

A row's digest depends on its values and the schema only, never on the file format, the writer or how rows were batched.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs import merkle
from release.errors import BuildError
from release.values import Known, cast, encode, normalise, schema_fields, type_text, u64

__all__ = [
    "GONE",
    "KeyedTree",
    "cast",
    "column_digests",
    "commitment",
    "dataset_root",
    "group_roots",
    "normalise",
    "row_digests",
    "schema_fields",
    "tree_root",
    "type_text",
]

GONE = bytes(32)  # the keyed leaf of a row that is no longer there
Digests = npt.NDArray[np.uint8]


def column_digests(name: str, array: pa.Array, known: Known | None = None) -> list[bytes]:
    """Return the column digest of each value: SHA-256("C" || u64(length of name) || name || E(value)).

    Args:
        name: the column's name.
        array: n values of a normalised type.
        known: SHA-256 of binary values, as in `row_digests`.
    """
    head = b"C" + u64(len(name.encode())) + name.encode()
    return [hashlib.sha256(head + value).digest() for value in encode(array, name, known or {})]


def row_digests(batch: pa.RecordBatch, sha256: Known | None = None) -> Digests:
    """Return the row digests of a batch with a normalised schema as (n, 32) uint8: SHA-256("R" || column digests in order).

    Args:
        batch: n rows.
        sha256: SHA-256 of binary values that is already known, so that images are hashed once: n entries for a column ("image") or
            a struct's field ("image.bytes"), None where it is not known.

    Raises:
        BuildError: a key of `sha256` names no binary value of this schema, or more than one, or has not n entries.
    """
    known = sha256 or {}
    _check_known(batch, known)
    columns = [column_digests(name, column, known) for name, column in zip(batch.schema.names, batch.columns, strict=True)]
    rows = b"".join(hashlib.sha256(b"R" + b"".join(cells)).digest() for cells in zip(*columns, strict=True))
    return np.frombuffer(rows, np.uint8).reshape(-1, 32)


def _check_known(batch: pa.RecordBatch, known: Known) -> None:
    """A digest under a name that is not exactly one value's would make a wrong row digest and no error."""
    if not known:
        return
    names = [path for field in batch.schema for path in _binary_paths(field.name, field.type)]
    for path, digests in known.items():
        if names.count(path) != 1 or len(digests) != batch.num_rows:
            raise BuildError("known digests do not fit the rows", where=path, expected=f"one binary value with {batch.num_rows} rows")


def _binary_paths(path: str, kind: pa.DataType) -> Iterable[str]:
    if pa.types.is_binary(kind):
        yield path
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from _binary_paths(f"{path}.{kind.field(index).name}", kind.field(index).type)


def _rows_of(digests: Digests) -> list[bytes]:
    data = digests.tobytes()
    return [data[start : start + 32] for start in range(0, len(data), 32)]


def tree_root(digests: Digests) -> bytes:
    """Return the RFC 6962 root over (n, 32) row digests in order; that of none is SHA-256 of nothing."""
    return merkle.root([merkle.leaf_hash(row) for row in _rows_of(digests)])


def group_roots(digests: Digests, group_rows: int) -> list[bytes]:
    """Return the root of each row group: `group_rows` rows (a power of two), the last of 1 to `group_rows`."""
    return [tree_root(digests[start : start + group_rows]) for start in range(0, len(digests), group_rows)]


def dataset_root(shards: Iterable[tuple[bytes, int]]) -> bytes:
    """Return the root over (shard root, rows) in order: the release root, the source root, or K(i) from keyed shard roots."""
    return merkle.root([merkle.leaf_hash(root + u64(rows)) for root, rows in shards])


def commitment(match_key: bytes, boundary: int, keyed_root: bytes) -> bytes:
    """Return C(i) = HMAC(match key, u64(i) || K(i)) of SPEC.md section 4."""
    return hmac.digest(match_key, u64(boundary) + keyed_root, "sha256")


class KeyedTree:
    """The keyed tree of one source shard: every source position stays, a row that is gone becomes 32 zero bytes.

    All levels are kept (2n hashes), so that taking m rows away costs at most m log2 n hashes and not a new tree.
    """

    def __init__(self, row_key: bytes, digests: Digests) -> None:
        leaves = [merkle.leaf_hash(hmac.digest(row_key, row, "sha256")) for row in _rows_of(digests)]
        self._levels = [leaves]
        while len(below := self._levels[-1]) > 1:
            self._levels.append([_parent(below, index) for index in range((len(below) + 1) // 2)])

    def remove(self, positions: Sequence[int]) -> None:
        """Mark rows as gone; a row may be named again.

        Raises:
            BuildError: there is no such position.
        """
        touched = set(positions)
        leaves = self._levels[0]
        if touched and not 0 <= min(touched) <= max(touched) < len(leaves):
            raise BuildError("a row to remove is not in its shard", expected=f"positions below {len(leaves)}")
        gone = merkle.leaf_hash(GONE)
        for position in touched:
            leaves[position] = gone
        for below, above in zip(self._levels, self._levels[1:], strict=False):
            touched = {index >> 1 for index in touched}
            for index in touched:
                above[index] = _parent(below, index)

    def root(self) -> bytes:
        """Return the keyed shard root as it is now."""
        return self._levels[-1][0] if self._levels[0] else merkle.EMPTY


def _parent(below: Sequence[bytes], index: int) -> bytes:
    """Return the node over children 2i and 2i+1; an odd last child moves up unchanged (RFC 6962 section 2.1)."""
    left = below[2 * index]
    return merkle.node_hash(left, below[2 * index + 1]) if 2 * index + 1 < len(below) else left
