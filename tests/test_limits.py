"""The limits that docs/limits.md admits, each shown: what is asked for happens, and is not detected.

Whoever mends one of them makes a test fail, and then takes the sentence off the page. `test_the_page_names_these_tests` holds the two together.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from pathlib import Path
from types import FunctionType

import numpy as np
from simulator import AUDITORS, NOW, SIGNED, MemoryFiles, Simulator, digest, later, signer_of

from audit_logs import merkle, note, statement
from audit_logs.manifest import Manifest
from audit_logs.report import Report
from audit_logs.statement import AuditReport, Candidate, Claim, FilterStep
from audit_logs.telling import tell
from audit_logs.trust import Policy
from audit_logs.verify import verify
from release.match import DigestIndex

PAGE = Path(__file__).resolve().parents[1] / "docs" / "limits.md"


def codes(report: Report) -> set[str]:
    """Return the codes of a report's failures."""
    return {failure.code for failure in report.failures}


def with_source_rows(world: Simulator, rows: int) -> Simulator:
    """Have the institution claim a larger source, the rest of which its first step removed."""
    more = rows - 8

    def step(said: FilterStep) -> FilterStep:
        if said.step.order == 2:
            return said
        return replace(said, input=replace(said.input, rows=rows), removed=said.removed + more, coverage={"md5": rows})

    world.bend[Manifest] = lambda manifest: replace(manifest, source=replace(manifest.source, rows=rows))
    world.bend[FilterStep] = step
    return world


def test_all_signers_together_can_lie() -> None:
    """Nothing was screened and nobody looked; institution and auditors sign that everything was and did, and it is verified."""
    world = Simulator()
    world.bend[FilterStep] = lambda step: replace(
        step, parameters={"made": "up"}, tool=replace(step.tool, code_digest=digest("no program"))
    )
    world.bend[AuditReport] = lambda report: replace(report, claims=(replace(report.claims[0], detail="nobody looked"),))
    assert world.finish().verify().verdict == "verified"


def test_one_honest_auditor_of_those_needed_is_enough_to_stop_it() -> None:
    """Where one of the auditors that the trust file asks for does not join in, it is not verified: that is what they are for."""
    world = Simulator()
    world.auditors = AUDITORS[:1]
    assert codes(world.finish().verify()) >= {"opinions-missing"}


def test_what_no_list_holds_is_released() -> None:
    """A picture whose digest is on no list is no match, nor is a listed one with a changed byte; every report says so."""
    listed, unlisted = b"a listed picture", b"a picture that nobody has listed"
    entries = np.frombuffer(hashlib.sha256(listed).digest(), np.uint8).reshape(1, 32)
    index = DigestIndex.build(entries, entries[:0])
    rows = [listed, unlisted, listed + b"\0"]
    found = index.contains(np.frombuffer(b"".join(hashlib.sha256(row).digest() for row in rows), np.uint8).reshape(-1, 32))
    assert found.tolist() == [True, False, False]
    assert any("a list finds only what it holds" in sentence for sentence in tell(Simulator().finish().verify()).not_proven)


def test_rows_that_never_were_can_be_counted_as_removed() -> None:
    """A source of a thousand rows of which 992 never existed: the counts balance, so it is verified, as claimed by the institution."""
    report = with_source_rows(Simulator(), 1000).finish().verify()
    assert report.verdict == "verified"
    assert [fact.label for fact in tell(report).facts if "1000 rows in" in fact.text] == ["claimed by institution.example"]


def test_rows_can_be_left_out_before_the_first_step() -> None:
    """What the institution never gave to the build stands in no count: a source of fewer rows is as good as any other."""
    report = with_source_rows(Simulator(), 9).finish().verify()
    assert (report.verdict, codes(report)) == ("verified", set())


def test_an_auditors_no_can_be_withheld_where_others_suffice() -> None:
    """A FAILED that the institution takes out before it goes on does not count; a reader sees that an engaged auditor said nothing."""
    world = Simulator()
    world.trust = replace(world.trust, policy=Policy(opinions=1, matches=1, qualified=False, quorum=1, fresh_seconds=86_400))
    del world.cosigners[AUDITORS[1]]
    conclusions = iter(("unqualified", "adverse"))

    def second_refutes(report: AuditReport) -> AuditReport:
        if next(conclusions) == "unqualified":
            return report
        return replace(report, conclusion="adverse", claims=(Claim("no row is listed", "refuted", ""),))

    world.bend[AuditReport] = second_refutes
    world.write_statements()
    assert codes(world.finish().verify()) >= {"opinion-failed"}
    withheld = Simulator()
    withheld.trust, withheld.auditors, withheld.cosigners = world.trust, AUDITORS[:1], world.cosigners
    report = withheld.finish().verify()
    assert report.verdict == "verified"
    assert [opinion.organisation for opinion in tell(report).opinions if opinion.result == "none"] == [AUDITORS[1]]


