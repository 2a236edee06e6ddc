"""Fetching from an exchange: a server on this machine answers in recorded shapes, and fails in the ways that servers do."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from list_files import ncmec_page, ncmec_record, raw, stopncii_page, stopncii_record, value

from audit_logs.errors import StoreError
from release.cli import run
from release.errors import ListError
from release.lists import ImportReport, ImportRequest, ListStore, credentials, sealed
from release.lists.exchanges import connect
from release.lists.fetching import fetch

pytest.importorskip("threatexchange.exchanges.clients.ncmec.hash_api", reason="needs the extra [exchanges]")

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
NEXT = "/v2/entries?from=2026-01-01T00%3A00%3A00.000Z&amp;to=2026-03-01T00%3A00%3A00.000Z&amp;start={}&amp;size=2&amp;max=9"
SECRETS = {"user": "someone", "password": "a-secret-word", "subscription_key": "a-secret-key", "function_key": "a-secret-function"}


@dataclass(slots=True)
class Answer:
    """What the server says to one request; a cut answer is shorter than it promises."""

    body: str
    status: int = 200
    cut: bool = False
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Served:
    """The server: its answers in order, and what was asked."""

    url: str
    answers: list[Answer]
    asked: list[dict[str, list[str]]]
    headers: list[dict[str, str]]


@pytest.fixture
def served() -> Iterator[Served]:
    """Serve on a loopback address."""
    state = Served("", [], [], [])

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            state.asked.append({"path": [urlsplit(self.path).path], **parse_qs(urlsplit(self.path).query)})
            state.headers.append(dict(self.headers))
            answer = state.answers.pop(0) if len(state.answers) > 1 else state.answers[0]
            data = answer.body.encode()
            self.send_response(answer.status)
            for name, text in {"Content-Length": str(len(data)), **answer.headers}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if answer.cut else data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/x"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield state
    server.shutdown()
    server.server_close()
    thread.join()


def get(folder: Path, served: Served, exchange: str = "ncmec", *, now: datetime = NOW, **more: object) -> ImportReport:
    """Fetch a list from the server."""
    client = connect(exchange, SECRETS, "test_NGO", served.url)
    return fetch(ListStore(folder / "lists"), client, ImportRequest("known", authority="a holder", **more), now)  # type: ignore[arg-type]


def image(name: str, number: int, time: str = EARLY, tag: str = "image") -> str:
    """Return a statement on a picture."""
    return ncmec_record(tag, "1", name, time, **({} if tag == "deletedImage" else {"md5": value(number, "md5")}))


def page(*records: str, start: int = 0) -> Answer:
    """Return a page, which names a next one if `start` says so."""
    return Answer(ncmec_page(records, following=NEXT.format(start) if start else ""))


def entries(folder: Path, kind: str = "md5") -> set[bytes]:
    """Return the stored entries of a type."""
    return {bytes(row) for chunk in ListStore(folder / "lists").open("known").raw_entries(kind) for row in chunk}


def test_all_pages_make_one_list(tmp_path: Path, served: Served) -> None:
    """MD5 of images, which the client alone would drop; tombstones over pages; credentials by basic authentication; no page stays."""
    served.answers = [page(image("a", 1), image("b", 2), start=3), page(image("a", 1, LATE, "deletedImage"), image("c", 3))]
    report = get(tmp_path, served)
    assert entries(tmp_path) == {raw(2, "md5"), raw(3, "md5")}
    assert (report.format, report.tombstones, report.vintage, report.vintage_from) == ("ncmec", 1, date(2026, 3, 1), "declared")
    assert served.asked[0]["path"] == ["/x/v2/entries"]
    assert served.asked[1]["start"] == ["3"]
    assert served.headers[0]["Authorization"].startswith("Basic ")
    assert [path.name for path in (tmp_path / "lists" / ".fetch-known").iterdir()] == []
    assert ListStore(tmp_path / "lists").names() == ("known",)


def test_a_second_fetch_asks_for_what_changed(tmp_path: Path, served: Served) -> None:
    """From more than a day before the end of the first; its tombstones take back what the first one brought."""
    served.answers = [page(image("a", 1), image("b", 2))]
    get(tmp_path, served)
    served.answers = [page(image("a", 1, LATE, "deletedImage"), image("d", 4))]
    report = get(tmp_path, served, now=NOW + timedelta(days=7))
    asked = datetime.strptime(served.asked[-1]["from"][0], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert timedelta(hours=10) < NOW - asked < timedelta(hours=42)
    assert entries(tmp_path) == {raw(2, "md5"), raw(4, "md5")}
    assert report.changes is not None
    assert (report.changes["md5"].added, report.changes["md5"].removed) == (1, 1)
    served.answers = [Answer(ncmec_page())]
    assert get(tmp_path, served, now=NOW + timedelta(days=9)).vintage == date(2026, 3, 10)
    assert entries(tmp_path) == {raw(2, "md5"), raw(4, "md5")}


@pytest.mark.parametrize(
    "bad",
    [
        Answer("wait", 429, headers={"Retry-After": "0"}),
        Answer("down", 503, headers={"Retry-After": "0"}),
        Answer(ncmec_page([image("z", 9)]), cut=True),
        Answer(ncmec_page([image("z", 9)])[:-30]),
        Answer("<html/>"),
        Answer("", 404),
        Answer("", 302, headers={"Location": "http://127.0.0.1:9/elsewhere"}),
    ],
    ids=["429", "503", "cut", "truncated", "other", "404", "redirection"],
)
def test_a_fetch_that_breaks_off_goes_on_where_it_was(tmp_path: Path, served: Served, bad: Answer) -> None:
    """What is there stays privately in the store, and no list is made of it; the next run asks for the next page."""
    served.answers = [page(image("a", 1), start=3), bad]
    with pytest.raises(ListError) as caught:
        get(tmp_path, served)
    assert caught.value.code in ("exchange-failed", "list-file", "list-format")
    assert value(9, "md5") not in str(caught.value)
    assert not any(secret in str(caught.value) for secret in SECRETS.values())
    assert ListStore(tmp_path / "lists").names() == ()
    kept = list((tmp_path / "lists" / ".fetch-known").iterdir())
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    before = len(served.asked)
    served.answers = [page(image("b", 2))]
    get(tmp_path, served, now=NOW + timedelta(hours=1))
    assert served.asked[before]["start"] == ["3"]
    assert entries(tmp_path) == {raw(1, "md5"), raw(2, "md5")}


def test_the_name_of_a_next_page_is_not_kept_for_long(tmp_path: Path, served: Served) -> None:
    """After twelve hours a fetch begins anew; so it does with a page that was damaged meanwhile."""
    for wait, damage in ((13, False), (1, True)):
        served.answers = [page(image("a", 1), start=3), Answer("", 404)]
        with pytest.raises(ListError):
            get(tmp_path, served, replace=True)
        if damage:
            (kept,) = (tmp_path / "lists" / ".fetch-known").glob("*.page")
            kept.unlink()
        before = len(served.asked)
        served.answers = [page(image("c", 3))]
        get(tmp_path, served, now=NOW + timedelta(hours=wait), replace=True)
        assert "start" not in served.asked[before]
        assert entries(tmp_path) == {raw(3, "md5")}


def test_a_page_that_was_changed_on_disk_is_refused(tmp_path: Path, served: Served) -> None:
    """Its name has its digest; the fetch begins anew then."""
    served.answers = [page(image("a", 1), start=3), Answer("", 404)]
    with pytest.raises(ListError):
        get(tmp_path, served)
    (kept,) = (tmp_path / "lists" / ".fetch-known").glob("*.page")
    kept.write_bytes(kept.read_bytes().replace(value(1, "md5").encode(), value(7, "md5").encode()))
    served.answers = [page(image("b", 2))]
    with pytest.raises(ListError, match="page is damaged"):
        get(tmp_path, served)
    served.answers = [page(image("c", 3))]
    get(tmp_path, served)
    assert entries(tmp_path) == {raw(3, "md5")}


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("exchange", ["ncmec", "stopncii"])
def test_refused_credentials_are_told_and_never_shown(tmp_path: Path, served: Served, status: int, exchange: str) -> None:
    """One sentence; neither the words nor where they came from."""
    served.answers = [Answer("who are you", status)]
    with pytest.raises(ListError, match="refuses the credentials") as caught:
        get(tmp_path, served, exchange)
    assert caught.value.code == "exchange-refused"
    assert not any(secret in str(caught.value) for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("following", "told"),
    [("@evil.example/v2/entries?x", "something else"), ("http://evil.example/", "something else"), (NEXT.format(1), "circle")],
)
def test_a_next_page_leads_nowhere_else(tmp_path: Path, served: Served, following: str, told: str) -> None:
    """It is put behind the exchange's address, and credentials go with it; a circle ends too."""
    served.answers = [Answer(ncmec_page([image("a", 1)], following=following))]
    with pytest.raises(ListError, match=told):
        get(tmp_path, served)
    assert len(served.asked) <= 2


