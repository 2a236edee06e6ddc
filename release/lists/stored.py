"""A list as it lies in the store: what is known of it, its indexes, and the two ways to tell of it without telling it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit_logs import canonical, documents, fields
from audit_logs.errors import FormatError
from audit_logs.fields import BASE, Count, Date, Flag, Label, Sha256, Text
from release import hashing, store
from release.errors import ListError
from release.lists import sealed
from release.lists.entries import Entries
from release.lists.origins import Origins
from release.lists.phrases import REGEX, TERM
from release.match import DigestIndex, NearIndex, PhraseIndex, VectorIndex

RECORD = "list.json"
INDEX = ".index"
ORIGINS = "origins"
RECORD_TYPE = BASE + "stored-list/v0.1"
RECORD_LIMIT = 1 << 20
CHUNK = 65_536  # entries
Index: TypeAlias = DigestIndex | NearIndex | PhraseIndex | VectorIndex
_FORMS: dict[str, type[NearIndex | PhraseIndex | VectorIndex]] = {
    "pdq": NearIndex,
    "photodna": VectorIndex,
    TERM: PhraseIndex,
    REGEX: PhraseIndex,
}


@dataclass(frozen=True, slots=True)
class Record:
    """The content of `list.json`; `indexes` has the sha256 of each type's index file, `origins` that of the statements behind them.

    The other members are as in `StoredList`.
    """

    name: Label
    authority: Text
    vintage: Date
    vintage_from: Text
    partial: Flag
    format: Text
    entries: Mapping[str, Count]
    indexes: Mapping[str, Sha256]
    classes: Mapping[str, Mapping[str, Count]]
    class_names: tuple[Text, ...]
    origins: Sha256 | None

    def encode(self) -> bytes:
        """Return the record's only form."""
        return canonical.encode({"_type": RECORD_TYPE, **documents.write(self)})


