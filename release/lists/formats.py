"""The formats of list files: who reads which, and which one a file has that nobody named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from release.errors import ListError
from release.lists import csv, icse, ncmec, parquet, stopncii, tat, text, threatexchange, vics
from release.lists.csv import CLASS
from release.lists.entries import TYPES
from release.lists.reading import Batch
from release.lists.report import ImportRequest
from release.lists.streams import head

AUTO = "auto"

_CSV_ENDINGS = (".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Format:
    """How files of one format are read.

    Attributes:
        unit: what its places count.
        read: yields what a file says.
        typed: whether the request may name the type of its values.
        mapped: whether the request may name its columns.
        dated: whether it tells as of when it holds.
    """

    unit: str
    read: Callable[[Path, ImportRequest], Iterator[Batch]]
    typed: bool = False
    mapped: bool = False
    dated: bool = False


FORMATS: Mapping[str, Format] = {
    "text": Format("line", lambda path, request: text.read(path, request.type), typed=True),
    "csv": Format("line", lambda path, request: csv.read(path, _columns(path, request)), typed=True, mapped=True),
    "parquet": Format(parquet.UNIT, lambda path, request: parquet.read(path, _columns(path, request)), typed=True, mapped=True),
    "ncmec": Format(ncmec.UNIT, lambda path, _: ncmec.read(path), dated=True),
    "stopncii": Format(stopncii.UNIT, lambda path, _: stopncii.read(path), dated=True),
    "vics": Format(vics.UNIT, lambda path, _: vics.read(path)),
    "icse": Format(icse.UNIT, lambda path, _: icse.read(path)),
    "tat": Format(tat.UNIT, lambda path, _: tat.read(path), dated=True),
    "threatexchange": Format(threatexchange.UNIT, lambda path, request: threatexchange.read(path, request.type), typed=True),
}


def choose(path: Path, request: ImportRequest) -> str:
    """Return the name of the format of a file: the one that is asked for, else the only one that it can be.

    Raises:
        ListError: it can be none or more than one, or the request asks for what the format has not.
    """
    name = request.format if request.format not in (None, AUTO) else _recognise(path, request)
    types = {kind for kind in (request.type, *request.columns) if kind}
    if name not in FORMATS or types - {*TYPES, CLASS}:
        raise ListError(
            "a list file is not read this way", expected=f"format {' or '.join(FORMATS)}; types {', '.join(TYPES)}", code="list-format"
        )
    if request.columns and not FORMATS[name].mapped:
        raise ListError(
            f"a list of format {name} has no columns to name", where=path.name, next_step="leave --column away", code="list-type"
        )
    if request.type and not FORMATS[name].typed:
        raise ListError(
            f"a list of format {name} tells the types of its values itself",
            where=path.name,
            next_step="leave --type away",
            code="list-type",
        )
    return name


def _columns(path: Path, request: ImportRequest) -> Mapping[str, str]:
    """Return the columns of a table; a type without a column is a column of its name."""
    if request.type and request.columns.keys() - {request.type, CLASS}:
        raise ListError("the columns contradict the type", where=path.name, next_step="leave --type away", code="list-type")
    named = {request.type: request.type} if request.type else {}
    return {**named, **request.columns}


def _recognise(path: Path, request: ImportRequest) -> str:
    start = head(path)
    if start[:4] == parquet.MAGIC:
        return "parquet"
    first = start.lstrip()[:1]
    if first == b"<":
        return _only(path, ["ncmec"] if ncmec.NAMESPACE.encode() in start else [])
    if first in (b"{", b"["):
        marks = {"vics": vics.MODEL.search(start), "stopncii": stopncii.MEMBER in start, "tat": tat.MEMBER in start}
        return _only(path, [name for name, mark in marks.items() if mark])
    return _of_lines(path, start, request)


def _of_lines(path: Path, start: bytes, request: ImportRequest) -> str:
    line = start.split(b"\n", 1)[0].decode(errors="replace").casefold()
    cells = [cell.strip().strip('"') for cell in line.replace(";", ",").replace("\t", ",").split(",")]
    if set(icse.NEEDED) <= set(cells):
        return "icse"
    if threatexchange.INDICATORS[0] in cells:
        return "threatexchange"
    if path.suffix.lower() in _CSV_ENDINGS or request.columns:
        return "csv"
    one_value = len(cells) == 1 or line.startswith("#") or request.type in ("url", "domain")
    return "text" if one_value else _only(path, ["text", "csv"])


def _only(path: Path, found: list[str]) -> str:
    if len(found) == 1:
        return found[0]
    raise ListError(
        "how the list file is written cannot be told from it",
        where=path.name,
        expected="one of " + ", ".join(found or FORMATS),
        next_step="name it with --format",
        code="list-format",
    )
