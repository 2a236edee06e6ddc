"""The durable writer: whole files or none, private from the first moment, one writer at a time."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit_logs import store
from audit_logs.errors import Locked, StoreError


def mode(path: Path) -> int:
    """Return the permission bits."""
    return path.stat().st_mode & 0o777


def listing(folder: Path) -> list[str]:
    """Return the names in a folder."""
    return [path.name for path in folder.iterdir()]


@pytest.fixture
def wide_umask() -> Iterator[None]:
    """Have a umask that takes nothing away."""
    before = os.umask(0)
    yield
    os.umask(before)


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    """A second write replaces the first, and nothing else is left in the folder."""
    store.write_file(tmp_path / "a", b"one")
    store.write_file(tmp_path / "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert listing(tmp_path) == ["a"]


@pytest.mark.usefixtures("wide_umask")
def test_private_files_and_folders_stay_private_under_any_umask(tmp_path: Path) -> None:
    """A umask of 0 opens nothing; a umask of 0777 does not lock the owner out."""
    store.make_private_folder(tmp_path / "p")
    store.write_file(tmp_path / "p" / "a", b"", private=True)
    os.umask(0o777)
    store.write_file(tmp_path / "p" / "b", b"", private=True)
    os.umask(0)
    assert [mode(tmp_path / "p"), mode(tmp_path / "p" / "a"), mode(tmp_path / "p" / "b")] == [0o700, 0o600, 0o600]


@pytest.mark.usefixtures("wide_umask")
def test_a_private_file_is_private_while_it_is_written(tmp_path: Path) -> None:
    """There is no moment at which others can open it."""
    with store.writing(tmp_path / "a", store.PRIVATE) as file:
        file.write(b"secret")
        assert [mode(path) for path in tmp_path.iterdir()] == [0o600]


def test_a_streamed_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    """Until the block ends there is no file of that name; if it fails there is none at all."""
    with store.writing(tmp_path / "a") as file:
        file.write(b"part")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a").read_bytes() == b"part"

    def interrupted() -> None:
        with store.writing(tmp_path / "b") as file:
            file.write(b"part")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert listing(tmp_path) == ["a"]


def test_an_exclusive_file_is_never_replaced(tmp_path: Path) -> None:
    """A name that is taken, also between check and write, stays what it is."""

    def write_late() -> None:
        with store.writing(tmp_path / "a", store.PRIVATE_NEW) as file:
            (tmp_path / "a").write_bytes(b"theirs")
            file.write(b"ours")

    with pytest.raises(StoreError, match="exists already"):
        write_late()
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert listing(tmp_path) == ["a"]


def test_the_callers_own_errors_stay_what_they_are(tmp_path: Path) -> None:
    """Trouble with another file inside the block is not blamed on this one."""
    with pytest.raises(FileNotFoundError), store.writing(tmp_path / "a") as file:
        file.write((tmp_path / "absent").read_bytes())
    assert listing(tmp_path) == []


def test_a_network_error_stays_what_it_is(tmp_path: Path) -> None:
    """A download that breaks off inside the block is not blamed on the disk."""
    with pytest.raises(ConnectionResetError), store.writing(tmp_path / "a"):
        raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
    assert listing(tmp_path) == []


FAULTS = [(number, text) for number, text in store._REASONS.items() if number not in (errno.EEXIST, errno.ELOOP)]


@pytest.mark.parametrize("call", ["open", "fsync", "replace"])
@pytest.mark.parametrize(("number", "text"), FAULTS, ids=str)
def test_a_fault_at_each_call_leaves_the_old_file_and_one_sentence(
    call: str, number: int, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the disk says, the old file stands, no other file is left, and the error says why."""
    target = tmp_path / "a"
    store.write_file(target, b"old")

    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StoreError) as caught:
            store.write_file(target, b"new")
    assert text in str(caught.value)
    assert str(target) in str(caught.value)
    assert listing(tmp_path) == ["a"]
    assert target.read_bytes() == b"old"


