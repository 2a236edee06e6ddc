"""The report page: everything that a reader needs, nothing that acts, nothing foreign that becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from simulator import Simulator

from audit_logs.case import Freshness
from audit_logs.envelope import Envelope
from audit_logs.errors import Failure
from audit_logs.manifest import Field, FileEntry, KeyedRoots, Manifest, Roles, SourcePin, StepName, Writer
from audit_logs.replay import CandidateState, Entry, State, Void
from audit_logs.statement import (
    AuditorList,
    AuditReport,
    Boundary,
    Candidate,
    Claim,
    FilterStep,
    ListUse,
    Opinion,
    Predicate,
    Reference,
    Release,
    Scope,
    SelfTest,
    StepId,
    Subject,
    Tool,
    Verifier,
    Withdrawal,
    about_manifest,
)
from audit_logs.telling import Fact, OpinionSummary, Told
from release.page import STYLE
from release.report import report as page

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHA = "ab" * 32
TOOL = Tool("vetted-release", "0.1.0", SHA)
HOSTILE = '</style><script>alert(1)</script><img src=x onerror="a">&amp; \'\u202e\u0000'
TIMES = ("2026-02-10T08:00:00Z", "2026-02-10T09:30:00Z")
ORGANISATIONS = ("auditor-one.example", "auditor-two.example")


def _step(order: int, name: str, kind: str, rows: tuple[int, int, int], used: ListUse) -> FilterStep:
    before, removed, unscreenable = rows
    return FilterStep(
        step=StepId(name, kind, order),
        parameters={},
        plan_digest=SHA,
        input=Boundary(SHA, before),
        output=Boundary(SHA, before - removed - unscreenable),
        removed=removed,
        unscreenable=unscreenable,
        kept_low_quality=0,
        override="",
        lists=(used,),
        coverage={"md5": before, "pdq-full": before - 3},
        covers="pixels" if kind == "near-hash" else "stored",
        self_test=SelfTest(12, 12, 4),
        conventions=("full", "nearest-512") if kind == "near-hash" else (),
        decoder="pillow 12.0.0, simplejpeg 1.9.0" if kind == "near-hash" else "",
        tool=TOOL,
        started_on=TIMES[0],
        finished_on=TIMES[1],
    )


def _entry(index: int, organisation: str, predicate: Predicate, subject: Subject) -> Entry:
    return Entry(index, Envelope(b"", "key", b"", f"entry {index}".encode()), subject, predicate, organisation)


def _audit(text: str) -> AuditReport:
    used = AuditorList("own-list", text, "2026-02-01", "file", {"md5": 9000}, partial=False)
    return AuditReport(
        candidate=SHA,
        scope=Scope(("matches", "rows"), "full", "all", (used,), 0, "checkpoint", SHA),
        claims=(Claim("the counts balance", "confirmed", text), Claim("source files are the pinned ones", "not-checkable", "no source")),
        limitations=(f"no blind canaries; {text}",),
        conclusion="unqualified",
        tool=TOOL,
        started_on=TIMES[0],
        finished_on=TIMES[1],
    )


def _report(text: str = "Example Foundation") -> Told:
    """Return a verified report on two steps and two auditors, one of whom is silent, with `text` wherever a stranger may write."""
    lists = [ListUse(f"known-{kind}", text, "2026-01-31", "file", {kind: 1200}, partial=False, commitment=SHA) for kind in ("md5", "pdq")]
    steps = [
        _step(1, "known-files", "exact-hash", (40_000, 310, 12), lists[0]),
        _step(2, "near-copies", "near-hash", (39_678, 2_904, 41), lists[1]),
    ]
    manifest = Manifest(
        name="example/street-scenes-vetted",
        version="1.2.3",
        previous=None,
        license=text,
        source=SourcePin("parquet", None, None, "private", 40_000, SHA, (), None, 1 << 26),
        schema=(Field("image", "binary"),),
        columns=Roles("image", None, None, {}),
        row_group_rows=128,
        rows=36_733,
        root=SHA,
        keyed_roots=KeyedRoots(SHA, SHA),
        shards=(),
        plan_digest=SHA,
        steps=tuple(StepName(step.step.name, step.step.kind) for step in steps),
        separation=None,
        files=(FileEntry("README.md", 1, SHA), FileEntry("croissant.json", 1, SHA)),
        writer=Writer("vetted-release", "0.1.0", "pyarrow"),
    )
    return _around(manifest, steps, text)


def _around(manifest: Manifest, steps: list[FilterStep], text: str) -> Told:
    about = about_manifest(manifest.digest)
    candidate = Candidate("1.2.3", None, (SHA, SHA), ORGANISATIONS, TIMES[1])
    reference = (Reference(SHA, "candidate"),)
    passed = Opinion(Verifier(f"https://{ORGANISATIONS[0]}"), TIMES[1], "pkg", Reference(SHA, "trust.json"), reference, "PASSED", (), "1.0")
    said: list[tuple[str, Predicate]] = [
        *(("example.org", step) for step in steps),
        ("example.org", candidate),
        (ORGANISATIONS[0], _audit(text)),
        (ORGANISATIONS[0], passed),
        ("example.org", Release("1.2.3", SHA, (SHA,), "2026-02-20T10:00:00Z")),
        ("example.org", Withdrawal("key", text, "2026-02-21T10:00:00Z")),
    ]
    entries = tuple(_entry(index, organisation, predicate, about) for index, (organisation, predicate) in enumerate(said))
    state = State(
        trust=Simulator().trust,
        candidates={manifest.digest: CandidateState(entries[2], candidate, entries[:2], (entries[3],), (entries[4],))},
        applied=list(entries),
        voids=[Void(7, "wrong-role", ORGANISATIONS[1]), Void(8, "malformed")],
    )
    return Told(
        verdict="verified",
        release=manifest.name,
        version=manifest.version,
        root=manifest.root,
        rows=manifest.rows,
        separation=manifest.separation,
        steps=tuple(steps),
        opinions=(
            OpinionSummary(ORGANISATIONS[0], "PASSED", "unqualified", "matches", counts=True, reason=""),
            OpinionSummary(ORGANISATIONS[1], "none", "", "", counts=False, reason="it was engaged and has given no opinion"),
        ),
        freshness=Freshness(3 * 86_400, 30 * 86_400, 2, 2),
        facts=(
            Fact("proven here", "All 9 data files are, byte for byte, those of the signed manifest."),
            Fact(f"checked by {ORGANISATIONS[0]}", text),
        ),
        failures=(),
        not_proven=("That nothing harmful is left.", text),
        manifest=manifest,
        state=state,
    )


class _Reader(HTMLParser):
    """Collects the elements, their attributes and the text of a page, and checks that elements nest."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(data.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def test_page_says_first_that_it_lies_outside_the_proof() -> None:
    """Whoever can change the folder can change this page, so its first words say what it is worth."""
    text = _Reader(page(_report(), NOW)).text
    assert text.split("1.2.3: report")[1].lstrip().startswith("This page lies outside the proof.")
    assert "2026-03-01T12:00:00Z" in text


