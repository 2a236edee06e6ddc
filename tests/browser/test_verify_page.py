"""The page that verifies, with releases that are good, stale, withdrawn, unfinished and tampered with; what it shows is what `audit_logs` says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from chromium import Browser, browser, needs_chromium
from desk import Desk, Memory, page_file, serving, written
from simulator import NOW, Simulator, digest, signer_of

from audit_logs import statement
from audit_logs.fields import instant
from audit_logs.seen import encode as encode_seen
from audit_logs.statement import FilterStep, Opinion, Release
from audit_logs.trust import Trust
from audit_logs.verify import verify

pytestmark = needs_chromium
ROOT = Path(__file__).resolve().parents[2]
GOLDEN = sorted(path.parent for path in (ROOT / "tests" / "golden").glob("*/expect.json"))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return a browser for all tests of this module."""
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the page's address, as a file."""
    return page_file(tmp_path_factory.mktemp("page")).as_uri()


@pytest.fixture
def desk(chromium: Browser, url: str) -> Iterator[Desk]:
    """Return the page, just opened."""
    made = Desk(chromium, url)
    yield made
    made.page.close()


def recalled() -> Simulator:
    """Return a release that was withdrawn."""
    world = Simulator().write_statements()
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "publish")
    return world.finish()


def without(*kinds: type) -> Simulator:
    """Return a release that lacks statements."""
    world = Simulator()
    world.skip |= set(kinds)
    return world.finish()


def test_a_good_release_that_is_dropped_is_verified(desk: Desk, tmp_path: Path) -> None:
    """The verdict comes first, each fact with who stands behind it; nothing is asked of any network, and the console stays empty."""
    release, trust = written(Simulator().finish(), tmp_path)
    desk.drop(release, trust)
    assert "14 files" in desk.text("#folder-chosen")
    assert digest(trust.read_bytes()) in desk.text("#trust-chosen")
    assert desk.verify() == "verified"
    said = desk.text()
    assert said.startswith("VERIFIED")
    order = [
        said.index(words) for words in ("Proven here", "Checked by auditor-one.example", "Claimed by institution.example", "Not proven")
    ]
    assert order == sorted(order)
    assert digest((release / "release.json").read_bytes()) in said
    assert "example/street-scenes 1.0.0, 5 rows" in said
    assert desk.codes == []
    assert desk.page.errors == []
    assert [asked for asked in desk.page.requests if not asked.startswith(("file:", "blob:"))] == []
    assert [asked for asked in desk.page.requests if asked.startswith("file:")] == desk.page.requests[:1]


def test_a_good_release_that_is_chosen_is_verified(desk: Desk, tmp_path: Path) -> None:
    """The buttons do what dropping does."""
    release, trust = written(Simulator().finish(), tmp_path)
    desk.choose(release, trust=trust)
    assert (desk.verify(), desk.codes, desk.page.errors) == ("verified", [], [])


@pytest.mark.parametrize(
    ("world", "verdict", "words"),
    [
        (recalled, "withdrawn", "it has been recalled"),
        (lambda: without(Release), "incomplete", "something that your trust file asks for is missing"),
        (lambda: without(Opinion), "incomplete", "something that your trust file asks for is missing"),
    ],
    ids=["withdrawn", "not-released", "no-opinions"],
)
def test_other_verdicts_are_told_apart(world: Callable[[], Simulator], verdict: str, words: str, desk: Desk, tmp_path: Path) -> None:
    """Each in plain words, with the codes of `audit_logs` and what to do."""
    made = world()
    desk.drop(*written(made, tmp_path))
    report = made.verify()
    assert desk.verify() == verdict == report.verdict
    assert desk.codes == sorted({failure.code for failure in report.failures})
    assert words in desk.text()
    assert "What to do: " in desk.text()
    assert desk.page.errors == []


