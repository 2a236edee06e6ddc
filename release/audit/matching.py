"""Published rows against the auditor's own lists, by the very steps that a build uses.

Parameters are those of the release's attestations; a kind of list that no step of the release used is matched with the kind's
defaults. Digests are matched against stored bytes and against every column of declared ones, whatever the release compared:
the bytes may be others by now than those that a list knew. Each step must first find its own canary.
A hit is never shown: what is known of it goes into a sealed finding.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.statement import AuditorList, Claim
from release.audit import claims
from release.audit.candidate import Examined
from release.audit.fingerprints import UNABLE
from release.canary import canary_batch
from release.errors import AuditError, Fault, StepError
from release.fingerprint import CONVENTIONS, Fingerprinter, Fingerprints
from release.lists import StoredList
from release.plan import StepPlan
from release.screen import image_bytes
from release.steps import REMOVED, Rows, Step, StepFactory, kinds

EXACT = "exact-hash"
DECLARED: Mapping[str, object] = {"on": "declared"}
STORED: Mapping[str, object] = {"on": "stored"}


@dataclass(frozen=True, slots=True)
class Hit:
    """A published row that a list of the auditor's names: its place in the release, the kind of match, what matched, the list."""

    row: int
    kind: str
    covers: str
    which_list: str


@dataclass(slots=True)
class Matching:
    """Matches batch by batch; `take` is given the published rows in order."""

    case: Examined
    steps: tuple[Step, ...]
    limitations: list[str]
    hits: list[Hit] = field(default_factory=list)
    rows: int = 0
    unable: int = 0

    @property
    def lists(self) -> tuple[AuditorList, ...]:
        """The lists that were used, with the types of entries that were."""
        used: dict[str, tuple[StoredList, dict[str, int]]] = {}
        for step in self.steps:
            for stored in step.lists:
                usable = kinds()[step.kind].needs_lists & stored.entries.keys()
                used.setdefault(stored.name, (stored, {}))[1].update({kind: stored.entries[kind] for kind in usable})
        return tuple(_auditor_list(stored, entries) for _, (stored, entries) in sorted(used.items()))

    @property
    def conventions(self) -> tuple[str, ...]:
        """The resize conventions that the steps need, in their fixed order."""
        needed = {convention for step in self.steps for convention in step.conventions}
        return tuple(convention for convention in CONVENTIONS if convention in needed)

    def self_test(self, fingerprinter: Fingerprinter) -> None:
        """Let every step find its canary.

        Raises:
            StepError: one was missed.
        """
        batch = canary_batch(self.case.schema, self.case.columns)
        prints = fingerprinter.run(image_bytes(batch, self.case.columns.image))
        for step in self.steps:
            step.self_test(Rows(n=1, batch=batch, fingerprints=prints, problems={}))

    def take(self, batch: pa.RecordBatch, prints: Fingerprints) -> None:
        """Match the next rows."""
        rows = Rows(n=batch.num_rows, batch=batch, fingerprints=prints, problems={})
        alive = np.ones(rows.n, np.bool_)
        for step in self.steps:
            verdicts = step.screen(rows, alive)
            for row in np.flatnonzero(verdicts.status == REMOVED).tolist():
                self.hits.append(Hit(self.rows + row, step.kind, step.covers, verdicts.which_list[row]))
        self.unable += int(self._unmatched(prints).sum())
        self.rows += rows.n

    def _unmatched(self, prints: Fingerprints) -> npt.NDArray[np.bool_]:
        near = any(step.needs_pixels for step in self.steps)
        return np.array([near and reason in UNABLE for reason in prints.reason], np.bool_)

    def claim(self) -> Claim:
        """Return the claim that no published row is listed, after the last row."""
        name = claims.NO_LISTED_ROW
        if self.hits:
            return claims.refuted(name, "a published row is listed; a finding is sealed for the institution's reporting officer")
        if not self.steps:
            return claims.skipped(name, "the auditor has no list of its own that could be matched")
        if self.unable:
            return claims.skipped(name, f"{self.unable} rows could not be decoded within this machine's limits, and were not matched whole")
        used = ", ".join(f"{used.name} of {used.vintage}" for used in self.lists)
        return claims.confirmed(name, f"all {self.rows} published rows were matched against {used}; none is listed")


def matching(own: Sequence[StoredList], case: Examined) -> Matching:
    """Return the matching of a release against the auditor's lists.

    Raises:
        AuditError: the parameters of a step are not those of its kind.
    """
    made: list[Step] = []
    limitations: list[str] = []
    for kind, factory in sorted(kinds().items()):
        for parameters in _parameters(kind, case):
            types = factory.needs_lists & case.columns.declared.keys() if parameters == DECLARED else factory.needs_lists
            usable = _with_types(own, types)
            if not usable:
                continue
            try:
                made.append(_step(factory, usable, parameters, case))
            except StepError as error:
                names = ", ".join(stored.name for stored in usable)
                limitations.append(f"{kind} could not be applied with {names}: {error.what}")
    return Matching(case, tuple(made), limitations)


def _with_types(own: Sequence[StoredList], types: Collection[str]) -> tuple[StoredList, ...]:
    """Return the lists that have entries of these types, without their others: a step refuses what it has no column for."""
    narrowed = (replace(stored, entries={kind: count for kind, count in stored.entries.items() if kind in types}) for stored in own)
    return tuple(stored for stored in narrowed if any(stored.entries.values()))


def _step(factory: StepFactory, lists: tuple[StoredList, ...], parameters: Mapping[str, object], case: Examined) -> Step:
    faults: list[Fault] = []
    parsed = factory.parse(parameters, f"the attested {factory.kind} step", faults)
    if faults:
        raise AuditError("the attested parameters of a step are not those of its kind", where=factory.kind, found=faults[0].where)
    plan = StepPlan(f"audit-{factory.kind}", factory.kind, tuple(stored.name for stored in lists), parsed)
    return factory.build(plan, lists, case.columns)


def _parameters(kind: str, case: Examined) -> list[Mapping[str, object]]:
    """Return the distinct parameters with which the release used a kind, or its defaults."""
    if kind == EXACT:
        return [STORED, DECLARED]
    found: list[Mapping[str, object]] = []
    for step in case.steps:
        if step.step.kind == kind and step.parameters not in found:
            found.append(step.parameters)
    return found or [{}]


def _auditor_list(stored: StoredList, entries: dict[str, int]) -> AuditorList:
    return AuditorList(
        name=stored.name,
        authority=stored.authority,
        vintage=stored.vintage.isoformat(),
        vintage_from="file" if stored.vintage_from == "file" else "declared",
        entries=dict(sorted(entries.items())),
    )
