"""The append-only log: it grows, it is what its checkpoint says, and whoever reads it can check that."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from audit_logs import keys, merkle, note, store, tiles
from audit_logs import log as logs
from audit_logs.errors import FormatError, KeyProblem, Locked, LogError, VerificationError
from audit_logs.log import Log
from audit_logs.note import SignatureLine

ORIGIN = "example.org/pictures"


@pytest.fixture
def signer(tmp_path: Path) -> keys.KeyFile:
    """Return the log's signer."""
    return keys.generate(tmp_path / "log.pem")


@pytest.fixture
def log(tmp_path: Path, signer: keys.KeyFile) -> Log:
    """Return an empty log in the folder `log`."""
    return Log.create(tmp_path / "log", ORIGIN, signer)


def names(folder: Path) -> set[str]:
    """Return all files of a log's folder but the checkpoint."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"checkpoint"}


def entries(count: int, start: int = 0) -> list[bytes]:
    """Return different entries."""
    return [f"entry {number}".encode() for number in range(start, start + count)]


def test_a_new_log_is_empty(log: Log, tmp_path: Path) -> None:
    """Size 0, the root of nothing, no tiles."""
    assert (log.size, log.signed.checkpoint.root, log.entries()) == (0, merkle.EMPTY, [])
    assert names(tmp_path / "log") == set()


@pytest.mark.parametrize("steps", [[1, 1, 1], [255, 1, 1], [256, 256], [257, 300, 1], [700], [1, 511, 1]])
def test_a_log_grows_and_stays_whole(steps: list[int], log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """After each append the folder holds exactly the tiles of the checkpoint, and they prove it."""
    size = 0
    for step in steps:
        checkpoint = log.append(entries(step, size), signer)
        size += step
        assert checkpoint.size == size == log.size
        assert checkpoint.root == merkle.root([merkle.leaf_hash(entry) for entry in entries(size)])
        assert names(tmp_path / "log") == set(tiles.tile_paths(size))
        reopened = Log.open(tmp_path / "log", log.key.text)
        assert reopened.entries() == entries(size)
        assert reopened.signed == log.signed
    assert not [path for path in (tmp_path / "log").rglob("*.p") if not any(path.iterdir())]


def test_three_levels_of_tiles(log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """Over 65,536 entries a third level comes, and appending across its edge keeps the root right."""
    log.append(entries(65_530), signer)
    log.append(entries(10, 65_530), signer)
    assert (tmp_path / "log/tile/2/000.p/1").is_file()
    assert log.entries() == entries(65_540)


def test_appending_reads_the_edge_only(log: Log, signer: keys.KeyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 3,000 entries an append reads the last bundle and one tile for each level."""
    log.append(entries(3_000), signer)
    read: list[str] = []
    original = store.read_file

    def reading(path: Path, limit: int, *, private: bool = False) -> bytes:
        read.append(path.relative_to(tmp_path / "log").as_posix())
        return original(path, limit, private=private)

    monkeypatch.setattr(store, "read_file", reading)
    log.append([b"one more"], signer)
    assert sorted(read) == ["checkpoint", "tile/0/011.p/184", "tile/1/000.p/11", "tile/entries/011.p/184"]


