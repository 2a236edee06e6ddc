"""The page that verifies, in use: by keyboard, with a screen reader, on a phone and on paper, from a web server; and held against all vectors."""

from __future__ import annotations

import json
import runpy
import sys
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser, browser, needs_chromium
from desk import Desk, page_file, serving, written
from simulator import Simulator

from audit_logs.trust import Trust
from release import verifypage

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import run_vectors  # noqa: E402 - the path comes first

pytestmark = needs_chromium
SHARED = {"Access-Control-Allow-Origin": "*"}
ANSWER = """(async () => { const { readers } = modules["lib/readers.mjs"]; const answers = [];
const bytes = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
const joined = (names) => modules["lib/bytes.mjs"].concat(...names.map((name) => bytes(pool[name])));
for (const { kind, input, files } of vectors) {
  const file = (name) => (Array.isArray(input[name]) ? joined(input[name]) : bytes(files[name]));
  answers.push(await readers[kind]({ input, file, pieces: joined }));
} globalThis.answers = answers; })()"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return a browser for all tests of this module."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the page, a good release and its trust file."""
    folder = tmp_path_factory.mktemp("place")
    page_file(folder)
    written(Simulator().finish(), folder)
    return folder


def _encoded(data: bytes) -> str:
    return b64encode(data).decode()


def _vector(folder: Path) -> dict[str, Any]:
    """Return a vector as the page's reader takes it: its class, its input, and the files beside it."""
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.name != "expect.json"}
    told = json.loads(files.get("input.json", b"{}"))
    return {"kind": folder.parent.name, "input": told, "files": {name: _encoded(data) for name, data in files.items()}}


def test_the_browser_agrees_on_every_vector(chromium: Browser, place: Path) -> None:
    """The page's own code, with the browser's signatures, text and Unicode, gives the code and value of every vector of every class."""
    vectors = run_vectors.vectors_below(run_vectors.FOLDER)
    told = json.loads((run_vectors.FOLDER / "pieces.json").read_bytes())
    pool = {name: piece["base64"] if isinstance(piece, dict) else _encoded(piece.encode()) for name, piece in told.items()}
    program = runpy.run_path(str(ROOT / "scripts" / "make_verify_page.py"))["bundle"](ROOT / "verifier-js" / "lib" / "readers.mjs")
    desk = Desk(chromium, (place / "verify.html").as_uri())
    desk.page.run(
        f"{{ {program}\nconst pool = {json.dumps(pool)};\nconst vectors = {json.dumps([_vector(path) for path in vectors])};\n{ANSWER} }}"
    )
    answered = desk.page.run("answers")
    assert len(answered) == len(vectors) >= 700
    assert run_vectors.disagreements(answered, vectors) == []
    desk.page.close()


def test_everything_can_be_done_by_keyboard(chromium: Browser, place: Path) -> None:
    """Tab goes through the page in its order, Enter opens what is closed and starts, and the focus comes to the verdict."""
    desk = Desk(chromium, (place / "verify.html").as_uri())
    visited = []
    for _ in range(7):
        desk.page.press("Tab")
        visited.append(
            desk.page.run("document.activeElement.id || document.activeElement.localName + ': ' + document.activeElement.textContent")
        )
    assert visited == [
        "summary: Is this the right page?",
        "trust",
        "folder",
        "summary: Or a folder on a web server",
        "seen",
        "start",
        visited[-1],
    ]
    desk.choose(place / "published", trust=place / "trust.json")
    desk.page.run("document.querySelector('summary').focus()")
    desk.page.press("Enter")
    assert desk.page.run("document.querySelector('details').open") is True
    assert desk.page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    desk.page.run("document.getElementById('seen').focus()")
    desk.page.press("Tab")
    desk.page.press("Enter")
    assert desk.ended() == "verified"
    assert desk.page.run("document.activeElement.id") == "verdict"
    desk.page.press("Tab")
    assert desk.page.run("document.activeElement.textContent") == "Save what was seen of the log"
    desk.page.close()


