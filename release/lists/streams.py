"""JSON list files, one record at a time: a file of any size takes the memory of one record.

The parser is ijson (its own C parser where there is one). Its messages quote the file, so none of them is ever passed on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from release.errors import ListError
from release.lists.reading import BOM, broken, opened

LARGEST = 8 << 20
"""Bytes that may pass between two records."""

DEEPEST = 32
"""Arrays and objects that may lie in each other."""

ITEM = "item"
UNIT = "entry"

_STARTS, _ENDS = ("start_map", "start_array"), ("end_map", "end_array")
_BLOCK = 1 << 16
_TRUE = ("true", "1", "yes")

Record = Mapping[str, Any]
Event = tuple[str, Any]


def items(path: Path, prefix: Sequence[str], members: dict[str, object] | None = None) -> Iterator[tuple[int, object]]:
    """Yield the values at one place of a JSON file, each with its number from 1.

    Args:
        path: the file.
        prefix: the names that lead there, `ITEM` for an array: ("records", ITEM) are the elements of member `records`.
        members: is given the plain members of the object that the file is.

    Raises:
        ListError: the file cannot be read, or is no JSON, or nests too deeply, after a number of records (`list-file`).
    """
    import ijson

    number = 0
    with opened(path) as file:
        guarded = _Guarded(file)
        try:
            events = iter(ijson.basic_parse(guarded, use_float=True, buf_size=_BLOCK))
            for found in _walk(events, tuple(prefix), {} if members is None else members):
                number += 1
                guarded.since = 0
                yield number, found
        except (ijson.JSONError, ValueError, ArithmeticError, _TooDeepError):  # ValueError: a number or a text that is none
            what = "holds more than one record may" if guarded.since > LARGEST else "is no JSON, nests too deeply, or ends here"
            raise broken(path, f"after entry {number}", what, "UTF-8 JSON, whole") from None


class _TooDeepError(Exception):
    """Arrays and objects lie in each other more than `DEEPEST` times."""


def _walk(events: Iterator[Event], prefix: tuple[str, ...], members: dict[str, object]) -> Iterator[object]:
    """Yield the values at one place, put together from the parser's events, and keep the file's plain members."""
    names: list[str] = []
    for event, value in events:
        if event == "map_key":
            names[-1] = str(value)
        elif event in _ENDS:
            names.pop()
        elif tuple(names) == prefix:
            yield _built(events, event) if event in _STARTS else value
        elif event in _STARTS:
            names.append(ITEM if event == "start_array" else "")
            _check_depth(names)
        elif len(names) == 1:
            members[names[0]] = value


def _built(events: Iterator[Event], event: str) -> object:
    """Return the array or object that has just begun."""
    inside: Any = _new(event)
    around: list[Any] = []
    key = ""
    for what, value in events:
        if what == "map_key":
            key = value
        elif what in _ENDS:
            if not around:
                break
            inside = around.pop()
        else:
            put = _new(what) if what in _STARTS else value
            if type(inside) is list:
                inside.append(put)
            else:
                inside[key] = put
            if what in _STARTS:
                around.append(inside)
                inside = put
                _check_depth(around)
    return inside


def _new(event: str) -> Any:  # noqa: ANN401  (JSON is what it is)
    return [] if event == "start_array" else {}


def _check_depth(around: Sequence[object]) -> None:
    if len(around) >= DEEPEST:
        raise _TooDeepError


def head(path: Path, size: int = 1 << 16) -> bytes:
    """Return the first bytes of a file, without a byte order mark.

    Raises:
        ListError: it cannot be read.
    """
    with opened(path) as file:
        return file.read(size).removeprefix(BOM)


def text(record: Record, name: str) -> str:
    """Return a member as text: of a text itself, of a whole number its digits, of anything else nothing."""
    value = record.get(name)
    if isinstance(value, str):
        return value.strip()
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def truth(value: object) -> bool:
    """Tell whether a member says yes, as a boolean, a number or a word."""
    return value.strip().lower() in _TRUE if isinstance(value, str) else bool(value)


def not_this(path: Path, what: str, expected: str) -> ListError:
    """Return the error for a file that is not of the format that was asked for."""
    return ListError(
        f"the list file is no {what}",
        where=path.name,
        expected=expected,
        next_step="say how it is written with --format",
        code="list-format",
    )


class _Guarded:
    """A file without its byte order mark, that ends when too much passes between two records."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._fresh = True
        self.since = 0

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if self.since > LARGEST:
            return b""
        data = self._file.read(size)
        if self._fresh and data:
            data, self._fresh = data.removeprefix(BOM), False
        self.since += len(data)
        return data
