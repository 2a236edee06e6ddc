"""`near-hash`: rows that show a picture that a list knows, stored in other bytes.

With `on = "declared"` it compares PhotoDNA values that came with the source (`photodna`); this file is about the pixels.

It finds: pictures whose PDQ hash lies within `distance` bits (of 256) of an entry, in any of the eight turned and mirrored
forms, under any of the resize conventions named, in any frame of an animation, at any quality: smaller and larger copies,
other file formats, other compression, slight changes of colour or sharpness.
It cannot find: crops (2 % off each side defeat PDQ about four times in five), frames and large overlays, turns by other
angles, composites, or a picture that somebody changed in order not to be found. It may take pictures that merely look alike:
a hit is a likeness, not a finding of what a picture shows.

A picture with little detail (a blank page, a gradient, a drawing of few lines) has a hash that says little. It is matched like
any other, and a match removes it. Without one the row is unscreenable, unless the plan keeps such rows: then they are counted.
The quality that decides is the lowest over the row's frames, each as a viewer shows it, and over the step's own conventions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from audit_logs.statement import SelfTest
from release.canary import DISTANCES
from release.errors import Fault
from release.fingerprint import CONVENTIONS, DECODER, Fingerprints
from release.lists import StoredList
from release.match import NearIndex
from release.match.near import FORMS
from release.plan import Columns, StepPlan
from release.sections import Pattern, Range, Section
from release.steps import photodna
from release.steps.about import About, Key
from release.steps.base import (
    KEPT,
    Covers,
    Flags,
    Rows,
    Sheet,
    Step,
    Verdicts,
    check_verdict,
    missed,
    need_column,
    of_type,
    usable_types,
)

KIND = "near-hash"
DISTANCE = 31
QUALITY = 50
NO_PIXELS = "no-pixels"
LOW_QUALITY = "low-quality"
UNSCREENABLE, KEEP = "unscreenable", "keep"
ALL, IDENTITY = "all", "identity"
_CONVENTION = Pattern("|".join(CONVENTIONS), "one of " + ", ".join(CONVENTIONS))


@dataclass(frozen=True, slots=True)
class Parameters:
    """What a plan tells a step of this kind.

    Attributes:
        distance: the largest distance in bits that still counts as a hit.
        conventions: the resize conventions, in their fixed order.
        forms: which turned and mirrored forms of a picture are matched: `all` eight, or the picture as it is, `identity`.
        quality: below it, 0 to 100, a picture has too little detail for its hash to say much.
        low_quality: what becomes of such a row without a match: `unscreenable` or `keep`.
    """

    distance: int = DISTANCE
    conventions: tuple[str, ...] = CONVENTIONS
    forms: str = ALL
    quality: int = QUALITY
    low_quality: str = UNSCREENABLE

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        return {
            "distance": self.distance,
            "conventions": list(self.conventions),
            "forms": self.forms,
            "quality": self.quality,
            "low_quality": self.low_quality,
        }

    def low(self, prints: Fingerprints) -> Flags:
        """Return which rows (n,) have a hash, and of too low a quality."""
        lowest: NDArray[np.int32] = np.minimum.reduce([prints.qualities.get(convention, prints.quality) for convention in self.conventions])
        return (lowest >= 0) & (lowest < self.quality)


@dataclass(frozen=True, slots=True)
class NearHash:
    """A step of this kind, with its indexes open, by list name."""

    name: str
    parameters: Parameters
    lists: tuple[StoredList, ...]
    indexes: Mapping[str, NearIndex]
    kind: str = KIND
    covers: Covers = "pixels"
    needs_pixels: bool = True
    decoder: str = DECODER

    @property
    def conventions(self) -> tuple[str, ...]:
        """The resize conventions in use."""
        return self.parameters.conventions

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch: a hit in any frame is removed; without one, a row not decoded whole is unscreenable."""
        prints, sheet = rows.fingerprints, Sheet.blank(rows.n)
        for used in self.lists:
            sheet.remove(self._hits(used.name, prints, alive & (sheet.status == KEPT)), used.name)
        hashed = np.zeros(rows.n, np.bool_)
        hashed[prints.frame_row] = True
        for row, reason in enumerate(prints.reason):
            if reason or not hashed[row]:
                sheet.cannot_screen(row, reason or NO_PIXELS)
        low = alive & (sheet.status == KEPT) & self.parameters.low(prints)
        low[list(rows.problems)] = False  # they have a verdict already, whatever is said here
        if self.parameters.low_quality == UNSCREENABLE:
            for row in np.flatnonzero(low).tolist():
                sheet.cannot_screen(row, LOW_QUALITY)
            low[:] = False
        coverage = {f"pdq-{convention}": int((hashed & alive).sum()) for convention in self.conventions}
        return sheet.verdicts(coverage, kept_low_quality=int(low.sum()))

    def _hits(self, name: str, prints: Fingerprints, waiting: Flags) -> Flags:
        """Return which of the rows (n,) that wait for a verdict have a frame near an entry of a list."""
        hits = np.zeros(len(waiting), np.bool_)
        frames = np.flatnonzero(waiting[prints.frame_row])
        if len(frames):
            near = self.indexes[name].any_within(self._codes(prints, frames), self.parameters.distance)
            hits[prints.frame_row[frames[near]]] = True
        return hits

    def _codes(self, prints: Fingerprints, frames: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Return the hashes of these frames, (m, k, 32): the forms that are matched under all conventions, one search for all."""
        count = FORMS if self.parameters.forms == ALL else 1
        codes: NDArray[np.uint8] = np.concatenate([prints.pdq[name][frames, :count] for name in self.conventions], axis=1)
        return codes

    def self_test(self, canary: Rows) -> SelfTest:
        """Return that the canary's entries at 0, d/4, d/2, 3d/4 and d bits were found in every index, and none beyond d.

        Raises:
            StepError: that was not so.
        """
        distance = self.parameters.distance
        wanted = {0, distance // 4, distance // 2, 3 * distance // 4, distance}
        past = [number for number in DISTANCES if number > distance][:1]
        forms = self._forms(canary)
        for name, index in self.indexes.items():
            found = set(index.reserved_within(forms, distance))
            if not wanted <= found:
                raise missed(self.name, name, f"reserved entries at {sorted(wanted)} bits found by the canary")
            if any(number > distance for number in found):
                raise missed(self.name, name, f"no entry beyond {distance} bits found by the canary")
            for number in (*wanted, *past):
                check_verdict(self._with_one(name, index.unreserved(number)), canary, removed=number <= distance)
        lists = len(self.indexes)
        return SelfTest(planted=len(wanted) * lists, caught=len(wanted) * lists, beyond=len(past) * lists)

    def _with_one(self, name: str, index: NearIndex) -> NearHash:
        """Return this step with one list, and another index of it."""
        return replace(self, lists=tuple(used for used in self.lists if used.name == name), indexes={name: index})

    def _forms(self, canary: Rows) -> NDArray[np.uint8]:
        """Return the hashes of the canary's picture, (k, 32): all forms that are matched, under all conventions."""
        if not len(canary.fingerprints.frame_row):
            raise missed(self.name, "any", "the canary's picture decoded")
        forms: NDArray[np.uint8] = self._codes(canary.fingerprints, np.zeros(1, np.int64))[0]
        return forms


class NearHashKind:
    """The kind `near-hash`."""

    kind = KIND
    needs_lists = frozenset(["pdq", photodna.TYPE])
    about = About(
        covers="`pixels`, or `declared` with `on`",
        keys=(
            Key(
                "on",
                "`pixels`, `declared`",
                "`pixels`",
                "PDQ of the decoded pixels, or the PhotoDNA values that came with the source "
                "(`source.columns.declared.photodna`: hex or base64 text, or bytes); a plan that wants both has two steps",
            ),
            Key(
                "distance",
                "0 to 64; 0 to 1024 with `declared`",
                "31; required with `declared`",
                "the largest distance that is a hit: in bits of 256, or Euclidean over the "
                "144 coordinates of PhotoDNA, where what says anything stands in the licence documents of whoever made the values",
            ),
            Key(
                "conventions",
                "list of text",
                "all three",
                "the resize conventions: `full`, `nearest-512`, `thumbnail-512`; JPEG is decoded in colour where `nearest-512` is among them "
                "(docs/decisions/0011), in grey otherwise",
            ),
            Key(
                "forms",
                "`all`, `identity`",
                "`all`",
                "all eight turned and mirrored forms of a picture, or the picture as it is stored: cheaper, and blind to the others, "
                "also where an orientation tag turns it for viewers",
            ),
            Key(
                "quality",
                "0 to 100",
                "50",
                "PDQ quality below which a picture has too little detail for its hash to say much; of a frame that is not opaque, "
                "that of the picture over white counts",
            ),
            Key(
                "low_quality",
                "`unscreenable`, `keep`",
                "`unscreenable`",
                "what becomes of such a row without a match; kept ones are counted in attestation, card and "
                "verdict, and an auditor counts again",
            ),
        ),
        reasons={
            NO_PIXELS: "no frame was hashed",
            LOW_QUALITY: "matched and not found, but the picture has too little detail for that to mean much",
            photodna.NO_VALUE: "the declared PhotoDNA value is null or empty",
            photodna.BAD_VALUE: "it is neither 288 hexadecimal digits, 192 characters of base64 nor 144 bytes, or all zero",
            "no-image": "the row has no image bytes",
            "too-large, undecodable, truncated, frames, pixels, memory, timeout, crashed": "the image could not be decoded whole within "
            "the limits; what did decode was matched",
        },
        audit="Every auditor makes the hashes of the published pictures anew (claim `fingerprints`) and matches them against lists of its own "
        "(claim `no-listed-row`).",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters | photodna.Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        if section.choice("on", ("pixels", "declared"), "pixels") == "declared":
            return photodna.parse(section)
        distance = section.integer("distance", Range(0, DISTANCES[-1]), DISTANCE)
        chosen = section.texts("conventions", CONVENTIONS, _CONVENTION)
        forms = section.choice("forms", (ALL, IDENTITY), ALL)
        quality = section.integer("quality", Range(0, 100), QUALITY)
        low_quality = section.choice("low_quality", (UNSCREENABLE, KEEP), UNSCREENABLE)
        section.close()
        conventions = tuple(convention for convention in CONVENTIONS if convention in chosen)
        return Parameters(distance, conventions, forms, quality, low_quality)

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Step:
        """Return a step.

        Raises:
            StepError: a list has no entries of the step's type, or the plan names no column for it.
        """
        if isinstance(plan.parameters, photodna.Parameters):
            return photodna.build(plan, lists, columns)
        parameters = of_type(plan.parameters, Parameters, plan)
        usable_types(plan, lists, frozenset(["pdq"]))
        need_column(plan, columns.image, "image")
        return NearHash(plan.name, parameters, lists, {used.name: of_type(used.index("pdq"), NearIndex, plan) for used in lists})
