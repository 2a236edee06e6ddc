"""What audit_logs may import: a stranger's verifier stays small enough to be read.

The order of release/'s rooms stands in pyproject.toml, for import-linter.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
MODULES = {path.stem: path for path in sorted((ROOT / "audit_logs").glob("*.py"))}
# What writes, signs, asks a person or puts a report into words; everything else verifies.
WRITING_SIDE = {"store", "keys", "passphrase", "log", "proof", "contact", "witness", "cli", "history", "telling", "__main__"}
VERIFYING_PATH = sorted(MODULES.keys() - WRITING_SIDE)
# Lines of code, as docs/decisions/0007 counts them. Whoever needs more takes as much away elsewhere, or changes that decision.
BUDGET = {"the verifying path": (VERIFYING_PATH, 2_140), "the writing side": (sorted(WRITING_SIDE), 1_240)}
NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER)


def imports(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, at any depth of it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def code_lines(path: Path) -> int:
    """Return how many lines of a file carry code: neither blank, nor comment, nor docstring."""
    source = path.read_text(encoding="utf-8")
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type not in NO_CODE]
    lines = {line for token in tokens for line in range(token.start[0], token.end[0] + 1)}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            # An attribute's docstring counts as code: it stands for a comment, and there are few.
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return len(lines)


def reached_from(name: str) -> set[str]:
    """Return the modules of audit_logs that importing one of them imports."""
    reached, waiting = set(), [name]
    while waiting:
        reached.add(name := waiting.pop())
        own = {found.split(".")[1] for found in imports(MODULES[name]) if found.startswith("audit_logs.")}
        waiting += own & MODULES.keys() - reached
    return reached


@pytest.mark.parametrize("side", BUDGET)
def test_audit_logs_stays_small(side: str) -> None:
    """A stranger has to read it before trusting anything."""
    names, most = BUDGET[side]
    assert sum(code_lines(MODULES[name]) for name in names) <= most


def test_the_verifying_path_is_what_verifying_imports() -> None:
    """No module escapes the count because nobody needs it."""
    assert sorted(reached_from("verify") | {"__init__"}) == VERIFYING_PATH


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
