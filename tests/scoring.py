"""What the tests of scoring steps share: plans of one step, batches of columns, tiny ONNX models, an installed example package."""

from __future__ import annotations

import struct
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from release.errors import Fault
from release.fingerprint import Fingerprints, Pictures, Viewer
from release.plan import Columns, Plan, StepPlan, load
from release.steps import Rows, Step, kinds

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
HEAD = '[release]\nname = "a/b"\nversion = "1.0.0"\nlicense = "x"\n[source]\npath = "source"\n[[step]]\nname = "one"\n'


def read(folder: Path, step: str) -> Plan:
    """Return a plan of one step."""
    (folder / "plan.toml").write_text(HEAD + step)
    return load(folder / "plan.toml", kinds())


def opened(folder: Path, step: str, image: str | None = None) -> Step:
    """Return the step of a plan of one step, without lists; `image` is the column of images."""
    (planned,) = read(folder, step).steps
    return kinds()[planned.kind].build(planned, (), Columns(image, None, None, {}))


def again(kind: str, parameters: dict[str, object]) -> tuple[StepPlan, list[Fault]]:
    """Return a step parsed from its canonical parameters, as an auditor does, and the faults in them."""
    faults: list[Fault] = []
    return StepPlan("one", kind, (), kinds()[kind].parse(parameters, "step", faults)), faults


def rows_of(**columns: pa.Array | Sequence[object]) -> Rows:
    """Return rows of these columns, without images."""
    batch = pa.record_batch({name: values if isinstance(values, pa.Array) else pa.array(values) for name, values in columns.items()})
    n = batch.num_rows
    none = {name: np.zeros((n, width), np.uint8) for name, width in (("md5", 16), ("sha1", 20), ("sha256", 32))}
    prints = Fingerprints(
        **none,
        has_bytes=np.zeros(n, np.bool_),
        reason=["no-image"] * n,
        pdq={},
        frame_row=np.zeros(0, np.int64),
        quality=np.full(n, -1, np.int32),
    )
    return Rows(n=n, batch=batch, fingerprints=prints, problems={})


def shown(images: Sequence[bytes | None], viewer: Viewer) -> Rows:
    """Return rows with these pictures and nothing else."""
    rows = rows_of(image=pa.array(images, pa.binary()))
    return replace(rows, pictures=Pictures(viewer, images))


def install_example(folder: Path, example: str = "remote-classifier") -> None:
    """Lay an example package out as an installed one: what its pyproject.toml says of itself, and a path to its module."""
    project = tomllib.loads((EXAMPLES / example / "pyproject.toml").read_text())["project"]
    module = example.replace("-", "_")
    info = folder / f"{module}-{project['version']}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in named.items()) for group, named in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines))
    (folder / f"{module}.py").write_text((EXAMPLES / example / f"{module}.py").read_text())


def linear_model(weights: np.ndarray, rows: object = "rows", inputs: int = 1, kind: int = 1, *, beside: str = "") -> bytes:
    """Return an ONNX model that multiplies vectors by a matrix (length, outputs), in the wire form of protobuf.

    `rows` is the first dimension of the input, a name or a number; `inputs` repeats it; `kind` is its type of number, 1 = float32, 11 = float64;
    `beside` names the file in which the matrix stands, and not in the model.
    """
    length, outputs = weights.shape
    values = weights.astype(np.float32 if kind == 1 else np.float64).tobytes()
    tensor = _varint(1, length) + _varint(1, outputs) + _varint(2, kind) + _bytes(8, b"w")
    if beside:
        named = {"location": beside, "offset": "0", "length": str(len(values))}
        tensor += b"".join(_bytes(13, _bytes(1, key.encode()) + _bytes(2, text.encode())) for key, text in named.items()) + _varint(14, 1)
    else:
        tensor += _bytes(9, values)
    node = _bytes(1, b"x") + _bytes(1, b"w") + _bytes(2, b"y") + _bytes(4, b"MatMul")
    given = b"".join(_bytes(11, _value(name, [rows, length], kind)) for name in ["x", "other"][:inputs])
    graph = _bytes(1, node) + _bytes(2, b"g") + _bytes(5, tensor) + given + _bytes(12, _value("y", [rows, outputs], kind))
    return _varint(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _varint(2, 13))


def picture_model(shape: Sequence[object], kind: int = 1, *, after: Sequence[str] = (), mean: bool = True) -> bytes:
    """Return an ONNX model of pictures whose numbers are the means of each colour, (rows, 3), as one writes it by hand.

    `shape` is that of its input, names for what is not fixed; `kind` its type of number, 1 = float32, 2 = uint8; the operators of `after`
    are applied to the means, one after the other; without `mean` it gives the pictures back.
    """
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    nodes = [("Cast", _attribute("to", 2, _varint(3, 1)))]
    if mean:
        nodes.append(
            ("ReduceMean", _attribute("axes", 7, b"".join(_varint(8, axis) for axis in axes)) + _attribute("keepdims", 2, _varint(3, 0)))
        )
    nodes += [(name, b"") for name in after]
    names = ["x", *(f"n{number}" for number in range(1, len(nodes))), "y"]
    graph = b"".join(
        _bytes(1, _bytes(1, names[at].encode()) + _bytes(2, names[at + 1].encode()) + _bytes(4, name.encode()) + attributes)
        for at, (name, attributes) in enumerate(nodes)
    )
    given = [shape[0], 3] if mean else list(shape)
    graph += _bytes(2, b"g") + _bytes(11, _value("x", shape, kind)) + _bytes(12, _value("y", given, 1))
    return _varint(1, 8) + _bytes(7, graph) + _bytes(8, _bytes(1, b"") + _varint(2, 13))


def _attribute(name: str, kind: int, value: bytes) -> bytes:
    """Return an attribute of a node: `kind` is 2 for a number, 7 for several."""
    return _bytes(5, _bytes(1, name.encode()) + value + _varint(20, kind))


def _value(name: str, shape: Sequence[object], kind: int) -> bytes:
    sizes = b"".join(_bytes(1, _varint(1, size) if isinstance(size, int) else _bytes(2, str(size).encode())) for size in shape)
    return _bytes(1, name.encode()) + _bytes(2, _bytes(1, _varint(1, kind) + _bytes(2, sizes)))


def _number(value: int) -> bytes:
    out = b""
    while value > 127:
        out += struct.pack("B", value & 127 | 128)
        value >>= 7
    return out + struct.pack("B", value)


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value
