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
    "report-again": "this organisation has a report that stands already",
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


_WITHDRAWALS = {"release": "withdrawal", "envelope": "withdrawal", "key": "key"}


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the log.

    Attributes:
        index: its place in the log.
        kind: `step`, `candidate`, `report`, `passed`, `failed`, `release`, `withdrawal`, `key`, `superseded` or `void`.
        time: the time that its author wrote into it; "" if void.
        text: what it says, in a sentence.
        applies: whether it counts today.
    """

    index: int
    kind: str
    time: str
    text: str
    applies: bool


def history(state: State) -> tuple[Event, ...]:
    """Return every entry of a replayed log, in order."""
    said = [_applied(entry, state) for entry in state.applied] + [_void(void) for void in state.voids]
    return tuple(sorted(said, key=lambda event: event.index))


def _applied(entry: Entry, state: State) -> Event:
    kind, time, text = _said(entry, state)
    later = ""
    if entry.digest in state.withdrawn_envelopes:
        later = " It was withdrawn later."
    elif isinstance(entry.predicate, Release) and any(found.entry is entry and found.withdrawn is not None for found in state.releases):
        later = " This version was withdrawn later."
    return Event(entry.index, kind, time, f"{entry.organisation} {text}.{later}", not later)


def _void(void: Void) -> Event:
    author = f" by {void.organisation}" if void.organisation else ""
    text = f"Void entry{author}, counts for nothing: {_VOIDS.get(void.code, 'a rule refuses it')} ({void.code})."
    return Event(void.index, "void", "", text, applies=False)


def _said(entry: Entry, state: State) -> tuple[str, str, str]:
    """Return the kind of a statement, the time that stands in it, and what it says, as the rest of a sentence."""
    match entry.predicate:
        case FilterStep() as step:
            said = "step", step.finished_on, f"attested step {step.step.order}, {step.step.name} ({step.step.kind})"
        case Candidate() as candidate:
            engaged = ", ".join(candidate.auditors) or "nobody"
            said = "candidate", candidate.built_on, f"put forward version {candidate.version} and engaged {engaged}"
        case AuditReport() as report:
            said = "report", report.finished_on, f"reported on its audit: {report.conclusion}"
        case Opinion() as opinion:
            said = opinion.verification_result.lower(), opinion.time_verified, f"gave its opinion: {opinion.verification_result}"
        case Release() as release:
            said = "release", release.published_on, f"released version {release.version}"
        case Withdrawal() as withdrawal:
            said = (
                _WITHDRAWALS[withdrawal.kind],
                withdrawal.withdrawn_on,
                f"withdrew {_target(entry, withdrawal, state)}, for this reason: {withdrawal.reason}",
            )
        case Superseded() as superseded:
            said = "superseded", superseded.superseded_on, f"announced version {superseded.version} of the trust file"
    return said


def _target(entry: Entry, withdrawal: Withdrawal, state: State) -> str:
    """Return what a withdrawal takes back, by the name that people know it by."""
    subject = entry.subject
    if withdrawal.kind == "key":
        owner = state.trust.organisation(subject.name)
        return f"a key of {owner} ({subject.name}), and with it all that it signed" if owner else f"the key {subject.name}"
    if withdrawal.kind == "release":
        version = next((found.version for found in state.releases if found.manifest == subject.sha256), "")
        return f"version {version}" if version else "a release"
    index = next((found.index for found in state.applied if found.digest == subject.sha256), None)
    return "a statement" if index is None else f"the statement of entry {index}"
