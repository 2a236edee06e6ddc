"""Rows from the Parquet files of a Hub dataset at one commit, fetched into the local cache when a unit needs them.

Opening reads only footers. A file's sha256 is what the Hub's large-file storage says, or that of the bytes for small files;
a file that was fetched is hashed before it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from release import store
from release.errors import SourceError
from release.hub import HubDataset, HubFile, resolve
from release.source.base import Request, check_path, in_reading_order
from release.source.parquet import Origin, ParquetSource, assemble
from release.source.parquetfiles import Described, PinnedFile, describe, hidden


@dataclass(frozen=True, slots=True)
class HubFiles:
    """Parquet files of a Hub dataset; rows cannot name other files of it."""

    dataset: HubDataset

    @property
    def root(self) -> Path | None:
        """Return None: there is no folder."""
        return None

    @property
    def place(self) -> str:
        """Return the dataset's name."""
        return self.dataset.name

    def local(self, file: PinnedFile) -> Path:
        """Return a file's place in the cache after a check of its digest, made once in each process.

        Raises:
            SourceError: the bytes are not those that the source was pinned with.
            HubError: the Hub refused or failed.
        """
        path = self.dataset.download(file.path)
        found = _sha256(path)
        if found != file.sha256:
            raise SourceError(
                "the Hub delivered other bytes than it listed",
                where=f"{self.dataset.name}: {file.path}",
                expected=f"sha256 {file.sha256}",
                found=f"sha256 {found}",
                next_step="delete the file from the Hub cache and run again",
            )
        return path


def _sha256(path: Path) -> str:
    status = path.stat()
    return _hashed(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1024)
def _hashed(path: Path, _size: int, _stamp: int) -> str:
    return store.file_sha256(path)


def open_hub(name: str, revision: str | None, request: Request) -> ParquetSource:
    """Open the Parquet files of a Hub dataset; a branch or tag becomes the commit that it names now.

    Raises:
        SourceError: there are none, one cannot be read, schemas differ, a column of the plan is missing, or there are no rows.
        HubError: the Hub refused or failed.
    """
    dataset = resolve(name, revision)
    listed = {file.path: file for file in dataset.files() if file.path.endswith(".parquet") and not hidden(file.path)}
    if not listed:
        where = f"{name}@{dataset.commit}"
        raise SourceError(
            "the dataset has no Parquet files", where=where, expected="*.parquet", next_step="download it, and name its folder"
        )
    for path in listed:
        check_path(path, name)
    files = [_pin(dataset, listed[path], split) for path, split in in_reading_order(listed, request, name)]
    return assemble(Origin("hub", name, dataset.commit), HubFiles(dataset), files, request)


def _pin(dataset: HubDataset, file: HubFile, split: str) -> tuple[PinnedFile, Described]:
    where = f"{dataset.name}: {file.path}"
    if file.sha256 is None:
        path = dataset.download(file.path)
        described, size, sha256 = describe(path, where), path.stat().st_size, _sha256(path)
    else:
        with dataset.opened(file.path) as remote:
            described, size, sha256 = describe(pa.PythonFile(remote, mode="r"), where), file.bytes, file.sha256
    return PinnedFile(file.path, size, sha256, 0, split, described.group_rows), described
