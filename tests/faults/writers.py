"""Everything of `audit_logs` that writes, each with the states in which a fault may leave what it writes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import UTC, datetime
from pathlib import Path

from simulator import digest, signer_of

from audit_logs import keys, log, note, seen, store, tiles, witness
from audit_logs.log import Log
from audit_logs.witness import Witness

ORIGIN = "example.org/pictures"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OLD, ADDED = 250, 300  # across the end of a tile
BEFORE, AFTER = "before", "after"
SIGNER = signer_of("log")
KEY = keys.verifier_key(SIGNER, ORIGIN, note.LOG_KEY)
WITNESS = signer_of("witness auditor-one.example")


def entries(first: int, end: int) -> list[bytes]:
    """Return different entries."""
    return [f"entry {number}".encode() for number in range(first, end)]


class Writer(ABC):
    """A step from one state of a folder to another, in which nothing else may ever be seen."""

    repeatable = True  # done again after it was done, it changes nothing that matters

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Make the state before."""

    @abstractmethod
    def act(self, folder: Path) -> None:
        """Do it."""

    @abstractmethod
    def state(self, folder: Path) -> str:
        """Return which of the two states a reader finds; raise for any other."""

    def mend(self, folder: Path) -> None:
        """Do what the next writer does before all else; for a single file that is nothing."""
        assert folder.is_dir()


class Grow(Writer):
    """Appending to a log."""

    repeatable = False

    def prepare(self, folder: Path) -> None:
        """A log of some entries."""
        Log.create(folder / "log", ORIGIN, SIGNER)
        self._open(folder).append(entries(0, OLD), SIGNER)

    def act(self, folder: Path) -> None:
        """Append more of them."""
        self._open(folder).append(entries(OLD, OLD + ADDED), SIGNER)

    def state(self, folder: Path) -> str:
        """Read as C2SP says: the checkpoint, then its tiles and no others; all of them are computed anew."""
        signed = log.read_checkpoint(folder / "log", KEY)
        size = signed.checkpoint.size
        names = tiles.tile_paths(size)
        found = tiles.check_tiles(size, signed.checkpoint.root, names, lambda path, limit: store.read_file(folder / "log" / path, limit))
        assert found == entries(0, size)
        return {OLD: BEFORE, OLD + ADDED: AFTER}[size]

    def mend(self, folder: Path) -> None:
        """Open it: what a dead writer left is gone, and the folder holds the tiles of its checkpoint and nothing else."""
        opened = self._open(folder)
        assert opened.entries() == entries(0, opened.size)

    def _open(self, folder: Path) -> Log:
        return Log.open(folder / "log", KEY.text)


class Begin(Grow):
    """Making a log."""

    repeatable = False

    def prepare(self, folder: Path) -> None:
        """Nothing."""

    def act(self, folder: Path) -> None:
        """Sign the empty log's checkpoint."""
        Log.create(folder / "log", ORIGIN, SIGNER)

    def state(self, folder: Path) -> str:
        """No log, or an empty one."""
        if not (folder / "log" / "checkpoint").exists():
            return BEFORE
        assert log.read_checkpoint(folder / "log", KEY).checkpoint.size == 0
        return AFTER

    def mend(self, folder: Path) -> None:
        """Only what is there can be opened."""
        if self.state(folder) == AFTER:
            super().mend(folder)


class Cosign(Grow):
    """Cosigning a log's checkpoint, remembering it first."""

    repeatable = True

    def act(self, folder: Path) -> None:
        """Check, remember, sign."""
        witness.cosign(folder / "log", KEY, self._witness(folder), now=NOW)

    def state(self, folder: Path) -> str:
        """With or without the line; never a line that the witness has forgotten."""
        assert super().state(folder) == BEFORE
        signed = log.read_checkpoint(folder / "log", KEY)
        remembered = witness.recall(self._witness(folder).memory, KEY)
        assert (remembered.size, remembered.root) in ((0, witness.Seen().root), (OLD, signed.checkpoint.root.hex()))
        if note.verify_cosignature(signed, self._witness(folder).key) is None:
            return BEFORE
        assert remembered.size == OLD
        return AFTER

    def _witness(self, folder: Path) -> Witness:
        return Witness("auditor-one.example", WITNESS, folder / "memory")


class Submit(Writer):
    """A witness's note of what it gives to a log."""

    def prepare(self, folder: Path) -> None:
        """One entry is noted."""
        witness.remember_submitted(folder / "memory", KEY, [digest("one")])

    def act(self, folder: Path) -> None:
        """Note another."""
        witness.remember_submitted(folder / "memory", KEY, [digest("two")])

    def state(self, folder: Path) -> str:
        """One or two."""
        noted = set(witness.recall(folder / "memory", KEY).submitted)
        return {1: BEFORE, 2: AFTER}[len(noted & {digest("one"), digest("two")})]


class NewKey(Writer):
    """A key file."""

    repeatable = False

    def prepare(self, folder: Path) -> None:
        """No file."""

    def act(self, folder: Path) -> None:
        """Make the key."""
        keys.generate(folder / "key.pem")

    def state(self, folder: Path) -> str:
        """No file, or a whole one that nobody else can reach."""
        if not (folder / "key.pem").exists():
            return BEFORE
        keys.load(folder / "key.pem")
        return AFTER


class Remember(Writer):
    """The state file of a verifier."""

    def prepare(self, folder: Path) -> None:
        """An older state."""
        store.write_file(folder / "state.json", seen.encode(self._seen(1)))

    def act(self, folder: Path) -> None:
        """A newer one."""
        store.write_file(folder / "state.json", seen.encode(self._seen(2)))

    def state(self, folder: Path) -> str:
        """The older or the newer one."""
        return {1: BEFORE, 2: AFTER}[seen.parse((folder / "state.json").read_bytes()).size]

    @staticmethod
    def _seen(size: int) -> seen.Seen:
        return seen.Seen(ORIGIN, KEY.text, size, digest("root"), "")


WRITERS = {
    "begin": Begin(),
    "grow": Grow(),
    "cosign": Cosign(),
    "submit": Submit(),
    "key": NewKey(),
    "remember": Remember(),
}
