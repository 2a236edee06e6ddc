"""The report page as a browser shows it: what is seen, said to a screen reader, reached by keyboard, printed, and kept from acting."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from chromium import Browser, Page, browser, needs_chromium
from simulator import Simulator, digest, later

from audit_logs.manifest import Manifest
from audit_logs.report import Report
from audit_logs.statement import AuditReport, Boundary, Claim, FilterStep, Release, about_manifest
from audit_logs.telling import Told, tell
from release.report import Writing
from release.report import report as page_of
from release.style import DARK, LIGHT, PAPER

pytestmark = needs_chromium

HOSTILE = '</bdi></style><script>document.title = 1</script><img src=x onerror="document.title = 2"> \u202eevil\u2066 ' + "W" * 300
PHONE = {"width": 320, "height": 640}
SCREENS = {
    "light": {},
    "dark": {"dark": True},
    "phone": PHONE,
    "dark phone": {**PHONE, "dark": True},
    "paper": {"width": 720, "media": "print"},
}

# Every visible text with its colour, its size in pixels, and the colour of the nearest ground that is not transparent.
TEXTS = """(() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("svg, .skip, .hidden")) continue;
    let ground = element;
    while (ground && getComputedStyle(ground).backgroundColor === "rgba(0, 0, 0, 0)") ground = ground.parentElement;
    found.push([getComputedStyle(element).color, getComputedStyle(ground ?? document.documentElement).backgroundColor, walker.currentNode.data.trim()]);
  }
  return found;
})()"""
# What reaches beyond the right edge, other than inside a box that scrolls by itself.
BEYOND = """[...document.querySelectorAll("body *")].filter((element) => element.getBoundingClientRect().right > innerWidth + 1
  && !element.closest(".wide, .skip, .hidden, thead")).map((element) => element.outerHTML.slice(0, 200))"""


def good() -> Report:
    """Return the report on a release that holds."""
    return Simulator().finish().verify()


def stale() -> Report:
    """Return the report on a release that nobody confirmed for three days, where one is allowed."""
    return Simulator().finish().verify(now=later(days=3))


def withdrawn() -> Report:
    """Return the report on a release that was withdrawn."""
    world = Simulator().write_statements()
    world.withdraw("release", about_manifest(world.manifest.digest), "publish")
    return world.finish().verify()


def tampered() -> Report:
    """Return the report on a release with a byte changed."""
    world = Simulator().finish()
    world.files["data/train-00000-of-00002.parquet"] = b"X" + world.files["data/train-00000-of-00002.parquet"][1:]
    return world.verify()


def incomplete() -> Report:
    """Return the report on a candidate that nobody released."""
    world = Simulator()
    world.skip.add(Release)
    return world.finish().verify()


def hostile() -> Report:
    """Return the report on a release that holds, with the worst texts wherever somebody may write them."""
    world = Simulator()
    world.bend[Manifest] = lambda manifest: replace(manifest, license=HOSTILE)
    world.bend[FilterStep] = lambda step: replace(
        step,
        decoder=HOSTILE,
        override=HOSTILE,
        lists=tuple(replace(used, authority=HOSTILE) for used in step.lists),
        conventions=(HOSTILE,),
    )
    world.bend[AuditReport] = lambda report: replace(
        report, claims=(Claim("log", "confirmed", HOSTILE), Claim(HOSTILE, "not-checkable", "")), limitations=(HOSTILE, "x")
    )
    return world.finish().verify()


VERDICTS: dict[str, Callable[[], Report]] = {
    "verified": good,
    "stale": stale,
    "withdrawn": withdrawn,
    "failed": tampered,
    "incomplete": incomplete,
}
MEANINGS = {
    "verified": "Every check of this verification held.",
    "stale": "the newest confirmation is older than the trust file allows",
    "withdrawn": "The institution has withdrawn this release. Do not use it.",
    "failed": "Believe nothing that this release says.",
    "incomplete": "something that the trust file asks for is missing",
}


def many_steps() -> Told:
    """Return what is told of a release with fifty steps, and names as long as they may be."""
    told = tell(good())
    return _with_steps(told, lambda step: replace(step, step=replace(step.step, name="n" * 63), lists=step.lists * 2), 25)


def no_rows() -> Told:
    """Return what is told of a release of an empty source."""
    none = Boundary(digest("none"), 0)
    return _with_steps(tell(good()), lambda step: replace(step, input=none, output=none, removed=0, unscreenable=0, coverage={"md5": 0}), 1)


def _with_steps(told: Told, bend: Callable[[FilterStep], FilterStep], times: int) -> Told:
    assert told.state is not None
    assert told.manifest is not None
    candidate = told.state.candidates[told.manifest.digest]
    steps = tuple(replace(entry, predicate=bend(step)) for _ in range(times) for entry, step in candidate.attestations)
    told.state.candidates[told.manifest.digest] = replace(candidate, steps=steps)
    return told


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return a browser for all tests of this module."""
    with browser() as found:
        yield found


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """Return a tab."""
    found = chromium.page()
    yield found
    found.close()


