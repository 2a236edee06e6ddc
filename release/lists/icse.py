"""Interpol ICSE: a CSV with semicolons.

    MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;...;Media Type;Baseline

What is in the international baseline has the class `baseline`, the rest `other`. Hashes of films are kept apart.
Source: the header is that which public readers of this export expect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from release.lists.csv import NO_VALUE, TOO_MANY, places, table
from release.lists.reading import Batch
from release.lists.records import OTHER, Records, Statement
from release.lists.streams import not_this, truth

UNIT = "line"
NEEDED = ("md5", "sha1", "photodna", "image id")

_BASELINE, _MEDIUM = "baseline", "media type"


def read(path: Path) -> Iterator[Batch]:
    """Yield what the file says.

    Raises:
        ListError: it cannot be read or has another header (`list-format`), or breaks off (`list-file`).
    """
    found = table(path, ";")
    columns = places(path, found)
    if any(name not in columns for name in NEEDED):
        raise not_this(path, "export of Interpol ICSE", "a header MD5;SHA1;PhotoDNA;Image ID;...")
    records = Records()
    yield from records.flow(found.rows, lambda one: _take(records, *one, columns))


def _take(records: Records, line: int, row: list[str], columns: Mapping[str, int]) -> None:
    cells = {name: row[place].strip() for name, place in columns.items() if place < len(row)}
    found = [(kind, cells[kind]) for kind in NEEDED[:3] if cells.get(kind)]
    if len(row) > len(columns):
        records.refuse(line, TOO_MANY)
    elif found:
        _keep(records, line, found, cells)
    elif row:
        records.refuse(line, NO_VALUE)


def _keep(records: Records, line: int, found: Sequence[tuple[str, str]], cells: Mapping[str, str]) -> None:
    film = cells.get(_MEDIUM, "").casefold().startswith("video")
    owner = records.state(Statement(group=_BASELINE if truth(cells.get(_BASELINE, "")) else OTHER))
    for kind, value in found:
        if not film or kind == "md5":
            records.value("video-md5" if film else kind, line, value, owner)
        else:
            records.leave("other hash of a video")
