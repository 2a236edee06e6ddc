"""ONNX models, run by onnxruntime on one thread: read from bytes in memory. A model that keeps numbers in other files is refused. Extra `[onnx]`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.errors import StepError

_NOWHERE = "/dev/null/none"
"""Where a model finds the other files that it names: a folder that cannot be. Without one they are looked for where the program runs, and above."""


@dataclass(frozen=True, slots=True)
class Takes:
    """What the input of a model has to be.

    Attributes:
        kind: onnxruntime's name of the type.
        shape: the dimensions of one line; None for any that is fixed.
        words: the same for a person.
        at_once: how many lines it is given together.
    """

    kind: str
    shape: tuple[int | None, ...]
    words: str
    at_once: int


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: its session, the names of input and output, the dimensions of a line, which number is the score."""

    session: Any
    given: str
    taken: str
    shape: tuple[int, ...]
    index: int
    at_once: int

    @classmethod
    def load(cls, data: bytes, step: str, index: int, takes: Takes) -> Model:
        """Return the model in the bytes of a file.

        Raises:
            StepError: the extra is not installed, or it is no model with one such input and an output (rows, k), k > index.
        """
        session = _session(data, step)
        inputs, outputs = session.get_inputs(), session.get_outputs()
        shape = _line(inputs[0], takes) if len(inputs) == 1 else None
        if shape is None:
            raise refused(step, f"one input of {takes.words}", _told(inputs), "take another model, or mend the step in the plan")
        if not _gives(outputs[0], index):
            expected = f"a first output of float32 with more than {index} numbers for a row"
            raise refused(step, expected, _told(outputs[:1]), "mend model.index, or take another model")
        at_once = 1 if inputs[0].shape[0] == 1 else takes.at_once
        return cls(session, inputs[0].name, outputs[0].name, shape, index, at_once)

    def run(self, lines: NDArray[Any], step: str) -> NDArray[np.float32]:
        """Return the scores, (k,), of lines, (k, *shape).

        Raises:
            StepError: the model gave something of another shape than it promised.
        """
        scores = [np.zeros(0, np.float32)]
        for start in range(0, len(lines), self.at_once):
            given = lines[start : start + self.at_once]
            try:
                taken = np.asarray(self.session.run([self.taken], {self.given: given})[0])
            except _refusals() as error:
                raise refused(step, "a model that runs", type(error).__name__, "take another model") from error
            answers = taken[:, None] if taken.ndim == 1 else taken
            if answers.ndim != 2 or len(answers) != len(given) or answers.shape[1] <= self.index:
                raise refused(step, "one line of numbers for each row", f"shape {taken.shape}", "take another model")
            scores.append(answers[:, self.index])
        return np.concatenate(scores)


def refused(step: str, expected: str, found: str, next_step: str) -> StepError:
    """Return the error for a model that cannot be used."""
    return StepError("a model cannot be used", where=f"step {step}", expected=expected, found=found, next_step=next_step, code="step-model")


def version(step: str) -> str:
    """Return the runtime with its version.

    Raises:
        StepError: the extra is not installed.
    """
    return f"onnxruntime {_runtime(step).__version__}"


def _line(value: Any, takes: Takes) -> tuple[int, ...] | None:  # noqa: ANN401  (onnxruntime has no types for the checker)
    """Return the dimensions of one line of an input, or None where they are not as they have to be. One may be left open that is known here."""
    first, *rest = value.shape or [None]
    if value.type != takes.kind or len(rest) != len(takes.shape) or (isinstance(first, int) and first != 1):
        return None
    found = [_fixed(size, wanted) for size, wanted in zip(rest, takes.shape, strict=True)]
    return None if None in found else tuple(size for size in found if size is not None)


def _fixed(size: object, wanted: int | None) -> int | None:
    """Return a dimension: the model's own, where it is what is wanted, or, where the model leaves it open, the one that is wanted."""
    if not isinstance(size, int):
        return wanted
    return size if wanted in (None, size) else None


def _gives(value: Any, index: int) -> bool:  # noqa: ANN401
    """Tell whether an output may have a number `index` for each row: a size that is not fixed is seen when it runs."""
    width = value.shape[1] if len(value.shape) == 2 else 1
    return value.type == "tensor(float)" and len(value.shape) in (1, 2) and (not isinstance(width, int) or width > index)


def _told(values: Sequence[Any]) -> str:
    return "; ".join(f"{value.type} {value.shape}" for value in values)[:200] or "none"


def _session(data: bytes, step: str) -> Any:  # noqa: ANN401
    onnxruntime = _runtime(step)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # one thread for each worker
    options.log_severity_level = 4
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", _NOWHERE)
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except _refusals() as error:
        raise refused(
            step, "an ONNX model, whole in one file", type(error).__name__, "check the file; numbers kept beside it have no digest"
        ) from error


def _runtime(step: str) -> Any:  # noqa: ANN401
    try:
        import onnxruntime
    except ImportError as error:
        raise StepError(
            "models need the extra [onnx]", where=f"step {step}", next_step="pip install 'vetted-release[onnx]'", code="step-model"
        ) from error
    return onnxruntime


def _refusals() -> tuple[type[Exception], ...]:
    """Return what onnxruntime raises where a model is no model, or fails."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile, state.NotImplemented)
    return (RuntimeError, ValueError, state.RuntimeException, *own)
