"""Verifying a release: bytes in, verdict out. Source: docs/SPEC.md sections 13 and 14.

Nothing here reads a clock, uses the network or writes. The caller gives the release's files, the trust file's bytes, the
time, and what was seen of the log before. The rules, in order; the first section that fails decides, its faults are all reported:

    13.1   the trust file follows its rules and has not expired
    13.2   the checkpoint is this log's; every line is by a trusted key and holds; tiles and bundles are its own
    13.3   the log continues what was seen of it before, and so does the trust file
    13.4   every entry is replayed; an unknown type or a newer trust file makes the verdict incomplete
    13.5   the manifest has its form, its name, numbers and roots that agree, and a candidate in the log
    13.6   the folder holds what it may hold; attestations, reports and opinions are the log's entries, byte for byte
    13.7   every file has its size and digest (data is hashed here, before anything parses it); the card's head names the data
    13.8   rows: the caller's `extra_checks`, for which the standard library does not suffice
    13.9   steps: names, plan, chain, counts, canaries, age of the lists
    13.10  the release follows the one before it in the log
    13.11  enough auditors passed it, none failed it, and each cosigned this checkpoint
    13.12  the institution released it by those opinions, and has not withdrawn it
    13.13  the quorum of cosignatures is fresh

13.9 to 13.13 need a candidate and are left out where there is none: the verdict is then `incomplete` at best.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from audit_logs import card, hashing, merkle, note, policy, tiles
from audit_logs import manifest as manifests
from audit_logs import trust as trusts
from audit_logs.case import Case, ExtraChecks, Freshness, established
from audit_logs.errors import Failure, FormatError, Problem, VerificationError
from audit_logs.fields import instant
from audit_logs.files import FileInfo, Files, FolderFiles
from audit_logs.folder import CHECKPOINT, check_folder
from audit_logs.note import VerifierKey
from audit_logs.replay import State, replay
from audit_logs.report import NOT_FATAL, Report
from audit_logs.seen import Seen
from audit_logs.trust import Trust

__all__ = ["ExtraChecks", "Failure", "FileInfo", "Files", "FolderFiles", "Freshness", "Report", "Seen", "recorded", "replayed", "verify"]

_AHEAD_SECONDS = 300
_Section: TypeAlias = Callable[[Case], Iterator[Failure]]


def verify(files: Files, trust: bytes, *, now: datetime, seen: Seen | None = None, extra_checks: ExtraChecks | None = None) -> Report:
    """Return what can be said of a release; a release that fails is a report too.

    Args:
        files: the release.
        trust: the pinned trust file's bytes, never the release's own copy.
        now: the time, aware.
        seen: what was remembered of the log.
        extra_checks: the checks of 13.8.

    Raises:
        StoreError: the folder cannot be listed.
    """
    return _run(_SECTIONS, Case(files, trust, now, seen, extra_checks))


def replayed(files: Files, trust: bytes, *, now: datetime) -> State:
    """Return what a release's log says (13.1, 13.2 and 13.4), whatever became of the release.

    Raises:
        VerificationError: trust file or log do not hold.
        StoreError: the folder cannot be listed.
    """
    report = _run((_trust, _log, _replay), Case(files, trust, now))
    for failure in report.failures:
        if failure.code not in NOT_FATAL:
            raise failure.problem(VerificationError, "the log cannot be shown")
    return established(report.state)


def recorded(files: Files, trust: bytes, *, now: datetime, seen: Seen | None = None) -> Report:
    """Return what manifest and log alone say of a release (13.1 to 13.5 and 13.9 to 13.13), not a report to tell facts from.

    Args:
        files: the release, or its manifest and log.
        trust: as in `verify`; so are `now` and `seen`, without which 13.3 has nothing to compare with.
        now: the time, aware.
        seen: what was remembered of the log.

    Raises:
        StoreError: the folder cannot be listed.
    """
    return _run((*_SECTIONS[:5], *_SECTIONS[8:]), Case(files, trust, now, seen))  # none that looks at files


def _run(sections: Sequence[_Section], case: Case) -> Report:
    """Check section after section, until one fails."""
    case.listing = {info.path: info for info in case.files.names()}
    failures: list[Failure] = []
    for section in sections:
        if section in _OF_A_CANDIDATE and case.candidate is None:
            continue
        failures += _outcome(section, case)
        if any(failure.code not in NOT_FATAL for failure in failures):
            break
    return Report(tuple(failures), case)


def _outcome(section: _Section, case: Case) -> list[Failure]:
    """Return the failures of a section; a problem that stops it is its last one."""
    failures: list[Failure] = []
    try:
        failures.extend(section(case))
    except Problem as problem:
        failures.append(Failure.of(problem))
    return failures


def _trust(case: Case) -> Iterator[Failure]:
    trust = trusts.read(case.trust_bytes)
    faults = list(trusts.faults(trust))
    yield from faults
    if case.now > instant(trust.expires):
        yield Failure("trust-expired", "trust file", f"a time before {trust.expires}", "a later one")
    if not faults:
        case.trust = trust


def _log(case: Case) -> Iterator[Failure]:
    trust = established(case.trust)
    try:
        signed = note.parse_signed(case.read(CHECKPOINT, note.MAX_CHECKPOINT))
    except FormatError as error:
        raise error.recast(VerificationError, where=CHECKPOINT, code="checkpoint-form") from error
    witnesses = [VerifierKey.parse(auditor.witness) for auditor in trust.auditors]
    case.cosignatures = note.verify_signed(signed, VerifierKey.parse(trust.log.key), witnesses)
    names = [path.removeprefix("log/") for path in case.listing if path.startswith("log/") and path != CHECKPOINT]
    checkpoint = signed.checkpoint
    case.entries = tiles.check_tiles(checkpoint.size, checkpoint.root, names, lambda path, limit: case.read(f"log/{path}", limit))
    case.signed = signed
    yield from ()


def _continuity(case: Case) -> Iterator[Failure]:
    trust, seen, found = established(case.trust), case.seen, []
    if seen is not None and seen.origin == trust.log.origin:
        found = [*_trust_continues(trust, seen), *(_log_continues(case, seen) if seen.log_key == trust.log.key else ())]
    case.continues = not found
    yield from found


def _trust_continues(trust: Trust, seen: Seen) -> Iterator[Failure]:
    """A trust file that was replaced does not come back, and the one that follows names it."""
    last = seen.trust
    if last is None:
        return
    if trust.version < last.version:
        yield Failure("trust-rollback", "trust file", f"version {last.version} or a later one, as seen before", f"version {trust.version}")
    named = {last.version: trust.digest, last.version + 1: trust.previous}.get(trust.version, last.sha256)
    if named != last.sha256:
        yield Failure("trust-fork", "trust file", f"version {last.version} with sha256 {last.sha256}, as seen before", str(named))


def _log_continues(case: Case, seen: Seen) -> Iterator[Failure]:
    checkpoint = established(case.signed).checkpoint
    before = f"{seen.size} entries with root {seen.root}, as seen before"
    now = f"{checkpoint.size} entries with root {checkpoint.root.hex()}"
    root = merkle.root([merkle.leaf_hash(entry) for entry in case.entries[: seen.size]]).hex()
    if checkpoint.size < seen.size:
        yield Failure("log-rollback", CHECKPOINT, before, now)
    elif root != seen.root:
        yield Failure("log-fork", CHECKPOINT, before, f"root {root} at size {seen.size}; now {now}")


def _replay(case: Case) -> Iterator[Failure]:
    case.state = replay(case.entries, established(case.trust))
    for index, kind in case.state.unknown_types:
        yield Failure("unknown-type", f"log entry {index}", "a type that this verifier knows", kind)
    if case.state.superseded_by:
        yield Failure("superseded", "trust file", f"the newer trust file {case.state.superseded_by}", "the one it replaces")


def _manifest(case: Case) -> Iterator[Failure]:
    trust, state = established(case.trust), established(case.state)
    manifest = manifests.parse(case.read(manifests.PATH, manifests.LIMIT))
    case.manifest, case.candidate = manifest, state.candidates.get(manifest.digest)
    if manifest.name != trust.name:
        yield Failure("manifest-name", f"{manifests.PATH}.name", trust.name, manifest.name)
    yield from manifests.arithmetic(manifest)
    yield from manifests.roots(manifest)
    if case.candidate is None:
        yield policy.NO_CANDIDATE


def _files(case: Case) -> Iterator[Failure]:
    manifest = established(case.manifest)
    failures = list(hashing.check_files(manifest, case.files))
    yield from failures or card.check_card(manifest, case.read(card.PATH, card.LIMIT))


def _rows(case: Case) -> Iterator[Failure]:
    if case.extra_checks is not None:
        yield from case.extra_checks(established(case.manifest), case.files)


def _steps(case: Case) -> Iterator[Failure]:
    yield from policy.check_steps(established(case.manifest), established(case.candidate), established(case.trust))


def _previous(case: Case) -> Iterator[Failure]:
    yield from policy.check_previous(established(case.manifest), established(case.candidate), established(case.state))


def _opinions(case: Case) -> Iterator[Failure]:
    trust = established(case.trust)
    cosigned = {auditor.organisation for auditor in trust.auditors if VerifierKey.parse(auditor.witness) in case.cosignatures}
    case.weighed = policy.weigh(established(case.candidate), trust, cosigned)
    yield from policy.check_opinions(case.weighed, trust)


def _release(case: Case) -> Iterator[Failure]:
    yield from policy.check_release(established(case.manifest), established(case.state), case.weighed, established(case.trust))


def _freshness(case: Case) -> Iterator[Failure]:
    """Judge the age of the quorum; a witness whose auditor's key was withdrawn is not heard."""
    trust, state = established(case.trust), established(case.state)
    heard = [VerifierKey.parse(auditor.witness) for auditor in trust.auditors if auditor.key not in state.key_withdrawals]
    times = sorted((case.cosignatures[key] for key in heard if key in case.cosignatures), reverse=True)
    limit, quorum = trust.policy.fresh_seconds, trust.policy.quorum
    age = int(case.now.timestamp()) - times[quorum - 1] if len(times) >= quorum else None
    is_known = age is not None and age >= -_AHEAD_SECONDS
    case.freshness = Freshness(max(0, age) if age is not None and is_known else None, limit, quorum, len(times))
    if age is None:
        yield Failure("stale", CHECKPOINT, f"cosignatures by {quorum} witnesses", str(len(times)))
    elif not is_known:
        yield Failure("cosignature-future", CHECKPOINT, "cosignatures from the past", f"{-age} seconds ahead of this clock")
    elif age > limit:
        yield Failure("stale", CHECKPOINT, f"cosignatures at most {limit} seconds old", f"{age} seconds")


_SECTIONS: tuple[_Section, ...] = (
    *(_trust, _log, _continuity, _replay, _manifest),
    *(check_folder, _files, _rows),
    *(_steps, _previous, _opinions, _release, _freshness),
)
_OF_A_CANDIDATE = (_steps, _previous, _opinions, _freshness)
