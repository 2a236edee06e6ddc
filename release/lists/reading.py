"""What all formats of list files have in common: lines in bounded memory, and what a reader hands on, batch by batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import BinaryIO

from audit_logs.errors import StoreError
from release import store
from release.errors import ListError

BLOCK = 4 << 20
LONGEST_LINE = 1 << 20
BOM = b"\xef\xbb\xbf"
MEND = "get the file again, or take what stands before that place with --accept-partial"


@dataclass(frozen=True, slots=True)
class Values:
    """Values of one type, each with its place in the file (from 1); in text files values have no space around them.

    Attributes:
        kind: their type.
        lines: the place of each: a line, an entry or a row, as the format counts.
        values: as they stand in the file.
        owners: the number of the statement that each belongs to; None where the format makes none.
    """

    kind: str
    lines: list[int]
    values: list[bytes]
    owners: list[int] | None = None


@dataclass(frozen=True, slots=True)
class Statements:
    """What records of a file say, numbered from 0 in its order: of one key the newest counts, of one time the last.

    Attributes:
        keys: 16 bytes that stand for who says it and of what; empty where a record has no name, and so replaces none.
        times: microseconds since 1970, 0 where the format has none.
        deleted: whether it takes back what was said of its key before.
        classes: the holder's class of what it owns, "" for none.
    """

    keys: list[bytes]
    times: list[int]
    deleted: list[bool]
    classes: list[str]


@dataclass(frozen=True, slots=True)
class Refused:
    """Lines that hold no value that could be converted, each with the reason."""

    lines: list[tuple[int, str]]


@dataclass(frozen=True, slots=True)
class Aside:
    """What is rightly no entry of a block list, counted by what it is: it is no fault of the file."""

    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Dated:
    """The day as of which the file says that it holds."""

    day: date


@dataclass(frozen=True, slots=True)
class Continued:
    """The file is one of several, and says that another one goes on from it: `place` is what it calls that one."""

    place: str = ""


Batch = Values | Statements | Refused | Aside | Dated | Continued


def blocks_of_lines(path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """Yield the number of a first line and consecutive lines without their ends, in bounded memory.

    Raises:
        ListError: the file cannot be read, or a line holds a NUL byte, is not UTF-8, or is too long (`list-file`); the line is
            named, and the lines before it have been yielded.
    """
    number, rest = 1, b""
    with opened(path) as file:
        rest = file.read(len(BOM)).removeprefix(BOM)
        while block := file.read(BLOCK):
            whole, end, rest = (rest + block).rpartition(b"\n")
            if end:
                lines, bad = _checked(whole)
                yield number, lines
                number += len(lines)
                if bad:
                    raise _bad_line(path, number, bad, "UTF-8 text")
            if len(rest) > LONGEST_LINE:
                raise _bad_line(path, number, "is too long", f"at most {LONGEST_LINE} bytes")
    if rest:
        lines, bad = _checked(rest)
        if bad:
            raise _bad_line(path, number, bad, "UTF-8 text")
        yield number, lines


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Give a list file to read from.

    Raises:
        ListError: it is no file, or cannot be read, then or later.
    """
    try:
        with store.open_file(path) as file:
            yield file
    except StoreError as error:
        raise ListError("the list file cannot be read", where=str(path), expected="a file", found=error.what) from error
    except OSError as error:
        raise ListError("the list file cannot be read", where=str(path), found=error.strerror or "an error") from error


def broken(path: Path, place: str, what: str, expected: str) -> ListError:
    """Return the error for a file that is broken at a place; what came before may be accepted (`list-file`)."""
    return ListError(f"the list file {what}", where=f"{path.name}, {place}", expected=expected, next_step=MEND, code="list-file")


def _checked(whole: bytes) -> tuple[list[bytes], str]:
    """Return the lines of a block before the first that is no text, and what is wrong with that one, "" where none is."""
    nul = whole.find(b"\0")
    try:
        whole.decode()
        wrong = -1
    except UnicodeDecodeError as error:
        wrong = error.start
    at = min((place for place in (nul, wrong) if place >= 0), default=-1)
    if at < 0:
        return whole.split(b"\n"), ""
    return whole[:at].split(b"\n")[:-1], "holds a NUL byte" if at == nul else "is not UTF-8"


def _bad_line(path: Path, number: int, what: str, expected: str) -> ListError:
    return ListError(
        f"a line of the list file {what}", where=f"{path.name}, line {number}", expected=expected, next_step=MEND, code="list-file"
    )
