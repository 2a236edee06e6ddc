"""Audits that are told to end, killed or not alone: no opened evidence stays."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from project import start

from audit_logs import store
from audit_logs.errors import Locked
from release.audit.opened import opened_folder


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


def test_signals_are_handled_as_before_afterwards(tmp_path: Path) -> None:
    """Whoever calls an audit keeps its own handlers, and a thread, which may not set any, can audit too."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    with opened_folder(tmp_path / "work"):
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
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
