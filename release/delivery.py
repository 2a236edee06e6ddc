"""A folder becomes one commit on the Hub, which is then read back.

What is there already with the same bytes is not sent again, so that a call that was cut off can be repeated: large files that
arrived are not uploaded twice, and a commit that was made is found, not made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audit_logs.errors import VerificationError
from audit_logs.fields import is_path
from audit_logs.files import FolderFiles
from audit_logs.folder import is_tolerated
from audit_logs.manifest import Manifest
from release import store
from release.errors import HubError
from release.hub import Change, HubDataset, HubFile, Repository

_SHOWN = 3
_SMALL = 64 << 20  # the Hub keeps larger files in large-file storage, whatever their name


@dataclass(frozen=True, slots=True)
class Contents:
    """The files of a folder: path -> place. None of them changes while it is delivered."""

    files: Mapping[str, Path]
    _digests: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, verified: Manifest | None = None) -> Contents:
        """Return all files of a folder but those that are not the release's and no fault.

        Args:
            folder: the folder.
            verified: the manifest by which it was just verified, whose digests are then not computed again.
        """
        paths = [info.path for info in FolderFiles(folder).names() if not info.special]
        made = cls({path: folder / path for path in paths if not is_tolerated(path)})
        if verified is not None:
            made._digests.update({(str(folder / entry.path), "sha256"): entry.sha256 for entry in verified.files})
            made._digests.update({(str(folder / shard.path), "sha256"): shard.sha256 for shard in verified.shards})
        return made

    def has(self, file: HubFile) -> bool:
        """Tell whether a file of the Hub has the bytes of the one here, by what the Hub says of it: a size and a digest."""
        path = self.files[file.path]
        if path.stat().st_size != file.bytes:
            return False
        if file.sha256 is not None:
            return self._digest(path, "sha256") == file.sha256
        return file.git is not None and file.bytes <= _SMALL and self._digest(path, "git") == file.git

    def _digest(self, path: Path, kind: str) -> str:
        known = self._digests.get((str(path), kind))
        if known is None:
            known = store.file_sha256(path) if kind == "sha256" else _git(store.read_file(path, _SMALL))
            self._digests[str(path), kind] = known
        return known


def _git(data: bytes) -> str:
    """Return the name that Git gives to the bytes of a file: SHA-1 over a header with their number, and the bytes."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def listed(dataset: HubDataset) -> dict[str, HubFile]:
    """Return the files of a commit but those that are not the release's and no fault.

    Raises:
        VerificationError: a name is no path (`folder-name`).
        HubError: the Hub refused or failed.
    """
    found = {}
    for file in dataset.files():
        if not is_path(file.path):
            raise VerificationError("the Hub lists a file whose name is no path", where=ascii(file.path)[:100], code="folder-name")
        if not is_tolerated(file.path):
            found[file.path] = file
    return found


def change(contents: Contents, there: Mapping[str, HubFile]) -> Change:
    """Return what makes the files that are there those of `contents`, and no others."""
    new = {path: place for path, place in contents.files.items() if path not in there or not contents.has(there[path])}
    return Change(new, sorted(there.keys() - contents.files.keys()))


def deliver(repository: Repository, parent: HubDataset, made: Change, message: str) -> HubDataset:
    """Write a commit upon a parent, and return it once it is the newest one.

    Raises:
        HubError: the repository moved (`hub-moved`), or the Hub refused or failed.
    """
    commit = repository.commit(parent, made, message)
    now = repository.standing()
    if now is None or now.head.commit != commit:
        raise HubError(
            "the repository moved right after it was written",
            where=repository.name,
            expected=f"commit {commit}",
            found="none" if now is None else f"commit {now.head.commit}",
            next_step="find out who writes there, then run again",
            code="hub-moved",
        )
    return now.head


def check_delivered(there: Mapping[str, HubFile], contents: Contents, where: str) -> None:
    """Compare what was read back (paths, sizes and digests as the API has them) with the files here.

    Raises:
        HubError: they differ (`hub-other`).
    """
    left = change(contents, there)
    wrong = sorted([*left.files, *left.gone])
    if wrong:
        raise HubError(
            "the Hub holds other files than were sent, so they get no tag and stay unopened",
            where=where,
            expected="the files that were verified here",
            found=", ".join(map(ascii, wrong[:_SHOWN])) + (" and more" if len(wrong) > _SHOWN else ""),
            next_step="run again; if that does not help, look at the repository on the Hub",
            code="hub-other",
        )
