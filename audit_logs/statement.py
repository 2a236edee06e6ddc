"""The statements that are signed and logged, one dataclass for each predicate type. Source: docs/SPEC.md section 9.

FilterStep     the institution: what one step took in, took out and gave on
Candidate      the institution: these steps belong to this manifest, and these auditors are engaged
AuditReport    an auditor: what was checked, how, and what came of it
Opinion        an auditor: PASSED or FAILED (a SLSA verification summary)
Release        the institution: this candidate is released, by these opinions
Withdrawal     a release, an envelope or a key counts no longer
Superseded     a root key: there is a newer trust file
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from audit_logs.documents import Document, Rule, read, refuse, write
from audit_logs.envelope import MAX_BUNDLE, keyid8, keyid_digest
from audit_logs.fields import (
    BASE,
    FILLED,
    SORTED,
    Address,
    Count,
    Date,
    Digest,
    FilePath,
    Flag,
    Label,
    Organisation,
    Positive,
    Sha256,
    Text,
    Time,
    Version,
)

FRAME = "https://in-toto.io/Statement/v1"
OPINION_TYPE = "https://slsa.dev/verification_summary/v1"
MANIFEST_NAME = "release.json"
TRUST_NAME = "trust.json"
PASSED_LEVEL = "VETTED_RELEASE_AUDITED"


@dataclass(frozen=True, slots=True)
class Subject:
    """The one thing that a statement speaks of."""

    name: Text
    sha256: Digest


@dataclass(frozen=True, slots=True)
class StepId:
    """A step's name, kind, and place in the plan, counted from 1."""

    name: Label
    kind: Label
    order: Positive


@dataclass(frozen=True, slots=True)
class Boundary:
    """The commitment to the rows that are there at a boundary between steps, and their number."""

    commitment: Sha256
    rows: Count


@dataclass(frozen=True, slots=True)
class AuditorList:
    """A list that was matched against; `entries` counts each type, `partial`: its file was broken, and only a part of it could be read."""

    name: Label
    authority: Text
    vintage: Date
    vintage_from: Literal["file", "declared"]
    entries: Mapping[str, Count]
    partial: Flag


@dataclass(frozen=True, slots=True)
class ListUse(AuditorList):
    """A list that a step matched against; `commitment` is that of SPEC.md section 17."""

    commitment: Sha256


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Canaries that had to be found, that were, and that lay beyond the distance and were rightly not found."""

    planted: Count
    caught: Count
    beyond: Count


@dataclass(frozen=True, slots=True)
class Tool:
    """The program that did the work; `code_digest` is over its source files."""

    name: Text
    version: Text
    code_digest: Sha256


@dataclass(frozen=True, slots=True)
class FilterStep:
    """What one step did, as the institution claims (section 9.1).

    Attributes:
        kept_low_quality: rows that the step gave on although their picture has too little detail to be matched.
        override: the institution's reason for going on although the step removed more rows than the plan's cap; "" where it did not.
    """

    step: StepId
    parameters: Mapping[str, object]
    plan_digest: Sha256
    input: Boundary
    output: Boundary
    removed: Count
    unscreenable: Count
    kept_low_quality: Count
    override: Text
    lists: tuple[ListUse, ...]
    coverage: Mapping[str, Count]
    covers: Literal["stored", "declared", "pixels"]
    self_test: SelfTest
    conventions: tuple[Text, ...]
    decoder: Text
    tool: Tool
    started_on: Time
    finished_on: Time


@dataclass(frozen=True, slots=True)
class Candidate:
    """The institution binds step envelopes to a manifest and names the auditors it engaged (section 9.2)."""

    version: Version
    previous_manifest: Sha256 | None
    steps: Annotated[tuple[Sha256, ...], FILLED]
    auditors: Annotated[tuple[Organisation, ...], SORTED]
    built_on: Time


@dataclass(frozen=True, slots=True)
class Scope:
    """What an auditor had at hand; `checkpoint` is the note's text, `trust` the digest of the auditor's trust file."""

    tiers: Annotated[tuple[Literal["matches", "rows"], ...], SORTED]
    source: Literal["full", "none"]
    draw: Literal["all", "none"]
    lists: tuple[AuditorList, ...]
    canaries: Count
    checkpoint: Text
    trust: Sha256


@dataclass(frozen=True, slots=True)
class Claim:
    """One claim of the institution and what the auditor found."""

    claim: Text
    result: Literal["confirmed", "refuted", "not-checkable", "skipped"]
    detail: Text


@dataclass(frozen=True, slots=True)
class AuditReport:
    """An auditor's working report (section 9.3)."""

    candidate: Sha256
    scope: Scope
    claims: tuple[Claim, ...]
    limitations: tuple[Text, ...]
    conclusion: Literal["unqualified", "qualified", "adverse"]
    tool: Tool
    started_on: Time
    finished_on: Time

    @property
    def contradiction(self) -> str:
        """Return why conclusion and claims disagree, or nothing."""
        results = {claim.result for claim in self.claims}
        if ("refuted" in results) != (self.conclusion == "adverse"):
            return "a refuted claim makes a report adverse, and only that"
        if self.conclusion == "unqualified" and ("skipped" in results or not self.scope.lists):
            return "a skipped claim, or no list of the auditor's own, qualifies a report"
        return ""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Who gives an opinion, as `https://<organisation>`."""

    id: Address


@dataclass(frozen=True, slots=True)
class Reference:
    """A document by digest and name."""

    sha256: Digest
    uri: FilePath


@dataclass(frozen=True, slots=True)
class Opinion:
    """An auditor's verdict (section 9.4)."""

    verifier: Verifier
    time_verified: Time
    resource_uri: Text
    policy: Reference
    input_attestations: tuple[Reference, ...]
    verification_result: Literal["PASSED", "FAILED"]
    verified_levels: tuple[Text, ...]
    slsa_version: Literal["1.0"]

    def rules(self) -> Iterator[Rule]:
        """Yield what the members must satisfy together."""
        level = PASSED_LEVEL if self.verification_result == "PASSED" else "FAILED"
        yield self.policy.uri == TRUST_NAME, "policy.uri", TRUST_NAME
        yield self.verified_levels == (level,), "verifiedLevels", f"the one level {level} that goes with the result"


