"""One messy project for all tests of this folder, and the candidate that is built from it once; a tidy one to damage; a release on a Hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_project import built as built_for_the_hub
from hub_project import cosigned
from hub_server import Repository, serving
from made import Made, Maker, maker
from messy import Built, make_messy, messy_rows
from on_hub import FIRST, NAME, ROWS, Hub, files_of
from project import EXACT, LINKS, Project, Wanted, rows
from project import make as make_project


@pytest.fixture(scope="session")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the messy project; tests read it, and build from it into folders of their own."""
    return make_messy(tmp_path_factory.mktemp("messy") / "project")


@pytest.fixture(scope="session")
def built(messy: Project, tmp_path_factory: pytest.TempPathFactory) -> Built:
    """Return the candidate that two workers made of the messy project, and what the command said."""
    folder = tmp_path_factory.mktemp("built") / "candidate"
    answer = messy.build(folder, "--workers", 2, "--format", "json")
    assert answer.code == 0, answer.text
    return Built(messy, messy_rows(), folder, answer)


@pytest.fixture
def clean(tmp_path: Path, tidy: Project) -> Project:
    """Return a small clean project that a test may damage."""
    return tidy.copy(tmp_path / "project")


@pytest.fixture(scope="session")
def tidy(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a small clean project whose steps decode no picture."""
    return make_project(tmp_path_factory.mktemp("tidy") / "project", rows(), Wanted(steps=(EXACT, LINKS)))


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Return a function that writes a release of rows by split."""
    return maker(tmp_path)


@pytest.fixture
def first(make: Maker) -> Made:
    """Return version 1.0.0."""
    return make({"train": ROWS})


@pytest.fixture
def hub(first: Made, tmp_path: Path) -> Iterator[Hub]:
    """Return a Hub that has it."""
    commits = {"main": FIRST, "v1.0.0": FIRST, FIRST: FIRST}
    repository = Repository(NAME, commits, {}, at={FIRST: files_of(first)})
    with serving(repository) as endpoint:
        trust = tmp_path / "pinned.json"
        trust.write_bytes(first.trust.read_bytes())
        yield Hub(tmp_path, repository, endpoint, trust)


@pytest.fixture(scope="session")
def unaudited(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with a candidate that nobody has audited; tests work on copies."""
    return built_for_the_hub(tmp_path_factory.mktemp("unaudited") / "project")


@pytest.fixture(scope="session")
def ready(unaudited: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with a candidate for which the gate is open; tests work on copies."""
    return cosigned(unaudited.copy(tmp_path_factory.mktemp("ready") / "project"))
