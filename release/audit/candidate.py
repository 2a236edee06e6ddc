"""A candidate as its log has it, and the claims that anybody can check: signatures, log, files, rows, steps, counts.

Reports and opinions that other auditors laid into the folder and that are not logged yet are none of the candidate's: they
are left out of sight here, and the institution logs them when it publishes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from audit_logs.envelope import MAX_BUNDLE
from audit_logs.errors import Failure, TrustError
from audit_logs.files import FileInfo, FolderFiles
from audit_logs.keys import Signer
from audit_logs.manifest import Manifest
from audit_logs.replay import CandidateState
from audit_logs.report import INCOMPLETE_CODES, STALE_CODES, WITHDRAWN_CODE, Report
from audit_logs.seen import Seen
from audit_logs.statement import Claim, FilterStep
from audit_logs.trust import Auditor, Trust
from audit_logs.trust import parse as parse_trust
from audit_logs.verify import replayed, verify
from release.audit import claims
from release.audit.attested import contradictions
from release.audit.columns import misfits, schema_of
from release.checks import DataChecks
from release.errors import AuditError
from release.plan import Columns

_UNLOGGED = ("reports/", "opinions/")
_EXPECTED = {"not-released", "opinions-missing", "opinions-tier"}
_OF_OTHERS = {"opinion-failed", "stale", "cosignature-future"}
_CLAIM_OF = {
    "file-size": claims.FILES,
    "file-digest": claims.FILES,
    "range-digest": claims.FILES,
    "folder-extra": claims.FILES,
    "folder-missing": claims.FILES,
    "folder-link": claims.FILES,
    "folder-name": claims.FILES,
    "manifest-arithmetic": claims.FILES,
    "manifest-roots": claims.ROWS,
    "parquet-layout": claims.ROWS,
    "parquet-schema": claims.ROWS,
    "row-root": claims.ROWS,
    "row-image": claims.ROWS,
    "step-mismatch": claims.STEPS,
    "step-required": claims.STEPS,
    "chain": claims.STEPS,
    "self-test": claims.STEPS,
    "list-age": claims.STEPS,
    "list-empty": claims.STEPS,
    "counts": claims.COUNTS,
    "previous": claims.LOG,
    "version-not-newer": claims.LOG,
    "candidate-mismatch": claims.LOG,
}
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Auditing:
    """Under whose name and trust file an audit is made.

    Attributes:
        trust: the auditor's own trust file.
        trust_bytes: its bytes.
        signer: the auditor's key.
        auditor: the auditor's entry in the trust file.
    """

    trust: Trust
    trust_bytes: bytes
    signer: Signer
    auditor: Auditor

    @classmethod
    def under(cls, trust_bytes: bytes, signer: Signer) -> Auditing:
        """Return the auditing that a key may do under a trust file.

        Raises:
            TrustError: the trust file is refused, or the key is no auditor's in it.
        """
        trust = parse_trust(trust_bytes)
        auditor = trust.auditor(signer.keyid)
        if auditor is None:
            raise TrustError(
                "this key is no auditor's in the trust file",
                where=trust.name,
                expected="the key of an auditor entry",
                found=signer.keyid,
                next_step="use your own key, or a trust file that names it",
                code="audit-key",
            )
        return cls(trust, trust_bytes, signer, auditor)


@dataclass(frozen=True, slots=True)
class Examined:
    """A candidate whose log, manifest and candidate statement hold, and the claims that were decided with them.

    Attributes:
        folder: where it lies.
        manifest: its manifest.
        state: what its log says of it.
        entries: entries of the log.
        claims: the claims that were decided.
        schema: normalised Arrow schema of its data files; without columns where they do not hold.
    """

    folder: Path
    manifest: Manifest
    state: CandidateState
    entries: int
    claims: tuple[Claim, ...]
    schema: pa.Schema

    @property
    def steps(self) -> tuple[FilterStep, ...]:
        """The attestations, in order."""
        return tuple(step for _, step in self.state.attestations)

    @property
    def columns(self) -> Columns:
        """The roles of the columns, as a source and a step know them."""
        roles = self.manifest.columns
        return Columns(roles.image, roles.text, roles.url, roles.declared)

    @property
    def sound(self) -> bool:
        """Tell whether nothing was refuted so far, so that the data may be read."""
        return all(claim.result == "confirmed" for claim in self.claims)


class LoggedFiles(FolderFiles):
    """A candidate's folder without the reports and opinions that its log does not hold."""

    def __init__(self, folder: Path, logged: frozenset[str]) -> None:
        super().__init__(folder)
        self._logged = logged

    def names(self) -> Iterator[FileInfo]:
        """Yield everything below the folder but folders and unlogged reports and opinions."""
        for info in super().names():
            if info.special or not info.path.startswith(_UNLOGGED) or self._is_logged(info):
                yield info

    def _is_logged(self, info: FileInfo) -> bool:
        return hashlib.sha256(self.read(info.path, MAX_BUNDLE)).hexdigest() in self._logged


