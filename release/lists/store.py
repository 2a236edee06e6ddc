"""The list store: a private folder with one folder for each list. A list is there whole, or not there.

    <store>/<name>/list.json       what is known of the list
    <store>/<name>/<type>.index    its entries of one type, with those that the self-test must find
    <store>/<name>/origins.index   the statements behind them, where its files make any

Lists are the most sensitive thing that an institution has: folders have mode 0700, files 0600, and a store that is looser is refused.
A store may be sealed with a passphrase besides (`sealed`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from release import store
from release.errors import ListError
from release.lists import changes, sealed, writing
from release.lists.formats import FORMATS
from release.lists.intake import Reading, Tick, nothing_in, vintage_of
from release.lists.report import ImportReport, ImportRequest
from release.lists.stored import StoredList

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
            writing.clear(self.path / name)
            store.fsync_folder(self.path)

    def import_file(self, path: Path, request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add a list from one file; see `import_files`."""
        return self.import_files([path], request, today, tick)

    def import_files(self, paths: Iterable[Path], request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add a list from a file or several of one format, or put it in the place of the one that has its name.

        Places that hold no usable value are left out and reported by number and reason.

        Args:
            paths: the list files.
            request: how to read them, and what to call the list.
            today: a vintage may not lie after it.
            tick: told the number of values after each batch.

        Raises:
            ListError: the request or a file is refused; nothing is stored then, and what was there stays.
            StoreError: the store cannot be written, or others can look into it.
        """
        self._check(request)
        old = self.open(request.name) if request.name in self.names() else None
        reading = Reading(request, tick)
        reading.all(paths)
        return self._keep(reading, vintage_of(request, reading.gathered, today), old)

    def extend(self, path: Path, request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add what one file says to a list that is there; see `extend_files`."""
        return self.extend_files([path], request, today, tick)

    def extend_files(self, paths: Iterable[Path], request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add what files say to a list that is there: what they take back goes, what they state anew is as they say.

        Raises:
            ListError: as `import_files`; there is no such list.
            StoreError: as `import_files`.
        """
        self._check(request)
        old = self.open(request.name)
        reading = Reading(request, tick)
        reading.gathered.seed(old)
        reading.all(paths)
        vintage = vintage_of(request, reading.gathered, today)
        return self._keep(reading, max(vintage, (old.vintage, old.vintage_from)), old, grown=True)

    def _check(self, request: ImportRequest) -> None:
        if not _NAME.fullmatch(request.name):
            raise ListError(
                "a list cannot have this name", expected="lower-case letters, digits and hyphens", found=repr(request.name)[:80]
            )
        if not request.replace and request.name in self.names():
            raise ListError(
                f"there is a list {request.name!r} already",
                where=str(self.path),
                next_step="`release lists update` replaces it by a newer one, --replace by any",
                code="list-exists",
            )

    def _keep(self, reading: Reading, vintage: tuple[date, str], old: StoredList | None, *, grown: bool = False) -> ImportReport:
        """Store what was read, as of a day that a file or somebody names, and report it; `grown` if the old list is part of it."""
        gathered, request = reading.gathered, reading.request
        resolved = gathered.resolve(request.classes)
        if not resolved.entries:
            raise nothing_in(reading)
        partial = bool(reading.broken) or (grown and old is not None and old.partial)
        changed = changes.between(old, resolved) if old is not None else None
        report = ImportReport(
            name=request.name,
            format=reading.format,
            unit=FORMATS[reading.format].unit,
            entries={kind: len(entries) for kind, entries in resolved.entries.items()},
            classes=resolved.classes(),
            duplicates=resolved.duplicates,
            tombstones=resolved.tombstones,
            superseded=resolved.superseded,
            aside=dict(sorted(gathered.aside.items())),
            rejected=tuple(sorted(gathered.rejected, key=lambda rejection: (rejection.file, rejection.line))),
            rejected_count=gathered.rejected_count,
            vintage=vintage[0],
            vintage_from=vintage[1],
            partial=partial,
            broken=tuple(reading.broken),
            changes=changed,
        )
        store.make_private_folder(self.path)
        with store.lock(self.path):
            writing.write(self.path, request.authority, report, resolved)
        return report

    def seal(self, passphrase: Callable[[], str]) -> tuple[str, ...]:
        """Seal what the store holds, and from now on what is imported, and return the names of the lists that were not sealed before.

        A passphrase that is given once stands; where the store has one, it is not asked for.

        Raises:
            ListError: the passphrase is too short, or a list is damaged.
            StoreError: the store cannot be written, or others can look into it.
        """
        store.make_private_folder(self.path)
        with store.lock(self.path):
            if not sealed.is_sealed(self.path):
                sealed.create(self.path, passphrase())
            return tuple(name for name in self.names() if writing.seal(self.path, name))
