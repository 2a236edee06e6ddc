"""The page that verifies in a browser: what comes with the package, how it is written out, and how a trust file names it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import runpy
from pathlib import Path

import pytest
from simulator import Simulator

from audit_logs import trust as trusts
from audit_logs.errors import TrustError
from release import trustfile, verifypage
from release.cli import run

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = ROOT / "scripts" / "make_verify_page.py"
DIGEST = hashlib.sha256(b"a page").hexdigest()


@pytest.fixture
def trust(tmp_path: Path) -> Path:
    """Return a trust file by which readers can verify."""
    path = tmp_path / "trust.json"
    path.write_bytes(Simulator().trust_bytes())
    return path


def test_the_packaged_page_is_what_the_script_makes() -> None:
    """Whoever changes verifier-js/ makes the page again; the script gives the same bytes each time."""
    make = runpy.run_path(str(SCRIPT))["page"]
    assert verifypage.page() == make() == make()


def test_the_page_allows_its_one_script_and_style_and_nothing_from_elsewhere() -> None:
    """The policy names both by their SHA-256; there is no other element that loads anything, and no handler in markup."""
    text = verifypage.page().decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    for element, rule in (("script", "script-src"), ("style", "style-src")):
        found = re.findall(rf"<{element}[^>]*>(.*?)</{element}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(found[0].encode()).digest()).decode()
        assert (len(found), rules[rule]) == (1, f"'sha256-{digest}'")
    assert (rules["default-src"], rules["require-trusted-types-for"]) == ("'none'", "'script'")
    assert len(text.encode()) < verifypage.LIMIT
    markup = re.sub(r"<(script|style)[^>]*>.*?</\1>", "", text, flags=re.DOTALL)
    assert re.findall(r"\b(?:src|href|on[a-z]+|style)=", markup) == []
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|Function\(|localStorage", text) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("export default 1;\n", "does not know"),
        ("export { a };\n", "does not know"),
        ('import a from "./b.mjs";\n', "does not know"),
        ('import { a } from "./a.mjs";\nexport const b = a;\n', "imports itself"),
    ],
)
def test_a_module_that_the_script_does_not_know_is_refused(source: str, words: str, tmp_path: Path) -> None:
    """A page is made of what was understood, or not at all."""
    script = runpy.run_path(str(SCRIPT))
    script["bundle"].__globals__["SECOND"] = tmp_path
    (tmp_path / "a.mjs").write_text(source, encoding="utf-8")
    with pytest.raises(script["PageError"], match=words):
        script["bundle"](tmp_path / "a.mjs")


def test_the_page_is_written_out_and_its_digest_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is written has the digest that is told, with and without a file."""
    out = tmp_path / "verify.html"
    assert run(["page", "--out", str(out)]) == 0
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    assert digest in capsys.readouterr().out
    assert run(["page", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"page": None, "sha256": digest}


def test_the_page_is_not_written_into_a_release_nor_over_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A page beside the data is the one thing that nobody should use; and nothing is overwritten."""
    release = tmp_path / "published"
    Simulator().finish().write_to(release)
    before = sorted(path for path in release.rglob("*"))
    for out in (release / "verify.html", release / "data" / "verify.html", release / "README.md"):
        assert run(["page", "--out", str(out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert sorted(path for path in release.rglob("*")) == before


def test_the_page_is_not_written_into_a_release_by_way_of_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where a path leads counts, not how it is written; and a link that leads nowhere is not replaced."""
    release, link, dangling = tmp_path / "published", tmp_path / "link", tmp_path / "dangling"
    Simulator().finish().write_to(release)
    link.symlink_to(release / "data")
    dangling.symlink_to(tmp_path / "nowhere")
    for out in (link / "verify.html", dangling):
        assert run(["page", "--out", str(out)]) == 2
        assert capsys.readouterr().err.count("\n") == 1
    assert not (release / "data" / "verify.html").exists()
    assert dangling.is_symlink()
    assert run(["page", "--out", str(release / ".." / "verify.html")]) == 0
    assert (tmp_path / "verify.html").read_bytes() == verifypage.page()


def test_a_trust_file_names_the_page(trust: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Naming one makes the next version, naming it again changes nothing, and `--none` takes it away."""
    page, first = tmp_path / "verify.html", trustfile.read(trust)
    page.write_bytes(b"a page")
    assert run(["trust", "page", str(trust), str(page)]) == 0
    named = trusts.parse(trust.read_bytes())
    assert (named.verify_page, named.version, named.previous) == (DIGEST, 2, first.digest)
    assert json.loads(trust.read_bytes())["verifyPage"] == DIGEST
    assert run(["trust", "page", str(trust), str(page)]) == 0
    assert trusts.parse(trust.read_bytes()) == named
    capsys.readouterr()
    assert run(["trust", "show", str(trust)]) == 0
    assert f"page that verifies: sha256 {DIGEST}" in capsys.readouterr().out
    assert run(["trust", "page", str(trust), "--none"]) == 0
    taken = trusts.parse(trust.read_bytes())
    assert (taken.verify_page, taken.version) == ("", 3)
    assert "verifyPage" not in json.loads(trust.read_bytes())


def test_a_file_that_nobody_can_verify_by_yet_is_completed_in_place(tmp_path: Path) -> None:
    """As with auditors, nobody can have pinned it."""
    assert run(["init", str(tmp_path / "x"), "--name", "example/x", "--format", "quiet"]) == 0
    trust, page = tmp_path / "x" / "trust.json", tmp_path / "verify.html"
    page.write_bytes(b"a page")
    assert run(["trust", "page", str(trust), str(page)]) == 0
    assert (trustfile.read(trust).version, trustfile.read(trust).verify_page) == (1, DIGEST)


def test_naming_a_page_is_refused_in_one_line(trust: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither page nor `--none`, both, and a page that is not there; the trust file stays as it is."""
    before = trust.read_bytes()
    for words, code in (([], 2), ([str(trust), "--none"], 2), ([str(tmp_path / "none.html")], 1)):
        assert run(["trust", "page", str(trust), *words]) == code
        assert capsys.readouterr().err.count("\n") == 1
    assert trust.read_bytes() == before


def test_a_page_is_not_named_in_a_faulty_trust_file() -> None:
    """A file that would be refused for more than its lack of auditors is not made into another version."""
    trust = Simulator().trust
    with pytest.raises(TrustError):
        trustfile.with_page(
            trusts.Trust(**{**{name: getattr(trust, name) for name in trust.__slots__}, "publish": ("SHA256:" + "A" * 43,)}), DIGEST
        )
