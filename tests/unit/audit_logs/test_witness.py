"""Witnesses: they cosign only a log that has grown from what they saw and holds what they gave it."""

from __future__ import annotations

import hashlib
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from audit_logs import keys, merkle, note, store, witness
from audit_logs.errors import FormatError, KeyProblem, Locked, LogError, StoreError, VerificationError
from audit_logs.log import Log
from audit_logs.witness import Witness

ORIGIN = "example.org/pictures"
NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def signer(tmp_path: Path) -> keys.KeyFile:
    """Return the log's signer."""
    return keys.generate(tmp_path / "log.pem")


@pytest.fixture
def log(tmp_path: Path, signer: keys.KeyFile) -> Log:
    """Return a log of three entries."""
    log = Log.create(tmp_path / "log", ORIGIN, signer)
    log.append([b"one", b"two", b"three"], signer)
    return log


@pytest.fixture
def auditor(tmp_path: Path) -> Witness:
    """Return a witness with an empty memory."""
    return Witness("auditor.example.org/w", keys.generate(tmp_path / "witness.pem"), tmp_path / "auditor" / "memory.json")


def refusal(folder: Path, log: Log, auditor: Witness) -> str:
    """Return the code with which a witness refuses, after checking that it left the checkpoint and its memory as they were."""
    before = (folder / "checkpoint").read_bytes(), witness.recall(auditor.memory, log.key)
    with pytest.raises(VerificationError) as caught:
        witness.cosign(folder, log.key, auditor, now=NOW)
    assert before == ((folder / "checkpoint").read_bytes(), witness.recall(auditor.memory, log.key))
    return caught.value.code


def digest(entry: bytes) -> str:
    """Return an entry's digest."""
    return hashlib.sha256(entry).hexdigest()


def test_a_witness_cosigns_what_it_checked(log: Log, auditor: Witness, tmp_path: Path) -> None:
    """The line stands in the checkpoint, holds, and says when; the memory is private and says what."""
    line = witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    signed = Log.open(tmp_path / "log", log.key.text).signed
    assert note.verify_signed(signed, log.key, [auditor.key]) == {auditor.key: int(NOW.timestamp())}
    assert signed.lines[1].text == line
    assert auditor.memory.stat().st_mode & 0o777 == 0o600
    assert witness.recall(auditor.memory, log.key) == witness.Seen(3, signed.checkpoint.root.hex())


def test_cosigning_again_renews_the_time(log: Log, auditor: Witness, tmp_path: Path) -> None:
    """There is one line by each witness, the newest, and those of others stay."""
    other = Witness("other.example.org/w", keys.generate(tmp_path / "other.pem"), tmp_path / "other.json")
    for party, day in ((auditor, 1), (other, 2), (auditor, 3)):
        witness.cosign(tmp_path / "log", log.key, party, now=NOW.replace(day=day))
    times = note.verify_signed(Log.open(tmp_path / "log", log.key.text).signed, log.key, [auditor.key, other.key])
    assert {key.name: datetime.fromtimestamp(time, UTC).day for key, time in times.items()} == {auditor.name: 3, other.name: 2}


def test_a_grown_log_is_cosigned(log: Log, signer: keys.KeyFile, auditor: Witness, tmp_path: Path) -> None:
    """A log that only grew is the log that was seen before."""
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    log.append([b"four"], signer)
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    assert witness.recall(auditor.memory, log.key).size == 4


def test_a_rolled_back_log_is_refused(log: Log, signer: keys.KeyFile, auditor: Witness, tmp_path: Path) -> None:
    """An older, genuine copy is refused once a newer one was cosigned."""
    shutil.copytree(tmp_path / "log", tmp_path / "old")
    log.append([b"four"], signer)
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    assert refusal(tmp_path / "old", log, auditor) == "log-rollback"


def test_a_forked_log_is_refused(log: Log, signer: keys.KeyFile, auditor: Witness, tmp_path: Path) -> None:
    """Two histories signed by the log's own key cannot both be cosigned, at equal or larger size."""
    shutil.copytree(tmp_path / "log", tmp_path / "fork")
    log.append([b"four"], signer)
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    fork = Log.open(tmp_path / "fork", log.key.text)
    fork.append([b"another four"], signer)
    assert refusal(tmp_path / "fork", log, auditor) == "log-fork"
    fork.append([b"five"], signer)
    assert refusal(tmp_path / "fork", log, auditor) == "log-fork"


def test_a_log_that_lacks_a_submitted_entry_is_refused(log: Log, signer: keys.KeyFile, auditor: Witness, tmp_path: Path) -> None:
    """An opinion that the institution leaves out costs it the cosignature; once it is in, the debt is gone."""
    witness.remember_submitted(auditor.memory, log.key, [digest(b"opinion"), digest(b"two")])
    assert refusal(tmp_path / "log", log, auditor) == "entry-missing"
    log.append([b"opinion"], signer)
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    assert witness.recall(auditor.memory, log.key).submitted == ()


