"""A decoder process as its parent sees it: started, fed through shared memory, watched, replaced when it dies."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from pathlib import Path
from typing import IO

from release.errors import ScreeningError
from release.fingerprint.columns import Limits, Stored
from release.fingerprint.fit import Fit
from release.fingerprint.wire import CODE_BYTES, COUNT, PAGE, PLACE, PROGRESS, READY, FloodError, Inbox, Outcome

START_SECONDS = 300.0
"""How long a first start may take; it compiles."""

DEATHS = 32
"""So many pictures in a row that end their decoder mean that the decoder is broken, not the pictures."""

WINDOW_BYTES = 1 << 26
"""Shared memory that the process maps, unless a single picture may be larger."""

VIEWS = 3
"""So many views a frame has at most; a damaged one may be decoded in addition to those that the limit allows."""

_GRACE = 5.0
_GLANCE = 1.0  # seconds between looks at the progress of a process that does not answer
_PARTS = 512  # pictures that one system call writes
_PIPE_BYTES = 1 << 16
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "NUMBA_CPU_NAME", "VIRTUAL_ENV")


@dataclass(frozen=True, slots=True)
class Task:
    """What a decoder process makes of each picture: hashes under these conventions, or the pixels of a fit."""

    conventions: tuple[str, ...] = ()
    fit: Fit | None = None

    def inbox(self, limits: Limits) -> Inbox:
        """Return an empty inbox for its answers, which takes none that is larger than the limits let any be."""
        frame_bytes = len(self.conventions) * CODE_BYTES if self.fit is None else self.fit.frame_bytes
        return Inbox(len(self.conventions), frame_bytes, VIEWS * (limits.frames + 1))

    def told(self) -> dict[str, object]:
        """Return it as JSON values."""
        return {"conventions": self.conventions, "fit": None if self.fit is None else asdict(self.fit)}


class Decoder:
    """One decoder process and the shared memory through which it gets its pictures."""

    def __init__(self, limits: Limits, task: Task) -> None:
        self._limits = limits
        self._task = task
        self._deaths = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._shared, self._progress = _shared_memory("pictures"), _shared_memory("progress")
        self._window = max(WINDOW_BYTES, limits.bytes)
        self._heavy = False  # a picture of unusual weight lies in the shared memory
        os.ftruncate(self._shared, self._window)
        os.ftruncate(self._progress, PAGE)
        self._inbox = task.inbox(limits)

    def start(self) -> None:
        """Start the process and wait until it has compiled and warmed up.

        Raises:
            ScreeningError: it did not come up.
        """
        pictures = os.open(f"/proc/self/fd/{self._shared}", os.O_RDONLY | os.O_CLOEXEC)  # it need not write there
        try:
            process = subprocess.Popen(  # noqa: S603  (our own module, no shell)
                [sys.executable, "-P", "-m", "release.fingerprint.child", self._job(pictures)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(pictures, self._progress),
                env=_environment(),
            )
        except OSError as error:
            raise _no_start(str(error)) from error
        finally:
            os.close(pictures)
        self._process = process
        self._inbox = self._task.inbox(self._limits)
        if _read(_pipe(process.stdout), len(READY), START_SECONDS) != READY:
            process.kill()
            said = _pipe(process.stderr).read().decode(errors="replace").strip().splitlines()
            self.stop()
            raise _no_start(said[-1] if said else f"exit status {process.returncode}")
        _pipe(process.stderr).close()

    def stop(self) -> None:
        """End the process, if there is one, and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            _pipe(pipe).close()

    def close(self) -> None:
        """End the process and give the shared memory back."""
        self.stop()
        if self._shared >= 0:
            os.close(self._shared)
            os.close(self._progress)
            self._shared = self._progress = -1

    def ask(self, pictures: Sequence[Stored], meanwhile: Callable[[], None]) -> list[Outcome]:
        """Return one outcome for each picture; `meanwhile` runs in this process while the other one decodes.

        A process that dies names the picture that it had begun; those whose answers died with it are asked for again.

        Raises:
            ScreeningError: the decoder cannot be started, or dies on every picture.
        """
        places = self._share(pictures)
        outcomes: list[Outcome | None] = [None] * len(pictures)
        todo, again = list(range(len(pictures))), 0
        self._send([places[number] for number in todo])
        meanwhile()
        while todo:
            answered = self._collect(todo, outcomes)
            if answered == len(todo):
                self._deaths = 0
                break
            begun = min(self._done(), len(todo))
            self._deaths = 1 if begun > max(again, answered) + 1 else self._deaths + 1
            died = self._died()
            if begun > answered:
                outcomes[todo[begun - 1]] = died
                again = begun - 1 - answered
                todo = todo[answered : begun - 1] + todo[begun:]
            else:  # it died with no picture in hand
                again, todo = 0, todo[answered:]
            if todo:
                self._send([places[number] for number in todo])
        return [outcome for outcome in outcomes if outcome is not None]

    def _job(self, pictures: int) -> str:
        """Return what the process has to know, as its argument."""
        names = ("pixels", "frames", "bytes", "seconds", "memory")
        limits = {name: getattr(self._limits, name) for name in names}
        memory = {"shared": pictures, "window": self._window, "progress": self._progress}
        return json.dumps({**limits, **memory, **self._task.told()})

    def _share(self, pictures: Sequence[Stored]) -> list[tuple[int, int]]:
        """Put the pictures into the shared memory, one after the other, and return where each one lies."""
        sizes = [len(picture) for picture in pictures]
        ends = list(accumulate(sizes))
        if self._heavy:
            os.ftruncate(self._shared, 0)
            os.ftruncate(self._shared, self._window)
        self._heavy = bool(ends) and ends[-1] > WINDOW_BYTES
        offset = 0
        for first in range(0, len(pictures), _PARTS):
            part = pictures[first : first + _PARTS]
            offset += _write_at(self._shared, part, offset)
        return list(zip([0, *ends], sizes, strict=False))

    def _send(self, places: Sequence[tuple[int, int]]) -> None:
        """Ask for pictures, of a process that is alive."""
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.start()
        os.pwrite(self._progress, PROGRESS.pack(0), 0)
        message = bytearray(COUNT.pack(len(places)))
        for place in places:
            message += PLACE.pack(*place)
        try:
            _write(_pipe(self._running.stdin), message)
        except BrokenPipeError:
            return  # it died just now: the next answer that is awaited will show it

    def _done(self) -> int:
        """Return how many pictures of the request the process has begun; read, not mapped: it might cut its memory off."""
        said = os.pread(self._progress, PROGRESS.size, 0)
        return int(PROGRESS.unpack(said)[0]) if len(said) == PROGRESS.size else 0

    def _collect(self, todo: Sequence[int], outcomes: list[Outcome | None]) -> int:
        """Take answers until all are there, or the process died, is hanging or out of its mind, and return how many came."""
        pipe, answered = _pipe(self._running.stdout), 0
        while answered < len(todo) and self._ready(pipe):
            data = pipe.read(_PIPE_BYTES)
            if not data:
                break
            try:
                for outcome in self._inbox.put(data):
                    outcomes[todo[answered]] = outcome
                    answered += 1
            except FloodError:
                break
        return answered

    def _ready(self, pipe: IO[bytes]) -> bool:
        """Wait for answers; say whether there is something to read, the end included. If not, the process hangs on one picture."""
        patience = 2 * self._limits.seconds + _GRACE  # its own alarm comes first
        poller = select.poll()
        poller.register(pipe, select.POLLIN)
        begun, until = self._done(), time.monotonic() + patience
        while not poller.poll(max(0.0, min(_GLANCE, until - time.monotonic())) * 1000):
            if self._done() != begun:
                begun, until = self._done(), time.monotonic() + patience
            elif time.monotonic() >= until:
                return False
        return True

    def _died(self) -> Outcome:
        """Return the outcome of the picture that ended the process, and clear up after it.

        Raises:
            ScreeningError: too many in a row.
        """
        process = self._running
        try:
            status = process.wait(timeout=0.5)
        except subprocess.TimeoutExpired:
            status = -signal.SIGALRM  # it hangs: its alarm did not even end it
        self.stop()
        if self._deaths > DEATHS:
            raise ScreeningError(
                "the decoder process dies on every picture",
                found=f"{self._deaths} in a row, last exit status {status}",
                next_step="check the limits of the plan and the installation",
                code="decoder-dies",
            )
        return Outcome("timeout" if status == -signal.SIGALRM else "crashed", 0, (-1,) * len(self._task.conventions))

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process."""
        if self._process is None:
            raise ScreeningError("the decoder process is not running", code="decoder-start")
        return self._process


def _shared_memory(name: str) -> int:
    """Return a descriptor of anonymous memory, which never touches a disk."""
    try:
        return os.memfd_create(name)
    except (AttributeError, OSError) as error:
        raise ScreeningError("no shared memory for the decoder process", expected="Linux with memfd_create", found=str(error)) from error


def _no_start(found: str) -> ScreeningError:
    """Return the error of a process that did not come up."""
    return ScreeningError(
        "the decoder process could not be started",
        found=found,
        next_step="check the installation and the memory limit of the plan",
        code="decoder-start",
    )


def _environment() -> dict[str, str]:
    """Return what the process may know of this one's environment: no tokens, one thread."""
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**kept, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    """Return a pipe that was asked for at start."""
    if pipe is None:
        raise ScreeningError("the decoder process has no pipe", code="decoder-start")
    return pipe


def _read(pipe: IO[bytes], size: int, seconds: float) -> bytes:
    """Return `size` bytes, or fewer if the pipe ends or `seconds` pass."""
    until = time.monotonic() + seconds
    poller = select.poll()
    poller.register(pipe, select.POLLIN)
    data = b""
    while len(data) < size and poller.poll(max(0.0, until - time.monotonic()) * 1000):
        part = pipe.read(size - len(data))
        if not part:
            break
        data += part
    return data


def _write_at(descriptor: int, parts: Sequence[Stored], offset: int) -> int:
    """Write `parts` one after the other from `offset` on and return how many bytes that were."""
    total = sum(len(part) for part in parts)
    written = os.pwritev(descriptor, parts, offset)
    while written < total:  # in parts, which is seldom
        rest = memoryview(b"".join(parts))[written:]
        written += os.pwrite(descriptor, rest, offset + written)
    return total


def _write(pipe: IO[bytes], message: bytearray) -> None:
    """Write all of `message`."""
    rest = memoryview(message)
    while rest:
        rest = rest[pipe.write(rest) :]
