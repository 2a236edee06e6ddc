"""An attacker who has the public parent and every version of a release, and looks for the rows that a list took."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from links import EXACT, attested, audit, manifest, project, publish, texts, write_plan
from project import TODAY, Project

from release.lists import ImportRequest, ListStore

THIN = '[[step]]\nname = "cover"\nkind = "thin"\nleast_cell = 300\n'
HOSTS = ("one", "two", "three", "four")
ROWS = 3000
FIRST, SECOND = (11, 400, 1201), (11, 1201, 1300)  # positions of listed rows: the second list drops 400 and adds 1300


def link(row: int) -> str:
    """Return the link of a row: most are of four hosts, the last two hundred of a hundred small ones."""
    host = HOSTS[row % 4] if row < ROWS - 200 else f"small{row % 100}"
    return f"https://{host}.example.org/{row}"


def know(made: Project, listed: Iterable[int]) -> None:
    """Give the institution a list of these rows' links."""
    path = made.folder / "listed.txt"
    path.write_text("".join(f"{link(row)}\n" for row in listed))
    ListStore(made.folder / "lists").import_file(path, ImportRequest("known-urls", TODAY, type="url", format="text", replace=True), TODAY)
    path.unlink()


@pytest.fixture
def public(tmp_path: Path) -> Project:
    """Return a project whose parent is public."""
    made = project(tmp_path / "project", {"url": [link(row) for row in range(ROWS)]}, "")
    write_plan(made, EXACT + THIN, parent="public", shard_rows=1024)
    know(made, FIRST)
    return made


def rows_of(folder: Path) -> set[int]:
    """Return the source positions of the rows of a release."""
    return {int(text.removeprefix("view ")) for text in texts(folder)}


def best_precision(missing: set[int], hits: Iterable[int]) -> float:
    """Return how often an attacker is right at best, who picks one host and takes every row that is missing from it for a hit."""
    cells: dict[str, set[int]] = {}
    for row in missing:
        host = HOSTS[row % 4] if row < ROWS - 200 else "small"
        cells.setdefault(host, set()).add(row)
    return max(len(cell & set(hits)) / len(cell) for cell in cells.values())


def test_without_cover_nothing_is_signed(public: Project, tmp_path: Path) -> None:
    """The difference to the public parent would be the hit list."""
    write_plan(public, EXACT, parent="public")
    answer = public.build_here(tmp_path / "candidate")
    assert (answer.code, "[hit-list]" in answer.err) == (1, True)


def test_an_attacker_with_parent_and_both_versions_is_right_once_in_a_hundred(public: Project, tmp_path: Path) -> None:
    """Against the parent, against the last version, against their intersection, and by what returned: no set of rows is mostly hits."""
    first, second, published = tmp_path / "first", tmp_path / "second", tmp_path / "published"
    answer = public.build_here(first)
    assert answer.code == 0, answer.text
    assert "who has the source and takes a missing row for a hit is right 1 time in 100 over all" in answer.out
    everything, before = set(range(ROWS)), rows_of(first)
    assert not before & set(FIRST)
    assert best_precision(everything - before, FIRST) <= 0.01
    publish(public, first, published)

    know(public, SECOND)
    write_plan(public, EXACT + THIN, version="1.1.0", parent="public", shard_rows=1024)
    answer = public.build_here(second, "--previous", published)
    assert answer.code == 0, answer.text
    after = rows_of(second)
    assert after < before, "a row that returned was drawn, or listed once: it would tell which"
    ever = set(FIRST) | set(SECOND)
    assert best_precision(everything - after, ever) <= 0.01
    assert best_precision(before - after, ever) <= 0.01
    assert best_precision((everything - before) & (everything - after), ever) <= 0.01
    assert manifest(second)["previous"]["version"] == "1.0.0"


def test_what_is_public_of_the_cover_is_one_count(public: Project, tmp_path: Path) -> None:
    """Card and attestation say how many rows were thinned; an auditor says that the draw is not checkable without the line's key."""
    out = tmp_path / "candidate"
    assert public.build_here(out).code == 0
    step = attested(out)[1]
    assert step["removed"] == 99 * len(FIRST)
    assert step["parameters"] == {"among": 100, "least_cell": 300, "cells": ["split", "host", "size"]}
    assert f"removed {99 * len(FIRST)} rows to hide others among them" in (out / "README.md").read_text()
    audited, claims = audit(public, out)
    assert audited.code == 0, audited.text
    assert claims["counts"]["result"] == claims["step-commitments"]["result"] == "confirmed"
    assert claims["filters"]["result"] == "not-checkable"
    assert "step 2: it judges by all rows of the source" in claims["filters"]["detail"]
    line = public.folder / "keys" / "line.key"
    assert line.stat().st_mode & 0o777 == 0o600
    public_bytes = b"".join(path.read_bytes() for path in out.rglob("*") if path.is_file())
    assert line.read_bytes()[8:40] not in public_bytes


def test_the_same_line_gives_the_same_release_again(public: Project, tmp_path: Path) -> None:
    """A second build of the same version draws the same rows, and another number of workers changes nothing."""
    assert public.build_here(tmp_path / "one").code == 0
    assert public.build_here(tmp_path / "two", "--workers", "2").code == 0
    assert manifest(tmp_path / "one")["root"] == manifest(tmp_path / "two")["root"]


def test_a_line_without_its_memory_is_not_continued(public: Project, tmp_path: Path) -> None:
    """With a new key the old cover would return and give the hits away."""
    assert public.build_here(tmp_path / "one").code == 0
    publish(public, tmp_path / "one", tmp_path / "published")
    (public.folder / "keys" / "line.key").unlink()
    write_plan(public, EXACT + THIN, version="1.1.0", parent="public", shard_rows=1024)
    answer = public.build_here(tmp_path / "two", "--previous", tmp_path / "published")
    assert (answer.code, "[lineage]" in answer.err) == (1, True)


def test_a_cell_that_cannot_hide_leaves_no_keys_behind(public: Project, tmp_path: Path) -> None:
    """No other run of this build could do better, so ledger and keys are deleted with the refusal."""
    know(public, range(0, 40, 4))
    answer = public.build_here(tmp_path / "candidate")
    assert (answer.code, "[hit-list]" in answer.err) == (1, True)
    assert "one.example.org" not in answer.text
    assert not (tmp_path / ".candidate.building").exists()
    assert not (tmp_path / "candidate").exists()
