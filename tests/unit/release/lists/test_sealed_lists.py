"""Lists under a passphrase: nothing of them on a disk in clear, opened in memory alone, by this process and its workers."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from datetime import date
from functools import cache
from pathlib import Path

import pyrage
import pytest
from list_files import ncmec_page, ncmec_record, raw, value

from audit_logs.errors import StoreError
from release.cli import run
from release.errors import ListError
from release.lists import ImportRequest, ListStore, sealed
from release.match import DigestIndex

TODAY = date(2026, 3, 1)
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"
WORDS = "a long passphrase"

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory on this system")


_once = cache(pyrage.passphrase.decrypt)


@pytest.fixture(autouse=True)
def _closed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave nothing open for the next test, and stretch each passphrase once: it takes seconds, on purpose."""
    monkeypatch.setattr("pyrage.passphrase.decrypt", _once)
    yield
    sealed.close()


@pytest.fixture(scope="module")
def _seal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a seal once: stretching a passphrase takes seconds, on purpose."""
    folder = tmp_path_factory.mktemp("seal")
    sealed.create(folder, WORDS)
    return folder


@pytest.fixture
def store(tmp_path: Path, _seal: Path) -> Path:
    """Return a folder with an empty sealed store in it."""
    shutil.copytree(_seal, tmp_path / "lists")
    (tmp_path / "lists").chmod(0o700)
    return tmp_path


def bring_in(folder: Path, *records: str, add: bool = False) -> None:
    """Import a page."""
    path = folder / "page.xml"
    path.write_text(ncmec_page(records))
    lists = ListStore(folder / "lists")
    (lists.extend if add else lists.import_file)(path, ImportRequest("known", replace=True), TODAY)


def record(name: str, number: int, tag: str = "image", time: str = EARLY) -> str:
    """Return a statement with an MD5 and a PDQ hash."""
    prints = {} if tag == "deletedImage" else {"md5": value(number, "md5"), "pdq": value(number, "pdq")}
    return ncmec_record(tag, "1", name, time, classification="A1", **prints)


def files(folder: Path) -> dict[str, int]:
    """Return the files of the store with their modes."""
    return {path.name: path.stat().st_mode & 0o777 for path in (folder / "lists").rglob("*") if path.is_file()}


def holds(folder: Path, number: int) -> bool:
    """Tell whether an entry stands in clear in any file of the store."""
    wanted = [raw(number, "md5"), raw(number, "pdq"), raw(number, "pdq")[:8][::-1]]
    return any(one in path.read_bytes() for path in (folder / "lists").rglob("*") if path.is_file() for one in wanted)


def in_worker(folder: str, queue: multiprocessing.Queue[object]) -> None:
    """Open the list as a worker process does, and tell what came of it."""
    try:
        index = ListStore(Path(folder)).open("known").index("md5")
        queue.put(len(index))
    except ListError as error:
        queue.put(error.code)


def test_a_sealed_store_holds_no_entry_in_clear(tmp_path: Path) -> None:
    """Neither what was there before, nor what is imported after; the record, which tells no entry, is as it was."""
    bring_in(tmp_path, record("a", 1))
    assert holds(tmp_path, 1)
    before = ListStore(tmp_path / "lists").open("known")
    assert ListStore(tmp_path / "lists").seal(lambda: WORDS) == ("known",)
    assert not holds(tmp_path, 1)
    made = {name for name in files(tmp_path) if not name.startswith(".")}
    assert made == {"list.json", "md5.index.age", "pdq.index.age", "origins.index.age", "seal.age", "seal.pub"}
    assert {mode for name, mode in files(tmp_path).items() if not name.startswith(".")} == {0o600}
    assert ListStore(tmp_path / "lists").open("known").digest == before.digest
    with sealed.answering(lambda _: WORDS):
        bring_in(tmp_path, record("b", 2))
    assert not holds(tmp_path, 2)
    assert [name for name in files(tmp_path) if name.endswith(".index")] == []
    assert not list(Path("/dev/shm").glob("vetted-release-*"))  # noqa: S108


def test_a_first_import_needs_no_passphrase_and_reading_does(store: Path) -> None:
    """What is imported is sealed to the store; who opens it has to know the words, and says them once."""
    bring_in(store, record("a", 1))
    stored = ListStore(store / "lists").open("known")
    assert stored.under_seal
    with pytest.raises(ListError, match="--lists-passphrase-fd") as caught:
        stored.index("md5")
    assert caught.value.code == "list-sealed"
    with sealed.answering(lambda _: "other words"), pytest.raises(ListError, match="does not open"):
        stored.index("md5")
    asked: list[Path] = []
    with sealed.answering(lambda folder: asked.append(folder) or WORDS):
        assert {bytes(row) for chunk in stored.raw_entries("md5") for row in chunk} == {raw(1, "md5")}
        assert {bytes(row) for chunk in stored.raw_entries("pdq") for row in chunk} == {raw(1, "pdq")}
    assert len(asked) == 1
    with pytest.raises(ListError, match="is sealed"):
        stored.index("md5")


def test_a_sealed_list_is_updated_with_its_statements(store: Path) -> None:
    """Tombstones find their entries, and the list stays sealed."""
    bring_in(store, record("a", 1), record("b", 2))
    with pytest.raises(ListError, match="is sealed"):
        bring_in(store, record("c", 3), add=True)
    with sealed.answering(lambda _: WORDS):
        bring_in(store, record("a", 1, "deletedImage", LATE), add=True)
        stored = ListStore(store / "lists").open("known")
        assert {bytes(row) for chunk in stored.raw_entries("md5") for row in chunk} == {raw(2, "md5")}
    assert not holds(store, 2)


def test_workers_share_what_the_build_has_opened(store: Path) -> None:
    """A spawned process maps the same memory without a passphrase; once the build is over it cannot."""
    bring_in(store, record("a", 1))
    context = multiprocessing.get_context("spawn")

    def told() -> object:
        queue: multiprocessing.Queue[object] = context.Queue()
        worker = context.Process(target=in_worker, args=(str(store / "lists"), queue))
        worker.start()
        answer = queue.get(timeout=60)
        worker.join()
        return answer

    with sealed.answering(lambda _: WORDS):
        assert isinstance(ListStore(store / "lists").open("known").index("md5"), DigestIndex)
        assert told() == 1
    assert sealed.OPEN not in os.environ
    assert told() == "list-sealed"


def test_what_is_opened_can_be_neither_changed_nor_reached_by_others(store: Path) -> None:
    """The memory is sealed against writing and has mode 0600."""
    bring_in(store, record("a", 1))
    stored = ListStore(store / "lists").open("known")
    with sealed.answering(lambda _: WORDS):
        place = sealed.opened(store / "lists" / "known" / "md5.index.age", stored.indexes["md5"])
        assert place.stat().st_mode & 0o777 == 0o600
        descriptor = os.open(place, os.O_RDWR)
        with pytest.raises(PermissionError):
            os.write(descriptor, b"x")
        os.close(descriptor)


@pytest.mark.parametrize("name", ["known/md5.index.age", "seal.age", "seal.pub"])
def test_a_damaged_or_open_seal_is_refused(store: Path, name: str) -> None:
    """A flipped byte anywhere, another list's file, or a mode that lets others in."""
    bring_in(store, record("a", 1))
    path = store / "lists" / name
    data = path.read_bytes()
    path.chmod(0o640)
    with sealed.answering(lambda _: WORDS), pytest.raises((StoreError, ListError)):
        bring_in(store, record("b", 2), add=True)
    path.chmod(0o600)
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    with sealed.answering(lambda _: WORDS), pytest.raises(ListError) as caught:
        bring_in(store, record("b", 2), add=True)
    assert caught.value.code in ("list-damaged", "list-passphrase")
    path.write_bytes((store / "lists" / "known" / "pdq.index.age").read_bytes())
    with sealed.answering(lambda _: WORDS), pytest.raises((ListError, StoreError)):
        bring_in(store, record("b", 2), add=True)


