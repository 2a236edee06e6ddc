"""What comes after a release: statements are added to the line's one log, and published folders are brought up to date.

    1. find the newest copy of the log; refuse if another copy is no beginning of it, or if its key signed a newer one
    2. add what that copy holds and the new statements to the log of the folder at hand; void statements are refused
    3. put the new log into each published folder, in one step. Bad news does not wait: a release that is withdrawn, or no
       longer meets the policy, says so at once. One that still stands waits for the cosignatures without which it would not

A step that was done is not done again, so the same call can be repeated at any time. Only the log, the files of reports/ and
opinions/, and report.html change; data files are the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit_logs import policy
from audit_logs import trust as trusts
from audit_logs.files import FolderFiles
from audit_logs.log import Log
from audit_logs.manifest import Manifest
from audit_logs.replay import State, replay
from audit_logs.report import INCOMPLETE_CODES, STALE_CODES, WITHDRAWN_CODE, Report
from audit_logs.telling import tell
from audit_logs.trust import Trust
from audit_logs.verify import verify
from release import head, notices, store
from release.destination import PAGE, keep_cosignatures
from release.errors import GateError
from release.hubplace import HubDestination
from release.publish import Authority, waiting_for
from release.report import Writing
from release.report import report as report_page
from release.shelves import LOG, Shelf, check_shelf, lay_entries, manifest_of, opened, second_folder

TELLABLE = INCOMPLETE_CODES | STALE_CODES | {WITHDRAWN_CODE, "opinion-failed"}  # what the log alone can bring about
Statements = Callable[[State], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class Places:
    """Where the log lies.

    Attributes:
        folder: a candidate or published folder; the statements are added to its log.
        destinations: published folders, and repositories on the Hub, that get the new log.
        log_from: further folders that may hold the newest copy; they are only read.
    """

    folder: Path
    destinations: tuple[Path | HubDestination, ...] = ()
    log_from: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was done.

    Attributes:
        manifest: of the folder at hand.
        added: how many statements are new in the log.
        verdicts: what a stranger's verification says of each destination that has the new log.
        waiting: for each other one, organisations whose cosignature on the new checkpoint is still to come.
    """

    manifest: Manifest
    added: int
    verdicts: Mapping[Path | HubDestination, str]
    waiting: Mapping[Path | HubDestination, tuple[str, ...]]


def recall(places: Places, reason: str, authority: Authority, now: datetime) -> Recorded:
    """Log the withdrawal of the release in a folder, and republish the log.

    Raises:
        GateError: the folder's release was never logged as one (`not-released`), or as `record`.
        Problem: as `record`.
    """
    digest = manifest_of(places.folder).digest

    def withdrawal(state: State) -> Sequence[bytes]:
        found = [release for release in state.releases if release.manifest == digest]
        if not found:
            raise GateError(
                "what was never released cannot be recalled", where=str(places.folder), expected="a logged release", code="not-released"
            )
        if any(release.withdrawn is not None for release in found):
            return ()
        return (notices.release_withdrawn(digest, reason, authority.publisher, now),)

    return record(places, withdrawal, authority, now)


def record(places: Places, statements: Statements, authority: Authority, now: datetime) -> Recorded:
    """Add statements to the line's log, and bring published folders up to date.

    Args:
        places: where the log lies.
        statements: the bundles to add, given what the newest copy of the log says; those that it holds already are left out.
        authority: trust file and keys.
        now: the time.

    Raises:
        GateError: a copy of the log is no part of the newest one (`log-fork`), there is a newer one (`log-behind`), a statement
            would be void (its code), or a destination is not of this line (`destination`).
        Problem: a file cannot be read or written; each folder is as it was, or complete.
    """
    trust = trusts.parse(authority.trust)
    folder = places.folder
    destinations = tuple(place for place in places.destinations if not isinstance(place, Path) or place.resolve() != folder.resolve())
    with store.lock(folder), ExitStack() as open_shelves:
        manifest = manifest_of(folder)
        own = Log.open(folder / LOG, trust.log.key)
        shelves = [open_shelves.enter_context(opened(place, folder)) for place in destinations]
        copies = {path: path for path in (folder, *places.log_from)} | {shelf.place: shelf.record for shelf in shelves}
        newest = _newest(copies, trust)
        head.check(authority.head, own, newest)
        new = _new_statements(newest, statements, trust)
        added = [*newest[own.size :], *new]
        if added:
            _add(folder, added, authority, now)
        head.remember(authority.head, Log.open(folder / LOG, trust.log.key))
        outcomes = {shelf.place: _update(shelf, folder, authority.trust, now) for shelf in shelves}
    verdicts = {place: outcome for place, outcome in outcomes.items() if isinstance(outcome, str)}
    waiting = {place: outcome for place, outcome in outcomes.items() if not isinstance(outcome, str)}
    return Recorded(manifest, len(new), verdicts, waiting)


