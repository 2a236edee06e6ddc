"""The list store: a private folder with one folder for each list. A list is there whole, or not there.

    <store>/<name>/list.json       what is known of the list
    <store>/<name>/<type>.index    its entries of one type, with those that the self-test must find
    <store>/<name>/origins.index   the statements behind them, where its files make any

Lists are the most sensitive thing that an institution has: folders have mode 0700, files 0600, and a store that is looser is refused.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from release import store
from release.errors import ListError
from release.lists import changes
from release.lists.entries import reserved
from release.lists.formats import FORMATS, choose
from release.lists.gather import Gathered, Resolved
from release.lists.report import ImportReport, ImportRequest
from release.lists.stored import ORIGINS, RECORD, Record, StoredList, index_path, new_index

Tick = Callable[[int], object]
_NAME = re.compile("[a-z0-9][a-z0-9-]{0,62}")
_BROKEN = "list-file"


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
        """Add a list from one file; see `import_files`."""
        return self.import_files([path], request, today, tick)

    def import_files(self, paths: Sequence[Path], request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
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
        reading = _Reading(request, tick)
        reading.all(paths)
        return self._keep(reading, _vintage(request, reading.gathered, today), old)

    def extend(self, path: Path, request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add what one file says to a list that is there; see `extend_files`."""
        return self.extend_files([path], request, today, tick)

    def extend_files(self, paths: Sequence[Path], request: ImportRequest, today: date, tick: Tick = _unseen) -> ImportReport:
        """Add what files say to a list that is there: what they take back goes, what they state anew is as they say.

        Raises:
            ListError: as `import_files`; there is no such list.
            StoreError: as `import_files`.
        """
        self._check(request)
        old = self.open(request.name)
        reading = _Reading(request, tick)
        reading.gathered.seed(old)
        reading.all(paths)
        vintage = _vintage(request, reading.gathered, today)
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

    def _keep(self, reading: _Reading, vintage: tuple[date, str], old: StoredList | None, *, grown: bool = False) -> ImportReport:
        """Store what was read, as of a day that a file or somebody names, and report it; `grown` if the old list is part of it."""
        gathered, request = reading.gathered, reading.request
        resolved = gathered.resolve(request.classes)
        if not resolved.entries:
            raise _nothing(reading)
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
            self._write(request.authority, report, resolved)
        return report

    def _write(self, authority: str, report: ImportReport, resolved: Resolved) -> None:
        """Write the list into a folder beside its place, and put it there in one step."""
        staging = self.path / f".{report.name}.new"
        _clear(staging)
        try:
            store.make_private_folder(staging)
            indexes = {}
            for kind, entries in resolved.entries.items():
                new_index(kind, entries, reserved(kind)).save(index_path(staging, kind))
                indexes[kind] = store.file_sha256(index_path(staging, kind))
            origins = resolved.origins
            if origins is not None:
                origins.save(index_path(staging, ORIGINS))
            record = Record(
                name=report.name,
                authority=authority,
                vintage=report.vintage.isoformat(),
                vintage_from=report.vintage_from,
                partial=report.partial,
                format=report.format,
                entries=report.entries,
                indexes=indexes,
                classes=report.classes,
                class_names=origins.names if origins is not None else (),
                origins=store.file_sha256(index_path(staging, ORIGINS)) if origins is not None else None,
            )
            store.write_file(staging / RECORD, record.encode(), private=True)
            store.swap_folder(staging, self.path / report.name)
        finally:
            _clear(staging)


class _Reading:
    """Files of one format on their way into a list, and where they were broken."""

    def __init__(self, request: ImportRequest, tick: Tick) -> None:
        self.request = request
        self.gathered = Gathered()
        self.format = ""
        self.broken: list[str] = []
        self._tick = tick

    def all(self, paths: Sequence[Path]) -> None:
        """Read every file.

        Raises:
            ListError: one is refused, is of another format than the first, or goes on in a file that is not there.
        """
        for path in paths:
            name = choose(path, self.request)
            if self.format not in ("", name):
                raise ListError("the list files are of two formats", where=path.name, expected=self.format, found=name, code="list-format")
            self.format = name
            self.gathered.begin(path.name)
            self._one(path)
        if self.gathered.continued >= len(paths) > 0:
            self._accept(
                ListError(
                    "every page names a next one, so the last one is missing",
                    where=", ".join(path.name for path in paths[-1:]),
                    expected="all pages together",
                    next_step="name the missing pages as well, or take these alone with --accept-partial",
                    code=_BROKEN,
                )
            )

    def _one(self, path: Path) -> None:
        try:
            for batch in FORMATS[self.format].read(path, self.request):
                self._tick(self.gathered.add(batch))
        except ListError as error:
            self._accept(error)

    def _accept(self, error: ListError) -> None:
        if error.code != _BROKEN or not self.request.accept_partial:
            raise error
        self.broken.append(f"{error.where}: {error.what}")


def _vintage(request: ImportRequest, gathered: Gathered, today: date) -> tuple[date, str]:
    """Return the day as of which the list holds, and who says so: the file where it does, else the request."""
    where = f"list {request.name}"
    found = gathered.day or request.vintage
    if found is None:
        raise ListError("the file does not say as of when it holds", where=where, next_step="say it with --vintage", code="list-vintage")
    if request.vintage not in (None, found):
        raise ListError(
            "the file says as of when it holds",
            where=where,
            expected=f"a vintage of {found}, or none",
            found=str(request.vintage),
            next_step="leave --vintage away",
            code="list-vintage",
        )
    if found > today:
        raise ListError("the vintage lies in the future", where=where, expected=f"up to {today}", found=str(found), code="list-vintage")
    if request.not_before is not None and found < request.not_before:
        raise ListError(
            "the file is older than the list",
            where=where,
            expected=f"a vintage from {request.not_before} on",
            found=str(found),
            next_step="`release lists import --replace` puts back an older one",
            code="list-vintage",
        )
    return found, "file" if gathered.day else "declared"


def _nothing(reading: _Reading) -> ListError:
    gathered = reading.gathered
    found = "no value at all"
    if gathered.rejected:
        first, unit = gathered.rejected[0], FORMATS[reading.format].unit
        units = "lines" if unit == "line" else "entries" if unit == "entry" else "rows"
        found = f"{gathered.rejected_count} {units} rejected; {unit} {first.line}: {first.reason}"
    elif gathered.aside:
        found = ", ".join(f"{count} of {what}" for what, count in sorted(gathered.aside.items()))
    where = f"list {reading.request.name}"
    return ListError("the list file has no usable entry, so nothing is stored", where=where, found=found, code="list-empty")


def _clear(folder: Path) -> None:
    """Remove a folder of the store with everything in it."""
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ListError("a list could not be removed", where=str(folder), found=error.strerror or "an error") from error
