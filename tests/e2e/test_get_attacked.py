"""A reader's own files, and a Hub's answers, while a release is on its way: nothing of the reader's is lost, nothing waits for ever."""

from __future__ import annotations

import gzip
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

import hub_server
import pytest
from huggingface_hub.utils import _http
from made import Made, Maker
from on_hub import FIRST, NAME, ROWS, SHARD, Hub, files_of, release_more

from audit_logs.contact import Chosen
from audit_logs.errors import Problem, StoreError
from release.consume import Wanted, export, open_release
from release.consume.address import parse
from release.consume.fetch import Wish
from release.consume.get import get
from release.consume.hubrecord import at_once
from release.errors import HubError, UsageError
from release.hub import reading


@pytest.fixture
def wish(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Wish:
    """Return the wish for what the Hub has, to be fetched by this very process."""
    hub.here(monkeypatch)
    return Wish(parse(f"hub:{NAME}"), lambda _: Chosen(hub.trust.read_bytes(), None))


def test_a_folder_that_comes_to_stand_there_meanwhile_is_never_replaced(hub: Hub, wish: Wish) -> None:
    """Somebody makes a folder of that name while the data comes: it stays, with all that is in it."""

    def meanwhile(_: int) -> None:
        hub.out.mkdir(exist_ok=True)
        (hub.out / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match="no release"):
        get(replace(wish, progress=meanwhile), hub.out)
    assert (hub.out / "notes.txt").read_text() == "mine"


def test_a_file_that_is_put_into_the_older_release_meanwhile_is_not_lost(hub: Hub, wish: Wish, first: Made, make: Maker) -> None:
    """An update takes hours; what its reader put there since it began is theirs."""
    get(wish, hub.out)
    release_more(hub, first, make)

    def meanwhile(_: int) -> None:
        (hub.out / "notes.txt").write_text("mine")

    with pytest.raises(UsageError, match="not the release's"):
        get(replace(wish, progress=meanwhile), hub.out)
    assert (hub.out / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("path", ["reports/mine.md", "log/mine.txt", "opinions/mine.txt", "attestations/x/y.txt"])
def test_a_file_of_ones_own_among_the_record_is_not_lost(hub: Hub, wish: Wish, path: str) -> None:
    """The folders of the record hold statements and tiles; anything else there is the reader's."""
    get(wish, hub.out)
    (hub.out / path).parent.mkdir(exist_ok=True)
    (hub.out / path).write_text("mine")
    with pytest.raises(UsageError, match="not the release's"):
        get(wish, hub.out)
    assert (hub.out / path).read_text() == "mine"


@pytest.mark.parametrize("place", ["parts/old", f"release/{SHARD}", "release/data/old.parquet", "release/.cache"])
def test_folders_in_what_an_earlier_run_left_are_in_nobody_s_way(hub: Hub, wish: Wish, place: str) -> None:
    """Whatever an older version of this tool laid there, the next run ends well."""
    staging = hub.out.parent / ".street-scenes.getting"
    (staging / place / "deep").mkdir(parents=True)
    (staging / place / "deep" / "file").write_text("old")
    staging.chmod(0o700)
    assert get(wish, hub.out).folder == hub.out
    assert hub.left() == ["street-scenes"]


@pytest.mark.parametrize("refusal", [(401, "write"), (403, "write"), (412, "written"), (429, "upload")])
@pytest.mark.parametrize("at", [SHARD, "release.json"])
def test_a_reader_is_not_told_of_writing(hub: Hub, wish: Wish, monkeypatch: pytest.MonkeyPatch, refusal: tuple[int, str], at: str) -> None:
    """A token that may not read, and a precondition that fails, have words of their own where nothing is written."""
    status, never = refusal
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=lambda _: None))
    hub.repository.faults[at] = [status] * 9
    with pytest.raises(HubError) as caught:
        get(wish, hub.out)
    assert never not in str(caught.value)
    assert caught.value.code == ("hub-token" if status in (401, 403) else "hub")


@dataclass
class Slow:
    """A Hub whose data files come drop by drop, until somebody has heard enough."""

    came: Event = field(default_factory=Event)

    def send(self, whole: Callable[..., None]) -> Callable[..., None]:
        """Return what sends an answer."""

        def drops(handler: Any, status: int, data: bytes, headers: dict[str, str]) -> None:
            if handler.command != "GET" or not handler.path.endswith(SHARD):
                whole(handler, status, data, headers)
                return
            handler.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                handler.send_header(name, value)
            handler.end_headers()
            with suppress(OSError):
                for at in range(len(data)):
                    handler.wfile.write(data[at : at + 1])
                    handler.wfile.flush()
                    if at == 200:
                        self.came.set()
                    time.sleep(0.005)

        return drops


