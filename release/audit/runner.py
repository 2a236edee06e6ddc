"""An audit from its beginning to its signed end.

1. what anybody can check: signatures, log, files, rows, steps, counts
2. cosign the candidate's checkpoint: from here on nobody can show another history
3. open the tiers, into a private folder that is gone when this returns
4. keyed trees, counts, lists, and the source if it is at hand
5. every published row: fingerprint it, compare, match it against the auditor's own lists
6. seal what was found; sign report and opinion; remember that they are submitted, and lay them out
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from audit_logs import log, witness
from audit_logs.note import VerifierKey
from audit_logs.statement import AuditorList, Claim, Scope
from release import signers
from release.audit import accounts, claims, finding, statements
from release.audit.candidate import Auditing, Examined, examine
from release.audit.commitments import check_commitments
from release.audit.evidence_tables import gone_rows, source_shards
from release.audit.exchanges import check_exchanges
from release.audit.filters import Filters, filters
from release.audit.fingerprints import Comparison
from release.audit.matching import Matching, matching
from release.audit.opened import opened_folder
from release.audit.reperform import Reperformance
from release.audit.source_check import check_source
from release.audit.statements import Outcome
from release.audit.submission import Desk
from release.checks import outside, remembered, trust_bytes
from release.errors import AuditError, EvidenceError
from release.evidence import OpenedTier, open_tier
from release.lists import ListStore, StoredList
from release.steps.remote import KIND as REMOTE

SKIPPABLE = (claims.FINGERPRINTS, claims.NO_LISTED_ROW)
ALWAYS = (
    "a list finds only what it holds, and near matching only what is near to it",
    "no blind canaries were placed, so the recall of the screening was not measured",
)
Meter = Callable[[str, int], AbstractContextManager[Callable[[int], object]]]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Request:
    """What an auditor asks for.

    Attributes:
        folder: the candidate.
        key: file of the auditor's signing key.
        trust: the auditor's own trust file.
        identity: file of the auditor's age identity.
        witness_key: file of its witness key, if that is another one.
        lists: the auditor's list store, or None.
        source: the pinned source, if it is at hand.
        out: where report and opinion go; the candidate's folder if not given.
        work: private folder for opened evidence and findings.
        memory: what this witness cosigned and submitted.
        state: what was seen of the log before, or None.
        skip: claims that are not to be checked, of `SKIPPABLE`.
        workers: processes that check rows, at most; a script without a main guard can have one.
    """

    folder: Path
    key: Path
    trust: Path
    identity: Path | None = None
    witness_key: Path | None = None
    lists: Path | None = None
    source: Path | None = None
    out: Path | None = None
    work: Path | None = None
    memory: Path | None = None
    state: Path | None = None
    skip: frozenset[str] = frozenset()
    workers: int = 1

    @property
    def private(self) -> Path:
        """The private folder: beside the candidate, if none was named."""
        named = self.work or self.folder.absolute().with_name(f"{self.folder.absolute().name}.audit")
        return outside(named, self.folder, "the work folder")

    @property
    def remembers(self) -> Path:
        """The witness's memory: beside its key, if none was named."""
        key = self.witness_key or self.key
        return outside(self.memory or key.with_name(key.name + ".memory"), self.folder, "the memory file")


@dataclass(frozen=True, slots=True)
class Audited:
    """What an audit came to, and where it is written; `finding` is None where nothing listed was found."""

    release: str
    version: str
    organisation: str
    conclusion: str
    result: str
    claims: tuple[Claim, ...]
    limitations: tuple[str, ...]
    report: Path
    opinion: Path
    finding: Path | None


def now_utc() -> datetime:
    """Return the time now."""
    return datetime.now(UTC)


def no_meter(_label: str, _total: int) -> AbstractContextManager[Callable[[int], object]]:
    """Show no progress."""
    return nullcontext(lambda _: None)


def cosign(request: Request, *, clock: Clock = now_utc) -> str:
    """Cosign the checkpoint of the request's folder as the auditor's witness, and return the line.

    Raises:
        VerificationError: the log does not hold, is not a continuation of what was cosigned before, or lacks a report or opinion
            that this auditor submitted.
        KeyProblem: the witness key is not the one that the trust file names.
    """
    return _cosign(request, _auditing(request), clock())


