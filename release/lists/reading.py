"""What all formats of list files have in common: lines in bounded memory, and batches of values with their lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from audit_logs.errors import StoreError
from release import store
from release.errors import ListError

BLOCK = 4 << 20
LONGEST_LINE = 1 << 20
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one type, each with its line in the file (from 1); in text files values have no space around them."""

    kind: str
    lines: list[int]
    values: list[bytes]


@dataclass(frozen=True, slots=True)
class Refused:
    """Lines that hold no value that could be converted, each with the reason."""

    lines: list[tuple[int, str]]


Batch = Values | Refused


def blocks_of_lines(path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the number of a first line and consecutive lines without their ends, in bounded memory.

    Raises:
        ListError: the file cannot be read, or a line holds a NUL byte, is not UTF-8, or is too long; the line is named.
    """
    number, rest = 1, b""
    try:
        with store.open_file(path) as file:
            rest = file.read(len(_BOM)).removeprefix(_BOM)
            while block := file.read(BLOCK):
                whole, end, rest = (rest + block).rpartition(b"\n")
                if end:
                    lines = _checked(whole, number)
                    yield number, lines
                    number += len(lines)
                if len(rest) > LONGEST_LINE:
                    raise _bad_line(path, number, "is too long", f"at most {LONGEST_LINE} bytes")
    except StoreError as error:
        raise ListError("the list file cannot be read", where=str(path), expected="a file", found=error.what) from error
    except OSError as error:
        raise ListError("the list file cannot be read", where=str(path), found=error.strerror or "an error") from error
    except _BadLineError as bad:
        raise _bad_line(path, bad.number, bad.what, "UTF-8 text") from None
    if rest:
        try:
            yield number, _checked(rest, number)
        except _BadLineError as bad:
            raise _bad_line(path, bad.number, bad.what, "UTF-8 text") from None


class _BadLineError(ValueError):
    """A line that is no text; carries its number and what is wrong, never its bytes."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(what)
        self.number, self.what = number, what


def _checked(whole: bytes, first: int) -> list[bytes]:
    nul = whole.find(b"\0")
    try:
        whole.decode()
        broken = -1
    except UnicodeDecodeError as error:
        broken = error.start
    at = min((place for place in (nul, broken) if place >= 0), default=-1)
    if at >= 0:
        raise _BadLineError(first + whole.count(b"\n", 0, at), "holds a NUL byte" if at == nul else "is not UTF-8")
    return whole.split(b"\n")


def _bad_line(path: Path, number: int, what: str, expected: str) -> ListError:
    return ListError(f"a line of the list file {what}", where=f"{path.name}, line {number}", expected=expected, code="list-file")
