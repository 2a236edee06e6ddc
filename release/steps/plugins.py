"""Classifiers of installed packages: whoever has one names it by an entry point in the group `release.classifiers`.

A plug-in is given the columns that the plan names, of the rows that no earlier step took, and gives one number for each row; a
row for which it gives none is unscreenable. It is given no bytes: pictures are decoded in a process of their own, never in
the one that a plug-in runs in. Name, version and licence stand in the plan and in the attestation, and the package that is
installed has to have just these. What a plug-in does with what it is given, above all what it sends away, nobody checks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from numbers import Real
from typing import Protocol

import numpy as np
import pyarrow as pa

from release.errors import StepError
from release.plan import StepPlan
from release.sections import Pattern, Section, shown
from release.steps.base import Covers, Flags, Rows
from release.steps.scores import Scorer, Scores, field_of, of_values, wrong_type

GROUP = "release.classifiers"
NO_ANSWER = "no-answer"
_NAME = Pattern("[a-z0-9][a-z0-9._-]{0,62}", "a name of lower-case letters, digits, dots, hyphens and underscores")
Options = Mapping[str, object]


class Classifier(Protocol):
    """An open classifier."""

    def score(self, columns: pa.RecordBatch) -> Sequence[float | None]:
        """Return one number for each row, None where there is none."""


class ClassifierFactory(Protocol):
    """What an entry point names: something that opens a classifier, with the names under which it is attested."""

    @property
    def version(self) -> str:
        """Its version; another one may score otherwise."""

    @property
    def license(self) -> str:
        """The licence of the classifier and of what it was trained into."""

    def open(self, options: Options) -> Classifier:
        """Return a classifier, told of the plan's options.

        Raises:
            StepError: it cannot work with these options.
        """


@dataclass(frozen=True, slots=True)
class PluginOrigin:
    """A plug-in, as the plan names it."""

    name: str
    version: str
    license: str
    columns: tuple[str, ...]
    options: Options

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        told = {"name": self.name, "version": self.version, "license": self.license}
        return {"plugin": {**told, "columns": list(self.columns), "options": dict(self.options)}}

    def open(self, plan: StepPlan) -> Scorer:
        """Return the open scorer.

        Raises:
            StepError: no such plug-in is installed, or another version, or one under another licence.
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
        return PluginScores(plan.name, self, factory.open(self.options))


def parse_plugin(section: Section) -> PluginOrigin:
    """Return the plug-in in a table `plugin`."""
    options = section.section("options")
    for key, value in options.rest().items():
        if not isinstance(value, str | bool | int):
            options.fault(key, "a text, a whole number, true or false", shown(value))
    origin = PluginOrigin(
        section.text("name", pattern=_NAME), section.text("version"), section.text("license"), section.texts("columns", ()), options.table
    )
    if not section.has("columns"):
        section.fault("columns", "the names of one column or more", "nothing")
    section.close()
    return origin


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


@dataclass(frozen=True, slots=True)
class PluginScores:
    """The scores that a plug-in gives."""

    step: str
    origin: PluginOrigin
    classifier: Classifier
    covers: Covers = "declared"

    def check(self, schema: pa.Schema) -> None:
        """Check that the columns are there and hold no bytes.

        Raises:
            StepError: that is not so.
        """
        for column in self.origin.columns:
            field = field_of(schema, column, self.step)
            if "binary" in str(field.type):
                raise wrong_type(field, self.step, "a column without bytes: no plug-in is given pictures")

    def scores(self, rows: Rows, alive: Flags) -> Scores:
        """Ask the plug-in for the rows that are still in.

        Raises:
            StepError: it gave another number of answers, or something that is no number.
        """
        given = rows.batch.select(list(self.origin.columns)).filter(pa.array(alive))
        answers = list(self.classifier.score(given)) if given.num_rows else []
        if len(answers) != given.num_rows:
            raise self._misfit(f"{given.num_rows} answers", f"{len(answers)}")
        if not all(_is_score(answer) for answer in answers):
            raise self._misfit("numbers", "something else")
        values, absent = np.zeros(rows.n), [""] * rows.n
        for row, answer in zip(np.flatnonzero(alive).tolist(), answers, strict=True):
            values[row], absent[row] = (0.0, NO_ANSWER) if answer is None else (answer, "")
        return of_values(values, absent)

    def _misfit(self, expected: str, found: str) -> StepError:
        return StepError(
            "a classifier gave answers that do not fit its rows",
            where=f"step {self.step}, plug-in {self.origin.name}",
            expected=expected,
            found=found,
            next_step="report it to the author of the plug-in",
            code="step-plugin",
        )


def _is_score(answer: object) -> bool:
    """Tell whether an answer is a number, numpy's own among them, or none at all."""
    return answer is None or (isinstance(answer, Real) and not isinstance(answer, bool))
