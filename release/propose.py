"""A candidate with its sealed evidence goes to its auditors: into a folder that they share, or a private repository of its own.

    1. the candidate has to hold, as far as it can before it is released; of reports and opinions only what is logged goes along
    2. the evidence is what `age` sealed, and nothing else lies beside it
    3. what stands there is an earlier state of a candidate of this line, and holds no report or opinion that is not here yet
    4. on the Hub: a repository that is not the release's, that the API reports private before and after each upload, and that
       nothing here ever opens

Running it again brings auditors the newest log; sealed evidence that is there already is not uploaded twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit_logs import trust as trusts
from audit_logs.files import FolderFiles
from audit_logs.log import Log
from audit_logs.manifest import Manifest
from audit_logs.note import SignedCheckpoint
from audit_logs.replay import replay
from audit_logs.report import INCOMPLETE_CODES, STALE_CODES, WITHDRAWN_CODE
from audit_logs.trust import Trust
from audit_logs.verify import verify
from release import store
from release.delivery import Contents, change, check_delivered, deliver, listed
from release.destination import NOT_OURS, PAGE, SEALED, FolderDestination, Ours, check_replaced, hidden, keep_cosignatures, not_ours
from release.errors import GateError, HubError
from release.hub import HubDataset, HubFile
from release.hubplace import EVIDENCE, HubDestination, check_private, fetched_record, new_private, standing_of, unmoved
from release.shelves import LOG, lay_entries, manifest_of

_TIERS = ("matches.age", "rows.age")
_AGE = b"age-encryption.org/v1\n"
_LEFT_OUT = (LOG, SEALED, PAGE, "reports", "opinions", *NOT_OURS)
_SUBMITTED = ("reports/", "opinions/")
_EXPECTED = (INCOMPLETE_CODES - {"no-candidate"}) | STALE_CODES | {WITHDRAWN_CODE, "opinion-failed"}


@dataclass(frozen=True, slots=True)
class Proposed:
    """What was proposed, where, and whether anything was written: False where all of it was there."""

    manifest: Manifest
    destination: Path | HubDestination
    written: bool


def propose(folder: Path, destination: Path | HubDestination, trust_bytes: bytes, now: datetime) -> Proposed:
    """Put a candidate and its sealed evidence where its auditors can fetch it.

    Args:
        folder: the candidate; it is not changed.
        destination: a folder, or a repository for candidates of this line.
        trust_bytes: the institution's trust file.
        now: the time.

    Raises:
        GateError: the candidate does not hold (`not-verified`), has no sealed evidence (`evidence`), or the destination is none for
            candidates of this line (`destination`), or holds what was not brought back yet (`opinion-waiting`).
        HubError: the repository is not private (`hub-public`), it moved, or the Hub refused or failed.
        Problem: a file cannot be read or written; what was there is as it was.
    """
    trust = trusts.parse(trust_bytes)
    with store.lock(folder):
        manifest = manifest_of(folder)
        log = Log.open(folder / LOG, trust.log.key)
        _check_evidence(folder / SEALED)
        given = _Given(folder, trust, trust_bytes, now, Ours(manifest, log.entries(), trust.log.key))
        written = given.to_folder(destination) if isinstance(destination, Path) else given.to_hub(destination)
        return Proposed(manifest, destination, written)


def _check_evidence(folder: Path) -> None:
    """Refuse a candidate without evidence, and one with anything in clear beside it.

    Raises:
        GateError: it is so (`evidence`).
    """
    found = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if len({(folder / name).stat().st_ino for name in found}) != len(found):
        raise _not_sealed(f"{folder}", "two names of one file")
    for name in found:
        with store.open_file(folder / name) as file:
            if name not in _TIERS or file.read(len(_AGE)) != _AGE:
                raise _not_sealed(f"{folder / name}", "something else")
    if "rows.age" not in found:
        raise _not_sealed(f"{folder}", ", ".join(found) or "nothing")


def _not_sealed(where: str, found: str) -> GateError:
    return GateError(
        "only sealed evidence goes to auditors, and it has to be there",
        where=where,
        expected=f"{' and '.join(_TIERS)}, as the build sealed them",
        found=found,
        next_step="take the candidate as it was built",
        code="evidence",
    )


@dataclass(frozen=True, slots=True)
class _Given:
    """The candidate's folder, under which trust file and when it is proposed, and its manifest and log."""

    folder: Path
    trust: Trust
    trust_bytes: bytes
    now: datetime
    ours: Ours

    def to_folder(self, place: Path) -> bool:
        """Swap the folder that is there, if any."""
        destination = FolderDestination(place)
        destination.check_apart(self.folder)
        with destination.held():
            there = None
            if place.exists():
                if not (place / SEALED).is_dir():
                    raise not_ours(place, "a published release, or something else")
                there = check_replaced(place, place, self.ours).signed
                self._check_brought(dict.fromkeys(_submitted(place)), place)
            with self._staged(place, there) as staging:
                if there is not None:
                    if _same(staging, place):
                        return False
                    self._check_brought(dict.fromkeys(_submitted(place)), place)  # copying took its time
                store.swap_folder(staging, place)
        return True

    def to_hub(self, place: HubDestination) -> bool:
        """Commit, into a repository that is private before and after."""
        repository, standing = place.repository, place.repository.standing()
        if place.name == self.ours.manifest.name:
            raise not_ours(place, "the name of the release itself; candidates need a repository of their own")
        there, signed = {}, None
        if standing is not None:
            check_private(repository, standing)
            there = listed(standing.head)
            signed = self._check_there(place, standing.head, there)
        with self._staged(self.folder, signed) as staging:
            contents = Contents.of(staging, self.ours.manifest)
            if standing is not None and not change(contents, there):
                return False
            current = new_private(repository) if standing is None else unmoved(repository, standing.head)
            check_private(repository, current)
            head = deliver(repository, current.head, change(contents, there), f"Candidate {self.ours.manifest.version}")
            _check_still_private(place)
            check_delivered(listed(head), contents, f"{place}, commit {head.commit}")
        return True

    def _check_there(self, place: HubDestination, head: HubDataset, there: Mapping[str, HubFile]) -> SignedCheckpoint | None:
        if any(tag.startswith("v") for tag in place.repository.refs().tags):
            raise not_ours(place, "a repository with published versions")
        if not there:
            return None
        if not any(path.startswith(EVIDENCE) for path in there):
            raise not_ours(place, "a published release, or something else")
        self._check_brought({path: file for path, file in there.items() if path.startswith(_SUBMITTED)}, place)
        with fetched_record(head, there) as record:
            return check_replaced(record, place, self.ours).signed

    def _check_brought(self, there: Mapping[str, HubFile | None], place: Path | HubDestination) -> None:
        """Refuse to replace what an auditor laid there and nobody has brought back.

        Raises:
            GateError: there is a report or opinion that the candidate's folder has not (`opinion-waiting`).
        """
        mine = Contents.of(self.folder)
        for path, file in there.items():
            known = path in mine.files and (mine.has(file) if file else _equal(Path(str(place)) / path, mine.files[path]))
            if not known:
                raise GateError(
                    "an auditor's report or opinion there was not brought back yet",
                    where=f"{place}: {path!a}",
                    expected=f"the same file in {self.folder}",
                    found="none",
                    next_step=f"release opinion add {self.folder} {place}",
                    code="opinion-waiting",
                )

    @contextmanager
    def _staged(self, beside: Path, there: SignedCheckpoint | None) -> Iterator[Path]:
        """Give the candidate with its logged reports and opinions and its evidence, after checking that it holds."""
        with hidden(beside.absolute()) as staging:
            copy = store.link_folder if beside == self.folder else store.copy_folder
            copy(self.folder, staging, leave_out=_LEFT_OUT)
            store.copy_folder(self.folder / LOG, staging / LOG)
            log = Log.open(staging / LOG, self.ours.log_key)
            if there is not None:
                keep_cosignatures(log, there, self.trust)
            lay_entries(staging, replay(self.ours.entries, self.trust))
            store.write_file(staging / "trust.json", self.trust_bytes)
            self._check_holds(staging)
            copy(self.folder / SEALED, staging / SEALED)
            _check_evidence(staging / SEALED)  # what is there now is what goes
            yield staging

    def _check_holds(self, staging: Path) -> None:
        report = verify(FolderFiles(staging), self.trust_bytes, now=self.now)
        broken = [failure for failure in report.failures if failure.code not in _EXPECTED]
        if broken:
            raise GateError(
                "the candidate does not hold, so no auditor can speak of it",
                where=str(self.folder),
                expected="log, manifest, files and steps that hold",
                found=" | ".join(map(str, broken)),
                next_step="build it again",
                code="not-verified",
            )


def _submitted(folder: Path) -> list[str]:
    return [info.path for info in FolderFiles(folder).names() if info.path.startswith(_SUBMITTED)]


def _same(one: Path, other: Path) -> bool:
    """Tell whether two folders hold the same files."""
    mine, theirs = Contents.of(one).files, Contents.of(other).files
    return mine.keys() == theirs.keys() and all(_equal(mine[path], theirs[path]) for path in mine)


def _equal(one: Path, other: Path) -> bool:
    return store.file_sha256(one) == store.file_sha256(other)


def _check_still_private(place: HubDestination) -> None:
    if not standing_of(place.repository).private:
        raise HubError(
            "the repository was made public while the candidate was uploaded",
            where=str(place),
            expected="private",
            found="public, by what the API says",
            next_step="make it private at once, and consider who may have fetched the sealed evidence",
            code="hub-public",
        )
