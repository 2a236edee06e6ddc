"""Scores: one number for each row, or the reason why there is none; and the first place where they come from, a column.

A column of numbers or flags that came with the source is taken at its word: whoever made it may have judged other bytes than
those that are stored. Null is `no-score`; what is no finite number is `bad-score`. Neither is ever taken for a low score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from release.errors import StepError
from release.steps.base import Covers, Flags, Rows, given

NO_SCORE = "no-score"
BAD_SCORE = "bad-score"
REASONS: Mapping[str, str] = {
    NO_SCORE: "the score is null",
    BAD_SCORE: "the score is not a finite number",
    "no-answer": "a plug-in gave no score for the row, as when a remote service did not answer",
    "no-vector": "the vector that a model is to judge is null",
    "bad-vector": "that vector has another length than the model takes, or a null or a number that is not finite in it",
    "no-image": "the row has no image bytes that a classifier over pictures could be shown",
    "too-large, undecodable, truncated, frames, pixels, memory, timeout, crashed, no-pixels": "its picture could not be decoded whole within "
    "the limits",
}


@dataclass(frozen=True, slots=True)
class Scores:
    """(n,) floating-point scores in the precision in which they came, and by row why one is missing, "" where none is."""

    values: NDArray[np.floating]
    absent: list[str]

    @property
    def there(self) -> Flags:
        """(n,) bool: which rows have a score."""
        return given(self.absent)


class Scorer(Protocol):
    """An open source of scores."""

    @property
    def covers(self) -> Covers:
        """Which bytes the scores speak of."""

    @property
    def decoder(self) -> str:
        """The decode path, and what judges pictures, with versions; "" where none is decoded."""

    def check(self, schema: pa.Schema) -> None:
        """Check that the source's columns are there and can be used.

        Raises:
            StepError: they are not.
        """

    def scores(self, rows: Rows, alive: Flags) -> Scores:
        """Return the scores of the rows that are still in; what it gives for others means nothing."""


def of_values(values: NDArray[np.floating], absent: list[str]) -> Scores:
    """Return scores, (n,), of which those without a reason to be missing are checked to be finite."""
    marked = list(absent)
    for row in np.flatnonzero(~np.isfinite(values)).tolist():
        marked[row] = marked[row] or BAD_SCORE
    return Scores(values, marked)


def field_of(schema: pa.Schema, column: str, step: str) -> pa.Field:
    """Return a column of the source.

    Raises:
        StepError: there is none of this name.
    """
    if column not in schema.names:
        raise StepError(
            f"the source has no column {column!r}",
            where=f"step {step}",
            expected="one of its columns",
            found=", ".join(schema.names[:20]),
            next_step="mend the step's keys in the plan",
            code="step-column",
        )
    return schema.field(column)


def wrong_type(column: pa.Field, step: str, expected: str) -> StepError:
    """Return the error for a column that holds something else than a step can use."""
    return StepError(
        f"the step cannot use the column {column.name!r}",
        where=f"step {step}",
        expected=expected,
        found=str(column.type)[:120],
        next_step="name another column in the plan, or convert this one in the source",
        code="step-column",
    )


@dataclass(frozen=True, slots=True)
class ColumnScores:
    """The scores in a column of the source."""

    step: str
    column: str
    covers: Covers = "declared"
    decoder: str = ""

    def check(self, schema: pa.Schema) -> None:
        """Check that the column is there and holds numbers or flags.

        Raises:
            StepError: it does not.
        """
        field = field_of(schema, self.column, self.step)
        kind = field.type
        if not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            raise wrong_type(field, self.step, "numbers, or true and false")

    def scores(self, rows: Rows, alive: Flags) -> Scores:  # noqa: ARG002  (a column costs the same for all rows)
        """Return the column; true is 1 and false is 0."""
        column = rows.batch.column(self.column)
        column = column if pa.types.is_floating(column.type) else column.cast(pa.float64(), safe=False)
        absent = [NO_SCORE if null else "" for null in column.is_null().to_pylist()] if column.null_count else [""] * len(column)
        return of_values(column.to_numpy(zero_copy_only=False), absent)