def test_ctrl_c_ends_a_download_at_once_and_the_next_run_goes_on(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """However much of a file is still to come; what came is kept."""
    slow = Slow()
    with monkeypatch.context() as patch:
        patch.setattr(hub_server._Handler, "_send", slow.send(hub_server._Handler._send))
        command = [sys.executable, "-m", "release", "get", f"hub:{NAME}", "--out", str(hub.out), "--trust", str(hub.trust)]
        process = subprocess.Popen(command, env=hub.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            assert slow.came.wait(60)
            before = time.monotonic()
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
        assert time.monotonic() - before < 0.005 * hub.repository.entry(SHARD)["size"] / 2
    assert process.returncode == 1
    assert said.startswith("release: interrupted")
    (part,) = (hub.out.parent / ".street-scenes.getting" / "parts").glob(f"*.{Path(SHARD).name}")
    size = part.stat().st_size
    hub.repository.requests.clear()
    hub.get()
    assert [request for request in hub.repository.requests if SHARD in request and f"bytes={size}-" in request]
    assert hub.left() == ["street-scenes"]


def test_the_first_error_ends_what_is_under_way() -> None:
    """A file that is no good is told at once, not when those before it have come."""
    ended = Event()

    def waits() -> str:
        assert ended.wait(30)
        return "given up"

    def fails() -> str:
        raise StoreError("no good")

    with pytest.raises(StoreError, match="no good"):
        at_once([waits, waits, fails], ended)


@pytest.mark.parametrize("form", ["gzip", "chunked", "longer", "shorter", "another range", "short range"])
def test_answers_of_another_form_end_well_or_not_at_all(hub: Hub, wish: Wish, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    """Encodings that were not asked for, sizes that are no true ones, ranges that were not asked for: never a false file, and a way on."""
    monkeypatch.setattr(reading, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(reading, "_RETRIES", 0)
    hub.repository.faults[SHARD] = ["cut"]
    with pytest.raises(Problem):
        get(wish, hub.out)  # so that a part lies there
    monkeypatch.setattr(reading, "_RETRIES", 1)
    with monkeypatch.context() as patch:
        patch.setattr(hub_server._Handler, "_send", _bent(hub_server._Handler._send, form))
        with suppress(Problem):
            get(wish, hub.out)
    assert hub.left() in (["street-scenes"], [".street-scenes.getting"])
    assert get(wish, hub.out).folder == hub.out
    assert (hub.out / SHARD).read_bytes() == hub.repository.at[FIRST][SHARD]
    assert hub.left() == ["street-scenes"]


def _bent(whole: Callable[..., None], form: str) -> Callable[..., None]:
    """Return what sends answers about data files in another form."""

    def send(handler: Any, status: int, data: bytes, headers: dict[str, str]) -> None:
        if handler.command != "GET" or not handler.path.endswith(SHARD):
            whole(handler, status, data, headers)
            return
        body, told = data, dict(headers)
        if form == "gzip":
            body, told = gzip.compress(data), told | {"Content-Encoding": "gzip"}
        if form == "chunked":
            body, told = b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data), told | {"Transfer-Encoding": "chunked"}
        if form == "another range":
            told["Content-Range"] = f"bytes 0-{len(data) - 1}/{len(data)}"
        if form == "short range":
            body = data[: len(data) // 2]
            told["Content-Range"] = told["Content-Range"].partition("-")[0] + "-9/10"
        if form != "chunked":
            told["Content-Length"] = str(len(body) + {"longer": 9, "shorter": -9}.get(form, 0))
        handler.send_response(status)
        for name, value in told.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)
        handler.close_connection = True

    return send


def test_two_runs_into_one_folder_do_not_mix(hub: Hub, wish: Wish) -> None:
    """The second is told that somebody is at work there; the first ends as if it were alone."""
    refusals: list[Problem] = []

    def meanwhile(_: int) -> None:
        with pytest.raises(Problem) as caught:
            get(wish, hub.out)
        refusals.append(caught.value)

    assert get(replace(wish, progress=meanwhile), hub.out).folder == hub.out
    assert refusals
    assert all("somebody else is writing here" in str(one) for one in refusals)
    assert hub.left() == ["street-scenes"]


def test_an_export_is_never_taken_for_a_release(hub: Hub, wish: Wish) -> None:
    """Neither replaced nor read."""
    get(wish, hub.out)
    out = hub.out.parent / "train"
    export(open_release(hub.out, hub.trust, None), out, Wanted("kohya"))
    before = sorted(path for path in out.rglob("*"))
    with pytest.raises(UsageError, match="no release"):
        get(wish, out)
    assert sorted(path for path in out.rglob("*")) == before


def test_data_files_with_the_same_bytes_are_two_files_after_an_update(hub: Hub, wish: Wish, make: Maker) -> None:
    """One older copy is not given two names: a verifier refuses that, however often one runs again."""
    twice = make({"train": ROWS, "test": ROWS}, place="twice")
    hub.repository.at[FIRST] = files_of(twice)
    hub.trust.write_bytes(twice.trust.read_bytes())
    for _ in range(2):
        found = get(wish, hub.out)
        assert (found.report.verdict, found.report.failures) == ("verified", ())
    assert {path.stat().st_nlink for path in (hub.out / "data").iterdir()} == {1}


def test_a_release_is_not_fetched_into_another_or_over_a_link(hub: Hub, wish: Wish) -> None:
    """The one would be spoilt by it; the other is told before anything is fetched, not after hours."""
    get(wish, hub.out)
    link = hub.out.with_name("link")
    link.symlink_to(hub.out)
    hub.repository.requests.clear()
    for place, said in ((hub.out / "data" / "more", "inside another release"), (link, "symbolic link")):
        with pytest.raises(UsageError, match=said):
            get(wish, place)
    assert not hub.repository.requests
    assert hub.run("verify", str(hub.out), "--trust", str(hub.trust))["verdict"] == "verified"


def test_a_refusal_before_anything_came_leaves_nothing(hub: Hub) -> None:
    """No hidden folder for a version that is not there, and words that lead on."""
    assert "or none for the newest" in hub.get(version="@9.9.9", code=1)["error"]["next"]
    assert hub.left() == []