def examine(folder: Path, auditing: Auditing, *, now: datetime, seen: Seen | None = None, workers: int = 1) -> Examined:
    """Check what anybody can check, the rows in at most so many worker processes.

    Raises:
        AuditError: there is no candidate that an opinion could speak of: log, manifest or candidate statement do not hold,
            this auditor has given its opinion already, or an entry is of a type that is not known here.
        VerificationError: the log does not hold.
        StoreError: the folder cannot be read.
    """
    state = replayed(FolderFiles(folder), auditing.trust_bytes, now=now)
    files = LoggedFiles(folder, frozenset(entry.digest for entry in state.applied))
    report = verify(files, auditing.trust_bytes, now=now, seen=seen, extra_checks=DataChecks(folder, workers))
    manifest, candidate = _candidate(folder, report)
    if any(entry.organisation == auditing.auditor.organisation for entry in (*candidate.reports, *candidate.opinions)):
        raise AuditError(
            "this auditor's report on this candidate is in the log already",
            where=manifest.name,
            next_step="use --cosign to sign a later checkpoint",
            code="audit-again",
        )
    made = _claims(report.failures, manifest, candidate)
    case = Examined(folder, manifest, candidate, len(state.applied) + len(state.voids), made, pa.schema([]))
    return _with_columns(case) if case.sound else case


def _candidate(folder: Path, report: Report) -> tuple[Manifest, CandidateState]:
    """Return what an opinion could speak of.

    Raises:
        AuditError: there is none, or the log holds an entry that this program does not know, or a newer trust file.
    """
    manifest, state = report.manifest, report.state
    candidate = None if manifest is None or state is None else state.candidates.get(manifest.digest)
    unknown = [failure for failure in report.failures if failure.code in INCOMPLETE_CODES - _EXPECTED]
    if manifest is None or candidate is None or report.seen is None or unknown:
        raise _not_auditable(folder, tuple(unknown) or report.failures)
    return manifest, candidate


def _not_auditable(folder: Path, failures: tuple[Failure, ...]) -> AuditError:
    return AuditError(
        "there is no candidate here that an opinion could speak of",
        where=str(folder),
        expected="a log, a manifest and a candidate statement that hold",
        found=" | ".join(map(str, failures[:_SHOWN])),
        next_step="ask the institution for the whole candidate",
        code="no-candidate",
    )


def _with_columns(case: Examined) -> Examined:
    """Return a sound candidate with its schema, and refuted where columns or steps are not what manifest and attestations say of them."""
    schema = schema_of(case.folder, case.manifest)
    faults = {claims.ROWS: [*misfits(case.manifest, schema, case.steps)], claims.STEPS: [*contradictions(case.steps)]}
    made = tuple(claims.refuted(claim.claim, "; ".join(faults[claim.claim])) if faults.get(claim.claim) else claim for claim in case.claims)
    return replace(case, claims=made, schema=schema)


def _claims(failures: tuple[Failure, ...], manifest: Manifest, candidate: CandidateState) -> tuple[Claim, ...]:
    """Return the claims; verifying stops at the first section that fails, so what comes after it was not looked at."""
    found: dict[str, list[str]] = {}
    for failure in failures:
        if failure.code not in _OF_OTHERS | INCOMPLETE_CODES | STALE_CODES | {WITHDRAWN_CODE}:
            found.setdefault(_CLAIM_OF.get(failure.code, claims.SIGNATURES), []).append(str(failure))
    names = tuple(_GOOD)
    reached = min((names.index(name) for name in found), default=len(names))
    made = []
    for index, name in enumerate(names):
        if name in found:
            faults = found[name]
            more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
            made.append(claims.refuted(name, "; ".join(faults[:_SHOWN]) + more))
        elif index < reached or not found:
            made.append(claims.confirmed(name, _GOOD[name].format(manifest=manifest, steps=len(candidate.steps))))
        else:
            made.append(claims.not_checkable(name, "an earlier check failed"))
    return tuple(made)


_GOOD: Mapping[str, str] = {
    claims.SIGNATURES: "all {steps} step attestations and the candidate are signed by keys that the trust file allows for them",
    claims.LOG: "the log holds from its first entry on, and the candidate follows the line's last release",
    claims.FILES: "all {manifest.rows} rows lie in files with the sizes and digests of the manifest, and nothing else is in the folder",
    claims.ROWS: "all {manifest.rows} rows give the row group, shard and release roots of the manifest",
    claims.STEPS: "each of the {steps} steps takes in what the one before gave on, caught its canaries and used lists that are fresh enough",
    claims.COUNTS: "the counts of all {steps} steps balance, from {manifest.source.rows} source rows to {manifest.rows} released ones",
}
