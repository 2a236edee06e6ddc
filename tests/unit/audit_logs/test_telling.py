"""What a report tells of claims that auditors checked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from audit_logs.telling import CLAIMS, _checked
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
