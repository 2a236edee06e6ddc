"""The log of a dataset line in plain words: every entry in order, those that apply and those that are void."""

from __future__ import annotations

from dataclasses import dataclass

from audit_logs.replay import Entry, State, Void
from audit_logs.statement import AuditReport, Candidate, FilterStep, Opinion, Release, Superseded, Withdrawal

_VOIDS = {
    "malformed": "it has not its legal form",
    "duplicate": "it repeats an earlier entry",
    "unknown-key": "its key is not in the trust file",
    "bad-signature": "its signature does not hold",
    "unknown-type": "its type is not known to this version of the rules",
    "wrong-role": "its key may not sign this",
    "candidate-steps": "the steps that it names are not all there",
    "candidate-again": "this manifest has a candidate already",
    "report-candidate": "its candidate does not stand",
    "report-contradiction": "its conclusion contradicts its claims",
    "opinion-inputs": "it does not rest on exactly this candidate, its steps and its author's report",
    "opinion-organisation": "it speaks in the name of another organisation",
    "opinion-contradiction": "it contradicts its own report",
    "opinion-again": "this organisation has an opinion that stands already",
    "release-candidate": "its candidate does not stand",
    "release-opinions": "the opinions that it names do not stand",
    "version-not-newer": "a release with this version or a higher one is there already",
    "withdrawal-target": "what it withdraws is not there, or not its author's to withdraw",
    "supersession-target": "it does not follow the present trust file",
    "key-withdrawn": "its key was withdrawn",
}


@dataclass(frozen=True, slots=True)
class Event:
    """An entry: its place, the time that its author wrote into it ("" if void), what it says, and whether it applies."""

    index: int
    time: str
    text: str
    applies: bool


def history(state: State) -> tuple[Event, ...]:
    """Return every entry of a replayed log, in order."""
    said = [_applied(entry, state) for entry in state.applied] + [_void(void) for void in state.voids]
    return tuple(sorted(said, key=lambda event: event.index))


def _applied(entry: Entry, state: State) -> Event:
    time, text = _said(entry)
    later = " It was withdrawn later." if entry.digest in state.withdrawn_envelopes else ""
    return Event(entry.index, time, f"{entry.organisation} {text}.{later}", not later)


def _void(void: Void) -> Event:
    author = f" by {void.organisation}" if void.organisation else ""
    return Event(
        void.index,
        "",
        f"Void entry{author}, counts for nothing: {_VOIDS.get(void.code, 'a rule refuses it')} ({void.code}).",
        applies=False,
    )


def _said(entry: Entry) -> tuple[str, str]:
    """Return the time that stands in a statement, and what it says, as the rest of a sentence."""
    match entry.predicate:
        case FilterStep() as step:
            said = step.finished_on, f"attested step {step.step.order}, {step.step.name} ({step.step.kind})"
        case Candidate() as candidate:
            said = candidate.built_on, f"put forward version {candidate.version} and engaged {', '.join(candidate.auditors) or 'nobody'}"
        case AuditReport() as report:
            said = report.finished_on, f"reported on its audit: {report.conclusion}"
        case Opinion() as opinion:
            said = opinion.time_verified, f"gave its opinion: {opinion.verification_result}"
        case Release() as release:
            said = release.published_on, f"released version {release.version}"
        case Withdrawal() as withdrawal:
            what = {"release": "a release", "envelope": "a statement", "key": "a key"}[withdrawal.kind]
            said = withdrawal.withdrawn_on, f"withdrew {what}, for this reason: {withdrawal.reason}"
        case Superseded() as superseded:
            said = superseded.superseded_on, f"announced version {superseded.version} of the trust file"
    return said
