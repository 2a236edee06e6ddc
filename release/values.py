"""Schemas and values in one form, whoever wrote them: the types and the encoding E(v) of docs/SPEC.md section 3.1."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.manifest import Field
from release.errors import SourceError

NULL, FALSE, TRUE = b"\x00", b"\x01\x00", b"\x01\x01"
TEXT = b"\x05"
DEEPEST = 16  # the manifest's parser follows types no deeper
_NAN = 0x7FF8000000000000
_ZONE = re.compile(r"[A-Za-z0-9_+:/-]+")
_PLAIN_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64", "date32[day]": "date32", "date64[ms]": "date64"}
Known = Mapping[str, Sequence[bytes | None]]


def normalise(schema: pa.Schema) -> pa.Schema:
    """Return the schema with plain types: no large, view, fixed-size, dictionary or extension variants, all nullable, no metadata.

    Raises:
        SourceError: a column has no name or one that another has, or a type that SPEC.md section 3.1 does not have.
    """
    names = schema.names
    if not names or not all(names) or len(set(names)) != len(names):
        raise SourceError("columns need names of their own", expected="distinct names, none empty", found=", ".join(map(repr, names[:20])))
    return pa.schema([pa.field(field.name, _plain(field.type, field.name, 1)) for field in schema])


def _plain(kind: pa.DataType, where: str, depth: int) -> pa.DataType:
    """Return the plain type whose values `kind` holds."""
    types = pa.types
    if depth > DEEPEST:
        raise SourceError("a column is nested too deep", where=f"column {where}", expected=f"at most {DEEPEST} types deep")
    if isinstance(kind, pa.BaseExtensionType):
        return _plain(kind.storage_type, where, depth)
    if types.is_dictionary(kind):
        return _plain(kind.value_type, where, depth)
    if is_list(kind):
        return pa.list_(_plain(kind.value_type, where, depth + 1))
    if types.is_struct(kind) and kind.num_fields:
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return pa.struct([pa.field(field.name, _plain(field.type, f"{where}.{field.name}", depth + 1)) for field in fields])
    return _scalar(kind, where)


def _scalar(kind: pa.DataType, where: str) -> pa.DataType:
    types = pa.types
    if _is_any(kind, types.is_string, types.is_large_string, types.is_string_view):
        return pa.string()
    if _is_any(kind, types.is_binary, types.is_large_binary, types.is_binary_view, types.is_fixed_size_binary):
        return pa.binary()
    same = _is_any(kind, types.is_boolean, types.is_integer, types.is_floating, types.is_date, types.is_time, types.is_duration)
    if same or (types.is_timestamp(kind) and _ZONE.fullmatch(kind.tz or "UTC")):
        return kind
    raise SourceError(
        "a column has a type that a release cannot carry",
        where=f"column {where}",
        expected="booleans, numbers, text, binary, dates and times, or lists and structs of these",
        found=str(kind),
        next_step="convert or drop the column in the source",
    )


def _is_any(kind: pa.DataType, *tests: Callable[[pa.DataType], bool]) -> bool:
    return any(test(kind) for test in tests)


def is_list(kind: pa.DataType) -> bool:
    """Tell whether a type is any variant of list."""
    types = pa.types
    return _is_any(kind, types.is_list, types.is_large_list, types.is_fixed_size_list, types.is_list_view, types.is_large_list_view)


def cast(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return the batch's values under a normalised schema with the same column names.

    Raises:
        SourceError: a column's values do not fit, above all text that is not UTF-8.
    """
    columns = []
    for field in schema:
        try:
            column = batch.column(field.name)
            column = column if column.type == field.type else column.cast(field.type)
            column.validate(full=True)
        except (pa.ArrowException, KeyError) as error:
            raise SourceError(
                "a column cannot be read", where=f"column {field.name}", expected=str(field.type), found=str(error)
            ) from error
        columns.append(column)
    return pa.record_batch(columns, schema=schema)


def type_text(kind: pa.DataType) -> str:
    """Return a type as the text of SPEC.md section 3.1; storage variants are written as the type whose values they hold.

    Raises:
        SourceError: the type is not one of that section.
    """
    return _text(_plain(kind, "", 1))