def test_what_nobody_has_confirmed_lately_is_stale(chromium: Browser, url: str, tmp_path: Path) -> None:
    """By the browser's clock, which the page names."""
    later = NOW + timedelta(days=40)
    desk = Desk(chromium, url, now=later)
    desk.drop(*written(Simulator().finish(), tmp_path))
    assert (desk.verify(), desk.codes) == ("stale", ["stale"])
    assert "nobody you trust has confirmed it recently" in desk.text()
    assert "40 days ago" in desk.text()
    assert later.strftime("%Y-%m-%dT%H:%M:%SZ") in desk.text()
    desk.page.close()


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _first(folder: Path, pattern: str) -> Path:
    return min(folder.glob(pattern))


TAMPERED: dict[str, Callable[[Path], object]] = {
    "a bit of a data file": lambda folder: _flip(_first(folder, "data/*.parquet")),
    "a bit of the card": lambda folder: _flip(folder / "README.md"),
    "a bit of the manifest": lambda folder: _flip(folder / "release.json"),
    "a bit of an attestation": lambda folder: _flip(_first(folder, "attestations/*.json")),
    "a bit of a report": lambda folder: _flip(_first(folder, "reports/*.json")),
    "a bit of an opinion": lambda folder: _flip(_first(folder, "opinions/*.json")),
    "a bit of the entries": lambda folder: _flip(_first(folder, "log/tile/entries/000.p/*")),
    "a bit of a tile": lambda folder: _flip(_first(folder, "log/tile/0/000.p/*")),
    "a bit of the checkpoint": lambda folder: _flip(folder / "log" / "checkpoint"),
    "a shorter data file": lambda folder: _first(folder, "data/*.parquet").write_bytes(b"PAR1"),
    "a data file is missing": lambda folder: _first(folder, "data/*.parquet").unlink(),
    "an opinion is missing": lambda folder: _first(folder, "opinions/*.json").unlink(),
    "the checkpoint is missing": lambda folder: (folder / "log" / "checkpoint").unlink(),
    "the manifest is missing": lambda folder: (folder / "release.json").unlink(),
    "one more data file": lambda folder: (folder / "data" / "train-00002-of-00003.parquet").write_bytes(b"PAR1"),
    "a hidden file": lambda folder: (folder / ".hidden").write_bytes(b"x"),
    "an empty file": lambda folder: (folder / "data" / "empty").write_bytes(b""),
    "sealed evidence": lambda folder: (folder / "evidence").mkdir() or (folder / "evidence" / "rows.age").write_bytes(b"x"),
}


@pytest.mark.parametrize("change", TAMPERED.values(), ids=TAMPERED.keys())
def test_what_was_tampered_with_fails(change: Callable[[Path], object], desk: Desk, tmp_path: Path) -> None:
    """With the codes that `audit_logs` gives for the same folder, where it was and what was expected, and no fact that could be believed."""
    release, trust = written(Simulator().finish(), tmp_path)
    change(release)
    desk.drop(release, trust)
    report = verify(Memory(release), trust.read_bytes(), now=NOW)
    assert desk.verify() == "failed" == report.verdict
    assert desk.codes == sorted({failure.code for failure in report.failures}) != []
    assert all(failure[1] for failure in desk.failures)
    assert "Do not use this release" in desk.text()
    assert "Proven here" not in desk.text()
    assert desk.page.run("document.querySelector('#result a')") is None
    assert desk.page.errors == []


def test_a_strangers_trust_file_verifies_nothing(desk: Desk, tmp_path: Path) -> None:
    """The log is not signed by the key that it names, and the copy in the release is not taken instead."""
    world = Simulator().finish()
    world.files["trust.json"] = world.trust_bytes()
    release, trust = written(world, tmp_path)

    def stranger(made: Trust) -> Trust:
        from audit_logs.keys import verifier_key
        from audit_logs.note import LOG_KEY

        return replace(made, log=replace(made.log, key=verifier_key(signer_of("stranger"), made.log.origin, LOG_KEY).text))

    world.bend[Trust] = stranger
    trust.write_bytes(world.trust_bytes())
    desk.drop(release, trust)
    assert (desk.verify(), desk.codes) == ("failed", ["checkpoint-signature"])


NAMES = (
    "<img src=x onerror=document.title='owned'>",
    "line\nbreak",
    "right\u202eto-left",
    "train-<-of-00002.parquet",
    "'\"&amp;",
    "a.lnk",
    "desktop.ini",
    ".hidden",
    "space ",
)


