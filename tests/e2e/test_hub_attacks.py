"""Attacks on what goes to the Hub and comes back from it.

A past that an opening would show, a repository that changes under the run, what clients leave in folders, and requests that are to
keep others from being read.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hub_project import CANDIDATES, ORGANISATIONS, Desk, at_the_hub, audit, repository
from hub_writing import ATTRIBUTES, commit
from project import Project, in_process

from release import propose as proposals
from release.audit import runner

ASKING = '[hub]\ngated = "manual"\nprompt = "Say who you are."\n'


@pytest.fixture
def desk(ready: Project, tmp_path: Path) -> Iterator[Desk]:
    """Return the institution, its gate open, with a Hub that has no repository."""
    with at_the_hub(ready.copy(tmp_path / "project"), repository()) as desk:
        yield desk


@pytest.fixture
def proposing(unaudited: Project, tmp_path: Path) -> Iterator[Desk]:
    """Return the institution before the audit, with a Hub that has no repository for candidates."""
    with at_the_hub(unaudited.copy(tmp_path / "project"), repository(CANDIDATES)) as desk:
        yield desk


def propose(desk: Desk, code: int = 0) -> Any:
    """Propose the candidate on the Hub."""
    return desk.ask("propose", desk.candidate, "--to", f"hub:{CANDIDATES}", "--plan", desk.project.plan, code=code)


def send(desk: Desk, number: int, copy: Path) -> None:
    """Let an auditor audit a copy of the candidate, and send back what it signed."""
    shutil.copytree(desk.candidate, copy)
    audit(desk.project, number, candidate=copy)
    desk.ask("opinion", "send", copy, "--to", f"hub:{CANDIDATES}")


@pytest.mark.parametrize(
    "path", ["data/train-00000-of-00001.parquet", "README.md", "log/rows.age", "log/tile/x/../rows", "reports/a.parquet"]
)
def test_rows_that_were_never_screened_are_not_opened_with_the_past(desk: Desk, path: str) -> None:
    """What lay in a private repository before, under a name that a release has, and was deleted since: the past would show it."""
    hub = desk.repository
    hub.exists = hub.private = True
    commit(hub, ATTRIBUTES | {path: b"PAR1 of the source"})
    commit(hub, ATTRIBUTES)
    found = desk.error()
    assert (found["code"], hub.private) == ("folder-name" if ".." in path else "hub-past", True)
    assert desk.error()["code"] == found["code"]


def test_a_tag_beside_the_branch_is_part_of_the_past(desk: Desk) -> None:
    """A tag of this very manifest at a commit that no branch has, with evidence in it, would be opened as well."""
    hub = desk.repository
    hub.exists = hub.private = True
    manifest = (desk.candidate / "release.json").read_bytes()
    hub.commits["v1.0.0"] = commit(hub, {"release.json": manifest, "evidence/rows.age": b"age-encryption.org/v1\n"}, "gone")
    del hub.commits["gone"]
    hub.tags.add("v1.0.0")
    commit(hub, ATTRIBUTES)
    found = desk.error()
    assert (found["code"], hub.private) == ("hub-past", True)
    assert "evidence/rows.age" in found["found"]


@pytest.mark.parametrize("after", ["tag", "commits"])
def test_what_somebody_pushes_right_before_the_opening_is_not_opened(desk: Desk, after: str) -> None:
    """The commit that was read back is the one that is opened, or none is."""
    hub = desk.repository
    hub.meanwhile[after] = lambda: commit(hub, hub.files("main") | {"data/more.parquet": b"PAR1 of a stranger"})
    found = desk.error()
    assert (found["code"], hub.private) == ("hub-moved", True)
    assert "not opened" in found["what"]


def test_a_gate_that_is_gone_after_the_opening_is_told(desk: Desk) -> None:
    """A Hub that drops the gate when it opens the repository does not end in a success."""
    hub, plan = desk.repository, desk.project.folder / "gated.toml"
    plan.write_text(desk.project.plan.read_text() + '[hub]\ngated = "manual"\n')

    def drop() -> None:
        hub.gated = hub.gated if hub.private else False

    hub.meanwhile["settings"] = drop
    found = desk.error(plan=plan)
    assert (found["code"], found["expected"], found["found"]) == ("hub", "gated: manual", "gated: no")
    hub.meanwhile.clear()
    desk.publish(plan=plan)
    assert (hub.private, hub.gated) == (False, "manual")


def test_a_repository_that_was_renamed_gets_nothing(desk: Desk) -> None:
    """The Hub leads from an old name to the new one: who has that now, and who reads it, nobody has checked."""
    desk.publish()
    hub, past = desk.repository, list(desk.repository.past)
    hub.called = "stranger/street"
    found = desk.error()
    assert (found["code"], found["found"], hub.past) == ("hub-moved", "'stranger/street'", past)


def test_a_renamed_repository_for_candidates_gets_no_evidence(proposing: Desk) -> None:
    """Also where the one that the old name leads to is private."""
    propose(proposing)
    hub = proposing.repository
    past, objects = list(hub.past), dict(hub.objects)
    hub.called = "example/street"
    (proposing.candidate / "evidence" / "matches.age").unlink()
    assert propose(proposing, code=1)["error"]["code"] == "hub-moved"
    assert (hub.past, hub.objects) == (past, objects)


def test_a_card_that_asks_otherwise_than_the_plan_is_not_published(desk: Desk) -> None:
    """The questions stand in the card since the build; a plan that was changed since would be shown to nobody."""
    plan = desk.project.folder / "asking.toml"
    plan.write_text(desk.project.plan.read_text() + ASKING)
    found = desk.error(plan=plan)
    assert (found["code"], desk.repository.exists) == ("hub-gate", False)
    assert "build again" in found["next"]


@pytest.mark.parametrize("status", [400, 404, 418])
def test_a_signed_address_is_never_shown(desk: Desk, status: int) -> None:
    """Where uploads go, the query of the address is the key to it: no message quotes it, and the reason is still told."""
    desk.repository.faults["store"] = [status]
    found = desk.error()["found"]
    assert "signature" not in found.lower()
    assert ("not now" if status == 400 else str(status)) in found


def later(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    """Let auditors sign later than now."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(seconds=seconds)

    monkeypatch.setattr(runner, "datetime", Later)