@dataclass(frozen=True, slots=True)
class StoredList:
    """A list in the store.

    Attributes:
        folder: where it lies.
        name: its name.
        authority: who vouches for it.
        vintage: the day as of which it holds.
        vintage_from: `file` or `declared`.
        partial: its file was broken in the middle, and the part that could be read was accepted.
        format: how its files were written.
        entries: distinct entries by type.
        indexes: sha256 (hex) of each type's index file.
        classes: of the entries the number of each class, by type; empty where none has a class.
        record: all that its record says.
        digest: sha256 (hex) of its record, and so of everything in it.
    """

    folder: Path
    name: str
    authority: str
    vintage: date
    vintage_from: str
    partial: bool
    format: str
    entries: Mapping[str, int]
    indexes: Mapping[str, str]
    classes: Mapping[str, Mapping[str, int]]
    record: Record
    digest: str

    @classmethod
    def open(cls, folder: Path) -> StoredList:
        """Return the list in a folder of the store.

        Raises:
            ListError: its record is damaged, or it has no entries.
            StoreError: it cannot be read, or others can reach it.
        """
        store.check_private(folder)
        where = str(folder / RECORD)
        data = store.read_file(folder / RECORD, RECORD_LIMIT, private=True)
        try:
            value = canonical.decode(data, where=where, limit=RECORD_LIMIT)
            kind = value.pop("_type", None)
            record = documents.read(Record, value, where)
        except FormatError as error:
            raise _damaged(where, "its legal form", error.what) from error
        if kind != RECORD_TYPE or record.name != folder.name or record.entries.keys() != record.indexes.keys():
            raise _damaged(where, f"the record of list {folder.name}", "another one")
        if not any(record.entries.values()):
            raise ListError("the list is empty", where=f"list {record.name}", next_step="import it again", code="list-empty")
        return cls(
            folder=folder,
            name=record.name,
            authority=record.authority,
            vintage=fields.day(record.vintage),
            vintage_from=record.vintage_from,
            partial=record.partial,
            format=record.format,
            entries=dict(record.entries),
            indexes=dict(record.indexes),
            classes={kind: dict(counts) for kind, counts in record.classes.items()},
            record=record,
            digest=hashlib.sha256(data).hexdigest(),
        )

    @property
    def under_seal(self) -> bool:
        """Whether its entries lie under the store's passphrase."""
        return not any(self.folder.glob(f"*{INDEX}"))

    def age(self, today: date) -> int:
        """Return the list's age in days."""
        return (today - self.vintage).days

    def check_age(self, today: date, max_age_days: int | None) -> None:
        """Refuse a list that is too old, or from the future.

        Raises:
            ListError: it is (`list-age`).
        """
        age, where = self.age(today), f"list {self.name}"
        if age < 0:
            raise ListError(
                "the list is from the future", where=where, expected=f"a vintage up to {today}", found=str(self.vintage), code="list-age"
            )
        if max_age_days is not None and age > max_age_days:
            raise ListError(
                "the list is too old",
                where=where,
                expected=f"at most {max_age_days} days",
                found=f"{age} days (vintage {self.vintage})",
                next_step=f"get a newer one and run `release lists update FILE --name {self.name} --vintage DATE`",
                code="list-age",
            )

    def index(self, kind: str) -> Index:
        """Return the index of one type, mapped into memory.

        Raises:
            ListError: the list has no such entries, or the index is not the one that was imported.
            StoreError: others can reach it.
        """
        if kind not in self.indexes:
            raise ListError(f"the list has no entries of type {kind}", where=f"list {self.name}", code="list-type")
        return _FORMS.get(kind, DigestIndex).load(self._private(kind, self.indexes[kind]), self.indexes[kind])

    def origins(self) -> Origins | None:
        """Return the statements behind the entries; None where the list's files made none.

        Raises:
            ListError: they are not the ones that were imported.
            StoreError: others can reach them.
        """
        if self.record.origins is None:
            return None
        sha256 = self.record.origins
        return Origins.load(self._private(ORIGINS, sha256), sha256, self.record.class_names)

    def _private(self, name: str, sha256: str) -> Path:
        """Return where a file of the list lies, in memory if it is sealed, after checking that nobody else can reach it."""
        path = index_path(self.folder, name)
        under_seal = path.with_name(f"{path.name}{sealed.SUFFIX}")
        if not path.exists() and under_seal.exists():
            return sealed.opened(under_seal, sha256)
        if not path.exists():
            raise _damaged(str(path), "the index that was imported", "none")
        store.check_private(path)
        return path

    def raw_entries(self, kind: str) -> Iterator[Entries]:
        """Yield the list's distinct entries of one type in the order of their bytes, (k, w) uint8 at a time."""
        index = self.index(kind)
        entries, reserved = _rows_of(index)
        own = np.ones(len(entries), np.bool_)
        own[reserved] = False
        for start in range(0, len(own), CHUNK):
            yield entries[start : start + CHUNK][own[start : start + CHUNK]]

    def all_entries(self, kind: str) -> Entries:
        """Return the list's distinct entries of one type in the order of their bytes, (k, w) uint8."""
        return np.concatenate(list(self.raw_entries(kind)))

    def commitment(self, match_key: bytes) -> bytes:
        """Return the keyed commitment to everything in the list, 32 bytes. Source: SPEC.md section 17."""
        keyed = hmac.new(match_key, digestmod=hashlib.sha256)
        for kind in sorted(kind for kind, count in self.entries.items() if count):
            name = kind.encode()
            keyed.update(len(name).to_bytes(8, "big") + name + self.entries[kind].to_bytes(8, "big"))
            for chunk in self.raw_entries(kind):
                keyed.update(np.ascontiguousarray(chunk).tobytes())
        return keyed.digest()

    def keyed_entries(self, match_key: bytes, kind: str) -> Iterator[bytes]:
        """Yield HMAC(match key, type || 0x00 || entry) for each entry of one type. Source: SPEC.md section 15."""
        for keyed in self.keyed_chunks(match_key, kind):
            data = keyed.tobytes()
            yield from (data[start : start + hashing.SIZE] for start in range(0, len(data), hashing.SIZE))

    def keyed_chunks(self, match_key: bytes, kind: str) -> Iterator[Entries]:
        """Yield the same as (k, 32) uint8 at a time."""
        for chunk in self.raw_entries(kind):
            if len(chunk):
                yield hashing.keyed(match_key, kind.encode() + b"\0", chunk)


def index_path(folder: Path, kind: str) -> Path:
    """Return where the index of one type lies."""
    return folder / f"{kind}{INDEX}"


def new_index(kind: str, entries: Entries, reserved: Entries) -> Index:
    """Return the index of one type's entries; links and domains are matched by their SHA-256."""
    return _FORMS.get(kind, DigestIndex).build(entries, reserved)


def _rows_of(index: Index) -> tuple[Entries, NDArray[np.int64]]:
    """Return all rows of an index, in order, and the positions of the reserved ones."""
    if isinstance(index, DigestIndex):
        return index.digests, index.reserved_positions
    if isinstance(index, PhraseIndex):
        return index.lines, index.reserved_positions
    return (index.codes if isinstance(index, NearIndex) else index.values), index.reserved


def _damaged(where: str, expected: str, found: str) -> ListError:
    return ListError(
        "a stored list is damaged", where=where, expected=expected, found=found, next_step="import the list again", code="list-damaged"
    )