def test_page_tells_all_that_a_reader_needs() -> None:
    """Verdict, funnel, lists and their ages, coverage, self-test, auditors, freshness, history with voids, limits."""
    text = " ".join(_Reader(page(_report(), NOW)).text.split())
    for expected in (
        "verified on 2026-03-01T12:00:00Z",
        "Source: 40,000 rows",
        "2. near-copies (near-hash): 2,904 removed, 41 unscreenable; 36,733 rows left",
        "10 days when used, 29 when this page was written",
        "pdq-full: 39,997 of 40,000",
        "12 of 12 planted rows found; 4 beyond the distance rightly not found",
        "PASSED, on a report that is unqualified; evidence: tier matches. It counts.",
        "No opinion: it was engaged and has given no opinion.",
        "cosignatures of 2 witnesses were 3 days old; the policy allows 30 days",
        "auditor-one.example reported on its audit: unqualified.",
        "Void entry by auditor-two.example, counts for nothing: its key may not sign this (wrong-role).",
        "Void entry, counts for nothing: it has not its legal form (malformed).",
        "That nothing harmful is left.",
        "Removal counts are not prevalence.",
    ):
        assert expected in text


@pytest.mark.parametrize("text", [HOSTILE, "<svg/onload=x>", "--><b>"])
def test_hostile_text_adds_no_element_and_no_attribute(text: str) -> None:
    """Authorities, claims, details, reasons and licences are strangers' words: the page's structure is the same with any."""
    calm, bent = _Reader(page(_report(), NOW)), _Reader(page(_report(text), NOW))
    assert bent.elements == calm.elements
    assert bent.attributes == calm.attributes
    assert not bent.open
    assert "\u202e" not in bent.text


