"""Where published copies of a line stand, and how the new log gets there: in one step, and nothing but what the log brings about.

A folder is changed as a whole. On the Hub the log, reports, opinions and page change in one commit; the data stays there, and is
compared with its manifest by what the API says of it, so that the log of any version can be brought up to date without its data.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from audit_logs import manifest as manifests
from audit_logs.errors import Problem
from audit_logs.files import FolderFiles
from audit_logs.folder import entry_files
from audit_logs.log import Log
from audit_logs.manifest import FileEntry, Manifest, Shard
from audit_logs.replay import State
from audit_logs.report import Report
from audit_logs.verify import recorded, verify
from release import store
from release.delivery import Contents, change, check_delivered, deliver, listed
from release.destination import PAGE, SEALED, hidden, not_ours
from release.errors import GateError
from release.hub import HubDataset, HubFile
from release.hubplace import EVIDENCE, HubDestination, fetched_record

LOG = "log"
_CHANGES = (f"{LOG}/", "reports/", "opinions/", PAGE)


class Shelf(Protocol):
    """A published copy."""

    @property
    def place(self) -> Path | HubDestination:
        """How it was named."""

    @property
    def record(self) -> Path:
        """A folder with its log and its manifest."""

    def staged(self) -> AbstractContextManager[Path]:
        """Give a hidden folder that is this copy without its log."""

    def verified(self, staging: Path, trust: bytes, now: datetime) -> tuple[Report, bool]:
        """Return what a stranger would say of the staged copy, and whether there is enough to tell a page from."""

    def put(self, staging: Path) -> None:
        """Put the staged copy in its place, in one step."""


@dataclass(frozen=True, slots=True)
class FolderShelf:
    """A folder."""

    path: Path

    @property
    def place(self) -> Path:
        """The folder."""
        return self.path

    @property
    def record(self) -> Path:
        """The folder."""
        return self.path

    def staged(self) -> AbstractContextManager[Path]:
        """Link the files a second time."""
        return second_folder(self.path, leave_out=(LOG,))

    def verified(self, staging: Path, trust: bytes, now: datetime) -> tuple[Report, bool]:
        """Verify everything."""
        return verify(FolderFiles(staging), trust, now=now), True

    def put(self, staging: Path) -> None:
        """Swap the folders."""
        store.swap_folder(staging, self.path.absolute())


@dataclass(frozen=True, slots=True)
class HubShelf:
    """A repository on the Hub: its newest commit and the files of that, the record that was fetched, and the folder at hand."""

    place: HubDestination
    head: HubDataset
    there: Mapping[str, HubFile]
    record: Path
    at_hand: Path

    @contextmanager
    def staged(self) -> Iterator[Path]:
        """Link the folder at hand, if it is a copy of the same release; else there is the manifest alone."""
        with hidden(self.at_hand.absolute()) as staging:
            if self._is_twin():
                store.link_folder(self.at_hand, staging, leave_out=(LOG, SEALED, PAGE))
            else:
                store.make_folder(staging)
                store.write_file(staging / manifests.PATH, store.read_file(self.record / manifests.PATH, manifests.LIMIT))
            yield staging

    def verified(self, staging: Path, trust: bytes, now: datetime) -> tuple[Report, bool]:
        """Verify everything with the data at hand, or else the record, with the data as the API describes it."""
        self._check_data(manifest_of(staging))
        if self._is_twin():
            return verify(FolderFiles(staging), trust, now=now), True
        return recorded(FolderFiles(staging), trust, now=now), False

    def put(self, staging: Path) -> None:
        """Commit what changed upon the commit that was looked at, and read it back."""
        contents = Contents({path: file for path, file in Contents.of(staging).files.items() if path.startswith(_CHANGES)})
        made = change(contents, _changing(self.there))
        if not {*made.files, *made.gone} - {PAGE}:
            return
        size = len(contents.files)
        head = deliver(self.place.repository, self.head, made, f"New state of the log ({size} files)")
        check_delivered(_changing(listed(head)), contents, f"{self.place}, commit {head.commit}")

    def _is_twin(self) -> bool:
        return manifest_of(self.at_hand).digest == manifest_of(self.record).digest

    def _check_data(self, manifest: Manifest) -> None:
        entries: tuple[FileEntry | Shard, ...] = (*manifest.files, *manifest.shards)
        for entry in entries:
            file = self.there.get(entry.path)
            if file is None or file.bytes != entry.bytes or self._sha256(file) != entry.sha256:
                raise GateError(
                    "the destination does not hold the files of its manifest, so it stays as it is",
                    where=f"{self.place}: {entry.path}",
                    expected=f"{entry.bytes} bytes with sha256 {entry.sha256}",
                    found="nothing" if file is None else "another file",
                    next_step="publish it again from its candidate",
                    code="not-verified",
                )

    def _sha256(self, file: HubFile) -> str:
        return file.sha256 or store.file_sha256(self.head.fetch(file.path, self.record))


def _changing(there: Mapping[str, HubFile]) -> Mapping[str, HubFile]:
    return {path: file for path, file in there.items() if path.startswith(_CHANGES)}


@contextmanager
def opened(place: Path | HubDestination, at_hand: Path) -> Iterator[Shelf]:
    """Give the shelf of a destination, in whose `record` log and manifest lie.

    Raises:
        GateError: there is something else (`destination`).
        HubError: the Hub refused or failed.
    """
    if isinstance(place, Path):
        yield FolderShelf(place)
        return
    standing = place.repository.standing()
    there = {} if standing is None else listed(standing.head)
    if standing is None or not there or any(path.startswith(EVIDENCE) for path in there):
        raise not_ours(place, "a candidate with sealed evidence" if there else "nothing")
    with fetched_record(standing.head, there) as record:
        yield HubShelf(place, standing.head, there, record, at_hand)


def check_shelf(shelf: Shelf, log_key: str) -> tuple[Log, Manifest]:
    """Return log and manifest of a shelf.

    Raises:
        GateError: it has none of this line (`destination`).
    """
    try:
        return Log.open(shelf.record / LOG, log_key), manifest_of(shelf.record)
    except Problem as error:
        raise not_ours(shelf.place, "something else") from error


def manifest_of(folder: Path) -> Manifest:
    """Return the manifest in a folder.

    Raises:
        Problem: there is none that can be read.
    """
    return manifests.parse(store.read_file(folder / manifests.PATH, manifests.LIMIT))


@contextmanager
def second_folder(folder: Path, leave_out: Sequence[str] = ()) -> Iterator[Path]:
    """Give a second folder with the same files, to be put in the folder's place with `store.swap_folder`; what is left goes."""
    staging = folder.absolute().parent / f".{folder.absolute().name}.recording"
    shutil.rmtree(staging, ignore_errors=True)
    try:
        store.link_folder(folder, staging, leave_out=leave_out)
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def lay_entries(folder: Path, state: State) -> None:
    """Let reports/ and opinions/ hold exactly what stands on the folder's candidate; where none stands, they stay."""
    candidate = state.candidates.get(manifest_of(folder).digest)
    if candidate is None:
        return
    due = entry_files(candidate)
    for place in ("reports", "opinions"):
        for path in (folder / place).glob("*"):
            if path.relative_to(folder).as_posix() not in due:
                store.remove_file(path)
    for name, data in due.items():
        store.make_folder((folder / name).parent)
        store.write_file(folder / name, data)
