"""Cosigning a checkpoint: a witness says that the log has only grown, and still holds what the witness gave it.

A witness remembers, in a private file, for each log (origin and key): the largest checkpoint that it cosigned, and the
entries that it submitted and has not yet seen in the log. It remembers before it signs, so that a crash never lets it
cosign two histories. A cosignature is the newest line of the witness on this checkpoint; other witnesses' lines stay.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from audit_logs import log, merkle, note, store
from audit_logs.documents import Document
from audit_logs.errors import Failure, VerificationError
from audit_logs.fields import BASE, Count, Sha256
from audit_logs.keys import Signer, verifier_key
from audit_logs.note import Checkpoint, SignatureLine, VerifierKey

_MAX_MEMORY = 1024 * 1024
_NOTHING = merkle.EMPTY.hex()


@dataclass(frozen=True, slots=True)
class Witness:
    """Who cosigns.

    Attributes:
        name: of the witness key; the vkey in the trust file has it.
        signer: an Ed25519 key.
        memory: the file of what this witness cosigned and submitted, kept 0600 between runs.
    """

    name: str
    signer: Signer
    memory: Path

    @property
    def key(self) -> VerifierKey:
        """The vkey under which the cosignature counts."""
        return verifier_key(self.signer, self.name, note.WITNESS_KEY)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a witness remembers of one log: size and root (hex) last cosigned, digests (hex) of submitted entries not yet seen there."""

    size: Count = 0
    root: Sha256 = _NOTHING
    submitted: tuple[Sha256, ...] = ()


@dataclass(frozen=True, slots=True)
class _Memory:
    """What a witness remembers, by the log's vkey."""

    logs: Mapping[str, Seen]


_DOCUMENT = Document(_Memory, BASE + "witness-memory/v0.1", _MAX_MEMORY, code="format")


def cosign(folder: Path, log_key: VerifierKey, witness: Witness, *, now: datetime) -> str:
    """Check a log's folder, add this witness's line to its checkpoint, and return the line.

    Args:
        folder: the folder `log/`.
        log_key: the log's key; its name is the origin.
        witness: who cosigns.
        now: an aware time, which the cosignature states.

    Raises:
        VerificationError: the log does not hold (`log-...`, `checkpoint-...`), is smaller than before (`log-rollback`), is not
            a continuation of what was cosigned before (`log-fork`), or lacks an entry that this witness submitted
            (`entry-missing`).
        LogError: there is no log.
        FormatError: the checkpoint or the memory is malformed.
        KeyProblem: the witness's key is not Ed25519.
        StoreError: memory or checkpoint could not be read or written, or somebody else is writing.
    """
    key = witness.key
    log.read_checkpoint(folder, log_key)  # before the lock, which makes a file where there is no folder
    with store.lock(folder), _memory(witness.memory) as logs:
        signed = log.read_checkpoint(folder, log_key)
        entries = log.read_entries(folder, signed.checkpoint)
        seen = logs.get(log_key.text, Seen())
        _check_continues(seen, signed.checkpoint, entries)
        _check_submitted(seen, entries)
        logs[log_key.text] = Seen(signed.checkpoint.size, signed.checkpoint.root.hex())
        _write_memory(witness.memory, logs)
        line = _cosignature(signed.text, key, witness.signer, int(now.timestamp())).text
        store.write_file(folder / log.CHECKPOINT, log.with_cosignature(signed, line, key).encode())
    return line


def remember_submitted(memory: Path, log_key: VerifierKey, digests: Iterable[str]) -> None:
    """Note entries that the witness gives to a log; it cosigns nothing there until the log holds them.

    Args:
        memory: the witness's memory.
        log_key: the log that they are meant for.
        digests: SHA-256 of each entry's bytes, in hex.

    Raises:
        FormatError: the memory is malformed.
        StoreError: it could not be read or written, or somebody else is writing it.
    """
    with _memory(memory) as logs:
        seen = logs.get(log_key.text, Seen())
        logs[log_key.text] = replace(seen, submitted=tuple(sorted({*seen.submitted, *digests})))
        _write_memory(memory, logs)


def recall(memory: Path, log_key: VerifierKey) -> Seen:
    """Return what a witness remembers of a log.

    Raises:
        FormatError: the memory is malformed.
        StoreError: it cannot be read, or others can reach it.
    """
    return _read_memory(memory).get(log_key.text, Seen())


def _check_continues(seen: Seen, checkpoint: Checkpoint, entries: list[bytes]) -> None:
    if checkpoint.size < seen.size:
        failure = Failure("log-rollback", "log/checkpoint", f"at least {seen.size} entries", str(checkpoint.size))
        next_step = "do not cosign; ask the institution for the whole log"
        raise failure.problem(VerificationError, "the log is smaller than when it was cosigned", next_step)
    found = merkle.root([merkle.leaf_hash(entry) for entry in entries[: seen.size]]).hex()
    if found != seen.root:
        failure = Failure("log-fork", f"the first {seen.size} entries", seen.root, found)
        next_step = "do not cosign; keep both copies, they prove the fork"
        raise failure.problem(VerificationError, "the log has another history than the one that was cosigned", next_step)


def _check_submitted(seen: Seen, entries: list[bytes]) -> None:
    missing = sorted(set(seen.submitted) - {hashlib.sha256(entry).hexdigest() for entry in entries})
    if missing:
        failure = Failure("entry-missing", "log", f"an entry with SHA-256 {missing[0]}", f"{len(missing)} missing")
        next_step = "ask the institution to append it, then cosign"
        raise failure.problem(VerificationError, "the log lacks an entry that this witness submitted", next_step)


def _cosignature(text: str, key: VerifierKey, signer: Signer, timestamp: int) -> SignatureLine:
    signature = signer.sign(note.cosigned_message(timestamp, text))
    return SignatureLine(key.name, key.key_id, timestamp.to_bytes(8) + signature)


@contextmanager
def _memory(path: Path) -> Iterator[dict[str, Seen]]:
    """Hold the memory's lock, and give what it holds."""
    store.make_folder(path.parent)
    with store.lock(path.with_name(f".{path.name}.lock")):
        yield _read_memory(path)


def _read_memory(path: Path) -> dict[str, Seen]:
    if not store.exists(path):
        return {}
    return dict(_DOCUMENT.parse(store.read_file(path, _MAX_MEMORY, private=True), str(path)).logs)


def _write_memory(path: Path, logs: dict[str, Seen]) -> None:
    store.write_file(path, _DOCUMENT.encode(_Memory(logs)), private=True)
