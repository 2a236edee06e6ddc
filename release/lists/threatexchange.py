"""ThreatExchange: CSV exports of descriptors, as its web page writes them (`td_...`) and as the interface names their fields.

    td_raw_indicator, td_status, td_update_time, td_owner_id, ...                       one type for all, which --type says
    [id], indicator or raw_indicator, type (HASH_MD5, HASH_PDQ, URI, ...), status, ...  the type in each row

A descriptor is named by its id, else by owner and indicator; the newest counts. `should_delete` takes it back. NON_MALICIOUS is no entry
of a block list, and takes back what the same descriptor said before. The status is the class. Source: the public documentation of descriptors and indicator types.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from release.errors import ListError
from release.lists.csv import NO_VALUE, TOO_MANY, places, table
from release.lists.reading import Batch
from release.lists.records import Records, Statement, name_of, time_of
from release.lists.streams import not_this, truth

UNIT = "line"
INDICATORS = ("td_raw_indicator", "raw_indicator", "indicator")

_TYPES = {
    "HASH_MD5": "md5",
    "HASH_SHA1": "sha1",
    "HASH_SHA256": "sha256",
    "HASH_PDQ": "pdq",
    "HASH_PHOTO_DNA": "photodna",
    "HASH_VIDEO_MD5": "video-md5",
    "URI": "url",
    "RAW_URI": "url",
    "UNCLICKABLE_URL": "url",
    "DOMAIN": "domain",
}
_HARMLESS = "NON_MALICIOUS"
_TIMES = ("td_update_time", "last_updated", "td_creation_time", "added_on", "creation_time")


@dataclass(frozen=True, slots=True)
class _Shape:
    """Which column has the indicator, the places of all, and the type where no column tells it."""

    indicator: str
    places: Mapping[str, int]
    kind: str | None


def read(path: Path, kind: str | None) -> Iterator[Batch]:
    """Yield what the file says; `kind` is the type where no column tells it.

    Raises:
        ListError: it cannot be read or has another header (`list-format`), does not tell the type (`list-type`), or breaks off
            (`list-file`).
    """
    found = table(path)
    columns = places(path, found)
    indicator = next((name for name in INDICATORS if name in columns), None)
    if indicator is None:
        raise not_this(path, "export of ThreatExchange", "a header with " + " or ".join(INDICATORS))
    if kind is None and "type" not in columns:
        raise ListError(
            "the export does not tell the type of its indicators", where=path.name, next_step="say it with --type", code="list-type"
        )
    shape = _Shape(indicator, columns, None if "type" in columns else kind)
    records = Records()
    yield from records.flow(found.rows, lambda one: _take(records, *one, shape))


def _take(records: Records, line: int, row: list[str], shape: _Shape) -> None:
    cells = {name: row[place].strip() for name, place in shape.places.items() if place < len(row)}
    value = cells.get(shape.indicator, "")
    kind = shape.kind or _TYPES.get(cells.get("type", "").upper())
    if len(row) > len(shape.places):
        records.refuse(line, TOO_MANY)
    elif value and kind:
        _keep(records, line, (kind, value), cells)
    elif value:
        records.leave("indicator of another kind")
    elif row:
        records.refuse(line, NO_VALUE)


def _keep(records: Records, line: int, found: tuple[str, str], cells: Mapping[str, str]) -> None:
    status = (cells.get("td_status") or cells.get("status") or "").upper()
    harmless = status == _HARMLESS
    deleted = harmless or truth(cells.get("should_delete", ""))
    owner = records.state(Statement(_name(cells, *found), _time(cells), deleted, status))
    if harmless:
        records.leave("status NON_MALICIOUS")
    elif not deleted:
        records.value(found[0], line, found[1], owner)


def _name(cells: Mapping[str, str], kind: str, value: str) -> bytes:
    if cells.get("id"):
        return name_of("id", cells["id"])
    return name_of(cells.get("td_owner_id") or cells.get("owner") or "", kind, value)


def _time(cells: Mapping[str, str]) -> int:
    for name in _TIMES:
        text = cells.get(name, "")
        found = time_of(float(text)) if text.isdecimal() else time_of(text)
        if found is not None:
            return found
    return 0
