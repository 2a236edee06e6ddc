"""The list store: a private folder with one folder for each list. A list is there whole, or not there.

    <store>/<name>/list.json       what is known of the list
    <store>/<name>/<type>.index    its entries of one type, with those that the self-test must find

Lists are the most sensitive thing that an institution has: folders have mode 0700, files 0600, and a store that is looser is refused.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np

from release import store
from release.errors import ListError
from release.lists import csv, text
from release.lists.entries import TYPES, WIDTHS, Entries, convert, reserved
from release.lists.reading import Batch, Refused
from release.lists.report import MOST_LINES, ImportReport, ImportRequest, Rejection
from release.lists.stored import RECORD, Record, StoredList, index_path, new_index

FORMATS = ("text", "csv")
Tick = Callable[[int], object]
_NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")


def _unseen(_: int) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class ListStore:
    """The store in a folder, which need not be there yet."""

    path: Path

    def names(self) -> tuple[str, ...]:
        """Return the names of the lists, sorted.

        Raises:
            StoreError: others can look into the store.
        """
        if not self.path.exists():
            return ()
        store.check_private(self.path)
        return tuple(sorted(entry.name for entry in self.path.iterdir() if _NAME.fullmatch(entry.name) and entry.is_dir()))

    def open(self, name: str) -> StoredList:
        """Return a list.

        Raises:
            ListError: there is none of this name, or it is damaged or empty.
            StoreError: it cannot be read, or others can reach it.
        """
        if name not in self.names():
            known = ", ".join(self.names()) or "no list at all"
            raise ListError(
                f"there is no list {name!r}",
                where=str(self.path),
                found=known,
                next_step="`release lists import` adds one",
                code="list-missing",
            )
        return StoredList.open(self.path / name)

    def remove(self, name: str) -> None:
        """Remove a list.

        Raises:
            ListError: there is none of this name.
            StoreError: it could not be removed.
        """
        if name not in self.names():
            raise ListError(f"there is no list {name!r}", where=str(self.path), code="list-missing")
        with store.lock(self.path):
            _clear(self.path / name)
            store.fsync_folder(self.path)

    def import_file(self, path: Path, request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add a list from a file, or put it in the place of the one that has its name.

        Lines that hold no usable value are left out and reported by number and reason.

        Args:
            path: the list file.
            request: how to read it, and what to call the list.
            today: a vintage may not lie after it.
            tick: told the number of values after each batch.

        Raises:
            ListError: the request or the file is refused; nothing is stored then, and what was there stays.
            StoreError: the store cannot be written, or others can look into it.
        """
        self._check(request, today)
        gathered = _Gathered()
        for batch in _batches(path, request):
            tick(gathered.add(batch))
        return self._keep(request, gathered, path.name)

    def extend(self, path: Path, request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add the entries of a file to those of a list that is there.

        Raises:
            ListError: as `import_file`; there is no such list.
            StoreError: as `import_file`.
        """
        self._check(request, today)
        gathered = _Gathered()
        old = self.open(request.name)
        for kind in old.entries:
            gathered.parts[kind] = [np.array(chunk) for chunk in old.raw_entries(kind)]
        for batch in _batches(path, request):
            tick(gathered.add(batch))
        return self._keep(request, gathered, path.name)

    def _check(self, request: ImportRequest, today: date) -> None:
        if not _NAME.fullmatch(request.name):
            raise ListError(
                "a list cannot have this name", expected="lower-case letters, digits and hyphens", found=repr(request.name)[:80]
            )
        if request.vintage > today:
            raise ListError(
                "the vintage lies in the future", where=f"list {request.name}", expected=f"up to {today}", found=str(request.vintage)
            )
        if not request.replace and request.name in self.names():
            raise ListError(
                f"there is a list {request.name!r} already",
                where=str(self.path),
                next_step="`release lists update` replaces it by a newer one, --replace by any",
                code="list-exists",
            )

    def _keep(self, request: ImportRequest, gathered: _Gathered, file_name: str) -> ImportReport:
        if not gathered.usable:
            rejected = gathered.rejected[:1]
            first = (
                f"{gathered.rejected_count} lines rejected; line {rejected[0].line}: {rejected[0].reason}"
                if rejected
                else "no value at all"
            )
            raise ListError("the list file has no usable entry, so nothing is stored", where=file_name, found=first, code="list-empty")
        store.make_private_folder(self.path)
        with store.lock(self.path):
            record = self._write(request, gathered)
        return ImportReport(
            name=request.name,
            entries=dict(record.entries),
            duplicates=gathered.usable - sum(record.entries.values()),
            rejected=tuple(sorted(gathered.rejected, key=lambda rejection: rejection.line)),
            rejected_count=gathered.rejected_count,
            vintage_from=record.vintage_from,
        )

    def _write(self, request: ImportRequest, gathered: _Gathered) -> Record:
        """Write the list into a folder beside its place, and put it there in one step."""
        staging = self.path / f".{request.name}.new"
        _clear(staging)
        try:
            store.make_private_folder(staging)
            counts, indexes = {}, {}
            for kind in sorted(gathered.parts):
                index = new_index(kind, gathered.take(kind), reserved(kind))
                index.save(index_path(staging, kind))
                counts[kind], indexes[kind] = len(index), store.file_sha256(index_path(staging, kind))
            record = Record(
                name=request.name,
                authority=request.authority,
                vintage=request.vintage.isoformat(),
                vintage_from="declared",
                partial=False,  # a file that breaks in the middle is refused
                entries=counts,
                indexes=indexes,
            )
            store.write_file(staging / RECORD, record.encode(), private=True)
            store.swap_folder(staging, self.path / request.name)
        finally:
            _clear(staging)
        return record


@dataclass(slots=True)
class _Gathered:
    """What the lines of a file have given so far."""

    parts: dict[str, list[Entries]] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    rejected_count: int = 0

    @property
    def usable(self) -> int:
        """The number of entries, duplicates counted."""
        return sum(len(part) for parts in self.parts.values() for part in parts)

    def add(self, batch: Batch) -> int:
        """Take up a batch of values and return how many it has."""
        if isinstance(batch, Refused):
            self._reject(batch.lines)
            return len(batch.lines)
        converted = convert(batch.kind, batch.values)
        if len(converted.entries):
            self.parts.setdefault(batch.kind, []).append(converted.entries)
        self._reject([(batch.lines[index], f"{batch.kind}: {reason}") for index, reason in sorted(converted.refused.items())])
        return len(batch.values)

    def take(self, kind: str) -> Entries:
        """Return all entries of one type."""
        return np.concatenate(self.parts[kind]) if self.parts[kind] else np.zeros((0, WIDTHS[kind]), np.uint8)

    def _reject(self, lines: list[tuple[int, str]]) -> None:
        self.rejected_count += len(lines)
        self.rejected += [Rejection(line, reason) for line, reason in lines[: MOST_LINES - len(self.rejected)]]


def _batches(path: Path, request: ImportRequest) -> Iterator[Batch]:
    form = request.format or ("csv" if path.suffix.lower() in (".csv", ".tsv") else "text")
    types = {kind for kind in (request.type, *request.columns) if kind}
    if form not in FORMATS or types - set(TYPES):
        raise ListError("a list file is not read this way", expected=f"format {' or '.join(FORMATS)}; types {', '.join(TYPES)}")
    if form == "text" and request.columns:
        raise ListError("a text list has no columns", where=path.name, next_step="leave --column away, or say --format csv")
    return text.read(path, request.type) if form == "text" else csv.read(path, _columns(path, request))


def _columns(path: Path, request: ImportRequest) -> Mapping[str, str]:
    """Return the columns of a CSV list; a type without a column is a column of its name."""
    if request.type and request.columns.keys() - {request.type}:
        raise ListError("the columns contradict the type", where=path.name, next_step="leave --type away", code="list-type")
    return request.columns or ({request.type: request.type} if request.type else {})


def _clear(folder: Path) -> None:
    """Remove a folder of the store with everything in it."""
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ListError("a list could not be removed", where=str(folder), found=error.strerror or "an error") from error
