"""A reader's place, and a Hub on the loopback interface that holds a release; commands run in this process, as the reader's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hub_server import Repository, environment
from made import Line, Made, Maker, row

import release
from audit_logs.errors import Problem
from release import cli
from release.hub import reading

NAME = "example/street-scenes"
FIRST, SECOND, THIRD = ("1" * 40, "2" * 40, "3" * 40)
SHARD = "data/train-00000-of-00001.parquet"
ROWS = [row(number) for number in range(20)]


def files_of(made: Made) -> dict[str, bytes]:
    """Return a release's files as a repository holds them."""
    files = {path.relative_to(made.folder).as_posix(): path.read_bytes() for path in made.folder.rglob("*") if path.is_file()}
    return files | {"trust.json": made.trust.read_bytes(), ".gitattributes": b"*.parquet filter=lfs\n"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command ended with, and what it said."""

    code: int
    out: str
    err: str


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

    def call(self, *words: str) -> Answer:
        """Run a command as the reader, in this very process, without a pause before what is tried again."""
        out, err = StringIO(), StringIO()
        with self.reading(), redirect_stdout(out), redirect_stderr(err):
            code = cli.run(words)
        return Answer(code, out.getvalue(), err.getvalue())

    def run(self, *words: str, code: int = 0) -> Any:
        """Run a command as the reader, and return its answer."""
        done = self.call(*words, "--format", "json")
        assert done.code == code, done
        return json.loads(done.out)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let this process be the reader's: its Hub, token and folders, and no pause before what is tried again."""
        from huggingface_hub.utils import _http

        with pytest.MonkeyPatch.context() as patch:
            self.here(patch)
            patch.setattr(_http, "time", SimpleNamespace(sleep=lambda _: None))
            patch.setattr(reading, "_PAUSE_SECONDS", 0)
            patch.setenv("XDG_CACHE_HOME", str(self.home / "cache"))
            patch.delenv("HF_TOKEN", raising=False)
            if self.token:
                patch.setenv("HF_TOKEN", self.token)
            yield

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
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(self.home / "hf" / "token"))
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(self.home / "hf" / "hub"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def get(self, *more: str, code: int = 0, version: str = "") -> Any:
        """Run `release get`."""
        return self.run("get", f"hub:{NAME}{version}", "--out", str(self.out), "--trust", str(self.trust), *more, code=code)

    def read(self, ways: Sequence[str] = ("load", "stream"), *, times: int = 1, version: str = "") -> list[Any]:
        """Return what loading and streaming the release come to: captions, or the code of an error."""
        name = f"hub:{NAME}{version}"
        known: Mapping[str, Callable[[], list[Any]]] = {
            "load": lambda: list(release.load(name, self.trust, cache_dir=self.home / "rows")["caption"]),
            "stream": lambda: [row["caption"] for row in release.stream(name, self.trust)],
        }
        with self.reading():
            return [_found(known[way], times) for way in ways]

    def left(self) -> list[str]:
        """Return what lies beside the release."""
        return sorted(path.name for path in self.out.parent.iterdir())


def _found(read: Callable[[], list[Any]], times: int) -> Any:
    """Return what a way of reading comes to, at the latest when it was tried so many times."""
    code = ""
    for _ in range(times):
        try:
            return read()
        except Problem as problem:
            code = problem.code
    return code


def release_more(hub: Hub, first: Made, make: Maker) -> Made:
    """Publish version 1.1.0 without two rows and with three more."""
    second = make(
        {"train": [*ROWS[:5], *ROWS[7:], *(row(number) for number in range(100, 103))]}, Line("1.1.0", after=first.world), place="second"
    )
    hub.repository.at[SECOND] = files_of(second)
    hub.repository.commits |= {"main": SECOND, "v1.1.0": SECOND, SECOND: SECOND}
    return second