def test_appending_nothing_changes_nothing(log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """No entries, no new checkpoint, and cosignatures stay."""
    log.append(entries(3), signer)
    before = (tmp_path / "log/checkpoint").read_bytes()
    assert log.append([], signer) == log.signed.checkpoint
    assert (tmp_path / "log/checkpoint").read_bytes() == before


@pytest.mark.parametrize("entry", [b"", bytes(65_536)])
def test_an_entry_of_a_wrong_size_leaves_the_log_as_it_was(entry: bytes, log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """All entries of a batch are refused with it, before anything is written."""
    log.append(entries(2), signer)
    before = names(tmp_path / "log")
    with pytest.raises(FormatError):
        log.append([b"good", entry], signer)
    assert names(tmp_path / "log") == before
    assert Log.open(tmp_path / "log", log.key.text).entries() == entries(2)


def test_another_key_cannot_append(log: Log, tmp_path: Path) -> None:
    """Neither another Ed25519 key nor a P-256 key signs this log's checkpoints."""
    for kind in ("ed25519", "p256"):
        with pytest.raises(KeyProblem):
            log.append([b"entry"], keys.generate(tmp_path / f"{kind}.pem", kind))


def test_two_writers_do_not_interleave(log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """While one writes the other is refused; afterwards the other continues from what was written."""
    other = Log.open(tmp_path / "log", log.key.text)
    with store.lock(tmp_path / "log"), pytest.raises(Locked):
        log.append([b"entry"], signer)
    log.append(entries(5), signer)
    other.append(entries(5, 5), signer)
    assert other.entries() == entries(10)


def test_a_log_that_goes_on_while_it_is_opened_is_not_called_broken(
    log: Log, signer: keys.KeyFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two reads of an opener another writer appends, and the tiles that the opener wants are gone: it looks again under the lock."""
    log.append([b"one"], signer)
    looked = logs._leftovers

    def meanwhile(folder: Path, size: int) -> Iterator[str]:
        found = list(looked(folder, size))
        monkeypatch.setattr(logs, "_leftovers", looked)
        log.append([b"two"], signer)
        return iter(found)

    monkeypatch.setattr(logs, "_leftovers", meanwhile)
    assert Log.open(tmp_path / "log", log.key.text).entries() == [b"one", b"two"]


def test_a_log_is_not_created_twice(log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """A second log in the folder would be a fork."""
    log.append(entries(1), signer)
    with pytest.raises(LogError) as caught:
        Log.create(tmp_path / "log", ORIGIN, signer)
    assert caught.value.code == "log-exists"


def test_a_folder_without_a_log_is_refused(log: Log, tmp_path: Path) -> None:
    """An absent folder and an empty one hold no log."""
    (tmp_path / "empty").mkdir()
    for name in ("empty", "absent"):
        with pytest.raises(LogError) as caught:
            Log.open(tmp_path / name, log.key.text)
        assert caught.value.code == "log-missing"


def test_another_key_does_not_open_the_log(log: Log, tmp_path: Path) -> None:
    """A log is opened under the key that the caller trusts."""
    other = keys.verifier_key(keys.generate(tmp_path / "other.pem"), ORIGIN, note.LOG_KEY)
    with pytest.raises(VerificationError) as caught:
        Log.open(tmp_path / "log", other.text)
    assert caught.value.code == "checkpoint-signature"
    assert log.size == 0


@pytest.mark.parametrize("name", ["tile/entries/001.p/44", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_damaged_edge_is_found_before_the_log_is_continued(name: str, log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """Nothing is signed on top of tiles that are changed, cut or missing."""
    log.append(entries(300), signer)
    path = tmp_path / "log" / name
    good = path.read_bytes()
    for bad in (good[:-1] + bytes([good[-1] ^ 1]), good[:-1], good + b"x", None):
        if bad is None:
            path.unlink()
        else:
            path.write_bytes(bad)
        for attempt in (lambda: Log.open(tmp_path / "log", log.key.text), lambda: log.append([b"more"], signer)):
            with pytest.raises(LogError) as caught:
                attempt()
            assert caught.value.code == "log-broken"


def test_a_damaged_entry_deep_in_the_log_is_found_when_read(log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """Reading all entries proves all of them."""
    log.append(entries(300), signer)
    path = tmp_path / "log/tile/entries/000"
    path.write_bytes(path.read_bytes().replace(b"entry 7", b"entry 8", 1))
    with pytest.raises(VerificationError) as caught:
        log.entries()
    assert caught.value.code == "log-entry"


def test_a_strangers_file_is_not_removed(log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """Only what a writer makes is cleared; anything else is reported, not deleted."""
    log.append(entries(3), signer)
    (tmp_path / "log/notes.txt").write_text("mine")
    Log.open(tmp_path / "log", log.key.text).append(entries(1, 3), signer)
    assert (tmp_path / "log/notes.txt").exists()
    with pytest.raises(VerificationError) as caught:
        log.entries()
    assert caught.value.code == "log-files"


def test_cosignatures_are_added_and_replaced(log: Log, signer: keys.KeyFile, tmp_path: Path) -> None:
    """A witness has one line, its newest; a line that does not hold or is another's is refused."""
    log.append(entries(3), signer)
    witness = keys.generate(tmp_path / "witness.pem")
    key = keys.verifier_key(witness, "auditor.example.org/w", note.WITNESS_KEY)

    def line(time: int, text: str) -> str:
        return SignatureLine(key.name, key.key_id, time.to_bytes(8) + witness.sign(note.cosigned_message(time, text))).text

    for time in (10, 20):
        log.add_cosignature(line(time, log.signed.text), key)
        signed = Log.open(tmp_path / "log", log.key.text).signed
        assert note.verify_signed(signed, log.key, [key]) == {key: time}
        assert len(signed.lines) == 2
    with pytest.raises(VerificationError):
        log.add_cosignature(line(30, "another checkpoint"), key)
    with pytest.raises(FormatError):
        log.add_cosignature("no line", key)
    other = keys.verifier_key(signer, "else.example.org/w", note.WITNESS_KEY)
    with pytest.raises(LogError):
        log.add_cosignature(line(30, log.signed.text), other)
    log.append([b"more"], signer)
    assert len(log.signed.lines) == 1