@pytest.mark.parametrize("where", ["folder", "hub"])
def test_older_cosignatures_do_not_replace_newer_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    """Published again from an older copy of the candidate, a release stays as fresh as it was; the copy itself stays as it is."""
    place = desk.project.folder / "published"

    def publish() -> bytes:
        if where == "hub":
            desk.publish()
            return desk.repository.files("main")["log/checkpoint"]
        answer = in_process("publish", desk.candidate, "--to", place, "--plan", desk.project.plan)
        assert answer.code == 0, answer.text
        return (place / "log" / "checkpoint").read_bytes()

    checkpoint = desk.candidate / "log" / "checkpoint"
    old = checkpoint.read_bytes()
    later(monkeypatch, 100)
    for number in (1, 2):
        audit(desk.project, number, "--cosign")
    newer = publish()
    assert newer == checkpoint.read_bytes() != old
    checkpoint.write_bytes(old)
    assert publish() == newer
    assert checkpoint.read_bytes() == old


def test_what_clients_of_the_hub_leave_in_a_folder_goes_nowhere(desk: Desk, tmp_path: Path) -> None:
    """A fetched copy has a hidden folder, which may hold a token where somebody set HF_HOME; it is neither published nor proposed."""
    hidden = desk.candidate / ".cache" / "huggingface"
    hidden.mkdir(parents=True)
    (hidden / "token").write_text("hf_token")
    (desk.candidate / ".gitattributes").write_text("*.parquet filter=lfs")
    for verb in ("publish", "propose"):
        answer = in_process(verb, desk.candidate, "--to", tmp_path / verb, "--plan", desk.project.plan)
        assert answer.code == 0, answer.text
        assert not [path for path in (tmp_path / verb).iterdir() if path.name.startswith(".")]
    desk.publish()
    assert desk.repository.files("main")[".gitattributes"] == ATTRIBUTES[".gitattributes"]
    assert not [path for path in desk.repository.files("main") if path.startswith(".cache")]


