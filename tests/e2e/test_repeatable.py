"""The same plan gives the same bytes; a second look changes nothing; another folder gets other keys; a line goes on."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from messy import Built
from project import EXACT, LINKS, Project, Wanted, in_process, make, rows

from audit_logs import envelope, manifest, statement
from audit_logs.log import Log
from audit_logs.manifest import Manifest
from audit_logs.statement import FilterStep
from audit_logs.trust import read as read_trust


def manifest_of(folder: Path) -> Manifest:
    """Return a candidate's manifest."""
    return manifest.parse((folder / "release.json").read_bytes())


def commitments(folder: Path) -> list[tuple[str, str]]:
    """Return the input and output commitment of each step."""
    found = []
    for path in sorted((folder / "attestations").iterdir()):
        predicate = statement.parse(envelope.parse(path.read_bytes(), where=path.name).payload, where=path.name).predicate
        assert isinstance(predicate, FilterStep)
        found.append((predicate.input.commitment, predicate.output.commitment))
    return found


def state(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Return inode, time and digest of everything in a folder."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_ino,
            path.stat().st_mtime_ns,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in (folder, *folder.rglob("*"))
    }


def test_one_worker_and_two_make_the_same_data_under_other_keys(built: Built, tmp_path: Path) -> None:
    """Data files, card and plain roots are the same bytes; keyed roots and commitments are not: keys are drawn anew."""
    out = tmp_path / "candidate"
    assert built.project.build_here(out, "--workers", 1).code == 0
    one, two = manifest_of(out), manifest_of(built.folder)
    assert (one.shards, one.root, one.source, one.plan_digest, one.files) == (two.shards, two.root, two.source, two.plan_digest, two.files)
    for shard in one.shards:
        assert (out / shard.path).read_bytes() == (built.folder / shard.path).read_bytes()
    assert one.keyed_roots.first != two.keyed_roots.first
    assert one.keyed_roots.last != two.keyed_roots.last
    ours, theirs = commitments(out), commitments(built.folder)
    assert len(ours) == 3
    assert not {value for pair in ours for value in pair} & {value for pair in theirs for value in pair}
    assert [output for _, output in ours[:-1]] == [entered for entered, _ in ours[1:]]


def test_a_second_run_into_the_same_folder_changes_nothing(built: Built) -> None:
    """Not a byte, not a time, not a file: it says that the candidate is there, with the same counts."""
    before, beside = state(built.folder), sorted(built.folder.parent.iterdir())
    answer = built.project.build_here(built.folder, "--format", "json")
    assert answer.code == 0, answer.text
    assert (state(built.folder), sorted(built.folder.parent.iterdir())) == (before, beside)
    first, again = json.loads(built.answer.out), json.loads(answer.out)
    for one in (first, again):
        one["rows"]["unscreenable"] = sum(one["rows"]["unscreenable"].values())
    assert (first.pop("again"), again.pop("again")) == (False, True)
    assert first == again


def test_another_plan_does_not_touch_a_candidate_that_is_there(built: Built, clean: Project) -> None:
    """The folder holds another plan's candidate: refused, with what differs, and nothing changes."""
    before = state(built.folder)
    answer = clean.build_here(built.folder)
    assert answer.code == 1
    assert answer.err.endswith("[out-exists]\n")
    assert "a candidate that differs in the plan, the source, " in answer.err
    assert state(built.folder) == before


def test_a_line_goes_on_from_a_candidate_that_was_never_published(clean: Project, tmp_path: Path) -> None:
    """The second candidate's log begins with the first one's entries, and has no release as predecessor."""
    first, second = tmp_path / "one", tmp_path / "two"
    assert clean.build_here(first).code == 0
    clean.write_plan(Wanted(version="1.1.0", steps=(EXACT, LINKS)))
    before = state(first)
    assert clean.build_here(second, "--previous", first).code == 0
    trust = read_trust((clean.folder / "trust.json").read_bytes(), where="trust.json")
    old, new = (Log.open(folder / "log", trust.log.key).entries() for folder in (first, second))
    assert (len(old), len(new)) == (3, 6)
    assert list(new[:3]) == list(old)
    assert manifest_of(second).previous is None
    assert manifest_of(first).root == manifest_of(second).root
    assert state(first) == before


@pytest.mark.parametrize("wrong", ["nothing", "another line", "a damaged log"])
def test_a_line_does_not_go_on_from_something_else(wrong: str, built: Built, clean: Project, tmp_path: Path) -> None:
    """A folder that is not there, that another institution's key signed, or whose log was changed: refused before a row is read."""
    previous = built.folder if wrong == "another line" else tmp_path / "previous"
    project = built.project if wrong == "a damaged log" else clean
    if wrong == "a damaged log":
        shutil.copytree(built.folder, previous)
        (bundle,) = (previous / "log" / "tile" / "entries").rglob("4")
        bundle.write_bytes(bundle.read_bytes()[:-1])
    out = tmp_path / "candidate"
    answer = project.build_here(out, "--previous", previous)
    assert answer.code == 1, answer.text
    assert len(answer.err.splitlines()) == 1
    assert "this is a bug" not in answer.err
    assert not out.exists()


def test_a_public_parent_is_refused_where_hits_would_stand_out(clean: Project, tmp_path: Path) -> None:
    """Others hold the source and only list steps removed rows: the difference would be the hit list, so nothing is signed."""
    clean.write_plan(Wanted(parent="public", steps=(EXACT, LINKS)))
    out = tmp_path / "candidate"
    answer = in_process("build", clean.plan, "--out", out, "--debug")
    assert answer.code == 1
    assert answer.err.splitlines()[-1].endswith("[hit-list]")
    assert not out.exists()
    assert not list(tmp_path.rglob("*.sigstore.json"))
    assert [path.name for path in tmp_path.iterdir()] == ["project"]  # no keys, no ledger


def test_a_public_parent_without_a_hit_is_accepted(tmp_path: Path) -> None:
    """Nothing was found, so the difference tells nothing."""
    project = make(tmp_path / "project", rows(3), Wanted(parent="public", steps=(EXACT,)))
    out = tmp_path / "candidate"
    assert project.build_here(out).code == 0
    assert (manifest_of(out).rows, manifest_of(out).source.parent) == (3, "public")


def test_a_build_that_leaves_nothing_is_refused(tmp_path: Path) -> None:
    """Every row was removed: there is nothing to publish, and nothing is signed."""
    project = make(tmp_path / "project", rows(4)[3:], Wanted(steps=(EXACT,)))
    out = tmp_path / "candidate"
    answer = project.build_here(out)
    assert (answer.code, answer.err.endswith("[nothing-left]\n"), out.exists()) == (1, True, False)
    assert [path.name for path in tmp_path.iterdir()] == ["project"]  # no keys, no ledger
