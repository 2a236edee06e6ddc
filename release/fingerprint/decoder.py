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
from pathlib import Path
from typing import IO

from release.errors import ScreeningError
from release.fingerprint.columns import Limits
from release.fingerprint.wire import ANSWER, CODE_BYTES, COUNT, PLACE, READY, REASONS, Outcome

START_SECONDS = 300.0
"""How long a first start may take; it compiles."""

DEATHS = 32
"""So many pictures in a row that end their decoder mean that the decoder is broken, not the pictures."""

_GRACE = 5.0
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "NUMBA_CPU_NAME", "VIRTUAL_ENV")


class Decoder:
    """One decoder process and the shared memory through which it gets its pictures."""

    def __init__(self, limits: Limits, conventions: tuple[str, ...]) -> None:
        self._limits = limits
        self._conventions = conventions
        self._deaths = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._shared = _shared_memory()

    def start(self) -> None:
        """Start the process and wait until it has compiled and warmed up.

        Raises:
            ScreeningError: it did not come up.
        """
        try:
            process = subprocess.Popen(  # noqa: S603  (our own module, no shell)
                [sys.executable, "-P", "-m", "release.fingerprint.child", self._job()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                pass_fds=(self._shared,),
                env=_environment(),
            )
        except OSError as error:
            raise _no_start(str(error)) from error
        self._process = process
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
            self._shared = -1

    def hash(self, pictures: Sequence[bytes], meanwhile: Callable[[], None]) -> list[Outcome]:
        """Return one outcome for each picture; `meanwhile` runs in this process while the other one decodes.

        Raises:
            ScreeningError: the decoder cannot be started, or dies on every picture.
        """
        self._share(pictures)
        self._send(pictures, 0)
        meanwhile()
        outcomes: list[Outcome] = []
        while len(outcomes) < len(pictures):
            outcome = self._receive()
            self._deaths = 0 if outcome else self._deaths + 1
            outcomes.append(outcome or self._died())
            if outcome is None and len(outcomes) < len(pictures):
                self._send(pictures, len(outcomes))
        return outcomes

    def _job(self) -> str:
        """Return what the process has to know, as its argument."""
        names = ("pixels", "frames", "bytes", "seconds", "memory")
        limits = {name: getattr(self._limits, name) for name in names}
        return json.dumps({**limits, "conventions": self._conventions, "shared": self._shared})

    def _share(self, pictures: Sequence[bytes]) -> None:
        """Put the pictures into the shared memory, one after the other."""
        os.ftruncate(self._shared, 0)
        offset = 0
        for picture in pictures:
            rest = memoryview(picture)
            while rest:
                written = os.pwrite(self._shared, rest, offset)
                offset, rest = offset + written, rest[written:]

    def _send(self, pictures: Sequence[bytes], first: int) -> None:
        """Ask for the pictures from `first` on, of a process that is alive."""
        offset = sum(len(picture) for picture in pictures[:first])
        message = bytearray(COUNT.pack(len(pictures) - first))
        for picture in pictures[first:]:
            message += PLACE.pack(offset, len(picture))
            offset += len(picture)
        if self._process is None or self._process.poll() is not None:
            self.stop()
            self.start()
        try:
            _write(_pipe(self._running.stdin), message)
        except BrokenPipeError:
            return  # it died just now: the next answer that is awaited will show it

    def _receive(self) -> Outcome | None:
        """Return the next answer, or None if the process died or is hanging."""
        answers = _pipe(self._running.stdout)
        patience = 2 * self._limits.seconds + _GRACE  # its own alarm comes first
        head = _read(answers, ANSWER.size, patience)
        if len(head) < ANSWER.size:
            return None
        reason, frames, quality = ANSWER.unpack(head)
        size = frames * len(self._conventions) * CODE_BYTES
        codes = _read(answers, size, patience)
        return Outcome(REASONS[reason], frames, quality, codes) if len(codes) == size else None

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
        return Outcome("timeout" if status == -signal.SIGALRM else "crashed")

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        """Return the process."""
        if self._process is None:
            raise ScreeningError("the decoder process is not running", code="decoder-start")
        return self._process


def _shared_memory() -> int:
    """Return a descriptor of anonymous memory, which never touches a disk."""
    try:
        return os.memfd_create("pictures")
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


def _write(pipe: IO[bytes], message: bytearray) -> None:
    """Write all of `message`."""
    rest = memoryview(message)
    while rest:
        rest = rest[pipe.write(rest) :]