def test_a_trust_file_that_lies_in_the_release_too_is_told(desk: Desk, tmp_path: Path) -> None:
    """It may be the reader's own, or a stranger's copy: the page cannot know, and says so. What it does not know of the folder it names."""
    world = Simulator().finish()
    world.files |= {"trust.json": world.trust_bytes(), "report.html": b"<p>", ".gitattributes": b"x"}
    desk.drop(*written(world, tmp_path))
    assert desk.verify() == "verified"
    assert "there is the same one in the release, where anybody could have put it" in desk.text()
    assert "nobody vouches for them: .gitattributes, report.html, trust.json." in desk.text()


@pytest.mark.parametrize("golden", GOLDEN, ids=[path.name for path in GOLDEN])
def test_golden_releases_verify_in_the_browser(golden: Path, chromium: Browser, url: str) -> None:
    """Real data files and both kinds of facts, as the other verifiers say."""
    expected = json.loads((golden / "expect.json").read_bytes())
    desk = Desk(chromium, url, now=instant(expected["now"]))
    desk.choose(golden / "release", trust=golden / "trust.json")
    assert (desk.verify(), desk.codes, desk.page.errors) == (expected["verdict"], [], [])
    desk.page.close()


def test_a_folder_dropped_on_a_page_from_a_server_is_read_whole(chromium: Browser, tmp_path: Path) -> None:
    """There even a name that is not UTF-8 is seen, and the folder fails for it; two folders at once are refused."""
    page_file(tmp_path)
    release, trust = written(Simulator().finish(), tmp_path)
    with serving(tmp_path) as (site, asked):
        desk = Desk(chromium, f"{site}/verify.html")
        desk.drop(release, trust)
        desk.page.wait_for("document.getElementById('own').textContent !== ''")
        assert (desk.verify(), desk.page.errors) == ("verified", [])
        assert {path for path in asked if path != "/favicon.ico"} == {"/verify.html"}
        (release / "data" / b"\xff.parquet".decode("utf-8", "surrogateescape")).write_bytes(b"x")
        desk.drop(release)
        assert (desk.verify(), desk.codes) == ("failed", ["folder-extra", "folder-link"])
        desk.page.close()


def test_markup_cannot_be_made_by_the_page_itself(desk: Desk) -> None:
    """Trusted Types: no text becomes markup or a script, whatever a fault in the page would do."""
    # `eval` is let through to whoever debugs the page, which is what a test does
    for attempt in ("document.body.innerHTML = '<b>x</b>'", "document.write('x')", "new Worker('data:text/javascript,1')"):
        assert desk.page.run(f"(() => {{ try {{ {attempt}; return 'done'; }} catch (error) {{ return error.name; }} }})()") in (
            "TypeError",
            "EvalError",
        )


def test_a_place_without_cryptography_is_told(chromium: Browser, url: str) -> None:
    """As over plain http: the page says how to open it, and verifies nothing."""
    page = chromium.page()
    page.call(
        "Page.addScriptToEvaluateOnNewDocument", {"source": "Object.defineProperty(Crypto.prototype, 'subtle', { get: () => undefined });"}
    )
    page.open(url)
    assert page.run("[document.getElementById('complaint').textContent, document.getElementById('start').disabled]") == [
        "This browser gives pages no cryptography here: open the page from a file, or over https.",
        True,
    ]
    page.close()


def test_every_code_has_its_words(desk: Desk) -> None:
    """Each code that `audit_logs` can give for a release, those of a trust file among them, is told in words with what to do."""
    told = set(desk.page.run("Object.keys(modules['page/meanings.mjs'].MEANINGS)"))
    section = (ROOT / "docs" / "SPEC.md").read_text(encoding="utf-8").split("## 13. Verification")[1].split("## 14. Verdicts")[0]
    # 13.8 looks into the data files, which this verifier does not
    named = set(re.findall(r"`((?:trust|log|checkpoint|folder|file|manifest|opinion)[a-z]*-[a-z-]+)`", section))
    assert named - told == set()
    assert {"trust", "trust-key-id", "folder-unlisted", "unreadable", "stale", "withdrawn", "superseded"} <= told


