"""Reading and writing the members of a JSON document by the types of a frozen dataclass.

A document is described once, as a dataclass whose annotations are the kinds below. `read` turns a decoded JSON object into
such a value and refuses everything that its kinds do not allow; `write` is its inverse. Attribute `row_group_rows` is member
`rowGroupRows`. Values stay what they are in JSON (times and versions are text of a checked form); helpers turn them into
instants and numbers where they are compared. Source: docs/SPEC.md sections 1 and 2.
"""

from __future__ import annotations

import re
import types
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from audit_logs.errors import FormatError

BASE = "https://vetted-release.example.org/"
_SHOWN = 80

T = TypeVar("T")
Reader: TypeAlias = Callable[[object, str], Any]


def refuse(where: str, expected: str, found: object) -> FormatError:
    """Return the error for one value that has not its legal form; long values are cut."""
    shown = repr(found) if isinstance(found, str | int | None) else type(found).__name__
    return FormatError(
        "a value has not its legal form",
        where=where,
        expected=expected,
        found=shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "...",
        code="malformed",
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be, in words and as a test."""

    expected: str
    accepts: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class DigestSet:
    """Marks a sha256 that in-toto writes as member `digest` with the value `{"sha256": ...}`."""


def _matching(pattern: str, expected: str) -> Kind:
    compiled = re.compile(pattern)
    return Kind(expected, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None)


def _is_time(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[2-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", value):
        return False
    try:
        instant(value)
    except ValueError:
        return False
    return True


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        day(value)
    except ValueError:
        return False
    return True


def _is_version(value: object) -> bool:
    return (
        isinstance(value, str)
        and re.fullmatch(r"(0|[1-9][0-9]{0,9})(\.(0|[1-9][0-9]{0,9})){2}", value) is not None
        and all(part < 1 << 31 for part in version_key(value))
    )


def is_path(value: object) -> bool:
    """Tell whether a value is a path in the sense of SPEC.md section 2."""
    if not isinstance(value, str) or len(value.encode("utf-8", "surrogatepass")) > 1024 or "\\" in value:
        return False
    if any(unicodedata.category(character) == "Cc" for character in value) or not unicodedata.is_normalized("NFC", value):
        return False
    return all(part not in ("", ".", "..") for part in value.split("/"))


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


_OWNER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"

Sha256 = Annotated[str, _matching("[0-9a-f]{64}", "64 lower-case hexadecimal characters")]
Digest = Annotated[str, DigestSet()]
Commit = Annotated[str, _matching("[0-9a-f]{40}", "a commit of 40 lower-case hexadecimal characters")]
Time = Annotated[str, Kind("a UTC time YYYY-MM-DDTHH:MM:SSZ", _is_time)]
Date = Annotated[str, Kind("a date YYYY-MM-DD", _is_date)]
Version = Annotated[str, Kind("a version MAJOR.MINOR.PATCH", _is_version)]
Count = Annotated[int, Kind("a whole number from 0 on", _is_count)]
Positive = Annotated[int, Kind("a whole number from 1 on", lambda value: _is_count(value) and value > 0)]
Text = Annotated[str, Kind("text", lambda value: isinstance(value, str))]
Flag = Annotated[bool, Kind("true or false", lambda value: isinstance(value, bool))]
ReleaseName = Annotated[str, _matching(f"{_OWNER}/{_OWNER}", "a release name owner/name")]
Label = Annotated[str, _matching("[a-z0-9][a-z0-9-]{0,62}", "a name of lower-case letters, digits and hyphens")]
Organisation = Annotated[str, _matching("[a-z0-9][a-z0-9.-]{0,62}", "an organisation, normally a domain name")]
Split = Annotated[str, _matching("[A-Za-z0-9_]{1,64}", "a split of letters, digits and underscores")]
KeyId = Annotated[str, _matching("SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]", "a key id SHA256:...")]
FilePath = Annotated[str, Kind("a relative path with / between its parts", is_path)]


def instant(text: str) -> datetime:
    """Return the moment that a time names, in UTC."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def time_text(moment: datetime) -> str:
    """Return a moment as a time, cut to whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(text: str) -> date:
    """Return the day that a date names."""
    return date.fromisoformat(text)


def version_key(text: str) -> tuple[int, ...]:
    """Return a version as the triple of numbers by which versions are ordered."""
    return tuple(int(part) for part in text.split("."))


def read(shape: type[T], value: object, where: str) -> T:
    """Return `value` as an instance of the dataclass `shape`.

    Raises:
        FormatError: a member is missing, not named by the shape, or not of its kind (code `malformed`).
    """
    members = _members(shape)  # type: ignore[arg-type]  # every class is hashable; mypy does not see it through the cache
    if not isinstance(value, dict):
        raise refuse(where, "an object", value)
    unknown = sorted(value.keys() - members.keys())
    missing = sorted(members.keys() - value.keys())
    if unknown or missing:
        expected = "the members " + ", ".join(sorted(members))
        found = "; ".join([f"unknown member {name[:_SHOWN]!r}" for name in unknown] + [f"no member {name!r}" for name in missing])
        raise FormatError("an object has not its members", where=where, expected=expected, found=found, code="malformed")
    return shape(**{attribute: reader(value[name], f"{where}.{name}") for name, (attribute, reader) in members.items()})


def write(value: object) -> Any:  # noqa: ANN401  (JSON is what it is)
    """Return a dataclass value, or a part of one, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _wrap(name, write(getattr(value, attribute))) for name, (attribute, _) in _members(type(value)).items()}
    if isinstance(value, tuple | list):
        return [write(item) for item in value]
    if isinstance(value, Mapping):
        return {name: write(item) for name, item in value.items()}
    return value


