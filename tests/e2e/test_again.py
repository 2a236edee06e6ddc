"""A second run into a candidate that is there: "already there" is said of the same source and lists only, and of a whole candidate."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from project import TODAY, Project, encoded, picture

from release.lists import ImportRequest, ListStore


def _another_picture(project: Project) -> None:
    (project.source / "1.jpg").write_bytes(encoded(picture(61)))


def _another_picture_of_the_same_time_and_name(project: Project) -> None:
    path = project.source / "1.jpg"
    status, data = path.stat(), encoded(picture(62))
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(data) != status.st_size


def _another_list(project: Project) -> None:
    """Replace a list by one of the same name, vintage and count."""
    path = project.folder / "other.txt"
    path.write_text("5" * 64 + "\n", encoding="utf-8")
    request = ImportRequest("known-digests", TODAY, "Example Authority", "text", "sha256", replace=True)
    ListStore(project.folder / "lists").import_file(path, request, TODAY)


def _unchanged(_: Project) -> None:
    pass


def _gone(name: str) -> Callable[[Path], None]:
    def remove(out: Path) -> None:
        (path,) = out.glob(name)
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def _bent(name: str) -> Callable[[Path], None]:
    def bend(out: Path) -> None:
        path = min(out.glob(name))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return bend


def _no_record(out: Path) -> None:
    out.with_name(f".{out.name}.built").unlink()


@pytest.fixture(scope="module")
def folder_project(tidy: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose source is a folder of images, with its candidate beside it."""
    project = tidy.copy(tmp_path_factory.mktemp("again") / "project")
    (project.source / "train.parquet").unlink()
    for seed in range(3):
        (project.source / f"{seed}.jpg").write_bytes(encoded(picture(seed)))
    lines = (json.dumps({"file_name": f"{seed}.jpg", "caption": "c", "url": f"https://p.example.org/{seed}"}) for seed in range(3))
    (project.source / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    answer = project.build_here(project.folder / "candidate")
    assert answer.code == 0, answer.text
    return project


@pytest.fixture
def project(folder_project: Project, tmp_path: Path) -> Project:
    """Return a copy of it that a test may change."""
    return folder_project.copy(tmp_path / "project")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (_another_picture, "differs in the source"),
        (_another_picture_of_the_same_time_and_name, "differs in the source"),
        (_another_list, "differs in list known-digests"),
    ],
)
def test_other_pictures_or_entries_under_the_same_names_are_not_already_there(
    change: Callable[[Project], None], told: str, project: Project
) -> None:
    """Same names, same counts, same vintage: it is another build all the same, and the candidate stays as it was."""
    change(project)
    answer = project.build_here(project.folder / "candidate")
    assert (answer.code, told in answer.err) == (1, True), answer.text
    assert answer.err.endswith("[out-exists]\n")


@pytest.mark.parametrize(
    ("meddle", "told"),
    [
        (_gone("data/train-00000-*.parquet"), "file data/train-00000-of-"),
        (_bent("data/*.parquet"), "file data/train-00000-of-"),
        (_gone("README.md"), "file README.md"),
        (_gone("evidence/rows.age"), "file evidence/rows.age"),
        (_gone("evidence/matches.age"), "file evidence/matches.age"),
        (_bent("evidence/rows.age"), "file evidence/rows.age"),
        (_gone("attestations/01-*"), "lacks attestations"),
        (_bent("attestations/*"), "file attestations/01-"),
        (_gone("attestations"), "lacks attestations"),
        (_gone("log/checkpoint"), "a log that cannot be used"),
        (_gone("log"), "a log that cannot be used"),
        (_gone("release.json"), "no candidate"),
        (_no_record, "nothing says what the candidate was built from"),
    ],
)
def test_a_candidate_that_lacks_something_is_not_already_there(meddle: Callable[[Path], None], told: str, project: Project) -> None:
    """What is missing or bent is named, and a next step given."""
    out = project.folder / "candidate"
    meddle(out)
    answer = project.build_here(out)
    assert (answer.code, told in answer.err) == (1, True), answer.text
    assert "next: choose another --out" in answer.err
    assert len(answer.err.splitlines()) == 1


def test_the_record_beside_a_candidate_is_private_and_says_that_it_is_there(project: Project) -> None:
    """Copied with its record, the unchanged candidate is there; a record that others can read is refused."""
    out = project.folder / "candidate"
    record = project.folder / ".candidate.built"
    assert record.stat().st_mode & 0o777 == 0o600
    answer = project.build_here(out, "--format", "json")
    assert (answer.code, json.loads(answer.out)["again"]) == (0, True), answer.text
    record.chmod(0o644)
    assert "others can reach" in project.build_here(out).err


@pytest.mark.parametrize("place", ["lists", "keys", "source/candidate", "."])
def test_a_source_that_holds_lists_keys_or_the_candidate_is_refused(place: str, project: Project, tmp_path: Path) -> None:
    """A row of such a source could publish a list, a key or what another build writes."""
    out = project.source / "candidate" if place == "source/candidate" else tmp_path / "candidate"
    if place in ("lists", "keys"):
        (project.folder / place).rename(project.source / place)
        (project.folder / place).symlink_to(project.source / place)
    if place == ".":
        text = project.plan.read_text(encoding="utf-8")
        project.plan.write_text(text.replace('path = "source"', 'path = "."'), encoding="utf-8")
    answer = project.build_here(out)
    assert (answer.code, answer.err.endswith("[source-place]\n"), out.exists()) == (1, True, False), answer.text


@pytest.mark.parametrize("source", ["lists/s.parquet", "lists/*.parquet", "candidate", "candidate/data", "holder"])
def test_a_source_inside_lists_or_candidate_or_around_a_release_is_refused(source: str, project: Project) -> None:
    """Also one file, or what a glob finds."""
    (project.folder / "lists" / "s.parquet").touch()
    shutil.copytree(project.folder / "candidate", project.folder / "holder" / "in" / "release")
    text = project.plan.read_text(encoding="utf-8")
    project.plan.write_text(text.replace('path = "source"', f'path = "{source}"'), encoding="utf-8")
    answer = project.build_here(project.folder / "candidate")
    assert (answer.code, answer.err.endswith("[source-place]\n")) == (1, True), answer.text


def test_a_candidate_cannot_take_the_place_of_a_link_to_nowhere(project: Project, tmp_path: Path) -> None:
    """It is refused before a row is read, and so is a name that is too long for what stands beside it."""
    out = tmp_path / "link"
    out.symlink_to(tmp_path / "nowhere")
    for place, code in ((out, "out-exists"), (tmp_path / ("x" * 230), "out-name")):
        answer = project.build_here(place)
        assert (answer.code, answer.err.endswith(f"[{code}]\n")) == (1, True), answer.text
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
