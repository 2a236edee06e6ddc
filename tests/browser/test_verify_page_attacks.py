"""Attacks on the page that verifies: what it shows must be about what was chosen last, and never more than `audit_logs` says."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from chromium import Browser, browser, needs_chromium
from desk import Desk, Memory, page_file, serving, written
from simulator import NOW, Simulator

from audit_logs.statement import Candidate, FilterStep
from audit_logs.verify import verify

pytestmark = needs_chromium

SLOW = """{ const real = DataTransferItem.prototype.webkitGetAsEntry;
DataTransferItem.prototype.webkitGetAsEntry = function () {
  const entry = real.call(this);
  const reader = entry.createReader();
  const readEntries = (ok, no) => setTimeout(() => reader.readEntries(ok, no), 400);
  return { isDirectory: true, isFile: false, name: entry.name, fullPath: entry.fullPath, createReader: () => ({ readEntries }) };
}; }"""


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


def two(place: Path) -> tuple[Path, Path, Path]:
    """Write a good release and one with a data file too many, both called `published`, and their trust file."""
    good, trust = written(Simulator().finish(), place / "good")
    bad = place / "bad" / "published"
    shutil.copytree(good, bad)
    (bad / "data" / "extra.parquet").write_bytes(b"PAR1")
    return good, bad, trust


def _pause(desk: Desk, milliseconds: int) -> None:
    desk.page.run(f"new Promise((done) => setTimeout(done, {milliseconds}))")


def test_a_folder_that_is_still_being_read_is_waited_for(chromium: Browser, tmp_path: Path) -> None:
    """Nobody gets the verdict on the folder before, while the one that was dropped over it is on its way."""
    good, bad, trust = two(tmp_path)
    page_file(tmp_path)
    with serving(tmp_path) as (site, _):
        desk = Desk(chromium, f"{site}/verify.html")
        desk.drop(good, trust)
        desk.page.run(SLOW)
        desk.page.drop("#folder", [bad])
        assert desk.page.run("document.getElementById('start').disabled")
        assert desk.text("#folder-chosen") == ""
        desk.page.run("document.getElementById('form').requestSubmit()")
        desk.page.wait_for("document.getElementById('folder-chosen').textContent !== '' && !document.getElementById('start').disabled")
        assert "15 files" in desk.text("#folder-chosen")
        assert (desk.verify(), desk.codes) == ("failed", ["folder-extra"])
        desk.page.close()


def test_the_folder_that_was_dropped_last_counts(chromium: Browser, tmp_path: Path) -> None:
    """Whichever of two is read first."""
    good, bad, trust = two(tmp_path)
    page_file(tmp_path)
    with serving(tmp_path) as (site, _):
        desk = Desk(chromium, f"{site}/verify.html")
        desk.choose(trust=trust)
        desk.page.run(SLOW)
        desk.page.drop("#folder", [good])
        desk.choose(bad)
        _pause(desk, 2500)
        assert "15 files" in desk.text("#folder-chosen")
        assert (desk.verify(), desk.codes) == ("failed", ["folder-extra"])
        desk.page.close()


@pytest.mark.parametrize("way", ["dropped", "chosen"])
def test_a_file_that_came_after_the_verdict_is_not_overlooked(way: str, desk: Desk, tmp_path: Path) -> None:
    """A browser lists a folder once, so a second run needs the folder anew, and says of what time its list is."""
    good, _, trust = two(tmp_path)
    give = desk.drop if way == "dropped" else desk.choose
    desk.choose(trust=trust)
    give(good)
    assert desk.verify() == "verified"
    assert f"with the files that it held at {NOW:%Y-%m-%dT%H:%M:%SZ}" in desk.text()
    (good / "data" / "extra.parquet").write_bytes(b"PAR1")
    assert desk.verify() == ""
    assert desk.complaint == "Choose the folder of the release, or give its address."
    assert "choose the folder again" in desk.text("#folder-chosen")
    desk.clear()
    give(good)
    assert (desk.verify(), desk.codes) == ("failed", ["folder-extra"])
    assert desk.page.errors == []


def test_a_folder_whose_names_cannot_be_read_leaves_none_chosen(desk: Desk, tmp_path: Path) -> None:
    """Above all not the one before, while the box shows the new one."""
    good, bad, trust = two(tmp_path)
    desk.choose(good, trust=trust)
    desk.page.run("DataTransferItem.prototype.getAsFileSystemHandle = async () => { throw new Error('no'); }")
    desk.clear()
    desk.page.drop("#folder", [bad])
    desk.page.wait_for("document.getElementById('complaint').textContent !== ''")
    assert desk.complaint.startswith("This browser could not read all names in that folder.")
    assert desk.verify() == ""
    assert desk.page.errors == []


def test_a_trust_file_that_cannot_be_read_leaves_none_chosen(desk: Desk, tmp_path: Path) -> None:
    """Nothing is verified by the file before it."""
    good, _, trust = two(tmp_path)
    desk.choose(good, trust=trust)
    desk.page.run("File.prototype.arrayBuffer = async () => { throw new DOMException('gone', 'NotReadableError'); }")
    other = tmp_path / "other.json"
    other.write_bytes(trust.read_bytes())
    desk.page.set_files("#trust", [other])
    desk.page.wait_for("document.getElementById('complaint').textContent !== ''")
    assert desk.text("#trust-chosen") == ""
    assert desk.verify() == ""
    assert desk.complaint == "Choose the trust file first: without it nobody can say whom to believe."


def test_a_report_that_was_on_its_way_when_the_run_was_stopped_is_not_shown(desk: Desk, tmp_path: Path) -> None:
    """What the worker said before it was ended reaches the page later, and no verdict comes of it."""
    good, _, trust = two(tmp_path)
    desk.page.run(
        "globalThis.Worker = class extends Worker { set onmessage(tell) { super.onmessage = (at) => setTimeout(() => tell(at), 800); } }"
    )
    desk.choose(good, trust=trust)
    desk.page.click("#start")
    _pause(desk, 400)
    desk.page.click("#stop")
    _pause(desk, 1200)
    assert desk.complaint == "Stopped. There is no verdict."
    assert desk.page.run("document.getElementById('result').hidden")
    assert desk.page.errors == []


def test_what_is_dropped_during_a_run_changes_nothing(desk: Desk, tmp_path: Path) -> None:
    """Neither what is verified, nor which page is open."""
    good, bad, trust = two(tmp_path)
    desk.page.run(
        "globalThis.Worker = class extends Worker { set onmessage(tell) { super.onmessage = (at) => setTimeout(() => tell(at), 800); } }"
    )
    desk.choose(good, trust=trust)
    desk.page.click("#start")
    desk.page.drop("#folder", [bad])
    assert desk.ended() == "verified"
    assert "with the files that it held" in desk.text()


def test_a_page_that_is_shown_or_opened_by_another_verifies_nothing(chromium: Browser, tmp_path: Path) -> None:
    """Whoever frames it can lay words over it, whoever opened it can put another page in its place."""
    page_file(tmp_path)
    (tmp_path / "frame.html").write_text("<!DOCTYPE html><iframe src=verify.html></iframe>", encoding="utf-8")
    refused = "document.getElementById('start')?.disabled && document.getElementById('complaint').textContent.startsWith('Another page shows or opened this one')"
    with serving(tmp_path) as (site, _):
        page = chromium.page()
        page.open(f"{site}/frame.html")
        page.wait_for(f"((document) => {refused})(frames[0].document)")
        page.run("void (globalThis.other = open('verify.html'))")
        page.wait_for(f"((document) => {refused})(other.document)")
        page.run("other.close()")
        page.close()


class _Liar(BaseHTTPRequestHandler):
    """A server for a folder that answers files whose name ends in `about` in its own way."""

    protocol_version = "HTTP/1.1"
    folder: Path
    lie = ""
    about = ""

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        body = path.read_bytes() if path.is_file() else None
        about = self.path.endswith(self.about) and self.command == "GET"
        packed = self.lie == "packed"
        self.send_response(404 if body is None else 200)
        self.send_header("Access-Control-Allow-Origin", "*")
        if packed and body is not None:
            body = gzip.compress(body)
            self.send_header("Content-Encoding", "gzip")
        if about and self.lie == "endless":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        if self.command == "GET":
            self._send(body or b"", self.lie if about else "")

    do_HEAD = do_GET  # noqa: N815  (the name that the base class looks for)

    def _send(self, body: bytes, lie: str) -> None:
        self.close_connection = lie in ("endless", "cut")
        with suppress(OSError):  # the page took no more than it wanted
            self.wfile.write(body[:10] if lie == "cut" else body)
            until = time.monotonic() + 20
            while lie == "endless" and time.monotonic() < until:
                self.wfile.write(bytes(65_536))

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def lying(folder: Path, lie: str, about: str) -> Iterator[str]:
    """Serve a folder in that way, and give its address."""
    handler = type("Liar", (_Liar,), {"folder": folder, "lie": lie, "about": about})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("lie", "about", "told"),
    [
        ("packed", "", ("incomplete", ["folder-unlisted"])),
        ("endless", "00000-of-00002.parquet", ("failed", ["file-digest", "folder-unlisted"])),
        ("cut", "00000-of-00002.parquet", ("", [])),
        ("cut", "log/tile/entries/000.p/8", ("", [])),
    ],
    ids=["packed", "endless", "cut-data", "cut-log"],
)
def test_a_server_that_packs_cuts_or_never_ends(lie: str, about: str, told: tuple[str, list[str]], desk: Desk, tmp_path: Path) -> None:
    """What is packed for the way is what it was; what never ends is not read to its end; what breaks off is no verdict."""
    _, trust = written(Simulator().finish(), tmp_path)
    with lying(tmp_path, lie, about) as site:
        desk.choose(trust=trust)
        desk.page.run(f"document.getElementById('address').value = {json.dumps(site + '/published')}")
        began = time.monotonic()
        assert (desk.verify(), desk.codes) == told
        assert time.monotonic() - began < 15
        assert ("broke off before its end. This is no verdict" in desk.complaint) is (lie == "cut")


@pytest.mark.parametrize("address", ["http://*/x", "http://*.example.org/", "http://%2a.example.org/"])
def test_an_address_of_many_hosts_is_none(address: str, desk: Desk, tmp_path: Path) -> None:
    """It would leave the page open to all of them, in browsers that keep a star in a host's name."""
    _, _, trust = two(tmp_path)
    desk.choose(trust=trust)
    desk.page.run(f"document.getElementById('address').value = {json.dumps(address)}")
    assert desk.verify() == ""
    assert desk.complaint.startswith("The address is none that this page can read")


