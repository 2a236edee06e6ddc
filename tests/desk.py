"""The page that verifies, as a person meets it: opened, given a trust file and a release, and read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from chromium import Browser, Page
from simulator import NOW, MemoryFiles, Simulator

from release import verifypage

FAILURES = """[...document.querySelectorAll(".failure")].map((box) => [box.querySelector("code").textContent,
    ...[...box.querySelectorAll("dd")].map((part) => part.textContent)])"""


class Desk:
    """A tab with the page, at a time that the test gives."""

    def __init__(self, chromium: Browser, url: str, *, now: datetime = NOW, **looks: Any) -> None:
        self.page: Page = chromium.page(**looks)
        clock = f"Date.now = () => {int(now.timestamp() * 1000)};"
        self.page.call("Page.addScriptToEvaluateOnNewDocument", {"source": clock})
        self.page.open(url)

    def drop(self, *paths: Path) -> None:
        """Drop folder and files together, and wait until the page has taken them in."""
        self.clear()
        self.page.drop("#folder", paths)
        self.page.wait_for("['folder-chosen', 'trust-chosen', 'complaint'].some((id) => document.getElementById(id).textContent !== '')")
        self.page.wait_for(
            "document.getElementById('folder-chosen').textContent !== '' || document.getElementById('complaint').textContent !== ''"
        )

    def choose(self, folder: Path | None = None, **documents: Path) -> None:
        """Choose through the inputs: the folder, and `trust` or `seen`."""
        for name, path in documents.items():
            self.page.set_files(f"#{name}", [path])
            self.page.wait_for(
                f"document.getElementById('{name}-chosen').textContent !== '' || document.getElementById('complaint').textContent !== ''"
            )
        if folder is not None:
            self.page.set_files("#folder", [folder])
            self.page.wait_for("document.getElementById('folder-chosen').textContent !== ''")

    def clear(self) -> None:
        """Forget what the page said of an earlier choice."""
        self.page.run("for (const id of ['folder-chosen', 'trust-chosen', 'complaint']) document.getElementById(id).textContent = ''")

    def verify(self) -> str:
        """Press the button, wait for the end, and return the verdict; "" where there is none."""
        self.page.click("#start")
        return self.ended()

    def ended(self) -> str:
        """Wait for the end of a run, and return the verdict."""
        self.page.wait_for(
            "!document.getElementById('start').disabled && (!document.getElementById('result').hidden || document.getElementById('complaint').textContent !== '')"
        )
        return str(
            self.page.run("document.getElementById('result').hidden ? '' : document.getElementById('verdict').textContent.toLowerCase()")
        )

    @property
    def codes(self) -> list[str]:
        """The codes that the report shows, sorted, each once."""
        return sorted({failure[0] for failure in self.failures})

    @property
    def failures(self) -> list[list[str]]:
        """Code, place, expected and found of each failure that the report shows."""
        found: list[list[str]] = self.page.run(FAILURES)
        return found

    def text(self, selector: str = "#result") -> str:
        """What an element says, as it is shown."""
        return str(self.page.run(f"document.querySelector({json.dumps(selector)}).innerText"))

    @property
    def complaint(self) -> str:
        """What the page asks for instead of verifying."""
        return self.text("#complaint")


class Memory(MemoryFiles):
    """Files of a folder as they lie there."""

    def __init__(self, folder: Path) -> None:
        super().__init__({path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()})


def written(world: Simulator, place: Path) -> tuple[Path, Path]:
    """Write a release and its trust file below a place; return both paths."""
    trust = world.write_to(place / "published")
    return place / "published", trust


def page_file(place: Path) -> Path:
    """Write the page that comes with the package."""
    path = place / "verify.html"
    path.write_bytes(verifypage.page())
    return path


class _Quiet(SimpleHTTPRequestHandler):
    """A plain web server for a folder that adds headers and remembers what was asked."""

    def __init__(self, *arguments: Any, headers: Mapping[str, str], asked: list[str], **options: Any) -> None:
        self.more = headers
        self.asked = asked
        super().__init__(*arguments, **options)

    def end_headers(self) -> None:
        for name, value in self.more.items():
            self.send_header(name, value)
        super().end_headers()

    def send_head(self) -> Any:
        self.asked.append(self.path)
        if self.path.startswith("/away/"):
            self.send_response(302)
            self.send_header("Location", self.path.replace("/away/", "/"))
            self.end_headers()
            return None
        return super().send_head()

    def copyfile(self, source: Any, outputfile: Any) -> None:
        with suppress(ConnectionError):  # the page took no more than it wanted
            super().copyfile(source, outputfile)

    def list_directory(self, path: Any) -> None:  # noqa: ARG002  (a server that gives no list)
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        return


@contextmanager
def serving(folder: Path, headers: Mapping[str, str] | None = None) -> Iterator[tuple[str, Sequence[str]]]:
    """Serve a folder on the loopback; gives its address, and what was asked for."""
    asked: list[str] = []
    handler = partial(_Quiet, directory=str(folder), headers=headers or {}, asked=asked)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()
