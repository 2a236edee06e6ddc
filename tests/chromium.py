"""A headless Chromium for tests, driven over the DevTools protocol through a pair of pipes; the standard library alone.

    with browser() as chromium:
        page = chromium.page(width=360, height=740, dark=True)
        page.open(path.as_uri())
        assert page.run("document.title") == "..."
        page.screenshot(tmp_path / "phone.png")

Messages are JSON ended by NUL on file descriptors 3 (to the browser) and 4 (from it): `--remote-debugging-pipe`. No port is opened, and no name
but the loopback's resolves. Methods and events: https://chromedevtools.github.io/devtools-protocol/.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 60.0  # seconds for one answer, on a busy machine
DOMAINS = ("Page", "Runtime", "Log", "Network", "DOM", "Accessibility")
FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-gpu",
    "--disable-sync",
    "--font-render-hinting=none",
    "--hide-scrollbars",
    "--lang=en",
    "--password-store=basic",
)
KEYS = {
    "Tab": 9,
    "Enter": 13,
    "Escape": 27,
    " ": 32,
    "PageDown": 34,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}
_TYPED = {"Enter": "\r", " ": " "}
_MODIFIERS = {"Alt": 1, "Control": 2, "Meta": 4, "Shift": 8}

needs_chromium = pytest.mark.skipif(PROGRAM is None, reason="no chromium is on PATH")


class BrowserError(AssertionError):
    """The browser refused a call, gave no answer in time, or ended; or the page's script threw."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the accessibility tree as a screen reader meets it.

    Attributes:
        role: such as `heading`, `button`, `image`, `StaticText`.
        name: its accessible name; "" without one.
        description: its accessible description; "" without one.
        properties: such as `level`, `focusable`, `checked`, `expanded`.
    """

    role: str
    name: str
    description: str = ""
    properties: dict[str, Any] = field(default_factory=dict)


@contextmanager
def browser() -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it; skips the test where there is none."""
    if PROGRAM is None:
        pytest.skip("no chromium is on PATH")
    with tempfile.TemporaryDirectory(prefix="chromium-", ignore_cleanup_errors=True) as profile:
        chromium = Browser(PROGRAM, Path(profile))
        try:
            yield chromium
        finally:
            chromium.end()


