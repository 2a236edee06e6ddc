"""A candidate goes to its auditors and their opinions come back: over a shared folder, and over a private repository on the Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from hub_project import CANDIDATES, ORGANISATIONS, Desk, at_the_hub, audit, repository
from hub_writing import ATTRIBUTES, commit
from project import Project, in_process

PASSED = dict.fromkeys(ORGANISATIONS, "PASSED")


@pytest.fixture
def project(unaudited: Project, tmp_path: Path) -> Project:
    """Return a copy of it that a test may change."""
    return unaudited.copy(tmp_path / "project")


@pytest.fixture
def desk(project: Project) -> Iterator[Desk]:
    """Return the institution with a Hub that has no repository for candidates."""
    with at_the_hub(project, repository(CANDIDATES)) as desk:
        yield desk


def here(project: Project, *words: object, code: int = 0) -> Any:
    """Run a command of the institution inside the test, and return its answer."""
    answer = in_process(*words, "--plan", project.plan, "--format", "json")
    assert answer.code == code, answer.text
    return json.loads(answer.out)


def propose(desk: Desk, code: int = 0, name: str = CANDIDATES) -> Any:
    """Propose the candidate on the Hub."""
    return desk.ask("propose", desk.candidate, "--to", f"hub:{name}", "--plan", desk.project.plan, code=code)


def add(desk: Desk, code: int = 0) -> Any:
    """Take over what auditors sent."""
    return desk.ask("opinion", "add", desk.candidate, f"hub:{CANDIDATES}", "--plan", desk.project.plan, code=code)


def fetch(desk: Desk, place: Path) -> Path:
    """Fetch the candidate as an auditor does, with the stock client."""
    with desk.at_work():
        return Path(huggingface_hub.snapshot_download(CANDIDATES, repo_type="dataset", local_dir=place))


def files(folder: Path, *leave_out: str) -> dict[str, bytes]:
    """Return the files of a folder, without what lies below some names."""
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith(leave_out)}


def test_the_whole_way_over_the_hub(desk: Desk, tmp_path: Path) -> None:
    """Proposed, fetched, audited, sent back as pull requests, taken over, logged, proposed again, cosigned and published."""
    assert propose(desk)["written"]
    hub = desk.repository
    assert (hub.private, hub.gated, hub.tags) == (True, False, set())
    assert {"evidence/rows.age", "evidence/matches.age"} <= hub.files("main").keys()
    for number in (1, 2):
        copy = fetch(desk, tmp_path / f"copy-{number}")
        audit(desk.project, number, candidate=copy)
        assert desk.ask("opinion", "send", copy, "--to", f"hub:{CANDIDATES}")["request"] == f"refs/pr/{number}"
        assert desk.ask("opinion", "send", copy, "--to", f"hub:{CANDIDATES}")["request"] is None
    assert add(desk) == {"opinions": PASSED, "cosigned": ORGANISATIONS, "older": [], "refused": []}
    assert add(desk) == {"opinions": {}, "cosigned": [], "older": [], "refused": []}
    waits = here(desk.project, "publish", desk.candidate, "--to", tmp_path / "published", code=5)
    assert waits["waitingFor"] == ORGANISATIONS
    sent = len(hub.objects)
    assert propose(desk)["written"]
    evidence = [data for path, data in hub.files("main").items() if path.startswith("evidence/")]
    assert len(evidence) == 2
    assert len(hub.objects) - sent <= 4  # log and entries, and no evidence a second time
    for number in (1, 2):
        copy = fetch(desk, tmp_path / f"newer-{number}")
        audit(desk.project, number, "--cosign", candidate=copy)
        desk.ask("opinion", "send", copy, "--to", f"hub:{CANDIDATES}")
    assert add(desk) == {"opinions": {}, "cosigned": ORGANISATIONS, "older": ORGANISATIONS, "refused": []}
    here(desk.project, "publish", desk.candidate, "--to", tmp_path / "published")
    assert hub.private
    assert not propose(desk)["written"] or hub.private


def test_the_whole_way_over_a_shared_folder(project: Project, tmp_path: Path) -> None:
    """The auditors work in the folder that they share with the institution; no report is lost on the way."""
    candidate, shared = project.folder / "candidate", tmp_path / "shared"
    assert here(project, "propose", candidate, "--to", shared)["written"]
    assert not here(project, "propose", candidate, "--to", shared)["written"]
    for number in (1, 2):
        audit(project, number, candidate=shared)
    assert here(project, "propose", candidate, "--to", shared, code=1)["error"]["code"] == "opinion-waiting"
    assert here(project, "opinion", "add", candidate, shared)["opinions"] == PASSED
    here(project, "publish", candidate, "--to", tmp_path / "published", code=5)
    assert here(project, "propose", candidate, "--to", shared)["written"]
    for number in (1, 2):
        audit(project, number, "--cosign", candidate=shared)
    assert here(project, "opinion", "add", candidate, shared)["cosigned"] == ORGANISATIONS
    here(project, "publish", candidate, "--to", tmp_path / "published")
    assert not (tmp_path / "published" / "evidence").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("fault", ["cut", "done", 500, 412])
def test_a_proposal_that_was_cut_off_is_finished_by_the_next(desk: Desk, fault: int | str) -> None:
    """It is private all the while, and ends as one commit."""
    hub = desk.repository
    hub.faults["commit"] = [fault]
    propose(desk, code=1)
    assert hub.private
    propose(desk)
    assert (hub.private, len(hub.past)) == (True, 2)
    assert files(desk.candidate, "report.html", "trust.json") == {
        path: data for path, data in hub.files("main").items() if path not in (".gitattributes", "trust.json")
    }


@pytest.mark.parametrize("when", ["before", "made public", "the Hub lies"])
def test_nothing_goes_to_a_repository_that_is_not_private(desk: Desk, when: str) -> None:
    """Not to a public one, not to one that was opened between two uploads, not to one that the Hub made otherwise than asked."""
    hub = desk.repository
    if when == "before":
        hub.exists = True
        commit(hub, ATTRIBUTES)
    elif when == "made public":
        propose(desk)
        hub.private = False
        (desk.candidate / "evidence" / "matches.age").unlink()
    else:
        hub.stays_public = True
    before, sent = list(hub.past), dict(hub.objects)
    error = propose(desk, code=1)["error"]
    assert (error["code"], hub.objects) == ("hub-public", sent)
    assert len(hub.past) == len(before) + (when == "the Hub lies")
    assert all(hub.at[made] == ATTRIBUTES for made in hub.past if made not in before)


def test_candidates_have_a_repository_of_their_own(desk: Desk) -> None:
    """Not that of the release, not one with published versions, not one with anything else in it."""
    hub = desk.repository
    assert propose(desk, code=1, name="example/street")["error"]["code"] in ("destination", "hub-token")
    hub.exists, hub.private = True, True
    commit(hub, ATTRIBUTES | {"README.md": b"# Notes of somebody", "notes.txt": b"x"})
    assert propose(desk, code=1)["error"]["code"] == "destination"
    commit(hub, ATTRIBUTES)
    hub.commits["v1.0.0"] = hub.past[0]
    hub.tags.add("v1.0.0")
    assert propose(desk, code=1)["error"]["code"] == "destination"
    assert not hub.objects


def test_a_candidates_repository_is_never_published_to(desk: Desk) -> None:
    """Publishing there would open it: it is refused before anything is logged or written."""
    propose(desk)
    hub, past = desk.repository, list(desk.repository.past)
    for number in (1, 2):
        audit(desk.project, number)
    here(desk.project, "publish", desk.candidate, "--to", desk.project.folder / "nowhere", code=5)
    for number in (1, 2):
        audit(desk.project, number, "--cosign")
    error = desk.ask("publish", desk.candidate, "--to", f"hub:{CANDIDATES}", "--plan", desk.project.plan, code=1)["error"]
    assert (error["code"], hub.past, hub.private) == ("destination", past, True)


@pytest.mark.parametrize("what", ["none", "in clear", "another file"])
def test_only_sealed_evidence_is_proposed(project: Project, tmp_path: Path, what: str) -> None:
    """A candidate without evidence, with evidence that is not sealed, or with anything beside it is refused."""
    candidate = project.folder / "candidate"
    if what == "none":
        shutil.rmtree(candidate / "evidence")
    elif what == "in clear":
        (candidate / "evidence" / "matches.age").write_bytes(b"PAR1 in clear")
    else:
        (candidate / "evidence" / "row.key").write_bytes(b"k" * 32)
    error = here(project, "propose", candidate, "--to", tmp_path / "shared", code=1)["error"]
    assert (error["code"], (tmp_path / "shared").exists()) == ("evidence", False)


def test_a_candidate_that_does_not_hold_is_not_proposed(project: Project, tmp_path: Path) -> None:
    """A changed data file is found before anybody gets it."""
    shard = next((project.folder / "candidate" / "data").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1] + b"!")
    error = here(project, "propose", project.folder / "candidate", "--to", tmp_path / "shared", code=1)["error"]
    assert (error["code"], list(tmp_path.glob("*shared*"))) == ("not-verified", [])


def test_a_published_folder_does_not_become_a_candidate(project: Project, tmp_path: Path) -> None:
    """A folder without evidence is no place for candidates, whatever it holds."""
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "notes.txt").write_text("mine")
    error = here(project, "propose", project.folder / "candidate", "--to", tmp_path / "shared", code=1)["error"]
    assert (error["code"], files(tmp_path / "shared")) == ("destination", {"notes.txt": b"mine"})


@pytest.fixture
def audited(project: Project, tmp_path: Path) -> Path:
    """Return an auditor's copy of the candidate with its report, opinion and cosignature."""
    copy = tmp_path / "copy"
    shutil.copytree(project.folder / "candidate", copy)
    audit(project, 1, candidate=copy)
    return copy