def shown(page: Page, folder: Path, told: Told | Report, change: Callable[[bytes], bytes] = lambda data: data) -> Path:
    """Write the page, open it, and return its path."""
    found = tell(told) if isinstance(told, Report) else told
    path = folder / "report.html"
    path.write_bytes(change(page_of(found, Writing(later(), digest("trust"), own=True))))
    page.open(path.as_uri())
    return path


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours as a browser computes them (WCAG 2.2)."""
    dark, light = sorted(map(_luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def rgb(colour: str) -> str:
    """Return `#rrggbb` as a browser writes it."""
    return f"rgb({', '.join(str(int(colour[at : at + 2], 16)) for at in (1, 3, 5))})"


@pytest.mark.parametrize("verdict", VERDICTS)
def test_the_verdict_is_seen_first_in_words(page: Page, tmp_path: Path, verdict: str) -> None:
    """Without scrolling, on a phone too; the page asks for nothing and the console has nothing to say."""
    page.emulate(**PHONE)
    path = shown(page, tmp_path, VERDICTS[verdict]())
    word, text, bottom = page.run(
        "[document.querySelector('.verdict h2').innerText, document.querySelector('.verdict').innerText,"
        " document.querySelector('.verdict .meaning').getBoundingClientRect().bottom]"
    )
    assert word.lower() == verdict
    assert MEANINGS[verdict] in text
    assert ("What to do next." in text) == (verdict != "verified")
    assert bottom < PHONE["height"]
    assert page.requests == [path.as_uri()]
    assert page.errors == []


def test_each_verdict_has_a_sign_of_its_own_shape(page: Page, tmp_path: Path) -> None:
    """Who sees no colours tells them apart."""
    signs = set()
    for report in VERDICTS.values():
        shown(page, tmp_path, report())
        signs.add(page.run("document.querySelector('.verdict .icon path').getAttribute('d')"))
    assert len(signs) == len(VERDICTS)


def test_a_failed_release_shows_no_claim(page: Page, tmp_path: Path) -> None:
    """Neither step nor auditor, list, count or history of it is on the page."""
    shown(page, tmp_path, tampered())
    text = page.run("document.body.innerText")
    for claim in ("known-files", "PASSED", "auditor-one.example", "authority.example", "5 rows", "released"):
        assert claim not in text
    assert page.run("document.querySelectorAll('#funnel, #lists, #auditors, #log, #freshness, #facts').length") == 0


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", [*VERDICTS, "hostile"])
def test_text_can_be_read_on_its_ground(page: Page, tmp_path: Path, name: str, screen: str) -> None:
    """Each text that is drawn, as it is drawn: 4.5:1 or more."""
    page.emulate(**SCREENS[screen])
    shown(page, tmp_path, hostile() if name == "hostile" else VERDICTS[name]())
    texts = page.run(TEXTS)
    assert len(texts) > 20
    assert [text for colour, ground, text in texts if contrast(colour, ground) < 4.5] == []
    ground = {"dark": DARK, "dark phone": DARK, "paper": PAPER}.get(screen, LIGHT)["paper"]
    assert page.run("getComputedStyle(document.body).backgroundColor") == rgb(ground)


@pytest.mark.parametrize("width", [320, 640, 1280])
@pytest.mark.parametrize("make", [good, withdrawn, tampered, hostile, many_steps, no_rows], ids=lambda make: make.__name__)
def test_nothing_reaches_beyond_the_screen(page: Page, tmp_path: Path, make: Callable[[], Told | Report], width: int) -> None:
    """No sideways scrolling, with the longest texts and the narrowest phone."""
    page.emulate(width=width, height=700)
    shown(page, tmp_path, make())
    assert page.run("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
    assert page.run(BEYOND) == []


@pytest.mark.parametrize("width", [641, 768, 1024])
def test_no_table_has_to_be_scrolled(page: Page, tmp_path: Path, width: int) -> None:
    """Between phone and desktop, too: what scrolls sideways is lost on those who use keys or paper."""
    page.emulate(width=width, height=700)
    for told in (good(), hostile(), many_steps()):
        shown(page, tmp_path, told)
        assert page.run("[...document.querySelectorAll('.wide')].filter((box) => box.scrollWidth > box.clientWidth).length") == 0


def test_a_screen_reader_finds_its_way(page: Page, tmp_path: Path) -> None:
    """Landmarks, headings in order with the verdict first, named regions and pictures."""
    shown(page, tmp_path, good())
    tree = page.tree()
    roles = [node.role for node in tree]
    for landmark in ("banner", "main", "navigation", "contentinfo", "complementary"):
        assert landmark in roles
    headings = [(node.properties["level"], node.name) for node in tree if node.role == "heading"]
    assert headings[:2] == [(1, "example/street-scenes 1.0.0"), (2, "Verified")]
    assert {node.name for node in tree if node.role == "region"} >= {"Verified", "Freshness", "Rows, step by step", "History of the log"}
    pictures = [node for node in tree if node.role in ("image", "graphics-document", "SvgRoot")]
    assert pictures
    assert all(node.name for node in pictures)
    assert "After step 2: 62.50 % of the source" in {node.name for node in pictures}
    freshness = next(node for node in pictures if node.name.endswith("of 1 day"))
    assert "the trust file allows 1 day" in freshness.description


@pytest.mark.parametrize("width", [320, 1280])
def test_tables_stay_tables_for_a_screen_reader(page: Page, tmp_path: Path, width: int) -> None:
    """Where a narrow screen shows rows as blocks, names, headers and cells are still told as such."""
    page.emulate(width=width, height=700)
    shown(page, tmp_path, good())
    tree = page.tree()
    tables = [node.name for node in tree if node.role == "table"]
    assert "The same in numbers. Removal counts are not prevalence." in tables
    assert all(tables)
    assert {"1. known-files", "2. near-copies"} <= {node.name for node in tree if node.role == "rowheader"}
    assert {"Rows in", "Removed", "Unscreenable", "Rows left"} <= {node.name for node in tree if node.role == "columnheader"}


def test_everything_is_reached_by_keyboard(page: Page, tmp_path: Path) -> None:
    """The first key shows the skip link, which leads to the verdict; every other link follows, each with a visible focus."""
    shown(page, tmp_path, withdrawn())
    page.press("Tab")
    assert page.run("document.activeElement.className") == "skip"
    assert page.run("document.activeElement.getBoundingClientRect().left") >= 0
    page.press("Enter")
    assert page.run("location.hash") == "#verdict"
    links = page.run("document.querySelectorAll('nav a').length")
    reached = []
    for _ in range(links):
        page.press("Tab")
        reached.append(page.run("document.activeElement.getAttribute('href')"))
        assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    assert reached == page.run("[...document.querySelectorAll('nav a')].map((link) => link.getAttribute('href'))")
    page.press("Enter")
    assert page.run("document.querySelector(location.hash).tagName") == "SECTION"


def test_paper_has_everything_but_the_links(page: Page, tmp_path: Path) -> None:
    """Printed, nothing is folded away or cut off, and colours are those for paper."""
    page.emulate(width=720, height=1000, media="print")
    shown(page, tmp_path, good())
    assert page.run("[...document.querySelectorAll('nav, .skip')].every((part) => !part.checkVisibility())")
    assert page.run("[...document.querySelectorAll('section, table, blockquote')].every((part) => part.checkVisibility())")
    assert page.run("[...document.querySelectorAll('.wide')].every((part) => part.scrollWidth <= part.clientWidth + 1)")
    printed = page.pdf(tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert re.search(rb"/Type\s*/Page\b", printed)


def test_nothing_moves_and_the_shapes_stay_where_colours_are_forced(page: Page, tmp_path: Path) -> None:
    """No animation, with or without the wish for calm; a high-contrast scheme leaves bars and signs visible."""
    page.emulate(calm=True, forced=True)
    shown(page, tmp_path, good())
    assert page.run("document.getAnimations().length") == 0
    assert page.run("getComputedStyle(document.querySelector('.funnel .left')).fill") == rgb(LIGHT["bar"])
    assert page.run("[...document.querySelectorAll('.icon')].every((sign) => sign.getBoundingClientRect().width > 0)")


def test_words_of_strangers_add_nothing_to_the_page(page: Page, tmp_path: Path) -> None:
    """Markup stays text, and a text that turns the direction of writing turns nothing."""
    shown(page, tmp_path, hostile())
    assert page.run("document.querySelectorAll('script, img, b').length") == 0
    assert page.run("document.title").startswith("verified: example/street-scenes")
    text = page.run("document.body.textContent")
    assert "<script>document.title = 1</script>" in text
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert page.errors == []


def test_what_slipped_through_could_not_act(page: Page, tmp_path: Path) -> None:
    """With markup put into the finished page: no script runs, no style applies, no image and no frame is asked for."""
    bad = (
        b"<script>document.title = 'ran'</script><img src='http://127.0.0.1:9/x' onerror=\"document.title = 'ran'\">"
        b"<p id='bent' style='color: red'>x</p><style>#bent { color: red }</style><link rel='stylesheet' href='http://127.0.0.1:9/s'>"
        b"<iframe src='http://127.0.0.1:9/f'></iframe><form id='form' action='http://127.0.0.1:9/a'></form><base href='http://127.0.0.1:9/'>"
    )
    path = shown(page, tmp_path, good(), lambda data: data.replace(b"<main>", b"<main>" + bad))
    page.run("document.getElementById('form').requestSubmit()")
    assert page.wait_for("new Promise((done) => setTimeout(() => done(true), 100))")
    assert page.run("document.title") == "verified: example/street-scenes 1.0.0"
    assert page.run("getComputedStyle(document.getElementById('bent')).color") == rgb(LIGHT["ink"])
    assert page.run("document.baseURI") == path.as_uri()
    assert len([error for error in page.errors if "Content Security Policy" in error]) >= 6
    answered = page.run("performance.getEntriesByType('resource').filter((entry) => entry.responseStatus).length")
    assert answered == 0


def test_the_page_is_the_same_bytes_each_time() -> None:
    """The same findings at the same time give the same page, so that two people can compare theirs."""
    told = tell(good())
    pages = {page_of(told, Writing(later(), digest("trust"))) for _ in range(2)}
    assert len(pages) == 1