def test_page_can_neither_run_nor_fetch_anything() -> None:
    """No script, link, image or inline style; the policy allows the one style sheet by its digest and nothing else."""
    data = page(_report(), NOW).decode()
    reader = _Reader(data.encode())
    assert not {"script", "img", "iframe", "link", "a", "object", "form", "base"} & set(reader.elements)
    assert not {name for name in reader.attributes if name.startswith("on")} | ({"style", "src", "href"} & reader.attributes)
    style = re.search(r"<style>(.*)</style>", data, re.DOTALL)
    assert style is not None
    assert style[1] == STYLE
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    policy = f"default-src &#x27;none&#x27;; style-src &#x27;sha256-{digest}&#x27;; base-uri &#x27;none&#x27;; form-action &#x27;none&#x27;"
    assert f'<meta http-equiv="Content-Security-Policy" content="{policy}">' in data
    assert "url(" not in STYLE
    assert "@import" not in STYLE


def test_same_report_and_time_give_the_same_bytes() -> None:
    """Publishing again changes nothing but the time."""
    assert page(_report(), NOW) == page(_report(), NOW)


def test_a_failed_release_shows_reasons_and_no_claims() -> None:
    """Nothing that a failed release says should be believed, so none of it is repeated."""
    failed = replace(_report(), verdict="failed", facts=(), failures=(Failure("file-digest", "data/x", SHA, "another"),))
    text = _Reader(page(failed, NOW)).text
    assert "believe nothing" in text
    assert "file-digest" in text
    assert "near-copies" not in text
    assert "It counts" not in text


def test_a_report_without_manifest_or_log_is_a_page_too() -> None:
    """Verification may end before it knows anything."""
    bare = replace(_report(), verdict="failed", release="", version="", manifest=None, state=None, freshness=None, steps=(), opinions=())
    assert "A release" in _Reader(page(bare, NOW)).text


def test_unknown_age_is_said() -> None:
    """Without a quorum nobody knows how fresh the log is."""
    stale = replace(_report(), verdict="stale", freshness=Freshness(None, 86_400, 2, 1), failures=(Failure("stale"),))
    assert "Age unknown" in _Reader(page(stale, NOW)).text


def test_bars_are_no_longer_than_the_source_and_survive_an_empty_one() -> None:
    """Percentages are whole hundredths, so that the same numbers give the same bytes anywhere."""
    data = page(_report(), NOW).decode()
    widths = [float(width) for width in re.findall(r'class="left" x="[\d.]+%" y="0" width="([\d.]+)%"', data)]
    assert widths == [100.0, 99.19, 91.83]
    empty = replace(_report(), steps=tuple(replace(step, input=Boundary(SHA, 0), output=Boundary(SHA, 0)) for step in _report().steps))
    assert 'width="0.00%"' in page(empty, NOW).decode()