def test_what_does_not_hold_is_named_and_the_rest_is_taken(project: Project, audited: Path) -> None:
    """A bundle that is none, one with a flipped byte and a report alone stay where they are; names of files mean nothing."""
    opinion, report = next((audited / "opinions").iterdir()), next((audited / "reports").iterdir())
    (audited / "reports" / "a.sigstore.json").write_bytes(b"{}")
    data = report.read_bytes()
    (audited / "reports" / "b.sigstore.json").write_bytes(data.replace(b"payload", b"qayload"))
    opinion.rename(opinion.with_name("..evil.sigstore.json"))
    before = files(project.folder / "candidate")
    added = here(project, "opinion", "add", project.folder / "candidate", audited, code=1)
    assert (added["opinions"], added["cosigned"], len(added["refused"])) == ({ORGANISATIONS[0]: "PASSED"}, [ORGANISATIONS[0]], 2)
    new = files(project.folder / "candidate").keys() - before.keys()
    assert new == {f"opinions/{opinion.name}", f"reports/{report.name}"}


def test_a_report_is_not_taken_without_its_opinion(project: Project, audited: Path) -> None:
    """Once logged alone, its author could not give another one."""
    report = next((audited / "reports").iterdir())
    shutil.rmtree(audited / "opinions")
    added = here(project, "opinion", "add", project.folder / "candidate", report, code=1)
    assert [refused["code"] for refused in added["refused"]] == ["opinion-void"]
    assert not [path for path in (project.folder / "candidate" / "reports").glob("*") if path.is_file()]


