"""Published rows against the auditor's own lists, by the very steps that a build uses, and never by less.

Each kind is applied with its defaults, and with every set of parameters that the release attests besides. Digests are matched
against stored bytes; links, domains and digests against every text of a row, whatever its column is called and wherever it is
nested: what an institution names, or compared, is its own choice. Each step must first find its own canary.
A row to which a list could have been applied and was not leaves the claim skipped.
A hit is never shown: what is known of it goes into a sealed finding.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa

from audit_logs.statement import AuditorList, Claim
from release import canary
from release.audit import claims, texts
from release.audit.candidate import Examined
from release.errors import StepError
from release.fingerprint import CONVENTIONS, Fingerprinter, Fingerprints
from release.lists import StoredList
from release.plan import Columns, StepPlan
from release.screen import image_bytes
from release.steps import REMOVED, UNSCREENABLE, Rows, Step, StepFactory, kinds, photodna
from release.steps.exact_hash import KIND as EXACT
from release.steps.exact_hash import NO_IMAGE
from release.steps.near_hash import LOW_QUALITY
from release.steps.text import KIND as TEXT
from release.steps.text import NO_TEXT
from release.steps.url import KIND as URL

_MATCHED = frozenset({NO_IMAGE, NO_TEXT, LOW_QUALITY})
"""Reasons of rows to which a list was applied all the same, or could not be by anybody: a picture of low quality is matched like any."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A published row that a list of the auditor's names: its place in the release, the kind of match, what matched, the list."""

    row: int
    kind: str
    covers: str
    which_list: str


@dataclass(frozen=True, slots=True)
class Way:
    """One way to apply a kind of step.

    Attributes:
        parameters: canonical.
        types: of list entries that are matched in this way.
        columns: where the step looks.
        canary: the text that it has to find, if it looks at texts; "" if it looks at rows as they are.
    """

    parameters: Mapping[str, object]
    types: Collection[str]
    columns: Columns
    canary: str = ""


@dataclass(frozen=True, slots=True)
class Applied:
    """A step with the auditor's own lists, and the way in which it is applied."""

    step: Step
    way: Way

    def __str__(self) -> str:
        """Return kind and parameters in words."""
        named = (f"{name} {' '.join(map(str, value)) if isinstance(value, list) else value}" for name, value in self.way.parameters.items())
        return f"{self.step.kind} ({', '.join(named)})"


@dataclass(slots=True)
class Matching:
    """Matches batch by batch; `take` is given the published rows in order."""

    case: Examined
    applied: tuple[Applied, ...]
    limitations: tuple[str, ...]
    rows: int = 0
    unable: int = 0
    _hits: dict[Hit, None] = field(default_factory=dict)

    @property
    def hits(self) -> tuple[Hit, ...]:
        """What was found, each once."""
        return tuple(self._hits)

    @property
    def lists(self) -> tuple[AuditorList, ...]:
        """The lists that were used, with the types of entries that were."""
        used: dict[str, tuple[StoredList, dict[str, int]]] = {}
        for step in (applied.step for applied in self.applied):
            for stored in step.lists:
                used.setdefault(stored.name, (stored, {}))[1].update(stored.entries)
        return tuple(_auditor_list(stored, entries) for _, (stored, entries) in sorted(used.items()))

    @property
    def conventions(self) -> tuple[str, ...]:
        """The resize conventions that the steps need, in their fixed order."""
        needed = {convention for applied in self.applied for convention in applied.step.conventions}
        return tuple(convention for convention in CONVENTIONS if convention in needed)

    def self_test(self, fingerprinter: Fingerprinter) -> None:
        """Let every step find its canary.

        Raises:
            StepError: one was missed.
        """
        batch = canary.canary_batch(self.case.schema, self.case.columns)
        prints = fingerprinter.run(image_bytes(batch, self.case.columns.image))
        for applied in self.applied:
            shown = texts.one_text([applied.way.canary]) if applied.way.canary else batch
            applied.step.self_test(Rows(n=1, batch=shown, fingerprints=prints, problems={}))

    def take(self, batch: pa.RecordBatch, prints: Fingerprints) -> None:
        """Match the next rows."""
        whole = Rows(n=batch.num_rows, batch=batch, fingerprints=prints, problems={})
        found = texts.texts_of(batch, self.case.manifest.columns)
        said = Rows(n=len(found.owners), batch=found.batch, fingerprints=prints, problems={})  # who looks at texts sees no picture
        unmatched: set[int] = set()
        for applied in self.applied:
            rows, owners = (said, found.owners) if applied.way.canary else (whole, np.arange(whole.n))
            verdicts = applied.step.screen(rows, np.ones(rows.n, np.bool_))
            for row in np.flatnonzero(verdicts.status == REMOVED).tolist():
                hit = Hit(self.rows + int(owners[row]), applied.step.kind, applied.step.covers, verdicts.which_list[row])
                self._hits[hit] = None
            if not applied.way.canary:  # no list could hold a text that is no link or digest, an image without bytes, no caption
                missed = np.flatnonzero(verdicts.status == UNSCREENABLE).tolist()
                unmatched |= {row for row in missed if verdicts.reason[row] not in _MATCHED}
        self.unable += len(unmatched)
        self.rows += whole.n

    def claim(self) -> Claim:
        """Return the claim that no published row is listed, after the last row."""
        name = claims.NO_LISTED_ROW
        if self._hits:
            return claims.refuted(name, "a published row is listed; a finding is sealed for the institution's reporting officer")
        if not self.applied:
            return claims.skipped(name, "the auditor has no list of its own that could be matched")
        if self.unable:
            return claims.skipped(name, f"{self.unable} rows could not be decoded whole, and were not matched against every list")
        ways = "; ".join(dict.fromkeys(map(str, self.applied)))
        used = ", ".join(f"{used.name} of {used.vintage}" for used in self.lists)
        where = "their stored bytes, and every text that is a link or a digest as a whole"
        return claims.confirmed(name, f"none of the {self.rows} published rows is listed: {where}, by {ways}, against {used}")


