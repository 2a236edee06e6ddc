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
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

from audit_logs import manifest as manifests
from audit_logs.contact import Chosen
from audit_logs.errors import Failure, VerificationError
from audit_logs.fields import is_path
from audit_logs.files import FolderFiles
from audit_logs.folder import OUTSIDE_THE_PROOF, entry_files, is_tolerated
from audit_logs.manifest import FileEntry, Manifest, Shard
from audit_logs.report import Report
from audit_logs.tiles import MAX_BUNDLE_FILE
from audit_logs.verify import recorded
from audit_logs.verify import verify as verify_light
from release import hub, store
from release.checks import Checking, pool_for, remembered
from release.consume.address import Address
from release.consume.arriving import Arrived, HashedFiles, Landing, unwritten
from release.hub import HubDataset

LOG = "log/"
_ENTRIES = ("attestations/", "reports/", "opinions/")
DATA = "data"
RELEASE = "release"
_AT_ONCE = 4
_MOST_LOG_FILES = 100_000
_MOST_OUTSIDE = 64 << 20
T = TypeVar("T")


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
    newest = hub.resolve(wish.address.name, None)
    source = newest if wish.address.version is None else hub.resolve(wish.address.name, f"v{wish.address.version}")
    listed = _listing(source)
    folder = staging / RELEASE
    _clear(folder)
    _fetch_record(newest, source, folder, (listed, listed if source == newest else _listing(newest)))
    chosen = wish.choose(folder)
    record = recorded(FolderFiles(folder), chosen.data, now=datetime.now(UTC))
    manifest = record.manifest
    if manifest is None or not wish.accepts(record):
        return Fetched(record, chosen, whole=False)
    _check_version(manifest, wish.address)
    _check_listing(manifest, listed)
    candidate = None if record.state is None else record.state.candidates.get(manifest.digest)
    for path, data in ({} if candidate is None else entry_files(candidate)).items():
        store.make_folder((folder / path).parent)
        store.write_file(folder / path, data)
    landing = Landing(source, folder, staging / "parts", older)
    files, failures = _fetch_all(landing, manifest, wish)
    seen = remembered.read(wish.state or chosen.state)
    report = verify_light(files, chosen.data, now=datetime.now(UTC), seen=seen, extra_checks=lambda *_: failures)
    return Fetched(report, chosen, whole=True)


def _listing(source: HubDataset) -> dict[str, int]:
    """Return path -> size of a commit's files.

    Raises:
        VerificationError: a path leads out of the folder, or is none (`folder-name`).
    """
    files = source.files()
    for file in files:
        if not is_path(file.path):
            raise VerificationError("the Hub lists a file whose name is no path", where=ascii(file.path)[:100], code="folder-name")
    return {file.path: file.bytes for file in files}


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


def _fetch_record(newest: HubDataset, source: HubDataset, folder: Path, listed: tuple[Mapping[str, int], Mapping[str, int]]) -> None:
    """Fetch manifest, the newest log, and what lies outside the proof."""
    mine, of_newest = listed
    logs = [path for path in of_newest if path.startswith(LOG)]
    if manifests.PATH not in mine or not logs:
        missing = manifests.PATH if manifests.PATH not in mine else LOG
        raise VerificationError("the repository holds no release", where=source.name, expected=missing, found="none", code="folder-missing")
    if len(logs) > _MOST_LOG_FILES:
        raise VerificationError("there are too many files of a log", where=source.name, found=str(len(logs)), code="file-size")
    tasks = [(newest, path, of_newest[path], MAX_BUNDLE_FILE) for path in logs]
    tasks.append((source, manifests.PATH, mine[manifests.PATH], manifests.LIMIT))
    tasks += [(newest, path, of_newest[path], _MOST_OUTSIDE) for path in OUTSIDE_THE_PROOF if path in of_newest]
    _at_once([partial(_bring, of, folder, path, (size, limit)) for of, path, size, limit in tasks])


def _bring(source: HubDataset, folder: Path, path: str, sizes: tuple[int, int]) -> None:
    """Fetch a small file as it is.

    Raises:
        VerificationError: it is larger than it is listed, or than such a file may be.
    """
    listed, limit = sizes
    data = bytearray()
    for chunk in source.chunks(path) if listed <= limit else ():
        data += chunk
        if len(data) > listed:
            break
    if len(data) != listed or listed > limit:
        raise VerificationError(
            "a file has another size than the Hub lists, or is too large",
            where=path,
            expected=f"{listed} bytes, at most {limit}",
            next_step="run again",
            code="file-size",
        )
    store.make_folder((folder / path).parent)
    (folder / path).write_bytes(data)


def _check_version(manifest: Manifest, address: Address) -> None:
    if address.version not in (None, manifest.version):
        raise VerificationError(
            "a tag leads to another version than it says",
            where=f"{address.name}, tag v{address.version}",
            expected=str(address.version),
            found=manifest.version,
            next_step="do not use it; tell the institution",
            code="manifest-version",
        )


def _check_listing(manifest: Manifest, listed: Mapping[str, int]) -> None:
    """Refuse a repository that lacks a file, has one too many, or one of another size, before any of it is fetched."""
    expected = {entry.path: entry.bytes for entry in _data(manifest)}
    for path, size in expected.items():
        if path not in listed:
            raise VerificationError("the Hub lacks a file of the release", where=path, code="folder-missing")
        if listed[path] != size:
            raise VerificationError("a file has another size", where=path, expected=str(size), found=str(listed[path]), code="file-size")
    for path in listed:
        known = path in expected or path in (manifests.PATH, *OUTSIDE_THE_PROOF) or path.startswith((LOG, *_ENTRIES))
        if not known and not is_tolerated(path):
            raise VerificationError("the Hub has a file that is not the release's", where=ascii(path), code="folder-extra")


def _data(manifest: Manifest) -> Iterator[Shard | FileEntry]:
    yield from chain(manifest.files, manifest.shards)


def _fetch_all(landing: Landing, manifest: Manifest, wish: Wish) -> tuple[FolderFiles, list[Failure]]:
    """Fetch all that the manifest names, and check the rows of each data file as soon as it is there; return what is wrong with them."""
    entries = list(_data(manifest))
    landing.tidy(entries)
    with pool_for(manifest, wish.workers) as pool:
        checks = Checking(landing.folder, manifest, pool)

        def one(entry: Shard | FileEntry) -> tuple[Shard | FileEntry, Arrived]:
            arrived = landing.obtain(entry)
            wish.progress(entry.bytes)
            if isinstance(entry, Shard):
                checks.begin(entry, arrived.ranges)
            return entry, arrived

        arrived = _at_once([partial(one, entry) for entry in entries])
        return HashedFiles(landing.folder, {entry.path: (entry, there) for entry, there in arrived}), list(checks.failures())


def _at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Do some tasks at a time and return what they return; the first error ends the rest."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(task) for task in tasks]
        try:
            return [one.result() for one in running]
        finally:
            pool.shutdown(cancel_futures=True)
