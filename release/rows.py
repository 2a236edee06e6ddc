"""Rows, their digests and their roots: docs/SPEC.md sections 3 and 4.

A row's digest depends on its values and the schema only, never on the file format, the writer or how rows were batched.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs import merkle
from release import hashing
from release.errors import BuildError
from release.values import FALSE, NULL, TEXT, TRUE, Known, cast, eight_bytes, encode, in_one_piece, normalise, schema_fields, type_text, u64

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
_AT_ONCE = 4096  # rows whose column digests lie near the processor
Digests = npt.NDArray[np.uint8]


def column_digests(name: str, array: pa.Array, known: Known | None = None) -> list[bytes]:
    """Return the column digest of each value: SHA-256("C" || u64(length of name) || name || E(value)).

    Args:
        name: the column's name.
        array: n values of a normalised type.
        known: SHA-256 of binary values, as in `row_digests`.
    """
    head = _head(name)
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
    if not known and batch.num_rows > _AT_ONCE:
        starts = range(0, batch.num_rows, _AT_ONCE)
        return np.concatenate([row_digests(batch.slice(start, _AT_ONCE)) for start in starts])
    cells = np.empty((batch.num_rows, batch.num_columns, hashing.SIZE), np.uint8)
    for place, (name, column) in enumerate(zip(batch.schema.names, batch.columns, strict=True)):
        if len(column) < hashing.MANY or not _put_many(name, column, cells, place):
            cells[:, place] = np.frombuffer(b"".join(column_digests(name, column, known)), np.uint8).reshape(-1, hashing.SIZE)
    return hashing.equal(b"R", cells.reshape(batch.num_rows, batch.num_columns * hashing.SIZE))


def _put_many(name: str, array: pa.Array, cells: Digests, place: int) -> bool:
    """Write the column digests of many values to `cells[:, place]` in compiled code, or say that their type is none that it knows."""
    types = pa.types
    if not (types.is_string(array.type) or types.is_primitive(array.type)):
        return False
    from release.hashing import many

    head = _head(name)
    if types.is_string(array.type):
        many.put_texts(head + TEXT, in_one_piece(array), cells, place)
    elif types.is_boolean(array.type):
        both = np.frombuffer(b"".join(hashlib.sha256(head + value).digest() for value in (FALSE, TRUE)), np.uint8)
        flags = array.fill_null(False).to_numpy(zero_copy_only=False)  # noqa: FBT003  (null is dealt with below)
        cells[:, place] = both.reshape(2, -1)[flags.astype(np.int64)]
    else:
        tag, numbers = eight_bytes(array)
        many.put_numbers(head + tag, numbers, cells, place)
    if array.null_count:
        cells[array.is_null().to_numpy(zero_copy_only=False), place] = np.frombuffer(hashlib.sha256(head + NULL).digest(), np.uint8)
    return True


def _head(name: str) -> bytes:
    return b"C" + u64(len(name.encode())) + name.encode()


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


def tree_root(digests: Digests) -> bytes:
    """Return the RFC 6962 root over (n, 32) row digests in order; that of none is SHA-256 of nothing."""
    level = hashing.leaves(digests)
    while len(level) > 1:
        level = hashing.parents(level)
    return level.tobytes() or merkle.EMPTY


def group_roots(digests: Digests, group_rows: int) -> list[bytes]:
    """Return the root of each row group: `group_rows` rows (a power of two), the last of 1 to `group_rows`."""
    level = hashing.leaves(digests)
    for _ in range(group_rows.bit_length() - 1):  # 2^k rows are k levels below their root, and a smaller last group moves up with them
        level = hashing.parents(level)
    return [root.tobytes() for root in level]


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
        self._levels = [hashing.leaves(hashing.keyed(row_key, b"", digests))]
        while len(self._levels[-1]) > 1:
            self._levels.append(hashing.parents(self._levels[-1]))

    def remove(self, positions: Sequence[int] | npt.NDArray[np.int64]) -> None:
        """Mark rows as gone; a row may be named again.

        Raises:
            BuildError: there is no such position.
        """
        touched = np.unique(np.asarray(positions, np.int64))
        leaves = self._levels[0]
        if not len(touched):
            return
        if not 0 <= touched[0] <= touched[-1] < len(leaves):
            raise BuildError("a row to remove is not in its shard", expected=f"positions below {len(leaves)}")
        leaves[touched] = np.frombuffer(merkle.leaf_hash(GONE), np.uint8)
        for below, above in pairwise(self._levels):
            touched = np.unique(touched >> 1)
            pairs = np.stack([below[2 * touched], below[np.minimum(2 * touched + 1, len(below) - 1)]], axis=1)
            above[touched] = hashing.equal(b"\x01", pairs.reshape(-1, 2 * hashing.SIZE))
            if touched[-1] == len(above) - 1 and len(below) % 2:
                above[-1] = below[-1]  # an odd last child moves up unchanged (RFC 6962 section 2.1)

    def root(self) -> bytes:
        """Return the keyed shard root as it is now."""
        return self._levels[-1].tobytes() or merkle.EMPTY
