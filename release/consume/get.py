"""`release get`: a verified copy of a release on the Hub under a name of one's own, and later the newest one in its place."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from audit_logs import contact
from audit_logs import manifest as manifests
from audit_logs.errors import Problem, StoreError, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.folder import CHECKPOINT, OUTSIDE_THE_PROOF, is_tolerated
from audit_logs.manifest import Manifest
from audit_logs.report import Report
from release import store
from release.checks import outside, remembered
from release.consume import changes
from release.consume.arriving import is_full, unwritten
from release.consume.changes import Changes
from release.consume.fetch import RELEASE, Fetched, Wish, fetch
from release.errors import UsageError

_MENDED = ("file-digest", "file-size")  # one file came wrong, and is fetched again by the next run
_OURS = re.compile(
    r"log/checkpoint|log/tile/(entries|[0-9]{1,2})/(x[0-9]{3}/)*[0-9]{3}(\.p/[0-9]{1,3})?|(attestations|reports|opinions)/[^/]+\.sigstore\.json"
)


@dataclass(frozen=True, slots=True)
class Got:
    """What came of it.

    Attributes:
        report: what the verification said.
        folder: the release; None where it was not accepted: what was there before is as it was.
        changes: against the release that was there before; None without one.
        notes: what could not be remembered, and whether a trust file was pinned.
    """

    report: Report
    folder: Path | None
    changes: Changes | None
    notes: tuple[str, ...]


def get(wish: Wish, out: Path) -> Got:
    """Fetch a release, verify all of it, and only then let it appear; where it is there already, replace it by the newest.

    Raises:
        UsageError: something else stands at `out`.
        HubError: the Hub refused or failed; the same call goes on where it was.
        VerificationError: the Hub gave other files than the manifest names.
        Problem: the trust file cannot be read, or a folder not be written.
    """
    place = out.absolute()
    _ours(place)  # before anything is made beside it
    with _hidden(place) as staging:
        before = _ours(place)
        fetched = fetch(wish, staging, {} if before is None else _files(place, before))
        if not fetched.whole or not wish.accepts(fetched.report):
            shutil.rmtree(staging, ignore_errors=True)
            return Got(fetched.report, None, None, ())
        before = _ours(place)  # that took its time, and somebody may have laid something there
        after = fetched.report.manifest
        if before is not None and after is not None and before.name != after.name:
            raise UsageError("there is another dataset's release here", where=str(out), expected=after.name, found=before.name)
        new = staging / RELEASE
        told = None if before is None else changes.between((place, before), (new, fetched.report), fetched.chosen.data)
        _place(new, place)
        shutil.rmtree(staging, ignore_errors=True)
    return Got(fetched.report, out, told, tuple(_remember(fetched, place)))


def _ours(place: Path) -> Manifest | None:
    """Return the manifest of the release that stands there, None if nothing does.

    Raises:
        UsageError: it is something else, or holds files that are not the release's: they would be lost.
    """
    _check_place(place)
    if not place.exists():
        return None
    step = "name another --out, or move that one away"
    try:
        manifest = manifests.parse(store.read_file(place / manifests.PATH, manifests.LIMIT))
    except Problem as problem:
        raise UsageError(
            "there is something here that is no release", where=str(place), expected="a release, or nothing", next_step=step
        ) from problem
    known = {manifests.PATH, *OUTSIDE_THE_PROOF, *(entry.path for entry in manifest.files), *(shard.path for shard in manifest.shards)}
    for info in FolderFiles(place).names():
        if info.special or not _belongs(info.path, known):
            raise UsageError("a file here is not the release's, and would be lost", where=f"{place}: {info.path!a}", next_step=step)
    return manifest


def _check_place(place: Path) -> None:
    """Refuse a place within another release, and a link."""
    for folder in place.resolve().parents:
        if (folder / manifests.PATH).is_file() and (folder / CHECKPOINT).is_file():
            step = "name a place outside of it"
            raise UsageError("the copy would lie inside another release, and spoil it", where=str(place), found=str(folder), next_step=step)
    if place.is_symlink():
        raise UsageError("--out is a symbolic link", where=str(place), expected="a folder, or nothing", next_step="name the folder itself")


def _belongs(path: str, known: Collection[str]) -> bool:
    return path in known or _OURS.fullmatch(path) is not None or is_tolerated(path)


def _files(place: Path, manifest: Manifest) -> Mapping[str, Path]:
    found = {entry.sha256: place / entry.path for entry in manifest.files}
    return found | {shard.sha256: place / shard.path for shard in manifest.shards}


@contextmanager
def _hidden(place: Path) -> Iterator[Path]:
    """Give a hidden folder, its user's alone, that stays where a run is cut off, for the next one to go on with."""
    store.make_folder(place.parent)
    staging = place.parent / f".{place.name}.getting"
    lock = place.parent / f".{place.name}.lock"
    with store.lock(lock):
        try:
            store.make_private_folder(staging)
            yield staging
        except VerificationError as error:
            if error.code not in _MENDED:  # a lie about the whole; what was fetched by it is worth nothing
                shutil.rmtree(staging, ignore_errors=True)
            raise
        except OSError as error:
            raise unwritten(error, place) from error
        except StoreError as error:
            if is_full(error.__cause__):  # what was fetched is what fills it
                shutil.rmtree(staging, ignore_errors=True)
            raise
        finally:
            for folder in (staging / RELEASE, staging):
                with suppress(OSError):  # something came, for the next run to go on with
                    folder.rmdir()
            lock.unlink(missing_ok=True)


def _place(new: Path, place: Path) -> None:
    if place.exists():
        store.swap_folder(new, place)
    else:
        store.place_folder(new, place)


def _remember(fetched: Fetched, place: Path) -> Iterator[str]:
    """Pin a trust file of first contact, and remember the log; yield what a person has to know of it."""
    chosen, state = fetched.chosen, fetched.chosen.state
    try:
        if said := contact.pin(chosen, fetched.report):
            yield said
        if state is not None:
            remembered.write(outside(state, place, "the state file"), fetched.report, remembered.read(state))
    except (StoreError, UsageError) as problem:
        yield f"nothing is remembered of the log: {problem}"