def test_a_manifest_that_nobody_signed_is_not_called_a_release(desk: Desk, tmp_path: Path) -> None:
    """Who lays a manifest of his own beside an honest log gets `incomplete`, and its version and rows stand nowhere as if they were so."""
    world = Simulator()
    world.skip.add(Candidate)
    release, trust = written(world.finish(), tmp_path)
    for name in ("attestations", "reports", "opinions"):
        shutil.rmtree(release / name, ignore_errors=True)
    desk.choose(release, trust=trust)
    assert (desk.verify(), "no-candidate" in desk.codes) == ("incomplete", True)
    assert "it calls itself version 1.0.0, which is not believed" in desk.text()
    assert "5 rows" not in desk.text()


def test_a_strangers_words_neither_pile_up_nor_leave_a_gap(desk: Desk, tmp_path: Path) -> None:
    """A tower of marks could cover the verdict; a row of blanks could part a sentence from whose it is. Both are written out."""
    world = Simulator()
    reason = "a" + "\u030d" * 50 + "\u2800\u3164\u00a0\u3000" * 50 + "VERIFIED"
    world.bend[FilterStep] = lambda step: replace(step, override=reason)
    release, trust = written(world.finish(), tmp_path)
    desk.choose(release, trust=trust)
    assert desk.verify() == "verified"
    said = desk.page.run("document.getElementById('result').textContent")
    assert "a" + "\u030d" * 3 + "\\u{30d}" in said
    assert "\\u{2800}\\u{3164}\\u{a0}\\u{3000}" in said
    assert re.search("\u030d{4}|[\u2800\u3164\u00a0\u3000]", said) is None


