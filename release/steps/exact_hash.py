"""`exact-hash`: rows whose image file is byte for byte one that a list knows.

It finds: a file whose MD5, SHA-1 or SHA-256 stands in a list, whatever the file is called and whether or not it decodes.
It cannot find: the same picture stored in other bytes. One changed byte, a new caption in its metadata or a second saving
is enough to escape; `near-hash` is for those. With `on = "declared"` it compares hashes that came with the source: they may
be wrong, or of other bytes than those that are stored, and the attestation says `declared`. Every type that the lists hold needs
a declared column then, else the step could not match those entries and the build stops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audit_logs.statement import SelfTest
from release.errors import Fault, StepError
from release.lists import StoredList
from release.lists.entries import DIGESTS, WIDTHS, decode_hex, hex_column, is_placeholder
from release.match import DigestIndex
from release.plan import Columns, StepPlan
from release.sections import Section
from release.steps.about import About, Key
from release.steps.base import Covers, Flags, Rows, Sheet, Verdicts, check_verdict, given, missed, need_column, of_type, usable_types

KIND = "exact-hash"
NO_IMAGE = "no-image"
NO_HASH = "no-declared-hash"
BAD_HASH = "bad-declared-hash"


@dataclass(frozen=True, slots=True)
class Parameters:
    """Which hashes are compared: of the `stored` bytes, or those `declared` by the source's hash columns."""

    on: str

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        return {"on": self.on}


@dataclass(frozen=True, slots=True)
class Found:
    """The digests of one type that a batch has: (n, w) uint8, and by row why one is missing, "" where none is."""

    digests: NDArray[np.uint8]
    absent: list[str]

    @property
    def there(self) -> Flags:
        """(n,) bool: which rows have a digest."""
        return given(self.absent)


@dataclass(frozen=True, slots=True)
class ExactHash:
    """A step of this kind, with its indexes open: by list name, by type."""

    name: str
    parameters: Parameters
    lists: tuple[StoredList, ...]
    columns: Columns
    indexes: Mapping[str, Mapping[str, DigestIndex]]
    kind: str = KIND
    needs_pixels: bool = False
    conventions: tuple[str, ...] = ()
    decoder: str = ""

    @property
    def covers(self) -> Covers:
        """Which bytes the verdicts speak of."""
        return "declared" if self.parameters.on == "declared" else "stored"

    @property
    def types(self) -> tuple[str, ...]:
        """The types of digests that any list of the step has."""
        return tuple(sorted({kind for indexes in self.indexes.values() for kind in indexes}))

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch: every hit is removed; without one, a row that lacks a digest is unscreenable."""
        found = {kind: self._digests(rows, kind) for kind in self.types}
        sheet = Sheet.blank(rows.n)
        for used in self.lists:
            hits = [index.contains(found[kind].digests) & found[kind].there for kind, index in self.indexes[used.name].items()]
            sheet.remove(alive & reduce(np.logical_or, hits), used.name)
        for digests in found.values():
            for row in np.flatnonzero(~digests.there).tolist():
                sheet.cannot_screen(row, digests.absent[row])
        return sheet.verdicts({kind: int((digests.there & alive).sum()) for kind, digests in found.items()})

    def self_test(self, canary: Rows) -> SelfTest:
        """Return that the canary was found in every index, and as nothing but a canary.

        Raises:
            StepError: it was not.
        """
        planted = 0
        for used in self.lists:
            name = used.name
            for kind, index in self.indexes[name].items():
                query = self._digests(canary, kind).digests[:1]
                if not np.isin(index.find(query), index.reserved_positions).all() or index.contains(query).any():
                    raise missed(self.name, name, f"the reserved entry of type {kind} found by the canary")
                check_verdict(replace(self, lists=(used,), indexes={name: {kind: index.unreserved()}}), canary, removed=True)
                planted += 1
        return SelfTest(planted=planted, caught=planted, beyond=0)

    def _digests(self, rows: Rows, kind: str) -> Found:
        if self.parameters.on == "declared":
            return declared(rows.batch.column(self.columns.declared[kind]), kind)
        prints = rows.fingerprints
        absent = ["" if there else reason or NO_IMAGE for there, reason in zip(prints.has_bytes.tolist(), prints.reason, strict=True)]
        return Found(getattr(prints, kind), absent)


def declared(column: pa.Array, kind: str) -> Found:
    """Return the digests in a column of hex text, or of bytes; a placeholder (all zero, the empty file's) counts as malformed."""
    digests, plain = hex_column(column, WIDTHS[kind])
    absent = [""] * len(column)
    others = np.flatnonzero(~plain)
    texts = [_text(value) for value in column.take(pa.array(others)).to_pylist()]
    digests[others], refused = decode_hex(texts, WIDTHS[kind])
    for place, row in enumerate(others.tolist()):
        absent[row] = NO_HASH if not texts[place] else BAD_HASH if place in refused else ""
    for row in np.flatnonzero(is_placeholder(kind, digests)).tolist():
        absent[row] = absent[row] or BAD_HASH
    return Found(digests, absent)


def _text(value: object) -> bytes:
    if isinstance(value, bytes):
        return value.hex().encode()
    return b"" if value is None else str(value).strip().encode()


class ExactHashKind:
    """The kind `exact-hash`."""

    kind = KIND
    needs_lists = frozenset(DIGESTS)
    about = About(
        covers="`stored`, or `declared` with `on`",
        keys=(
            Key(
                "on",
                "`stored`, `declared`",
                "`stored`",
                "the hashes of the stored bytes, or those in the source's columns of declared hashes",
            ),
        ),
        reasons={
            NO_IMAGE: "the row has no image bytes",
            NO_HASH: "the declared hash is null or empty",
            BAD_HASH: "it is not hexadecimal, of another length, all zero, or that of the empty file",
        },
        audit="Every auditor makes the digests of the published bytes anew (claim `fingerprints`) and matches them, and every text of a row "
        "that is a digest, against lists of its own (claim `no-listed-row`).",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        parameters = Parameters(section.choice("on", ("stored", "declared"), "stored"))
        section.close()
        return parameters

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> ExactHash:
        """Return a step.

        Raises:
            StepError: a list has no digests, or the plan names no column to compare.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        usable = usable_types(plan, lists, self.needs_lists)
        needed = {kind for types in usable.values() for kind in types}
        if parameters.on == "stored":
            need_column(plan, columns.image, "image")
        if parameters.on == "declared" and (undeclared := sorted(needed - columns.declared.keys())):
            raise StepError(
                "the lists hold entries that no declared hash column could match",
                where=f"step {plan.name}",
                expected="a column for " + ", ".join(f"source.columns.declared.{kind}" for kind in undeclared),
                found=", ".join(sorted(columns.declared)) or "none",
                code="step-column",
            )
        indexes = {used.name: {kind: of_type(used.index(kind), DigestIndex, plan) for kind in usable[used.name]} for used in lists}
        return ExactHash(plan.name, parameters, lists, columns, indexes)