def audit(request: Request, *, clock: Clock = now_utc, meter: Meter = no_meter) -> Audited:
    """Audit a candidate, and write report and opinion.

    Raises:
        AuditError: no opinion can be given on what is there.
        EvidenceError: a tier that this auditor is entitled to cannot be opened, or is not this candidate's.
        Problem: a key, list, source or file cannot be read.
    """
    started, auditing = clock(), _auditing(request)
    out, desk = request.out or request.folder, Desk(request.private, request.remembers)
    desk.resume()
    statements.check_free(out, auditing)
    own = _own_lists(request, started)
    case = examine(request.folder, auditing, now=started, seen=remembered.read(request.state), workers=request.workers)
    _cosign(request, auditing, started)
    log_key = VerifierKey.parse(auditing.trust.log.key)
    signed = log.read_checkpoint(request.folder / "log", log_key)
    logged = log.read_entries(request.folder / "log", signed.checkpoint)
    checked = _Checks(request, auditing, case, own, meter).run() if case.sound else _nothing(case)
    made = claims.in_order(checked.claims)
    sealed = None
    if checked.matching is not None and checked.matching.hits:
        sealed = finding.seal(request.private, auditing, case.manifest, checked.matching.hits)
    scope = Scope(
        tiers=checked.tiers,
        source="full" if request.source and case.sound else "none",
        draw="all" if checked.drawn else "none",
        lists=checked.lists,
        canaries=0,
        checkpoint=signed.text,
        trust=auditing.trust.digest,
    )
    outcome = Outcome(made, scope, (*ALWAYS, *checked.limitations, *_limits(made)), started, clock())
    said = statements.sign(case, auditing, outcome)
    statements.check_counts(said, auditing, logged)
    desk.submit(out, said, log_key)
    return Audited(
        release=case.manifest.name,
        version=case.manifest.version,
        organisation=auditing.auditor.organisation,
        conclusion=said.conclusion,
        result=said.result,
        claims=made,
        limitations=outcome.limitations,
        report=out / said.report_path,
        opinion=out / said.opinion_path,
        finding=sealed,
    )


def _auditing(request: Request) -> Auditing:
    return Auditing.under(trust_bytes(request.trust), signers.load(request.key))


def _cosign(request: Request, auditing: Auditing, now: datetime) -> str:
    named = VerifierKey.parse(auditing.auditor.witness)
    who = witness.Witness(named.name, signers.load_note_signer(request.witness_key or request.key), request.remembers)
    if who.key != named:
        raise AuditError(
            "this is not the witness key that the trust file names",
            where=str(request.witness_key or request.key),
            expected=named.text,
            found=who.key.text,
            next_step="name it with --witness-key",
            code="witness-key",
        )
    return witness.cosign(request.folder / "log", VerifierKey.parse(auditing.trust.log.key), who, now=now)


def _own_lists(request: Request, now: datetime) -> tuple[StoredList, ...]:
    if request.lists is None:
        return ()
    opened = ListStore(request.lists)
    names = opened.names()
    if not names:
        raise AuditError(
            "the list store holds no list", where=str(request.lists), next_step="`release lists import` adds one", code="list-missing"
        )
    lists = tuple(opened.open(name) for name in names)
    for stored in lists:
        stored.check_age(now.date(), None)
    return lists


def _limits(made: tuple[Claim, ...]) -> tuple[str, ...]:
    return tuple(claims.told(f"{claim.claim}: {claim.detail}") for claim in made if claim.result in ("not-checkable", "skipped"))


@dataclass(frozen=True, slots=True)
class _Checked:
    """What the checks beyond the public ones came to; `drawn`: fingerprints of all rows were made anew."""

    claims: tuple[Claim, ...]
    tiers: tuple[Literal["matches", "rows"], ...]
    lists: tuple[AuditorList, ...]
    drawn: bool
    limitations: tuple[str, ...]
    matching: Matching | None