@pytest.mark.parametrize("way", ["dropped", "chosen"])
def test_hostile_names_are_found_and_shown_and_do_nothing(way: str, desk: Desk, tmp_path: Path) -> None:
    """Chromium's file handles would hide most of them. Markup stays text, and what would break or turn a line is written out."""
    release, trust = written(Simulator().finish(), tmp_path)
    for name in NAMES:
        (release / "data" / name).write_bytes(b"x")
    if way == "dropped":
        desk.drop(release, trust)
    else:
        desk.choose(release, trust=trust)
    assert (desk.verify(), desk.codes) == ("failed", ["folder-extra"])
    shown = {name.replace("\n", "\\u{a}").replace("\u202e", "\\u{202e}") for name in NAMES}
    assert {failure[1].removeprefix("data/") for failure in desk.failures} == shown
    assert desk.page.run("[document.images.length, document.title]") == [0, "Verify a release"]
    assert desk.page.errors == []


def test_a_strangers_words_do_nothing(desk: Desk, tmp_path: Path) -> None:
    """What the institution wrote is shown as it wrote it, with marks that turn text around written out."""
    world = Simulator()
    world.bend[FilterStep] = lambda step: replace(step, override="</li><img src=x onerror=document.title='owned'> \u202egnp")
    desk.drop(*written(world.finish(), tmp_path))
    assert desk.verify() == "verified"
    assert "</li><img src=x onerror=document.title='owned'> \\u{202e}gnp" in desk.text()
    assert desk.page.run("[document.images.length, document.title]") == [0, "Verify a release"]


def test_what_a_browser_does_not_show_is_told(desk: Desk, tmp_path: Path) -> None:
    """A link in a folder is in no browser's list; the page says that it cannot see it, beside the verdict."""
    release, trust = written(Simulator().finish(), tmp_path)
    (release / "data" / "link.parquet").symlink_to(release / "README.md")
    desk.drop(release, trust)
    assert desk.verify() == "verified"
    assert "A browser shows neither links nor, in a chosen folder, names that are not UTF-8, or" in desk.text(".verdict")
    assert "That no links lie in the folder, and no file whose name is not UTF-8: a browser does not show them" in desk.text()


@pytest.mark.parametrize("path", [".cache/huggingface/train", "report.html", "trust.json", ".gitattributes"])
def test_a_link_finds_no_data_outside_the_proof(path: str, desk: Desk, tmp_path: Path) -> None:
    """What is tolerated, or lies outside the proof, may hold anything but data: a link that the browser does not show could lead there."""
    release, trust = written(Simulator().finish(), tmp_path)
    (release / path).parent.mkdir(parents=True, exist_ok=True)
    (release / path).write_bytes(b"PAR1 rows that nobody screened PAR1")
    (release / "data" / "train-00009-of-00002.parquet").symlink_to(release / path)
    desk.drop(release, trust)
    assert (desk.verify(), desk.codes) == ("failed", ["folder-link"])
    assert desk.failures[0][1:] == [path, "a file", "a data file outside the proof"]


def test_a_name_that_is_not_utf8_fails_where_the_folder_was_dropped(desk: Desk, tmp_path: Path) -> None:
    """What fell into the box does not show it; the folder's handle does."""
    release, trust = written(Simulator().finish(), tmp_path)
    (release / "data" / b"train-\xff-of-00002.parquet".decode("utf-8", "surrogateescape")).write_bytes(b"x")
    desk.drop(release, trust)
    assert (desk.verify(), desk.codes) == ("failed", ["folder-extra", "folder-link"])


def test_after_a_folder_was_read_no_connection_can_be_made(desk: Desk, tmp_path: Path) -> None:
    """Not even by the page itself: the browser refuses it."""
    desk.drop(*written(Simulator().finish(), tmp_path))
    assert desk.verify() == "verified"
    refused = "fetch('http://127.0.0.1:9/').then(() => 'sent', (error) => error.name)"
    assert desk.page.run(refused) == "TypeError"
    assert any("Content Security Policy" in error for error in desk.page.errors)
    assert "this page has closed all its connections" in desk.text()


