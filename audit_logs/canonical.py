"""One byte form for every JSON document: RFC 8785 objects whose only numbers are integers from 0 to 2^53 - 1.

A document is accepted if it is the form that `encode` gives to the value that it holds, byte for byte. So two readers cannot
see two things in one signed document: duplicate members, spaces, other escapes and other orders have no legal spelling.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import NoReturn

from audit_logs.errors import FormatError

MAX_DEPTH = 16
MAX_INTEGER = 2**53 - 1

_INTEGER = "an integer from 0 to 2^53 - 1"


def encode(value: object) -> bytes:
    """Return the RFC 8785 form of a value made of dicts, lists, tuples, text, integers, booleans and None.

    Raises:
        FormatError: the value holds something that has no canonical form here.
    """
    try:
        return json.dumps(_ordered(value, 1), ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise FormatError("text holds a lone surrogate", expected="Unicode text") from None


def decode(data: bytes, *, where: str, limit: int) -> dict[str, object]:
    """Return the object that a document holds.

    Args:
        data: the whole document.
        where: what to call it in an error.
        limit: its largest size in bytes (SPEC.md section 1).

    Raises:
        FormatError: it is too large, is not JSON, is not an object, or is not in its one legal form.
    """
    if len(data) > limit:
        raise FormatError("a document is too large", where=where, expected=f"at most {limit} bytes", found=f"{len(data)} bytes")
    try:
        value = json.loads(data.decode(), object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_fraction)
        canonical = encode(value)
    except FormatError as problem:
        raise problem.recast(FormatError, where=where) from None
    except (ValueError, RecursionError) as problem:
        found = {UnicodeDecodeError: "not UTF-8", RecursionError: "deep nesting"}.get(type(problem), "a syntax error")
        raise FormatError("a document is not JSON", where=where, expected="one JSON object in UTF-8", found=found) from None
    if canonical != data:
        differing = (at for at, (one, other) in enumerate(zip(canonical, data, strict=False)) if one != other)
        found = f"a difference at byte {next(differing, 'after its last')}"
        raise FormatError("a document is not in its one legal form", where=where, expected="the RFC 8785 form of its value", found=found)
    if not isinstance(value, dict):
        raise FormatError("a document is not an object", where=where, expected="an object")
    return value


def decode_base64(text: object, *, where: str) -> bytes:
    """Return the bytes of a base64 text (RFC 4648 section 4, with padding, the one spelling).

    Raises:
        FormatError: it is no text, or not the base64 that encoding its bytes gives.
    """
    if isinstance(text, str):
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if base64.b64encode(data).decode() == text:
            return data
    raise FormatError("a value is not base64", where=where, expected="RFC 4648 base64 with padding and nothing else")


def _ordered(value: object, depth: int) -> object:
    """Return a copy whose members stand in the order of their UTF-16 code units, or refuse the value."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return _in_range(value)
    if depth > MAX_DEPTH:
        _refuse("a document nests too deep", f"at most {MAX_DEPTH} levels")
    if isinstance(value, list | tuple):
        return [_ordered(item, depth + 1) for item in value]
    if isinstance(value, Mapping):
        return {name: _ordered(value[name], depth + 1) for name in sorted(value, key=_utf16)}
    return _refuse("a value has no JSON form", "objects, arrays, text, integers, booleans and null")


def _utf16(name: object) -> bytes:
    if not isinstance(name, str):
        _refuse("a member's name is no text", "text")
    return name.encode("utf-16-be", "surrogatepass")


def _in_range(number: int) -> int:
    if not 0 <= number <= MAX_INTEGER:
        _refuse("a number is out of range", _INTEGER)
    return int(number)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        _refuse("an object repeats a member", "distinct members")
    return value


def _integer(digits: str) -> int:
    # 16 digits hold 2^53 - 1; a longer run is refused unread, because converting it costs time without bound.
    if len(digits) > 16 or digits.startswith("-"):
        _refuse("a number is out of range", _INTEGER)
    return _in_range(int(digits))


def _fraction(_: str) -> NoReturn:
    _refuse("a number is no integer", _INTEGER)


def _refuse(what: str, expected: str) -> NoReturn:
    raise FormatError(what, expected=expected)
