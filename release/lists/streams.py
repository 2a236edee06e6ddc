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
    walk = _Walk(tuple(prefix), {} if members is None else members)
    with opened(path) as file:
        guarded = _Guarded(file)
        try:
            for event, value in ijson.basic_parse(guarded, use_float=True, buf_size=_BLOCK):
                if walk.take(event, value):
                    number += 1
                    guarded.since = 0
                    yield number, walk.done
        except (ijson.JSONError, ValueError, ArithmeticError, _TooDeepError):  # ValueError: a number or a text that is none
            what = "holds more than one record may" if guarded.since > LARGEST else "is no JSON, nests too deeply, or ends here"
            raise broken(path, f"after entry {number}", what, "UTF-8 JSON, whole") from None


class _TooDeepError(Exception):
    """Arrays and objects lie in each other more than `DEEPEST` times."""


class _Walk:
    """Where in the file the parser is, and the value that is being put together."""

    def __init__(self, prefix: tuple[str, ...], members: dict[str, object]) -> None:
        self.done: object = None
        self._prefix = prefix
        self._members = members
        self._names: list[str] = []
        self._open: list[dict[str, object] | list[object]] = []
        self._keys: list[str] = []

    def take(self, event: str, value: object) -> bool:
        """Take up an event of the parser, and say whether a value at the place is done."""
        if self._open:
            return self._build(event, value)
        if event == "map_key":
            self._names[-1] = str(value)
        elif event in _STARTS:
            self._start(event)
        elif event in _ENDS:
            self._names.pop()
        elif tuple(self._names) == self._prefix:
            self.done = value
            return True
        elif len(self._names) == 1:
            self._members[self._names[0]] = value
        return False

    def _start(self, event: str) -> None:
        if tuple(self._names) == self._prefix:
            self._push(event)
            return
        self._names.append(ITEM if event == "start_array" else "")
        if len(self._names) > DEEPEST:
            raise _TooDeepError

    def _push(self, event: str) -> None:
        self._open.append([] if event == "start_array" else {})
        self._keys.append("")
        if len(self._open) > DEEPEST:
            raise _TooDeepError

    def _build(self, event: str, value: object) -> bool:
        if event == "map_key":
            self._keys[-1] = str(value)
        elif event in _STARTS:
            self._push(event)
        elif event in _ENDS:
            self._keys.pop()
            made = self._open.pop()
            if not self._open:
                self.done = made
                return True
            self._put(made)
        else:
            self._put(value)
        return False

    def _put(self, value: object) -> None:
        inside = self._open[-1]
        if isinstance(inside, list):
            inside.append(value)
        else:
            inside[self._keys[-1]] = value


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
