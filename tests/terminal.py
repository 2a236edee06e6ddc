"""A program that has a terminal of its own, and somebody who types where it asks."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 60.0  # seconds
# The first terminal that a new session opens is its own.
OPENING = "import os; os.open(os.ttyname(0), os.O_RDWR)\n"


def at_a_terminal(typed: Sequence[bytes], program: str, *arguments: str) -> str:
    """Run a text of Python, type a line each time it asks (its output ends in a colon), and return all that the terminal showed."""
    lines = list(typed)
    terminal, inside = pty.openpty()
    command = [sys.executable, "-c", OPENING + program, *arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
    os.close(inside)
    shown = b""
    deadline = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < deadline:
            if not select.select([terminal], [], [], 1)[0]:
                continue
            try:
                part = os.read(terminal, 4096)
            except OSError:  # the program has ended
                break
            shown += part
            if lines and part.rstrip().endswith(b":"):
                os.write(terminal, lines.pop(0) + b"\n")
    finally:
        os.close(terminal)
        process.wait()
    return shown.decode()
