"""`near-hash` with `on = "declared"`: rows whose PhotoDNA value, as it came with the source, lies near one that a list knows.

It finds: pictures that whoever made the values saw as like a listed one, within the Euclidean distance that the plan declares.
It cannot find: anything about the stored bytes. PhotoDNA is not computed here, which takes a licence, so a value may be wrong
or of another picture, and the attestation says `declared`. A row without a value, or with one that is none, is unscreenable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from audit_logs.statement import SelfTest
from release.canary import FURTHEST
from release.errors import StepError
from release.lists import StoredList
from release.lists.entries import Entries, decode_photodna
from release.match import VectorIndex
from release.plan import Columns, StepPlan
from release.sections import Range, Section
from release.steps.base import Covers, Flags, Rows, Sheet, Verdicts, check_verdict, missed, of_type, usable_types

TYPE = "photodna"
NO_VALUE = "no-photodna"
BAD_VALUE = "bad-photodna"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The largest Euclidean distance that still counts as a hit."""

    distance: int

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        return {"on": "declared", "distance": self.distance}


@dataclass(frozen=True, slots=True)
class DeclaredNear:
    """A step of this kind, with its indexes open, by list name."""

    name: str
    parameters: Parameters
    lists: tuple[StoredList, ...]
    column: str
    indexes: Mapping[str, VectorIndex]
    kind: str = "near-hash"
    covers: Covers = "declared"
    needs_pixels: bool = False
    conventions: tuple[str, ...] = ()
    decoder: str = ""

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch: every hit is removed, a row without a usable value is unscreenable."""
        values, absent = declared_values(rows.batch.column(self.column))
        there = np.array([not reason for reason in absent], np.bool_)
        sheet, open_rows = Sheet.blank(rows.n), alive & there
        for used in self.lists:
            places = np.flatnonzero(open_rows)
            hits = np.zeros(rows.n, np.bool_)
            hits[places] = self.indexes[used.name].any_within(values[places], self.parameters.distance)
            sheet.remove(hits, used.name)
            open_rows &= ~hits
        for row in np.flatnonzero(~there).tolist():
            sheet.cannot_screen(row, absent[row])
        return sheet.verdicts({TYPE: int((there & alive).sum())})

    def self_test(self, canary: Rows) -> SelfTest:
        """Return that the canary's entries at 0, d/4, d/2, 3d/4 and d were found in every index, and none beyond d.

        Raises:
            StepError: that was not so.
        """
        distance = self.parameters.distance
        wanted = {0, distance // 4, distance // 2, 3 * distance // 4, distance}
        value = declared_values(canary.batch.column(self.column))[0][0]
        for used, index in ((used, self.indexes[used.name]) for used in self.lists):
            name = used.name
            if index.reserved_within(value, distance) != list(range(distance + 1)):
                raise missed(self.name, name, f"the reserved entries up to a distance of {distance}, and no others, found by the canary")
            for number in (*wanted, distance + 1):
                awake = replace(self, lists=(used,), indexes={name: index.unreserved(number)})
                check_verdict(awake, canary, removed=number <= distance)
        lists = len(self.indexes)
        return SelfTest(planted=len(wanted) * lists, caught=len(wanted) * lists, beyond=lists)


def declared_values(column: pa.Array) -> tuple[Entries, list[str]]:
    """Return (n, 144) uint8 from a column of hex or base64 text, or of bytes, and by row why a value is missing, "" where none is."""
    texts = [_text(value) for value in column.to_pylist()]
    values, refused = decode_photodna(texts)
    zero = values.max(axis=1, initial=0) == 0
    return values, [NO_VALUE if not text else BAD_VALUE if row in refused or zero[row] else "" for row, text in enumerate(texts)]


def _text(value: object) -> bytes:
    if isinstance(value, bytes):
        return value.hex().encode()
    return b"" if value is None else str(value).strip().encode()


def parse(section: Section) -> Parameters:
    """Return the parameters of a step's table; there is no distance that suits all, so one has to be declared."""
    if not section.has("distance"):
        section.fault("distance", f"the largest Euclidean distance of a hit, {Range(0, FURTHEST)}", "nothing")
    parameters = Parameters(section.integer("distance", Range(0, FURTHEST), 0))
    section.close()
    return parameters


def build(plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> DeclaredNear:
    """Return a step.

    Raises:
        StepError: a list has no PhotoDNA values, or the plan names no column of them.
    """
    parameters = of_type(plan.parameters, Parameters, plan)
    usable_types(plan, lists, frozenset([TYPE]))
    if TYPE not in columns.declared:
        raise StepError(
            "the step compares PhotoDNA values, and the plan names no column of them",
            where=f"step {plan.name}",
            next_step=f"name it in the plan: source.columns.declared.{TYPE}",
            code="step-column",
        )
    indexes = {used.name: of_type(used.index(TYPE), VectorIndex, plan) for used in lists}
    return DeclaredNear(plan.name, parameters, lists, columns.declared[TYPE], indexes)
