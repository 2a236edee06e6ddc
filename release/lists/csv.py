"""CSV lists: a header, and one column or more that hold values of a type. Commas, semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from release.errors import ListError
from release.lists.entries import TYPES
from release.lists.reading import Batch, blocks_of_lines
from release.lists.records import Records, Statement

CLASS = "class"
"""The name under which a column of classes is asked for; no type has it."""

NO_VALUE = "no value in any of the list's columns"
TOO_MANY = "more cells than the header"


@dataclass(frozen=True, slots=True)
class Table:
    """A CSV file: the cells of its header, and its rows, each with the line that it ends on."""

    header: list[str]
    rows: Iterator[tuple[int, list[str]]]


def table(path: Path, delimiters: str = ",;\t") -> Table:
    """Return a CSV file as a table; of the delimiters the one that the header has most often is taken.

    Raises:
        ListError: the file cannot be read, or a line is no CSV; for lines below the header, when they are reached.
    """
    text = (line.decode() + "\n" for _, block in blocks_of_lines(path) for line in block)
    header = next(text, "")
    delimiter = max(delimiters, key=header.count)
    try:
        cells = [cell.strip() for cell in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error:
        raise _no_csv(path, 1) from None
    return Table(cells, _rows(path, csv.reader(text, delimiter=delimiter, strict=True)))


def read(path: Path, columns: Mapping[str, str]) -> Iterator[Batch]:
    """Yield the values of a CSV list, empty cells left out.

    Args:
        path: the file.
        columns: the header of the column of each type, and of `class`; where it is empty, headers that are a type's name in any case
            count.

    Raises:
        ListError: the file cannot be read, is no CSV, or has none of the columns.
    """
    found = table(path)
    places = find_columns(f"{path.name}, line 1", found.header, columns)
    group = places.pop(CLASS, None)
    records = Records()
    yield from records.flow(found.rows, lambda one: _take(records, *one, (places, group, len(found.header))))


def places(path: Path, found: Table) -> dict[str, int]:
    """Return the place of every column of a table by its name in lower case.

    Raises:
        ListError: two have one name.
    """
    folded = [name.casefold() for name in found.header]
    if len(set(folded)) < len(folded):
        raise _twice(f"{path.name}, line 1")
    return {name: place for place, name in enumerate(folded)}


def find_columns(where: str, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Return the place of each type's column in a header; see `read`.

    Raises:
        ListError: one is missing, or two have one name.
    """
    folded = [cell.casefold() for cell in header]
    wanted = _wanted(folded, columns)
    absent = [name for kind, name in columns.items() if wanted[kind] not in folded]
    if absent or not wanted.keys() - {CLASS}:
        raise ListError(
            "the list file lacks a column",
            where=where,
            expected=", ".join(absent) or "a header with one of " + ", ".join(TYPES),
            found=f"{len(header)} other columns",
            next_step="name the columns with --column TYPE=NAME",
            code="list-columns",
        )
    if any(folded.count(name) > 1 for name in wanted.values()):
        raise _twice(where)
    return {kind: folded.index(name) for kind, name in wanted.items()}


def _take(records: Records, line: int, row: Sequence[str], shape: tuple[Mapping[str, int], int | None, int]) -> None:
    places, group, width = shape
    found = [(kind, value) for kind, place in places.items() if place < len(row) and (value := row[place].strip())]
    if len(row) > width:
        records.refuse(line, TOO_MANY)
    elif row and not found:
        records.refuse(line, NO_VALUE)
    elif found:
        owner = None if group is None else records.state(Statement(group="".join(row[group : group + 1])))
        for kind, value in found:
            records.value(kind, line, value, owner)


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    line = 1
    try:
        for row in reader:
            line = reader.line_num + 1  # type: ignore[attr-defined]  # the header was read on its own; the type of readers has no name
            yield line, row
    except csv.Error:
        raise _no_csv(path, reader.line_num + 1) from None  # type: ignore[attr-defined]


def _twice(where: str) -> ListError:
    return ListError("two columns of the list file have one name", where=where, expected="one", code="list-columns")


def _no_csv(path: Path, line: int) -> ListError:
    step = "write it with the line ends of Unix or Windows, and with quotes in pairs"
    return ListError("a line of the list file is no CSV", where=f"{path.name}, line {line}", next_step=step, code="list-file")


def _wanted(folded: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the header of each type's column, in lower case: those asked for, else those that are a type's name."""
    if columns.keys() - {CLASS}:
        return {kind: name.casefold() for kind, name in columns.items()}
    return {kind: kind for kind in TYPES if kind in folded} | {kind: name.casefold() for kind, name in columns.items()}
