"""A receipt's bytes: all but the rows as one document, then row by row, so that a receipt of many rows takes little more room than they do.

In the canonical form `rows` is the last member, and each row begins with its member `columns`. No text can look like either mark,
because a quotation mark within a text is escaped. Parts that are canonical each for itself, and in this order, make a canonical whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from audit_logs import canonical, documents
from audit_logs.fields import Count, Sha256, Text

_ROWS, _ROW, _NEXT, _END = b',"rows":[', b'{"columns":[', b'},{"columns":[', b"]}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was exported: its length, its SHA-256, and what the row's struct says as its path."""

    bytes: Count
    path: Text | None
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Row:
    """An exported row.

    Attributes:
        shard: index in the manifest.
        row: position in the shard.
        columns: column digests in schema order, without that of the picture where `image` is given.
        image: the picture; None for a layout without pictures.
        text: the caption, where its line form stands in the export.
    """

    shard: Count
    row: Count
    columns: tuple[Sha256, ...]
    image: Picture | None
    text: Text | None


@dataclass(frozen=True, slots=True)
class Body:
    """The members of a receipt but its type, the manifest and the rows."""

    checkpoint: Text
    entries: tuple[Text, ...]
    layout: Literal["imagefolder", "kohya", "webdataset", "jsonl"]
    columns: tuple[Text, ...]
    proof: tuple[Text, ...]


def encode(head: dict[str, object], rows: Iterable[Row]) -> bytes:
    """Return the document of all other members, and the rows."""
    body = b",".join(canonical.encode(documents.write(row)) for row in rows)
    return canonical.encode(head).removesuffix(b"}") + _ROWS + body + _END


def decode(data: bytes, where: str, limit: int) -> tuple[dict[str, object], tuple[Row, ...]]:
    """Return all other members, and the rows.

    Raises:
        FormatError: the document is not in its one legal form, or a row is none.
    """
    at = data.find(_ROWS)
    if at < 0 or not data.endswith(_END) or len(data) > limit:
        value = canonical.decode(data, where=where, limit=limit)
        raise documents.refuse(f"{where}.rows", "a list, and no other member after it", "none" if "rows" not in value else "others")
    head = canonical.decode(data[:at] + b"}", where=where, limit=limit)
    parts = _parts(data, at + len(_ROWS), len(data) - len(_END))
    return head, tuple(_row(part, f"{where}.rows[{number}]", limit) for number, part in enumerate(parts))


def _parts(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes of each row."""
    while start < end:
        following = data.find(_NEXT, start, end)
        stop = end if following < 0 else following + 1
        yield data[start:stop]
        start = stop + 1


def _row(data: bytes, where: str, limit: int) -> Row:
    return documents.read(Row, canonical.decode(data, where=where, limit=limit), where)