def test_a_screen_reader_gets_names_order_and_the_verdict(chromium: Browser, place: Path) -> None:
    """Every control has a name and its help; groups and headings are in order; the verdict is announced as it comes."""
    desk = Desk(chromium, (place / "verify.html").as_uri())
    tree = desk.page.tree()
    named = {node.name: node for node in tree if node.role in ("button", "textbox", "group", "heading", "DisclosureTriangle")}
    for name in ("Verify a release", "1. The trust file", "2. The release", "3. What you saw before (optional)", "Is this the right page?"):
        assert name in named
    controls = [node for node in tree if node.properties.get("focusable") and node.role not in ("RootWebArea", "DisclosureTriangle")]
    assert [node.name for node in controls if not node.name] == []
    chosen = [node for node in controls if "Trust file that you have pinned" in node.name]
    assert "the copy in there is never used" in chosen[0].description
    desk.choose(place / "published", trust=place / "trust.json")
    desk.page.run(
        "globalThis.said = []; new MutationObserver(() => said.push(document.getElementById('status').textContent)).observe(document.getElementById('status'), { childList: true })"
    )
    assert desk.verify() == "verified"
    assert desk.page.run("said") == [
        "Verifying.",
        "verified: Everything that can be checked here holds. You can use this release for what its card says.",
    ]
    after = [node for node in desk.page.tree() if node.role == "heading"]
    assert [(node.name, node.properties["level"]) for node in after][:3] == [("Verify a release", 1), ("VERIFIED", 2), ("Proven here", 3)]
    assert any(node.role == "status" for node in desk.page.tree())
    assert any(node.role == "region" and node.name == "VERIFIED" for node in desk.page.tree())
    desk.page.run("document.getElementById('trust').value = ''; document.getElementById('complaint').textContent = 'x'")
    assert any(node.role == "alert" for node in desk.page.tree())
    desk.page.close()


@pytest.mark.parametrize("looks", [{"width": 360, "height": 740}, {"width": 360, "height": 740, "dark": True}, {"dark": True}, {}])
def test_it_fits_and_can_be_read(looks: dict[str, Any], chromium: Browser, place: Path) -> None:
    """On a phone and a desk, by day and night: nothing is wider than the screen, and every text stands out from what is behind it by 4.5 to 1."""
    desk = Desk(chromium, (place / "verify.html").as_uri(), **looks)
    desk.choose(place / "published", trust=place / "trust.json")
    assert desk.verify() == "verified"
    desk.page.run("for (const found of document.querySelectorAll('details')) found.open = true")
    assert desk.page.run("document.documentElement.scrollWidth <= innerWidth")
    assert desk.page.run(CONTRAST) == []
    desk.page.close()


CONTRAST = """(() => {
const channels = (text) => text.match(/[0-9.]+/g).map(Number);
const light = (rgb) => [0.2126, 0.7152, 0.0722].reduce((sum, part, at) => {
  const c = rgb[at] / 255; return sum + part * (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4); }, 0);
const behind = (node) => { for (let at = node; at; at = at.parentElement) { const found = channels(getComputedStyle(at).backgroundColor);
  if (found.length === 3 || found[3] > 0) return found; } return channels(getComputedStyle(document.body).backgroundColor); };
const weak = [];
for (const node of document.querySelectorAll("body *")) {
  if (![...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim()) || ["SCRIPT", "STYLE", "NOSCRIPT"].includes(node.tagName)) continue;
  const [a, b] = [light(channels(getComputedStyle(node).color)), light(behind(node))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) weak.push([node.tagName, node.textContent.slice(0, 40), ratio]);
} return weak; })()"""


def test_paper_gets_the_report_and_no_form(chromium: Browser, place: Path) -> None:
    """Black on white, whatever the screen; the warning at the top stays."""
    desk = Desk(chromium, (place / "verify.html").as_uri(), dark=True)
    desk.choose(place / "published", trust=place / "trust.json")
    assert desk.verify() == "verified"
    desk.page.emulate(dark=True, media="print")
    shown = "[...document.querySelectorAll('form, .warning, #result, footer')].map((part) => [part.id || part.className || part.localName, part.offsetHeight > 0])"
    assert desk.page.run(shown) == [["warning", True], ["form", False], ["result", True], ["footer", False]]
    assert desk.page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    desk.page.close()


def _address(desk: Desk, address: str) -> str:
    desk.page.run(f"document.getElementById('address').value = {json.dumps(address)}")
    return desk.verify()


@pytest.mark.parametrize("from_there", [True, False], ids=["same-origin", "another-origin"])
def test_a_served_folder_is_read_below_its_address_alone(from_there: bool, chromium: Browser, place: Path) -> None:
    """All holds, and yet it is at best incomplete: a web server gives no list. Nothing is asked for outside the folder."""
    with serving(place, SHARED) as (site, asked):
        desk = Desk(chromium, f"{site}/verify.html" if from_there else (place / "verify.html").as_uri())
        desk.choose(trust=place / "trust.json")
        before = len(asked)
        assert (_address(desk, f"{site}/published"), desk.codes) == ("incomplete", ["folder-unlisted"])
        assert {path for path in asked[before:] if not path.startswith("/published/")} == set()
        assert "Proven here" in desk.text()
        assert desk.page.errors == []
        elsewhere = json.dumps(f"{site}/trust.json")
        assert desk.page.run(f"fetch({elsewhere}).then(() => 'read', (error) => error.name)") == "TypeError"
        assert _address(desk, f"{site}/other") == ""
        assert desk.complaint.startswith("This page has closed its connections")
        desk.page.close()


