"""Recalls and new versions on the Hub: the log moves in one commit, bad news at once, good news once it is cosigned."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_project import NAME, Desk, at_the_hub, audit, repository
from hub_server import Repository
from project import EXACT, LINKS, Project, Wanted, in_process

SHARDS = "data/"


@pytest.fixture(scope="module")
def line(ready: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with two candidates for which the gate is open: `candidate` is 1.0.0, `second` 1.1.0."""
    project = ready.copy(tmp_path_factory.mktemp("line") / "project")
    folder = project.folder
    assert in_process("publish", folder / "candidate", "--to", folder / "published", "--plan", project.plan).code == 0
    plan = project.write_plan(Wanted("1.1.0", steps=(EXACT, LINKS)))
    answer = project.build_here(folder / "second", "--previous", folder / "published")
    assert answer.code == 0, answer.text
    for number in (1, 2):
        audit(project, number, candidate=folder / "second")
    assert in_process("publish", folder / "second", "--to", folder / "nowhere", "--plan", plan).code == 5
    for number in (1, 2):
        audit(project, number, "--cosign", candidate=folder / "second")
    shutil.copy(folder / "keys" / "log.pem.head", folder / "newest.head")
    return project


@pytest.fixture
def desk(line: Project, tmp_path: Path) -> Iterator[Desk]:
    """Return the institution with a Hub on which 1.0.0 is published."""
    with at_the_hub(line.copy(tmp_path / "project"), repository()) as desk:
        head = desk.project.folder / "keys" / "log.pem.head"
        head.unlink()  # as on the day of 1.0.0
        desk.publish()
        shutil.copy(desk.project.folder / "newest.head", head)
        desk.repository.requests.clear()
        yield desk


def publish_second(desk: Desk) -> None:
    """Publish 1.1.0 on the Hub."""
    desk.ask("publish", desk.project.folder / "second", "--to", f"hub:{NAME}", "--plan", desk.project.plan)


def recall(desk: Desk, code: int = 0) -> str:
    """Recall 1.0.0 on the Hub, and return what a verifier says of what stands there, or who is waited for."""
    places = ("--to", f"hub:{NAME}", "--log-from", desk.project.folder / "second", "--plan", desk.project.plan)
    answer = desk.ask("recall", desk.candidate, "--reason", "a rights holder objects", *places, code=code)
    [told] = answer["written"] or answer["waiting"]
    assert told["destination"] == f"hub:{NAME}"
    found: str = told.get("verdict") or ", ".join(told["for"])
    return found


def data(hub: Repository, revision: str = "main") -> dict[str, bytes]:
    """Return all files but those that a log brings about."""
    return {
        path: held for path, held in hub.files(revision).items() if not path.startswith(("log/", "reports/", "opinions/", "report.html"))
    }


def test_the_next_version_is_one_commit_more_and_uploads_only_what_is_new(desk: Desk, tmp_path: Path) -> None:
    """Both tags stay; `release get` finds the newest version by itself and the first one by its name, both with the newest log."""
    publish_second(desk)
    hub = desk.repository
    assert (len(hub.past), hub.commits["v1.1.0"], hub.commits["v1.0.0"]) == (3, hub.past[0], hub.past[1])
    shards = [path for path in hub.files("main") if path.startswith(SHARDS)]
    assert all(hub.files("v1.0.0")[path] == hub.files("main")[path] for path in shards)
    for version, name in (("1.1.0", NAME), ("1.0.0", f"{NAME}@1.0.0")):
        got = desk.ask("get", f"hub:{name}", "--out", tmp_path / version, "--trust", desk.trust)
        assert (got["verdict"], got["version"]) == ("verified", version)


def test_a_version_that_was_left_without_its_tag_gets_it_with_the_next_one(desk: Desk) -> None:
    """A run that was cut off between commit and tag does not lose a version."""
    hub = desk.repository
    hub.tags.discard("v1.0.0")
    first = hub.commits.pop("v1.0.0")
    publish_second(desk)
    assert (hub.tags, hub.commits["v1.0.0"]) == ({"v1.0.0", "v1.1.0"}, first)