def test_an_interrupted_sealing_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list is sealed whole or not at all; the next run takes those that are left, under the first passphrase."""
    bring_in(tmp_path, record("a", 1))
    with monkeypatch.context() as patch:
        patch.setattr("release.lists.writing.store.swap_folder", lambda *_: (_ for _ in ()).throw(StoreError("could not write")))
        with pytest.raises(StoreError):
            ListStore(tmp_path / "lists").seal(lambda: WORDS)
    assert not ListStore(tmp_path / "lists").open("known").under_seal
    assert ListStore(tmp_path / "lists").seal(lambda: "never asked for") == ("known",)
    with sealed.answering(lambda _: WORDS):
        assert len(ListStore(tmp_path / "lists").open("known").index("md5")) == 1


def test_a_short_passphrase_is_refused(tmp_path: Path) -> None:
    """Seven characters protect nothing."""
    with pytest.raises(ListError, match="at least 8"):
        ListStore(tmp_path / "lists").seal(lambda: "1234567")
    assert not sealed.is_sealed(tmp_path / "lists")


def test_a_system_without_files_in_memory_is_told(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There a sealed list is never put onto a disk instead."""
    with monkeypatch.context() as patch:
        patch.setattr("release.lists.sealed._SHELTERS", (str(store),))
        with pytest.raises(ListError, match="opened in memory"):
            bring_in(store, record("a", 1))
    bring_in(store, record("a", 1))
    monkeypatch.delattr(os, "memfd_create")
    with sealed.answering(lambda _: WORDS), pytest.raises(ListError, match="opened in memory"):
        ListStore(store / "lists").open("known").index("md5")


def test_the_commands_take_the_passphrase_from_a_descriptor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It stands on no command line, and one that is wrong or missing is one sentence."""
    secret = tmp_path / "words"
    secret.write_text(WORDS + "\n")
    (tmp_path / "page.xml").write_text(ncmec_page([record("a", 1)]))
    store = ["--store", str(tmp_path / "lists")]

    def said(*words: str, data: str = WORDS) -> int:
        secret.write_text(data)
        with secret.open("rb") as file:
            return run(["lists", *words, *store, "--lists-passphrase-fd", str(file.fileno())])

    assert said("seal") == 0
    assert run(["lists", "import", str(tmp_path / "page.xml"), "--name", "known", *store]) == 0
    assert run(["lists", "update", str(tmp_path / "page.xml"), "--name", "known", *store]) == 1
    assert "[list-sealed]" in capsys.readouterr().err
    assert said("update", str(tmp_path / "page.xml"), "--name", "known", data="wrong words") == 1
    assert "[list-passphrase]" in capsys.readouterr().err
    assert said("update", str(tmp_path / "page.xml"), "--name", "known", data="\n") == 2
    assert said("update", str(tmp_path / "page.xml"), "--name", "known") == 0
    capsys.readouterr()
    assert run(["lists", "show", *store, "--format", "json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)["lists"]
    assert shown["sealed"] is True
