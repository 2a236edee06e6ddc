"""The report and the opinion: written, signed, and tried against the log's own rules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from audit_logs import fields, statement
from audit_logs import keys as signing
from audit_logs.envelope import Envelope
from audit_logs.replay import Entry, opinion_inputs, replay
from audit_logs.statement import PASSED_LEVEL, AuditReport, Claim, Opinion, Reference, Scope, Statement, Verifier
from release.audit import claims
from release.audit.candidate import Auditing, Examined
from release.errors import AuditError
from release.tool import this_tool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an audit came to, before it is signed."""

    claims: tuple[Claim, ...]
    scope: Scope
    limitations: tuple[str, ...]
    started: datetime
    finished: datetime


@dataclass(frozen=True, slots=True)
class Signed:
    """A report and an opinion, signed, with their paths below a release."""

    report: Envelope
    report_path: str
    opinion: Envelope
    opinion_path: str
    conclusion: str
    result: str


def sign(case: Examined, auditing: Auditing, outcome: Outcome) -> Signed:
    """Return the signed report and the signed opinion on a candidate.

    Raises:
        FormatError: one of them is too large for the log.
    """
    conclusion = claims.conclude(outcome.claims, outcome.scope.lists)
    result, level = ("FAILED", "FAILED") if conclusion == "adverse" else ("PASSED", PASSED_LEVEL)
    subject, organisation = statement.about_manifest(case.manifest.digest), auditing.auditor.organisation
    report = AuditReport(
        candidate=case.state.digest,
        scope=outcome.scope,
        claims=outcome.claims,
        limitations=outcome.limitations,
        conclusion=conclusion,
        tool=this_tool(),
        started_on=fields.time_text(outcome.started),
        finished_on=fields.time_text(outcome.finished),
    )
    signed_report = signing.seal(statement.encode(Statement(subject, report)), auditing.signer)
    entry = Entry(case.entries, signed_report, subject, report, organisation)
    opinion = Opinion(
        verifier=Verifier(f"https://{organisation}"),
        time_verified=fields.time_text(outcome.finished),
        resource_uri=statement.resource_uri(case.manifest.name, case.manifest.version),
        policy=Reference(auditing.trust.digest, statement.TRUST_NAME),
        input_attestations=opinion_inputs(case.state, entry),
        verification_result="FAILED" if result == "FAILED" else "PASSED",
        verified_levels=("FAILED",) if level == "FAILED" else ("VETTED_RELEASE_AUDITED",),
        slsa_version="1.0",
    )
    signed_opinion = signing.seal(statement.encode(Statement(subject, opinion)), auditing.signer)
    paths = (statement.report_path(organisation, auditing.signer.keyid), statement.opinion_path(organisation, auditing.signer.keyid))
    return Signed(signed_report, paths[0], signed_opinion, paths[1], conclusion, result)


def check_free(out: Path, auditing: Auditing) -> None:
    """Refuse to make a second report while a first one waits to be logged.

    Raises:
        AuditError: it lies there.
    """
    organisation, keyid = auditing.auditor.organisation, auditing.signer.keyid
    for path in (statement.report_path(organisation, keyid), statement.opinion_path(organisation, keyid)):
        if (out / path).exists():
            raise AuditError(
                "this auditor's report or opinion is there already",
                where=str(out / path),
                next_step="wait until the institution has logged it, or move it away if it was never given to anybody",
                code="audit-again",
            )


def check_counts(signed: Signed, auditing: Auditing, logged: list[bytes]) -> None:
    """Replay the log as it will be with report and opinion.

    Raises:
        AuditError: one of them would not count.
    """
    voids = replay([*logged, signed.report.raw, signed.opinion.raw], auditing.trust).voids
    mine = [void.code for void in voids if void.index >= len(logged)]
    if mine:
        raise AuditError("the log would not accept this report or opinion", found=", ".join(mine), code=mine[0])
