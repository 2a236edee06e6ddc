"""One messy project for all tests of this folder, and the candidate that is built from it once; a tidy one to damage."""

from __future__ import annotations

from pathlib import Path

import pytest
from messy import Built, make_messy, messy_rows
from project import EXACT, LINKS, Project, Wanted, make, rows


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
    return make(tmp_path_factory.mktemp("tidy") / "project", rows(), Wanted(steps=(EXACT, LINKS)))
