"""Column digests of single values, from what an export holds of them (docs/SPEC.md sections 3 and 19)."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable
from functools import lru_cache

import pyarrow as pa

from release.values import NULL, u64

_WHOLE = re.compile("(u?)int(8|16|32|64)")
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def line_form(text: str) -> str:
    """Return a text as one line without control characters: trainers read the first line of a caption file and no more."""
    return _BREAKS.sub(" ", text).strip(" ")


def text_digest(column: str, text: str) -> bytes:
    """Return the column digest of a text."""
    return _digest(column, _text(text))


def image_digest(column: str, kind: str, picture: tuple[int, str, str | None]) -> bytes:
    """Return the column digest of a picture.

    Args:
        column: the column's name.
        kind: its type as text: binary, or a struct of bytes and, in either order, path.
        picture: length, SHA-256 in hex, path.
    """
    size, sha256, path = picture
    content = b"\x06" + u64(size) + bytes.fromhex(sha256)
    if kind == "binary":
        return _digest(column, content)
    parts = {"bytes": content, "path": NULL if path is None else _text(path)}
    names = [part.partition(":")[0] for part in kind.removeprefix("struct<").removesuffix(">").split(",")]
    return _digest(column, b"\x09" + u64(len(names)) + b"".join(u64(len(name)) + name.encode() + parts[name] for name in names))


def value_digest(column: str, kind: str, value: object) -> bytes | None:
    """Return the column digest of a value as JSON has it; None if it is no value of the type, or the type has no form in JSON.

    Args:
        column: the column's name.
        kind: its type as text.
        value: what a JSON parser made of it; whole numbers and fractions are told apart.
    """
    try:
        return _digest(column, _value(kind, value))
    except (ValueError, OverflowError):
        return None


def _value(kind: str, value: object) -> bytes:
    """Return E(value).

    Raises:
        ValueError: it is no value of this type.
    """
    whole = _WHOLE.fullmatch(kind)
    forms: dict[type, Callable[[], bytes | None]] = {
        type(None): lambda: NULL,
        bool: lambda: (b"\x01\x01" if value else b"\x01\x00") if kind == "bool" else None,
        str: lambda: _text(str(value)) if kind == "string" else None,
        int: lambda: _whole(value, int(whole[2]), signed=not whole[1]) if whole and isinstance(value, int) else None,
        float: lambda: _float(kind, value) if isinstance(value, float) else None,
        list: lambda: _list(kind, value) if isinstance(value, list) else None,
        dict: lambda: _struct(kind, value) if isinstance(value, dict) else None,
    }
    encoded = forms.get(type(value), lambda: None)()
    if encoded is None:
        raise ValueError(kind)
    return encoded


def _float(kind: str, value: float) -> bytes | None:
    fits = kind == "float64" or (kind == "float32" and struct.unpack(">f", struct.pack(">f", value))[0] == value)
    return b"\x04" + struct.pack(">d", value) if fits else None


def _list(kind: str, value: list[object]) -> bytes | None:
    if not kind.startswith("list<"):
        return None
    return b"\x08" + u64(len(value)) + b"".join(_value(kind[5:-1], item) for item in value)


def _whole(value: int, bits: int, *, signed: bool) -> bytes:
    lowest, highest = (-(1 << bits - 1), 1 << bits - 1) if signed else (0, 1 << bits)
    if not lowest <= value < highest:
        raise ValueError(value)
    return (b"\x02" if signed else b"\x03") + value.to_bytes(8, "big", signed=signed)


def _struct(kind: str, value: dict[str, object]) -> bytes | None:
    fields = _fields(kind[7:-1]) if kind.startswith("struct<") else ()
    if not fields or [name for name, _ in fields] != list(value):
        return None
    parts = (u64(len(name.encode())) + name.encode() + _value(inner, value[name]) for name, inner in fields)
    return b"\x09" + u64(len(fields)) + b"".join(parts)


@lru_cache(maxsize=256)
def _fields(text: str) -> tuple[tuple[str, str], ...]:
    """Return name and type of each field of a struct's text form."""
    fields = []
    while text:
        name, _, rest = _split(text, ":")
        kind, _, text = _split(rest, ",")
        fields.append((re.sub(r"\\(.)", r"\1", name), kind))
    return tuple(fields)


def _split(text: str, sign: str) -> tuple[str, str, str]:
    """Split a text at the first sign that is neither escaped nor within angle brackets."""
    depth = 0
    for part in re.finditer(r"\\.|[<>,:]", text):
        depth += {"<": 1, ">": -1}.get(part[0], 0)
        if part[0] == sign and depth == 0:
            return text[: part.start()], sign, text[part.end() :]
    return text, "", ""


def is_exportable(kind: pa.DataType) -> bool:
    """Tell whether JSON holds values of a type exactly: booleans, whole numbers, floats, text, and lists and structs of these."""
    types = pa.types
    if types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        return len({field.name for field in fields}) == len(fields) and all(is_exportable(field.type) for field in fields)
    if types.is_list(kind):
        return is_exportable(kind.value_type)
    tests = (types.is_boolean, types.is_integer, types.is_string, types.is_float32, types.is_float64)
    return any(test(kind) for test in tests)


def _text(text: str) -> bytes:
    data = text.encode()
    return b"\x05" + u64(len(data)) + data


def _digest(column: str, value: bytes) -> bytes:
    name = column.encode()
    return hashlib.sha256(b"C" + u64(len(name)) + name + value).digest()
