"""A plan resolved against keys, trust, lists, steps, source and line: all that can be refused before a row is read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from audit_logs import canonical, documents, keys
from audit_logs import trust as trusts
from audit_logs.keys import Signer
from audit_logs.manifest import SourcePin
from audit_logs.note import LOG_KEY
from audit_logs.statement import ListUse
from audit_logs.trust import Trust
from release import lineage, signers
from release.build.caps import check_overrides
from release.build.groups import of_line
from release.build.line import Line, check_version, open_line
from release.build.places import check_places
from release.errors import BuildError, StepError
from release.lineage import Lineage
from release.lists import ListStore
from release.plan import Plan, load
from release.source import Source, open_source
from release.steps import Awaits, Looks, Step, Terms, build_steps, kinds
from release.steps.separate import Separate, Side
from release.steps.thin import KIND as THIN
from release.tool import this_tool

NO_ROOT = "0" * 64


@dataclass(frozen=True, slots=True)
class Request:
    """What a build is asked to do.

    Attributes:
        plan: the plan file.
        out: where the candidate will lie; it is not there before the candidate is complete.
        previous: the line's last release, or a candidate of the line that was never published.
        released: the line's last release, where `previous` is a candidate.
        workers: number of worker processes.
        overrides: by step, why the build goes on although the step removes more rows than its cap.
    """

    plan: Path
    out: Path
    previous: Path | None = None
    released: Path | None = None
    workers: int = 1
    overrides: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan whose every part is there and open."""

    plan: Plan
    trust: Trust
    trust_bytes: bytes
    institution: Signer
    log: Signer
    source: Source
    steps: tuple[Step, ...]
    line: Line
    overrides: Mapping[str, str]
    lineage: Lineage | None

    @property
    def pin(self) -> SourcePin:
        """Return the source pin as the manifest has it, but for the root, which is known when every row was read."""
        rows = sum(unit.rows for unit in self.source.units)
        return replace(self.source.pin, parent="private" if self.plan.source.parent == "private" else "public", rows=rows, root=NO_ROOT)

    @property
    def list_digests(self) -> dict[str, str]:
        """Return the digest (hex) of every list in use, by name."""
        return {used.name: used.digest for step in self.steps for used in step.lists}


def prepare(request: Request, now: datetime) -> Prepared:
    """Resolve a plan.

    Raises:
        PlanError: the plan has faults; all of them at once.
        ListError: a list is missing, empty or too old.
        SourceError: the source cannot be read, or holds lists, keys or what builds write.
        StepError: a step cannot work with its lists, or with the source's columns.
        UsageError: an override is of a step that has no cap, or gives no reason.
        Problem: a key, the trust file or the line's log cannot be used.
    """
    plan = load(request.plan, kinds())
    check_places(plan, request.out)
    check_overrides(plan.steps, request.overrides)
    trust_bytes = _read(plan.audit.trust)
    trust = trusts.read(trust_bytes, where=str(plan.audit.trust))
    institution = signers.load(plan.keys.institution)
    log = _log_signer(plan, trust)
    steps = build_steps(plan, ListStore(plan.lists.store), now.date())
    line = open_line(request.previous, request.released, trust)
    check_version(line, plan.version)
    separation(steps)
    source = open_source(plan)
    for step in steps:
        if isinstance(step, Looks):
            step.check(source.schema)
    terms = Terms(now, plan.name, institution.public, plan.lists.max_age_days, sum(unit.rows for unit in source.units))
    for step in steps:
        if isinstance(step, Awaits):
            step.ready(terms)
    plan = plan.settled(of_line(line, source))
    return Prepared(plan, trust, trust_bytes, institution, log, source, steps, line, request.overrides, _lineage(plan, steps, line))


