"""What the log's key signed last, kept beside it: so that its owner never continues an older copy of the log by mistake.

The file has the form of a verifier's state file (docs/SPEC.md section 13.3). Witnesses refuse a fork as well, but only after it
was signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from audit_logs import merkle, seen
from audit_logs.log import Log
from audit_logs.seen import Seen
from release import store
from release.errors import GateError


def place(log_key: Path) -> Path:
    """Return where the head of a log is kept: beside the log's private key."""
    return log_key.with_name(log_key.name + ".head")


def check(path: Path, log: Log, entries: Sequence[bytes]) -> None:
    """Refuse to continue entries that are not what the key signed last, or more.

    Raises:
        GateError: there is a newer copy (`log-behind`), or these are another history (`log-fork`).
        FormatError: the file is malformed.
    """
    last = _read(path)
    if last is None or (last.origin, last.log_key) != (log.key.name, log.key.text):
        return
    if len(entries) < last.size:
        raise GateError(
            "this is not the newest copy of the log",
            where=str(path),
            expected=f"{last.size} entries, as the log's key signed last",
            found=f"{len(entries)} entries",
            next_step="name the folder that holds the newest log with --log-from",
            code="log-behind",
        )
    root = merkle.root([merkle.leaf_hash(entry) for entry in entries[: last.size]])
    if root.hex() != last.root:
        raise GateError(
            "the log is not a continuation of what its key signed last",
            where=str(path),
            expected=f"root {last.root} at size {last.size}",
            found=f"root {root.hex()}",
            next_step="one line has one log: go on from its newest published copy",
            code="log-fork",
        )


def remember(path: Path, log: Log) -> None:
    """Note the checkpoint that a log's key has just signed.

    Raises:
        StoreError: it could not be written.
    """
    checkpoint = log.signed.checkpoint
    now = Seen(log.key.name, log.key.text, checkpoint.size, checkpoint.root.hex(), log.signed.text)
    if now != _read(path):
        store.write_file(path, seen.encode(now))


def _read(path: Path) -> Seen | None:
    return seen.parse(store.read_file(path, seen.LIMIT), where=str(path)) if path.exists() else None
