"""Tech Against Terrorism: JSON with hashes of terrorist content.

    [] or results[] . id, hash_digest, algorithm (PDQ, MD5, SHA1, SHA256, ...), file_type, deleted, updated_on, ideology

Later pages restate records: the newest one on an `id` counts, and `deleted` takes it back. Hashes of films are kept apart.
Source: the field names are those of the public `threatexchange` client for this interface.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from release.lists.reading import Batch, Continued
from release.lists.records import Records, Statement, name_of, time_of
from release.lists.streams import ITEM, Record, head, items, not_this, text, truth

MEMBER = b'"hash_digest"'
UNIT = "entry"

_TYPES = {"pdq": "pdq", "md5": "md5", "sha1": "sha1", "sha256": "sha256", "photodna": "photodna"}
_FILMS = ("mov", "m4v", "mp4", "webm", "avi", "mkv", "wmv", "flv", "3gp", "mpeg", "mpg")

NO_RECORD = "no object"
INCOMPLETE = "the record lacks a digest or an algorithm"


def read(path: Path) -> Iterator[Batch]:
    """Yield what the file says.

    Raises:
        ListError: it cannot be read or is no such file (`list-format`), or breaks off (`list-file`).
    """
    start = head(path)
    if MEMBER not in start:
        raise not_this(path, "list of Tech Against Terrorism", "objects with a member hash_digest")
    listed = start.lstrip()[:1] == b"["
    records = Records(dated=True)
    members: dict[str, object] = {}
    found = items(path, (ITEM,) if listed else ("results", ITEM), members)
    yield from records.flow(found, lambda one: _take(records, *one))
    if members.get("next"):
        yield Continued()


def _take(records: Records, number: int, record: object) -> None:
    if not isinstance(record, dict):
        records.refuse(number, NO_RECORD)
        return
    digest, algorithm = text(record, "hash_digest"), text(record, "algorithm").lower().replace("-", "")
    if not digest or not algorithm:
        records.refuse(number, INCOMPLETE)
        return
    film = text(record, "file_type").lower().rpartition("/")[2].lstrip(".") in _FILMS
    kind = ("video-md5" if algorithm == "md5" else None) if film else _TYPES.get(algorithm)
    if kind is None:
        records.leave("hash of another kind")
        return
    deleted = truth(record.get("deleted"))
    owner = records.state(_statement(record, algorithm, digest, deleted=deleted))
    if not deleted:
        records.value(kind, number, digest, owner)


def _statement(record: Record, algorithm: str, digest: str, *, deleted: bool) -> Statement:
    name = text(record, "id")
    key = name_of("id", name) if name else name_of(algorithm, digest.lower())
    return Statement(key, time_of(record.get("updated_on")) or 0, deleted, text(record, "ideology"))
