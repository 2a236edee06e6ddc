"""Whatever writes may die, or be refused, at every call: readers find the state before or the one after, and the next writer goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from faults.faulty import KILL, REFUSALS
from faults.sweep import WATCH
from faults.writers import AFTER, BEFORE, WRITERS

TESTS = Path(__file__).resolve().parents[1]
ALWAYS = {"open", "write", "fsync", "os.remove"}


def sweep(writer: str, how: str) -> dict[str, Any]:
    """Let a writer fail at each of its calls, and return what was seen."""
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-m", "faults.sweep", writer, how]
    done = subprocess.run(command, cwd=TESTS.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["calls"].keys() >= ALWAYS
    return found


@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_that_is_killed_at_any_call_leaves_the_old_state_or_the_new(writer: str) -> None:
    """A real SIGKILL before each call, half a write included; the lock goes with the process, and the next writer completes the step."""
    found = sweep(writer, KILL)
    assert found["ended"] == {"killed": sum(found["calls"].values())}
    assert set(found["left"]) == {BEFORE, AFTER}


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_that_is_refused_at_any_call_says_so_and_breaks_nothing(writer: str, how: str) -> None:
    """A full disk, a broken one, a forbidden call: a problem of ours or, where nothing hangs on that call, the whole step done."""
    found = sweep(writer, how)
    assert sum(found["ended"].values()) >= sum(found["calls"].values())
    assert set(found["ended"]) == {"done", "refused"}
    assert set(found["left"]) == {BEFORE, AFTER}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_reader_never_sees_anything_between(writer: str) -> None:
    """Somebody looks before each call of a writer that nothing disturbs: first the old state, from one call on the new one."""
    found = sweep(writer, WATCH)
    assert set(found["left"]) == {BEFORE, AFTER}
    assert sum(found["left"].values()) == sum(found["calls"].values())
