"""An institution's project to measure on, made by the commands that an institution uses."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from bench.pictures import SEED, Listed

LISTS = {  # by name: the type and the number of entries
    "known-digests": ("md5", 1_000_000),
    "known-pdq": ("pdq", 100_000),
    "many-pdq": ("pdq", 1_000_000),
    "known-urls": ("url", 100_000),
}
DEFAULTS = """\
[[step]]
name = "near-copies"
kind = "near-hash"
lists = ["known-pdq"]

[[step]]
name = "known-links"
kind = "url"
lists = ["known-urls"]
"""
FIRST_LINE = """\
[[step]]
name = "near-copies"
kind = "near-hash"
lists = ["many-pdq"]
conventions = ["full"]
forms = "identity"
"""
PLAN = """\
[release]
name = "example/first-release"
version = "1.0.0"
license = "cc0-1.0"

[source]
path = "{source}"
parent = "private"
columns = {{ image = "image", text = "caption", url = "url" }}

[lists]
store = "lists"

[[step]]
name = "known-files"
kind = "exact-hash"
lists = ["known-digests"]

{steps}
[keys]
institution = "keys/institution.pem"
log = "keys/log.pem"

[audit]
required = 2
trust = "trust.json"
"""


@dataclass(frozen=True, slots=True)
class Project:
    """A folder with keys, trust file and lists; how long each import took, in seconds."""

    folder: Path
    imports: dict[str, float]

    def plan(self, name: str, source: str, steps: str = DEFAULTS) -> Path:
        """Write a plan for a source (path or glob), with steps after the exact one, and return its path."""
        path = self.folder / f"{name}.toml"
        path.write_text(PLAN.format(source=source, steps=steps), encoding="utf-8")
        return path


def start(folder: Path, listed: Listed, scale: int = 1) -> Project:
    """Make the project: keys, two auditors, list files of realistic size (or, to be quick, `scale` times smaller), `release lists import`."""
    begin(folder)
    imports = {}
    for name, (kind, count) in LISTS.items():
        path = folder / f"{name}.txt"
        _write_list(path, kind, count // scale, getattr(listed, kind))
        imports[name] = import_list(folder, path, kind)
    return Project(folder, imports)


def begin(folder: Path) -> None:
    """Make keys and a trust file with two auditors, and build once: `release init`, `auditor new`, `trust add-auditor`, `build`."""
    release("init", str(folder))
    for organisation in ("auditor-1.example", "auditor-2.example"):
        card = folder / organisation
        release("auditor", "new", str(card), "--organisation", organisation)
        release("trust", "add-auditor", str(folder / "trust.json"), str(card / "auditor.json"), "--tier", "matches")
    release("build", str(folder / "plan.toml"), "--out", str(folder / "first"))  # six rows: whatever has to be compiled is, after this


def import_list(folder: Path, path: Path, kind: str) -> float:
    """Import a list file under the name that it has, and return how many seconds that took."""
    today = datetime.now(UTC).date().isoformat()
    begin = time.perf_counter()
    release(
        *("lists", "import", str(path), "--name", path.stem, "--vintage", today, "--authority", "Example Authority", "--type", kind),
        *("--store", str(folder / "lists"), "--replace"),
    )
    return time.perf_counter() - begin


def release(*arguments: str) -> None:
    """Run a command of the product, which must end well."""
    subprocess.run([sys.executable, "-m", "release", "--format", "quiet", *arguments], check=True)


def _write_list(path: Path, kind: str, count: int, listed: Iterable[str]) -> None:
    """Write generated entries, and those that the pictures match, in a drawn order."""
    draw = np.random.default_rng([SEED, sum(kind.encode())])
    lines = [*listed, *_generated(kind, count, draw)][:count]
    path.write_text("".join(lines[at] + "\n" for at in draw.permutation(len(lines)).tolist()), encoding="ascii")


def _generated(kind: str, count: int, draw: np.random.Generator) -> list[str]:
    if kind == "url":
        return [f"https://host-{number % 9973}.example.net/{number:08x}.jpg" for number in range(count)]
    width = {"md5": 16, "pdq": 32}[kind]
    text = draw.bytes(width * count).hex()
    return [text[at : at + 2 * width] for at in range(0, len(text), 2 * width)]
