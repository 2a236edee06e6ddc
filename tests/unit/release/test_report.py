"""The report page: everything that a reader needs, nothing that acts, nothing foreign that becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from simulator import Simulator, later

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
from audit_logs.telling import Fact, OpinionSummary, Told, tell
from release.advice import advice
from release.page import is_page
from release.report import Writing, of_record
from release.report import report as write
from release.style import STYLE

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
SHA = "ab" * 32
TOOL = Tool("vetted-release", "0.1.0", SHA)
HOSTILE = '</style><script>alert(1)</script><img src=x onerror="a">&amp; \'\u202e\u0000'
TIMES = ("2026-02-10T08:00:00Z", "2026-02-10T09:30:00Z")
TRUST = "cd" * 32
ORGANISATIONS = ("auditor-one.example", "auditor-two.example")


def page(told: Told, now: datetime, *, own: bool = False) -> bytes:
    """Return the page as the publisher's tool writes it, or as a reader's own verification does."""
    return write(told, Writing(now, TRUST, own))


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
            OpinionSummary(ORGANISATIONS[1], "none", "", "", counts=False, reason="it was engaged; no opinion of it stands"),
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
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(data.decode())
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data

    def values(self, tag: str, name: str) -> list[str]:
        """Return the values of an attribute."""
        return [value for found, attribute, value in self.attributes if (found, attribute) == (tag, name)]


def _text(data: bytes) -> str:
    return " ".join(_Reader(data).text.split())


def test_the_verdict_stands_first_and_says_by_whom_and_what_it_is_worth() -> None:
    """Whoever can change the folder can change this page, so its first words say who found this and that it proves nothing."""
    text = _text(page(_report(), NOW)).split("1.2.3", 2)[2]
    order = ("Verified", "the publisher's own tool found on 2026-03-01, 12:00 UTC", "This page lies outside the proof.", "36,733 rows")
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert TRUST in text


def test_a_page_of_ones_own_says_so() -> None:
    """A page that a reader made tells that, and that anybody could have written it."""
    text = _text(page(_report(), NOW, own=True))
    assert "a reader's own verification found on" in text
    assert "Anybody can write such a page" in text
    assert "publisher's own tool" not in text


def test_page_tells_all_that_a_reader_needs() -> None:
    """Funnel, lists and their ages, coverage, canaries of both kinds, auditors, freshness, history with voids, limits, how to verify."""
    text = _text(page(_report(), NOW))
    for expected in (
        "Source40,000 rows",
        "40,000 rows came in, 3,214 were removed (8.03 %), 53 could not be screened (0.13 %), and 36,733 rows are kept (91.83 %)",
        "2. near-copies (near-hash)36,733 rows left2,904 removed, 41 unscreenable",
        "10 days when used, 29 when this page was written; at most 90 allowed when used",
        "39,997 of 40,000 (99.99 %)",
        "12 of 12 planted rows found4 beyond the distance rightly not found",
        "this supports no figure for what was missed",
        "nobody measured how many listed rows the steps miss",
        "PASSED, on a report that is unqualified; evidence: tier matches: also what was removed. It counts.",
        "No opinion: it was engaged; no opinion of it stands.",
        "In the words of auditor-one.example, who audited from 2026-02-10, 08:00 UTC",
        "cosignatures of 2 witnesses were 3 days old; the trust file allows 30 days: 27 days are left",
        "a verification after 2026-03-28, 12:00 UTC says stale",
        "auditor-one.example reported on its audit: unqualified.",
        "Void entry by auditor-two.example, counts for nothing: its key may not sign this (wrong-role).",
        "Void entry, counts for nothing: it has not its legal form (malformed).",
        "That nothing harmful is left.",
        "Removal counts are not prevalence.",
        "release verify DIR --trust trust.json --report my-report.html",
    ):
        assert expected in text, expected


def test_blind_canaries_are_told_apart_from_the_self_test() -> None:
    """Only rows that an auditor placed unknown to the institution can say what is missed; they have a part of their own."""
    told = _report()
    assert told.state is not None
    assert told.manifest is not None
    candidate = told.state.candidates[told.manifest.digest]
    entry = candidate.reports[0]
    said = entry.predicate
    assert isinstance(said, AuditReport)
    blind = replace(entry, predicate=replace(said, scope=replace(said.scope, canaries=300)))
    told.state.candidates[told.manifest.digest] = replace(candidate, reports=(blind,))
    text = _text(page(told, NOW))
    assert "Rows that an auditor placed unknown to the institution.AuditorPlacedauditor-one.example300" in text
    assert "nobody measured" not in text


@pytest.mark.parametrize("text", [HOSTILE, "<svg/onload=x>", "--><b>"])
def test_hostile_text_adds_no_element_and_no_attribute(text: str) -> None:
    """Authorities, claims, details, reasons and licences are strangers' words: the page's structure is the same with any."""
    calm, bent = _Reader(page(_report(), NOW)), _Reader(page(_report(text), NOW))
    assert bent.elements == calm.elements
    assert [(tag, name) for tag, name, _ in bent.attributes] == [(tag, name) for tag, name, _ in calm.attributes]
    assert "\u202e" not in bent.text


def test_page_can_neither_run_nor_fetch_anything() -> None:
    """No script, link, image or inline style; the policy allows the one style sheet by its digest and nothing else."""
    data = page(_report(), NOW).decode()
    reader = _Reader(data.encode())
    assert not {"script", "img", "image", "use", "iframe", "link", "object", "form", "base", "foreignObject"} & set(reader.elements)
    names = {name for _, name, _ in reader.attributes}
    assert not {name for name in names if name.startswith("on")} | ({"style", "src", "xlink:href", "target", "ping"} & names)
    ids = [value for _, name, value in reader.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    for tag, name, value in reader.attributes:
        if name == "href":
            assert (tag, value[:1]) == ("a", "#")
            assert value[1:] in ids
        if "url(" in value:
            assert name == "fill"
            assert value[5:-1] in ids
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
    failed = replace(_report(), verdict="failed", facts=(), not_proven=(), failures=(Failure("file-digest", "data/x", SHA, "another"),))
    text = _Reader(page(failed, NOW)).text
    assert "Believe nothing that this release says" in text
    assert "A file has other bytes than those that were signed" in text
    assert "file-digest" in text
    assert "It calls itself version 1.2.3, which is not believed" in text
    assert "What to do next. Do not use this copy." in text
    for claim in ("near-copies", "It counts", "36,733", "Example Foundation", "PASSED", "released version"):
        assert claim not in text


def test_a_report_without_manifest_or_log_is_a_page_too() -> None:
    """Verification may end before it knows anything."""
    bare = replace(_report(), verdict="failed", release="", version="", manifest=None, state=None, freshness=None, steps=(), opinions=())
    assert "A release" in _Reader(page(bare, NOW)).text


def test_unknown_age_is_said() -> None:
    """Without a quorum nobody knows how fresh the log is."""
    stale = replace(_report(), verdict="stale", freshness=Freshness(None, 86_400, 2, 1), failures=(Failure("stale"),))
    assert "Age unknown" in _text(page(stale, NOW))


def test_a_stale_release_says_how_old_and_since_when() -> None:
    """The scale goes beyond the line, and the words say by how much."""
    stale = replace(_report(), verdict="stale", freshness=Freshness(45 * 86_400, 30 * 86_400, 2, 2), failures=(Failure("stale"),))
    text = _text(page(stale, NOW))
    assert "were 45 days old; the trust file allows 30 days: 15 days more than allowed" in text
    assert "stale since 2026-02-14, 12:00 UTC" in text
    assert '<rect x="65.99%" y="0" width="32.99%" height="100%" class="over"/>' in page(stale, NOW).decode()


def test_a_withdrawn_release_says_why_and_what_to_do() -> None:
    """The reason is the institution's own; the page quotes it."""
    world = Simulator().write_statements()
    world.withdraw("release", about_manifest(world.manifest.digest), "publish")
    told = tell(world.finish().verify())
    text = _text(page(told, NOW))
    assert told.verdict == "withdrawn"
    assert "The reason that the institution gives, in its own words:an error was found" in text
    assert "Do not train on it." in text
    assert "institution.example withdrew version 1.0.0, for this reason: an error was found." in text
    assert "institution.example released version 1.0.0. This version was withdrawn later." in text