def _wrap(name: str, value: object) -> object:
    return {"sha256": value} if name == "digest" and isinstance(value, str) else value


@cache
def _members(shape: type) -> dict[str, tuple[str, Reader]]:
    """Return member name -> (attribute, reader) of a dataclass."""
    hints = get_type_hints(shape, include_extras=True)
    members: dict[str, tuple[str, Reader]] = {}
    for field in fields(shape):
        hint = hints[field.name]
        head, *tail = field.name.split("_")
        name = "digest" if DigestSet() in get_args(hint) else head + "".join(word.capitalize() for word in tail)
        members[name] = (field.name, _reader(hint))
    return members


def _reader(hint: Any) -> Reader:  # noqa: ANN401, PLR0911  (a type expression has no type; one line for each kind of it)
    """Return the function that reads a value of the annotated type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _digest if isinstance(arguments[1], DigestSet) else _checked(arguments[1])
    if origin is Literal:
        return _checked(Kind("one of " + ", ".join(map(repr, arguments)), lambda value: isinstance(value, str) and value in arguments))
    if origin in (Union, types.UnionType):
        inner = _reader(arguments[0])
        return lambda value, where: None if value is None else inner(value, where)
    if origin is tuple:
        return _listed(_reader(arguments[0]))
    if origin is Mapping:
        return _mapped(_reader(arguments[1]))
    if is_dataclass(hint) and isinstance(hint, type):
        return lambda value, where: read(hint, value, where)
    return lambda value, _: value


def _checked(kind: Kind) -> Reader:
    def checked(value: object, where: str) -> object:
        if not kind.accepts(value):
            raise refuse(where, kind.expected, value)
        return value

    return checked


def _digest(value: object, where: str) -> object:
    if not isinstance(value, dict) or value.keys() != {"sha256"}:
        raise refuse(where, 'an object {"sha256": ...}', value)
    return _reader(Sha256)(value["sha256"], f"{where}.sha256")


def _listed(item: Reader) -> Reader:
    def listed(value: object, where: str) -> tuple[object, ...]:
        if not isinstance(value, list):
            raise refuse(where, "a list", value)
        return tuple(item(element, f"{where}[{index}]") for index, element in enumerate(value))

    return listed


def _mapped(item: Reader) -> Reader:
    def mapped(value: object, where: str) -> dict[str, object]:
        if not isinstance(value, dict):
            raise refuse(where, "an object", value)
        return {name: item(element, f"{where}.{name}") for name, element in value.items()}

    return mapped
