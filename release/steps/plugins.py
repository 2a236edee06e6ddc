"""Classifiers of installed packages: whoever has one names it by an entry point in the group `release.classifiers`.

A plug-in is given the columns that the plan names, or pictures by the plan's input recipe, of the rows that no earlier step took, and gives
one number for each row, or for each picture; a row for which it gives none is unscreenable. It is given no stored bytes: pictures are decoded
in a process of their own, never in the one that a plug-in runs in, and it sees pixels of the size that the recipe names. Name, version,
licence and recipe stand in the plan and in the attestation, and the package that is installed has to have that name, version and
licence. What a plug-in does with what it is given, above all what it sends away, nobody checks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from numbers import Real
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from release.errors import StepError
from release.fingerprint import DECODER
from release.plan import StepPlan
from release.sections import Pattern, Section, shown
from release.steps.base import Covers, Flags, Rows
from release.steps.pictures import Judge, PictureScores
from release.steps.recipe import Recipe, parse_recipe
from release.steps.scores import Scorer, Scores, field_of, of_values, wrong_type

GROUP = "release.classifiers"
NO_ANSWER = "no-answer"
_TOO_LONG = 1024  # bits of a whole number that no floating-point number holds
_NAME = Pattern("[a-z0-9][a-z0-9._-]{0,62}", "a name of lower-case letters, digits, dots, hyphens and underscores")
Options = Mapping[str, object]


@runtime_checkable
class Classifier(Protocol):
    """An open classifier over columns."""

    def score(self, columns: pa.RecordBatch) -> Sequence[float | None]:
        """Return one number for each row, None where there is none."""


@runtime_checkable
class PictureClassifier(Protocol):
    """An open classifier over pictures."""

    def score_pictures(self, pictures: NDArray[Any]) -> Sequence[float | None]:
        """Return one number for each of k pictures, None where there is none.

        Args:
            pictures: (k, 3, height, width) or (k, height, width, 3), float32 or uint8, as the plan's recipe says. Several may be
                of one row: its frames, and views of what is not opaque.
        """


class ClassifierFactory(Protocol):
    """What an entry point names: something that opens a classifier, with the names under which it is attested."""

    @property
    def version(self) -> str:
        """Its version; another one may score otherwise."""

    @property
    def license(self) -> str:
        """The licence of the classifier and of what it was trained into."""

    def open(self, options: Options) -> Classifier | PictureClassifier:
        """Return a classifier, told of the plan's options. One class may be both; the plan says what it is given.

        Raises:
            StepError: it cannot work with these options.
        """


@dataclass(frozen=True, slots=True)
class PluginOrigin:
    """A plug-in, as the plan names it; it is given columns, or, with a recipe, pictures."""

    name: str
    version: str
    license: str
    columns: tuple[str, ...]
    options: Options
    recipe: Recipe | None = None

    @property
    def covers(self) -> Covers:
        """Which bytes its scores speak of."""
        return "declared" if self.recipe is None else "pixels"

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        told = {"name": self.name, "version": self.version, "license": self.license}
        given = {"columns": list(self.columns)} if self.recipe is None else {"input": self.recipe.canonical()}
        return {"plugin": {**told, **given, "options": dict(self.options)}}

    def open(self, plan: StepPlan, *, highest: bool) -> Scorer:
        """Return the open scorer.

        Raises:
            StepError: no such plug-in is installed, or another version, one under another licence, or one that does not take what it is given.
        """
        factory = _factory(self.name, plan.name)
        if (factory.version, factory.license) != (self.version, self.license):
            raise StepError(
                "the installed classifier is not the one that the plan names",
                where=f"step {plan.name}, plug-in {self.name}",
                expected=f"version {self.version}, licence {self.license}",
                found=f"version {factory.version}, licence {factory.license}",
                next_step="install that version, or name this one in the plan",
                code="step-plugin",
            )
        opened = factory.open(self.options)
        if self.recipe is not None and isinstance(opened, PictureClassifier):
            return PictureScores(plan.name, self.recipe, _judge(opened, plan.name, self.name), highest, DECODER)
        if self.recipe is None and isinstance(opened, Classifier):
            return PluginScores(plan.name, self, opened)
        raise StepError(
            "the installed classifier does not take what the plan gives it",
            where=f"step {plan.name}, plug-in {self.name}",
            expected=f"one with the method {'score' if self.recipe is None else 'score_pictures'}",
            found=type(opened).__name__,
            next_step=f"name {'plugin.input in the place of plugin.columns' if self.recipe is None else 'plugin.columns'}, or another plug-in",
            code="step-plugin",
        )


def parse_plugin(section: Section) -> PluginOrigin:
    """Return the plug-in in a table `plugin`."""
    options = section.section("options")
    for key, value in options.rest().items():
        if not isinstance(value, str | bool | int):
            options.fault(key, "a text, a whole number, true or false", shown(value))
    name, version, license_ = section.text("name", pattern=_NAME), section.text("version"), section.text("license")
    columns = section.texts("columns", ())
    recipe = parse_recipe(section.section("input")) if section.has("input") else None
    if section.has("columns") == section.has("input"):
        section.fault("columns", "the names of one column or more, or a table input", "both" if section.has("input") else "nothing")
    section.close()
    return PluginOrigin(name, version, license_, columns, options.table, recipe)


def _factory(name: str, step: str) -> ClassifierFactory:
    found = [entry for entry in entry_points(group=GROUP) if entry.name == name]
    try:
        if len(found) == 1:
            factory: ClassifierFactory = found[0].load()
            return factory
    except (ImportError, AttributeError) as error:
        raise StepError("a classifier cannot be loaded", where=f"step {step}, plug-in {name}", code="step-plugin") from error
    raise StepError(
        "there is no such classifier" if not found else "two installed classifiers have one name",
        where=f"step {step}",
        expected=f"one entry point {name!r} in the group {GROUP}",
        found=f"{len(found)}",
        next_step="install the package that provides it",
        code="step-plugin",
    )


def _judge(classifier: PictureClassifier, step: str, name: str) -> Judge:
    """Return a plug-in as what judges pictures."""

    def judge(pictures: NDArray[Any]) -> Scores:
        answers = _checked(classifier.score_pictures(pictures), len(pictures), f"step {step}, plug-in {name}")
        values = np.array([0.0 if answer is None else answer for answer in answers], np.float64)
        return of_values(values, [NO_ANSWER if answer is None else "" for answer in answers])

    return judge


def _checked(answers: object, expected: int, where: str) -> list[float | None]:
    """Return the answers of a plug-in.

    Raises:
        StepError: they are too many or too few, or something that is no number.
    """
    listed = list(answers) if isinstance(answers, Iterable) else []
    fits = len(listed) == expected
    if fits and all(map(_is_score, listed)):
        return listed
    raise StepError(
        "a classifier gave answers that do not fit its rows",
        where=where,
        expected="numbers" if fits else f"{expected} answers",
        found="something else" if fits else f"{len(listed)}",
        next_step="report it to the author of the plug-in",
        code="step-plugin",
    )


@dataclass(frozen=True, slots=True)
class PluginScores:
    """The scores that a plug-in gives."""

    step: str
    origin: PluginOrigin
    classifier: Classifier
    covers: Covers = "declared"
    decoder: str = ""

    def check(self, schema: pa.Schema) -> None:
        """Check that the columns are there and hold no bytes.

        Raises:
            StepError: that is not so.
        """
        for column in self.origin.columns:
            field = field_of(schema, column, self.step)
            if "binary" in str(field.type):
                raise wrong_type(field, self.step, "a column without bytes: pictures are given by plugin.input alone")

    def scores(self, rows: Rows, alive: Flags) -> Scores:
        """Ask the plug-in for the rows that are still in.

        Raises:
            StepError: it gave another number of answers, or something that is no number.
        """
        given = rows.batch.select(list(self.origin.columns)).filter(pa.array(alive))
        where = f"step {self.step}, plug-in {self.origin.name}"
        answers = _checked(self.classifier.score(given), given.num_rows, where) if given.num_rows else []
        values, absent = np.zeros(rows.n), [""] * rows.n
        for row, answer in zip(np.flatnonzero(alive).tolist(), answers, strict=True):
            values[row], absent[row] = (0.0, NO_ANSWER) if answer is None else (answer, "")
        return of_values(values, absent)


def _is_score(answer: object) -> bool:
    """Tell whether an answer is a number, numpy's own among them, or none at all."""
    if isinstance(answer, int):
        return not isinstance(answer, bool) and answer.bit_length() < _TOO_LONG
    return answer is None or isinstance(answer, Real)