def _nothing(case: Examined) -> _Checked:
    """Return that nothing more was checked: what the claims speak of is not what was signed."""
    asked = any(step.step.kind == REMOTE for step in case.steps)
    open_claims = [name for name in claims.ORDER if asked or name not in (claims.REMOTE_REQUEST, claims.REMOTE_ANSWER)]
    rest = [name for name in open_claims if name not in {claim.claim for claim in case.claims}]
    made = (*case.claims, *(claims.not_checkable(name, "an earlier check failed") for name in rest))
    return _Checked(made, (), (), drawn=False, limitations=(), matching=None)


@dataclass(frozen=True, slots=True)
class _Checks:
    """The checks that need evidence, source, data and lists."""

    request: Request
    auditing: Auditing
    case: Examined
    own: tuple[StoredList, ...]
    meter: Meter

    def run(self) -> _Checked:
        """Open the tiers, check, and leave nothing of them behind."""
        with opened_folder(self.request.private) as folder:
            rows = self._open("rows", folder)
            matches = self._open("matches", folder) if self.auditing.auditor.tier == "matches" else None
            asked = check_exchanges(self.case, self.auditing.trust, rows, matches)
            made = [*self._keyed(rows, matches), self._source(rows), *asked.claims]
            compared, matched, filtered = self._pass(rows, matches)
        left_out = (claims.skipped(name, "the auditor left it out") for name in SKIPPABLE if name in self.request.skip)
        made += [*left_out, *(done.claim() for done in (compared, matched, filtered) if done is not None)]
        public = [claim for claim in self.case.claims if claim.claim not in {one.claim for one in made}]
        return _Checked(
            claims=(*public, *made),
            tiers=("rows",) if matches is None else ("matches", "rows"),
            lists=matched.lists if matched else (),
            drawn=compared is not None and self.case.columns.image is not None,
            limitations=(*(matched.limitations if matched else ()), *asked.limitations),
            matching=matched,
        )

    def _open(self, tier: str, folder: Path) -> OpenedTier:
        if self.request.identity is None:
            raise AuditError(
                "the sealed evidence needs an identity", where=tier, next_step="name the auditor's with --identity", code="identity"
            )
        opened = open_tier(self.request.folder / "evidence" / f"{tier}.age", self.request.identity, folder)
        if (opened.tier, opened.manifest) != (tier, self.case.manifest.digest):
            raise EvidenceError(
                "the sealed evidence is not that of this candidate",
                where=f"evidence/{tier}.age",
                expected=f"tier {tier} of manifest {self.case.manifest.digest}",
                found=f"tier {opened.tier} of manifest {opened.manifest}",
                next_step="ask the institution for the evidence of this candidate",
                code="evidence-manifest",
            )
        return opened

    def _keyed(self, rows: OpenedTier, matches: OpenedTier | None) -> list[Claim]:
        sealed = None if matches is None else (matches, gone_rows(matches))
        with self.meter("keyed trees", self.case.manifest.source.rows) as tick:
            made = check_commitments(self.case, rows, sealed, tick)
        if sealed is None:
            return [*made, *(claims.not_checkable(name, claims.NEED_MATCHES) for name in (claims.COUNTS, claims.LIST_ENTRIES))]
        starts = [shard.first for shard in source_shards(rows)]
        counts = accounts.check_counts(self.case.steps, *sealed, starts)
        return [*made, counts, accounts.check_lists(self.case.steps, sealed[0], self.own)]

    def _source(self, rows: OpenedTier) -> Claim:
        if self.request.source is None:
            return claims.not_checkable(claims.SOURCE_FILES, "the pinned source was not at hand")
        with self.meter("source", self.case.manifest.source.rows) as tick:
            return check_source(self.request.source, self.case, rows, tick)

    def _pass(self, rows: OpenedTier, matches: OpenedTier | None) -> tuple[Comparison | None, Matching | None, Filters | None]:
        """Read every published row once, for all that is to be done with it."""
        skip = self.request.skip
        compared = None if claims.FINGERPRINTS in skip else Comparison(rows, self.case)
        matched = None if claims.NO_LISTED_ROW in skip else matching(self.own, self.case)
        filtered = filters(self.case, rows, matches)
        if compared is not None or filtered is not None or (matched is not None and matched.applied):
            with self.meter("published rows", self.case.manifest.rows) as tick:
                Reperformance(self.case, compared, matched, filtered).run(tick)
        return compared, matched, filtered
