"""What a log says, derived from its entries and nothing else. Source: docs/SPEC.md section 11.

    state(0) = nothing
    state(n + 1) = state(n) with entry n applied, or state(n) and a void with a code

Replay is total: no entry stops it. The withdrawal of a key voids earlier entries too, so replay runs again without the
statements of that key, until no new key is withdrawn; withdrawals of keys stay. Bytes that are read here are hostile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

from audit_logs import envelope, statement
from audit_logs.envelope import Envelope
from audit_logs.errors import Problem
from audit_logs.fields import version_key
from audit_logs.statement import AuditReport, Candidate, FilterStep, Opinion, Predicate, Release, Subject, Superseded, Unknown, Withdrawal
from audit_logs.trust import Trust


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that applied: its place in the log, its envelope, what it says, and whose key signed it."""

    index: int
    envelope: Envelope
    subject: Subject
    predicate: Predicate
    organisation: str

    @property
    def digest(self) -> str:
        """Return the envelope's digest."""
        return self.envelope.digest

    @property
    def keyid(self) -> str:
        """Return the id of the key that signed."""
        return self.envelope.keyid


@dataclass(frozen=True, slots=True)
class Void:
    """An entry that did not apply, and why; `organisation` is "" where the signature was not that of a trusted key."""

    index: int
    code: str
    organisation: str = ""


@dataclass(frozen=True, slots=True)
class CandidateState:
    """A candidate that stands, with its step entries in order, and the reports and opinions that stand on it, in log order."""

    entry: Entry
    candidate: Candidate
    steps: tuple[Entry, ...]
    reports: tuple[Entry, ...] = ()
    opinions: tuple[Entry, ...] = ()

    @property
    def manifest(self) -> str:
        """Return the sha256 of the manifest that it is the candidate of."""
        return self.entry.subject.sha256

    @property
    def digest(self) -> str:
        """Return the digest of the candidate's envelope."""
        return self.entry.digest

    @property
    def attestations(self) -> tuple[tuple[Entry, FilterStep], ...]:
        """Return each step entry with its predicate, in order."""
        return tuple((entry, entry.predicate) for entry in self.steps if isinstance(entry.predicate, FilterStep))


@dataclass(frozen=True, slots=True)
class ReleaseState:
    """A release that applied; `withdrawn` is the withdrawal's reason, None while the release was not withdrawn."""

    entry: Entry
    release: Release
    withdrawn: str | None = None

    @property
    def manifest(self) -> str:
        """Return the sha256 of the released manifest."""
        return self.entry.subject.sha256

    @property
    def version(self) -> str:
        """Return the released version."""
        return self.release.version


@dataclass(frozen=True, slots=True)
class State:
    """What a log says after its last entry.

    Attributes:
        candidates: those that stand, by the sha256 of their manifest.
        releases: all that applied, in order, withdrawn ones too.
        applied: all entries that applied, in order.
        voids: all that did not.
        unknown_types: index and predicate type of entries of an unknown type.
        withdrawn_keys: ids of keys whose statements count for nothing.
        withdrawn_envelopes: digests of envelopes that were withdrawn.
        superseded: sha256 of the trust files that root keys announced as the next one -> the key ids that did.
        superseded_by: the one that reached the root threshold, or "".
    """

    candidates: Mapping[str, CandidateState]
    releases: tuple[ReleaseState, ...]
    applied: tuple[Entry, ...]
    voids: tuple[Void, ...]
    unknown_types: tuple[tuple[int, str], ...]
    withdrawn_keys: frozenset[str]
    withdrawn_envelopes: frozenset[str]
    superseded: Mapping[str, frozenset[str]]
    superseded_by: str

    def release_of(self, manifest: str) -> ReleaseState | None:
        """Return the release of a manifest whose statement stands, or nothing."""
        found = [release for release in self.releases if release.manifest == manifest]
        return next((release for release in found if release.entry.digest not in self.withdrawn_envelopes), None)

    def released_before(self, index: int) -> ReleaseState | None:
        """Return the release that last applied before an entry, withdrawn or not."""
        return next((release for release in reversed(self.releases) if release.entry.index < index), None)


def replay(entries: Sequence[bytes], trust: Trust) -> State:
    """Return what the entries of a log say to a reader who trusts `trust`."""
    parsed = _Reader(trust).read_all(entries)
    withdrawn: dict[str, frozenset[int]] = {}
    while True:
        run = _Run(trust, withdrawn)
        for index, item in enumerate(parsed):
            run.take(index, item)
        if run.withdrawn_keys.keys() <= withdrawn.keys():
            return run.state()
        # Monotone and bounded by the keys of the trust file, so this ends.
        withdrawn = {keyid: withdrawn.get(keyid, frozenset()) | indexes for keyid, indexes in (withdrawn | run.withdrawn_keys).items()}


@dataclass(frozen=True, slots=True)
class _Parsed:
    """An entry after the checks that do not depend on other entries but for being the same bytes."""

    code: str
    envelope: Envelope | None = None
    statement: statement.Statement | None = None


