"""Where a release is put: a folder of this machine, which changes in one step, or another place that can do as much.

A destination is asked twice: whether it may take what is to come, before anything is written, and then to take it, verified.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from audit_logs import fields, note
from audit_logs import manifest as manifests
from audit_logs.errors import Problem
from audit_logs.log import Log
from audit_logs.manifest import Manifest
from audit_logs.note import SignedCheckpoint, VerifierKey
from audit_logs.trust import Trust
from release import store
from release.errors import GateError

PAGE = "report.html"
SEALED = "evidence"
NOT_OURS = (".cache", ".gitattributes")  # what clients of the Hub lay into a folder; nothing of it goes anywhere


@dataclass(frozen=True, slots=True)
class Ours:
    """What is to come: the manifest, the log with it, and the log's vkey."""

    manifest: Manifest
    entries: Sequence[bytes]
    log_key: str


@dataclass(frozen=True, slots=True)
class Placing:
    """What puts a folder in its place, and returns what is to be said of that, or ""; and the checkpoint that stands there now."""

    put: Callable[[Path], str]
    there: SignedCheckpoint | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    """What a destination holds: its manifest, and its signed checkpoint."""

    manifest: Manifest
    signed: SignedCheckpoint


class Destination(Protocol):
    """A place for a release; `str()` of it is how a person names it."""

    def check_apart(self, folder: Path) -> None:
        """Refuse a candidate's folder that has something to do with this place.

        Raises:
            GateError: it has.
        """

    def held(self) -> AbstractContextManager[object]:
        """Keep others away while it is written."""

    def check(self, ours: Ours) -> Placing:
        """Return what puts a verified folder there; refuse to replace anything but an earlier state of this very line.

        Raises:
            GateError: something else is there.
        """

    def staged(self, folder: Path, leave_out: Collection[str]) -> AbstractContextManager[Path]:
        """Give a hidden folder with the files of `folder`, which is gone afterwards, and with it what earlier ones left."""


@dataclass(frozen=True, slots=True)
class FolderDestination:
    """A folder."""

    path: Path

    def __str__(self) -> str:
        """Return its path."""
        return str(self.path)

    def check_apart(self, folder: Path) -> None:
        """Refuse a destination that would replace the candidate, lie in it, or swallow it."""
        here, there = folder.resolve(), self.path.resolve()
        if here == there or here in there.parents or there in here.parents:
            raise not_ours(self.path, "the candidate itself, a folder within it, or one that it lies in")
        if not self.path.parent.is_dir():
            raise GateError(
                "the destination has no folder to stand in", where=str(self.path.parent), next_step="make it", code="destination"
            )

    def held(self) -> AbstractContextManager[object]:
        """Lock the folder around it."""
        return store.lock(self.path.parent)

    def check(self, ours: Ours) -> Placing:
        """Return the swap of folders."""
        there = check_replaced(self.path, self.path, ours).signed if self.path.exists() else None

        def put(staging: Path) -> str:
            store.swap_folder(staging, self.path)
            return ""

        return Placing(put, there)

    @contextmanager
    def staged(self, folder: Path, leave_out: Collection[str]) -> Iterator[Path]:
        """Copy: the destination may be on another file system."""
        with hidden(self.path) as staging:
            store.copy_folder(folder, staging, leave_out=(*leave_out, *NOT_OURS))
            yield staging


@contextmanager
def hidden(path: Path) -> Iterator[Path]:
    """Give a name beside a folder for something that is made there; what stands under it goes, also what earlier runs left."""
    for leftover in path.parent.glob(f".{path.name}.*.publishing"):
        shutil.rmtree(leftover, ignore_errors=True)
    staging = path.parent / f".{path.name}.{secrets.token_hex(8)}.publishing"
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def check_replaced(folder: Path, where: object, ours: Ours) -> Replaced:
    """Return what a folder with log and manifest holds, if it is an earlier state of this very line.

    Raises:
        GateError: it is something else (`destination`).
    """
    try:
        log = Log.open(folder / "log", ours.log_key)
        there = log.entries()
        replaced = manifests.parse(store.read_file(folder / manifests.PATH, manifests.LIMIT))
    except Problem as error:
        raise not_ours(where, "something else") from error
    if list(ours.entries[: len(there)]) != there:
        raise not_ours(where, "a log that this one does not continue")
    if fields.version_key(replaced.version) > fields.version_key(ours.manifest.version):
        raise not_ours(where, f"version {replaced.version}")
    return Replaced(replaced, log.signed)


def keep_cosignatures(log: Log, there: SignedCheckpoint, trust: Trust) -> tuple[str, ...]:
    """Take over what witnesses signed on another copy of a log's checkpoint, if it is the same one; return by whom that was new.

    Raises:
        VerificationError: a witness's line does not hold.
        StoreError: the checkpoint could not be written.
    """
    new = []
    for auditor in trust.auditors if there.checkpoint == log.signed.checkpoint else ():
        key = VerifierKey.parse(auditor.witness)
        known, other = note.verify_cosignature(log.signed, key), note.verify_cosignature(there, key)
        if other is not None and (known is None or other > known):
            log.add_cosignature(next(line.text for line in there.lines if line.is_by(key)), key)
            new.append(auditor.organisation)
    return tuple(new)


def not_ours(destination: object, found: str) -> GateError:
    """Return the refusal to replace what is no earlier state of this line."""
    return GateError(
        "the destination cannot be replaced",
        where=str(destination),
        expected="nothing, or an earlier release of this line",
        found=found,
        next_step="name another destination",
        code="destination",
    )
