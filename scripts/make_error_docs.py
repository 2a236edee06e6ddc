"""Write docs/errors.md: every code of both packages, what it means, and what to do next.

Usage: python scripts/make_error_docs.py

The codes are read from the source text: the class attribute `code`, the argument `code=...`, the first argument of what makes a
`Failure`, and the void codes of `audit_logs/replay.py`. The words stand in scripts/error_codes.toml. A code in only one of the two
places is an error here and in tests/test_docs.py.
"""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "errors.md"
WORDS = ROOT / "scripts" / "error_codes.toml"
PACKAGES = ("audit_logs", "release")
CODE_FIRST = {"Failure"}
CODE_SECOND = {"Void"}
HEAD = """# Errors

This page is made by `scripts/make_error_docs.py` from the error trees, the codes in the source text and `scripts/error_codes.toml`.

Every error says what is wrong, where, what was expected, what was found and what to do next, and ends with its code in brackets; with `--format json` these are members of one object. Codes are stable.
No message carries a value out of a hash list or of a removed row.
"""


def codes() -> set[str]:
    """Return every code that the two packages can give."""
    found: set[str] = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            found.update(code for node in ast.walk(tree) for code in _codes_of(node))
    found.update(_void_codes())
    return found - {""}


def _codes_of(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.ClassDef():
            for part in node.body:
                if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name) and part.targets[0].id == "code":
                    yield from _texts(part.value)
        case ast.Call():
            for keyword in node.keywords:
                if keyword.arg == "code":
                    yield from _texts(keyword.value)
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            place = 0 if name in CODE_FIRST else 1 if name in CODE_SECOND else len(node.args)
            for argument in node.args[place : place + 1]:
                yield from _texts(argument)
        case ast.Assign(targets=[ast.Name(id="code")]):
            yield from _texts(node.value)


def _texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression can be: itself, or either side of an `if ... else`."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp():
            yield from _texts(node.body)
            yield from _texts(node.orelse)


def _void_codes() -> Iterator[str]:
    """Yield what the rules of replay return: a void's code, or nothing."""
    tree = ast.parse((ROOT / "audit_logs" / "replay.py").read_text(encoding="utf-8"))
    for rule in (node for node in tree.body if isinstance(node, ast.FunctionDef) and ast.unparse(node.returns or node) == "str"):
        for node in ast.walk(rule):
            if isinstance(node, ast.Return) and node.value is not None:
                yield from _texts(node.value)


def words() -> dict[str, dict[str, Any]]:
    """Return the groups of the page, in order: title, intro, and code -> (meaning, next step)."""
    return tomllib.loads(WORDS.read_text(encoding="utf-8"))


def described() -> list[str]:
    """Return every code that has words."""
    return [code for group in words().values() for code in _entries(group)]


def _entries(group: dict[str, Any]) -> dict[str, list[str]]:
    return {code: text for code, text in group.items() if isinstance(text, list)}


def render() -> str:
    """Return the page."""
    parts = [HEAD, "## The two trees"]
    for package in PACKAGES:
        docstring = ast.get_docstring(ast.parse((ROOT / package / "errors.py").read_text(encoding="utf-8"))) or ""
        tree = "\n".join(line for line in docstring.splitlines() if line.strip().startswith(("Problem", "├", "└", "│")))
        parts.append(f"`{package}.errors`\n```text\n{tree}\n```")
    for group in words().values():
        rows = [f"| `{code}` | {meaning} | {step} |" for code, (meaning, step) in sorted(_entries(group).items())]
        intro = f"{group['intro']}\n\n" if "intro" in group else ""
        parts.append(f"## {group['title']}\n{intro}| code | what it means | what to do |\n|---|---|---|\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    made, told = codes(), set(described())
    if made != told:
        sys.exit(f"without words: {sorted(made - told)}; with words and nowhere else: {sorted(told - made)}")
    PAGE.write_text(render(), encoding="utf-8")
