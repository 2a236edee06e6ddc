"""What audit_logs may import: a stranger's verifier stays small enough to be read.

The order of release/'s rooms stands in pyproject.toml, for import-linter.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = {path.stem: path for path in sorted((ROOT / "audit_logs").glob("*.py"))}
WRITING_SIDE = {"store", "keys", "log", "contact", "witness", "cli", "__main__"}
VERIFYING_PATH = sorted(MODULES.keys() - WRITING_SIDE)


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, at any depth of it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_audit_logs_has_its_writing_side() -> None:
    """The names of the writing side, by which the other tests tell the verifying path, are those of files."""
    assert MODULES.keys() >= WRITING_SIDE


def test_audit_logs_is_flat() -> None:
    """No folder below audit_logs hides from these tests."""
    assert [path.parent.name for path in (ROOT / "audit_logs").rglob("*.py") if path.parent.name != "audit_logs"] == []


@pytest.mark.parametrize("name", sorted(MODULES))
def test_audit_logs_imports_the_standard_library_and_cryptography_only(name: str) -> None:
    """Nothing else has to be trusted, or installed, to verify a release."""
    allowed = sys.stdlib_module_names | {"cryptography", "audit_logs"}
    assert {found for found in imports(MODULES[name]) if found.split(".")[0] not in allowed} == set()


@pytest.mark.parametrize("name", VERIFYING_PATH)
def test_verifying_imports_none_of_the_writing_side(name: str) -> None:
    """What verifies cannot write, sign or call the command line."""
    own = {found.split(".")[1] for found in imports(MODULES[name]) if found.startswith("audit_logs.")}
    assert own & WRITING_SIDE == set()
