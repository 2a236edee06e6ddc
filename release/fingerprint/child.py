"""The decoder process: decodes and hashes untrusted pictures, apart from every key, list and open file of the build.

It answers picture by picture. A picture that takes too long ends the process by its own alarm, so that it also ends when
nobody is left to end it; one that needs too much memory is refused; whatever else goes wrong costs this process and one row.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import AvifImagePlugin, Image

from release.fingerprint import pdq
from release.fingerprint.columns import NEAREST
from release.fingerprint.compiled import forbid_compilation
from release.fingerprint.decode import Picture
from release.fingerprint.wire import COUNT, PLACE, READY, Outcome


@dataclass(frozen=True, slots=True)
class Job:
    """What the parent asked for at start: the limits of one picture, the conventions, the shared memory."""

    pixels: int
    frames: int
    bytes: int
    seconds: float
    memory: int
    conventions: tuple[str, ...]
    shared: int

    @property
    def colour(self) -> bool:
        """Return whether JPEG has to be decoded in colour: `nearest-512` promises the bits of the C++ reference."""
        return NEAREST in self.conventions


def main() -> None:
    """Serve until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    fields = json.loads(sys.argv[1])
    job = Job(**{**fields, "conventions": tuple(fields["conventions"])})
    Image.MAX_IMAGE_PIXELS = None  # our own limit is checked, on every frame
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # threads would take address space by the core
    warnings.simplefilter("ignore")
    _warm_up(job)
    _confine(job)
    _answer(READY)
    _serve(job, sys.stdin.buffer)


def _warm_up(job: Job) -> None:
    """Load every decoder and compile every kernel, so that no picture pays for it with its time or memory."""
    Image.init()
    for channels in (1, 3):
        pdq.conventions(np.zeros((600, 600, channels), dtype=np.uint8), job.conventions)
    forbid_compilation()


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


def _serve(job: Job, requests: BinaryIO) -> None:
    """Answer requests until there are none."""
    while head := requests.read(COUNT.size):
        (count,) = COUNT.unpack(head)
        places = [PLACE.unpack(requests.read(PLACE.size)) for _ in range(count)]
        for offset, size in places:
            signal.setitimer(signal.ITIMER_REAL, job.seconds)
            outcome = _outcome(job, offset, size)
            signal.setitimer(signal.ITIMER_REAL, 0)
            _answer(outcome.pack())


def _outcome(job: Job, offset: int, size: int) -> Outcome:
    """Return the hashes of one picture in the shared memory, or the reason why there are none."""
    hashed: list[dict[str, tuple[pdq.Forms, int]]] = []
    quality: list[int] = []
    try:
        picture = Picture(_read(job.shared, offset, size), job, colour=job.colour)
        for view in picture.views():
            codes = pdq.conventions(view.pixels, job.conventions)
            hashed.append(codes)
            if view.counts:
                quality += [value for _, value in codes.values()]
        reason = picture.reason
    except MemoryError:
        reason = "memory"
    packed = b"".join(codes[name][0].tobytes() for name in job.conventions for codes in hashed)
    return Outcome(reason, len(hashed), min(quality, default=-1), packed)


def _read(shared: int, offset: int, size: int) -> bytes:
    """Return a picture's bytes out of the shared memory."""
    data = bytearray()
    while len(data) < size:
        data += os.pread(shared, size - len(data), offset + len(data))
    return bytes(data)


def _answer(data: bytes) -> None:
    """Send all of an answer through the pipe, which may take it in parts."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(1, rest) :]


if __name__ == "__main__":
    main()
