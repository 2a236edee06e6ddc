"""What a report tells of claims that auditors checked."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from simulator import NOW, Simulator

from audit_logs.statement import Candidate, FilterStep
from audit_logs.telling import CLAIMS, _checked, human, tell
from release.audit import claims


def weighed(organisation: str, *names: str, counts: bool = True) -> Any:
    """Return an opinion of an organisation whose report confirms these claims."""
    said = [SimpleNamespace(claim=name, result="confirmed") for name in names]
    return SimpleNamespace(counts=counts, auditor=SimpleNamespace(organisation=organisation), report=SimpleNamespace(claims=said))


def told(*opinions: Any) -> list[tuple[str, str]]:
    """Return label and text of each fact."""
    case: Any = SimpleNamespace(weighed=opinions)
    return [(fact.label, fact.text) for fact in _checked(case)]


def test_every_claim_of_a_report_has_its_sentence() -> None:
    """In the order of the report, each a whole sentence."""
    assert tuple(CLAIMS) == claims.ORDER
    assert all(text[0].isupper() and text.endswith(".") for text in CLAIMS.values())


def test_claims_of_the_same_organisations_stand_together() -> None:
    """A claim that only one auditor checked does not cut the others' block in two."""
    facts = told(weighed("b.example", "log", "counts", "rows"), weighed("a.example", "log", "rows"))
    both, one = "checked by a.example, b.example", "checked by b.example"
    assert facts == [(both, CLAIMS["log"]), (both, CLAIMS["rows"]), (one, CLAIMS["counts"])]


def test_a_claim_that_is_not_known_here_is_told_as_it_is() -> None:
    """Without what a terminal would obey."""
    assert told(weighed("a.example", "blind canaries", "x\x1b[2J")) == [
        ("checked by a.example", "blind canaries"),
        ("checked by a.example", r"'x\x1b[2J'"),
    ]


def test_an_opinion_that_does_not_count_checks_nothing() -> None:
    """Its claims are nobody's."""
    assert told(weighed("a.example", "log", counts=False)) == []


def test_what_is_outside_the_proof_is_named() -> None:
    """The copy of the trust file, the page, tolerated files; and that a step has no list, where it has none."""
    world = Simulator()
    world.bend[FilterStep] = lambda step: replace(step, lists=()) if step.step.order == 2 else step
    world.trust = replace(world.trust, steps=tuple(replace(step, max_list_age_days=None) for step in world.trust.steps))
    world.finish()
    world.files |= {"trust.json": b"{}", "report.html": b"x", ".gitattributes": b"* binary"}
    told = tell(world.verify())
    assert told.verdict == "verified"
    assert any("What report.html and trust.json in the folder say" in text for text in told.not_proven)
    assert any("'.gitattributes'" in text for text in told.not_proven)
    assert [fact.text.count("lists: ") for fact in told.facts if fact.text.startswith("Step ")] == [1, 0]


def test_rows_that_were_checked_are_said_to_be() -> None:
    """A full verifier's report says that all rows give the root, and no longer that they were not read."""
    told = tell(Simulator().finish().verify(extra_checks=lambda *_: ()))
    assert any("rows hash to the release root" in fact.text for fact in told.facts)
    assert not any("light verifier" in text for text in told.not_proven)


def test_a_manifest_without_a_candidate_claims_nothing() -> None:
    """What is there is told, without steps and opinions."""
    world = Simulator()
    world.skip = {Candidate}
    told = tell(world.finish().verify())
    assert (told.verdict, told.steps, told.opinions) == ("incomplete", (), ())
    assert {fact.label for fact in told.facts} == {"proven here"}


def test_an_unconfirmed_claim_is_nobody_s() -> None:
    """A claim that could not be checked is no fact."""
    said: Any = SimpleNamespace(claim="log", result="not-checkable")
    opinion: Any = SimpleNamespace(counts=True, auditor=SimpleNamespace(organisation="a.example"), report=SimpleNamespace(claims=[said]))
    assert told(opinion) == []


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 seconds"), (300, "5 minutes"), (7_200, "2 hours"), (200_000, "2 days")])
def test_an_age_is_told_in_the_largest_unit_that_it_fills_twice(seconds: int, text: str) -> None:
    """Nobody reads 200,000 seconds."""
    world = Simulator()
    world.trust = replace(world.trust, policy=replace(world.trust.policy, fresh_seconds=1_000_000))
    world.cosigners = {name: int(NOW.timestamp()) - seconds for name in world.cosigners}
    assert f"signed the log {text} ago or later." in human(tell(world.finish().verify()))