def test_an_older_version_does_not_come_back(desk: Desk) -> None:
    """Once 1.1.0 is there, the candidate of 1.0.0 is refused, and nothing is written."""
    publish_second(desk)
    before = desk.repository.past[:]
    assert desk.error()["code"] == "log-behind"
    (desk.project.folder / "keys" / "log.pem.head").unlink()
    assert desk.error()["code"] == "destination"
    assert desk.repository.past == before


def test_a_recalled_release_says_so_on_the_hub_at_once(desk: Desk, tmp_path: Path) -> None:
    """One commit with the longer log and the page; the data is untouched, and `release get` ends with exit code 4."""
    hub = desk.repository
    before = data(hub)
    assert recall(desk) == "withdrawn"
    assert (len(hub.past), data(hub)) == (3, before)
    assert b"a rights holder objects" in hub.files("main")["report.html"]
    assert desk.ask("get", f"hub:{NAME}", "--out", tmp_path / "got", "--trust", desk.trust, code=4)["verdict"] == "withdrawn"
    assert desk.ask("get", f"hub:{NAME}@1.0.0", "--out", tmp_path / "got", "--trust", desk.trust, code=4)["verdict"] == "withdrawn"
    assert recall(desk) == "withdrawn"
    assert len(hub.past) == 3


def test_the_log_of_another_version_waits_for_its_cosignatures_and_needs_no_data(desk: Desk, tmp_path: Path) -> None:
    """1.1.0 stays verified until the auditors have cosigned the log with the recall of 1.0.0; then the log moves in one commit."""
    publish_second(desk)
    hub = desk.repository
    before = data(hub)
    assert recall(desk, code=5) == "auditor-1.example.org, auditor-2.example.org"
    assert len(hub.past) == 3
    for number in (1, 2):
        audit(desk.project, number, "--cosign")
    hub.requests.clear()
    assert recall(desk) == "verified"
    assert (len(hub.past), data(hub)) == (4, before)
    assert "report.html" not in hub.files("main")
    large = [path for path, held in before.items() if path.startswith(SHARDS) and len(held) >= hub.large]
    assert large
    assert not [request for request in hub.requests if "/resolve/" in request and request.endswith(tuple(large))]
    assert desk.ask("get", f"hub:{NAME}", "--out", tmp_path / "got", "--trust", desk.trust)["verdict"] == "verified"
    assert desk.ask("get", f"hub:{NAME}@1.0.0", "--out", tmp_path / "old", "--trust", desk.trust, code=4)["verdict"] == "withdrawn"


@pytest.mark.parametrize("fault", ["cut", "done"])
def test_a_recall_that_was_cut_off_is_finished_by_the_next(desk: Desk, fault: str) -> None:
    """Before or after the commit: in the end there is one withdrawal, in one commit."""
    desk.repository.faults["commit"] = [fault]
    places = ("--to", f"hub:{NAME}", "--log-from", desk.project.folder / "second", "--plan", desk.project.plan)
    words = ("recall", desk.candidate, "--reason", "a rights holder objects", *places)
    assert desk.ask(*words, code=1)["error"]["code"] == "hub"
    assert recall(desk) == "withdrawn"
    assert len(desk.repository.past) == 3


def test_a_repository_whose_data_is_not_the_manifests_keeps_its_log(desk: Desk) -> None:
    """A missing, other or renamed data file is told before anything is written."""
    hub = desk.repository
    path = next(path for path in hub.files("main") if path.startswith(SHARDS))
    hub.files("main")[path] = hub.files("main")[path][:-1] + b"!"
    places = ("--to", f"hub:{NAME}", "--log-from", desk.project.folder / "second", "--plan", desk.project.plan)
    answer = desk.ask("recall", desk.candidate, "--reason", "x", *places, code=1)
    assert (answer["error"]["code"], len(hub.past)) == ("not-verified", 2)
    assert path in answer["error"]["where"]


def test_what_is_not_there_cannot_be_brought_up_to_date(desk: Desk) -> None:
    """A repository without a release is refused."""
    desk.repository.exists = False
    places = ("--to", f"hub:{NAME}", "--log-from", desk.project.folder / "second", "--plan", desk.project.plan)
    assert desk.ask("recall", desk.candidate, "--reason", "x", *places, code=1)["error"]["code"] == "destination"
