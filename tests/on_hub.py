"""A reader's place, and a Hub on the loopback interface that holds a release: commands and programs run as somebody else's processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hub_server import Repository, environment
from made import Line, Made, Maker, row

NAME = "example/street-scenes"
FIRST, SECOND, THIRD = ("1" * 40, "2" * 40, "3" * 40)
SHARD = "data/train-00000-of-00001.parquet"
ROWS = [row(number) for number in range(20)]


def files_of(made: Made) -> dict[str, bytes]:
    """Return a release's files as a repository holds them."""
    files = {path.relative_to(made.folder).as_posix(): path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    return files | {"trust.json": made.trust.read_bytes(), ".gitattributes": b"*.parquet filter=lfs\n"}


_PROGRAM = """
import json, sys, release
from audit_logs.errors import Problem

name, trust, cache, times, *ways = sys.argv[1:]
known = {"load": lambda: list(release.load(name, trust, cache_dir=cache)["caption"]),
        "stream": lambda: [row["caption"] for row in release.stream(name, trust)]}

def found(read):
    for _ in range(int(times)):
        try:
            return read()
        except Problem as problem:
            last = problem.code
    return last

print(json.dumps([found(known[way]) for way in ways]))
"""


@dataclass
class Hub:
    """A Hub with one repository, and a reader with a folder of its own."""

    home: Path
    repository: Repository
    endpoint: str
    trust: Path
    out: Path = field(init=False)
    token: str = ""

    def __post_init__(self) -> None:
        """Name the reader's folder."""
        self.out = self.home / "reader" / "street-scenes"
        self.out.parent.mkdir()

    def run(self, *words: str, code: int = 0) -> Any:
        """Run a command as the reader, and return its answer."""
        command = [sys.executable, "-m", "release", *words, "--format", "json"]
        env = self.environment() | {"XDG_CACHE_HOME": str(self.home / "cache")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env)
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout)

    def environment(self) -> dict[str, str]:
        """Return the environment of the reader's processes."""
        mine = environment(self.endpoint, self.home / "hf")
        return mine | ({"HF_TOKEN": self.token} if self.token else {})

    def here(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let the client of this very process know this Hub."""
        from huggingface_hub import constants

        template = constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
        monkeypatch.setattr(constants, "ENDPOINT", self.endpoint)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", self.endpoint + template)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def get(self, *more: str, code: int = 0, version: str = "") -> Any:
        """Run `release get`."""
        return self.run("get", f"hub:{NAME}{version}", "--out", str(self.out), "--trust", str(self.trust), *more, code=code)

    def read(self, ways: Sequence[str] = ("load", "stream"), *, times: int = 1, version: str = "") -> list[Any]:
        """Return what a program comes to that loads and streams the release, in one process: captions, or the code of an error."""
        words = [f"hub:{NAME}{version}", str(self.trust), str(self.home / "rows"), str(times), *ways]
        env = self.environment()
        done = subprocess.run([sys.executable, "-c", _PROGRAM, *words], capture_output=True, text=True, check=False, timeout=240, env=env)
        assert done.returncode == 0, done.stderr
        return list(json.loads(done.stdout))

    def left(self) -> list[str]:
        """Return what lies beside the release."""
        return sorted(path.name for path in self.out.parent.iterdir())


def release_more(hub: Hub, first: Made, make: Maker) -> Made:
    """Publish version 1.1.0 without two rows and with three more."""
    second = make(
        {"train": [*ROWS[:5], *ROWS[7:], *(row(number) for number in range(100, 103))]}, Line("1.1.0", after=first.world), place="second"
    )
    hub.repository.at[SECOND] = files_of(second)
    hub.repository.commits |= {"main": SECOND, "v1.1.0": SECOND, SECOND: SECOND}
    return second
