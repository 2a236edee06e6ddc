"""`separate`: rows that would let a dataset combine depictions of minors with adult sexual content.

It is told of two signals, one for depictions of minors and one for adult sexual content. A row with both always goes; a row with neither
stays. `keep` says which rows with one signal stay: `none`, those of `minors` alone, or those of `adults` alone. A score in a
signal's uncertain band counts as the signal, so that doubt is on the strict side. The manifest carries `keep`; never train on two
releases of opposite sides together.
It cannot find: what the signals miss. No model is shipped with this tool that tells the age of a person; the signals come from columns, plug-ins
or models that the institution vouches for. A row without one of its two scores is unscreenable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, cast

import numpy as np
import pyarrow as pa

from audit_logs.manifest import SEPARATE
from audit_logs.statement import SelfTest
from release.errors import Fault
from release.lists import StoredList
from release.plan import Columns, StepPlan
from release.sections import Section
from release.steps.about import About, Key
from release.steps.base import Covers, Flags, Rows, Sheet, Verdicts, of_type
from release.steps.classifier import mark_absent, tested
from release.steps.scores import REASONS, Scorer
from release.steps.signals import Signal, parse_signal

KIND = SEPARATE
Side = Literal["none", "minors", "adults"]
SIDES: tuple[Side, ...] = ("none", "minors", "adults")


@dataclass(frozen=True, slots=True)
class Parameters:
    """The two signals, and which rows with one of them stay."""

    minor: Signal
    adult: Signal
    keep: Side

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        return {"minor": self.minor.canonical(), "adult": self.adult.canonical(), "keep": self.keep}

    @property
    def covers(self) -> Covers:
        """Which bytes its verdicts speak of: of pixels if both signals do; one that is declared nobody tied to the bytes."""
        origins = {self.minor.origin.covers, self.adult.origin.covers}
        return "declared" if "declared" in origins else "pixels"


@dataclass(frozen=True, slots=True)
class Separate:
    """A step of this kind, with both scorers open."""

    name: str
    parameters: Parameters
    minor: Scorer
    adult: Scorer
    kind: str = KIND
    lists: tuple[StoredList, ...] = ()
    needs_pixels: bool = False
    conventions: tuple[str, ...] = ()

    @property
    def covers(self) -> Covers:
        """Which bytes the scores speak of."""
        return self.parameters.covers

    @property
    def decoder(self) -> str:
        """The decode path, and what judges pictures, of both signals."""
        return "; ".join(dict.fromkeys(filter(None, (self.minor.decoder, self.adult.decoder))))

    def lenient(self) -> Separate:
        """Return the step as somebody else can do it again; see `Signal.lenient`."""
        told = self.parameters
        return replace(self, parameters=replace(told, minor=told.minor.lenient(), adult=told.adult.lenient()))

    def check(self, schema: pa.Schema) -> None:
        """Check that what it looks at is there.

        Raises:
            StepError: it is not.
        """
        self.minor.check(schema)
        self.adult.check(schema)

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch; without both scores a row is unscreenable, unless the one that it has removes it anyway."""
        minor, adult = self.minor.scores(rows, alive), self.adult.scores(rows, alive)
        of_minor, of_adult = self.parameters.minor.speaks(minor), self.parameters.adult.speaks(adult)
        sheet = Sheet.blank(rows.n)
        sheet.remove(self._going(of_minor, of_adult), "")
        mark_absent(sheet, minor)
        mark_absent(sheet, adult)
        return sheet.verdicts({"minor": int((minor.there & alive).sum()), "adult": int((adult.there & alive).sum())})

    def _going(self, minor: Flags, adult: Flags) -> Flags:
        singles: dict[Side, Flags] = {"none": minor | adult, "minors": adult, "adults": minor}
        return np.asarray((minor & adult) | singles[self.parameters.keep], np.bool_)

    def self_test(self, canary: Rows) -> SelfTest:
        """Check the columns before the first row, and that pictures are judged alike each time; there is no list that had to find one.

        Raises:
            StepError: a column is not there or of another type, or the self-test's picture has no score, or two.
        """
        self.check(canary.batch.schema)
        return tested((self.minor, self.adult), canary)


class SeparateKind:
    """The kind `separate`."""

    kind = KIND
    needs_lists: frozenset[str] = frozenset()
    about = About(
        covers="`declared`: columns that came with the source; `pixels` where both signals score pictures",
        keys=(
            Key("keep", "`none`, `minors`, `adults`", "`none`", "which rows with one signal stay"),
            Key("minor", "table", "required", "the signal for depictions of minors, with the keys of `classifier`"),
            Key("adult", "table", "required", "the signal for adult sexual content, with the keys of `classifier`"),
            Key(
                "minor.uncertain, adult.uncertain",
                "number",
                "none",
                "from here to the threshold a score is uncertain, and counts as the signal",
            ),
        ),
        reasons=REASONS,
        audit="As `classifier`: every auditor judges each published row anew (claim `filters`), as far as columns, plug-ins and models allow it.",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        signals = []
        for name in ("minor", "adult"):
            part = section.section(name, required=True)
            signals.append(parse_signal(part, banded=True))
            part.close()
        keep = cast("Side", section.choice("keep", SIDES, "none"))
        if signals[0].canonical() == signals[1].canonical():
            section.fault("adult", "another signal than minor", "the same one")
        section.close()
        return Parameters(signals[0], signals[1], keep)

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Separate:  # noqa: ARG002  (it has none)
        """Return a step.

        Raises:
            StepError: a plug-in or model is not there or cannot be used.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        return Separate(plan.name, parameters, parameters.minor.open(plan, columns), parameters.adult.open(plan, columns))
