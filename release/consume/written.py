"""Rows on their way from a proven row group into a layout and a receipt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from audit_logs import merkle
from release.consume import content, multiproof
from release.consume.columns import line_form
from release.consume.layouts import Item, Layout
from release.consume.paper import Picture, Row
from release.consume.proven import Group, Opened, content_of
from release.consume.receipts import WITHOUT_PICTURES
from release.consume.selection import Condition
from release.errors import UsageError

TRAINED = {
    "imagefolder": {"jpg", "png", "gif", "webp", "bmp", "tif"},
    "kohya": {"jpg", "png", "webp", "bmp"},
    "webdataset": {"jpg", "png", "gif", "webp", "bmp", "tif"},
}
"""The formats that a layout's readers open without more being installed."""
_CAPTIONED = ("kohya", "webdataset")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to export.

    Attributes:
        layout: one of `receipts.LAYOUTS`.
        captions: of `kohya`: `txt` or `json`.
        columns: names; None for all that can be.
        where: conditions, all of which a row has to meet.
        split: the one split, or None for all.
    """

    layout: str
    captions: str = "txt"
    columns: tuple[str, ...] | None = None
    where: tuple[str, ...] = ()
    split: str | None = None


@dataclass(slots=True)
class Run:
    """An export in the making.

    Attributes:
        opened: the release.
        layout: writes the rows.
        wanted: what was asked for.
        columns: which columns are written besides the picture.
        conditions: what a row has to meet.
        rows: what the receipt says of the rows written so far.
        proof: the multiproof so far.
        left_out: reason -> rows that met the conditions and were not written.
        bytes: bytes of the pictures written so far.
    """

    opened: Opened
    layout: Layout
    wanted: Wanted
    columns: list[str]
    conditions: list[Condition]
    rows: list[Row] = field(default_factory=list)
    proof: list[bytes] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    bytes: int = 0

    @property
    def image(self) -> str | None:
        """The image column, if pictures are written."""
        return None if self.wanted.layout == WITHOUT_PICTURES else self.opened.manifest.columns.image

    def write(self, group: Group, place: Place) -> None:
        """Write those rows of a row group that are wanted.

        Raises:
            UsageError: a column holds a number that JSON does not have.
            OSError: the disk did not take a file.
        """
        wanted = np.ones(group.batch.num_rows, bool)
        for condition in self.conditions:
            wanted &= condition.meets(group.batch)
        chosen = [at for at in np.flatnonzero(wanted).tolist() if self._write_row(_Source(group, place, at))]
        if chosen:
            self.proof += multiproof.make([merkle.leaf_hash(digest) for digest in group.digests], chosen)

    def _write_row(self, source: _Source) -> bool:
        """Write a row, if the layout's readers would read it, and say so."""
        picture = source.group.pictures[source.at] if self.image is not None else None
        caption, values = self._told(source)
        reason = self._doubt(picture, caption)
        if reason:
            self.left_out[reason] = self.left_out.get(reason, 0) + 1
            return False
        written = line_form(caption or "") if self._takes_lines else caption
        name = f"{self.opened.manifest.digest[:8]}-{source.place.base + source.row:09d}"
        extension = "" if picture is None else content.extension(picture)
        self.layout.add(Item(name, source.place.split, picture, extension, written, values))
        self.rows.append(self._receipted(source, caption if written and written != caption else None))
        self.bytes += len(picture or b"")
        return True

    @property
    def _takes_lines(self) -> bool:
        return (self.wanted.layout, self.wanted.captions) == ("kohya", "txt")

    def _told(self, source: _Source) -> tuple[str | None, dict[str, object]]:
        """Return the caption, where the layout keeps it apart, and the other values."""
        values = {name: source.group.batch.column(name)[source.at].as_py() for name in self.columns}
        _check_numbers(values)
        text = self.opened.manifest.columns.text
        caption = values.pop(text) if text in values and self.wanted.layout in _CAPTIONED else None
        return caption, values

    def _doubt(self, picture: memoryview | None, caption: str | None) -> str:
        """Return why the layout's readers would not read a row, or nothing."""
        if self.image is None:
            return ""
        if picture is None:
            return "no picture"
        if content.extension(picture) not in TRAINED[self.wanted.layout]:
            return f"a picture in a format that readers of {self.wanted.layout} do not open"
        needs_caption = (self.wanted.layout, self.wanted.captions) == ("kohya", "json")
        return "no caption, which metadata must have" if needs_caption and not caption else ""

    def _receipted(self, source: _Source, text: str | None) -> Row:
        """Return what the receipt says of a row."""
        group, at = source.group, source.at
        names = group.batch.schema.names
        digests = tuple(cells[at].hex() for name, cells in zip(names, group.columns, strict=True) if name != self.image)
        if self.image is None:
            return Row(source.place.shard, source.row, digests, None, None)
        column = group.batch.column(self.image)
        has_path = pa.types.is_struct(column.type) and column.type.get_field_index("path") >= 0
        path = column.field("path")[at].as_py() if has_path else None
        picture = Picture(len(content_of(group.pictures[at])), path, group.picture_digests[at].hex())
        return Row(source.place.shard, source.row, digests, picture, text)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row group stands: its shard, its first row there, the rows before the shard, and the split's name."""

    shard: int
    first: int
    base: int
    split: str


@dataclass(frozen=True, slots=True)
class _Source:
    """A row of a row group."""

    group: Group
    place: Place
    at: int

    @property
    def row(self) -> int:
        """Its position in the shard."""
        return self.place.first + self.at


def _check_numbers(values: Mapping[str, object]) -> None:
    """Refuse numbers that JSON does not have.

    Raises:
        UsageError: a column holds one.
    """
    for name, value in values.items():
        if not _is_finite(value):
            raise UsageError(
                "a column holds a number that JSON does not have",
                where=f"column {name}",
                found="NaN or infinity",
                next_step="leave it out with --columns",
            )


def _is_finite(value: object) -> bool:
    if isinstance(value, list):
        return all(map(_is_finite, value))
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    return not isinstance(value, float) or math.isfinite(value)