def test_an_opinion_on_another_candidate_is_not_taken(project: Project, audited: Path) -> None:
    """Built again, the candidate has another statement in another log: another history, which stops everything."""
    shutil.rmtree(project.folder / "candidate")
    for leftover in (project.folder / "keys").glob("log.pem.head"):
        leftover.unlink()
    assert project.build_here(project.folder / "candidate").code == 0
    before = files(project.folder / "candidate")
    error = here(project, "opinion", "add", project.folder / "candidate", audited, code=1)["error"]
    assert (error["code"], files(project.folder / "candidate")) == ("log-fork", before)


def test_a_newer_log_than_ones_own_is_told(project: Project, audited: Path) -> None:
    """Whoever adds to an old copy of the candidate is told to take the newest one."""
    old = project.folder / "old"
    shutil.copytree(project.folder / "candidate", old)
    here(project, "opinion", "add", project.folder / "candidate", audited)
    in_process("publish", project.folder / "candidate", "--to", project.folder / "nowhere", "--plan", project.plan)
    error = here(project, "opinion", "add", old, project.folder / "candidate" / "log" / "checkpoint", code=1)["error"]
    assert error["code"] == "log-behind"


def test_a_cosignature_that_does_not_hold_is_left_out(project: Project, audited: Path) -> None:
    """A checkpoint with a changed line is named, and the candidate keeps its own."""
    checkpoint = audited / "log" / "checkpoint"
    lines = checkpoint.read_text().splitlines(keepends=True)
    flipped = "B" if lines[-1][-20] == "A" else "A"
    checkpoint.write_text("".join([*lines[:-1], lines[-1][:-20] + flipped + lines[-1][-19:]]))
    before = (project.folder / "candidate" / "log" / "checkpoint").read_bytes()
    added = here(project, "opinion", "add", project.folder / "candidate", checkpoint, code=1)
    assert [refused["code"] for refused in added["refused"]] == ["checkpoint-signature"]
    assert (project.folder / "candidate" / "log" / "checkpoint").read_bytes() == before


def test_a_source_that_is_not_there_is_one_sentence(project: Project, tmp_path: Path) -> None:
    """A wrong call, exit code 2."""
    assert here(project, "opinion", "add", project.folder / "candidate", tmp_path / "none", code=2)["error"]["code"] == "usage"
