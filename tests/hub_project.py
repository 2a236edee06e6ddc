"""An institution with a project and the small Hub of `hub_server`: what tests of publishing there share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hub_client import inside
from hub_server import Repository, environment, serving
from hub_writing import SIGNATURE
from project import EXACT, KNOWN_PICTURE, LINKS, Answer, Project, Wanted, in_process, make, row

NAME = "example/street"
CANDIDATES = "example/street-candidates"
TOKEN, READER = "token-of-a-writer", "token-of-a-reader"
ORGANISATIONS = ["auditor-1.example.org", "auditor-2.example.org"]


def repository(name: str = NAME, *, exists: bool = False) -> Repository:
    """Return a repository that only the institution's token may see and write, and that is not there yet."""
    return Repository(name, {}, {}, exists=exists, large=4096, token=TOKEN, reader=READER)


@dataclass
class Desk:
    """An institution at work: its project and candidate, and a Hub with one repository.

    Attributes:
        project: the project.
        repository: what the Hub has.
        endpoint: where it is.
        token: what the institution logs in with; None: nothing.
    """

    project: Project
    repository: Repository
    endpoint: str
    token: str | None = TOKEN

    @property
    def candidate(self) -> Path:
        """The candidate."""
        return self.project.folder / "candidate"

    @property
    def trust(self) -> Path:
        """The trust file."""
        return self.project.folder / "trust.json"

    def ask(self, *words: object, code: int = 0) -> Any:
        """Run a command at the Hub, inside the test unless it is to be killed, and return its answer; None where it was killed."""
        answer = self._apart(*words) if code < 0 else self._here(*words)
        assert answer.code == code, (answer.code, answer.text)
        assert "Traceback" not in answer.err
        for token in (TOKEN, READER, "token-of-nobody", SIGNATURE):
            assert token not in answer.text
        return json.loads(answer.out) if code >= 0 else None

    def _here(self, *words: object) -> Answer:
        with self.at_work():
            return in_process(*words, "--format", "json")

    def _apart(self, *words: object) -> Answer:
        done = self.python(sys.executable, "-m", "release", *map(str, words), "--format", "json")
        return Answer(done.returncode, done.stdout, done.stderr)

    def at_work(self) -> AbstractContextManager[None]:
        """Let the unmodified client that runs inside the test be this institution's."""
        return inside(self.endpoint, self.project.folder / "hf", self.token)

    def python(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a client at the Hub, and let that know which process it is."""
        env = environment(self.endpoint, self.project.folder / "hf") | ({} if self.token is None else {"HF_TOKEN": self.token})
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) as process:
            self.repository.client = process.pid
            out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(command, process.returncode, out, err)

    def publish(self, code: int = 0, name: str = NAME, plan: Path | None = None) -> Any:
        """Publish the candidate on the Hub."""
        return self.ask("publish", self.candidate, "--to", f"hub:{name}", "--plan", plan or self.project.plan, code=code)

    def error(self, **options: Any) -> dict[str, str]:
        """Publish, and return what stands in the way."""
        found: dict[str, str] = self.publish(code=1, **options)["error"]
        return found


def built(folder: Path) -> Project:
    """Return a project whose candidate nobody has audited yet."""
    project = make(folder, [row(seed) for seed in range(12) if seed != KNOWN_PICTURE], Wanted(steps=(EXACT, LINKS)))
    assert project.build_here(project.folder / "candidate").code == 0
    return project


def audit(project: Project, number: int, *more: object, candidate: Path | None = None) -> None:
    """Let an auditor audit a candidate, or with `--cosign` only cosign."""
    keys = project.folder / "keys"
    who = ("--key", keys / f"auditor-{number}.pem", "--identity", keys / f"auditor-{number}.age", "--trust", project.folder / "trust.json")
    lists = () if "--cosign" in more else ("--lists", project.folder / "lists")
    answer = in_process("audit", candidate or project.folder / "candidate", *who, *lists, *more)
    assert answer.code == 0, answer.text


def cosigned(project: Project) -> Project:
    """Let both auditors pass the candidate, the institution log the release, and both cosign it: the gate is open."""
    for number in (1, 2):
        audit(project, number)
    answer = in_process("publish", project.folder / "candidate", "--to", project.folder / "nowhere", "--plan", project.plan)
    assert answer.code == 5, answer.text
    for number in (1, 2):
        audit(project, number, "--cosign")
    return project


@contextmanager
def at_the_hub(project: Project, hub: Repository) -> Iterator[Desk]:
    """Give an institution with a Hub."""
    with serving(hub) as endpoint:
        yield Desk(project, hub, endpoint)