def test_submissions_add_up_and_belong_to_one_log(log: Log, auditor: Witness, tmp_path: Path) -> None:
    """What was submitted to another log holds nothing back here."""
    other = keys.verifier_key(keys.generate(tmp_path / "other.pem"), ORIGIN, note.LOG_KEY)
    witness.remember_submitted(auditor.memory, other, [digest(b"a")])
    witness.remember_submitted(auditor.memory, other, [digest(b"b"), digest(b"a")])
    assert witness.recall(auditor.memory, other).submitted == tuple(sorted([digest(b"a"), digest(b"b")]))
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    assert len(witness.recall(auditor.memory, other).submitted) == 2


def test_a_log_that_does_not_hold_is_refused(log: Log, auditor: Witness, tmp_path: Path) -> None:
    """A changed entry, an extra file and a checkpoint by another key are refused."""
    bundle = tmp_path / "log/tile/entries/000.p/3"
    good = bundle.read_bytes()
    bundle.write_bytes(good.replace(b"two", b"twO"))
    assert refusal(tmp_path / "log", log, auditor) == "log-entry"
    bundle.write_bytes(good)
    extra = tmp_path / "log/tile/0/001"
    extra.write_bytes(b"")
    assert refusal(tmp_path / "log", log, auditor) == "log-files"
    extra.unlink()
    Log.create(tmp_path / "other", ORIGIN, keys.generate(tmp_path / "other.pem"))
    assert refusal(tmp_path / "other", log, auditor) == "checkpoint-signature"
    with pytest.raises(LogError):
        witness.cosign(tmp_path, log.key, auditor, now=NOW)


def test_memory_is_written_before_the_line(log: Log, auditor: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash between the two never leaves a cosignature that the witness has forgotten."""
    original = store.write_file

    def full(path: Path, data: bytes, *, private: bool = False) -> None:
        if path.name == "checkpoint":
            raise StoreError("could not write checkpoint: the disk is full")
        original(path, data, private=private)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_file", full)
        with pytest.raises(StoreError):
            witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    assert witness.recall(auditor.memory, log.key).size == 3
    assert len(Log.open(tmp_path / "log", log.key.text).signed.lines) == 1
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)


def test_a_memory_that_others_can_reach_is_refused(log: Log, auditor: Witness, tmp_path: Path) -> None:
    """Whoever can write the memory could make the witness forget."""
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    auditor.memory.chmod(0o644)
    with pytest.raises(StoreError):
        witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"_type":"x","logs":{}}',
        '{"_type":"TYPE","logs":[]}',
        '{"_type":"TYPE","logs":{"k":{}}}',
        '{"_type":"TYPE","logs":{"k":{"root":"","size":1,"submitted":[]}}}',
        '{"_type":"TYPE","logs":{"k":{"root":"ROOT","size":true,"submitted":[]}}}',
        '{"_type":"TYPE","logs":{"k":{"root":"ROOT","size":1,"submitted":[1]}}}',
        '{"_type":"TYPE","logs":{"k":{"root":"ROOT","size":1,"submitted":"x"}}}',
    ],
)
def test_a_malformed_memory_is_refused(text: str, log: Log, auditor: Witness, tmp_path: Path) -> None:
    """A memory that cannot be read is never taken for an empty one."""
    root = merkle.EMPTY.hex()
    store.make_folder(auditor.memory.parent)
    store.write_file(auditor.memory, text.replace("TYPE", witness._DOCUMENT.name).replace("ROOT", root).encode(), private=True)
    with pytest.raises(FormatError):
        witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)


def test_a_log_or_memory_in_use_is_refused(log: Log, auditor: Witness, tmp_path: Path) -> None:
    """While another process writes the log or the memory, a witness waits for its turn."""
    with store.lock(tmp_path / "log"), pytest.raises(Locked):
        witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)
    with store.lock(auditor.memory.with_name(".memory.json.lock")), pytest.raises(Locked):
        witness.cosign(tmp_path / "log", log.key, auditor, now=NOW)


def test_a_witness_key_is_ed25519(log: Log, tmp_path: Path) -> None:
    """Cosignatures of type 04 are Ed25519."""
    party = Witness("auditor.example.org/w", keys.generate(tmp_path / "p.pem", "p256"), tmp_path / "memory.json")
    with pytest.raises(KeyProblem):
        witness.cosign(tmp_path / "log", log.key, party, now=NOW)


def test_an_empty_log_can_be_cosigned(signer: keys.KeyFile, auditor: Witness, tmp_path: Path) -> None:
    """Size 0 is a state like any other."""
    log = Log.create(tmp_path / "new", ORIGIN, signer)
    witness.cosign(tmp_path / "new", log.key, auditor, now=NOW)
    assert witness.recall(auditor.memory, log.key) == witness.Seen(0, merkle.EMPTY.hex())