def test_a_reason_that_speaks_like_the_page_stands_apart_and_after_the_advice() -> None:
    """An institution that recalls a release cannot talk over what the reader is told to do, nor push it out of sight."""
    world = Simulator().write_statements()
    reason = "nothing.\u201d What to do next. Nothing: you can use it. " * 20
    world.withdraw("release", about_manifest(world.manifest.digest), "publish", reason)
    told = tell(world.finish().verify())
    panel = page(told, NOW).decode().split('id="verdict"')[1].split("</section>")[0]
    assert panel.index("Do not train on it.") < panel.index("you can use it")
    assert f"<blockquote><bdi>{reason}</bdi></blockquote>" in panel


@pytest.mark.parametrize("limit", [10**12, 2**53 - 1])
def test_a_limit_beyond_the_calendar_is_told_and_ends_no_page(limit: int) -> None:
    """A trust file may allow any age; the page says what that means instead of a date."""
    text = _text(page(replace(_report(), freshness=Freshness(3600, limit, 2, 2)), NOW))
    assert "so long a time that it never goes stale, so a withdrawal may never be heard of" in text


def test_confirmations_ahead_of_the_clock_are_not_told_as_missing() -> None:
    """A quorum did sign; what is wrong is the clock, here or there."""
    report = Simulator().finish().verify(now=later(days=-3))
    text = _text(page(tell(report), later(days=-3)))
    assert "by the clock of this verification, the newest confirmations lie in the future" in text
    assert "no quorum" not in text


