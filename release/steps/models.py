"""ONNX models over a column of vectors, such as a head on embeddings that came with the source. Needs the extra `[onnx]`.

The model's file is named by its SHA-256, so another one is refused, and read into memory whole, so it can reach no other file. It takes one
input of single-precision vectors, (rows, length), and one number of its output for each row is the score. It runs on one thread
of each worker. Models over pixels are not run: pictures are decoded in a process that holds no model.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from release import store
from release.errors import StepError
from release.plan import StepPlan
from release.sections import Pattern, Range, Section
from release.steps.base import Covers, Flags, Rows
from release.steps.scores import Scorer, Scores, field_of, of_values, wrong_type

NO_VECTOR, BAD_VECTOR = "no-vector", "bad-vector"
BATCH = 1024  # rows that a model judges at once
LARGEST_MODEL = 2 << 30
_SHA256 = Pattern("[0-9a-f]{64}", "a SHA-256 in lower-case hex")


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """A model, as the plan names it; `path` is of this machine and stands in no canonical form."""

    path: str | None
    sha256: str
    license: str
    column: str
    normalise: str
    index: int

    def canonical(self) -> dict[str, object]:
        """Return it as JSON values."""
        told: dict[str, object] = {"sha256": self.sha256, "license": self.license, "column": self.column}
        return {"model": {**told, "normalise": self.normalise, "index": self.index}}

    def open(self, plan: StepPlan) -> Scorer:
        """Return the open scorer.

        Raises:
            StepError: the extra is not installed, the file is missing or another one, or it is no model of the right shape.
        """
        if self.path is None:
            raise _refused(plan.name, "the model's file", "none", "name it in the plan: model.path")
        data = store.read_file(plan.folder / self.path, LARGEST_MODEL)
        if (found := hashlib.sha256(data).hexdigest()) != self.sha256:
            raise _refused(plan.name, f"a file with SHA-256 {self.sha256}", found, "get that file, or name this one in the plan")
        return ModelScores(plan.name, self, Model.load(data, plan.name, self.index))


def parse_model(section: Section) -> ModelOrigin:
    """Return the model in a table `model`."""
    origin = ModelOrigin(
        path=section.optional_text("path"),
        sha256=section.text("sha256", pattern=_SHA256),
        license=section.text("license"),
        column=section.text("column"),
        normalise=section.choice("normalise", ("none", "l2"), "none"),
        index=section.integer("index", Range(0, 65_535), 0),
    )
    section.close()
    return origin


def _refused(step: str, expected: str, found: str, next_step: str) -> StepError:
    return StepError("a model cannot be used", where=f"step {step}", expected=expected, found=found, next_step=next_step, code="step-model")


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: its session, the names of input and output, the length of a vector, which number is the score."""

    session: Any
    given: str
    taken: str
    length: int
    index: int

    @classmethod
    def load(cls, data: bytes, step: str, index: int) -> Model:
        """Return the model in the bytes of a file.

        Raises:
            StepError: the extra is not installed, or it is no model with one input (rows, length) and an output (rows, k), k > index.
        """
        session = _session(data, step)
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or not _takes_vectors(inputs[0]):
            raise _refused(step, "one input of float32 (any number of rows, fixed length)", _told(inputs), "take another model")
        if not _gives(outputs[0], index):
            expected = f"a first output of float32 with more than {index} numbers for a row"
            raise _refused(step, expected, _told(outputs[:1]), "mend model.index, or take another model")
        return cls(session, inputs[0].name, outputs[0].name, inputs[0].shape[1], index)

    def run(self, vectors: NDArray[np.float32], step: str) -> NDArray[np.float32]:
        """Return the scores of vectors (k, length), (k,).

        Raises:
            StepError: the model gave something of another shape than it promised.
        """
        scores = [np.zeros(0, np.float32)]
        for start in range(0, len(vectors), BATCH):
            given = vectors[start : start + BATCH]
            try:
                taken = np.asarray(self.session.run([self.taken], {self.given: given})[0])
            except _refusals() as error:
                raise _refused(step, "a model that runs", type(error).__name__, "take another model") from error
            lines = taken[:, None] if taken.ndim == 1 else taken
            if lines.ndim != 2 or len(lines) != len(given) or lines.shape[1] <= self.index:
                raise _refused(step, "one line of numbers for each row", f"shape {taken.shape}", "take another model")
            scores.append(lines[:, self.index])
        return np.concatenate(scores)


def _takes_vectors(value: Any) -> bool:  # noqa: ANN401  (onnxruntime has no types for the checker)
    """Tell whether an input is of any number of vectors of one length."""
    shape = value.shape
    return bool(value.type == "tensor(float)" and len(shape) == 2 and not isinstance(shape[0], int) and isinstance(shape[1], int))


def _gives(value: Any, index: int) -> bool:  # noqa: ANN401
    """Tell whether an output may have a number `index` for each row: a size that is not fixed is seen when it runs."""
    width = value.shape[1] if len(value.shape) == 2 else 1
    return value.type == "tensor(float)" and len(value.shape) in (1, 2) and (not isinstance(width, int) or width > index)


def _told(values: Any) -> str:  # noqa: ANN401
    return "; ".join(f"{value.type} {value.shape}" for value in values)[:200] or "none"


def _session(data: bytes, step: str) -> Any:  # noqa: ANN401
    try:
        import onnxruntime
    except ImportError as error:
        raise StepError(
            "models need the extra [onnx]", where=f"step {step}", next_step="pip install 'vetted-release[onnx]'", code="step-model"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # one thread for each worker
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except _refusals() as error:
        raise _refused(step, "an ONNX model in one file", type(error).__name__, "check the file") from error


def _refusals() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises where a model is no model, or fails."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile, state.NotImplemented)
    return (RuntimeError, ValueError, state.RuntimeException, *own)


@dataclass(frozen=True, slots=True)
class ModelScores:
    """The scores that a model gives."""

    step: str
    origin: ModelOrigin
    model: Model
    covers: Covers = "declared"

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
        vectors, absent = vectors_of(rows.batch.column(self.origin.column), self.model.length)
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
