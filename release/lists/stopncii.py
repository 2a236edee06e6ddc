"""StopNCII: JSON pages of hashes that people made of their own pictures.

    hashRecords[] . lastModtimestamp, signalType (ImagePDQ, VideoMD5, ...), hashValue, hashStatus (Received, Active, Withdrawn, Deleted)

A record is named by signal type and value, and is the whole present state of that hash: the newest one counts. Withdrawn and Deleted take
the hash back. Source: the field names are those of the public `threatexchange` client for this interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from release.lists.reading import Batch, Continued
from release.lists.records import Records, Statement, name_of, time_of
from release.lists.streams import ITEM, head, items, not_this, text, truth

MEMBER = b'"hashRecords"'
UNIT = "entry"

_TYPES = {"ImagePDQ": "pdq", "VideoMD5": "video-md5", "URL": "url"}
_BACK = ("Withdrawn", "Deleted")
_STATES = ("Unknown", "Received", "Active", *_BACK)

NO_RECORD = "no object"
INCOMPLETE = "the record lacks a type, a value, a known status or a time that can be read"


def read(path: Path) -> Iterator[Batch]:
    """Yield what a page says.

    Raises:
        ListError: it cannot be read or is no such page (`list-format`), or breaks off (`list-file`).
    """
    start = head(path)
    if MEMBER not in start:
        raise not_this(path, "page of StopNCII", "an object with a member hashRecords")
    records = Records(dated=True)
    members: dict[str, object] = {}
    yield from records.flow(items(path, ("hashRecords", ITEM), members), lambda one: _take(records, *one))
    if truth(members.get("hasMoreRecords")):
        yield Continued()


def _take(records: Records, number: int, record: object) -> None:
    if not isinstance(record, dict):
        records.refuse(number, NO_RECORD)
        return
    kind, value, state = (text(record, name) for name in ("signalType", "hashValue", "hashStatus"))
    time = time_of(record.get("lastModtimestamp"))
    if not kind or not value or state not in _STATES or time is None:
        records.refuse(number, INCOMPLETE)
    elif kind not in _TYPES:
        records.leave("hash of another kind")
    else:
        owner = records.state(Statement(name_of(kind, value.lower()), time, state in _BACK, state))
        if state not in _BACK:
            records.value(_TYPES[kind], number, value, owner)