class _Reader:
    """Parses entries and checks their signatures, once for all runs."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self._seen: set[bytes] = set()

    def read_all(self, entries: Sequence[bytes]) -> list[_Parsed]:
        """Return each entry parsed, or the code for which it is void."""
        return [self._read(index, raw) for index, raw in enumerate(entries)]

    def _read(self, index: int, raw: bytes) -> _Parsed:
        try:
            sealed = envelope.parse(raw, where=f"log entry {index}")
            said = statement.parse(sealed.payload, where=f"log entry {index}")
        except Problem:
            return _Parsed("malformed")
        digest = sha256(raw).digest()
        if digest in self._seen:
            return _Parsed("duplicate")
        self._seen.add(digest)
        key = self._trust.public_key(sealed.keyid)
        if key is None:
            return _Parsed("unknown-key")
        try:
            sealed.verify(key)
        except Problem:
            return _Parsed("bad-signature")
        return _Parsed("", sealed, said)


@dataclass(slots=True)
class _Run:
    """One pass over the entries; `withdrawn` are the keys withdrawn in earlier passes, with the entries that did it."""

    trust: Trust
    withdrawn: Mapping[str, frozenset[int]]
    applied: list[Entry] = field(default_factory=list)
    voids: list[Void] = field(default_factory=list)
    unknown: list[tuple[int, str]] = field(default_factory=list)
    standing: dict[str, Entry] = field(default_factory=dict)
    withdrawn_envelopes: set[str] = field(default_factory=set)
    withdrawn_keys: dict[str, frozenset[int]] = field(default_factory=dict)
    with_candidate: set[str] = field(default_factory=set)
    candidates: dict[str, CandidateState] = field(default_factory=dict)
    releases: list[ReleaseState] = field(default_factory=list)
    superseded: dict[str, frozenset[str]] = field(default_factory=dict)

    def take(self, index: int, item: _Parsed) -> None:
        """Apply one entry, or note why it is void."""
        if item.envelope is None or item.statement is None:
            self.voids.append(Void(index, item.code))
            return
        predicate, keyid = item.statement.predicate, item.envelope.keyid
        organisation = self.trust.organisation(keyid)
        # "The withdrawal itself stays": an entry that withdrew a key in an earlier pass does so whoever's key is withdrawn now.
        stays = any(index in indexes for indexes in self.withdrawn.values())
        if keyid in self.withdrawn and not stays:
            self.voids.append(Void(index, "key-withdrawn", organisation))
            return
        if isinstance(predicate, Unknown):
            self.unknown.append((index, predicate.type))
            self.voids.append(Void(index, "unknown-type", organisation))
            return
        entry = Entry(index, item.envelope, item.statement.subject, predicate, organisation)
        code = self._judge(entry)
        if code:
            self.voids.append(Void(index, code, organisation))
            return
        self.applied.append(entry)
        self.standing[entry.digest] = entry

    def state(self) -> State:
        """Return what this pass found, as a value."""
        threshold = self.trust.root.threshold
        return State(
            candidates=dict(self.candidates),
            releases=tuple(self.releases),
            applied=tuple(self.applied),
            voids=tuple(self.voids),
            unknown_types=tuple(self.unknown),
            withdrawn_keys=frozenset(self.withdrawn_keys),
            withdrawn_envelopes=frozenset(self.withdrawn_envelopes),
            superseded=dict(self.superseded),
            superseded_by=next((digest for digest, keyids in self.superseded.items() if len(keyids) >= threshold), ""),
        )

    def _judge(self, entry: Entry) -> str:
        """Apply an entry and return "", or return the code for which it is void and leave the state as it is."""
        if not self.trust.may_sign(entry.keyid, entry.predicate):
            return "wrong-role"
        rules: dict[type[Predicate], Callable[..., str]] = {
            FilterStep: lambda *_: "",
            Candidate: self._candidate,
            AuditReport: self._report,
            Opinion: self._opinion,
            Release: self._release,
            Withdrawal: self._withdrawal,
            Superseded: self._supersession,
        }
        return rules[type(entry.predicate)](entry, entry.predicate)

    def _candidate(self, entry: Entry, candidate: Candidate) -> str:
        steps = tuple(step for digest in candidate.steps if (step := self.standing.get(digest)))
        orders = [step.predicate.step.order for step in steps if isinstance(step.predicate, FilterStep)]
        if orders != list(range(1, len(candidate.steps) + 1)) or any(step.subject != entry.subject for step in steps):
            return "candidate-steps"
        if entry.subject.sha256 in self.with_candidate:
            return "candidate-again"
        self.with_candidate.add(entry.subject.sha256)
        self.candidates[entry.subject.sha256] = CandidateState(entry, candidate, steps)
        return ""

    def _report(self, entry: Entry, report: AuditReport) -> str:
        state = self._standing_candidate(entry, report.candidate)
        if state is None:
            return "report-candidate"
        if report.contradiction:
            return "report-contradiction"
        if any(other.organisation == entry.organisation for other in state.reports):
            return "report-again"
        self.candidates[state.manifest] = replace(state, reports=(*state.reports, entry))
        return ""

    def _opinion(self, entry: Entry, opinion: Opinion) -> str:
        state = self.candidates.get(entry.subject.sha256)
        report = None if state is None else self._report_behind(entry, opinion, state)
        if state is None or report is None:
            return "opinion-inputs"
        if opinion.verifier.id != f"https://{entry.organisation}":
            return "opinion-organisation"
        if (opinion.verification_result == "FAILED") != (report.conclusion == "adverse"):
            return "opinion-contradiction"
        if any(other.organisation == entry.organisation for other in state.opinions):
            return "opinion-again"
        self.candidates[state.manifest] = replace(state, opinions=(*state.opinions, entry))
        return ""

    def _report_behind(self, entry: Entry, opinion: Opinion, state: CandidateState) -> AuditReport | None:
        """Return the report that an opinion rests on, if its inputs are exactly those of section 9.4."""
        if opinion.resource_uri != statement.resource_uri(self.trust.name, state.candidate.version) or not opinion.input_attestations:
            return None
        last = opinion.input_attestations[-1]
        for report in state.reports:
            if report.digest == last.sha256 and report.keyid == entry.keyid and isinstance(report.predicate, AuditReport):
                return report.predicate if opinion.input_attestations == opinion_inputs(state, report) else None
        return None

    def _release(self, entry: Entry, release: Release) -> str:
        state = self._standing_candidate(entry, release.candidate)
        if state is None or state.candidate.version != release.version:
            return "release-candidate"
        if not set(release.opinions) <= {opinion.digest for opinion in state.opinions}:
            return "release-opinions"
        if any(version_key(release.version) <= version_key(other.version) for other in self.releases):
            return "version-not-newer"
        self.releases.append(ReleaseState(entry, release))
        return ""

    def _withdrawal(self, entry: Entry, withdrawal: Withdrawal) -> str:
        by_root = entry.keyid in self.trust.root.keys
        if withdrawal.kind == "release":
            applies = (by_root or entry.keyid in self.trust.publish) and self._withdraw_release(entry.subject.sha256, withdrawal.reason)
        elif withdrawal.kind == "key":
            applies = (by_root or entry.keyid == entry.subject.name) and self._withdraw_key(entry.subject.name, entry.index)
        else:
            target = self.standing.get(entry.subject.sha256)
            applies = target is not None and (by_root or entry.keyid == target.keyid) and self._withdraw_envelope(target)
        return "" if applies else "withdrawal-target"

    def _withdraw_release(self, manifest: str, reason: str) -> bool:
        found = [index for index, release in enumerate(self.releases) if release.manifest == manifest]
        for index in found:
            self.releases[index] = replace(self.releases[index], withdrawn=reason)
        return bool(found)

    def _withdraw_key(self, keyid: str, index: int) -> bool:
        if keyid not in self.trust.keys:
            return False
        self.withdrawn_keys[keyid] = self.withdrawn_keys.get(keyid, frozenset()) | {index}
        return True

    def _withdraw_envelope(self, gone: Entry) -> bool:
        """Let an envelope, and what rests on it, count for nothing from now on."""
        if isinstance(gone.predicate, Withdrawal | Superseded):
            return False  # else whoever recalls could also undo a recall, or the news of a newer trust file
        self.withdrawn_envelopes.add(gone.digest)
        del self.standing[gone.digest]
        state = self.candidates.get(gone.subject.sha256)
        if state is None:
            return True
        if gone.digest in (state.digest, *(step.digest for step in state.steps)):
            del self.candidates[gone.subject.sha256]
            return True
        reports = tuple(report for report in state.reports if report.digest != gone.digest)
        opinions = tuple(opinion for opinion in state.opinions if gone.digest not in (opinion.digest, _rests_on(opinion)))
        self.candidates[gone.subject.sha256] = replace(state, reports=reports, opinions=opinions)
        return True

    def _supersession(self, entry: Entry, superseded: Superseded) -> str:
        if superseded.version != self.trust.version + 1 or superseded.previous != self.trust.digest:
            return "supersession-target"
        digest = entry.subject.sha256
        self.superseded[digest] = self.superseded.get(digest, frozenset()) | {entry.keyid}
        return ""

    def _standing_candidate(self, entry: Entry, digest: str) -> CandidateState | None:
        """Return the candidate that a statement names by digest and by subject, if it stands."""
        state = self.candidates.get(entry.subject.sha256)
        return state if state is not None and state.digest == digest else None


def opinion_inputs(state: CandidateState, report: Entry) -> tuple[statement.Reference, ...]:
    """Return what an opinion on a candidate must name, in order: its step envelopes, the candidate, the report (section 9.4)."""
    steps = (
        statement.Reference(entry.digest, statement.attestation_path(attestation.step, entry.keyid))
        for entry, attestation in state.attestations
    )
    path = statement.report_path(report.organisation, report.keyid)
    return (*steps, statement.Reference(state.digest, "candidate"), statement.Reference(report.digest, path))


def _rests_on(opinion: Entry) -> str:
    """Return the digest of the report that an applied opinion rests on."""
    return opinion.predicate.input_attestations[-1].sha256 if isinstance(opinion.predicate, Opinion) else ""
