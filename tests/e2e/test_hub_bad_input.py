"""What a reader does wrong, or finds in the way: one clear sentence each, nothing lost, and nothing half-written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made import Made, Maker
from on_hub import NAME, SHARD, Hub, release_more

import release
from audit_logs.contact import Chosen
from audit_logs.errors import Problem, StoreError
from release.cli import run
from release.consume import arriving
from release.consume.address import parse
from release.consume.fetch import Wish
from release.consume.get import get
from release.hub import HubDataset

EVERY_WAY = ("get", "verify", "load", "stream")


def refused(hub: Hub, capsys: pytest.CaptureFixture[str], way: str, name: str = f"hub:{NAME}") -> str:
    """Return the one line with which each way to a release refuses."""
    try:
        if way == "load":
            release.load(name, hub.trust, cache_dir=hub.home / "rows")
        elif way == "stream":
            release.stream(name, hub.trust)
        else:
            out = ["--out", str(hub.out)] if way == "get" else []
            assert run([way, name, *out, "--trust", str(hub.trust)]) == 1
            (line,) = capsys.readouterr().err.splitlines()
            return line
    except Problem as problem:
        return str(problem)
    raise AssertionError(f"{way} accepted {name}")


@pytest.mark.parametrize("way", EVERY_WAY)
def test_what_is_not_there_or_not_for_this_reader_is_one_sentence(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str
) -> None:
    """No such repository, no such version, no token and a wrong one are told apart, with what to do; a token stands in no message."""
    hub.here(monkeypatch)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    assert "there is no such dataset on the Hub" in refused(hub, capsys, way, "hub:example/none")
    assert "no such revision" in refused(hub, capsys, way, f"hub:{NAME}@9.9.9")
    hub.repository.private, hub.repository.token = True, "hf_right"
    assert "log in with `hf auth login`" in refused(hub, capsys, way)
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    line = refused(hub, capsys, way)
    assert "this token" in line
    assert "hf_wrong" not in line
    assert not hub.out.exists()


@pytest.mark.parametrize("way", EVERY_WAY)
def test_the_right_token_opens_a_private_repository(hub: Hub, way: str) -> None:
    """The client's own token is used for every request."""
    hub.repository.private = True
    hub.repository.token = hub.token = "hf_" + "right"
    if way in ("get", "verify"):
        found = hub.get() if way == "get" else hub.run("verify", f"hub:{NAME}", "--trust", str(hub.trust))
        assert found["verdict"] == "verified"
    else:
        assert len(hub.read([way])[0]) == 20


class FullDisk:
    """A disk that is full when some function has written some bytes, or was called for some file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.writes = 0

    def _full(self) -> OSError:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def of_data(self, room: int) -> None:
        """Let it have room for some bytes of data files."""
        whole = arriving._write

        def write(file: Any, chunk: bytes) -> None:
            fits = max(0, min(len(chunk), room - self.writes))
            self.writes += fits
            whole(file, chunk[:fits])
            if fits < len(chunk):
                raise self._full()

        self._patch.setattr(arriving, "_write", write)

    def of_small_files(self, name: str) -> None:
        """Let it have no room for a file of the record."""
        whole = Path.write_bytes

        def write(path: Path, data: Any) -> int:
            if path.name == name:
                raise self._full()
            return whole(path, data)

        self._patch.setattr(Path, "write_bytes", write)

    def of_durable_files(self) -> None:
        """Let it have no room for what is written durably: the log's entries."""
        whole = os.fsync

        def fsync(descriptor: int) -> None:
            if ".sigstore.json" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
                raise self._full()
            whole(descriptor)

        self._patch.setattr("os.fsync", fsync)


FULL: dict[str, Callable[[FullDisk], None]] = {
    "at once": lambda disk: disk.of_data(0),
    "in the middle of a data file": lambda disk: disk.of_data(3000),
    "at the manifest": lambda disk: disk.of_small_files("release.json"),
    "at the checkpoint": lambda disk: disk.of_small_files("checkpoint"),
    "at an attestation": lambda disk: disk.of_durable_files(),
}


@pytest.mark.parametrize("when", FULL)
def test_a_full_disk_is_told_as_that_and_nothing_half_written_stays(
    hub: Hub, first: Made, make: Maker, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """What was there stays as it was, nothing lies beside it, and with room again the same call ends well."""
    hub.here(monkeypatch)
    wish = Wish(parse(f"hub:{NAME}"), lambda _: Chosen(hub.trust.read_bytes(), None))
    get(wish, hub.out)
    release_more(hub, first, make)
    before = {path: path.read_bytes() for path in hub.out.rglob("*") if path.is_file()}
    with monkeypatch.context() as patch:
        FULL[when](FullDisk(patch))
        with pytest.raises(StoreError, match="the disk is full") as caught:
            get(wish, hub.out)
    assert "Hub" not in str(caught.value)
    assert "free some space" in str(caught.value)
    assert {path: path.read_bytes() for path in hub.out.rglob("*") if path.is_file()} == before
    assert hub.left() == ["street-scenes"]
    assert get(wish, hub.out).report.version == "1.1.0"


@pytest.mark.parametrize("way", ["verify", "load", "stream"])
def test_a_full_disk_is_told_by_every_way(hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], way: str) -> None:
    """Also what only passes through, or goes to a cache, needs room for a moment."""
    hub.here(monkeypatch)
    FullDisk(monkeypatch).of_small_files("release.json")
    line = refused(hub, capsys, way)
    assert "the disk is full" in line
    assert "free some space" in line


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_is_really_full(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same on a disk of 64 KiB, where the system lets us have one."""
    hub.here(monkeypatch)
    small = hub.home / "small"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        (small / "mine").write_bytes(b"x" * 40_000)
        wish = Wish(parse(f"hub:{NAME}"), lambda _: Chosen(hub.trust.read_bytes(), None))
        with pytest.raises(StoreError, match="full"):
            get(wish, small / "street-scenes")
        assert [path.name for path in small.iterdir()] == ["mine"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_a_part_is_gone_on_with_by_a_later_run(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before the Hub failed is kept and hashed, and only the rest is asked for; a part with other bytes is told and gone."""
    hub.here(monkeypatch)
    monkeypatch.setattr(sys.modules[HubDataset.__module__], "_RETRIES", 0)
    wish = Wish(parse(f"hub:{NAME}"), lambda _: Chosen(hub.trust.read_bytes(), None))
    hub.repository.faults[SHARD] = ["cut"]
    with pytest.raises(Problem, match="the Hub could not be reached"):
        get(wish, hub.out)
    (part,) = (hub.out.parent / ".street-scenes.getting" / "parts").glob(f"*.{Path(SHARD).name}")
    size = part.stat().st_size
    assert size > 0
    assert (hub.out.parent / ".street-scenes.getting").stat().st_mode & 0o077 == 0
    hub.repository.requests.clear()
    assert get(wish, hub.out).folder == hub.out
    assert [request for request in hub.repository.requests if SHARD in request and f"bytes={size}-" in request]
    assert hub.left() == ["street-scenes"]
