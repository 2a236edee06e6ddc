"""Filling a list from an exchange: all of it at first, then what changed since; a fetch that breaks off goes on where it was.

    <store>/.fetch-<list>/state.json               where the fetch is: the window of time, the next page, how many are there
    <store>/.fetch-<list>/0000001.<sha256>.page    a page as it came, sealed where the store is (with .age behind it)
    <store>/.fetch-<list>.json                     where the last whole fetch ended, and the list that it left

Pages are imported together, once the last one is there; what the list held before goes first. They are deleted then. Windows overlap by
more than a day, since clients write moments in local time under the name of UTC; to read a statement twice changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from audit_logs import canonical, documents
from audit_logs.errors import FormatError
from audit_logs.fields import BASE, Count, Flag, Label, Sha256, Text
from release import store
from release.errors import ListError
from release.lists import sealed
from release.lists.exchanges import Exchange, Query
from release.lists.report import ImportReport, ImportRequest
from release.lists.store import ListStore

STATE_TYPE = BASE + "list-fetch/v0.1"
DONE_TYPE = BASE + "list-fetched/v0.1"
OVERLAP = 26 * 3600
"""Seconds by which a window begins before the end of the last one."""

PAGES_LAST = 12 * 3600
"""Seconds after which the exchanges no longer stand by the name of a next page."""

MOST_PAGES = 1_000_000
_LIMIT = 1 << 16
_PAGE = ".page"
_FOR_LATER = ("list-sealed", "list-passphrase")

T = TypeVar("T")
Tick = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class _State:
    """Where a fetch is."""

    exchange: Label
    address: Text
    since: Count
    until: Count
    following: Text
    complete: Flag
    pages: Count


@dataclass(frozen=True, slots=True)
class _Done:
    """Where the last whole fetch ended, and the digest of the list then."""

    exchange: Label
    address: Text
    until: Count
    left: Sha256


def fetch(lists: ListStore, exchange: Exchange, request: ImportRequest, now: datetime, tick: Tick = lambda _: None) -> ImportReport:
    """Bring a list up to what an exchange has, and return what came of it.

    Args:
        lists: the store.
        exchange: whom to ask.
        request: what to call the list; format, vintage and replacing are set here.
        now: up to when to ask; the day is the list's vintage.
        tick: told 1 after each page.

    Raises:
        ListError: the exchange refuses or fails (what was fetched is kept), or a page is refused.
        StoreError: the store cannot be written, or others can look into it.
    """
    lists.names()  # refuses a store that others can look into
    store.make_private_folder(lists.path)
    work = _Work(lists, exchange, request.name)
    with store.lock(work.folder_made()):
        state = work.start(int(now.timestamp()), anew=request.replace)
        while not state.complete:
            state = work.advance(state)
            tick(1)
        return work.finish(state, replace(request, format=exchange.format, vintage=None, replace=True, fetched_on=now.date()), now)


class _Work:
    """The private folder of one fetch."""

    def __init__(self, lists: ListStore, exchange: Exchange, name: str) -> None:
        self.lists, self.exchange, self.name = lists, exchange, name
        self.folder = lists.path / f".fetch-{name}"
        self.last = lists.path / f".fetch-{name}.json"

    def folder_made(self) -> Path:
        """Return the folder, made if it was not there."""
        store.make_private_folder(self.folder)
        return self.folder

    def start(self, now: int, *, anew: bool) -> _State:
        """Return where an earlier fetch broke off, if its pages are good still, else a new beginning; `anew` from the first statement on.

        Raises:
            ListError: there is a list of this name that no fetch left, and it is not to be replaced.
        """
        state = self._read(self.folder / "state.json", _State, STATE_TYPE)
        if state is not None and self._goes_on(state, now, anew=anew):
            return state
        since = 0 if anew else self._since()
        if not since and not anew and self.name in self.lists.names():
            raise ListError(
                f"there is a list {self.name!r} that the last fetch did not leave",
                where=str(self.lists.path),
                next_step="--replace fetches all of it anew",
                code="list-exists",
            )
        self._clear()
        return self._write(_State(self.exchange.name, self.exchange.address, since, now, "", complete=False, pages=0))

    def advance(self, state: _State) -> _State:
        """Fetch one page more."""
        page = self.exchange.page(Query(state.since, state.until, state.following))
        if page.following == state.following != "" or state.pages >= MOST_PAGES:
            raise ListError("the exchange leads in a circle", where=self.exchange.name, expected="a last page", code="exchange-failed")
        self._keep(state.pages, page.data)
        return self._write(replace(state, following=page.following, complete=not page.following, pages=state.pages + 1))

    def finish(self, state: _State, request: ImportRequest, now: datetime) -> ImportReport:
        """Import all pages, remember where they end, and delete them."""
        change = self.lists.extend_files if state.since else self.lists.import_files
        try:
            report = change(self._pages(), request, now.date())
        except ListError as error:
            if error.code not in _FOR_LATER:
                self._clear()
            raise
        done = _Done(state.exchange, state.address, state.until, self.lists.open(self.name).digest)
        store.write_file(self.last, canonical.encode({"_type": DONE_TYPE, **documents.write(done)}), private=True)
        self._clear()
        return report

    def _goes_on(self, state: _State, now: int, *, anew: bool) -> bool:
        same = (state.exchange, state.address) == (self.exchange.name, self.exchange.address)
        whole = len(self._kept()) == state.pages
        return same and whole and not (anew and state.since) and 0 <= now - state.until < PAGES_LAST

    def _since(self) -> int:
        """Return from when on to ask: 0 for everything, where the list is not the one that the last fetch left."""
        done = self._read(self.last, _Done, DONE_TYPE)
        if done is None or (done.exchange, done.address) != (self.exchange.name, self.exchange.address):
            return 0
        if self.name not in self.lists.names() or self.lists.open(self.name).digest != done.left:
            return 0
        return max(done.until - OVERLAP, 1)

    def _kept(self) -> list[Path]:
        """Return the pages that are there, in order."""
        return sorted(path for path in self.folder.iterdir() if path.name.endswith((_PAGE, _PAGE + sealed.SUFFIX)))

    def _keep(self, number: int, data: bytes) -> None:
        """Write a page; one that was written before its state was is written again."""
        for path in self._kept()[number:]:
            store.remove_file(path)
        path = self.folder / f"{number + 1:07d}.{hashlib.sha256(data).hexdigest()}{_PAGE}"
        if not sealed.is_sealed(self.lists.path):
            store.write_file(path, data, private=True)
            return
        with sealed.shelter() as folder:
            (folder / path.name).write_bytes(data)
            sealed.seal(folder / path.name, path.with_name(path.name + sealed.SUFFIX), self.lists.path)

    def _pages(self) -> Iterator[Path]:
        """Yield where each page can be read, one after the other."""
        for path in self._kept():
            digest = path.name.split(".")[1]
            if path.suffix == sealed.SUFFIX:
                yield sealed.opened(path, digest)
                sealed.drop(digest)
                continue
            store.check_private(path)
            if store.file_sha256(path) != digest:
                step = "run again: it will be fetched anew"
                raise ListError("a fetched page is damaged", where=str(path), next_step=step, code="list-damaged")
            yield path

    def _clear(self) -> None:
        for path in (*self._kept(), self.folder / "state.json"):
            store.remove_file(path)

    def _read(self, path: Path, shape: type[T], kind: str) -> T | None:
        """Return a record of this fetch, None if there is none that can be used."""
        if not path.exists():
            return None
        try:
            value = canonical.decode(store.read_file(path, _LIMIT, private=True), where=str(path), limit=_LIMIT)
            return documents.read(shape, value, str(path)) if value.pop("_type", None) == kind else None
        except FormatError:
            return None

    def _write(self, state: _State) -> _State:
        store.write_file(self.folder / "state.json", canonical.encode({"_type": STATE_TYPE, **documents.write(state)}), private=True)
        return state
