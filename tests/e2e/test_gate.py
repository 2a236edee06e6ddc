"""The gate against destinations that would hurt, and against what killed writers leave."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

import pytest

from audit_logs.errors import Problem
from release.cli import run


def candidate_of(home: Path) -> Path:
    """Return the newest candidate that the demo left with its institution."""
    return max((path.parent for path in home.glob("*/release.json")), key=lambda path: path.name)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a demo that was told once."""
    folder = tmp_path_factory.mktemp("gate") / "demo"
    assert run(["demo", str(folder), "--format", "quiet"]) == 0
    return folder


@pytest.fixture
def home(demo: Path, tmp_path: Path) -> Path:
    """Return a copy of the institution's folder to damage, its newest candidate with the newest log."""
    home = tmp_path / "institution"
    shutil.copytree(demo / "institution", home)
    shutil.rmtree(candidate_of(home) / "log")
    shutil.copytree(demo / "published" / "log", candidate_of(home) / "log")
    return home


def publish(home: Path, destination: Path) -> int:
    """Publish the newest candidate and return the exit code."""
    return run(["publish", str(candidate_of(home)), "--to", str(destination), "--plan", str(home / "plan.toml"), "--format", "quiet"])


@pytest.mark.parametrize("place", [".", "pub", "data/pub", ".."])
def test_a_destination_never_replaces_or_enters_the_candidate(home: Path, place: str) -> None:
    """A destination that is the candidate, within it or around it is refused, and the sealed evidence stays."""
    candidate = candidate_of(home)
    before = sorted(path for path in candidate.rglob("*"))
    assert publish(home, candidate / place) == 1
    assert sorted(path for path in candidate.rglob("*")) == before
    assert (candidate / "evidence" / "rows.age").exists()


@pytest.mark.parametrize("version", ["1.0.0", "1.1.0"])
def test_a_lower_or_equal_version_is_refused_at_build_and_at_publish(
    demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], version: str
) -> None:
    """A version that a release has, or one below, is neither built nor, where somebody built it all the same, published."""
    home = tmp_path / "demo"
    shutil.copytree(demo, home)
    plan, out = home / "institution" / "plan.toml", home / "institution" / "older"
    plan.write_text(plan.read_text().replace('version = "1.1.0"', f'version = "{version}"'))
    command = ["build", str(plan), "--out", str(out), "--previous", str(home / "published"), "--format", "quiet"]
    assert run(command) == 1
    assert "[version-not-newer]" in capsys.readouterr().err
    assert not out.exists()
    monkeypatch.setattr(importlib.import_module("release.build.prepare"), "check_version", lambda *_: None)
    assert run(command) == 0
    assert run(["publish", str(out), "--to", str(tmp_path / "published"), "--plan", str(plan)]) == 1
    assert f"version-not-newer; at release.json.version; expected above 1.1.0; found {version}" in capsys.readouterr().err
    assert not (tmp_path / "published").exists()


def test_a_staging_name_that_is_a_link_is_not_written_through(home: Path, tmp_path: Path) -> None:
    """A link laid where a staging folder might be is not followed: nothing appears behind it."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".published.publishing").symlink_to(tmp_path / "elsewhere")
    assert publish(home, tmp_path / "published") == 0
    assert not list((tmp_path / "elsewhere").iterdir())


def test_what_a_killed_writer_left_does_not_block_publication(home: Path, tmp_path: Path) -> None:
    """A half-written file in the candidate is neither published nor an obstacle, and no staging folder stays."""
    candidate = candidate_of(home)
    (candidate / ".README.md.0123456789abcdef.tmp").write_bytes(b"half")
    (candidate / "reports" / ".x.0123456789abcdef.tmp").write_bytes(b"half")
    assert publish(home, tmp_path / "published") == 0
    assert not list((tmp_path / "published").rglob("*.tmp"))
    assert not list(tmp_path.glob(".published.*"))


def test_a_report_is_not_logged_without_its_opinion(home: Path, tmp_path: Path) -> None:
    """A report whose opinion is still missing is refused by name instead of being logged alone."""
    candidate = candidate_of(home)
    report = next((candidate / "reports").iterdir())
    (candidate / "reports" / f"x-{report.name}").write_bytes(report.read_bytes()[:-1])
    with pytest.raises(Problem, match="no opinion beside it"):
        _publish_in_process(home, tmp_path / "published")


def _publish_in_process(home: Path, destination: Path) -> None:
    from datetime import UTC, datetime

    from release.cli.publish import authority
    from release.publish import publish as through_the_gate

    through_the_gate(candidate_of(home), destination, authority(home / "plan.toml"), datetime.now(UTC))