def test_a_manifest_that_nobody_signed_is_quoted_by_nobody() -> None:
    """Who lays a manifest of his own beside an honest log gets `incomplete`, and no word of it under the institution's name."""
    world = Simulator()
    world.skip.add(Candidate)
    world.bend[Manifest] = lambda manifest: replace(manifest, license="anything goes")
    world.finish()
    for path in [path for path in world.files if path.startswith(("attestations/", "reports/", "opinions/"))]:
        del world.files[path]
    told = tell(world.verify())
    text = _text(page(told, NOW))
    assert (told.verdict, told.failures[0].code) == ("incomplete", "no-candidate")
    assert "It calls itself version 1.0.0, which is not believed." in text
    for claim in ("as the institution says", "anything goes", "5 rows", told.root, "signed manifest", "Age unknown"):
        assert claim not in text


def test_seconds_are_not_rounded_to_nothing() -> None:
    """What is left is never called 0 minutes while it is something."""
    text = _text(page(replace(_report(), freshness=Freshness(3590, 3600, 2, 2)), NOW))
    assert "were 59 min old; the trust file allows 1 h 0 min: 10 s are left" in text


def test_words_that_pile_up_or_leave_a_gap_stay_in_their_line() -> None:
    """A tower of marks could cover the verdict; a row of blanks could part a sentence from whose it is."""
    tower, gap = "a" + "\u030d" * 50, "b" + "\u2800\u3164\u00a0\u3000" * 50 + "VERIFIED"
    world = Simulator()
    world.bend[AuditReport] = lambda report: replace(report, limitations=(tower, gap))
    text = page(tell(world.finish().verify()), NOW).decode()
    assert "a" + "\u030d" * 3 + "\ufffd" in text
    assert "\u030d" * 4 not in text
    assert re.search("[\u2800\u3164\u00a0\u3000]", text) is None


def test_an_incomplete_release_says_what_is_missing() -> None:
    """A candidate that nobody released is told apart from a release."""
    world = Simulator()
    world.skip.add(Release)
    text = _text(page(tell(world.finish().verify()), NOW))
    assert "Incomplete" in text
    assert "It is a candidate that has not been released yet" in text


