"""Folders change in one step: a reader sees the old one or the new one."""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from pathlib import Path

import pytest

from audit_logs.errors import StoreError
from release import store


def folder(path: Path, text: str) -> Path:
    """Make a folder with two files of one text."""
    path.mkdir()
    for name in ("a", "b"):
        (path / name).write_text(text)
    return path


def test_a_new_folder_takes_its_name(tmp_path: Path) -> None:
    """Where nothing stands the staging folder is renamed."""
    assert store.swap_folder(folder(tmp_path / "new", "2"), tmp_path / "out") is False
    assert (tmp_path / "out" / "a").read_text() == "2"
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("there", ["folder", "file", "link", "empty"])
def test_a_folder_that_takes_a_name_replaces_nothing(there: str, plain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came to stand at the destination meanwhile stays, also where no special rename exists."""
    if plain:
        monkeypatch.setattr(store, "_special_rename", _unsupported)
    new, out = folder(tmp_path / "new", "2"), tmp_path / "out"
    make = {"folder": lambda: folder(out, "1"), "file": out.touch, "link": lambda: out.symlink_to("nowhere"), "empty": out.mkdir}
    make[there]()
    before = out.lstat().st_ino
    with pytest.raises(StoreError, match="something has come to stand there"):
        store.place_folder(new, out)
    assert (out.lstat().st_ino, (new / "a").read_text()) == (before, "2")


@pytest.mark.parametrize("plain", [False, True])
def test_a_folder_takes_a_free_name(plain: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the special rename, and with the plain one where there is none."""
    if plain:
        monkeypatch.setattr(store, "_special_rename", _unsupported)
    store.place_folder(folder(tmp_path / "new", "2"), tmp_path / "out")
    assert ((tmp_path / "out" / "a").read_text(), (tmp_path / "new").exists()) == ("2", False)


def _unsupported(*_: object) -> None:
    raise OSError(errno.EINVAL, "Invalid argument")


def test_an_old_folder_is_exchanged_and_stands_at_the_staging_path(tmp_path: Path) -> None:
    """The old folder is whole after the exchange; deleting it is the caller's."""
    old, new = folder(tmp_path / "out", "1"), folder(tmp_path / "new", "2")
    assert store.swap_folder(new, old) is True
    assert [(old / name).read_text() for name in "ab"] == ["2", "2"]
    assert [(new / name).read_text() for name in "ab"] == ["1", "1"]


def test_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    """While folders are exchanged over and over, an open folder holds two files of one text."""
    out, new = folder(tmp_path / "out", "1"), folder(tmp_path / "new", "2")
    stop = threading.Event()
    mixed: list[set[bytes]] = []

    def read() -> None:
        while not stop.is_set():
            descriptor = os.open(out, os.O_RDONLY)
            texts = set()
            for name in ("a", "b"):
                inner = os.open(name, os.O_RDONLY, dir_fd=descriptor)
                texts.add(os.read(inner, 10))
                os.close(inner)
            os.close(descriptor)
            if len(texts) != 1:
                mixed.append(texts)

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(50):
        store.swap_folder(new, out)
    stop.set()
    reader.join()
    assert mixed == []


def test_links_and_files_are_not_replaced(tmp_path: Path) -> None:
    """Exchanging a symbolic link would publish beside the folder that it means."""
    new = folder(tmp_path / "new", "2")
    target = folder(tmp_path / "target", "1")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "file").write_text("x")
    for name in ("link", "file"):
        with pytest.raises(StoreError, match="only a folder"):
            store.swap_folder(new, tmp_path / name)
    with pytest.raises(StoreError, match="only a folder"):
        store.swap_folder(tmp_path / "nothing", tmp_path / "out")


@pytest.mark.parametrize(
    ("number", "words"),
    [(errno.ENOSYS, "cannot exchange"), (errno.EXDEV, "another file system"), (errno.ENOSPC, "disk is full"), (errno.EACCES, "ermission")],
)
def test_what_the_system_refuses_is_said_clearly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    """Where it cannot be done both folders stay as they were, and the sentence says why."""
    old, new = folder(tmp_path / "out", "1"), folder(tmp_path / "new", "2")

    def refuse(*_: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(store, "_special_rename", refuse)
    with pytest.raises(StoreError, match=words):
        store.swap_folder(new, old)
    assert (old / "a").read_text() == "1"
    assert (new / "a").read_text() == "2"


def test_a_file_is_hashed_in_pieces(tmp_path: Path) -> None:
    """The digest is the file's, and a missing file is a StoreError."""
    data = os.urandom((1 << 20) + 17)
    (tmp_path / "a").write_bytes(data)
    assert store.file_sha256(tmp_path / "a") == hashlib.sha256(data).hexdigest()
    with pytest.raises(StoreError, match="could not read"):
        store.file_sha256(tmp_path / "b")


def test_a_new_file_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    """An error inside the block leaves what was there."""
    path = tmp_path / "a"
    with store.open_new(path, private=True) as file:
        file.write(b"1")
    assert path.stat().st_mode & 0o777 == 0o600

    def fail_half_way() -> None:
        with store.open_new(path) as file:
            file.write(b"2")
            raise LookupError

    with pytest.raises(LookupError):
        fail_half_way()
    assert path.read_bytes() == b"1"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
