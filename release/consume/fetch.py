"""A release on the Hub becomes a folder, which nobody sees before everything in it was verified.

    1. the record first: manifest, log and trust file. What is withdrawn, incomplete or false is refused before its data is fetched
    2. each data file, from an older copy if that has it, else from the Hub, and only with the size and SHA-256 of the manifest, which are
       taken while it is written (`arriving`); its rows are checked while the next one comes
    3. attestations, reports and opinions are laid out of the log, of which they are entries
    4. the whole verification with these digests and row checks, and with what was seen of the log before

The Hub is believed in nothing. The log is always that of the default branch: a tag leads to an old copy, which knows of no recall.
A file that was fetched whole is not fetched again, and one that was cut off goes on where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event

from audit_logs.contact import Chosen
from audit_logs.errors import Failure
from audit_logs.files import FolderFiles
from audit_logs.folder import entry_files
from audit_logs.manifest import FileEntry, Manifest, Shard
from audit_logs.report import Report
from audit_logs.verify import recorded
from audit_logs.verify import verify as verify_light
from release import store
from release.checks import Checking, pool_for, remembered
from release.consume.address import Address
from release.consume.arriving import Arrived, HashedFiles, Landing, unwritten
from release.consume.hubrecord import at_once, check_listed, check_version, entries, fetch_record

DATA = "data"
RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be fetched, and what is accepted.

    Attributes:
        address: the release.
        choose: gives the trust file, for the folder in which the record lies.
        accept_stale: accept a release whose newest proof is older than the trust file allows, up to this age.
        allow_withdrawn: accept a release that was withdrawn.
        workers: processes that check rows, at most.
        progress: told the bytes of each data file that is there.
        state: what was seen of the log before; None: beside the trust file.
    """

    address: Address
    choose: Callable[[Path], Chosen]
    accept_stale: timedelta | None = None
    allow_withdrawn: bool = False
    workers: int = 1
    progress: Callable[[int], object] = lambda _: None
    state: Path | None = None

    def accepts(self, report: Report) -> bool:
        """Tell whether a release with this verdict may be used."""
        if report.verdict == "withdrawn":
            return self.allow_withdrawn
        age = report.freshness.age_seconds if report.freshness and report.verdict == "stale" else None
        return report.verdict == "verified" or (
            age is not None and self.accept_stale is not None and timedelta(seconds=age) <= self.accept_stale
        )


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the verification said, and by which trust file; `whole` where the data was fetched and is part of the verdict."""

    report: Report
    chosen: Chosen
    whole: bool


def fetch(wish: Wish, staging: Path, older: Mapping[str, Path]) -> Fetched:
    """Fetch a release into a folder and verify it.

    Args:
        wish: what, and what is accepted.
        staging: a hidden folder that is its user's alone; what lies there from a run that was cut off is used. The release is `RELEASE` in it.
        older: SHA-256 -> a file with these bytes, maybe; checked before it is used.

    Raises:
        HubError: the Hub refused or failed; what was fetched stays in the folder.
        VerificationError: the Hub gave other files than the manifest names.
        TrustError: the trust file cannot be read.
        StoreError: the folder cannot be written.
    """
    try:
        return _fetch(wish, staging, older)
    except OSError as error:
        raise unwritten(error, staging) from error


def _fetch(wish: Wish, staging: Path, older: Mapping[str, Path]) -> Fetched:
    folder = staging / RELEASE
    _clear(folder)
    listed = fetch_record(wish.address, folder)
    chosen = wish.choose(folder)
    record = recorded(FolderFiles(folder), chosen.data, now=datetime.now(UTC))
    manifest = record.manifest
    if manifest is None or not wish.accepts(record):
        return Fetched(record, chosen, whole=False)
    check_version(manifest, wish.address)
    check_listed(manifest, listed.sizes)
    candidate = None if record.state is None else record.state.candidates.get(manifest.digest)
    for path, data in ({} if candidate is None else entry_files(candidate)).items():
        store.make_folder((folder / path).parent)
        store.write_file(folder / path, data)
    ended = Event()
    landing = Landing(replace(listed.source, ended=ended), folder, staging / "parts", older)
    files, failures = _fetch_all(landing, manifest, wish, ended)
    seen = remembered.read(wish.state or chosen.state)
    report = verify_light(files, chosen.data, now=datetime.now(UTC), seen=seen, extra_checks=lambda *_: failures)
    return Fetched(report, chosen, whole=True)


def _clear(folder: Path) -> None:
    """Remove all but data files."""
    store.make_folder(folder)
    for entry in folder.iterdir():
        if entry.name == DATA:
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _fetch_all(landing: Landing, manifest: Manifest, wish: Wish, ended: Event) -> tuple[FolderFiles, list[Failure]]:
    """Fetch all that the manifest names, and check the rows of each data file as soon as it is there; return what is wrong with them."""
    wanted = entries(manifest)
    landing.tidy(wanted)
    with pool_for(manifest, wish.workers) as pool:
        checks = Checking(landing.folder, manifest, pool)

        def one(entry: Shard | FileEntry) -> tuple[Shard | FileEntry, Arrived]:
            arrived = landing.obtain(entry)
            wish.progress(entry.bytes)
            if isinstance(entry, Shard):
                checks.begin(entry, arrived.ranges)
            return entry, arrived

        arrived = at_once([partial(one, entry) for entry in wanted], ended)
        return HashedFiles(landing.folder, {entry.path: (entry, there) for entry, there in arrived}), list(checks.failures())