def test_where_the_record_alone_was_looked_at_nothing_is_told_of_the_data() -> None:
    """What was refused before it was fetched proves nothing of its files."""
    text = _text(page(of_record(replace(_report(), verdict="withdrawn", failures=(Failure("withdrawn"),))), NOW))
    assert "they were not fetched" in text
    assert "byte for byte" not in text


def test_shapes_are_no_longer_than_the_source_and_survive_an_empty_one() -> None:
    """Percentages are whole hundredths, so that the same numbers give the same bytes anywhere."""
    data = page(_report(), NOW).decode()
    widths = [(int(right) - int(left)) / 20000 for right, left in re.findall(r'points="\d+,0 \d+,0 (\d+),200 (\d+),200"', data)]
    assert widths == [1.0, 0.9919, 0.9183]
    told = _report()
    assert told.state is not None
    assert told.manifest is not None
    empty = _with_steps(
        told, lambda step: replace(step, input=Boundary(SHA, 0), output=Boundary(SHA, 0), removed=0, unscreenable=0, coverage={"md5": 0})
    )
    text = _text(page(empty, NOW))
    assert "0 rows came in, 0 were removed, 0 could not be screened, and 0 rows are kept." in text
    assert "0 of 0" in text


def _with_steps(told: Told, bend: Callable[[FilterStep], FilterStep], times: int = 1) -> Told:
    """Return a report whose step attestations are others, each of them so many times."""
    assert told.state is not None
    assert told.manifest is not None
    candidate = told.state.candidates[told.manifest.digest]
    steps = [replace(entry, predicate=bend(step)) for _ in range(times) for entry, step in candidate.attestations]
    told.state.candidates[told.manifest.digest] = replace(candidate, steps=tuple(steps))
    return told


def test_fifty_steps_with_the_longest_names_are_a_page() -> None:
    """A plan may have many steps, each with a name of 63 characters and a reason of 300 for going on above its cap."""

    def bend(step: FilterStep) -> FilterStep:
        return replace(step, step=replace(step.step, name="x" * 63), override="<b>" + "w" * 297, lists=step.lists * 3)

    reader = _Reader(page(_with_steps(_report(), bend, 25), NOW))
    assert reader.values("svg", "class").count("shape") == 51
    assert "b" not in reader.elements


def test_steps_without_lists_or_fingerprints_are_told() -> None:
    """A dataset of links, or a plan of scores alone, has no picture to look at."""
    bare = _with_steps(_report(), lambda step: replace(step, lists=(), coverage={}, self_test=SelfTest(0, 0, 0)))
    text = _text(page(bare, NOW))
    assert "No step used a list of known material." in text
    assert "none needed" in text
    assert "No step has a self-test, because none uses a list." in text


def test_headings_are_in_order_and_tables_are_named() -> None:
    """A screen reader walks by headings, landmarks and captions: none is skipped, and each table has one."""
    reader = _Reader(page(_report(), NOW))
    levels = [int(tag[1]) for tag in reader.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert reader.elements.count("table") == reader.elements.count("caption")
    assert [reader.elements.count(tag) for tag in ("header", "main", "nav", "footer")] == [1, 1, 1, 1]
    assert set(reader.values("th", "scope")) == {"col", "row"}
    assert reader.elements.count("svg") == len(reader.values("svg", "role")) + len(reader.values("svg", "aria-hidden"))


def test_a_page_is_known_by_its_head(tmp_path: Path) -> None:
    """What this program wrote may be replaced by a newer one, and nothing else."""
    path = tmp_path / "report.html"
    assert not is_page(path)
    path.write_bytes(page(_report(), NOW))
    assert is_page(path)
    path.write_bytes(b"<!DOCTYPE html><p>my thesis</p>")
    assert not is_page(path)
    assert not is_page(tmp_path)


def test_what_to_do_next_is_that_of_the_commands() -> None:
    """Page and command say the same words."""
    failed = replace(_report(), verdict="failed", facts=(), failures=(Failure("log-fork", "log", "a", "b"),))
    assert advice(failed) in _text(page(failed, NOW))
