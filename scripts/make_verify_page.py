"""Make release/pages/verify.html out of verifier-js/: one file, without dependencies, the same bytes each time.

python scripts/make_verify_page.py            writes it and tells its SHA-256
python scripts/make_verify_page.py --check    only compares; exit code 1 where the file is another

Each module becomes a function that returns what it exports, in an order in which each finds what it imports; nothing else of it is changed,
so the page can be read. Its content security policy allows this one script and this one style sheet, by their SHA-256.
The words for codes are those of release.advice and scripts/error_codes.toml, those for claims of reports those of audit_logs.telling.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from base64 import b64encode
from pathlib import Path

from audit_logs.report import STALE_CODES
from audit_logs.telling import CLAIMS
from release.advice import WORDS

ROOT = Path(__file__).resolve().parents[1]
SECOND = ROOT / "verifier-js"
PAGE = ROOT / "release" / "pages" / "verify.html"
MEANINGS = SECOND / "page" / "meanings.mjs"  # no file: made here
_IMPORT = re.compile(r'^import (\* as \w+|\{[^}]*\}) from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|class|(?:async )?function\*?) (\w+))", re.MULTILINE)
_LEFT = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
_UNLISTED = [
    "A web server gives no list of its files, so that nothing else lies there was not checked.",
    "Get the whole folder (`release get`, or a copy), and verify it on this machine.",
]


class PageError(Exception):
    """A module is written in a way that this script does not know."""


def bundle(entry: Path) -> str:
    """Return a program out of a module and all that it imports, each in its place in `modules` by its path below verifier-js/.

    Raises:
        PageError: modules import each other in a circle, or import or export in another way than the rest.
    """
    done: dict[Path, str] = {}
    _add(entry.resolve(), done, ())
    parts = "\n".join(done.values())
    return f'"use strict";\nconst modules = {{}};\n{parts}'


def _add(module: Path, done: dict[Path, str], above: tuple[Path, ...]) -> None:
    if module in above:
        raise PageError(f"{_name(module)} imports itself by way of {', '.join(map(_name, above))}")
    if module in done:
        return
    source = meanings() if module == MEANINGS else module.read_text(encoding="utf-8")
    imported = [(names, (module.parent / place).resolve()) for names, place in _IMPORT.findall(source)]
    for _, other in imported:
        _add(other, done, (*above, module))
    heads = "".join(f'const {_binding(names)} = modules["{_name(other)}"];\n' for names, other in imported)
    exported = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub("", source))
    if left := _LEFT.search(body):
        raise PageError(f"{_name(module)}: this script does not know {left.group()!r}")
    done[module] = f'// ---- {_name(module)}\nmodules["{_name(module)}"] = (() => {{\n{heads}{body}return {{ {exported} }};\n}})();\n'


def _name(module: Path) -> str:
    return module.relative_to(SECOND).as_posix()


def _binding(names: str) -> str:
    return names.removeprefix("* as ") if names.startswith("*") else re.sub(r"(\w+) as (\w+)", r"\1: \2", " ".join(names.split()))


def meanings() -> str:
    """Return the module that has for each code what it means and what to do, what threatens most first; and for each claim of a report its words."""
    words: dict[str, list[str]] = {}
    for code, said in WORDS.items():
        if code in STALE_CODES:
            words.setdefault("folder-unlisted", _UNLISTED)
        words[code] = [said.means, said.next]
    tables = (
        ("What each code means, and what to do; of several, the first says what to do.", "MEANINGS", words | _faults()),
        ("What a confirmed claim of a report means.", "CLAIMS", CLAIMS),
    )
    return "".join(f"/** {title} */\nexport const {name} = {json.dumps(table, indent=1)};\n" for title, name, table in tables)


def _faults() -> dict[str, list[str]]:
    """Return the words for the faults of a trust file."""
    table = tomllib.loads((ROOT / "scripts" / "error_codes.toml").read_text(encoding="utf-8"))["trust"]
    faults = {code: said for code, said in table.items() if isinstance(said, list) and code.startswith("trust")}
    return {code: [f"{text[:1].upper()}{text[1:]}." for text in said] for code, said in faults.items()}


def page() -> bytes:
    """Return the page's bytes."""
    script, style = bundle(SECOND / "page" / "main.mjs"), (SECOND / "page" / "page.css").read_text(encoding="utf-8")
    for text, end in ((script, "</script"), (style, "</style"), (script, "<!--")):
        if end in text.lower():
            raise PageError(f"{end} would end the element early")
    rules = {
        "default-src": "'none'",
        "script-src": f"'sha256-{_digest(script)}'",
        "style-src": f"'sha256-{_digest(style)}'",
        "worker-src": "blob:",  # the one script again
        "connect-src": "https: http:",  # for an address that the reader gives; the page itself closes this before each run
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "program",
    }
    policy = "; ".join(f"{name} {value}" for name, value in rules.items())
    parts = {"policy": policy, "style": style, "script": script}
    template = (SECOND / "page" / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{(policy|style|script)\}", lambda found: parts[found.group(1)], template).encode()


def _digest(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; return the exit code."""
    made = page()
    if arguments == ["--check"]:
        is_same = PAGE.is_file() and PAGE.read_bytes() == made
        sys.stdout.write("the page is the one that is made\n" if is_same else f"{PAGE.relative_to(ROOT)} is another; make it again\n")
        return 0 if is_same else 1
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_bytes(made)
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: {len(made)} bytes, sha256 {hashlib.sha256(made).hexdigest()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
