"""Project VIC (VICS) 1.3 and 2.0: JSON of an OData feed, with files by category.

    odata.metadata (1.3) or @odata.context (2.0): ...#Media or ...#Cases
    value[]             of #Media: MediaID, Category, MD5, SHA1, PhotoDNA, MimeType, ...
    value[] . Media[]   of #Cases: the same, inside each case
    lists of {HashName, HashValue} in any member: further hashes

What has no category, or category 0, is no entry of a block list: it was looked at and is of no concern, or was not looked at.
Numbers and booleans come as text as well, hex in upper case, and counts in the file's head are not relied upon.

The known-good files of NIST ("CAID": model 1.2, #Media) have the same form. They are an ignore list and are refused by name; so is,
in the end, every file in which nothing has a category.
Source: the field names are those that public readers of both versions use.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from release.errors import ListError
from release.lists.reading import Batch
from release.lists.records import Records, Statement
from release.lists.streams import ITEM, Record, head, items, not_this, text

UNIT = "entry"

MODEL = re.compile(rb'"(?:@odata\.context|odata\.metadata)"\s*:\s*"([^"]{0,300})"')
_KNOWN_GOOD = re.compile(rb"/1\.2\.xml#Media$")
_CASES = re.compile(rb'"Media"\s*:\s*\[')
_MEMBERS = {"MD5": "md5", "SHA1": "sha1", "SHA256": "sha256", "PhotoDNA": "photodna"}
_HASH_NAMES = {"md5": "md5", "sha1": "sha1", "sha256": "sha256", "photodna": "photodna", "pdq": "pdq"}
_NO_CATEGORY = "category 0 or none"

NO_RECORD = "no object"
NO_HASH = "no hash in the record"


def read(path: Path) -> Iterator[Batch]:
    """Yield what the file says.

    Raises:
        ListError: it cannot be read, is no such file or a list of known good files (`list-format`, `list-known-good`), or breaks off
            (`list-file`).
    """
    start = head(path)
    model = MODEL.search(start)
    if model is None:
        raise not_this(path, "Project VIC file", "an object with odata.metadata or @odata.context before its value")
    if _KNOWN_GOOD.search(model[1]):
        raise known_good(path)
    cases = model[1].endswith(b"#Cases") or _CASES.search(start) is not None
    records = Records()
    found = items(path, ("value", ITEM, "Media", ITEM) if cases else ("value", ITEM))
    yield from records.flow(found, lambda one: _take(records, *one))


def known_good(path: Path) -> ListError:
    """Return the error for a list of files that are known to be harmless."""
    return ListError(
        "this is a list of known good files (NIST CAID), not a block list",
        where=path.name,
        expected="a list of known abuse material",
        next_step="leave it out: screening with it would remove harmless rows and find nothing",
        code="list-known-good",
    )


def _take(records: Records, number: int, record: object) -> None:
    if not isinstance(record, dict):
        records.refuse(number, NO_RECORD)
        return
    category = text(record, "Category")
    if category in ("", "0"):
        records.leave(_NO_CATEGORY)
        return
    hashes = list(_hashes(record))
    if not hashes:
        records.refuse(number, NO_HASH)
        return
    film = text(record, "MimeType").lower().startswith("video/")
    owner = records.state(Statement(group=category))
    for kind, value in hashes:
        if not film:
            records.value(kind, number, value, owner)
        elif kind == "md5":
            records.value("video-md5", number, value, owner)
        else:
            records.leave("other hash of a video")


def _hashes(record: Record) -> Iterator[tuple[str, str]]:
    """Yield the hashes of a file by type, from its own members and from lists of further ones."""
    for name, kind in _MEMBERS.items():
        if value := text(record, name):
            yield kind, value
    for member in record.values():
        for further in member if isinstance(member, list) else [member]:
            if isinstance(further, dict) and "HashName" in further:
                named = _HASH_NAMES.get(text(further, "HashName").lower().replace("-", ""))
                if named and (value := text(further, "HashValue")):
                    yield named, value