class Browser:
    """A running browser. `page` opens tabs."""

    def __init__(self, program: str, profile: Path) -> None:
        from_us, self._to = _pipe()
        self._from, to_us = _pipe()
        arguments = [program, *FLAGS, f"--user-data-dir={profile}", "--window-size=1280,900"]
        if os.geteuid() == 0:
            arguments.append("--no-sandbox")  # Chromium's sandbox does not run as root
        actions = [
            (os.POSIX_SPAWN_DUP2, from_us, 3),
            (os.POSIX_SPAWN_DUP2, to_us, 4),
            (os.POSIX_SPAWN_OPEN, 2, str(profile / "errors.txt"), os.O_WRONLY | os.O_CREAT, 0o600),
        ]
        environment = {**os.environ, "HOME": str(profile), "XDG_CONFIG_HOME": str(profile), "XDG_CACHE_HOME": str(profile)}
        self._process = os.posix_spawn(program, arguments, environment, file_actions=actions, setsid=True)
        os.close(from_us)
        os.close(to_us)
        self._number = 0
        self._rest = b""
        self._pages: dict[str, Page] = {}

    def page(self, *, width: int = 1280, height: int = 900, dark: bool = False, media: str = "", calm: bool = False) -> Page:
        """Open an empty tab, as `Page.emulate` makes it look."""
        target = self.call("Target.createTarget", {"url": "about:blank"})["targetId"]
        session = self.call("Target.attachToTarget", {"targetId": target, "flatten": True})["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in DOMAINS:
            page.call(f"{domain}.enable")
        page.emulate(width=width, height=height, dark=dark, media=media, calm=calm)
        return page

    def call(self, method: str, params: dict[str, Any] | None = None, session: str = "", patience: float = PATIENCE) -> dict[str, Any]:
        """Call a method and return its result; events that come meanwhile are kept with their pages.

        Raises:
            BrowserError: it was refused, or had no answer in time.
        """
        self._number += 1
        message = {"id": self._number, "method": method, "params": params or {}} | ({"sessionId": session} if session else {})
        self._write(json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + patience
        while True:
            answer = self._next(deadline, method)
            if answer.get("id") == self._number:
                break
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}")
        result: dict[str, Any] = answer["result"]
        return result

    def wait(self, seconds: float) -> None:
        """Take in what the browser tells within some seconds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(TimeoutError):
                self._next(deadline, "")

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._to, data) :]

    def _next(self, deadline: float, waiting_for: str) -> dict[str, Any]:
        """Return the next message, after giving an event to its page.

        Raises:
            TimeoutError: there was none before the deadline, and nobody waits for an answer.
            BrowserError: there was none, or the browser ended.
        """
        while b"\0" not in self._rest:
            if not select.select([self._from], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise BrowserError(f"{waiting_for}: no answer in time") if waiting_for else TimeoutError
            part = os.read(self._from, 1 << 20)
            if not part:
                raise BrowserError(f"{waiting_for}: the browser ended")
            self._rest += part
        raw, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(raw)
        page = self._pages.get(message.get("sessionId", ""))
        if page is not None and "method" in message:
            page.take(message["method"], message["params"])
        return message

    def end(self) -> None:
        """End the browser and every process that it started."""
        with suppress(BrowserError, OSError):
            self.call("Browser.close", patience=5.0)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            ended, _ = os.waitpid(self._process, os.WNOHANG)
            if ended:
                break
            time.sleep(0.05)
        else:
            os.killpg(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        os.close(self._to)
        os.close(self._from)


class Page:
    """A tab.

    Attributes:
        errors: what the console was told as an error or warning, uncaught exceptions, and what the content security policy refused.
        requests: the URL of everything that the page asked for, itself first.
    """

    def __init__(self, chromium: Browser, session: str, target: str) -> None:
        self._browser = chromium
        self._session = session
        self._target = target
        self._loaded = False
        self.errors: list[str] = []
        self.requests: list[str] = []

    def call(self, method: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call a method of the protocol on this tab."""
        return self._browser.call(method, params, self._session)

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", {"targetId": self._target})

    def open(self, url: str) -> None:
        """Go to a URL (`Path.as_uri()` for a file) and wait until it has loaded.

        Raises:
            BrowserError: it cannot be loaded.
        """
        self.errors.clear()
        self.requests.clear()
        self._loaded = False
        answer = self.call("Page.navigate", {"url": url})
        if answer.get("errorText"):
            raise BrowserError(f"{url}: {answer['errorText']}")
        deadline = time.monotonic() + PATIENCE
        while not self._loaded:
            self._browser._next(deadline, f"the load of {url}")

    def run(self, script: str) -> Any:
        """Return the value of an expression (a promise's, once it has one), as JSON holds it.

        Raises:
            BrowserError: it threw.
        """
        asked = {"expression": script, "awaitPromise": True, "returnByValue": True, "userGesture": True}
        answer = self.call("Runtime.evaluate", asked)
        if "exceptionDetails" in answer:
            raise BrowserError(_thrown(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_for(self, condition: str, seconds: float = PATIENCE) -> Any:
        """Wait until an expression is true, and return its value.

        Raises:
            BrowserError: it never was.
        """
        deadline = time.monotonic() + seconds
        while not (value := self.run(condition)):
            if time.monotonic() > deadline:
                raise BrowserError(f"never true: {condition}; errors: {self.errors}")
            self._browser.wait(0.05)
        return value

    def emulate(
        self, *, width: int = 1280, height: int = 900, dark: bool = False, media: str = "", calm: bool = False, forced: bool = False
    ) -> None:
        """Choose the viewport in CSS pixels, the colour scheme, `media` ("print"; "" for screen), reduced motion and forced colours."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.call("Emulation.setDeviceMetricsOverride", size)
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce" if calm else "no-preference",
            "forced-colors": "active" if forced else "none",
        }
        listed = [{"name": name, "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", {"media": media, "features": listed})

    def screenshot(self, path: Path, *, whole: bool = True) -> Path:
        """Write the page as a PNG, or the viewport only, and return its path."""
        asked: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = self.call("Page.getLayoutMetrics")["cssContentSize"]
            asked["clip"] = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", asked)["data"]))
        return path

    def pdf(self, path: Path) -> Path:
        """Print the page into a PDF, as its style sheet for paper says, and return its path."""
        answer = self.call("Page.printToPDF", {"preferCSSPageSize": True, "printBackground": False})
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    def tree(self) -> list[Node]:
        """Return the accessibility tree in reading order, without the nodes that are ignored."""
        nodes = self.call("Accessibility.getFullAXTree")["nodes"]
        children = {node["nodeId"]: node.get("childIds", []) for node in nodes}
        by_id = {node["nodeId"]: node for node in nodes}
        waiting, found = [node["nodeId"] for node in nodes[:1]], []
        while waiting:
            name = waiting.pop()
            waiting.extend(reversed(children.get(name, [])))
            if name in by_id and not by_id[name]["ignored"]:
                found.append(_node(by_id[name]))
        return found

    def press(self, key: str, *modifiers: str) -> None:
        """Press and release a key (one of `KEYS`, or a character) with `Alt`, `Control`, `Meta` or `Shift` held."""
        code = KEYS.get(key, ord(key.upper()) if len(key) == 1 else 0)
        held = sum(_MODIFIERS[name] for name in modifiers)
        common = {"key": key, "code": key if len(key) > 1 else "", "windowsVirtualKeyCode": code, "modifiers": held}
        text = _TYPED.get(key, key if len(key) == 1 else "")
        self.call("Input.dispatchKeyEvent", {"type": "keyDown", **common} | ({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", {"type": "keyUp", **common})

    def click(self, selector: str) -> None:
        """Click into the middle of an element."""
        x, y = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1})

    def set_files(self, selector: str, paths: Sequence[Path]) -> None:
        """Choose files (or one folder, where the element takes folders) in an `<input type="file">`."""
        root = self.call("DOM.getDocument", {"depth": 0})["root"]["nodeId"]
        found = self.call("DOM.querySelector", {"nodeId": root, "selector": selector})["nodeId"]
        self.call("DOM.setFileInputFiles", {"nodeId": found, "files": [str(path.absolute()) for path in paths]})

    def drop(self, selector: str, paths: Sequence[Path]) -> None:
        """Drag files or folders onto the middle of an element, and let go."""
        x, y = self._middle(selector)
        data = {"items": [], "files": [str(path.absolute()) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self.call("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": data})

    def _middle(self, selector: str) -> tuple[float, float]:
        script = f"""(() => {{ const found = document.querySelector({json.dumps(selector)}); found.scrollIntoView({{block: "center"}});
            const box = found.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()"""
        x, y = self.run(script)
        return x, y

    def take(self, method: str, params: dict[str, Any]) -> None:
        """Keep an event of the browser's."""
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(_thrown(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(value.get("value", value.get("description", ""))) for value in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe with numbers above those that the browser's ends are given."""
    ends = os.pipe()
    moved = fcntl.fcntl(ends[0], fcntl.F_DUPFD_CLOEXEC, 10), fcntl.fcntl(ends[1], fcntl.F_DUPFD_CLOEXEC, 10)
    for end in ends:
        os.close(end)
    return moved


def _node(raw: dict[str, Any]) -> Node:
    words = [str(raw.get(part, {}).get("value", "")) for part in ("role", "name", "description")]
    return Node(*words, {item["name"]: item["value"].get("value") for item in raw.get("properties", ())})


def _thrown(details: dict[str, Any]) -> str:
    return str(details.get("exception", {}).get("description", details["text"]))
