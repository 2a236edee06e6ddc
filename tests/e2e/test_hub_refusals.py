"""What stands in the way of a publication on the Hub: one sentence each, nothing opened, nothing doubled, no token shown."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_project import NAME, READER, Desk, at_the_hub, repository
from hub_writing import ATTRIBUTES, commit
from project import Project, in_process

from audit_logs.errors import StoreError
from release.hubplace import HubDestination

GATED = '[hub]\ngated = "manual"\n'


@pytest.fixture
def desk(ready: Project, tmp_path: Path) -> Iterator[Desk]:
    """Return the institution with a Hub that has no repository."""
    with at_the_hub(ready.copy(tmp_path / "project"), repository()) as desk:
        yield desk


def stranger(desk: Desk) -> None:
    """Let somebody else's dataset be there."""
    desk.repository.exists = desk.repository.private = True
    commit(desk.repository, ATTRIBUTES | {"README.md": b"# Another dataset", "data/train.parquet": b"PAR1" * 2000})


def foreign_tag(desk: Desk) -> None:
    """Let a tag of this version name another manifest."""
    hub = desk.repository
    hub.exists = hub.private = True
    other = (desk.candidate / "release.json").read_bytes().replace(b"cc0-1.0", b"cc0-1.1")
    hub.commits["v1.0.0"] = commit(hub, ATTRIBUTES | {"release.json": other})
    hub.tags.add("v1.0.0")
    commit(hub, ATTRIBUTES)


def empty_tag(desk: Desk) -> None:
    """Let a tag of this version name nothing at all."""
    hub = desk.repository
    hub.exists = hub.private = True
    hub.commits["v1.0.0"] = commit(hub, ATTRIBUTES)
    hub.tags.add("v1.0.0")


def fault(point: str, what: int | str) -> Callable[[Desk], None]:
    """Return what lets the Hub fail at a point."""

    def bend(desk: Desk) -> None:
        desk.repository.faults[point] = [what]

    return bend


def logged_in(token: str | None) -> Callable[[Desk], None]:
    """Return what lets the institution log in with another token."""

    def bend(desk: Desk) -> None:
        desk.token = token

    return bend


def outside(desk: Desk) -> None:
    """Let the Hub list a file whose path leads out of the folder."""
    desk.repository.exists = desk.repository.private = True
    commit(desk.repository, {"../../evil": b"x"})


def lying(desk: Desk) -> None:
    """Let the Hub call every repository public."""
    desk.repository.stays_public = True