def test_a_recall_can_be_withheld_until_the_log_is_stale() -> None:
    """A withdrawal that is signed and not logged changes nothing while the last cosignatures are fresh, and no longer."""
    world = Simulator().finish()
    manifest = statement.about_manifest(digest(world.files["release.json"]))
    withdrawal = world.seal(statement.Withdrawal("release", "an error was found", SIGNED), manifest, "publish")
    assert world.verify(now=later(hours=20)).verdict == "verified"
    assert world.verify(now=later(hours=24)).verdict == "stale"
    world.entries.append(withdrawal.raw)
    assert world.finish().verify().verdict == "withdrawn"


def test_a_client_that_is_cut_off_sees_an_old_copy_grow_stale_and_no_more() -> None:
    """The release is recalled, and a reader who gets the old files is told `verified`, then `stale`, never `withdrawn`."""
    world = Simulator().finish()
    old = MemoryFiles(dict(world.files))
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "publish")
    assert world.finish().verify().verdict == "withdrawn"
    said = [verify(old, world.trust_bytes(), now=later(hours=hours)).verdict for hours in (1, 22, 24, 24 * 365)]
    assert said == ["verified", "verified", "stale", "stale"]


def test_two_readers_can_be_shown_two_histories_while_all_witnesses_join_in() -> None:
    """A fork that log and quorum sign is seen by who kept what was seen before, and by nobody else."""
    one, other = Simulator().finish(), Simulator()
    other.bend[Candidate] = lambda candidate: replace(candidate, built_on="2026-03-01T09:00:07Z")
    other.finish()
    assert (one.verify().verdict, other.verify().verdict) == ("verified", "verified")
    assert one.verify().root == other.verify().root
    assert codes(other.verify(seen=one.verify().seen)) == {"log-fork"}


def test_whoever_pins_a_strangers_trust_file_believes_the_stranger() -> None:
    """A release that a stranger signed with keys and auditors of its own is verified by the stranger's trust file, and by no other."""
    strange = Simulator()
    strange.keys = {name: signer_of(f"stranger's {name}") for name in strange.keys}
    strange.trust = strange.make_trust()
    assert strange.finish().verify().verdict == "verified"
    report = verify(MemoryFiles(strange.files), Simulator().trust_bytes(), now=NOW)
    assert (report.verdict, codes(report)) == ("failed", {"checkpoint-signature"})


def test_who_has_the_log_key_and_the_quorum_can_hide_the_end_of_the_log() -> None:
    """A log that is cut back and cosigned anew is whole for a reader at first contact; one who saw more is told."""
    world = Simulator().write_statements()
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "publish")
    seen = world.finish().verify().seen
    assert seen is not None
    assert seen.size == 9
    del world.entries[8:]
    world.write_log()
    assert world.verify().verdict == "verified"
    assert codes(world.verify(seen=seen)) == {"log-rollback"}
    checkpoint = note.parse_signed(world.files["log/checkpoint"]).checkpoint
    assert checkpoint.root == merkle.root([merkle.leaf_hash(entry) for entry in world.entries])


def test_an_opinion_binds_nobody_to_have_looked() -> None:
    """A report without an account of what was done is as good as any: its form is checked, not the work behind it."""
    world = Simulator()
    world.bend[AuditReport] = lambda report: replace(report, claims=(), limitations=())
    assert world.finish().verify().verdict == "verified"


def test_the_page_names_these_tests() -> None:
    """Every limit of the page's section on proof names its tests, and every test here stands there."""
    section = PAGE.read_text(encoding="utf-8").split("## What no verification shows\n")[1].split("\n## ")[0]
    limits = [line for line in section.split("\n- ")[1:] if line]
    assert [limit for limit in limits if not re.search(r"`test_\w+`", limit)] == []
    here = {name for name, value in globals().items() if name.startswith("test_") and isinstance(value, FunctionType)}
    assert set(re.findall(r"`(test_\w+)`", section)) == here - {"test_the_page_names_these_tests"}
