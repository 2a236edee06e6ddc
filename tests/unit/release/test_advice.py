"""What a hobbyist is told of a verdict: what it means, and what to do next, for every code that can be met."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from simulator import Simulator, later

from audit_logs.errors import Failure, VerificationError
from audit_logs.report import INCOMPLETE_CODES, STALE_CODES
from audit_logs.statement import AuditReport, about_manifest
from audit_logs.telling import tell
from release import history
from release.advice import WORDS, advice, explained, meaning, newer, reason, require

CODES = tomllib.loads((Path(__file__).resolve().parents[3] / "scripts" / "error_codes.toml").read_text(encoding="utf-8"))
OF_RECEIPTS = {"receipt", "receipt-mixed", "receipt-proof"}  # told by `release receipt check`, each with its own next step


@dataclass(frozen=True)
class Outcome:
    """A verdict and its reasons."""

    verdict: str
    failures: tuple[Failure, ...]


def outcome(verdict: str, *codes: str) -> Outcome:
    """Return an outcome with these codes."""
    return Outcome(verdict, tuple(Failure(code) for code in codes))


def test_every_code_of_a_verdict_has_words_of_its_own_room() -> None:
    """No reader meets a code without a sentence on what it means and one on what to do."""
    codes = {code for code in CODES["verdict"] if code not in {"title", "intro"}} - OF_RECEIPTS
    assert set(WORDS) == codes
    for words in WORDS.values():
        assert words.means.endswith(".")
        assert words.next.endswith(".")
        assert words.means[0].isupper()


def test_every_reason_why_an_entry_is_void_has_words() -> None:
    """The history on the page tells each of them."""
    codes = {code for code in CODES["void"] if code not in {"title", "intro"}}
    assert codes <= set(history._VOIDS)


def test_what_is_verified_needs_no_advice() -> None:
    """Nothing is said where there is nothing to do."""
    found = Simulator().finish().verify()
    assert advice(found) == ""
    assert explained(found) == []
    assert reason(found) == ""


def test_withdrawn_stale_forked_and_rolled_back_histories_are_told_apart() -> None:
    """Four ways in which a history can be bad news, and four different things to do."""
    world = Simulator().finish()
    remembered = world.verify().seen
    assert remembered is not None
    stale = world.verify(now=later(days=3))
    forked = world.verify(seen=replace(remembered, root="00" * 32))
    rolled_back = world.verify(seen=replace(remembered, size=remembered.size + 1))
    gone = Simulator().write_statements()
    gone.withdraw("release", about_manifest(gone.manifest.digest), "publish")
    withdrawn = gone.finish().verify()
    told = [advice(found) for found in (stale, forked, rolled_back, withdrawn)]
    assert len(set(told)) == 4
    assert "verify again" in told[0]
    assert "evidence" in told[1]
    assert "Get the newest copy" in told[2]
    assert "Do not train on it" in told[3]
    assert reason(withdrawn) == "an error was found"
    assert reason(tell(withdrawn)) == "an error was found"


def test_the_worst_of_several_reasons_decides_what_to_do() -> None:
    """A rewritten history is no damaged file, and an auditor's warning goes before everything."""
    assert advice(outcome("failed", "file-digest", "log-fork", "stale")) == WORDS["log-fork"].next
    assert advice(outcome("failed", "log-fork", "opinion-failed")) == WORDS["opinion-failed"].next
    assert advice(outcome("incomplete", "stale", "superseded")) == WORDS["superseded"].next


def test_a_damaged_copy_of_a_withdrawn_release_is_not_fetched_again() -> None:
    """Getting it again mends the copy, and it must not be used all the same."""
    told = advice(outcome("failed", "withdrawn", "file-digest"))
    assert told.startswith(WORDS["file-digest"].next)
    assert "has withdrawn it" in told


@pytest.mark.parametrize("code", sorted(INCOMPLETE_CODES | STALE_CODES))
def test_what_is_not_verified_is_never_called_fine(code: str) -> None:
    """Whatever is missing or old, the reader is told to act before use."""
    found = outcome("stale" if code in STALE_CODES else "incomplete", code)
    assert advice(found) == WORDS[code].next
    assert any(word in advice(found) for word in ("Do not use", "verify again"))


def test_an_unknown_code_is_a_refusal() -> None:
    """A check of a later version is told as a failed check."""
    assert advice(outcome("failed", "from-the-future")).startswith("Do not use it")
    assert meaning("from-the-future") == "A check failed."


def test_a_failed_opinion_is_told_in_the_words_of_a_reader() -> None:
    """An adverse report by a trusted auditor is the first thing that is said."""
    world = Simulator()

    def adverse(report: AuditReport) -> AuditReport:
        return replace(report, claims=(replace(report.claims[0], result="refuted"),), conclusion="adverse")

    world.bend[AuditReport] = adverse
    lines = explained(world.finish().verify())
    assert "  An auditor that your trust file names examined this very release and says that it must not be used." in lines


def test_the_same_meaning_is_said_once() -> None:
    """Ten damaged files are one sentence."""
    failures = (*[Failure("file-digest")] * 10, Failure("range-digest"))
    lines = explained(replace(tell(Simulator().finish().verify()), verdict="failed", failures=failures))
    assert lines.count(f"  {WORDS['file-digest'].means}") == 1


def test_a_newer_version_that_stands_is_named() -> None:
    """Who learns that a version was withdrawn wants to know which one to take instead; one that was withdrawn too is none."""
    first = Simulator().finish()
    second = first.next_version("1.1.0").write_statements()
    assert newer(second.finish().verify()) == ""
    first.entries = list(second.entries)
    first.withdraw("release", about_manifest(first.manifest.digest), "publish")
    first.write_log()
    told = explained(first.verify())
    assert "  The log has a newer release that stands: version 1.1.0." in told
    first.withdraw("release", about_manifest(second.manifest.digest), "publish")
    first.write_log()
    assert newer(first.verify()) == ""


def test_what_may_not_be_used_is_refused_with_what_to_do() -> None:
    """Programs get the same next step as people."""
    stale = Simulator().finish().verify(now=later(days=3))
    with pytest.raises(VerificationError, match="Get the newest copy") as refused:
        require(stale)
    assert refused.value.code == "stale"
    require(stale, timedelta(days=4))
    require(Simulator().finish().verify())
