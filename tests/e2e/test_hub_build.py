"""A build whose source is a dataset repository on the Hub, through the unmodified client and a server of our own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hub_server import Repository, environment, serving
from project import make, rows

COMMIT = "c" * 40


def test_a_branch_on_the_hub_is_built_and_its_commit_recorded(tmp_path: Path) -> None:
    """The candidate pins repository, commit and files; its data shards are those of the same rows read from a folder."""
    project = make(tmp_path / "project", rows(8))
    data = (project.source / "train.parquet").read_bytes()
    local = project.build_here(project.folder / "local")
    plan = project.plan.read_text().replace('path = "source"', 'hub = "example/pictures"\nrevision = "main"')
    (project.folder / "hub.toml").write_text(plan)
    repository = Repository("example/pictures", {"main": COMMIT, COMMIT: COMMIT}, {"data/train-00000-of-00001.parquet": data})
    with serving(repository) as endpoint:
        command = [sys.executable, "-m", "release", "build", str(project.folder / "hub.toml"), "--out", str(project.folder / "hub")]
        done = subprocess.run(
            [*command, "--format", "json"],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=environment(endpoint, tmp_path / "hf"),
        )
    assert done.returncode == 0, done.stderr
    source = json.loads((project.folder / "hub" / "release.json").read_text())["source"]
    assert (source["kind"], source["locator"], source["revision"]) == ("hub", "example/pictures", COMMIT)
    assert [file["path"] for file in source["files"]] == ["data/train-00000-of-00001.parquet"]
    assert local.code == 0
    shards = [sorted((project.folder / name / "data").iterdir()) for name in ("local", "hub")]
    assert [path.read_bytes() for path in shards[0]] == [path.read_bytes() for path in shards[1]]
