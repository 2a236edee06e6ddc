"""The gate: a candidate becomes a release only when the institution's own trust policy holds, and never half.

    1. log the reports and opinions that auditors laid into the folder: they are the record, also where they say FAILED
    2. refuse, naming everything that the policy misses
    3. log the release statement and sign a checkpoint
    4. wait for the cosignatures of the auditors whose opinions count; name them
    5. run again: verify a copy as a stranger would, then put it in the destination's place in one step

A step that was done is not done again, so the command can be repeated at any time.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit_logs import fields, note, policy, statement
from audit_logs import keys as signing
from audit_logs import manifest as manifests
from audit_logs import trust as trusts
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.errors import Failure, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.keys import Signer
from audit_logs.log import Log
from audit_logs.manifest import Manifest
from audit_logs.note import SignedCheckpoint, VerifierKey
from audit_logs.replay import State, replay
from audit_logs.report import Report
from audit_logs.statement import Release, Statement
from audit_logs.telling import tell
from audit_logs.trust import Trust
from audit_logs.verify import verify
from release import head, store
from release.destination import PAGE, SEALED, Destination, FolderDestination, Ours, Placing, keep_cosignatures
from release.errors import GateError
from release.report import Writing
from release.report import report as report_page


@dataclass(frozen=True, slots=True)
class Authority:
    """In whose name a candidate is published: the trust file's bytes, the publishing key, the log's key and what that signed last."""

    trust: bytes
    publisher: Signer
    log: Signer
    head: Path


@dataclass(frozen=True, slots=True)
class Published:
    """How far publication is.

    Attributes:
        manifest: the release's manifest.
        destination: where it was written, or None while it waits.
        waiting_for: organisations whose cosignature on the new checkpoint is still to come.
        report: what a stranger's verification of the destination says, or None while it waits.
        remark: what the destination has to say, or "".
    """

    manifest: Manifest
    destination: Path | Destination | None
    waiting_for: tuple[str, ...]
    report: Report | None
    remark: str = ""


def publish(folder: Path, destination: Path | Destination, authority: Authority, now: datetime) -> Published:
    """Take a candidate as far towards its destination as the policy allows.

    Args:
        folder: the candidate.
        destination: a folder or another place; what it held before is replaced in one step.
        authority: trust file and keys.
        now: the time.

    Raises:
        GateError: the policy does not hold, or the destination holds another line or a later version.
        Problem: the log cannot be continued, or a file cannot be written; the destination is as it was.
    """
    trust = trusts.parse(authority.trust)
    place = FolderDestination(destination) if isinstance(destination, Path) else destination
    place.check_apart(folder)
    with store.lock(folder):
        manifest = manifests.parse(store.read_file(folder / manifests.PATH, manifests.LIMIT))
        log = Log.open(folder / "log", trust.log.key)
        head.check(authority.head, log, log.entries())
        state = _log_opinions(folder, log, trust, authority.log)
        if state.release_of(manifest.digest) is None:
            _release(manifest, log, state, (trust, authority), now)
            state = replay(log.entries(), trust)
            head.remember(authority.head, log)
        waiting = waiting_for(manifest, state, log, trust)
        if waiting:
            return Published(manifest, None, waiting, None)
        with place.held():
            placing = place.check(Ours(manifest, log.entries(), trust.log.key))
            report, remark = _write(folder, place, placing, (authority.trust, now))
            return Published(manifest, destination, (), report, remark)


def _log_opinions(folder: Path, log: Log, trust: Trust, signer: Signer) -> State:
    """Log what auditors have laid into the folder, reports before opinions, and return the state then."""
    logged = log.entries()
    known = set(logged)
    found = [(path, _read(path)) for place in ("reports", "opinions") for path in sorted((folder / place).glob("*.sigstore.json"))]
    new = [(path, raw) for path, raw in found if raw not in known]
    _check_pairs(new, folder)
    state = replay([*logged, *(raw for _, raw in new)], trust)
    for void in state.voids:
        if void.index >= len(logged):
            path = new[void.index - len(logged)][0]
            raise GateError(
                "a report or opinion in the folder cannot be logged",
                where=str(path),
                expected="a statement by a trusted auditor on this very candidate",
                found=void.code,
                next_step="ask its author for another one, or move the file away",
                code="opinion-void",
            )
    log.append([raw for _, raw in new], signer)
    return state


def _check_pairs(new: list[tuple[Path, bytes]], folder: Path) -> None:
    """Refuse a report without its opinion: once logged alone, its author could not give another one."""
    for path, _ in new:
        if path.parent.name == "reports" and not (folder / "opinions" / path.name).exists():
            raise GateError(
                "a report has no opinion beside it",
                where=str(path),
                expected=f"opinions/{path.name}",
                found="nothing",
                next_step="let its author audit again, after moving the report away",
                code="opinion-void",
            )


def _read(path: Path) -> bytes:
    return store.read_file(path, MAX_BUNDLE)


def _release(manifest: Manifest, log: Log, state: State, authority: tuple[Trust, Authority], now: datetime) -> None:
    """Log the release statement, if everything but cosignatures is there.

    Raises:
        GateError: it is not; `found` lists all that is missing.
    """
    trust, keys = authority
    gaps = policy.policy_gaps(manifest, state, trust)
    if keys.publisher.keyid not in trust.publish:
        gaps.append(Failure("publish-key", "the publishing key", "a key that the trust file lets publish", keys.publisher.keyid))
    if any(gaps):
        raise GateError(
            "the trust policy does not allow publication",
            where=f"{manifest.name} {manifest.version}",
            expected="all that the trust file asks for",
            found=" | ".join(map(str, gaps)),
            next_step="get what is missing, then run again",
        )
    candidate = state.candidates[manifest.digest]
    counted = sorted(opinion.entry.digest for opinion in policy.weigh(candidate, trust) if opinion.counts)
    said = Release(manifest.version, candidate.digest, tuple(counted), fields.time_text(now))
    raw = signing.seal(statement.encode(Statement(statement.about_manifest(manifest.digest), said)), keys.publisher).raw
    entries = log.entries()
    voids = [void for void in replay([*entries, raw], trust).voids if void.index == len(entries)]
    if voids:
        raise GateError(
            "the release would be void",
            where=f"{manifest.name} {manifest.version}",
            expected="a version above every released one, and keys that the trust file knows",
            found=voids[0].code,
            code=voids[0].code,
        )
    log.append([raw], keys.log)


def waiting_for(manifest: Manifest, state: State, log: Log, trust: Trust) -> tuple[str, ...]:
    """Return whose cosignatures a checkpoint lacks, by organisation; nobody, if policy and quorum hold with those it has."""
    cosigned = {
        auditor.organisation
        for auditor in trust.auditors
        if note.verify_cosignature(log.signed, VerifierKey.parse(auditor.witness)) is not None
    }
    if len(cosigned) >= trust.policy.quorum and not policy.policy_gaps(manifest, state, trust, cosigned):
        return ()
    counted = [opinion.auditor.organisation for opinion in policy.weigh(state.candidates[manifest.digest], trust) if opinion.counts]
    return tuple(sorted(set(counted) - cosigned)) or tuple(sorted({auditor.organisation for auditor in trust.auditors} - cosigned))


def _write(folder: Path, place: Destination, placing: Placing, gate: tuple[bytes, datetime]) -> tuple[Report, str]:
    """Verify the files of a candidate as a stranger would, and only then put them into their place."""
    trust, now = gate
    with place.staged(folder, (SEALED, PAGE)) as staging:
        store.write_file(staging / "trust.json", trust)
        _keep_newer(staging, placing.there, trusts.parse(trust))
        report = verify(FolderFiles(staging), trust, now=now)
        _check_verdict(report)
        store.write_file(staging / PAGE, report_page(tell(report), Writing(now, trusts.parse(trust).digest)))
        return report, placing.put(staging)


def _keep_newer(staging: Path, there: SignedCheckpoint | None, trust: Trust) -> None:
    """Keep what witnesses have signed since on the same checkpoint; lines there that do not hold are replaced."""
    if there is not None:
        with suppress(VerificationError):
            keep_cosignatures(Log.open(staging / "log", trust.log.key), there, trust)


def _check_verdict(report: Report) -> None:
    if report.verdict != "verified":
        raise GateError(
            "a stranger could not verify this release, so it is not published",
            where=report.release,
            expected="verified",
            found=" | ".join([report.verdict, *map(str, report.failures)]),
            next_step="a stale release needs new cosignatures; anything else, a new build",
            code="not-verified",
        )
