"""The product over all vectors of tests/vectors: it gives the code and the value that each recipe states."""

from __future__ import annotations

import json
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from product_answers import OK, READERS, Answer, specification

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))  # where the recipes are
FOLDER = ROOT / "tests" / "vectors"
VECTORS = sorted(path.parent for path in FOLDER.glob("*/*/expect.json"))


@cache
def answer(folder: Path) -> Answer:
    """Return the product's answer to a vector."""
    return READERS[folder.parent.name](folder)


def agrees(folder: Path, expect: dict[str, Any]) -> bool:
    """Tell whether the product's answer to a vector is the one expected."""
    code, value = answer(folder)
    return code == expect["code"] and ("value" not in expect or value == _comparable(folder, expect["value"]))


def _comparable(folder: Path, value: Any) -> Any:
    """Return the expected value without what the product does not show."""
    if folder.parent.name == "keyed":
        return [{name: item for name, item in boundary.items() if name != "leaves"} for boundary in value]
    return value


def expectation(folder: Path) -> dict[str, Any]:
    """Return a vector's expect.json."""
    found: dict[str, Any] = json.loads((folder / "expect.json").read_bytes())
    return found


@pytest.mark.parametrize("folder", VECTORS, ids=lambda folder: f"{folder.parent.name}/{folder.name}")
def test_the_product_gives_the_code_and_value_of_every_vector(folder: Path) -> None:
    """A vector's code is what its recipe states by hand, its value what a naive reading of the specification computes."""
    expect = expectation(folder)
    assert agrees(folder, expect), (expect, answer(folder))


def test_the_vectors_are_what_the_script_makes() -> None:
    """Whoever changes a recipe or a vector alone is told; every byte under tests/vectors is made, but for its README."""
    from make_vectors import differences
    from vectors import make

    assert differences(make()) == []


def test_no_class_is_empty_and_none_is_left_out() -> None:
    """Every class has a reader, several vectors and a row in the README; refusing classes accept something as well."""
    counts = Counter(folder.parent.name for folder in VECTORS)
    assert counts.keys() == READERS.keys()
    assert min(counts.values()) >= 5
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in counts:
        assert f"| `{name}` |" in readme
        assert OK in {expectation(folder)["code"] for folder in VECTORS if folder.parent.name == name}


@pytest.mark.parametrize("kind", sorted(READERS))
def test_a_relabelled_vector_is_noticed(kind: str) -> None:
    """A vector with another vector's code, or with a value that is a little different, does not agree."""
    folders = [folder for folder in VECTORS if folder.parent.name == kind]
    codes = {expectation(folder)["code"] for folder in folders} | {"another"}
    for folder in folders:
        expect = expectation(folder)
        for code in codes - {expect["code"]}:
            assert not agrees(folder, expect | {"code": code})
        if "value" in expect:
            assert not agrees(folder, expect | {"value": bent(expect["value"])})


def bent(value: Any) -> Any:
    """Return a value that differs in one place: the last that can differ."""
    if isinstance(value, dict):
        last = max(value)
        return value | {last: bent(value[last])}
    if isinstance(value, list):
        return [*value[:-1], bent(value[-1])] if value else ["more"]
    return f"{value}0"


def test_every_code_is_one_that_the_specification_names() -> None:
    """A vector asks for no code that SPEC.md does not have, but for `ok` and `refused`, which belong to the vectors."""
    codes = {expectation(folder)["code"] for folder in VECTORS} - {OK, "refused"}
    assert {code for code in codes if f"`{code}`" not in specification()} == set()
    assert len(codes) > 40


def test_the_reference_shares_nothing_with_the_product() -> None:
    """The recipes import neither package: an expected value is never the product's own."""
    for path in (ROOT / "scripts" / "vectors").glob("*.py"):
        names = {
            line.split()[1].split(".")[0] for line in path.read_text(encoding="utf-8").splitlines() if line.startswith(("from ", "import "))
        }
        assert not names & {"audit_logs", "release"}, path.name
