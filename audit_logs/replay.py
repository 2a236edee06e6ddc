"""What a log says, derived from its entries and nothing else. Source: docs/SPEC.md section 11.

    state(0) = nothing
    state(n + 1) = state(n) with entry n applied, or state(n) and a void with a code

Replay is total: no entry stops it. A key that is withdrawn anywhere in the log voids what it signed from the first entry on, but
for its own withdrawals of keys, so those are looked for first. Bytes that are read here are hostile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """An entry by a trusted key: its place in the log, its envelope, what it says, and whose key signed it."""

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
    """An entry that did not apply, and why.

    Attributes:
        organisation: whose key signed it, and `keyid` that key; "" where the signature was not that of a trusted key.
        type: the predicate type of an entry whose type is not known, else "".
    """

    index: int
    code: str
    organisation: str = ""
    keyid: str = ""
    type: str = ""


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


@dataclass(slots=True)
class State:
    """What a log says after its last entry; nothing changes it once `replay` has returned it.

    Attributes:
        trust: to whom it says that.
        items: all entries, those that were void before anything was replayed as such.
        key_withdrawals: id of each withdrawn key -> index of the first entry that withdrew it.
        candidates: those that stand, by the sha256 of their manifest.
        put_forward: the sha256 of all manifests that had a candidate.
        releases: all that applied, in order, withdrawn ones too.
        applied: all entries that applied, in order.
        standing: those of them that were not withdrawn, by their digest.
        voids: all that did not apply.
        silenced: those of them whose key was withdrawn, by their digest.
        withdrawn_envelopes: digests of envelopes that were withdrawn.
        superseded: sha256 of the trust files that root keys announced as the next one -> the key ids that did.
    """

    trust: Trust
    items: Sequence[Entry | Void] = ()
    key_withdrawals: Mapping[str, int] = field(default_factory=dict)
    candidates: dict[str, CandidateState] = field(default_factory=dict)
    put_forward: set[str] = field(default_factory=set)
    releases: list[ReleaseState] = field(default_factory=list)
    applied: list[Entry] = field(default_factory=list)
    standing: dict[str, Entry] = field(default_factory=dict)
    voids: list[Void] = field(default_factory=list)
    silenced: dict[str, Entry] = field(default_factory=dict)
    withdrawn_envelopes: set[str] = field(default_factory=set)
    superseded: dict[str, set[str]] = field(default_factory=dict)

    @property
    def unknown_types(self) -> list[tuple[int, str]]:
        """Return index and predicate type of the entries of an unknown type."""
        return [(void.index, void.type) for void in self.voids if void.code == "unknown-type"]

    @property
    def superseded_by(self) -> str:
        """Return the sha256 of the trust file whose announcement reached the root threshold, or ""."""
        return next((digest for digest, keyids in self.superseded.items() if len(keyids) >= self.trust.root.threshold), "")

    def release_of(self, manifest: str) -> ReleaseState | None:
        """Return the release of a manifest whose statement stands, or nothing."""
        found = [release for release in self.releases if release.manifest == manifest]
        return next((release for release in found if release.entry.digest not in self.withdrawn_envelopes), None)

    def predecessor(self, candidate: CandidateState) -> ReleaseState | None:
        """Return the release that had last applied when a candidate was logged: what was logged later does not change it (13.10)."""
        before = _replay(self.items[: candidate.entry.index], self.trust).releases
        return before[-1] if before else None


def replay(entries: Sequence[bytes], trust: Trust) -> State:
    """Return what the entries of a log say to a reader who trusts `trust`."""
    return _replay(tuple(_read(entries, trust)), trust)


def _read(entries: Sequence[bytes], trust: Trust) -> Iterator[Entry | Void]:
    """Yield each entry parsed and with a signature that holds, or the reason why it is void whatever other entries say."""
    seen: set[bytes] = set()
    for index, raw in enumerate(entries):
        where, digest = f"log entry {index}", sha256(raw).digest()
        try:
            sealed = envelope.parse(raw, where=where)
            said = statement.parse(sealed.payload, where=where)
        except Problem:
            yield Void(index, "malformed")
            continue
        key, organisation = trust.public_key(sealed.keyid), trust.organisation(sealed.keyid)
        if digest in seen:
            yield Void(index, "duplicate")
        elif key is None:
            yield Void(index, "unknown-key")
        elif not _holds(sealed, key):
            yield Void(index, "bad-signature")
        elif isinstance(said.predicate, Unknown):
            yield Void(index, "unknown-type", organisation, sealed.keyid, said.predicate.type)
        else:
            yield Entry(index, sealed, said.subject, said.predicate, organisation)
        seen.add(digest)


def _holds(sealed: Envelope, key: envelope.PublicKey) -> bool:
    try:
        sealed.verify(key)
    except Problem:
        return False
    return True


def _replay(items: Sequence[Entry | Void], trust: Trust) -> State:
    withdrawals = {item.index: item for item in items if isinstance(item, Entry) and _withdraws_key(item, trust)}
    first = {item.subject.name: index for index, item in sorted(withdrawals.items(), reverse=True)}
    state = State(trust, items, first)
    for item in items:
        if item.keyid in first and item.index not in withdrawals:
            state.voids.append(Void(item.index, "key-withdrawn", item.organisation))
            if isinstance(item, Entry):
                state.silenced[item.digest] = item
        elif isinstance(item, Void):
            state.voids.append(item)
        elif code := _apply(state, item):
            state.voids.append(Void(item.index, code, item.organisation))
        else:
            state.applied.append(item)
            state.standing[item.digest] = item
    return state


def _withdraws_key(entry: Entry, trust: Trust) -> bool:
    """Tell whether an entry withdraws a key of the trust file, by that key or a root key."""
    said, keyid = entry.predicate, entry.subject.name
    return isinstance(said, Withdrawal) and said.kind == "key" and keyid in trust.keys and entry.keyid in (keyid, *trust.root.keys)


def _apply(state: State, entry: Entry) -> str:
    """Apply an entry and return "", or return the code for which it is void and leave the state as it is."""
    if not state.trust.may_sign(entry.keyid, entry.predicate):
        return "wrong-role"
    return _RULES[type(entry.predicate)](state, entry, entry.predicate)


def _candidate(state: State, entry: Entry, said: Candidate) -> str:
    steps = tuple(step for digest in said.steps if (step := state.standing.get(digest)))
    orders = [step.predicate.step.order for step in steps if isinstance(step.predicate, FilterStep)]
    if orders != list(range(1, len(said.steps) + 1)) or any(step.subject != entry.subject for step in steps):
        return "candidate-steps"
    if entry.subject.sha256 in state.put_forward:
        return "candidate-again"
    state.put_forward.add(entry.subject.sha256)
    state.candidates[entry.subject.sha256] = CandidateState(entry, said, steps)
    return ""


def _report(state: State, entry: Entry, said: AuditReport) -> str:
    found = _standing_candidate(state, entry, said.candidate)
    if found is None:
        return "report-candidate"
    if said.contradiction:
        return "report-contradiction"
    if any(other.organisation == entry.organisation for other in found.reports):
        return "report-again"
    state.candidates[found.manifest] = replace(found, reports=(*found.reports, entry))
    return ""


def _opinion(state: State, entry: Entry, said: Opinion) -> str:
    found = state.candidates.get(entry.subject.sha256)
    report = None if found is None else _report_behind(state, entry, said, found)
    if found is None or report is None:
        return "opinion-inputs"
    if said.verifier.id != f"https://{entry.organisation}":
        return "opinion-organisation"
    if (said.verification_result == "FAILED") != (report.conclusion == "adverse"):
        return "opinion-contradiction"
    if any(other.organisation == entry.organisation for other in found.opinions):
        return "opinion-again"
    state.candidates[found.manifest] = replace(found, opinions=(*found.opinions, entry))
    return ""


def _report_behind(state: State, entry: Entry, said: Opinion, found: CandidateState) -> AuditReport | None:
    """Return the report that an opinion rests on, if its inputs are exactly those of section 9.4."""
    if said.resource_uri != statement.resource_uri(state.trust.name, found.candidate.version):
        return None
    for report in found.reports:
        if report.keyid == entry.keyid and said.input_attestations == opinion_inputs(found, report):
            return report.predicate if isinstance(report.predicate, AuditReport) else None
    return None


def opinion_inputs(candidate: CandidateState, report: Entry) -> tuple[statement.Reference, ...]:
    """Return what an opinion on a candidate must name, in order: its step envelopes, the candidate, the report (section 9.4)."""
    steps = (
        statement.Reference(entry.digest, statement.attestation_path(attestation.step, entry.keyid))
        for entry, attestation in candidate.attestations
    )
    path = statement.report_path(report.organisation, report.keyid)
    return (*steps, statement.Reference(candidate.digest, "candidate"), statement.Reference(report.digest, path))


def _release(state: State, entry: Entry, said: Release) -> str:
    found = _standing_candidate(state, entry, said.candidate)
    if found is None or found.candidate.version != said.version:
        return "release-candidate"
    unheard = set(said.opinions) - {opinion.digest for opinion in found.opinions}
    if not all(_was_heard(state, entry, digest) for digest in unheard):
        return "release-opinions"
    if any(version_key(said.version) <= version_key(other.version) for other in state.releases):
        return "version-not-newer"
    state.releases.append(ReleaseState(entry, said))
    return ""


def _was_heard(state: State, release: Entry, digest: str) -> bool:
    """Tell whether a release may name an opinion that does not stand: its key was withdrawn after the release, which stays on record."""
    said = state.silenced.get(digest)
    if said is None or not isinstance(said.predicate, Opinion) or said.subject != release.subject:
        return False
    return state.key_withdrawals[said.keyid] > release.index


def _withdrawal(state: State, entry: Entry, said: Withdrawal) -> str:
    roots, target = state.trust.root.keys, state.standing.get(entry.subject.sha256)
    if said.kind == "key":
        applies = _withdraws_key(entry, state.trust)
    elif said.kind == "release":
        applies = entry.keyid in (*state.trust.publish, *roots) and _withdraw_release(state, entry.subject.sha256, said.reason)
    else:
        applies = target is not None and entry.keyid in (target.keyid, *roots) and _withdraw_envelope(state, target)
    return "" if applies else "withdrawal-target"


def _withdraw_release(state: State, manifest: str, reason: str) -> bool:
    found = any(release.manifest == manifest for release in state.releases)
    state.releases = [replace(release, withdrawn=reason) if release.manifest == manifest else release for release in state.releases]
    return found


def _withdraw_envelope(state: State, gone: Entry) -> bool:
    """Let an envelope, and what rests on it, count for nothing from now on."""
    if isinstance(gone.predicate, Withdrawal | Superseded):
        return False  # else whoever recalls could also undo a recall, or the news of a newer trust file
    state.withdrawn_envelopes.add(gone.digest)
    del state.standing[gone.digest]
    found = state.candidates.get(gone.subject.sha256)
    if found is None:
        return True
    if gone.digest in (found.digest, *(step.digest for step in found.steps)):
        del state.candidates[found.manifest]
        fallen = [found.entry, *found.reports, *found.opinions]
    else:
        reports = tuple(report for report in found.reports if report.digest != gone.digest)
        opinions = tuple(opinion for opinion in found.opinions if gone.digest not in (opinion.digest, _rests_on(opinion)))
        state.candidates[found.manifest] = replace(found, reports=reports, opinions=opinions)
        fallen = [opinion for opinion in found.opinions if opinion not in opinions]
    for entry in fallen:
        state.standing.pop(entry.digest, None)
    return True


def _rests_on(opinion: Entry) -> str:
    """Return the digest of the report that an applied opinion rests on."""
    return opinion.predicate.input_attestations[-1].sha256 if isinstance(opinion.predicate, Opinion) else ""


def _supersession(state: State, entry: Entry, said: Superseded) -> str:
    if said.version != state.trust.version + 1 or said.previous != state.trust.digest:
        return "supersession-target"
    state.superseded.setdefault(entry.subject.sha256, set()).add(entry.keyid)
    return ""


def _standing_candidate(state: State, entry: Entry, digest: str) -> CandidateState | None:
    """Return the candidate that a statement names by digest and by subject, if it stands."""
    found = state.candidates.get(entry.subject.sha256)
    return found if found is not None and found.digest == digest else None


_RULES: dict[type[Predicate], Callable[..., str]] = {
    FilterStep: lambda *_: "",
    Candidate: _candidate,
    AuditReport: _report,
    Opinion: _opinion,
    Release: _release,
    Withdrawal: _withdrawal,
    Superseded: _supersession,
}
