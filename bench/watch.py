"""A command run to its end while the memory of every process of its tree is watched (Linux: /proc).

A process's peak is the kernel's own high-water mark of its resident set. Pages of list indexes are mapped files, shared by all
workers and given back at need, so they are told apart. Pictures on their way to a decoder lie in anonymous shared memory that
no process maps; its size is told for each process that holds it open.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

PERIOD = 0.25  # seconds between two looks
MAPPINGS = 8  # looks between two that also go through a process's mappings, which costs milliseconds
ROLES = (("release.fingerprint.child", "decoder"), ("resource_tracker", "tracker"), ("multiprocessing", "worker"))
_MAPPING = re.compile(rb"^[0-9a-f]+-[0-9a-f]+ .*?(\S*)$")


@dataclass(slots=True)
class Memory:
    """What one process held, in bytes: peak resident set, list pages in it, most without them, shared pictures; its processor seconds."""

    role: str
    peak: int = 0
    lists: int = 0
    apart: int = 0
    shared: int = 0
    processor: float = 0.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A finished command: seconds, output, processor seconds of the whole tree, and its processes' memory by role."""

    seconds: float
    processor: float
    output: str
    processes: list[Memory] = field(default_factory=list)

    def worst(self, role: str) -> Memory:
        """Return the largest values over the processes of a role."""
        those = [memory for memory in self.processes if memory.role == role] or [Memory(role)]
        return Memory(role, *(max(getattr(memory, name) for memory in those) for name in ("peak", "lists", "apart", "shared")))


def run(command: Sequence[str], expected: Sequence[int] = (0,)) -> Watched:
    """Run a command to its end.

    Raises:
        SystemExit: it ended with a status that was not expected.
    """
    start = time.perf_counter()
    seen: dict[int, Memory] = {}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    ended = threading.Event()
    watching = threading.Thread(target=_watch, args=(process.pid, seen, ended))
    watching.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - start
    ended.set()
    watching.join()
    if process.returncode not in expected:
        raise SystemExit(f"ended with status {process.returncode}: {' '.join(command)}\n{output}")
    # The kernel's sum over children would leave out decoders: they end after their worker, with nobody to wait for them.
    return Watched(seconds, sum(memory.processor for memory in seen.values()), output, list(seen.values()))


def _watch(root: int, seen: dict[int, Memory], ended: threading.Event) -> None:
    """Look at the process `root` and all below it until it has ended."""
    for look in count():
        for number in _tree(root):
            _look(number, seen, root=number == root, thorough=look % MAPPINGS == 0)
        if ended.wait(PERIOD):
            return


def tree_seconds(root: int) -> float:
    """Return the processor seconds of a process and all below it that still run."""
    return sum(_processor(number) for number in _tree(root))


def tree_peak(root: int) -> int:
    """Return the sum of the peak resident sets, in bytes, of a process and all below it that still run."""
    total = 0
    for number in _tree(root):
        with contextlib.suppress(OSError):
            total += _kilobytes(Path(f"/proc/{number}/status").read_text(encoding="ascii"), "VmHWM")
    return total


def _processor(number: int) -> float:
    """Return the processor seconds of a process, all its threads, by the clock that Linux keeps for it (clock_getcpuclockid)."""
    try:
        return time.clock_gettime((~number << 3) | 2)
    except OSError:
        return 0.0  # it has just ended


def _tree(root: int) -> list[int]:
    """Return the process and all below it."""
    found = [root]
    for number in found:
        try:
            for task in Path(f"/proc/{number}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text(encoding="ascii").split()]
        except OSError:
            continue  # it has just ended
    return found


def _look(number: int, seen: dict[int, Memory], *, root: bool, thorough: bool) -> None:
    """Take down what a process holds now."""
    folder = Path(f"/proc/{number}")
    memory = seen.setdefault(number, Memory("parent" if root else "other"))
    try:
        if memory.role == "other":  # it may not have become what it was started for when it was first seen
            line = (folder / "cmdline").read_text(encoding="utf-8")
            memory.role = next((role for part, role in ROLES if part in line), "other")
        if thorough:
            memory.lists = max(memory.lists, _list_pages(folder / "smaps"))
            memory.shared = max(memory.shared, _pictures(folder / "fd"))
        status = (folder / "status").read_text(encoding="ascii")
    except OSError:
        return  # it has just ended
    memory.processor = max(memory.processor, _processor(number))
    memory.peak = max(memory.peak, _kilobytes(status, "VmHWM"))
    memory.apart = max(memory.apart, _kilobytes(status, "VmRSS") - memory.lists)


def _kilobytes(text: str, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _list_pages(smaps: Path) -> int:
    """Return how many resident bytes of a process are pages of list indexes."""
    size = 0
    index = False
    for line in smaps.read_bytes().splitlines():
        if line.startswith(b"Rss:"):
            size += int(line.split()[1]) * 1024 if index else 0
        elif mapping := _MAPPING.match(line):
            index = mapping[1].endswith(b".index")
    return size


def _pictures(descriptors: Path) -> int:
    """Return the size of the anonymous shared memory that a process holds open."""
    held = {}
    for entry in descriptors.iterdir():
        if "memfd:" in str(entry.readlink()):
            status = entry.stat()
            held[status.st_ino] = status.st_blocks * 512
    return sum(held.values())
