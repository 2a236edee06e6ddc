"""`classifier`: rows that score at or beyond a threshold.

It finds: what a classifier that somebody trained was trained to see, as far as it sees it: in a column of scores that came with
the source, by a plug-in of an installed package, or by an ONNX model over a column of vectors. A score at the threshold counts.
It cannot find: what the classifier misses. It takes rows that only look alike to it, so its removals are no count of what was there; scores
of a column are the word of whoever made them, perhaps about other bytes than those that are stored. A row without a score is unscreenable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from audit_logs.statement import SelfTest
from release.errors import Fault
from release.lists import StoredList
from release.plan import Columns, StepPlan
from release.sections import Section
from release.steps.about import About
from release.steps.base import Covers, Flags, Rows, Sheet, Verdicts, of_type
from release.steps.scores import REASONS, Scorer, Scores
from release.steps.signals import SIGNAL_KEYS, Signal, parse_signal

KIND = "classifier"


@dataclass(frozen=True, slots=True)
class Parameters:
    """The signal for which rows are removed."""

    signal: Signal

    def canonical(self) -> dict[str, object]:
        """Return the parameters as JSON values."""
        return self.signal.canonical()


@dataclass(frozen=True, slots=True)
class Classifier:
    """A step of this kind, with its scorer open."""

    name: str
    parameters: Parameters
    scorer: Scorer
    kind: str = KIND
    lists: tuple[StoredList, ...] = ()
    needs_pixels: bool = False
    conventions: tuple[str, ...] = ()
    decoder: str = ""

    @property
    def covers(self) -> Covers:
        """Which bytes the scores speak of."""
        return self.scorer.covers

    def check(self, schema: pa.Schema) -> None:
        """Check that what it looks at is there.

        Raises:
            StepError: it is not.
        """
        self.scorer.check(schema)

    def screen(self, rows: Rows, alive: Flags) -> Verdicts:
        """Return the verdicts on a batch: what scores at or beyond the threshold is removed, what has no score is unscreenable."""
        scores = self.scorer.scores(rows, alive)
        sheet = Sheet.blank(rows.n)
        sheet.remove(self.parameters.signal.speaks(scores), "")
        mark_absent(sheet, scores)
        return sheet.verdicts({"score": int((scores.there & alive).sum())})

    def self_test(self, canary: Rows) -> SelfTest:
        """Check the columns before the first row; there is no list, and so no canary.

        Raises:
            StepError: a column is not there or of another type.
        """
        self.check(canary.batch.schema)
        return SelfTest(planted=0, caught=0, beyond=0)


def mark_absent(sheet: Sheet, scores: Scores) -> None:
    """Mark rows without a score as unscreenable."""
    for row, reason in enumerate(scores.absent):
        if reason:
            sheet.cannot_screen(row, reason)


class ClassifierKind:
    """The kind `classifier`."""

    kind = KIND
    needs_lists: frozenset[str] = frozenset()
    about = About(
        covers="`declared`: columns that came with the source",
        keys=SIGNAL_KEYS,
        reasons=REASONS,
        audit="Every auditor judges each published row anew (claim `filters`): from the column, or with the plug-in where its version is "
        "installed. A model is not at hand in an audit, and the claim is then `not-checkable`.",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        parameters = Parameters(parse_signal(section))
        section.close()
        return parameters

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Classifier:  # noqa: ARG002  (the protocol's)
        """Return a step.

        Raises:
            StepError: its plug-in or model is not there or cannot be used.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        return Classifier(plan.name, parameters, parameters.signal.origin.open(plan))
