"""A candidate and its published release, built once by the commands themselves from the demo's benign pictures."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from release.cli import run
from release.demo import story


@dataclass(frozen=True, slots=True)
class World:
    """A folder with an institution, two auditors and their trust files, as the demo lays it out."""

    home: Path

    @property
    def candidate(self) -> Path:
        """The candidate's folder."""
        return self.home / "institution" / "candidate"

    @property
    def published(self) -> Path:
        """The published release."""
        return self.home / "published"

    @property
    def trust(self) -> Path:
        """The trust file that everybody pins."""
        return self.home / "trust.json"

    @property
    def source(self) -> Path:
        """The institution's source."""
        return self.home / "institution" / "source"

    def copy(self, to: Path) -> World:
        """Return a copy that a test may bend."""
        shutil.copytree(self.home, to)
        return World(to)


def play(scenes: Iterable[story.Scene]) -> None:
    """Let every scene happen."""
    for scene in scenes:
        if scene.prepare is not None:
            scene.prepare()
        if scene.command:
            assert run([*scene.command, "--format", "quiet"]) == scene.code, scene.words


@pytest.fixture(scope="session")
def _built(tmp_path_factory: pytest.TempPathFactory) -> World:
    home = tmp_path_factory.mktemp("audited") / "world"
    home.mkdir()
    today = datetime.now(UTC).date()
    play(story._institution(home, today))
    audits = [scene for scene in story._audit(home, "candidate", today) if scene.command[0] == "lists"]
    play(audits)
    return World(home)


@pytest.fixture
def world(_built: World, tmp_path: Path) -> World:
    """Return a world whose candidate nobody has audited yet, and in which both auditors have lists."""
    return _built.copy(tmp_path / "world")


@pytest.fixture(scope="session")
def _published(_built: World, tmp_path_factory: pytest.TempPathFactory) -> World:
    done = _built.copy(tmp_path_factory.mktemp("published") / "world")
    today = datetime.now(UTC).date()
    play(scene for scene in story._audit(done.home, "candidate", today) if scene.command[0] == "audit")
    play(story._publish(done.home, "candidate"))
    return done


@pytest.fixture
def released(_published: World, tmp_path: Path) -> World:
    """Return a world with a published release."""
    return _published.copy(tmp_path / "released")
