"""The decoder process: decodes untrusted pictures, apart from every key, list and open file of the build, and hashes or fits them.

It works picture by picture, says in shared memory which one it has begun, and answers many at a time. A picture that takes too long ends the process by its own alarm, so that it also ends when
nobody is left to end it; one that needs too much memory is refused; whatever else goes wrong costs this process and one row.
"""

from __future__ import annotations

import json
import mmap
import os
import resource
import signal
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from PIL import AvifImagePlugin, Image

from release.fingerprint.fit import Fit
from release.fingerprint.wire import COUNT, PAGE, PLACE, PROGRESS, READY, Outcome

ANSWER_BYTES = 1 << 15
"""So much is answered together: half of what a pipe holds, so that one side seldom waits for the other."""


@dataclass(frozen=True, slots=True)
class Job:
    """What the parent asked for at start: the limits of one picture, conventions or a fit, descriptors of the shared memory.

    Attributes:
        window: bytes of the shared pictures that are mapped.
    """

    pixels: int
    frames: int
    bytes: int
    seconds: float
    memory: int
    conventions: tuple[str, ...]
    fit: Fit | None
    shared: int
    window: int
    progress: int


class Answering(Protocol):
    """What is made of each picture."""

    def warm_up(self) -> None:
        """Get ready, before the limits apply."""

    def outcome(self, data: memoryview) -> Outcome:
        """Return the answer on one picture."""


def main() -> None:
    """Serve until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    fields = json.loads(sys.argv[1])
    fit = Fit(**fields["fit"]) if fields["fit"] else None
    job = Job(**{**fields, "conventions": tuple(fields["conventions"]), "fit": fit})
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked, on every frame
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # threads would take address space by the core
    warnings.simplefilter("ignore")
    decoder = _Decoder(job, answering(job))
    _confine(job)
    _answer(READY)
    decoder.serve(sys.stdin.buffer)


def _confine(job: Job) -> None:
    """Limit memory to what is in use now and the limit on top, forbid files and core dumps, and fall silent."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    room = pages * resource.getpagesize() + job.memory
    resource.setrlimit(resource.RLIMIT_AS, (room, room))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)


def answering(job: Job) -> Answering:
    """Return what makes the answers; only the one that is asked for is loaded."""
    if job.fit is not None:
        from release.fingerprint.showing import Showing

        return Showing(job, job.fit)
    from release.fingerprint.hashing import Hashing

    return Hashing(job, job.conventions)


class _Decoder:
    """The process's own state: memory that is mapped and room that is kept before the limits apply."""

    def __init__(self, job: Job, answers: Answering) -> None:
        self._job = job
        self._shared = memoryview(mmap.mmap(job.shared, job.window, prot=mmap.PROT_READ))
        self._progress = mmap.mmap(job.progress, PAGE)
        self._answers = answers
        answers.warm_up()

    def serve(self, requests: BinaryIO) -> None:
        """Answer requests until there are none."""
        while head := requests.read(COUNT.size):
            (count,) = COUNT.unpack(head)
            places = requests.read(count * PLACE.size)
            answers = bytearray()
            for number, (offset, size) in enumerate(PLACE.iter_unpack(places), 1):
                PROGRESS.pack_into(self._progress, 0, number)
                signal.setitimer(signal.ITIMER_REAL, self._job.seconds)
                answers += self._answers.outcome(self._shared[offset : offset + size]).pack()
                if len(answers) >= ANSWER_BYTES or number == count:
                    signal.setitimer(signal.ITIMER_REAL, 0)
                    _answer(answers)
                    answers.clear()


def _answer(data: bytes | bytearray) -> None:
    """Send all of an answer through the pipe, which may take it in parts."""
    sent = 0
    while sent < len(data):
        sent += os.write(1, data[sent:])


if __name__ == "__main__":
    main()
