"""Publishing on the Hub: one commit, its tag, and only then an open door; whatever goes wrong, a retry ends in the same state."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub_project import NAME, Desk, at_the_hub, repository
from hub_server import Repository
from project import Project

READ = """
import json, sys
import datasets, huggingface_hub
name, out = sys.argv[1:]
folder = huggingface_hub.snapshot_download(name, repo_type="dataset", revision="v1.0.0", local_dir=out)
rows = datasets.load_dataset(name, revision="v1.0.0", split="train").cast_column("image", datasets.Image(decode=False))
local = datasets.load_dataset(out, split="train").cast_column("image", datasets.Image(decode=False))
print(json.dumps([[row["caption"], len(row["image"]["bytes"])] for row in rows] + [rows.to_list() == local.to_list()]))
"""


@pytest.fixture
def desk(ready: Project, tmp_path: Path) -> Iterator[Desk]:
    """Return the institution with a Hub that has no repository."""
    with at_the_hub(ready.copy(tmp_path / "project"), repository()) as desk:
        yield desk


def state(hub: Repository) -> dict[str, Any]:
    """Return what a reader can see of a repository, without the page, which tells a time."""
    if not hub.exists:
        return {}
    files = {path: data for path, data in hub.files("main").items() if path != "report.html"}
    tags = {tag: hub.at[hub.commits[tag]]["release.json"] for tag in hub.tags}
    return {"files": files, "tags": tags, "private": hub.private, "gated": hub.gated, "commits": len(hub.past)}


def test_a_release_is_one_commit_with_its_tag_and_stock_clients_read_its_rows(desk: Desk, tmp_path: Path) -> None:
    """What was published is verified by `release get`, and read by unmodified clients; no evidence is there; it is open at the end."""
    assert desk.publish()["destination"] == f"hub:{NAME}"
    hub = desk.repository
    assert (hub.private, hub.gated, len(hub.past), hub.commits["v1.0.0"]) == (False, False, 2, hub.past[0])
    assert not [path for path in hub.files("main") if path.startswith("evidence")]
    assert not [digest for digest in hub.objects if b"age-encryption.org" in hub.objects[digest][:40]]
    got = desk.ask("get", f"hub:{NAME}", "--out", tmp_path / "got", "--trust", desk.trust)
    assert got["verdict"] == "verified"
    desk.token = None
    done = desk.python(sys.executable, "-c", READ, NAME, str(tmp_path / "snapshot"))
    assert done.returncode == 0, done.stderr
    *told, same = json.loads(done.stdout)
    assert same is True
    manifest = json.loads((tmp_path / "snapshot" / "release.json").read_text())
    assert len(told) == manifest["rows"]
    verified = desk.ask("verify", tmp_path / "snapshot", "--trust", desk.trust)
    assert verified["verdict"] == "verified"


def test_publishing_again_changes_nothing(desk: Desk) -> None:
    """No second commit, no second tag, no upload."""
    desk.publish()
    before = state(desk.repository)
    desk.repository.requests.clear()
    desk.publish()
    assert state(desk.repository) == before
    assert not [request for request in desk.repository.requests if request.startswith(("PUT", "POST /api/datasets"))]


POINTS: list[tuple[str, int | str]] = [
    ("create", "cut"),
    ("create", "done"),
    ("preupload", 403),
    ("batch", 403),
    ("store", 403),
    ("verify", 403),
    ("commit", "cut"),
    ("commit", "done"),
    ("commit", 500),
    ("commit", 429),
    ("tag", "cut"),
    ("tag", "done"),
    ("settings", "cut"),
    ("settings", "done"),
    ("commits", 403),
]


@pytest.fixture(scope="module")
def undisturbed(ready: Project, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return the state that a publication ends in with which nothing interferes."""
    with at_the_hub(ready.copy(tmp_path_factory.mktemp("plain") / "project"), repository()) as plain:
        plain.publish()
    return state(plain.repository)


@pytest.mark.parametrize(("point", "fault"), POINTS)
def test_a_retry_ends_in_the_same_state(desk: Desk, undisturbed: dict[str, Any], point: str, fault: int | str) -> None:
    """Cut off before or after any step, a publication is private until it is whole, and the next run ends as if nothing had been."""
    hub = desk.repository
    hub.faults[point] = [fault]
    told = desk.error()
    assert told["code"] in ("hub", "hub-token")
    assert hub.faults == {point: []}
    assert not hub.exists or hub.private or (point, fault) == ("settings", "done")
    sent = sum(request.startswith("PUT /lfs/") for request in hub.requests)
    stored = len(hub.objects)
    hub.requests.clear()
    desk.publish()
    assert state(hub) == undisturbed
    assert sum(request.startswith("PUT /lfs/") for request in hub.requests) <= len(hub.objects) - stored, sent


@pytest.mark.parametrize("point", ["create", "store", "commit", "tag", "settings"])
def test_a_publication_that_was_killed_is_finished_by_the_next(desk: Desk, undisturbed: dict[str, Any], point: str) -> None:
    """Killed right after any step, it leaves a hidden folder at most, which the next run clears away."""
    hub = desk.repository
    hub.faults[point] = ["kill"]
    desk.publish(code=-signal.SIGKILL)
    assert hub.private or point == "settings"
    assert list(desk.project.folder.glob(".candidate.*.publishing"))
    desk.publish()
    assert state(hub) == undisturbed
    assert not list(desk.project.folder.glob(".candidate.*.publishing"))
