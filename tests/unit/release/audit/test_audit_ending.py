"""Audits that are told to end, killed or not alone: no opened evidence stays."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from project import start

from audit_logs import trust as trusts
from audit_logs import witness
from audit_logs.errors import Locked
from audit_logs.log import Log
from audit_logs.note import VerifierKey
from audit_logs.replay import replay
from release import store
from release.audit import SKIPPABLE, Request, audit
from release.audit.opened import opened_folder
from release.errors import AuditError


@pytest.fixture(autouse=True)
def _a_closed_terminal_ends_processes() -> Iterator[None]:
    """Let SIGHUP mean what it means at a terminal, also where the tests run under nohup, which has it ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def arguments(world: Any) -> list[object]:
    """Return the command line of an auditor of tier rows."""
    home = world.home / "auditor-2"
    names = {"--key": "auditor.pem", "--identity": "identity.age", "--trust": "trust.json", "--lists": "lists", "--work": "work"}
    return ["audit", world.candidate, *(word for option, name in names.items() for word in (option, home / name))]


def opened(world: Any) -> list[Path]:
    """Return the files of evidence that lie open."""
    return list((world.home / "auditor-2" / "work").glob("opened-*/*.parquet"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_audit_that_is_told_to_end_leaves_nothing_open(world: Any, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and a closed terminal: one sentence, no opinion, and the opened evidence is gone."""
    with start(*arguments(world)) as running:
        running.wait_for(lambda: opened(world), "opened evidence")
        running.send(number)
        answer = running.end()
    assert answer.code == 1, answer.text
    assert answer.err.endswith(" [interrupted]\n")
    assert not list((world.home / "auditor-2" / "work").iterdir())
    assert not (world.candidate / "reports").exists()


def test_what_a_killed_audit_left_is_removed_by_the_next(world: Any) -> None:
    """A killed process cannot clean up; the next audit with the same work folder does it first."""
    with start(*arguments(world)) as running:
        running.wait_for(lambda: opened(world), "opened evidence")
        running.process.kill()
        running.end()
    left = {path.parent for path in opened(world)}
    assert left
    with opened_folder(world.home / "auditor-2" / "work") as folder:
        assert not [path for path in left if path.exists()]
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


def test_the_evidence_of_a_live_audit_is_not_removed(tmp_path: Path) -> None:
    """A second audit with the same work folder is refused while the first one runs."""
    with opened_folder(tmp_path / "work") as folder:
        with pytest.raises(Locked), opened_folder(tmp_path / "work"):
            pytest.fail("two audits in one folder")
        assert folder.exists()
    with store.lock(tmp_path / "work"):
        assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_ending_that_compiled_code_swallowed_is_not_forgotten(tmp_path: Path, number: signal.Signals) -> None:
    """What runs on after the signal comes to no result: the block ends as if it had been interrupted."""
    with pytest.raises(KeyboardInterrupt), opened_folder(tmp_path / "work"):  # noqa: PT012  (the block goes on after the signal)
        with contextlib.suppress(KeyboardInterrupt):
            signal.raise_signal(number)
        assert list((tmp_path / "work").glob("opened-*"))
    assert not list((tmp_path / "work").glob("opened-*"))


def test_signals_are_handled_as_before_afterwards(tmp_path: Path) -> None:
    """Whoever calls an audit keeps its own handlers, and a thread, which may not set any, can audit too."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    for number in numbers:
        with pytest.raises(KeyboardInterrupt), opened_folder(tmp_path / "work"):
            signal.raise_signal(number)
    assert [signal.getsignal(number) for number in numbers] == before
    made: list[Path] = []

    def elsewhere() -> None:
        with opened_folder(tmp_path / "work") as folder:
            made.append(folder)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert len(made) == 1
    assert not made[0].exists()


@pytest.mark.parametrize("written", [0, 1, 2])
def test_an_audit_killed_while_it_submits_is_finished_by_the_next(world: Any, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    """However many of the two files were there: no report ever lies there alone, and the auditor's own pair is laid out again."""
    home = world.home / "auditor-2"
    names = {"key": "auditor.pem", "identity": "identity.age", "trust": "trust.json", "lists": "lists", "work": "work"}
    request = Request(world.candidate, skip=frozenset(SKIPPABLE), **{name: home / place for name, place in names.items()})
    begun: list[Path] = []
    write, unlink = store.write_file, Path.unlink

    def killed(path: Path, data: bytes, *, private: bool = False) -> None:
        if not private and path.suffix == ".json":
            begun.append(path)
            if len(begun) > written:
                raise KeyboardInterrupt
        write(path, data, private=private)

    def killed_at_the_end(path: Path, **options: bool) -> None:
        if path.name == "submission.json":
            raise KeyboardInterrupt
        unlink(path, **options)

    monkeypatch.setattr(store, "write_file", killed)
    monkeypatch.setattr(Path, "unlink", killed_at_the_end)
    with pytest.raises(KeyboardInterrupt):
        audit(request)
    monkeypatch.undo()
    lie = {place: list((world.candidate / place).glob("*.json")) for place in ("reports", "opinions")}
    assert [len(lie["opinions"]), len(lie["reports"])] == [[0, 0], [1, 0], [1, 1]][written]
    with pytest.raises(AuditError, match="there already"):
        audit(request)
    trust = trusts.parse(world.trust.read_bytes())
    pair = [next((world.candidate / place).glob("*.json")).read_bytes() for place in ("reports", "opinions")]
    assert replay([*Log.open(world.candidate / "log", trust.log.key).entries(), *pair], trust).voids == []
    submitted = witness.recall(home / "auditor.pem.memory", VerifierKey.parse(trust.log.key)).submitted
    assert set(submitted) == {hashlib.sha256(raw).hexdigest() for raw in pair}
    assert not list((home / "work").glob("submission*"))