def _lineage(plan: Plan, steps: Sequence[Step], line: Line) -> Lineage | None:
    """Return the memory of the line where a step needs it; a line without any version gets a new one.

    Raises:
        BuildError: the line has versions, and their memory is not there.
    """
    if all(step.kind != THIN for step in steps):
        return None
    found = lineage.read(plan.keys.line)
    if found is None and line.last is not None:
        raise BuildError(
            "the memory of the dataset line is not there",
            where=str(plan.keys.line),
            expected="the file that the line's first build wrote",
            next_step="bring it back from a copy: without it, rows that hide others would return and give them away",
            code="lineage",
        )
    return found or Lineage.new()


def separation(steps: Sequence[Step]) -> Side | None:
    """Return which rows a separating step lets stay, or None without one.

    Raises:
        StepError: two of them do not agree, so that no single word would be true.
    """
    sides = {step.parameters.keep: step.name for step in steps if isinstance(step, Separate)}
    if len(sides) > 1:
        raise StepError(
            "two separating steps let different rows stay",
            where=f"steps {', '.join(sides.values())}",
            expected="one side",
            found=", ".join(sorted(sides)),
            code="step-sides",
        )
    return next(iter(sides), None)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BuildError(
            "the trust file cannot be read",
            where=str(path),
            found=error.strerror or "",
            next_step="`release init` writes one",
            code="trust",
        ) from error


def _log_signer(plan: Plan, trust: Trust) -> Signer:
    """Return the signer of the line's log: with another key, nobody could ever verify what is logged."""
    signer = signers.load_note_signer(plan.keys.log)
    if keys.verifier_key(signer, trust.log.origin, LOG_KEY).text != trust.log.key:
        raise BuildError(
            "the plan's log key is not the log key of the trust file",
            where=str(plan.keys.log),
            expected=trust.log.key,
            found=signer.keyid,
            next_step="name the log's key file in the plan, under [keys] log",
            code="log-key",
        )
    return signer


def context(prepared: Prepared, row_key: bytes) -> str:
    """Return the digest of all that a shard is a function of: a receipt counts only under the same one."""
    parts = {
        "code": this_tool().code_digest,
        "groups": prepared.plan.build.row_group_rows,
        "key": hashlib.sha256(row_key).hexdigest(),
        "lists": prepared.list_digests,
        "plan": prepared.plan.digest,
        "source": documents.write(prepared.pin),
        "units": units_digest(prepared),
    }
    return hashlib.sha256(canonical.encode(parts)).hexdigest()


def units_digest(prepared: Prepared) -> str:
    """Return a digest (hex) of the source's units; that of an image folder has every image's name, size and time."""
    units = hashlib.sha256()
    for unit in prepared.source.units:
        units.update(repr(unit).encode() + b"\n")
    return units.hexdigest()


def list_uses(step: Step, commitments: Mapping[str, str]) -> tuple[ListUse, ...]:
    """Return a step's lists as its attestation names them; `commitments` (hex) by list name."""
    return tuple(
        ListUse(
            name=used.name,
            authority=used.authority,
            vintage=used.vintage.isoformat(),
            vintage_from="file" if used.vintage_from == "file" else "declared",
            entries={kind: count for kind, count in sorted(used.entries.items()) if count},
            partial=used.partial,
            commitment=commitments[used.name],
        )
        for used in step.lists
    )


def unmet(prepared: Prepared) -> Iterator[str]:
    """Yield, in words, what will keep this candidate from being published under the institution's own trust file."""
    trust, plan = prepared.trust, prepared.plan
    key = prepared.institution.keyid
    if trust.name != plan.name:
        yield f"the trust file is for {trust.name}, the plan for {plan.name}"
    if key not in trust.build:
        yield "the plan's institution key may not sign candidates (trust file, `build`)"
    if plan.audit.required > trust.policy.opinions:
        yield f"the plan asks for {plan.audit.required} auditors, the trust file for {trust.policy.opinions}"
    for fault in trusts.faults(trust):
        yield f"the trust file is refused: {fault.where}, expected {fault.expected}, found {fault.found}"
    names = [step.name for step in prepared.steps]
    for required in trust.steps:
        if required.name not in names:
            yield f"the trust file requires a step {required.name!r}, which the plan has not"
        elif key not in required.keys:
            yield f"the plan's institution key may not sign step {required.name!r}"
