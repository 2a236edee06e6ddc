"""A process that is killed, or that the system refuses, at one chosen call of its writing side.

A call is whatever Python itself reports before it changes or opens a file (audit events, so no caller can be overlooked), each flock, and
each write and fsync of the durable writer. The process is a real one, forked for each call: SIGKILL leaves what the kernel has been given,
and locks go as they go in life. A killed write leaves half of its bytes.
"""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from audit_logs.errors import Problem

KILL = "kill"
REFUSALS = {"full": errno.ENOSPC, "broken": errno.EIO, "forbidden": errno.EACCES}
EVENTS = {"open", "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate", "fcntl.flock"}

UNTOUCHED, DONE, REFUSED, WRONG = 10, 11, 12, 13
"""How a process ended: the fault was never reached; it ended well in spite of it; with a Problem; with anything else."""


@dataclass(slots=True)
class Fuse:
    """Lets a number of calls pass. At the next one it kills or refuses; with `watch`, it has somebody look before each call instead."""

    allowed: int
    how: str
    watch: Callable[[], None] | None = None
    blown: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    looking: bool = False

    def call(self, name: str, half: Callable[[], object] = lambda: None) -> None:
        """Count a call that is about to be made; `half` does half of it."""
        if self.looking:
            return
        self.counts[name] = self.counts.get(name, 0) + 1
        if self.watch is not None:
            self.looking = True
            self.watch()
            self.looking = False
        elif not self.blown and sum(self.counts.values()) > self.allowed:
            self.blown = True
            if self.how == KILL:
                half()
                os.kill(os.getpid(), signal.SIGKILL)
            number = REFUSALS[self.how]
            raise OSError(number, os.strerror(number))

    def arm(self) -> None:
        """Stand before every call of this process from now on, for good."""
        sys.addaudithook(lambda event, _: self.call(event) if event in EVENTS else None)
        for name in ("fsync",):
            setattr(os, name, self._guarded(name, getattr(os, name)))
        opened = os.fdopen

        def fdopen(descriptor: int, mode: str = "r", *rest: Any, **named: Any) -> Any:
            if "w" in mode and "b" in mode:
                return io.BufferedWriter(Half(descriptor, mode, self))
            return opened(descriptor, mode, *rest, **named)

        os.fdopen = fdopen

    def _guarded(self, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any) -> Any:
            self.call(name)
            return original(*arguments)

        return guarded


class Half(io.FileIO):
    """A file whose writes are calls of a fuse."""

    def __init__(self, descriptor: int, mode: str, fuse: Fuse) -> None:
        """Take over an open file."""
        super().__init__(descriptor, mode)
        self._fuse = fuse

    def write(self, data: Any) -> int:
        """Write, if the fuse lets it; a process that dies here has written half."""
        self._fuse.call("write", lambda: super(Half, self).write(bytes(data)[: len(data) // 2]))
        return super().write(data)


def run(act: Callable[[], object], fuse: Fuse, out: BinaryIO | None = None) -> int:
    """Do something in a process of its own under a fuse; return how that ended, or minus the signal that killed it.

    To be called from a process without threads. `out` gets the calls that were counted, name by name.
    """
    child = os.fork()
    if child == 0:
        os._exit(_guarded_run(act, fuse, out))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _guarded_run(act: Callable[[], object], fuse: Fuse, out: BinaryIO | None) -> int:
    fuse.arm()
    try:
        act()
    except Problem:
        return REFUSED
    except BaseException:  # noqa: BLE001 - anything else is what must not come out, and is told
        fuse.looking = True
        traceback.print_exc()
        return WRONG
    fuse.looking = True
    if out is not None:
        out.write("".join(f"{name} {count}\n" for name, count in sorted(fuse.counts.items())).encode())
        out.flush()
    return DONE if fuse.blown else UNTOUCHED