@dataclass(frozen=True, slots=True)
class Release:
    """The institution releases a candidate (section 9.5)."""

    version: Version
    candidate: Sha256
    opinions: Annotated[tuple[Sha256, ...], SORTED]
    published_on: Time


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What the subject names counts no longer (section 9.6)."""

    kind: Literal["release", "envelope", "key"]
    reason: Text
    withdrawn_on: Time


@dataclass(frozen=True, slots=True)
class Superseded:
    """There is a newer trust file: the subject (section 9.7)."""

    version: Positive
    previous: Sha256
    superseded_on: Time


@dataclass(frozen=True, slots=True)
class Unknown:
    """A predicate of a type that this specification does not name; its content is not looked at."""

    type: str


Predicate: TypeAlias = FilterStep | Candidate | AuditReport | Opinion | Release | Withdrawal | Superseded

_TYPES: dict[str, type[Predicate]] = {
    BASE + "filter-step/v0.1": FilterStep,
    BASE + "candidate/v0.1": Candidate,
    BASE + "audit-report/v0.1": AuditReport,
    OPINION_TYPE: Opinion,
    BASE + "release/v0.1": Release,
    BASE + "withdrawal/v0.1": Withdrawal,
    BASE + "superseded/v0.1": Superseded,
}
_NAMES = {shape: name for name, shape in _TYPES.items()}


@dataclass(frozen=True, slots=True)
class Statement:
    """A subject, and what is said of it."""

    subject: Subject
    predicate: Predicate | Unknown


@dataclass(frozen=True, slots=True)
class _Frame:
    """The in-toto statement around a predicate, its `_type` apart."""

    predicate: Mapping[str, object]
    predicate_type: Text
    subject: tuple[Subject, ...]

    def rules(self) -> Iterator[Rule]:
        """Yield what the members must satisfy together."""
        yield len(self.subject) == 1, "subject", "exactly one subject"


_DOCUMENT = Document(_Frame, FRAME, MAX_BUNDLE)


def parse(payload: bytes, *, where: str = "statement") -> Statement:
    """Return the statement that `payload` is the only form of.

    Raises:
        FormatError: sections 1, 2 or 9 of SPEC.md do not hold (code `malformed`).
    """
    frame = _DOCUMENT.parse(payload, where)
    subject, shape = frame.subject[0], _TYPES.get(frame.predicate_type)
    if shape is None:
        return Statement(subject, Unknown(frame.predicate_type))
    predicate = read(shape, frame.predicate, f"{where}.predicate")
    expected = _subject(predicate, subject)
    if subject != expected:
        raise refuse(f"{where}.subject", f"{expected.name} with sha256 {expected.sha256}", subject.name)
    return Statement(subject, predicate)


def encode(statement: Statement) -> bytes:
    """Return the payload for a statement.

    Raises:
        FormatError: the value is no legal statement (code `malformed`).
    """
    if isinstance(statement.predicate, Unknown):
        raise refuse("statement", "a predicate type of SPEC section 9", statement.predicate.type)
    kind = _NAMES[type(statement.predicate)]
    payload = _DOCUMENT.encode(_Frame(write(statement.predicate), kind, (statement.subject,)))
    parse(payload)
    return payload


def about_manifest(manifest_sha256: str) -> Subject:
    """Return the subject of every statement about a release."""
    return Subject(MANIFEST_NAME, manifest_sha256)


def about_key(keyid: str) -> Subject:
    """Return the subject of the withdrawal of a key.

    Raises:
        FormatError: it is no key id (code `malformed`).
    """
    return Subject(keyid, keyid_digest(keyid).hex())


def attestation_path(step: StepId, keyid: str) -> str:
    """Return where the attestation of a step lies in a release (section 5)."""
    return f"attestations/{step.order:02d}-{step.name}.{keyid8(keyid)}.sigstore.json"


def report_path(organisation: str, keyid: str) -> str:
    """Return where an organisation's audit report lies in a release (section 5)."""
    return f"reports/{organisation}.{keyid8(keyid)}.sigstore.json"


def opinion_path(organisation: str, keyid: str) -> str:
    """Return where an organisation's opinion lies in a release (section 5)."""
    return f"opinions/{organisation}.{keyid8(keyid)}.sigstore.json"


def resource_uri(name: str, version: str) -> str:
    """Return the package URL by which an opinion names a release."""
    return f"pkg:generic/{name}@{version}"


def _subject(predicate: Predicate, found: Subject) -> Subject:
    """Return what the subject of a statement must be, as far as section 9 fixes it."""
    match predicate:
        case Superseded():
            return Subject(TRUST_NAME, found.sha256)
        case Withdrawal(kind="envelope"):
            return Subject("envelope", found.sha256)
        case Withdrawal(kind="key"):
            return about_key(found.name)
    return about_manifest(found.sha256)