def test_hostile_pages_do_no_harm(tmp_path: Path, served: Served) -> None:
    """A document type is refused before the client's own parser sees it."""
    text = ncmec_page([image("a", 1)]).replace("?>\n", '?>\n<!DOCTYPE q [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>\n', 1)
    served.answers = [Answer(text)]
    with pytest.raises(ListError, match="document type"):
        get(tmp_path, served)


def test_an_endless_page_is_given_up(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more than a page may have is taken into memory."""
    monkeypatch.setattr("release.lists.exchanges.LARGEST", 1000)
    served.answers = [Answer("x" * 200_000)]
    with pytest.raises(ListError, match="more than 1000 bytes"):
        get(tmp_path, served)


def test_stopncii_pages_by_token(tmp_path: Path, served: Served, caplog: pytest.LogCaptureFixture) -> None:
    """Withdrawn hashes go; a record that the client would write into a log stands in none."""
    odd = {**stopncii_record("ImagePDQ", value(9, "pdq"), "Strange"), "caseNumbers": []}
    first = stopncii_page([stopncii_record("ImagePDQ", value(1, "pdq")), stopncii_record("ImagePDQ", value(2, "pdq")), odd], more=True)
    second = stopncii_page([stopncii_record("ImagePDQ", value(1, "pdq"), "Withdrawn", 1_771_000_000)])
    served.answers = [Answer(first), Answer(second)]
    report = get(tmp_path, served, "stopncii")
    assert entries(tmp_path, "pdq") == {raw(2, "pdq")}
    assert (report.tombstones, report.rejected_count) == (1, 1)
    assert served.asked[1]["nextPageToken"] == ["t"]
    assert served.headers[0]["Ocp-Apim-Subscription-Key"] == "a-secret-key"
    assert not any(value(n, "pdq") in record.getMessage() for record in caplog.records for n in (1, 2, 9))


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"hashRecords": 3}', '{"hashRecords": [], "hasMoreRecords": true}', "[" * 100_000])
def test_an_answer_that_is_no_stopncii_page_is_refused(tmp_path: Path, served: Served, body: str) -> None:
    """Nothing of it is kept."""
    served.answers = [Answer(body)]
    with pytest.raises(ListError, match="something else"):
        get(tmp_path, served, "stopncii")
    assert not list((tmp_path / "lists" / ".fetch-known").glob("*.page"))


def test_a_list_that_no_fetch_left_is_not_replaced(tmp_path: Path, served: Served) -> None:
    """An institution's own list of this name, or one that it changed since."""
    path = tmp_path / "own.txt"
    path.write_text(value(5, "md5"))
    ListStore(tmp_path / "lists").import_file(path, ImportRequest("known", date(2026, 2, 1)), date(2026, 3, 1))
    served.answers = [page(image("a", 1))]
    with pytest.raises(ListError, match="did not leave"):
        get(tmp_path, served)
    assert entries(tmp_path) == {raw(5, "md5")}
    get(tmp_path, served, replace=True)
    assert entries(tmp_path) == {raw(1, "md5")}
    ListStore(tmp_path / "lists").extend(path, ImportRequest("known", date(2026, 2, 1), replace=True), date(2026, 3, 1))
    with pytest.raises(ListError, match="did not leave"):
        get(tmp_path, served)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory on this system")
def test_pages_lie_sealed_in_a_sealed_store(tmp_path: Path, served: Served) -> None:
    """Also those of a fetch that broke off; the import asks for the passphrase, and without it they wait."""
    ListStore(tmp_path / "lists").seal(lambda: "a long passphrase")
    served.answers = [page(image("a", 1), start=3), page(image("b", 2))]
    with pytest.raises(ListError, match="sealed"):
        get(tmp_path, served)
    kept = [path for path in (tmp_path / "lists" / ".fetch-known").iterdir() if ".page" in path.name]
    assert len(kept) == 2
    assert not any(value(1, "md5").encode() in path.read_bytes() for path in kept)
    asked = len(served.asked)
    with sealed.answering(lambda _: "a long passphrase"):
        get(tmp_path, served, now=NOW + timedelta(minutes=1))
        assert entries(tmp_path) == {raw(1, "md5"), raw(2, "md5")}
    assert len(served.asked) == asked


def test_credentials_come_from_a_private_file_or_the_keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that others can read is refused; what is missing is named, what is there never shown."""
    path = tmp_path / "ncmec.toml"
    path.write_text('user = "someone"\npassword = "a-secret-word"\nother = 3\n')
    path.chmod(0o640)
    with pytest.raises(StoreError, match="others can reach"):
        credentials.load("ncmec", ("user", "password"), path)
    path.chmod(0o600)
    assert credentials.load("ncmec", ("user", "password"), path) == {"user": "someone", "password": "a-secret-word"}
    with pytest.raises(ListError, match="subscription_key"):
        credentials.load("stopncii", ("subscription_key",), path)
    path.write_text("user = a-secret-word")
    with pytest.raises(ListError, match="TOML") as caught:
        credentials.load("ncmec", ("user",), path)
    assert "a-secret-word" not in str(caught.value)
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr("keyring.get_password", lambda service, user: asked.append((service, user)) or "x")
    assert credentials.load("ncmec", ("user", "password"), None) == {"user": "x", "password": "x"}
    assert asked == [("vetted-release ncmec", "user"), ("vetted-release ncmec", "password")]
    monkeypatch.setattr("keyring.get_password", lambda *_: None)
    with pytest.raises(ListError, match="keyring set"):
        credentials.load("ncmec", ("user",), None)


@pytest.mark.parametrize("address", ["http://exchange.example.org/x", "ftp://127.0.0.1/", "exchange.example.org", "http://[::1", ""])
def test_credentials_go_over_https_alone(address: str) -> None:
    """A test system on this machine is the one exception."""
    with pytest.raises(ListError, match="https alone"):
        connect("ncmec", SECRETS, "test_NGO", address)


def test_an_unknown_exchange_or_environment_is_told() -> None:
    """The names that there are stand in the sentence."""
    with pytest.raises(ListError, match="ncmec or stopncii"):
        connect("other", SECRETS, "", None)
    with pytest.raises(ListError, match="test_NGO"):
        connect("ncmec", SECRETS, "nowhere", None)


def test_the_command_fetches(tmp_path: Path, served: Served, capsys: pytest.CaptureFixture[str]) -> None:
    """It tells counts, and neither values nor credentials."""
    path = tmp_path / "ncmec.toml"
    path.write_text('user = "someone"\npassword = "a-secret-word"\n')
    path.chmod(0o600)
    served.answers = [Answer(ncmec_page([image("a", 1)], newest=EARLY))]
    words = ["lists", "fetch", "ncmec", "--name", "known", "--credentials", str(path), "--url", served.url, "--environment", "test_NGO"]
    assert run([*words, "--store", str(tmp_path / "lists"), "--format", "json"]) == 0
    said = "".join(capsys.readouterr())
    assert json.loads(said)["entries"] == {"md5": 1}
    assert value(1, "md5") not in said
    assert "a-secret-word" not in said
