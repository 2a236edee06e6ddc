"""Scores of pictures: pixels from the decoder process, arranged by a recipe, to a model or a plug-in, and one number for each row.

Every view of every frame is scored, as `near-hash` hashes it: each frame of an animation, each further picture in one file, and what is not
opaque over white, over black and without its transparency. Of a row the score counts that speaks most: the highest where the signal
speaks above its threshold, else the lowest. A row whose picture did not decode whole has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from audit_logs.statement import SelfTest
from release.errors import StepError
from release.steps.base import Covers, Flags, Rows
from release.steps.recipe import Recipe
from release.steps.scores import Scores

AT_ONCE = 8  # views that are judged together
_ROUNDING = 1e-3  # sums of other lengths are rounded otherwise
Judge = Callable[[NDArray[Any]], Scores]


@dataclass(frozen=True, slots=True)
class PictureScores:
    """The scores that a model or a plug-in gives to pictures.

    Attributes:
        step: the step's name.
        recipe: what it is given.
        judge: called with pictures, (k, *recipe.shape), it gives their scores.
        highest: whether of several views the highest score counts, or the lowest.
        decoder: the decode path, and what judges, with versions.
    """

    step: str
    recipe: Recipe
    judge: Judge
    highest: bool
    decoder: str
    covers: Covers = "pixels"

    def check(self, schema: pa.Schema) -> None:
        """Check nothing: the image column has a role in the plan."""

    def scores(self, rows: Rows, alive: Flags) -> Scores:
        """Show the pictures of the rows that are still in, and return their scores.

        Raises:
            StepError: nobody shows pictures here, or what judges them gave something that does not fit.
        """
        if rows.pictures is None:
            raise StepError("there is nobody to show pictures to the step", where=f"step {self.step}")
        pile = _Pile(rows.n, self)
        for row in np.flatnonzero(alive).tolist():
            shown = rows.pictures.show(row, self.recipe.fit)
            if shown.reason:
                pile.absent[row] = shown.reason
            else:
                pile.put(row, shown.pixels)
        return pile.scores()

    def self_test(self, canary: Rows) -> SelfTest:
        """Have the self-test's picture decoded and judged twice, and once more beside other pictures.

        Raises:
            StepError: it was given no score, or different ones.
        """
        once, again = (self.scores(canary, np.ones(canary.n, np.bool_)) for _ in range(2))
        if any(once.absent) or any(again.absent):
            raise self._failed(next(filter(None, (*once.absent, *again.absent))))
        if once.values.tobytes() != again.values.tobytes():
            raise self._failed("two different scores")
        if not np.allclose(self._beside_others(canary), once.values, rtol=_ROUNDING, atol=_ROUNDING):
            raise self._failed("another score where it is judged together with other pictures")
        return SelfTest(planted=canary.n, caught=canary.n, beyond=0)

    def _beside_others(self, canary: Rows) -> NDArray[np.floating]:
        """Return the scores of the self-test's pictures, (n,), each judged between its negative and black."""
        found = []
        for row in range(canary.n):
            views = canary.pictures.show(row, self.recipe.fit).pixels if canary.pictures else np.zeros((0, 1, 1, 3), np.uint8)
            pile = _Pile(3, self)
            for place, seen in enumerate((255 - views, views, 0 * views)):
                pile.put(place, seen)
            found.append(pile.scores().values[1])
        return np.array(found)

    def _failed(self, found: str) -> StepError:
        return StepError(
            "the self-test failed, so nothing that this step says can be believed",
            where=f"step {self.step}",
            expected="the same score for the self-test's picture each time that it is decoded and judged, alone and beside others",
            found=found,
            next_step="check the model or plug-in: what it says of a picture may depend on nothing else",
            code="canary",
        )


class _Pile:
    """Views that wait to be judged together, and what was said of their rows so far."""

    def __init__(self, n: int, scorer: PictureScores) -> None:
        self._scorer = scorer
        self._rows: list[int] = []
        self._views: list[NDArray[np.uint8]] = []
        self._said: dict[int, list[np.floating]] = {}
        self.absent = [""] * n

    def put(self, row: int, pixels: NDArray[np.uint8]) -> None:
        """Put the views of a row on the pile, (m, height, width, 3)."""
        for view in pixels:
            self._rows.append(row)
            self._views.append(view)
            if len(self._views) == AT_ONCE:
                self._judge()

    def _judge(self) -> None:
        found = self._scorer.judge(self._scorer.recipe.arranged(np.stack(self._views)))
        for row, value, absent in zip(self._rows, found.values, found.absent, strict=True):
            self._said.setdefault(row, []).append(value)
            self.absent[row] = self.absent[row] or absent
        self._rows, self._views = [], []

    def scores(self) -> Scores:
        """Return the rows' scores, after the last view."""
        if self._views:
            self._judge()
        kind = next((values[0].dtype for values in self._said.values()), np.dtype(np.float32))
        scores = np.zeros(len(self.absent), kind)
        for row, values in self._said.items():
            scores[row] = max(values) if self._scorer.highest else min(values)
        return Scores(scores, self.absent)
