"""Hold every implementation against the vectors of tests/vectors, through the protocol of their README.

python scripts/run_vectors.py      all vectors; then vectors with a wrong label, which must be noticed; ends with `N vectors, N agree`

An implementation is a command that is given a folder of vectors. Any language will do: add a line to IMPLEMENTATIONS.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "tests" / "vectors"
IMPLEMENTATIONS = {
    "audit_logs (Python)": (sys.executable, str(ROOT / "tests" / "product_answers.py")),
    "verifier-js (JavaScript)": ("node", str(ROOT / "verifier-js" / "vectors.mjs")),
}
NODE = 20
WRONG = "another-code"


class NotRunnableError(Exception):
    """An implementation cannot be run here, or stopped before the last answer."""


def vectors_below(folder: Path) -> list[Path]:
    """Return the folders of all vectors."""
    return sorted(path.parent for path in folder.glob("*/*/expect.json"))


def missing_node() -> str:
    """Return why the second verifier cannot run here, "" if it can."""
    if shutil.which("node") is None:
        return f"node is not installed; version {NODE} or newer is needed (https://nodejs.org)"
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False).stdout.strip()  # noqa: S607 - the user's own
    return "" if version[1:].split(".")[0].isdigit() and int(version[1:].split(".")[0]) >= NODE else f"node {version} is older than {NODE}"


def answers(command: Iterable[str], folder: Path, vectors: list[Path]) -> list[dict[str, Any]]:
    """Return an implementation's answers to vectors below a folder.

    Raises:
        NotRunnableError: it cannot be started, or does not answer every vector.
    """
    asked = "".join(json.dumps({"class": vector.parent.name, "name": vector.name}) + "\n" for vector in vectors)
    try:
        done = subprocess.run([*command, str(folder)], input=asked, capture_output=True, text=True, encoding="utf-8", check=False)  # noqa: S603 - from the table above
    except FileNotFoundError as error:
        raise NotRunnableError(str(error)) from error
    given = [json.loads(line) for line in done.stdout.splitlines()]
    if len(given) != len(vectors) or done.returncode != 0:
        raise NotRunnableError(f"{len(given)} answers to {len(vectors)} vectors\n{done.stderr}")
    return given


def disagreements(answered: list[dict[str, Any]], vectors: list[Path]) -> list[str]:
    """Return a line for each vector whose answer is not the one expected."""
    lines = []
    for vector, answer in zip(vectors, answered, strict=True):
        expect = json.loads((vector / "expect.json").read_bytes())
        if answer["code"] != expect["code"]:
            lines.append(f"{vector.parent.name}/{vector.name}: expected {expect['code']}, found {answer['code']}")
        elif "value" in expect and not agrees(expect["value"], answer["value"]):
            lines.append(f"{vector.parent.name}/{vector.name}: expected {expect['value']}, found {answer['value']}")
    return lines


def agrees(expected: object, found: object) -> bool:
    """Tell whether a value is the one expected; `leaves` (class `keyed`) need not be shown."""
    if isinstance(expected, list) and isinstance(found, list):
        return len(expected) == len(found) and all(map(agrees, expected, found))
    if isinstance(expected, dict) and isinstance(found, dict):
        shown = {name: value for name, value in expected.items() if name in found or name != "leaves"}
        return shown.keys() == found.keys() and all(agrees(value, found[name]) for name, value in shown.items())
    return type(expected) is type(found) and expected == found


def relabel(folder: Path, copy: Path) -> list[Path]:
    """Copy the vectors, give one of each class another code, and return those."""
    shutil.copytree(folder, copy)
    changed = []
    for vector in {vector.parent: vector for vector in reversed(vectors_below(copy))}.values():
        expect = json.loads((vector / "expect.json").read_bytes())
        (vector / "expect.json").write_text(json.dumps(expect | {"code": WRONG}), encoding="utf-8")
        changed.append(vector)
    return changed


def unnoticed(command: Iterable[str], folder: Path, changed: list[Path]) -> int:
    """Return how many relabelled vectors are taken for right."""
    return len(changed) - len(disagreements(answers(command, folder, changed), changed))


def run(name: str, command: tuple[str, ...]) -> set[str]:
    """Run an implementation over all vectors and over relabelled ones; return what it disagrees with.

    Raises:
        NotRunnableError: it does not answer every vector, or does not notice a wrong label.
    """
    vectors = vectors_below(FOLDER)
    found = disagreements(answers(command, FOLDER, vectors), vectors)
    with TemporaryDirectory() as place:
        copy = Path(place) / "vectors"
        changed = relabel(FOLDER, copy)
        missed = unnoticed(command, copy, changed)
    sys.stdout.writelines(f"  {line}\n" for line in found)
    sys.stdout.write(
        f"{name}: {len(vectors) - len(found)} of {len(vectors)} agree; {len(changed) - missed} of {len(changed)} wrong labels noticed\n"
    )
    if missed:
        raise NotRunnableError(f"{missed} vectors with a wrong label were taken for right")
    return {line.split(":")[0] for line in found}


def main() -> int:
    """Run every implementation; return the exit code."""
    if reason := missing_node():
        sys.stderr.write(f"run_vectors: the second verifier cannot run: {reason}\n")
        return 1
    try:
        disagreed = set().union(*(run(name, command) for name, command in IMPLEMENTATIONS.items()))
    except NotRunnableError as error:
        sys.stderr.write(f"run_vectors: {error}\n")
        return 1
    total = len(vectors_below(FOLDER))
    sys.stdout.write(f"{total} vectors, {total - len(disagreed)} agree\n")
    return 1 if disagreed else 0


if __name__ == "__main__":
    sys.exit(main())
