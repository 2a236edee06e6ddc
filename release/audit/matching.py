"""Published rows against the auditor's own lists, by the very steps that a build uses.

Parameters are those of the release's attestations; a kind of list that no step of the release used is matched with the kind's
defaults. Stored bytes are matched, whatever the release compared. Each step must first find its own canary.
A hit is never shown: what is known of it goes into a sealed finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.statement import AuditorList, Claim, FilterStep
from release.audit import claims
from release.audit.columns import Roles
from release.audit.fingerprints import UNABLE
from release.canary import canary_batch
from release.errors import AuditError, Fault, StepError
from release.fingerprint import CONVENTIONS, Fingerprinter, Fingerprints
from release.lists import StoredList
from release.plan import Columns, StepPlan
from release.screen import image_bytes
from release.steps import REMOVED, Rows, Step, StepFactory, kinds

EXACT = "exact-hash"
STORED: Mapping[str, object] = {"on": "stored"}


@dataclass(frozen=True, slots=True)
class Hit:
    """A published row that a list of the auditor's names: its place in the release, the kind of match, and the list."""

    row: int
    kind: str
    which_list: str


@dataclass(frozen=True, slots=True)
class Matcher:
    """A step on the auditor's lists, and the columns it reads."""

    step: Step
    columns: Columns


@dataclass(slots=True)
class Matching:
    """Matches batch by batch; `take` is given the published rows in order."""

    matchers: tuple[Matcher, ...]
    schema: pa.Schema
    limitations: list[str]
    hits: list[Hit] = field(default_factory=list)
    rows: int = 0
    unable: int = 0

    @property
    def lists(self) -> tuple[AuditorList, ...]:
        """The lists that were used, with the types of entries that were."""
        used: dict[str, tuple[StoredList, set[str]]] = {}
        for matcher in self.matchers:
            for stored in matcher.step.lists:
                usable = kinds()[matcher.step.kind].needs_lists
                used.setdefault(stored.name, (stored, set()))[1].update(usable & stored.entries.keys())
        return tuple(_auditor_list(stored, types) for _, (stored, types) in sorted(used.items()))

    @property
    def conventions(self) -> tuple[str, ...]:
        """The resize conventions that the steps need, in their fixed order."""
        needed = {convention for matcher in self.matchers for convention in matcher.step.conventions}
        return tuple(convention for convention in CONVENTIONS if convention in needed)

    def self_test(self, fingerprinter: Fingerprinter) -> None:
        """Let every step find its canary.

        Raises:
            StepError: one was missed.
        """
        for matcher in self.matchers:
            batch = canary_batch(self.schema, matcher.columns)
            prints = fingerprinter.run(image_bytes(batch, matcher.columns.image))
            matcher.step.self_test(Rows(n=1, batch=batch, fingerprints=prints, problems={}))

    def take(self, batch: pa.RecordBatch, prints: Fingerprints) -> None:
        """Match the next rows."""
        rows = Rows(n=batch.num_rows, batch=batch, fingerprints=prints, problems={})
        alive = np.ones(rows.n, np.bool_)
        for matcher in self.matchers:
            verdicts = matcher.step.screen(rows, alive)
            for row in np.flatnonzero(verdicts.status == REMOVED).tolist():
                self.hits.append(Hit(self.rows + row, matcher.step.kind, verdicts.which_list[row]))
        self.unable += int(self._unmatched(prints).sum())
        self.rows += rows.n

    def _unmatched(self, prints: Fingerprints) -> npt.NDArray[np.bool_]:
        near = any(matcher.step.needs_pixels for matcher in self.matchers)
        return np.array([near and reason in UNABLE for reason in prints.reason], np.bool_)

    def claim(self) -> Claim:
        """Return the claim that no published row is listed, after the last row."""
        name = claims.NO_LISTED_ROW
        if self.hits:
            return claims.refuted(name, "a published row is listed; a finding is sealed for the institution's reporting officer")
        if not self.matchers:
            return claims.skipped(name, "the auditor has no list of its own that could be matched")
        if self.unable:
            return claims.skipped(name, f"{self.unable} rows could not be decoded within this machine's limits, and were not matched whole")
        used = ", ".join(f"{used.name} of {used.vintage}" for used in self.lists)
        return claims.confirmed(name, f"all {self.rows} published rows were matched against {used}; none is listed")


def matching(own: Sequence[StoredList], steps: Sequence[FilterStep], roles: Roles, links: Sequence[str]) -> Matching:
    """Return the matching of a release against the auditor's lists.

    Args:
        own: the auditor's lists.
        steps: the release's attestations.
        roles: the columns of the release.
        links: the columns that may hold its links.

    Raises:
        AuditError: the parameters of a step are not those of its kind.
    """
    made: list[Matcher] = []
    limitations: list[str] = []
    for kind, factory in sorted(kinds().items()):
        usable = tuple(stored for stored in own if factory.needs_lists & {name for name, count in stored.entries.items() if count})
        if not usable:
            continue
        try:
            made += _matchers(factory, usable, _parameters(kind, steps), _columns(kind, roles, links))
        except StepError as error:
            names = ", ".join(stored.name for stored in usable)
            limitations.append(f"{kind} could not be applied with {names}: {error.what}")
    return Matching(tuple(made), roles.schema, limitations)


def _matchers(
    factory: StepFactory, lists: tuple[StoredList, ...], variants: Sequence[Mapping[str, object]], columns: Sequence[Columns]
) -> Iterator[Matcher]:
    for parameters in variants:
        faults: list[Fault] = []
        parsed = factory.parse(parameters, f"the attested {factory.kind} step", faults)
        if faults:
            raise AuditError("the attested parameters of a step are not those of its kind", where=factory.kind, found=faults[0].where)
        plan = StepPlan(f"audit-{factory.kind}", factory.kind, tuple(stored.name for stored in lists), parsed)
        for roles in columns:
            yield Matcher(factory.build(plan, lists, roles), roles)


def _parameters(kind: str, steps: Sequence[FilterStep]) -> list[Mapping[str, object]]:
    """Return the distinct parameters with which the release used a kind, or its defaults."""
    if kind == EXACT:
        return [STORED]
    found: list[Mapping[str, object]] = []
    for step in steps:
        if step.step.kind == kind and step.parameters not in found:
            found.append(step.parameters)
    return found or [{}]


def _columns(kind: str, roles: Roles, links: Sequence[str]) -> list[Columns]:
    """Return the columns to match: for links every column that may hold them."""
    needs_links = kinds()[kind].needs_lists & {"url", "domain"}
    return [roles.with_url(name) for name in links] or [roles.columns] if needs_links else [roles.columns]


def _auditor_list(stored: StoredList, types: set[str]) -> AuditorList:
    entries = {kind: stored.entries[kind] for kind in sorted(types)}
    return AuditorList(
        stored.name, stored.authority, stored.vintage.isoformat(), "file" if stored.vintage_from == "file" else "declared", entries
    )