def matching(own: Sequence[StoredList], case: Examined) -> Matching:
    """Return the matching of a release against the auditor's lists."""
    made: list[Applied] = []
    limitations: list[str] = []
    for kind, factory in sorted(kinds().items()):
        for way in _ways(factory, case):
            usable = _with_types(own, way.types)
            if not usable:
                continue
            try:
                made.append(Applied(_step(factory, usable, way), way))
            except StepError as error:
                names = ", ".join(stored.name for stored in usable)
                limitations.append(claims.told(f"{kind} could not be applied with {names}: {error.what}"))
    unused = [stored.name for stored in own if stored.entries.get(photodna.TYPE) and not _is_used(photodna.TYPE, made)]
    if unused:
        limitations.append(
            claims.told(f"no step declares a distance for the PhotoDNA values of {', '.join(unused)}: they were not matched")
        )
    return Matching(case, tuple(made), tuple(dict.fromkeys(limitations)))


def _is_used(kind: str, made: Sequence[Applied]) -> bool:
    return any(kind in applied.way.types for applied in made)


def _ways(factory: StepFactory, case: Examined) -> Iterator[Way]:
    """Yield every way in which a kind is applied to a release."""
    if not factory.needs_lists:
        return
    sayable = texts.has_texts(case.manifest.schema, case.manifest.columns)
    if factory.kind == EXACT:
        yield Way({"on": "stored"}, factory.needs_lists, case.columns)
        yield from (_as_text(kind) for kind in sorted(factory.needs_lists) if sayable)
        return
    if factory.kind == TEXT:
        yield from (Way({"terms": terms}, factory.needs_lists, case.columns) for terms in _terms(case))
        return
    for parameters in _parameters(factory, case):
        if factory.kind == URL or parameters.get("on") == "declared":
            if sayable:
                yield _in_texts(factory, parameters)
        else:
            yield Way(parameters, factory.needs_lists - {photodna.TYPE}, case.columns)


def _as_text(kind: str) -> Way:
    """Return the way to look for digests of one type in every text of a row."""
    return Way({"on": "declared"}, {kind}, Columns(None, None, None, {kind: texts.COLUMN}), canary.digests(kind).hex())


def _in_texts(factory: StepFactory, parameters: Mapping[str, object]) -> Way:
    """Return the way to apply a kind to every text of a row: links, or PhotoDNA values."""
    if factory.kind == URL:
        return Way(parameters, factory.needs_lists, Columns(None, None, texts.COLUMN, {}), canary.URL)
    declared = {photodna.TYPE: texts.COLUMN}
    return Way(parameters, {photodna.TYPE}, Columns(None, None, None, declared), canary.photodna().hex())


def _parameters(factory: StepFactory, case: Examined) -> list[Mapping[str, object]]:
    """Return a kind's defaults, and the other parameters with which the release used it."""
    found: list[Mapping[str, object]] = [factory.parse({}, "", []).canonical()]
    for step in case.steps:
        if step.step.kind == factory.kind and step.parameters not in found:
            found.append(step.parameters)
    return found


def _terms(case: Examined) -> list[object]:
    """Return how terms are looked for: as whole words, and as the release did; always in captions of every language."""
    used = [step.parameters.get("terms") for step in case.steps if step.step.kind == TEXT]
    return list(dict.fromkeys(["whole-words", *used]))


def _with_types(own: Sequence[StoredList], types: Collection[str]) -> tuple[StoredList, ...]:
    """Return the lists that have entries of these types, without their others: a step refuses what it has no column for."""
    narrowed = (replace(stored, entries={kind: count for kind, count in stored.entries.items() if kind in types}) for stored in own)
    return tuple(stored for stored in narrowed if any(stored.entries.values()))


def _step(factory: StepFactory, lists: tuple[StoredList, ...], way: Way) -> Step:
    """Return a step; that its parameters are those of its kind was seen before (`attested`)."""
    parsed = factory.parse(way.parameters, "", [])
    plan = StepPlan(f"audit-{factory.kind}", factory.kind, tuple(stored.name for stored in lists), parsed)
    return factory.build(plan, lists, way.columns)


def _auditor_list(stored: StoredList, entries: dict[str, int]) -> AuditorList:
    return AuditorList(
        name=stored.name,
        authority=stored.authority,
        vintage=stored.vintage.isoformat(),
        vintage_from="file" if stored.vintage_from == "file" else "declared",
        entries=dict(sorted(entries.items())),
        partial=stored.partial,
    )
