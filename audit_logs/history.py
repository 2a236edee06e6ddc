"""The history of a log in plain words, one event for each entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit_logs.files import Files
from audit_logs.replay import Entry, State
from audit_logs.statement import AuditReport, Candidate, FilterStep, Opinion, Release, Withdrawal
from audit_logs.verify import replayed

_VOID = {
    "malformed": "it has not its legal form",
    "duplicate": "the same bytes stand earlier in the log",
    "unknown-key": "its key is not in the trust file",
    "bad-signature": "its signature does not hold",
    "key-withdrawn": "its key was withdrawn",
    "unknown-type": "it is of a type that this program does not know",
    "wrong-role": "its key may not sign such a statement",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One entry of a log: its index, the time that its author wrote into it ("" if void), the organisation whose key signed it, what it came to."""

    index: int
    when: str
    who: str
    text: str


def history(files: Files, trust: bytes, *, now: datetime) -> tuple[Event, ...]:
    """Return what happened in a release's log, in order.

    Raises:
        VerificationError: trust file or log do not hold (13.1, 13.2).
    """
    state = replayed(files, trust, now=now)
    events = [Event(entry.index, _time(entry), entry.organisation, _told(entry, state)) for entry in state.applied]
    for void in state.voids:
        why = _VOID.get(void.code, "it does not fit what came before")
        events.append(Event(void.index, "", void.organisation or "unknown", f"void: {why} [{void.code}]"))
    return tuple(sorted(events, key=lambda event: event.index))


def _time(entry: Entry) -> str:
    """Return the time that stands in a statement: its author's word."""
    members = ("finished_on", "built_on", "time_verified", "published_on", "withdrawn_on", "superseded_on")
    return next(str(getattr(entry.predicate, name)) for name in members if hasattr(entry.predicate, name))


def _told(entry: Entry, state: State) -> str:
    text = _plain(entry, _release(entry.subject.sha256, state))
    return f"{text} (withdrawn later)" if entry.digest in state.withdrawn_envelopes else text


def _release(manifest: str, state: State) -> str:
    """Name a release by its version, where the log tells it, and its manifest."""
    versions = {candidate.manifest: candidate.candidate.version for candidate in state.candidates.values()}
    versions |= {release.manifest: release.version for release in state.releases}
    return f"version {versions[manifest]} (manifest {manifest[:16]})" if manifest in versions else f"the manifest {manifest[:16]}"


def _plain(entry: Entry, release: str) -> str:
    """Return what an entry that applied says, in one sentence."""
    match entry.predicate:
        case FilterStep() as step:
            text = f"attested step {step.step.order}, {step.step.name}, of {release}: {step.input.rows} rows in, {step.output.rows} out"
        case Candidate() as candidate:
            text = f"put forward {release}; auditors engaged: {', '.join(candidate.auditors) or 'none'}"
        case AuditReport() as report:
            text = f"reported on {release}: {report.conclusion}"
        case Opinion() as opinion:
            text = f"gave its opinion on {release}: {opinion.verification_result}"
        case Release():
            text = f"released {release}"
        case Withdrawal() as withdrawal:
            text = f"withdrew {_withdrawn(entry, withdrawal, release)}: {withdrawal.reason}"
        case superseded:
            text = f"announced version {superseded.version} of the trust file, sha256 {entry.subject.sha256}"
    return text if text.isprintable() else ascii(text)


def _withdrawn(entry: Entry, said: Withdrawal, release: str) -> str:
    names = {"release": release, "key": f"the key {entry.subject.name}"}
    return names.get(said.kind, f"the statement {entry.subject.sha256[:16]}")