def _add(folder: Path, entries: Sequence[bytes], authority: Authority, now: datetime) -> None:
    """Add entries to a folder's log, so that readers see the folder as it was or as it is then."""
    trust = trusts.parse(authority.trust)
    with second_folder(folder) as staging:
        log = Log.open(staging / LOG, trust.log.key)
        log.append(entries, authority.log)
        lay_entries(staging, replay(log.entries(), trust))
        if (staging / PAGE).exists():
            found = tell(verify(FolderFiles(staging), authority.trust, now=now))
            store.write_file(staging / PAGE, report_page(found, Writing(now, trust.digest)))
        store.swap_folder(staging, folder.absolute())


def _newest(copies: Mapping[Path | HubDestination, Path], trust: Trust) -> list[bytes]:
    """Return the entries of the longest log, of which every other one must be a beginning."""
    found = {place: Log.open(folder / LOG, trust.log.key).entries() for place, folder in copies.items()}
    longest = max(found.values(), key=len)
    for place, entries in found.items():
        if longest[: len(entries)] != entries:
            raise GateError(
                "two copies of the log tell two histories",
                where=f"{place}/{LOG}",
                expected="a beginning of the longest copy",
                found="other entries",
                next_step="keep both copies; one line has one log, and no command goes on while there are two",
                code="log-fork",
            )
    return longest


def _new_statements(entries: list[bytes], statements: Statements, trust: Trust) -> list[bytes]:
    """Return what is not in the log yet, after checking that it would apply there."""
    known = set(entries)
    new = [raw for raw in statements(replay(entries, trust)) if raw not in known]
    voids = [void for void in replay([*entries, *new], trust).voids if void.index >= len(entries)] if new else []
    if voids:
        raise GateError(
            "a statement would be void in this log",
            where=f"statement {voids[0].index - len(entries) + 1} of {len(new)}",
            expected="one that its author may make, about something that is in the log",
            found=voids[0].code,
            next_step="docs/errors.md says what the code means; nothing was logged",
            code=voids[0].code,
        )
    return new


def _update(shelf: Shelf, folder: Path, trust_bytes: bytes, now: datetime) -> str | tuple[str, ...]:
    """Put the folder's log into a published copy and return the verdict there, or return for whom that waits."""
    trust = trusts.parse(trust_bytes)
    there, manifest = check_shelf(shelf, trust.log.key)
    with shelf.staged() as staging:
        store.copy_folder(folder / LOG, staging / LOG)
        log = Log.open(staging / LOG, trust.log.key)
        keep_cosignatures(log, there.signed, trust)
        state = replay(log.entries(), trust)
        lay_entries(staging, state)
        report, whole = shelf.verified(staging, trust_bytes, now)
        _check_tellable(report, shelf.place)
        if report.verdict != "verified" and _stands(manifest, state, trust):
            return waiting_for(manifest, state, log, trust) or _all_witnesses(trust)
        if whole:
            store.write_file(staging / PAGE, report_page(tell(report), Writing(now, trust.digest)))
        shelf.put(staging)
    return report.verdict


def _all_witnesses(trust: Trust) -> tuple[str, ...]:
    """Return every auditor: where a quorum has cosigned and is too old, any of them may do so anew."""
    return tuple(sorted(auditor.organisation for auditor in trust.auditors))


def _stands(manifest: Manifest, state: State, trust: Trust) -> bool:
    """Tell whether a release would be verified, if only the checkpoint had its cosignatures."""
    found = state.release_of(manifest.digest)
    news = state.superseded_by or state.unknown_types or policy.policy_gaps(manifest, state, trust)
    return found is not None and found.withdrawn is None and not news


def _check_tellable(report: Report, destination: Path | HubDestination) -> None:
    """Refuse to write a folder that is broken, which is not the same as one that has bad news to tell."""
    broken = [failure for failure in report.failures if failure.code not in TELLABLE]
    if broken:
        raise GateError(
            "the destination does not hold with the new log, so it stays as it is",
            where=str(destination),
            expected="a release whose files are those of its manifest",
            found=" | ".join(map(str, broken)),
            next_step="publish it again from its candidate",
            code="not-verified",
        )
