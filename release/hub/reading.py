"""Reading from the Hub: a revision becomes a commit, and everything after that is of this commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from release.errors import HubError
from release.hub.failures import explained

DATASET = "dataset"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FOOTER_BLOCK = 256 << 10


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository; `sha256` (hex) is what the Hub's large-file storage says, None for small files, which have `git`.

    Attributes:
        path: its path in the repository.
        bytes: its size.
        sha256: hex, or None.
        git: the SHA-1 (hex) that Git gives to the bytes of a small file, or None.
    """

    path: str
    bytes: int
    sha256: str | None
    git: str | None = None


@dataclass(frozen=True, slots=True)
class HubDataset:
    """A dataset repository at one commit (40 hex)."""

    name: str
    commit: str

    def files(self) -> list[HubFile]:
        """Return every file of the commit.

        Raises:
            HubError: the Hub refused or failed.
        """
        from huggingface_hub import HfApi
        from huggingface_hub.hf_api import RepoFile

        with explained(self.name):
            entries = list(HfApi().list_repo_tree(self.name, recursive=True, revision=self.commit, repo_type=DATASET))
        return [
            HubFile(entry.path, entry.size, _stored_digest(entry), None if entry.lfs else entry.blob_id)
            for entry in entries
            if isinstance(entry, RepoFile)
        ]

    def download(self, path: str) -> Path:
        """Return a file's place in the local cache, after fetching it if it is not there.

        Raises:
            HubError: the Hub refused or failed.
        """
        from huggingface_hub import hf_hub_download

        with explained(f"{self.name}: {path}"):
            return Path(hf_hub_download(self.name, path, repo_type=DATASET, revision=self.commit))

    def fetch(self, path: str, folder: Path) -> Path:
        """Bring a file to its path below a folder, going on where an earlier call was cut off, and return where it lies.

        Nothing is known of its bytes yet: the caller checks them.

        Raises:
            HubError: the Hub refused or failed.
        """
        from huggingface_hub import hf_hub_download

        with explained(f"{self.name}: {path}"):
            return Path(hf_hub_download(self.name, path, repo_type=DATASET, revision=self.commit, local_dir=folder))

    @contextmanager
    def opened(self, path: str) -> Iterator[BinaryIO]:
        """Give a file to seek and read in without fetching all of it.

        Raises:
            HubError: the Hub refused or failed.
        """
        from huggingface_hub import HfFileSystem

        with explained(f"{self.name}: {path}"):
            files = HfFileSystem(skip_instance_cache=True)
            with files.open(f"datasets/{self.name}@{self.commit}/{path}", "rb", block_size=_FOOTER_BLOCK) as file:
                yield file


def resolve(name: str, revision: str | None) -> HubDataset:
    """Return a dataset at the commit that a branch, a tag or a commit names now; without one, at the default branch.

    Raises:
        HubError: there is no such repository or revision, or the Hub refused or failed.
    """
    from huggingface_hub import HfApi

    with explained(f"{name}@{revision or 'default branch'}"):
        commit = HfApi().dataset_info(name, revision=revision).sha or ""
    return at_commit(name, revision, commit)


def at_commit(name: str, revision: str | None, commit: str) -> HubDataset:
    """Return a dataset at the commit that the Hub named for a revision.

    Raises:
        HubError: it is no commit, or not the one that was asked for.
    """
    pinned = revision is not None and _COMMIT.fullmatch(revision)
    if not _COMMIT.fullmatch(commit) or (pinned and commit != revision):
        expected = f"commit {revision}" if pinned else "a commit of 40 hexadecimal characters"
        raise HubError("the Hub named no usable commit", where=name, expected=expected, found=commit[:80])
    return HubDataset(name, commit)


def _stored_digest(entry: object) -> str | None:
    sha256 = getattr(getattr(entry, "lfs", None), "sha256", None)
    return sha256 if isinstance(sha256, str) and _SHA256.fullmatch(sha256) else None
