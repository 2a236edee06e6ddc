"""CSV lists: a header, and one column or more that hold values of a type. Commas, semicolons or tabs."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from release.errors import ListError
from release.lists.entries import TYPES
from release.lists.reading import Batch, Refused, Values, blocks_of_lines

_ROWS = 65_536
NO_VALUE = "no value in any of the list's columns"
TOO_MANY = "more cells than the header"


def read(path: Path, columns: Mapping[str, str]) -> Iterator[Batch]:
    """Yield the values of a CSV list, empty cells left out.

    Args:
        path: the file.
        columns: the header of the column of each type; where it is empty, headers that are a type's name in any case count.

    Raises:
        ListError: the file cannot be read, is no CSV, or has none of the columns.
    """
    text = (line.decode() + "\n" for _, block in blocks_of_lines(path) for line in block)
    header = next(text, "")
    delimiter = max(",;\t", key=header.count)
    try:
        cells = [cell.strip() for cell in next(csv.reader([header], delimiter=delimiter), [])]
    except csv.Error:
        raise _no_csv(path, 1) from None
    places = _places(path, cells, columns)
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            rows.append((reader.line_num + 1, row))
            if len(rows) == _ROWS:
                yield from _batches(rows, places, len(cells))
                rows = []
    except csv.Error:
        raise _no_csv(path, reader.line_num + 1) from None
    yield from _batches(rows, places, len(cells))


def _no_csv(path: Path, line: int) -> ListError:
    step = "write it with the line ends of Unix or Windows, and with quotes in pairs"
    return ListError("a line of the list file is no CSV", where=f"{path.name}, line {line}", next_step=step, code="list-file")


def _places(path: Path, header: Sequence[str], columns: Mapping[str, str]) -> dict[str, int]:
    """Return the place of each type's column."""
    folded = [cell.casefold() for cell in header]
    wanted = _wanted(folded, columns)
    absent = [name for kind, name in columns.items() if wanted[kind] not in folded]
    if absent or not wanted:
        raise ListError(
            "the list file lacks a column",
            where=f"{path.name}, line 1",
            expected=", ".join(absent) or "a header with one of " + ", ".join(TYPES),
            found=f"{len(header)} other columns",
            next_step="name the columns with --column TYPE=NAME",
            code="list-columns",
        )
    if any(folded.count(name) > 1 for name in wanted.values()):
        raise ListError("two columns of the list file have one name", where=f"{path.name}, line 1", expected="one", code="list-columns")
    return {kind: folded.index(name) for kind, name in wanted.items()}


def _wanted(folded: Sequence[str], columns: Mapping[str, str]) -> dict[str, str]:
    """Return the header of each type's column, in lower case: those asked for, else those that are a type's name."""
    if columns:
        return {kind: name.casefold() for kind, name in columns.items()}
    return {kind: kind for kind in TYPES if kind in folded}


def _batches(rows: Sequence[tuple[int, list[str]]], places: Mapping[str, int], width: int) -> Iterator[Batch]:
    refused: list[tuple[int, str]] = []
    cells: dict[str, Values] = {kind: Values(kind, [], []) for kind in places}
    for line, row in rows:
        found = [(kind, row[place].strip()) for kind, place in places.items() if place < len(row)]
        if len(row) > width:
            refused.append((line, TOO_MANY))
        elif row and not any(value for _, value in found):
            refused.append((line, NO_VALUE))
        else:
            for kind, value in found:
                if value:
                    cells[kind].lines.append(line)
                    cells[kind].values.append(value.encode())
    yield from cells.values()
    yield Refused(refused)