@pytest.mark.parametrize(
    ("change", "codes"),
    [
        (
            lambda folder: (folder / "README.md").write_bytes(b"x" * (folder / "README.md").stat().st_size),
            ["file-digest", "folder-unlisted"],
        ),
        (lambda folder: (folder / "data" / "train-00001-of-00002.parquet").unlink(), ["folder-missing", "folder-unlisted"]),
        (lambda folder: min(folder.glob("opinions/*")).unlink(), ["folder-entries", "folder-unlisted"]),
        (lambda folder: (folder / "log" / "checkpoint").write_bytes(b"x" * 70_000), ["file-size"]),
        (lambda folder: (folder / "release.json").unlink(), ["folder-missing"]),
    ],
    ids=["card", "data", "opinion", "checkpoint", "manifest"],
)
def test_a_served_folder_that_was_tampered_with_fails(change: Any, codes: list[str], chromium: Browser, tmp_path: Path) -> None:
    """What the record names and the server does not give, or gives otherwise, fails as in a folder."""
    page_file(tmp_path)
    release, trust = written(Simulator().finish(), tmp_path)
    change(release)
    with serving(tmp_path) as (site, _):
        desk = Desk(chromium, f"{site}/verify.html")
        desk.choose(trust=trust)
        assert (_address(desk, f"{site}/published/"), desk.codes) == ("failed", codes)
        desk.page.close()


def test_an_address_that_cannot_be_read_gives_no_verdict(chromium: Browser, place: Path) -> None:
    """No server, one that does not allow it, and one that sends elsewhere: one sentence each; other texts are no address."""
    with serving(place) as (site, _):
        for address, words in (
            (f"{site}/published", "it does not let other sites' pages read (CORS). This is no verdict."),
            (f"{site}/away/published", "it sends elsewhere"),
            ("http://127.0.0.1:9/x", "there is no such server"),
            ("ftp://127.0.0.1/x", "The address is none that this page can read"),
            ("https://name:secret@127.0.0.1/x", "The address is none that this page can read"),
            ("nonsense", "The address is none that this page can read"),
        ):
            desk = Desk(chromium, f"{site}/verify.html" if "away" in address else (place / "verify.html").as_uri())
            desk.choose(trust=place / "trust.json")
            assert _address(desk, address) == ""
            assert words in desk.complaint
            desk.page.close()


def test_folder_and_address_together_are_refused(chromium: Browser, place: Path) -> None:
    """Nobody should wonder which of the two was verified."""
    desk = Desk(chromium, (place / "verify.html").as_uri())
    desk.choose(place / "published", trust=place / "trust.json")
    assert _address(desk, "https://127.0.0.1/x") == ""
    assert desk.complaint == "There are a folder and an address: empty one of the two."
    desk.page.close()


@pytest.mark.parametrize("named", ["this", "another", "none"])
def test_the_page_that_the_trust_file_names_is_compared(named: str, chromium: Browser, tmp_path: Path) -> None:
    """Where the browser reads it once more; another one is told before the verdict. From a file it says that it cannot know."""
    page, world = page_file(tmp_path), Simulator().finish()
    digest = {"this": sha256(verifypage.page()).hexdigest(), "another": "ab" * 32, "none": ""}[named]
    world.bend[Trust] = lambda trust: replace(trust, verify_page=digest)
    release, trust = written(world, tmp_path)
    with serving(tmp_path) as (site, _):
        desk = Desk(chromium, f"{site}/verify.html")
        desk.page.wait_for("document.getElementById('own').textContent !== ''")
        desk.choose(release, trust=trust)
        desk.page.run("document.querySelector('details').open = true")
        assert sha256(verifypage.page()).hexdigest() in desk.text("#own")
        assert (digest or "names no page") in desk.text("#expected")
        assert ("do not use it" in desk.text("#own")) is (named == "another")
        assert desk.verify() == "verified"
        assert ("This page is not the one that your trust file names" in desk.text()) is (named == "another")
        desk.page.close()
    desk = Desk(chromium, page.as_uri())
    desk.choose(trust=trust)
    desk.page.run("document.querySelector('details').open = true")
    assert "take the SHA-256 yourself" in desk.text("#own")
    assert (digest or "names no page") in desk.text("#expected")
    desk.page.close()


def test_the_page_says_where_it_must_come_from_first(chromium: Browser, place: Path) -> None:
    """The first sentence under the title, before anything can be chosen."""
    desk = Desk(chromium, (place / "verify.html").as_uri())
    said = desk.text("body")
    assert said.index("never from the release that it checks") < said.index("Nothing leaves this machine") < said.index("1. The trust file")
    assert desk.page.errors == []
    desk.page.close()
