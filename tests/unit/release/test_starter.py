"""`release init`, `release auditor` and `release trust`: from nothing to a plan that builds and a trust file that counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from audit_logs import keys
from audit_logs import trust as trusts
from audit_logs.errors import TrustError
from release import evidence, starter, trustfile
from release.cli import run
from release.lists import ListStore
from release.plan import load
from release.source import open_source
from release.steps import build_steps, kinds

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def started(tmp_path: Path) -> Path:
    """Return a folder that `release init` has filled."""
    starter.start(tmp_path / "first", starter.Wanted("example/first", "museum.example", 2), NOW)
    return tmp_path / "first"


def test_what_init_writes_is_ready_to_build(started: Path) -> None:
    """Plan, lists, source and keys fit together as they are written."""
    plan = load(started / "plan.toml", kinds())
    trust = trustfile.read(plan.audit.trust)
    assert [step.name for step in build_steps(plan, ListStore(plan.lists.store), NOW.date())] == ["known-files", "near-copies"]
    assert [(step.name, step.kind) for step in trust.steps] == list(starter.STEPS)
    assert sum(unit.rows for unit in open_source(plan).units) == len(starter.CAPTIONS)
    assert (plan.name, trust.name, plan.audit.required) == ("example/first", "example/first", 2)
    assert keys.load(plan.keys.institution).keyid in trust.build
    assert keys.verifier_key(keys.load_note_signer(plan.keys.log), trust.log.origin, 1).text == trust.log.key
    assert str(evidence.load_identity(started / "keys" / "officer.age").to_public()) == trust.officer


def test_what_is_secret_is_private(started: Path) -> None:
    """Keys and lists are for their owner alone, and no list lies about in clear."""
    for folder in ("keys", "lists"):
        assert (started / folder).stat().st_mode & 0o777 == 0o700
        assert all(not path.stat().st_mode & 0o077 for path in (started / folder).rglob("*"))
    assert sorted(path.name for path in (started / "keys").iterdir()) == ["institution.pem", "log.pem", "officer.age", "root.pem"]


def test_init_never_writes_over_anything(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder that holds something is refused and stays as it is; an empty one is used."""
    before = (started / "trust.json").read_bytes()
    assert run(["init", str(started)]) != 0
    assert "not empty" in capsys.readouterr().err
    assert (started / "trust.json").read_bytes() == before
    empty = started.parent / "empty"
    empty.mkdir()
    assert run(["init", str(empty), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["plan"] == str(empty / "plan.toml")
    assert (empty / "plan.toml").exists()


@pytest.mark.parametrize("option", [["--name", "no-owner"], ["--organisation", "No Body"]])
def test_a_bad_name_leaves_nothing(tmp_path: Path, option: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A refused name makes no folder and no key."""
    assert run(["init", str(tmp_path / "x"), *option]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_first_trust_file_can_be_read_but_not_verified_by(started: Path) -> None:
    """Without auditors its policy cannot be reached: a refusal for a verifier, a warning for a build."""
    data = (started / "trust.json").read_bytes()
    with pytest.raises(TrustError) as caught:
        trusts.parse(data)
    assert caught.value.code == "trust-threshold"
    assert {fault.code for fault in trusts.faults(trusts.read(data))} == {"trust-threshold"}


def new_auditor(folder: Path, organisation: str) -> Path:
    """Return the folder of a new auditor."""
    assert run(["auditor", "new", str(folder / organisation), "--organisation", organisation, "--format", "quiet"]) == 0
    return folder / organisation


def test_auditors_complete_the_trust_file(started: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two cards make it whole in place; a third makes its next version, which names it."""
    file = started / "trust.json"
    for number, tier in ((1, "matches"), (2, "rows")):
        card = new_auditor(tmp_path, f"auditor-{number}.example") / "auditor.json"
        assert run(["trust", "add-auditor", str(file), str(card), "--tier", tier]) == 0
    whole = trusts.parse(file.read_bytes())
    assert (whole.version, [auditor.tier for auditor in whole.auditors]) == (1, ["matches", "rows"])
    assert "nobody can verify by this file yet" in capsys.readouterr().err
    third = new_auditor(tmp_path, "auditor-3.example") / "auditor.json"
    assert run(["trust", "add-auditor", str(file), str(third)]) == 0
    following = trusts.parse(file.read_bytes())
    assert (following.version, following.previous, len(following.auditors)) == (2, whole.digest, 3)
    assert run(["trust", "show", str(file)]) == 0
    assert following.digest in capsys.readouterr().out


def test_an_auditor_counts_once_and_holds_no_other_role(started: Path, tmp_path: Path) -> None:
    """The same card twice, another card of the same organisation, and a card with the institution's key are refused."""
    trust = trustfile.read(started / "trust.json")
    signer = keys.generate(tmp_path / "one.pem")
    recipient = starter.write_identity(tmp_path / "one.age")
    one = trustfile.with_auditor(trust, trustfile.card("one.example", signer, recipient), "rows")
    other = keys.generate(tmp_path / "other.pem")
    institution = keys.load(started / "keys" / "institution.pem")
    attempts = [
        (one, trustfile.card("one.example", signer, recipient)),
        (one, trustfile.card("one.example", other, recipient)),
        (one, trustfile.card("two.example", signer, recipient)),
        (trust, trustfile.card("two.example", institution, recipient)),
        (trust, trustfile.card("museum.example", other, recipient)),
    ]
    for file, card in attempts:
        with pytest.raises(TrustError):
            trustfile.with_auditor(file, card, "rows")


def test_an_auditors_keys_are_private_and_fit_the_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The card names the public parts of the two private files, and holds nothing else."""
    folder = new_auditor(tmp_path, "watchdog.example")
    card = trustfile.read_card((folder / "auditor.json").read_bytes(), "card")
    assert card.key == keys.load(folder / "auditor.pem").keyid
    assert card.recipient == str(evidence.load_identity(folder / "identity.age").to_public())
    assert "PRIVATE" not in (folder / "auditor.json").read_text()
    assert run(["auditor", "new", str(folder), "--organisation", "watchdog.example"]) != 0
    assert "not empty" in capsys.readouterr().err


def test_a_file_that_is_no_card_is_refused(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trust file in the place of a card, and a card whose id is not its key's, each end in one sentence."""
    assert run(["trust", "add-auditor", str(started / "trust.json"), str(started / "trust.json")]) == 1
    assert "no auditor's card" in capsys.readouterr().err


def test_plan_show_prints_the_canonical_form(started: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The digest that attestations carry is shown with the form that it is of."""
    assert run(["plan", "show", str(started / "plan.toml"), "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    plan = load(started / "plan.toml", kinds())
    assert said == {"digest": plan.digest, "plan": plan.canonical()}


def test_the_trust_file_lasts_two_years(started: Path) -> None:
    """The clock is the caller's."""
    assert trustfile.read(started / "trust.json").expires == f"{NOW + timedelta(days=730):%Y-%m-%dT%H:%M:%SZ}"
