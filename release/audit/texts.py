"""Every text in a batch of rows, wherever it stands: a link is a link in whatever column somebody put it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audit_logs.manifest import Field, Roles

COLUMN = "text"
Owners = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Texts:
    """Texts as a batch of one column, `COLUMN`, and the row that each comes from, (k,)."""

    batch: pa.RecordBatch
    owners: Owners


def has_texts(schema: Collection[Field], roles: Roles) -> bool:
    """Tell whether rows of a manifest's schema can hold a text or a declared digest."""
    return any("string" in column.type or column.name in roles.declared.values() for column in schema)


def texts_of(batch: pa.RecordBatch, roles: Roles) -> Texts:
    """Return every text of a batch, nested ones too; declared digests that are stored as bytes count as their hex text."""
    parts = [pa.array([], pa.string())]
    owners = [np.zeros(0, np.int64)]
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        for leaf, rows in _leaves(column, np.arange(batch.num_rows, dtype=np.int64)):
            there = leaf.is_valid().to_numpy(zero_copy_only=False)
            if pa.types.is_string(leaf.type):
                parts.append(leaf.drop_null())
                owners.append(rows[there])
            elif pa.types.is_binary(leaf.type) and name in roles.declared.values():
                parts.append(pa.array([value.hex() for value in leaf.drop_null().to_pylist()], pa.string()))
                owners.append(rows[there])
    return Texts(one_text(pa.concat_arrays(parts)), np.concatenate(owners))


def one_text(values: pa.Array | list[str]) -> pa.RecordBatch:
    """Return texts as a batch of one column."""
    return pa.record_batch({COLUMN: values})


def _leaves(column: pa.Array, rows: Owners) -> Iterator[tuple[pa.Array, Owners]]:
    """Yield each array of plain values in a column, with the row that each value belongs to."""
    if pa.types.is_struct(column.type):
        for child in column.flatten():
            yield from _leaves(child, rows)
    elif pa.types.is_list(column.type):
        yield from _leaves(pc.list_flatten(column), rows[pc.list_parent_indices(column).to_numpy(zero_copy_only=False)])
    else:
        yield column, rows