@pytest.mark.parametrize("days", [-3, -36_500])
def test_a_clock_that_is_far_behind_makes_nothing_fresh(days: int, chromium: Browser, url: str, tmp_path: Path) -> None:
    """What was signed in the clock's future has no age, which is said as it is."""
    good, _, trust = two(tmp_path)
    desk = Desk(chromium, url, now=NOW + timedelta(days=days))
    desk.choose(good, trust=trust)
    assert (desk.verify(), desk.codes) == ("stale", ["cosignature-future"])
    assert "lies in the future of this machine's clock, so nobody can say how old it is" in desk.text()
    assert "ago or later" not in desk.text()
    desk.page.close()


@pytest.mark.parametrize("is_there", [True, False], ids=["beside", "instead"])
@pytest.mark.parametrize("way", ["dropped", "chosen"])
def test_a_backslash_in_a_name_passes_for_no_folder(way: str, is_there: bool, desk: Desk, tmp_path: Path) -> None:
    r"""Chromium shows `data\x` as `data/x`: the right bytes under that name must not vouch for other bytes, or none, where readers look."""
    release, trust = written(Simulator().finish(), tmp_path)
    real = release / "data" / "train-00000-of-00002.parquet"
    (release / r"data\train-00000-of-00002.parquet").write_bytes(real.read_bytes())
    if is_there:
        real.write_bytes(b"X" + real.read_bytes()[1:])
    else:
        real.unlink()
    if way == "dropped":
        desk.drop(release, trust)
    else:
        desk.choose(release, trust=trust)
    report = verify(Memory(release), trust.read_bytes(), now=NOW)
    assert desk.verify() == "failed" == report.verdict
    assert desk.codes == sorted({failure.code for failure in report.failures})
    assert r"data\train-00000-of-00002.parquet" in desk.text()


def test_a_folder_with_a_backslash_in_its_name_is_no_other_folder(desk: Desk, tmp_path: Path) -> None:
    r"""Dropped, the log in `log\tile` is not the one in `log/tile`; chosen, a browser tells nothing, but never reads one of two."""
    release, trust = written(Simulator().finish(), tmp_path)
    shutil.copytree(release / "log" / "tile", release / r"log\tile")
    desk.choose(release, trust=trust)
    assert (desk.verify(), "one of several files that the browser shows under one path" in desk.text()) == ("failed", True)
    desk.drop(release)
    assert desk.verify() == "failed"
    shutil.rmtree(release / "log" / "tile")
    desk.drop(release)
    assert (desk.verify(), desk.codes) == ("failed", ["log-files"])