def test_a_full_disk_while_streaming_is_one_sentence(tmp_path: Path) -> None:
    """ENOSPC from a write inside the block is explained too, and leaves nothing."""
    with pytest.raises(StoreError, match="the disk is full") as caught, store.writing(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.next_step
    assert listing(tmp_path) == []


def test_missing_folders_and_files_in_the_way_are_one_sentence(tmp_path: Path) -> None:
    """No folder, a folder under the file's name, a file among the folders."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    attempts: list[Callable[[], object]] = [
        lambda: store.write_file(tmp_path / "absent" / "a", b""),
        lambda: store.write_file(tmp_path / "folder", b""),
        lambda: store.write_file(tmp_path / "file" / "a", b""),
        lambda: store.make_folder(tmp_path / "file" / "folder"),
        lambda: store.make_folder(tmp_path / "file"),
        lambda: store.read_file(tmp_path / "absent", 10),
        lambda: store.read_file(tmp_path / "folder", 10),
        lambda: store.remove_file(tmp_path / "folder"),
        lambda: store.lock(tmp_path / "absent" / "lock").__enter__(),
    ]
    for attempt in attempts:
        with pytest.raises(StoreError):
            attempt()


def test_folders_are_made_with_those_above_them(tmp_path: Path) -> None:
    """Making a folder twice is no error; only the last of a private path is private."""
    store.make_folder(tmp_path / "a" / "b")
    store.make_folder(tmp_path / "a" / "b")
    store.make_private_folder(tmp_path / "a" / "c")
    assert mode(tmp_path / "a" / "c") == 0o700


def test_loose_permissions_and_links_are_refused(tmp_path: Path) -> None:
    """Group or world access, and symbolic links, are refused where privacy is asked for."""
    path = tmp_path / "a"
    store.write_file(path, b"secret", private=True)
    assert store.read_file(path, 10, private=True) == b"secret"
    for bits in (0o640, 0o604, 0o610, 0o602):
        path.chmod(bits)
        for attempt in (lambda: store.check_private(path), lambda: store.read_file(path, 10, private=True)):
            with pytest.raises(StoreError) as caught:
                attempt()
            assert caught.value.code == "not-private"
    path.chmod(0o600)
    (tmp_path / "link").symlink_to(path)
    for attempt in (lambda: store.check_private(tmp_path / "link"), lambda: store.read_file(tmp_path / "link", 10)):
        with pytest.raises(StoreError):
            attempt()
    (tmp_path / "open").mkdir(mode=0o755)
    with pytest.raises(StoreError):
        store.make_private_folder(tmp_path / "open")


def test_no_more_is_read_than_allowed(tmp_path: Path) -> None:
    """A file that is larger than it may be is refused, not cut."""
    store.write_file(tmp_path / "a", b"12345")
    assert store.read_file(tmp_path / "a", 5) == b"12345"
    with pytest.raises(StoreError, match="could not read"):
        store.read_file(tmp_path / "a", 4)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    """Reading a named pipe does not hang; it is refused."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StoreError):
        store.read_file(tmp_path / "pipe", 10)


@pytest.mark.parametrize("name", ["folder", "lock"])
def test_a_lock_is_held_by_one(name: str, tmp_path: Path) -> None:
    """A second holder is refused with the state's name, and succeeds afterwards; a folder's lock leaves no file."""
    (tmp_path / "folder").mkdir()
    path = tmp_path / name
    with store.lock(path), pytest.raises(Locked), store.lock(path):
        pass
    with store.lock(path):
        assert list((tmp_path / "folder").iterdir()) == []


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    """The lock dies with its holder, even by SIGKILL."""
    holder = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from audit_logs import store
        with store.lock(Path(sys.argv[1])):
            print("held", flush=True)
            time.sleep(60)
    """)
    command = [sys.executable, "-c", holder, str(tmp_path)]
    root = str(Path(store.__file__).parents[1])
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(Locked), store.lock(tmp_path):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    with store.lock(tmp_path):
        pass


def test_a_file_system_without_locks_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a lock cannot be had, nothing is written without one."""

    def unsupported(*_: Any) -> Any:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(store.fcntl, "flock", unsupported)
    with pytest.raises(StoreError, match="could not lock") as caught, store.lock(tmp_path):
        pass
    assert not isinstance(caught.value, Locked)


def test_a_forked_worker_does_not_keep_the_lock(tmp_path: Path) -> None:
    """A process that was forked under the lock, and lives on, does not hold it."""
    with store.lock(tmp_path), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn when a thread of pytest's runs
        worker = os.fork()
        if worker == 0:
            signal.pause()
    try:
        with store.lock(tmp_path):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)


def test_a_place_that_one_may_not_look_at_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking whether a file is there can itself be forbidden."""

    def forbidden(*_: Any, **__: Any) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied")

    assert not store.exists(tmp_path / "a")
    (tmp_path / "a").symlink_to(tmp_path / "nowhere")
    assert store.exists(tmp_path / "a")
    assert store.files_below(tmp_path) == ["a"]
    monkeypatch.setattr(Path, "lstat", forbidden)
    monkeypatch.setattr(Path, "rglob", forbidden)
    for attempt in (lambda: store.exists(tmp_path / "a"), lambda: store.files_below(tmp_path)):
        with pytest.raises(StoreError, match="permission denied"):
            attempt()
