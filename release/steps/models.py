"""ONNX models: over pictures, or over a column of vectors, such as a head on embeddings that came with the source. Extra `[onnx]`.

The model's file is named by its SHA-256, so another one is refused, and read into memory whole; a model that names other files is refused. With `input`
it takes one input of pictures by that recipe (`recipe`, `pictures`); with `column` one of single-precision vectors, (rows, length). One
number of its output for each row is the score. It runs on one thread of each worker; pictures are decoded in a process that holds no model.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from release import store
from release.fingerprint import DECODER
from release.plan import StepPlan
from release.sections import Pattern, Range, Section
from release.steps import runtime
from release.steps.base import Covers, Flags, Rows
from release.steps.pictures import AT_ONCE, PictureScores
from release.steps.recipe import BYTE, Recipe, parse_recipe
from release.steps.runtime import Model, Takes, refused
from release.steps.scores import Scorer, Scores, field_of, of_values, wrong_type
from release.steps.wheels import BY_DIGEST, BY_NAME

NO_VECTOR, BAD_VECTOR = "no-vector", "bad-vector"
LARGEST_MODEL = 2 << 30
VECTORS = Takes("tensor(float)", (None,), "float32 (any number of rows, fixed length)", 1024)
_SHA256 = Pattern("[0-9a-f]{64}", "a SHA-256 in lower-case hex")


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """A model over a column of vectors, as the plan names it; `path` is of this machine and stands in no canonical form."""

    path: str | None
    sha256: str
    license: str
    column: str
    normalise: str
    index: int
    covers: Covers = "declared"

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        told: dict[str, object] = {"sha256": self.sha256, "license": self.license, "column": self.column}
        return {"model": {**told, "normalise": self.normalise, "index": self.index}}

    def open(self, plan: StepPlan, *, highest: bool) -> Scorer:  # noqa: ARG002  (a row has one vector)
        """Return the open scorer.

        Raises:
            StepError: the extra is not installed, the file is missing or another one, or it is no model of the right shape.
        """
        return ModelScores(plan.name, self, Model.load(_read(plan, self.path, self.sha256), plan.name, self.index, VECTORS))


@dataclass(frozen=True, slots=True)
class PictureModelOrigin:
    """A model over pictures, as the plan names it; `path` is of this machine and stands in no canonical form."""

    path: str | None
    sha256: str
    license: str
    index: int
    recipe: Recipe
    covers: Covers = "pixels"

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        told: dict[str, object] = {"sha256": self.sha256, "license": self.license, "index": self.index}
        return {"model": {**told, "input": self.recipe.canonical()}}

    def open(self, plan: StepPlan, *, highest: bool) -> Scorer:
        """Return the open scorer.

        Raises:
            StepError: an extra is not installed, the file is missing or another one, or it is no model of the right shape.
        """
        kind = "tensor(uint8)" if self.recipe.dtype == BYTE else "tensor(float)"
        words = f"{self.recipe.dtype} (any number of pictures, or one, {', '.join(map(str, self.recipe.shape))})"
        data = _read(plan, self.path, self.sha256)
        model = Model.load(data, plan.name, self.index, Takes(kind, self.recipe.shape, words, AT_ONCE))

        def judge(pictures: NDArray[Any]) -> Scores:
            return of_values(model.run(pictures, plan.name), [""] * len(pictures))

        return PictureScores(plan.name, self.recipe, judge, highest, f"{DECODER}, {runtime.version(plan.name)}")


def parse_model(section: Section) -> ModelOrigin | PictureModelOrigin:
    """Return the model in a table `model`."""
    path, sha256, license_ = section.optional_text("path"), section.text("sha256", pattern=_SHA256), section.text("license")
    index = section.integer("index", Range(0, 65_535), 0)
    if section.has("input") == section.has("column"):
        section.fault("input", "one of input, column", "both" if section.has("input") else "none")
    origin: ModelOrigin | PictureModelOrigin
    if section.has("input"):
        origin = PictureModelOrigin(path, sha256, license_, index, parse_recipe(section.section("input")))
    else:
        column, normalise = section.text("column", ""), section.choice("normalise", ("none", "l2"), "none")
        origin = ModelOrigin(path, sha256, license_, column, normalise, index)
    section.close()
    return origin


def parse_name(section: Section) -> PictureModelOrigin:
    """Return the model that the key `model` of a table names by a short name."""
    wheel = BY_NAME[section.choice("model", tuple(BY_NAME), next(iter(BY_NAME)))]
    return PictureModelOrigin(None, wheel.sha256, wheel.license, wheel.index, wheel.recipe)


def _read(plan: StepPlan, path: str | None, sha256: str) -> bytes:
    """Return a model's file: the plan's, or, where the plan names none, that of a wheel.

    Raises:
        StepError: there is none, or it is another one.
    """
    if path is not None:
        place = plan.folder / path
    elif sha256 in BY_DIGEST:
        place = BY_DIGEST[sha256].path(plan.name)
    else:
        raise refused(plan.name, "the model's file", "none", "name it in the plan: model.path")
    data = store.read_file(place, LARGEST_MODEL)
    if (found := hashlib.sha256(data).hexdigest()) != sha256:
        raise refused(plan.name, f"a file with SHA-256 {sha256}", found, "get that file, or name this one in the plan")
    return data


@dataclass(frozen=True, slots=True)
class ModelScores:
    """The scores that a model gives."""

    step: str
    origin: ModelOrigin
    model: Model
    covers: Covers = "declared"
    decoder: str = ""

    def check(self, schema: pa.Schema) -> None:
        """Check that the column is there and holds lists of floating-point numbers.

        Raises:
            StepError: it does not.
        """
        field = field_of(schema, self.origin.column, self.step)
        if not (pa.types.is_list(field.type) and pa.types.is_floating(field.type.value_type)):
            raise wrong_type(field, self.step, "lists of floating-point numbers")

    def scores(self, rows: Rows, alive: Flags) -> Scores:
        """Run the model over the vectors of the rows that are still in."""
        vectors, absent = vectors_of(rows.batch.column(self.origin.column), self.model.shape[0])
        asked = np.flatnonzero(alive & np.array([not reason for reason in absent], np.bool_))
        chosen = unit(vectors[asked]) if self.origin.normalise == "l2" else vectors[asked]
        values = np.zeros(rows.n, np.float32)
        values[asked] = self.model.run(chosen, self.step)
        return of_values(values, absent)


def vectors_of(column: pa.Array, length: int) -> tuple[NDArray[np.float32], list[str]]:
    """Return a column of lists as (n, length) float32, and by row why it has no such vector; its line is zero then."""
    absent = [NO_VECTOR if null else "" for null in column.is_null().to_pylist()]
    vectors = np.zeros((len(column), length), np.float32)
    lengths = np.diff(column.offsets.to_numpy())
    flat = column.values.to_numpy(zero_copy_only=False).astype(np.float32)
    for row, start in enumerate(column.offsets.to_numpy()[:-1].tolist()):
        if absent[row]:
            continue
        vector = flat[start : start + length]
        if lengths[row] != length or not np.isfinite(vector).all():
            absent[row] = BAD_VECTOR
        else:
            vectors[row] = vector
    return vectors, absent


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vectors (n, length) brought to length 1; one of length 0 stays what it is."""
    sizes = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(sizes == 0, 1, sizes), np.float32)
