"""The history of a log in plain words, one event for each entry."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from audit_logs.files import Files
from audit_logs.replay import Entry, State
from audit_logs.statement import AuditReport, Candidate, FilterStep, Opinion, Release, Superseded, Withdrawal
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
    """One entry of a log: its index, the organisation whose key signed it, and what it came to."""

    index: int
    who: str
    text: str


def history(files: Files, trust: bytes, *, now: datetime) -> tuple[Event, ...]:
    """Return what happened in a release's log, in order.

    Raises:
        VerificationError: trust file or log do not hold (13.1, 13.2).
    """
    state = replayed(files, trust, now=now)
    events = [Event(entry.index, entry.organisation, _told(entry, state)) for entry in state.applied]
    events += [
        Event(void.index, void.organisation or "unknown", f"void: {_VOID.get(void.code, 'it does not fit what came before')} [{void.code}]")
        for void in state.voids
    ]
    return tuple(sorted(events, key=lambda event: event.index))


def _told(entry: Entry, state: State) -> str:
    text = _plain(entry)
    return f"{text} (withdrawn later)" if entry.digest in state.withdrawn_envelopes else text


def _plain(entry: Entry) -> str:
    """Return what an entry that applied says, in one sentence."""
    said = entry.predicate
    release = f"the manifest {entry.subject.sha256[:16]}"
    if isinstance(said, FilterStep):
        text = f"attested step {said.step.order}, {said.step.name}, of {release}: {said.input.rows} rows in, {said.output.rows} out"
    elif isinstance(said, Candidate):
        text = f"made {release} the candidate for version {said.version}; auditors engaged: {', '.join(said.auditors) or 'none'}"
    elif isinstance(said, AuditReport):
        text = f"reported on {release}: {said.conclusion}"
    elif isinstance(said, Opinion):
        text = f"gave its opinion on {release}: {said.verification_result}"
    elif isinstance(said, Release):
        text = f"released version {said.version}, {release}"
    elif isinstance(said, Withdrawal):
        text = f"withdrew the {said.kind} {entry.subject.name if said.kind == 'key' else entry.subject.sha256[:16]}: {said.reason}"
    else:
        text = _superseded(entry, said)
    return text if text.isprintable() else ascii(text)


def _superseded(entry: Entry, said: Superseded) -> str:
    return f"announced version {said.version} of the trust file, sha256 {entry.subject.sha256}"
