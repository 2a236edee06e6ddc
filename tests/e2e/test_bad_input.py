"""Input that cannot be used: each ends in one clear sentence, exit code 1, no traceback, and nothing half-made."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from messy import archive
from project import EXACT, LINKS, Answer, Project, Wanted, command, encoded, known_digest, picture, row, rows, write_parquet

from release.build import Request, build
from release.errors import ListError, Problem, SourceError


def check_refusal(answer: Answer, out: Path, *codes: str) -> None:
    """Check that a command ended in one sentence with one of these codes, and left neither candidate nor traceback."""
    assert answer.code == 1, answer.text
    assert answer.out == ""
    assert "Traceback" not in answer.err
    first, *faults = answer.err.splitlines()
    assert first.startswith("release: ")
    assert any(first.endswith(f" [{code}]") for code in codes), answer.err
    assert all(fault.startswith("  ") for fault in faults)
    assert not out.exists()


def remove(name: str) -> Callable[[Project], object]:
    """Return a deed that removes a file or folder of the project."""

    def do(project: Project) -> None:
        path = project.folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    return do


def write(name: str, data: bytes) -> Callable[[Project], object]:
    """Return a deed that replaces a file of the project."""
    return lambda project: (project.folder / name).write_bytes(data)


def change_mode(name: str, mode: int) -> Callable[[Project], object]:
    """Return a deed that opens a file or folder of the project to others."""
    return lambda project: (project.folder / name).chmod(mode)


def flip_a_byte(name: str) -> Callable[[Project], object]:
    """Return a deed that damages a file in its middle."""

    def do(project: Project) -> None:
        path = project.folder / name
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)

    return do


def empty_folder(project: Project) -> None:
    """Leave nothing in the source."""
    (project.source / "train.parquet").unlink()


def no_rows(project: Project) -> None:
    """Leave a Parquet file without rows in the source."""
    write_parquet(project.source / "train.parquet", [])


def cut(project: Project) -> None:
    """Cut a Parquet file in two and throw the end away."""
    path = project.source / "train.parquet"
    path.write_bytes(path.read_bytes()[:5000])


def two_of_one_name(project: Project) -> None:
    """Write a plan with two steps of one name."""
    project.write_plan(Wanted(steps=(EXACT, EXACT)))


def other_columns(project: Project) -> None:
    """Put a second file with other columns beside the first."""
    pq.write_table(pa.table({"image": pa.array([b"x"])}), project.source / "other.parquet")


def named_twice(project: Project) -> None:
    """Make the source a folder of images whose metadata names one twice."""
    empty_folder(project)
    (project.source / "one.jpg").write_bytes(encoded(picture(0)))
    line = json.dumps({"file_name": "one.jpg", "caption": "x", "url": "https://pictures.example.org/"}) + "\n"
    (project.source / "metadata.jsonl").write_text(2 * line, encoding="utf-8")


def named_and_absent(project: Project) -> None:
    """Make the source a folder of images whose metadata names one that is not there."""
    empty_folder(project)
    (project.source / "one.jpg").write_bytes(encoded(picture(0)))
    (project.source / "metadata.jsonl").write_text(json.dumps({"file_name": "two.jpg", "caption": "x"}), encoding="utf-8")


REFUSALS = {
    "no plan": (remove("plan.toml"), "plan"),
    "a plan that is no TOML": (write("plan.toml", b"[release"), "plan"),
    "a plan that is no text": (write("plan.toml", b"\xff\xfe\0"), "plan"),
    "two steps of one name": (two_of_one_name, "plan"),
    "no source": (remove("source"), "source"),
    "an empty source": (empty_folder, "source"),
    "a source without rows": (no_rows, "source"),
    "a cut Parquet file": (cut, "source"),
    "a file that is no Parquet": (write("source/train.parquet", archive()), "source"),
    "an empty Parquet file": (write("source/train.parquet", b""), "source"),
    "files with different columns": (other_columns, "source"),
    "metadata that names an image twice": (named_twice, "source"),
    "metadata that names an absent image": (named_and_absent, "source"),
    "no trust file": (remove("trust.json"), "trust"),
    "a trust file of another form": (write("trust.json", b"{}"), "trust"),
    "no key": (remove("keys/institution.pem"), "key-file"),
    "a key that is none": (write("keys/institution.pem", b"-----BEGIN"), "key-kind"),
    "a key that others can read": (change_mode("keys/institution.pem", 0o644), "key-permissions"),
    "a log key that others can read": (change_mode("keys/log.pem", 0o640), "key-permissions"),
    "no list store": (remove("lists"), "list-missing"),
    "no list of this name": (remove("lists/known-digests"), "list-missing"),
    "a list store that others can look into": (change_mode("lists", 0o755), "not-private"),
    "an index that others can read": (change_mode("lists/known-digests/sha256.index", 0o604), "not-private"),
    "a damaged index": (flip_a_byte("lists/known-digests/sha256.index"), "index-damaged"),
    "a damaged record": (flip_a_byte("lists/known-digests/list.json"), "list-damaged"),
    "no index": (remove("lists/known-digests/sha256.index"), "list-damaged"),
    "no record": (remove("lists/known-digests/list.json"), "store"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_used_is_refused_in_one_sentence(name: str, clean: Project, tmp_path: Path) -> None:
    """Before a row is read: nothing is written, and no value of a list is told, not even to who debugs."""
    deed, code = REFUSALS[name]
    deed(clean)
    out = tmp_path / "candidate"
    check_refusal(clean.build_here(out), out, code)
    debugged = clean.build_here(out, "--debug")
    assert "Traceback" in debugged.err
    assert known_digest() not in debugged.text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"]


def test_every_fault_of_a_plan_is_told_at_once(clean: Project, tmp_path: Path) -> None:
    """Two steps of one name, a version that is none and a key that nobody knows stand in one answer, each with its place."""
    text = clean.write_plan(Wanted(version="one", steps=(EXACT, LINKS, EXACT))).read_text(encoding="utf-8")
    clean.plan.write_text(text.replace('parent = "private"', 'parent = "private"\nparents = 2'), encoding="utf-8")
    out = tmp_path / "candidate"
    answer = clean.build_here(out)
    check_refusal(answer, out, "plan")
    assert len(answer.err.splitlines()) == 4
    answer = clean.build_here(out, "--format", "json")
    places = [fault["where"] for fault in json.loads(answer.out)["error"]["faults"]]
    assert [place.split(" (")[0] for place in places] == ["release.version", "step 3.name", "source.parents"] or len(places) == 3


def test_a_wrong_call_is_told_from_a_wrong_input(clean: Project) -> None:
    """A command that is called wrongly ends with 2 and shows how it is called; as a process of its own, like all commands here."""
    for words in (("build",), ("build", clean.plan), ("build", clean.plan, "--out", "x", "--workers", "0"), ("bild",)):
        answer = command(*words)
        assert answer.code == 2
        assert "Usage:" in answer.err
        assert "Traceback" not in answer.text


def test_a_refusal_reads_the_same_from_a_process_of_its_own(clean: Project, tmp_path: Path) -> None:
    """The installed command says one sentence on standard error and nothing on standard output."""
    shutil.rmtree(clean.source)
    out = tmp_path / "candidate"
    check_refusal(clean.build(out), out, "source")


def test_a_damaged_page_in_the_middle_of_a_source_stops_the_build(clean: Project, tmp_path: Path) -> None:
    """A Parquet file whose footer is whole and whose data is not: the shard fails, and the build with it; no row is passed over."""
    path = clean.source / "train.parquet"
    with pq.ParquetFile(path) as file:
        page = file.metadata.row_group(file.num_row_groups // 2).column(0).data_page_offset
    data = bytearray(path.read_bytes())
    data[page : page + 16] = b"\xff" * 16
    path.write_bytes(data)
    out = tmp_path / "candidate"
    check_refusal(clean.build(out, "--workers", 1), out, "source")


def test_a_folder_that_holds_something_else_is_left_alone(clean: Project, tmp_path: Path) -> None:
    """`--out` names a folder with other files: refused, and nothing in it is touched."""
    out = tmp_path / "candidate"
    out.mkdir()
    (out / "mine.txt").write_text("mine", encoding="utf-8")
    answer = clean.build_here(out)
    assert (answer.code, answer.err.endswith("[out-exists]\n")) == (1, True)
    assert [path.name for path in out.iterdir()] == ["mine.txt"]


def test_a_name_that_is_a_file_is_left_alone(clean: Project, tmp_path: Path) -> None:
    """`--out` names a file, or lies below one: refused."""
    mine = tmp_path / "mine.txt"
    mine.write_text("mine", encoding="utf-8")
    for out in (mine, mine / "candidate"):
        answer = clean.build_here(out)
        assert answer.code == 1
        assert "Traceback" not in answer.err
        assert "this is a bug" not in answer.err
    assert mine.read_text(encoding="utf-8") == "mine"


def meddle(project: Project, out: Path, deed: Callable[[], object], at_row: int) -> Problem:
    """Build, do something once so many rows are done (0: after planning, before the first), and return what was refused."""
    import contextlib

    @contextlib.contextmanager
    def progress(_: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
        seen = 0

        def tick(count: int) -> None:
            nonlocal seen
            before, seen = seen, seen + count
            if before < at_row <= seen:
                deed()

        if at_row == 0:
            deed()
        yield tick

    with pytest.raises(Problem) as refused:
        build(Request(plan=project.plan, out=out), progress=progress)
    assert not out.exists()
    return refused.value


@pytest.mark.parametrize("at_row", [0, 1])
def test_a_list_that_vanishes_while_a_build_runs_stops_it(at_row: int, clean: Project, tmp_path: Path) -> None:
    """After planning, or between two shards: the build ends with the list's name, and goes on when the list is back."""
    out, there, away = tmp_path / "candidate", clean.folder / "lists" / "known-digests", tmp_path / "away"
    problem = meddle(clean, out, lambda: there.rename(away), at_row)
    assert isinstance(problem, ListError) or problem.code == "store"
    assert "known-digests" in str(problem)
    away.rename(there)
    assert clean.build_here(out).code == 0


