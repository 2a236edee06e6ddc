"""Let one writer fail at each of its calls in turn; a program of its own, because it forks.

PYTHONPATH=tests python -m faults.sweep WRITER kill|full|broken|forbidden|watch

Prints a JSON object: calls by name, how the process ended at each of them, and the states in which it left the folder.
Whatever is not as it must be ends the program with an exception.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from functools import partial
from itertools import count
from pathlib import Path

from faults.faulty import DONE, KILL, REFUSED, UNTOUCHED, Fuse, run
from faults.writers import AFTER, BEFORE, WRITERS, Writer

from audit_logs import store

WATCH = "watch"
NEVER = 1_000_000


def calls(writer: Writer, folder: Path, before: Path) -> dict[str, int]:
    """Return how often a writer makes each call, and leave in `folder` what it makes."""
    shutil.copytree(before, folder)
    with tempfile.TemporaryFile() as out:
        assert run(partial(writer.act, folder), Fuse(NEVER, KILL), out) == UNTOUCHED
        out.seek(0)
        return {name: int(number) for name, number in (line.rsplit(" ", 1) for line in out.read().decode().splitlines())}


def listing(folder: Path) -> set[str]:
    """Return the files below a folder, leftovers and lock files apart."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir())
    return {name.as_posix() for name in names if not store.is_leftover(name.name) and not name.name.endswith(".lock")}


def fail_at_each(writer: Writer, how: str, work: Path) -> tuple[Counter[str], Counter[str]]:
    """Let each call fail in turn; return how the processes ended, and what they left."""
    ended: Counter[str] = Counter()
    left: Counter[str] = Counter()
    for allowed in count():
        folder = work / "now"
        shutil.copytree(work / "before", folder)
        status = run(partial(writer.act, folder), Fuse(allowed, how))
        if status == UNTOUCHED:
            break
        allowed_ends = {-signal.SIGKILL: "killed"} if how == KILL else {DONE: "done", REFUSED: "refused"}
        ended[allowed_ends[status]] += 1
        left[settle(writer, folder, done=status == DONE)] += 1
        assert listing(folder) == listing(work / "after"), f"call {allowed}"
        shutil.rmtree(folder)
    shutil.rmtree(work / "now")
    return ended, left


def settle(writer: Writer, folder: Path, *, done: bool) -> str:
    """Return in which state a fault left the folder, after seeing that readers can read it and that the next writer goes on."""
    state = writer.state(folder)
    assert not done or state == AFTER
    writer.mend(folder)
    assert writer.state(folder) == state
    if state == BEFORE or writer.repeatable:
        writer.act(folder)
        writer.mend(folder)
    assert writer.state(folder) == AFTER
    return state


def watch(writer: Writer, work: Path) -> tuple[Counter[str], Counter[str]]:
    """Have a reader look before each call of an undisturbed writer; return what it saw."""
    folder = work / "now"
    shutil.copytree(work / "before", folder)
    seen = work / "seen"

    def look() -> None:
        with seen.open("a") as file:
            file.write(writer.state(folder) + "\n")

    status = run(partial(writer.act, folder), Fuse(NEVER, KILL, look))
    assert status == UNTOUCHED
    return Counter({"done": 1}), Counter(seen.read_text().split())


def main() -> None:
    """Sweep."""
    writer, how = WRITERS[sys.argv[1]], sys.argv[2]
    os.fsync = lambda _: None  # what the kernel was given outlives a process; only how often and when it is called matters here
    with tempfile.TemporaryDirectory(prefix="faults") as folder:
        work = Path(folder)
        (work / "before").mkdir()
        writer.prepare(work / "before")
        shutil.copytree(work / "before", work / "first")
        writer.act(work / "first")  # what it imports is imported from here on
        made = calls(writer, work / "after", work / "before")
        ended, left = watch(writer, work) if how == WATCH else fail_at_each(writer, how, work)
        sys.stdout.write(json.dumps({"calls": made, "ended": ended, "left": left}) + "\n")


if __name__ == "__main__":
    main()