REFUSALS: dict[str, tuple[Callable[[Desk], None], str, str]] = {
    "no token": (logged_in(None), "hub-token", "there is no token"),
    "a token that nobody has": (logged_in("token-of-nobody"), "hub-token", "log in"),
    "a token that may only read": (logged_in(READER), "hub-token", "(the token)"),
    "a name that is not ours to use": (fault("create", 403), "hub-token", "may write to this repository"),
    "a name that the Hub does not take": (fault("create", 400), "hub", "for a name, choose another one"),
    "a repository that only others see": (fault("create", 409), "hub", "has something of this name already"),
    "a repository that moved": (fault("commit", 412), "hub-moved", "nothing was written"),
    "too many requests": (fault("commit", 429), "hub", "wait some minutes"),
    "a Hub that fails": (fault("commit", 500), "hub", "check the connection"),
    "a connection that is cut": (fault("tag", "cut"), "hub", "check the connection"),
    "a card that the Hub does not take": (fault("yaml", 400), "hub", "the Hub refuses what was sent"),
    "another dataset": (stranger, "destination", "something else"),
    "a tag with another manifest": (foreign_tag, "version-exists", "raise `version`"),
    "a tag with nothing": (empty_tag, "version-exists", "raise `version`"),
    "a path that leaves the folder": (outside, "folder-name", "no path"),
    "a new repository that is public": (lying, "hub-public", "nothing was uploaded"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_stands_in_the_way_is_one_sentence(desk: Desk, name: str) -> None:
    """Its code and a next step; nothing is public, and nothing lies beside the candidate."""
    bend, code, words = REFUSALS[name]
    bend(desk)
    before = list(desk.repository.past)
    found = desk.error()
    assert found["code"] == code, found
    assert words in " ".join(found.values())
    assert "\n" not in "".join(found.values())
    assert not desk.repository.exists or desk.repository.private
    assert desk.repository.past[len(desk.repository.past) - len(before) :] == before
    assert not list(desk.project.folder.glob(".*.publishing"))


def test_what_the_hub_lists_otherwise_is_neither_tagged_nor_opened(desk: Desk) -> None:
    """The commit is read back: another digest than that of the file here stops it; once the Hub tells the truth, it goes on."""
    hub = desk.repository
    shard = next(path for path in sorted((desk.candidate / "data").iterdir()) if path.stat().st_size >= hub.large)
    hub.listed[f"data/{shard.name}"] = "0" * 64
    found = desk.error()
    assert (found["code"], hub.private, hub.tags, len(hub.past)) == ("hub-other", True, set(), 2)
    assert f"data/{shard.name}" in found["found"]
    hub.listed.clear()
    desk.publish()
    assert (hub.private, hub.tags, len(hub.past)) == (False, {"v1.0.0"}, 2)


def test_a_gate_is_closed_before_the_door_is_opened(desk: Desk, tmp_path: Path) -> None:
    """What the plan asks of readers is there, by what the API says, or the repository stays private."""
    hub, plan = desk.repository, desk.project.folder / "gated.toml"
    plan.write_text(desk.project.plan.read_text() + GATED)
    hub.faults["settings"] = [200]  # says yes, and does nothing
    assert desk.error(plan=plan)["code"] == "hub"
    assert (hub.private, hub.gated) == (True, False)
    desk.publish(plan=plan)
    assert (hub.private, hub.gated) == (False, "manual")
    assert tmp_path.exists()


def test_an_open_repository_gets_its_gate_before_the_commit(desk: Desk) -> None:
    """Readers of an open repository never see a moment of a release without the gate that the plan asks for."""
    hub, plan = desk.repository, desk.project.folder / "gated.toml"
    plan.write_text(desk.project.plan.read_text() + GATED)
    hub.exists = True
    commit(hub, ATTRIBUTES)
    hub.faults["commit"] = [500]
    desk.error(plan=plan)
    assert (hub.gated, len(hub.past)) == ("manual", 1)
    desk.publish(plan=plan)
    assert (hub.gated, len(hub.past), hub.tags) == ("manual", 2, {"v1.0.0"})


@pytest.mark.parametrize("past", ["a commit", "a branch", "a pull request"])
def test_a_past_of_other_files_is_never_opened(desk: Desk, past: str) -> None:
    """A private repository in which evidence was ever seen stays private, also if it was deleted since."""
    hub = desk.repository
    hub.exists = hub.private = True
    branch = {"a commit": "main", "a branch": "work", "a pull request": "refs/pr/1"}[past]
    made = commit(hub, ATTRIBUTES | {"evidence/rows.age": b"age-encryption.org/v1\n"}, branch)
    if past == "a pull request":
        hub.requests_open[branch] = made
    commit(hub, ATTRIBUTES)
    found = desk.error()
    assert (found["code"], hub.private) == ("hub-past", True)
    assert desk.error()["code"] == "hub-past"


def test_a_repository_that_was_made_private_with_other_versions_stays_so(desk: Desk) -> None:
    """Whoever closed it will have had reasons; the command says so, and ends well."""
    hub = desk.repository
    desk.publish()
    hub.private = True
    hub.commits["v0.9.0"] = hub.past[-1]
    hub.tags.add("v0.9.0")
    answer = desk.publish()
    assert hub.private
    assert "stays so until you open it" in answer["remark"]


def test_two_histories_are_never_mixed(desk: Desk, ready: Project, tmp_path: Path) -> None:
    """A log on the Hub that is no beginning of ours is refused, whoever has the keys, and stays as it was."""
    desk.publish()
    to = ("--to", f"hub:{NAME}", "--plan", desk.project.plan)
    desk.ask("recall", desk.candidate, "--reason", "one story", *to)
    other = ready.copy(tmp_path / "other")
    told = ("recall", other.folder / "candidate", "--reason", "another story", "--plan", other.plan)
    assert in_process(*told).code == 0
    past = list(desk.repository.past)
    again: Any = desk.ask(*told, "--to", f"hub:{NAME}", code=1)
    assert again["error"]["code"] == "log-fork"
    assert desk.repository.past == past


def test_a_version_cannot_be_named_in_a_destination(desk: Desk) -> None:
    """The version is the candidate's: a wrong call, exit code 2."""
    assert desk.ask("publish", desk.candidate, "--to", f"hub:{NAME}@1.0.0", "--plan", desk.project.plan, code=2)["error"]["code"] == "usage"


def test_a_full_disk_while_staging_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one sentence, and the hidden folder is gone."""
    (tmp_path / "candidate").mkdir()
    (tmp_path / "candidate" / "release.json").write_bytes(b"{}")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(StoreError, match="No space left"), HubDestination(NAME).staged(tmp_path / "candidate", ()):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["candidate"]