def _text(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"list<{_text(kind.value_type)}>"
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return "struct<" + ",".join(f"{_escaped(field.name)}:{_text(field.type)}" for field in fields) + ">"
    if pa.types.is_timestamp(kind):
        return f"timestamp[{kind.unit},{kind.tz}]" if kind.tz else f"timestamp[{kind.unit}]"
    return _PLAIN_NAMES.get(str(kind), str(kind))


def _escaped(name: str) -> str:
    return re.sub(r"([,:<>\\])", r"\\\1", name)


def schema_fields(schema: pa.Schema) -> tuple[Field, ...]:
    """Return the manifest's description of a schema.

    Raises:
        SourceError: a type is not one of SPEC.md section 3.1.
    """
    return tuple(Field(name=field.name, type=type_text(field.type)) for field in schema)


def u64(number: int) -> bytes:
    """Return a number as 8 bytes, big-endian."""
    return number.to_bytes(8, "big")


def encode(array: pa.Array, path: str, known: Known) -> list[bytes]:
    """Return E(v) for each value of a plain array.

    Args:
        array: n values of a normalised type.
        path: the array's name: column and struct fields, joined by dots; "" inside a list, where nothing is known.
        known: SHA-256 of binary values by path, n each; None where a value has to be hashed here.
    """
    if not len(array):
        return []
    values = _encode_present(array, path, known)
    if not array.null_count:
        return values
    return [value if there else NULL for value, there in zip(values, array.is_valid().to_pylist(), strict=True)]


def _encode_present(array: pa.Array, path: str, known: Known) -> list[bytes]:
    """Return E(v) as if no value were null."""
    if pa.types.is_struct(array.type):
        return _structs(array, path, known)
    if pa.types.is_list(array.type):
        return _lists(array)
    if pa.types.is_binary(array.type):
        return _binaries(array, known.get(path))
    return _scalars(array)


def _scalars(array: pa.Array) -> list[bytes]:
    kind, types = array.type, pa.types
    if types.is_string(kind):
        return [TEXT + u64(len(value)) + value for value in _slices(array)]
    if types.is_boolean(kind):
        return [TRUE if value else FALSE for value in array.to_pylist()]
    tag, numbers = eight_bytes(array)
    wide = numbers.astype(">u8").tobytes()
    return [tag + wide[start : start + 8] for start in range(0, len(wide), 8)]


def eight_bytes(array: pa.Array) -> tuple[bytes, npt.NDArray[np.uint64]]:
    """Return what E(v) of a number, date or time consists of: its first byte, and (n,) the eight others as numbers."""
    kind, types = array.type, pa.types
    if types.is_floating(kind):
        return b"\x04", _float_bits(array)
    if types.is_unsigned_integer(kind):
        return b"\x03", _numbers(array, "u").astype(np.uint64)
    return b"\x02" if types.is_integer(kind) else b"\x07", _numbers(array, "i").astype(np.int64).view(np.uint64)


def _structs(array: pa.Array, path: str, known: Known) -> list[bytes]:
    count = array.type.num_fields
    parts = []
    for index in range(count):
        name = array.type.field(index).name
        head = u64(len(name.encode())) + name.encode()
        parts.append([head + value for value in encode(array.field(index), f"{path}.{name}" if path else "", known)])
    start = b"\x09" + u64(count)
    return [start + b"".join(values) for values in zip(*parts, strict=True)]


def _lists(array: pa.Array) -> list[bytes]:
    offsets = array.offsets.to_pylist()
    first = offsets[0]
    items = encode(array.values.slice(first, offsets[-1] - first), "", {})
    bounds = pairwise(offsets)
    return [b"\x08" + u64(end - start) + b"".join(items[start - first : end - first]) for start, end in bounds]


def _binaries(array: pa.Array, known: Sequence[bytes | None] | None) -> list[bytes]:
    digests = known if known is not None else [None] * len(array)
    return [
        b"\x06" + u64(len(value)) + (hashlib.sha256(value).digest() if digest is None else digest)
        for value, digest in zip(_slices(array), digests, strict=True)
    ]


def _slices(array: pa.Array) -> list[Any]:
    """Return each value's bytes without copying large ones: memoryviews for binary, bytes for text."""
    data, offsets = in_one_piece(array)
    view = memoryview(data.data)
    bounds = pairwise(offsets.tolist())
    if pa.types.is_binary(array.type):
        return [view[start:end] for start, end in bounds]
    return [bytes(view[start:end]) for start, end in bounds]


def in_one_piece(array: pa.Array) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Return the bytes of n texts or binary values, and n + 1 bounds: value i goes from bound i to bound i + 1."""
    offsets, data = array.buffers()[1:]
    bounds = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4)
    return np.frombuffer(data or b"", np.uint8), bounds


def _numbers(array: pa.Array, sign: str, width: int | None = None) -> npt.NDArray[Any]:
    size = width or array.type.bit_width // 8
    return np.frombuffer(array.buffers()[1], np.dtype(f"{sign}{size}"), len(array), array.offset * size)


def _float_bits(array: pa.Array) -> npt.NDArray[Any]:
    with np.errstate(invalid="ignore"):  # widening a signalling NaN; it becomes the one NaN below
        values = _numbers(array, "f").astype(np.float64)
    bits = values.view(np.uint64)
    bits[np.isnan(values)] = _NAN
    return bits
