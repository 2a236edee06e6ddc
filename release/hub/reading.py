"""Reading from the Hub: a revision becomes a commit, and everything after that is of this commit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

from release.errors import HubError
from release.hub.failures import explained

DATASET = "dataset"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FOOTER_BLOCK = 256 << 10
_RETRIES = 3  # without a byte that is new
_PAUSE_SECONDS = 1


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
    """A dataset repository at one commit (40 hex).

    Attributes:
        name: owner/name.
        commit: 40 hex.
        ended: once it is set, what is under way ends; None where nothing ends it.
    """

    name: str
    commit: str
    ended: Event | None = field(default=None, compare=False, repr=False)

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

    def chunks(self, path: str, first: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Yield a file's bytes from `first` on as they come; with `end`, those of a half-open range and nothing else.

        A connection that was cut is made again, from where it was. Nothing is known of the bytes: the caller checks them.

        Raises:
            HubError: the Hub refused or failed, gave another part of the file than it was asked for, or `ended` was set.
        """
        from huggingface_hub import errors

        got, left = first, _RETRIES
        ended = self.ended or Event()
        with explained(f"{self.name}: {path}"):
            while True:
                try:
                    for chunk in _answer(self, path, got, end):
                        got, left = got + len(chunk), _RETRIES
                        _check_wanted(ended, self.name)
                        yield chunk
                except errors.HTTPError as error:  # type: ignore[attr-defined]  # as in `explained`
                    if isinstance(error, errors.HfHubHTTPError) or not left:
                        raise
                    left -= 1
                    ended.wait(_PAUSE_SECONDS)
                    _check_wanted(ended, self.name)
                else:
                    return

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


def _check_wanted(ended: Event, name: str) -> None:
    """End what nobody waits for any more.

    Raises:
        HubError: it was told to end; whoever told it says why.
    """
    if ended.is_set():
        raise HubError("it was given up", where=name)


def _answer(of: HubDataset, path: str, first: int, end: int | None) -> Iterator[bytes]:
    """Yield what one request for a part of a file, or for all of it, is answered with.

    Raises:
        HubError: it is another part.
    """
    from huggingface_hub import constants, hf_hub_url, utils

    url = hf_hub_url(of.name, path, repo_type=DATASET, revision=of.commit)
    asked = {"Accept-Encoding": "identity"}
    if first or end is not None:
        asked["Range"] = f"bytes={first}-{'' if end is None else end - 1}"
    headers = utils.build_hf_headers(headers=asked)  # type: ignore[attr-defined]  # documented, and not said to be exported; so below
    stream = partial(utils.http_stream_backoff, "GET", url, max_retries=_RETRIES, retry_on_exceptions=())  # type: ignore[attr-defined]
    with stream(headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        utils.hf_raise_for_status(response)  # type: ignore[attr-defined]
        skip = _skipped(response, first, end) if "Range" in asked else 0
        for chunk in response.iter_bytes():
            part, skip = chunk[skip:], max(0, skip - len(chunk))
            if part:
                yield part


def _skipped(response: Any, first: int, end: int | None) -> int:  # noqa: ANN401  (of the client's own HTTP library)
    """Return how many bytes come before those that were asked for: all, where the Hub knows no ranges and the rest was wanted.

    Raises:
        HubError: it gave another part.
    """
    told = str(response.headers.get("Content-Range", "none"))
    if response.status_code == HTTPStatus.PARTIAL_CONTENT and told.startswith(f"bytes {first}-{'' if end is None else f'{end - 1}/'}"):
        return 0
    if response.status_code == HTTPStatus.OK and end is None:
        return first
    found = f"status {response.status_code}, Content-Range {told}"[:100]
    raise HubError("the Hub gave another part of a file than it was asked for", expected=f"bytes from {first}", found=found)
