"""Several processes write one log at once: each step is done by one of them, the others are told, and no entry is lost or doubled."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from faults.writers import KEY, ORIGIN, SIGNER

from audit_logs.log import Log

TESTS = Path(__file__).resolve().parents[1]
WRITERS, EACH = 3, 25


def test_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Each process tries again whenever it is `locked`; in the end every entry stands there once, in each writer's order."""
    Log.create(tmp_path / "log", ORIGIN, SIGNER)
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    names = [f"writer {number}" for number in range(WRITERS)]
    commands = [[sys.executable, "-m", "faults.race", str(tmp_path / "log"), name, str(EACH)] for name in names]
    running = [subprocess.Popen(command, cwd=TESTS.parent, env=environment, stdout=subprocess.PIPE, text=True) for command in commands]
    said = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0] * WRITERS
    assert all(text.strip().isdecimal() for text in said)
    entries = [entry.decode() for entry in Log.open(tmp_path / "log", KEY.text).entries()]
    for name in names:
        assert [entry for entry in entries if entry.startswith(name)] == [f"{name} {number}" for number in range(EACH)]
    assert len(entries) == WRITERS * EACH