def test_a_list_that_is_replaced_while_a_build_runs_stops_it(clean: Project, tmp_path: Path) -> None:
    """What was screened against one list is not signed as screened against another."""
    out, path = tmp_path / "candidate", clean.folder / "other.txt"
    path.write_text(f"{'5' * 64}\n", encoding="utf-8")

    def replace_it() -> None:
        words = ("lists", "import", path, "--name", "known-digests", "--vintage", "2026-01-01", "--type", "sha256", "--replace")
        command(*words, "--store", clean.folder / "lists")

    problem = meddle(clean, out, replace_it, at_row=1)
    assert "known-digests" in str(problem)


def test_a_source_file_that_vanishes_while_a_build_runs_stops_it(clean: Project, tmp_path: Path) -> None:
    """A row is never missing because its file went away."""
    path = clean.source / "train.parquet"
    problem = meddle(clean, tmp_path / "candidate", path.unlink, at_row=0)
    assert isinstance(problem, SourceError)
    write_parquet(path, rows(4))


def test_a_picture_that_vanishes_while_a_build_runs_is_unscreenable(clean: Project, tmp_path: Path) -> None:
    """In a folder of images one file is one row: the row is set aside as missing, the others are released."""
    empty_folder(clean)
    lines = []
    for seed in range(4):
        (clean.source / f"{seed}.jpg").write_bytes(encoded(picture(seed)))
        lines.append(json.dumps({"file_name": f"{seed}.jpg", "caption": row(seed).caption, "url": row(seed).url}))
    (clean.source / "metadata.jsonl").write_text("\n".join(lines), encoding="utf-8")
    import contextlib

    @contextlib.contextmanager
    def progress(_: int):  # type: ignore[no-untyped-def]  # noqa: ANN202
        (clean.source / "1.jpg").unlink()
        yield lambda _: None

    made = build(Request(plan=clean.plan, out=tmp_path / "candidate"), progress=progress)
    assert dict(made.unscreenable) == {"missing-file": 1}
    assert (made.manifest.rows, dict(made.removed)["known-files"]) == (2, 1)
