"""A writer may die at any call: the log is then the old one or the new one, and the next writer goes on."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from audit_logs import keys, store, tiles
from audit_logs.errors import StoreError
from audit_logs.log import Log

ORIGIN = "example.org/pictures"
CALLS = ("open", "fsync", "replace", "unlink", "mkdir", "rmdir")
OLD, ADDED = 250, 300


class Killed(BaseException):
    """The process is gone: from here on no call of it does anything, clean-up included."""


class Fuse:
    """Lets a number of the store's calls pass; the next one fails, and after a kill all later ones too."""

    def __init__(self, allowed: int, problem: BaseException) -> None:
        self.left = allowed
        self.problem = problem
        self.blown = False

    def guard(self, original: Callable[..., Any]) -> Callable[..., Any]:
        """Return a call that counts."""

        def guarded(*arguments: Any, **named: Any) -> Any:
            if self.blown and isinstance(self.problem, Killed):
                raise self.problem
            if not self.blown and self.left == 0:
                self.blown = True
                raise self.problem
            self.left -= 1
            return original(*arguments, **named)

        return guarded


def entries(count: int, start: int = 0) -> list[bytes]:
    """Return different entries."""
    return [f"entry {number}".encode() for number in range(start, start + count)]


def append_with(fuse: Fuse, log: Log, signer: keys.KeyFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Append under a fuse, whatever comes of it."""
    with monkeypatch.context() as patch:
        for call in CALLS:
            patch.setattr(os, call, fuse.guard(getattr(os, call)))
        with suppress(StoreError, Killed):
            log.append(entries(ADDED, OLD), signer)


@pytest.mark.parametrize(
    "problem", [Killed(), OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "broken")], ids=["killed", "full", "broken"]
)
def test_a_fault_at_every_call_of_an_append(problem: BaseException, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After each fault the log reads whole, a retry completes it, and the folder holds exactly the checkpoint's tiles."""
    signer = keys.generate(tmp_path / "log.pem")
    template = tmp_path / "template"
    key = Log.create(template, ORIGIN, signer).key.text
    Log.open(template, key).append(entries(OLD), signer)
    # What matters here is the order of calls; real syncs would make some hundred appends slow.
    monkeypatch.setattr(os, "fsync", lambda _: None)
    seen = set()
    for allowed in range(1000):
        folder = tmp_path / f"log-{allowed}"
        shutil.copytree(template, folder)
        fuse = Fuse(allowed, problem)
        append_with(fuse, Log.open(folder, key), signer, monkeypatch)

        after = Log.open(folder, key)
        assert after.size in (OLD, OLD + ADDED)
        assert after.entries() == entries(after.size)
        seen.add(after.size)
        if after.size == OLD:
            after.append(entries(ADDED, OLD), signer)
        assert after.entries() == entries(OLD + ADDED)
        files = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
        assert files == {"checkpoint", *tiles.tile_paths(OLD + ADDED)}
        if not fuse.blown:
            break
        shutil.rmtree(folder)
    assert not fuse.blown
    assert allowed > 30
    assert seen == {OLD, OLD + ADDED}


def test_another_batch_may_follow_a_dead_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiles that a dead writer left for other entries are not taken for the new ones."""
    signer = keys.generate(tmp_path / "log.pem")
    log = Log.create(tmp_path / "log", ORIGIN, signer)
    log.append(entries(OLD), signer)
    original = store.write_file

    def dies_at_the_checkpoint(path: Path, data: bytes, *, private: bool = False) -> None:
        if path.name == "checkpoint":
            raise Killed
        original(path, data, private=private)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_file", dies_at_the_checkpoint)
        with pytest.raises(Killed):
            log.append(entries(ADDED, OLD), signer)
    assert (tmp_path / "log/tile/entries/000").exists()
    again = Log.open(tmp_path / "log", log.key.text)
    again.append([b"something else"], signer)
    assert again.entries() == [*entries(OLD), b"something else"]


def test_a_leftover_of_a_dead_write_is_cleared(tmp_path: Path) -> None:
    """A half-written file has a name that the next writer knows and removes."""
    signer = keys.generate(tmp_path / "log.pem")
    log = Log.create(tmp_path / "log", ORIGIN, signer)
    log.append(entries(3), signer)
    leftover = tmp_path / "log/tile/0/000.p" / ".4.0123456789abcdef.tmp"
    leftover.write_bytes(b"half")
    assert Log.open(tmp_path / "log", log.key.text).entries() == entries(3)
    assert not leftover.exists()
