"""The driver of the headless browser itself: what the other tests of this folder rest on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browser, BrowserError, Node, browser, needs_chromium

pytestmark = needs_chromium

PAGE = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>A page</title>
<style>body { margin: 0; color: rgb(1, 2, 3) } @media (prefers-color-scheme: dark) { body { color: rgb(9, 9, 9) } }
@media print { body { color: rgb(0, 0, 0) } }</style></head>
<body><h1>Heading</h1><a href="#end">Skip</a><button id="b" aria-describedby="d">Press</button><p id="d">what it does</p>
<input type="file" id="files" multiple aria-label="Files"><div id="zone" style="height: 50px">Drop</div><p id="end">end</p>
<script>
document.getElementById("b").onclick = () => { document.title = "pressed"; };
document.getElementById("zone").ondragover = (event) => event.preventDefault();
document.getElementById("zone").ondrop = (event) => { event.preventDefault(); document.title = event.dataTransfer.files[0].name; };
</script></body></html>"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Return a browser for all tests of this module."""
    with browser() as found:
        yield found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a page's file."""
    file = tmp_path / "page.html"
    file.write_text(PAGE, encoding="utf-8")
    return file


def test_a_file_is_opened_and_read(chromium: Browser, path: Path) -> None:
    """Expressions come back as values, promises as what they come to, and an exception as an error."""
    page = chromium.page()
    page.open(path.as_uri())
    assert page.run("document.title") == "A page"
    assert page.run("Promise.resolve([1, 'two'])") == [1, "two"]
    assert page.requests == [path.as_uri()]
    assert page.errors == []
    with pytest.raises(BrowserError, match="no such thing"):
        page.run("(() => { throw new Error('no such thing'); })()")
    page.close()


def test_errors_and_requests_are_collected(chromium: Browser, path: Path) -> None:
    """Whatever the console is told, what throws, and what is asked of anywhere is known; no name but the loopback's resolves."""
    page = chromium.page()
    page.open(path.as_uri())
    page.run("console.error('told'), setTimeout(() => { throw new Error('thrown'); }), fetch('http://name.example/').catch(() => 0)")
    page.wait_for("new Promise((done) => setTimeout(() => done(true), 50))")
    assert "told" in page.errors
    assert any("thrown" in error for error in page.errors)
    assert "http://name.example/" in page.requests
    page.close()


def test_media_are_emulated(chromium: Browser, path: Path, tmp_path: Path) -> None:
    """A page can be looked at in the dark, on paper and on a phone, and is drawn."""
    page = chromium.page(width=320, height=600, dark=True)
    page.open(path.as_uri())
    colour = "getComputedStyle(document.body).color"
    assert page.run(colour) == "rgb(9, 9, 9)"
    assert page.run("innerWidth") == 320
    page.emulate(media="print")
    assert page.run(colour) == "rgb(0, 0, 0)"
    page.emulate()
    assert page.run(colour) == "rgb(1, 2, 3)"
    assert page.screenshot(tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert page.pdf(tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    page.close()


def test_keys_files_and_drops_reach_the_page(chromium: Browser, path: Path) -> None:
    """What a person does with keyboard and mouse can be done, with files too."""
    page = chromium.page()
    page.open(path.as_uri())
    page.press("Tab")
    page.press("Tab")
    assert page.run("document.activeElement.id") == "b"
    page.press("Enter")
    assert page.run("document.title") == "pressed"
    page.set_files("#files", [path])
    assert page.run("document.getElementById('files').files[0].name") == "page.html"
    page.drop("#zone", [path])
    assert page.wait_for("document.title === 'page.html'")
    page.close()


def test_names_that_a_screen_reader_says_are_read(chromium: Browser, path: Path) -> None:
    """Roles, names, descriptions and properties come in reading order."""
    page = chromium.page()
    page.open(path.as_uri())
    tree = page.tree()
    heading = next(node for node in tree if node.role == "heading")
    assert (heading.name, heading.properties["level"]) == ("Heading", 1)
    button = next(node for node in tree if node.role == "button")
    assert (button.name, button.description) == ("Press", "what it does")
    assert isinstance(tree[0], Node)
    assert tree[0].role == "RootWebArea"
    page.close()