def test_the_state_of_a_line_is_saved_and_held_against_the_next(chromium: Browser, desk: Desk, tmp_path: Path) -> None:
    """What is saved is, byte for byte, what `audit_logs` would remember; given again, it shows that an older log is served."""
    old = Simulator().finish()
    new = old.next_version("1.1.0").write_statements().finish()
    release, trust = written(new, tmp_path / "new")
    desk.drop(release, trust)
    assert desk.verify() == "verified"
    assert "this page keeps no memory" in desk.text()
    chromium.call("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    desk.page.click("#result a")
    desk.page.wait_for("true")
    state, (older, _) = tmp_path / "trust.seen.json", written(old, tmp_path / "old")
    for _ in range(100):
        if state.exists():
            break
        chromium.wait(0.05)
    remembered = new.verify().seen
    assert remembered is not None
    assert state.read_bytes() == encode_seen(remembered)
    desk.drop(older, trust)
    assert desk.verify() == "verified"
    desk.drop(older)
    desk.choose(seen=state)
    assert (desk.verify(), desk.codes) == ("failed", ["log-rollback"])
    assert "this page keeps no memory" not in desk.text()


def test_a_run_can_be_stopped(desk: Desk, tmp_path: Path) -> None:
    """Then there is no verdict."""
    release, trust = written(Simulator().finish(), tmp_path)
    with (release / "data" / "large").open("wb") as file:
        file.truncate(1 << 30)
    desk.drop(release, trust)
    desk.page.run("document.getElementById('start').click(); document.getElementById('stop').click()")
    assert desk.ended() == ""
    assert desk.complaint == "Stopped. There is no verdict."


def bad_inputs(place: Path) -> dict[str, tuple[list[str], str]]:
    """Return what is dropped in the place of a release and a trust file, and what the page answers."""
    written(Simulator().finish(), place)
    (place / "loose.json").write_text(json.dumps(json.loads((place / "trust.json").read_bytes()), indent=1), encoding="utf-8")
    (place / "large.json").write_bytes(b"{" + b" " * (1 << 20))
    (place / "other").mkdir()
    (place / "other" / "file").write_bytes(b"x")
    (place / "empty").mkdir()
    return {
        "nothing": ([], "Choose the trust file first"),
        "no trust file": (["published"], "Choose the trust file first"),
        "no release": (["trust.json"], "Choose the folder of the release"),
        "a folder without files": (["empty", "trust.json"], "Choose the folder of the release"),
        "two folders": (["published", "other", "trust.json"], "Drop the one folder that holds release.json"),
        "a trust file in another form": (
            ["published", "loose.json"],
            "loose.json is not a trust file nor a state file in its one legal form.",
        ),
        "a trust file that is too large": (["published", "large.json"], "large.json is not a trust file"),
        "the manifest as a trust file": (["published/release.json"], "release.json is not a trust file"),
    }


def test_bad_input_is_answered_in_one_sentence(chromium: Browser, url: str, tmp_path: Path) -> None:
    """Each says what is wrong, and nothing is verified."""
    for name, (paths, words) in bad_inputs(tmp_path).items():
        desk = Desk(chromium, url)
        if paths:
            desk.page.drop("#folder", [tmp_path / path for path in paths])
            desk.page.wait_for(
                "['folder-chosen', 'trust-chosen', 'complaint'].some((id) => document.getElementById(id).textContent !== '') || true"
            )
            chromium.wait(0.5)
        if not desk.complaint:
            assert desk.verify() == "", name
        assert desk.complaint.startswith(words), name
        assert desk.page.errors == []
        desk.page.close()


def test_a_state_file_of_another_line_is_refused_before_the_run(desk: Desk, tmp_path: Path) -> None:
    """What was seen of one line says nothing of another."""
    world = Simulator().finish()
    remembered = world.verify().seen
    assert remembered is not None
    state = tmp_path / "seen.json"
    state.write_bytes(encode_seen(replace(remembered, origin="other.example/line")))
    desk.drop(*written(world, tmp_path))
    desk.choose(seen=state)
    assert desk.verify() == ""
    assert desk.complaint == "The state file remembers another line: other.example/line."
