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

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from audit_logs import card, hashing, merkle, note, policy, tiles
from audit_logs import manifest as manifests
from audit_logs import trust as trusts
from audit_logs.case import Case, ExtraChecks, established
from audit_logs.errors import FormatError, Problem, VerificationError
from audit_logs.fields import instant
from audit_logs.files import FileInfo, Files, FolderFiles
from audit_logs.folder import CHECKPOINT, check_folder
from audit_logs.manifest import Disagreement
from audit_logs.note import VerifierKey
from audit_logs.replay import State, replay
from audit_logs.report import INCOMPLETE_CODES, STALE_CODES, WITHDRAWN_CODE, Fact, Failure, Freshness, Report
from audit_logs.seen import Seen
from audit_logs.telling import tell
from audit_logs.trust import Trust

__all__ = ["ExtraChecks", "Fact", "Failure", "FileInfo", "Files", "FolderFiles", "Freshness", "Report", "Seen", "replayed", "verify"]

_AHEAD_SECONDS = 300
_NOT_FATAL = INCOMPLETE_CODES | STALE_CODES | {WITHDRAWN_CODE}


@dataclass(frozen=True, slots=True)
class _Section:
    """A section of the specification: its check, and whether it needs a candidate."""

    check: Callable[[Case], Iterator[Failure]]
    needs_candidate: bool = False


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
    case = Case(files, trust, now, seen, extra_checks)
    case.listing = {info.path: info for info in files.names()}
    failures: list[Failure] = []
    for section in _SECTIONS:
        if section.needs_candidate and case.candidate is None:
            continue
        found = _outcome(section, case)
        failures += found
        if any(failure.code not in _NOT_FATAL for failure in found):
            break
    return tell(case, tuple(failures))


def replayed(files: Files, trust: bytes, *, now: datetime) -> State:
    """Return what a release's log says (13.1, 13.2 and 13.4), whatever became of the release.

    Raises:
        VerificationError: trust file or log do not hold.
        StoreError: the folder cannot be listed.
    """
    case = Case(files, trust, now, None, None)
    case.listing = {info.path: info for info in files.names()}
    for section in (_trust, _log, _replay):
        for failure in _outcome(_Section(section), case):
            if failure.code not in _NOT_FATAL:
                raise VerificationError(
                    "the log cannot be shown", where=failure.where, expected=failure.expected, found=failure.found, code=failure.code
                )
    return established(case.state)


def _outcome(section: _Section, case: Case) -> list[Failure]:
    """Return the failures of a section; a problem that stops it is its last one."""
    failures: list[Failure] = []
    try:
        failures.extend(section.check(case))
    except Problem as problem:
        failures.append(Failure(problem.code, problem.where, problem.expected or problem.what, problem.found))
    return failures


def _trust(case: Case) -> Iterator[Failure]:
    trust = trusts.read(case.trust_bytes)
    faults = [Failure(fault.code, fault.where, fault.expected, fault.found) for fault in trusts.faults(trust)]
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
        raise VerificationError(error.what, where=CHECKPOINT, expected=error.expected, found=error.found, code="checkpoint-form") from error
    witnesses = [VerifierKey.parse(auditor.witness) for auditor in trust.auditors]
    case.cosignatures = note.verify_signed(signed, VerifierKey.parse(trust.log.key), witnesses)
    names = [path.removeprefix("log/") for path in case.listing if path.startswith("log/") and path != CHECKPOINT]
    checkpoint = signed.checkpoint
    case.entries = tiles.check_tiles(checkpoint.size, checkpoint.root, names, lambda path, limit: case.read(f"log/{path}", limit))
    case.signed = signed
    yield from ()


def _continuity(case: Case) -> Iterator[Failure]:
    trust, seen = established(case.trust), case.seen
    if seen is not None and seen.origin == trust.log.origin:
        found = [*_trust_continues(trust, seen), *(_log_continues(case, seen) if seen.log_key == trust.log.key else ())]
        yield from found
        case.continues = not found
    else:
        case.continues = True


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
    if checkpoint.size < seen.size:
        yield Failure("log-rollback", CHECKPOINT, before, f"{checkpoint.size} entries with root {checkpoint.root.hex()}")
        return
    root = merkle.root([merkle.leaf_hash(entry) for entry in case.entries[: seen.size]]).hex()
    if root != seen.root:
        now = f"now {checkpoint.size} entries with root {checkpoint.root.hex()}"
        yield Failure("log-fork", CHECKPOINT, before, f"root {root} at size {seen.size}; {now}")


def _replay(case: Case) -> Iterator[Failure]:
    case.state = replay(case.entries, established(case.trust))
    for index, kind in case.state.unknown_types:
        yield Failure("unknown-type", f"log entry {index}", "a type that this verifier knows", kind)
    if case.state.superseded_by:
        yield Failure("superseded", "trust file", f"the newer trust file {case.state.superseded_by}", "the one it replaces")


def _manifest(case: Case) -> Iterator[Failure]:
    trust, state = established(case.trust), established(case.state)
    manifest = manifests.parse(case.read(manifests.PATH, manifests.LIMIT))
    case.manifest = manifest
    if manifest.name != trust.name:
        yield Failure("manifest-name", f"{manifests.PATH}.name", trust.name, manifest.name)
    yield from (_disagreement("manifest-arithmetic", item) for item in manifests.arithmetic(manifest))
    yield from (_disagreement("manifest-roots", item) for item in manifests.roots(manifest))
    case.candidate = state.candidates.get(manifest.digest)
    if case.candidate is None:
        yield Failure("no-candidate", "log", "a candidate statement for this manifest that stands", "none")


def _disagreement(code: str, item: Disagreement) -> Failure:
    return Failure(code, f"{manifests.PATH}.{item.where}", item.expected, item.found)


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
    heard = [VerifierKey.parse(auditor.witness) for auditor in trust.auditors if auditor.key not in state.withdrawn_keys]
    times = sorted((case.cosignatures[key] for key in heard if key in case.cosignatures), reverse=True)
    limit, quorum = trust.policy.fresh_seconds, trust.policy.quorum
    if len(times) < quorum:
        case.freshness = Freshness(None, limit, quorum, len(times))
        yield Failure("stale", CHECKPOINT, f"cosignatures by {quorum} witnesses", str(len(times)))
        return
    age = int(case.now.timestamp()) - times[quorum - 1]
    if age < -_AHEAD_SECONDS:
        case.freshness = Freshness(None, limit, quorum, len(times))
        yield Failure("cosignature-future", CHECKPOINT, "cosignatures from the past", f"{-age} seconds ahead of this clock")
        return
    case.freshness = Freshness(max(0, age), limit, quorum, len(times))
    if age > limit:
        yield Failure("stale", CHECKPOINT, f"cosignatures at most {limit} seconds old", f"{age} seconds")


_SECTIONS = (
    _Section(_trust),
    _Section(_log),
    _Section(_continuity),
    _Section(_replay),
    _Section(_manifest),
    _Section(check_folder),
    _Section(_files),
    _Section(_rows),
    _Section(_steps, needs_candidate=True),
    _Section(_previous, needs_candidate=True),
    _Section(_opinions, needs_candidate=True),
    _Section(_release),
    _Section(_freshness, needs_candidate=True),
)
