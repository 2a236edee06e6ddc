"""The record of a release on the Hub: its manifest, and the newest log; small files, from which its verdict follows but for its data.

The log is always that of the default branch: a tag leads to an old copy, which knows of no recall.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Event
from typing import TypeVar

from audit_logs import manifest as manifests
from audit_logs.errors import VerificationError
from audit_logs.fields import is_path
from audit_logs.folder import OUTSIDE_THE_PROOF, is_tolerated
from audit_logs.manifest import FileEntry, Manifest, Shard
from audit_logs.tiles import MAX_BUNDLE_FILE
from release import hub, store
from release.consume.address import Address
from release.hub import HubDataset

LOG = "log/"
_ENTRIES = ("attestations/", "reports/", "opinions/")
_AT_ONCE = 4
_MOST_LOG_FILES = 100_000
_MOST_OUTSIDE = 64 << 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listed:
    """What the Hub has of a release: the repository at the commit of that version, and path -> size of its files."""

    source: HubDataset
    sizes: Mapping[str, int]


def fetch_record(address: Address, folder: Path) -> Listed:
    """Fetch a release's record into a folder.

    Raises:
        HubError: the Hub refused or failed.
        VerificationError: it lists no release, or what cannot be one (`folder-missing`, `folder-name`, `file-size`).
        OSError: the disk did not take it.
    """
    newest = hub.resolve(address.name, None)
    source = newest if address.version is None else hub.resolve(address.name, f"v{address.version}")
    listed = _listing(source)
    _fetch_record(newest, source, folder, (listed, listed if source == newest else _listing(newest)))
    return Listed(source, listed)


def check_listed(manifest: Manifest, listed: Mapping[str, int]) -> None:
    """Refuse a release that lacks a file, has one too many, or one of another size, before any of it is read.

    Raises:
        VerificationError: it is so (`folder-missing`, `folder-extra`, `file-size`).
    """
    expected = {entry.path: entry.bytes for entry in entries(manifest)}
    for path, size in expected.items():
        if path not in listed:
            raise VerificationError("a file of the release is missing", where=path, code="folder-missing")
        if listed[path] != size:
            raise VerificationError("a file has another size", where=path, expected=str(size), found=str(listed[path]), code="file-size")
    for path in listed:
        known = path in expected or path in (manifests.PATH, *OUTSIDE_THE_PROOF) or path.startswith((LOG, *_ENTRIES))
        if not known and not is_tolerated(path):
            raise VerificationError("there is a file that is not the release's", where=ascii(path), code="folder-extra")


def check_version(manifest: Manifest, address: Address) -> None:
    """Refuse a tag that leads to another version than it says.

    Raises:
        VerificationError: it does (`manifest-version`).
    """
    if address.version not in (None, manifest.version):
        raise VerificationError(
            "a tag leads to another version than it says",
            where=f"{address.name}, tag v{address.version}",
            expected=str(address.version),
            found=manifest.version,
            next_step="do not use it; tell the institution",
            code="manifest-version",
        )


def entries(manifest: Manifest) -> list[Shard | FileEntry]:
    """Return all files that a manifest names."""
    return list(chain(manifest.files, manifest.shards))


def at_once(tasks: Sequence[Callable[[], T]], ended: Event) -> list[T]:
    """Do some tasks at a time and return what they return.

    Args:
        tasks: what is to be done.
        ended: set with the first error, or Ctrl-C, which ends those that are under way, however much they have before them; else at the end.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        running = [pool.submit(task) for task in tasks]
        try:
            for one in wait(running, return_when=FIRST_EXCEPTION).done:
                one.result()
            return [one.result() for one in running]
        finally:
            ended.set()
            pool.shutdown(cancel_futures=True)


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


def _fetch_record(newest: HubDataset, source: HubDataset, folder: Path, listed: tuple[Mapping[str, int], Mapping[str, int]]) -> None:
    """Fetch manifest, the newest log, and what lies outside the proof."""
    mine, of_newest = listed
    logs = [path for path in of_newest if path.startswith(LOG)]
    if manifests.PATH not in mine or not logs:
        missing = manifests.PATH if manifests.PATH not in mine else LOG
        raise VerificationError("the repository holds no release", where=source.name, expected=missing, found="none", code="folder-missing")
    if len(logs) > _MOST_LOG_FILES:
        raise VerificationError("there are too many files of a log", where=source.name, found=str(len(logs)), code="file-size")
    ended = Event()
    newest, source = replace(newest, ended=ended), replace(source, ended=ended)
    tasks = [(newest, path, of_newest[path], MAX_BUNDLE_FILE) for path in logs]
    tasks.append((source, manifests.PATH, mine[manifests.PATH], manifests.LIMIT))
    tasks += [(newest, path, of_newest[path], _MOST_OUTSIDE) for path in OUTSIDE_THE_PROOF if path in of_newest]
    at_once([partial(_bring, of, folder, path, (size, limit)) for of, path, size, limit in tasks], ended)


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
    store.write_hidden(folder / path, data)
