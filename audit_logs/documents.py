"""Reading and writing a JSON document by a frozen dataclass.

A document is described once, as a dataclass whose annotations are the kinds of `fields`. `read` turns a decoded JSON object
into such a value and refuses everything that its kinds do not allow; `write` is its inverse. Attribute `row_group_rows` is
member `rowGroupRows`; one whose default is "" is optional, and absent where it is that. What its members must satisfy together,
a dataclass says in a method `rules`. Source: docs/SPEC.md section 1.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache, partial
from typing import Annotated, Any, Generic, Literal, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from audit_logs import canonical
from audit_logs.errors import FormatError, Problem
from audit_logs.fields import DigestSet, Kind, Sha256

_SHOWN = 80
_CALLED: dict[type, str] = {list: "a list", tuple: "a list", dict: "an object"}

T = TypeVar("T")
Reader: TypeAlias = Callable[[object, str], Any]
Rule: TypeAlias = tuple[bool, str, str]
"""Whether it holds, for which member, and what is expected there."""


def refuse(where: str, expected: str, found: object) -> FormatError:
    """Return the error for one value that has not its legal form; long values are cut."""
    shown = repr(found) if isinstance(found, str | int | None) else _CALLED.get(type(found), "something else")
    shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
    return FormatError("a value has not its legal form", where=where, expected=expected, found=shown, code="malformed")


@dataclass(frozen=True, slots=True)
class Document(Generic[T]):
    """A kind of document: the dataclass of its members, its `_type`, its largest size in bytes, and how a wrong form is reported."""

    shape: type[T]
    name: str
    limit: int
    problem: type[Problem] = FormatError
    code: str = "malformed"

    def parse(self, data: bytes, where: str) -> T:
        """Return the value that `data` is the only form of.

        Raises:
            Problem: of the kind and code above: it has another type or form.
        """
        try:
            value = canonical.decode(data, where=where, limit=self.limit)
            if value.pop("_type", None) != self.name:
                raise refuse(f"{where}._type", self.name, "another type")
            return read(self.shape, value, where)
        except FormatError as error:
            raise error.recast(self.problem, code=self.code) from error

    def encode(self, value: T) -> bytes:
        """Return the only form of a value, unchecked."""
        return canonical.encode({"_type": self.name, **write(value)})


def read(shape: type[T], value: object, where: str) -> T:
    """Return a value of the dataclass `shape` from a decoded JSON value.

    Args:
        shape: a dataclass whose annotations are kinds of `fields`, other such dataclasses, or tuples, mappings and unions
            with None of them.
        value: what `canonical.decode` gave for it.
        where: what to call it in an error.

    Raises:
        FormatError: a member is unknown, missing, not of its kind, or does not fit the others (code `malformed`).
    """
    if not isinstance(value, dict):
        raise refuse(where, "an object", value)
    members: Mapping[str, tuple[str, Reader, bool]] = _members(shape)  # type: ignore[arg-type]  # every class is hashable
    odd = [f"unknown member {name[:_SHOWN]!r}" for name in sorted(value.keys() - members.keys())]
    odd += [f"no member {name!r}" for name in sorted(members.keys() - value.keys()) if not members[name][2]]
    if odd:
        expected = "the members " + ", ".join(sorted(members))
        raise FormatError("an object has not its members", where=where, expected=expected, found="; ".join(odd), code="malformed")
    result = shape(
        **{attribute: reader(value[name], f"{where}.{name}") for name, (attribute, reader, _) in members.items() if name in value}
    )
    for holds, member, expected in getattr(result, "rules", tuple)():
        if not holds:
            raise refuse(f"{where}.{member}", expected, result)
    return result


def write(value: object) -> Any:  # noqa: ANN401  (JSON is what it is)
    """Return a dataclass value, or a part of one, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        found = {name: (getattr(value, attribute), optional) for name, (attribute, _, optional) in _members(type(value)).items()}
        return {name: _wrap(name, write(item)) for name, (item, optional) in found.items() if item or not optional}
    if isinstance(value, tuple | list):
        return [write(item) for item in value]
    if isinstance(value, Mapping):
        return {name: write(item) for name, item in value.items()}
    return value


def _wrap(name: str, value: object) -> object:
    return {"sha256": value} if name == "digest" and isinstance(value, str) else value


@cache
def _members(shape: Any) -> dict[str, tuple[str, Reader, bool]]:  # noqa: ANN401  (a dataclass is hashable, which mypy does not see)
    """Return member name -> (attribute, reader, whether it is optional) of a dataclass."""
    hints = get_type_hints(shape, include_extras=True)
    members: dict[str, tuple[str, Reader, bool]] = {}
    for field in fields(shape):
        hint = hints[field.name]
        head, *tail = field.name.split("_")
        name = "digest" if DigestSet() in get_args(hint) else head + "".join(word.capitalize() for word in tail)
        members[name] = (field.name, _reader(hint), field.default == "")
    return members


def _reader(hint: Any) -> Reader:  # noqa: ANN401  (a type expression has no type; one line for each kind of it)
    """Return the function that reads a value of the annotated type."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _digest if isinstance(arguments[1], DigestSet) else _checked(_reader(arguments[0]), arguments[1])
    if origin is Literal:
        return _checked(_as_it_is, Kind("one of " + ", ".join(map(repr, arguments)), arguments.__contains__))
    if origin in (Union, types.UnionType):
        inner = _reader(arguments[0])
        return lambda value, where: None if value is None else inner(value, where)
    if origin is tuple:
        return _listed(_reader(arguments[0]))
    if origin is Mapping:
        return _mapped(_reader(arguments[1]))
    return partial(read, hint) if isinstance(hint, type) and is_dataclass(hint) else _as_it_is


def _as_it_is(value: object, _: str) -> object:
    return value


def _checked(inner: Reader, kind: Kind) -> Reader:
    def checked(value: object, where: str) -> object:
        found = inner(value, where)
        if not kind.accepts(found):
            raise refuse(where, kind.expected, found)
        return found

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