def test_a_key_laid_beside_the_evidence_while_it_is_proposed_does_not_go(
    proposing: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The evidence that is looked at is the one that goes."""
    real = proposals.verify

    def meddling(*words: Any, **more: Any) -> Any:
        (proposing.candidate / "evidence" / "row.key").write_bytes(b"k" * 32)
        return real(*words, **more)

    monkeypatch.setattr(proposals, "verify", meddling)
    answer = in_process("propose", proposing.candidate, "--to", tmp_path / "shared", "--plan", proposing.project.plan, "--format", "json")
    assert (answer.code, '"code": "evidence"' in answer.out) == (1, True), answer.text
    assert not [path for path in tmp_path.iterdir() if "shared" in path.name]


def test_two_names_of_one_file_are_no_two_tiers(proposing: Desk) -> None:
    """A client would leave one of them out; the command would say that it is there."""
    evidence = proposing.candidate / "evidence"
    (evidence / "matches.age").unlink()
    os.link(evidence / "rows.age", evidence / "matches.age")
    assert propose(proposing, code=1)["error"]["code"] == "evidence"
    assert not proposing.repository.exists


def test_a_request_that_cannot_be_used_keeps_no_opinion_back(proposing: Desk, tmp_path: Path) -> None:
    """A name that leaves the folder, files that are too large and far too many of them: named, and everybody else's are taken."""
    propose(proposing)
    hub = proposing.repository
    files = hub.files("main")
    many = {f"opinions/{number}.sigstore.json": b"{}" for number in range(1001)}
    for number, bad in enumerate(({"opinions/../../x.sigstore.json": b"{}"}, {"opinions/a.sigstore.json": b"{" * 70_000}, many), 1):
        hub.requests_open[f"refs/pr/{number}"] = commit(hub, files | bad, f"refs/pr/{number}")
    send(proposing, 1, tmp_path / "copy")
    words = ("opinion", "add", proposing.candidate, f"hub:{CANDIDATES}", "--plan", proposing.project.plan)
    added = proposing.ask(*words, code=1)
    assert (added["opinions"], len(added["refused"])) == ({ORGANISATIONS[0]: "PASSED"}, 3)
    assert {refused["code"] for refused in added["refused"]} == {"folder-name", "opinion-void"}
    assert not (tmp_path / "x.sigstore.json").exists()


def test_a_file_that_is_too_large_in_a_shared_folder_keeps_no_opinion_back(proposing: Desk, tmp_path: Path) -> None:
    """It is named, and the auditor's beside it is taken."""
    copy = tmp_path / "copy"
    shutil.copytree(proposing.candidate, copy)
    audit(proposing.project, 1, candidate=copy)
    (copy / "opinions" / "a.sigstore.json").write_bytes(b"{" * 70_000)
    words = ("opinion", "add", proposing.candidate, copy, "--plan", proposing.project.plan)
    added = proposing.ask(*words, code=1)
    assert (added["opinions"], [refused["code"] for refused in added["refused"]]) == ({ORGANISATIONS[0]: "PASSED"}, ["opinion-void"])
    sent = proposing.ask("opinion", "send", copy, "--to", f"hub:{CANDIDATES}", code=1)
    assert sent["error"]["code"] != "opinion-void"


def test_one_candidates_opinion_does_not_count_for_another(proposing: Desk, unaudited: Project, tmp_path: Path) -> None:
    """Bundles of another candidate of the same line, sent without their log, are named and left where they are."""
    propose(proposing)
    other = unaudited.copy(tmp_path / "other")
    shutil.rmtree(other.folder / "candidate")
    for leftover in (other.folder / "keys").glob("log.pem.head"):
        leftover.unlink()
    assert other.build_here(other.folder / "candidate").code == 0
    audit(other, 1)
    hub = proposing.repository
    bundles = {
        f"{place}/x.sigstore.json": next((other.folder / "candidate" / place).glob("*.sigstore.json")).read_bytes()
        for place in ("reports", "opinions")
    }
    hub.requests_open["refs/pr/1"] = commit(hub, hub.files("main") | bundles, "refs/pr/1")
    before = sorted((proposing.candidate / "opinions").glob("*"))
    words = ("opinion", "add", proposing.candidate, f"hub:{CANDIDATES}", "--plan", proposing.project.plan)
    added = proposing.ask(*words, code=1)
    assert (added["opinions"], len(added["refused"])) == ({}, 2)
    assert sorted((proposing.candidate / "opinions").glob("*")) == before
