"""The metadata file of an image folder: `metadata.jsonl` or `metadata.csv`, with a column `file_name`.

A column's type is that of all its values: bool, int64, float64, string or, in JSON, a list of float64, such as an embedding. There
whole numbers beside fractions count as fractions; any other mixture is refused. In CSV everything is text: a column is bool or a number only where every value is
written like one, and an empty cell is null.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

import pyarrow as pa

from release import store
from release.errors import SourceError

METADATA_NAMES = ("metadata.jsonl", "metadata.csv")
FILE_NAME = "file_name"
_LARGEST_EXACT = 1 << 53  # whole numbers that a float64 holds without loss
_INT64 = range(-(1 << 63), 1 << 63)
_WHOLE = re.compile(r"0|-?[1-9][0-9]{0,18}")
_FRACTION = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_ARROW: dict[type, pa.DataType] = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string(), list: pa.list_(pa.float64())}
Record = tuple[int, dict[str, object]]


def read_metadata(path: Path, name: str, order: Sequence[str], known: AbstractSet[str]) -> pa.Table:
    """Return the metadata of each image in `order`; null for images that have none.

    Args:
        path: the file.
        name: its path in the source; file names in it are relative to its folder.
        order: paths of the images that are wanted.
        known: paths of all images in the source.

    Raises:
        SourceError: a line cannot be read, names a missing file or one again, or a column mixes types.
    """
    by_image = _by_image(path, name, known)
    columns = dict.fromkeys(column for _, record in by_image.values() for column in record)
    if not all(column and column.isprintable() for column in columns):
        raise SourceError("a column of the metadata has no usable name", where=name, expected="printable characters")
    records = [by_image.get(image, (0, {})) for image in order]
    convert = _json_column if name.endswith(".jsonl") else _csv_column
    return pa.table({column: convert(column, records, name) for column in columns})


def _by_image(path: Path, name: str, known: AbstractSet[str]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    folder = PurePosixPath(name).parent
    reader = _json_lines if name.endswith(".jsonl") else _csv_lines
    for line, record in reader(path, name):
        file_name = record.pop(FILE_NAME, None)
        image = str(folder / file_name) if isinstance(file_name, str) else ""
        if image not in known:
            raise SourceError("the metadata names an image that is not there", where=f"{name}, line {line}", found=_shown(file_name))
        if image in found:
            raise SourceError("the metadata names an image twice", where=f"{name}, line {line}", found=_shown(file_name))
        found[image] = (line, record)
    return found


def _shown(value: object) -> str:
    return repr(value)[:200]


def _json_lines(path: Path, name: str) -> Iterator[Record]:
    for line, text in enumerate(_lines(path, name), 1):
        if not text.strip():
            continue
        try:
            record = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_no_repetition)
        except (ValueError, RecursionError) as error:
            raise SourceError("a line of the metadata is not JSON", where=f"{name}, line {line}", found=str(error)[:200]) from error
        if not isinstance(record, dict):
            raise SourceError(
                "a line of the metadata is not JSON", where=f"{name}, line {line}", expected="an object", found=type(record).__name__
            )
        yield line, record


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is out of range")
    return value


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")


def _no_repetition(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a member is there twice")
    return record


def _csv_lines(path: Path, name: str) -> Iterator[Record]:
    rows = csv.reader(_lines(path, name), strict=True)
    try:
        head = next(rows, [])
        if len(set(head)) != len(head) or FILE_NAME not in head:
            raise SourceError("the metadata needs a column file_name, and distinct columns", where=name, found=", ".join(head)[:200])
        for row in rows:
            if row and len(row) != len(head):
                where = f"{name}, line {rows.line_num}"
                raise SourceError("a line of the metadata has other columns", where=where, expected=str(len(head)), found=str(len(row)))
            if row:
                yield rows.line_num, dict(zip(head, row, strict=True))
    except csv.Error as error:
        raise SourceError("a line of the metadata is not CSV", where=f"{name}, line {rows.line_num}", found=str(error)) from error


def _lines(path: Path, name: str) -> Iterator[str]:
    try:
        with store.open_file(path) as file, io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
            yield from text
    except UnicodeDecodeError as error:
        raise SourceError("the metadata file is not UTF-8", where=name) from error
    except OSError as error:
        raise SourceError("the metadata file cannot be read", where=name, found=error.strerror or "") from error


def _json_column(column: str, records: Sequence[Record], name: str) -> pa.Array:
    values = [record.get(column) for _, record in records]
    kind = _json_kind(column, records, name)
    try:
        if kind is float:
            return pa.array([float(value) if isinstance(value, int) else value for value in values], pa.float64())
        return pa.array(values, _ARROW[kind])
    except (pa.ArrowException, OverflowError, UnicodeEncodeError) as error:
        raise SourceError(f"column {column!r} of the metadata cannot be kept", where=name, found=str(error).splitlines()[0]) from error


def _json_kind(column: str, records: Sequence[Record], name: str) -> type:
    """Return the one type of a column's values; text for a column of nulls.

    Raises:
        SourceError: there are more, or values that are objects, or lists of anything but numbers.
    """
    values = [(line, value) for line, record in records if (value := record.get(column)) is not None]
    first = {_kind(value): line for line, value in reversed(values)}
    kinds = sorted(first, key=lambda kind: first[kind])
    if not kinds:
        return str
    if len(kinds) == 1 and kinds[0] in _ARROW:
        return kinds[0]
    if set(kinds) == {int, float} and all(_is_exact(value) for _, value in values):
        return float
    found = _named(kinds[-1]) + (f", and {_named(kinds[0])} in line {first[kinds[0]]}" if len(kinds) > 1 else "")
    where, expected = f"{name}, line {first[kinds[-1]]}", "one of bool, whole number, number, text, list of numbers in the whole column"
    raise SourceError(f"column {column!r} of the metadata mixes types", where=where, expected=expected, found=found)


def _kind(value: object) -> type:
    """Return a value's type; `object` for a list of anything but numbers, which no column holds."""
    if isinstance(value, list) and not all(type(item) in (int, float) and _is_exact(item) for item in value):
        return object
    return type(value)


def _named(kind: type) -> str:
    return "a list with something else than numbers" if kind is object else kind.__name__


def _is_exact(value: object) -> bool:
    """Tell whether a float64 holds a number as it is."""
    return not isinstance(value, int) or abs(value) <= _LARGEST_EXACT


def _csv_column(column: str, records: Sequence[Record], _: str) -> pa.Array:
    texts = [str(record.get(column) or "") or None for _, record in records]
    present = [text for text in texts if text is not None]
    for is_written_so, parse, kind in _CSV_TYPES if present else ():
        if all(map(is_written_so, present)):
            return pa.array([None if text is None else parse(text) for text in texts], kind)
    return pa.array(texts, pa.string())


def _is_bool(text: str) -> bool:
    return text.lower() in ("true", "false")


def _is_whole(text: str) -> bool:
    return bool(_WHOLE.fullmatch(text)) and int(text) in _INT64


def _is_number(text: str) -> bool:
    """Tell whether a cell is a number that a float64 holds; long identifiers stay text."""
    if not _FRACTION.fullmatch(text):
        return False
    return math.isfinite(value := float(text)) and (abs(value) <= _LARGEST_EXACT or not text.lstrip("-").isdigit())


_CSV_TYPES: tuple[tuple[Callable[[str], bool], Callable[[str], object], pa.DataType], ...] = (
    (_is_bool, lambda text: text.lower() == "true", pa.bool_()),
    (_is_whole, int, pa.int64()),
    (_is_number, float, pa.float64()),
)
