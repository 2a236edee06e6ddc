"""The private folder in which evidence lies open while an audit runs, and that is gone when it ends.

An error, Ctrl-C, SIGTERM and a closed terminal (SIGHUP) end an audit alike: the folder is removed first. What a killed audit or
a power failure leaves behind is removed by the next audit in the same place; the lock keeps it from removing that of a live one.
Where the signal falls into a callback from compiled code, its exception may be swallowed there: the audit then ends with the block.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from audit_logs.errors import StoreError
from release import store

_PREFIX = "opened-"
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], object] | signal.Handlers


@dataclass(slots=True)
class _Told:
    """Ends an audit as Ctrl-C does in this process, and remembers that it was told to."""

    ctrl_c: Callable[[int, FrameType | None], object]
    seen: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.seen = True
        self.ctrl_c(number, frame)


@contextmanager
def opened_folder(parent: Path) -> Iterator[Path]:
    """Give a folder that only this user can enter, and remove it with everything in it, however the block ends.

    Raises:
        Locked: another audit is at work in `parent`.
        StoreError: the folder cannot be made or removed.
        KeyboardInterrupt: the audit was told to end, whether or not anything in the block took notice.
    """
    store.make_private_folder(parent)
    told = _Told(_as_ctrl_c())
    with store.lock(parent), _handled({number: told for number in (signal.SIGINT, *_ENDING) if _ends_us(number)}):
        for left_behind in parent.glob(f"{_PREFIX}*"):
            _remove(left_behind)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            yield folder
        finally:
            with _handled(dict.fromkeys((signal.SIGINT, *_ENDING), signal.SIG_IGN)):  # a second Ctrl-C must not stop the removal
                _remove(folder)
        if told.seen:
            raise KeyboardInterrupt


def _ends_us(number: signal.Signals) -> bool:
    """Tell whether a signal would end this process; another handler of whoever calls us stays in place, as does a signal ignored."""
    handler = signal.getsignal(number)
    return handler is signal.SIG_DFL or (number == signal.SIGINT and callable(handler) and not isinstance(handler, signal.Handlers))


def _as_ctrl_c() -> Callable[[int, FrameType | None], object]:
    """Return what Ctrl-C does in this process, or would do if it were not ignored."""
    handler = signal.getsignal(signal.SIGINT)
    return handler if callable(handler) and not isinstance(handler, signal.Handlers) else signal.default_int_handler


@contextmanager
def _handled(handlers: Mapping[signal.Signals, _Handler]) -> Iterator[None]:
    """Handle signals in another way while the block runs; only the main thread may, and only it is ever interrupted."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise StoreError(
            "opened evidence could not be removed", where=str(folder), found=error.strerror or "", next_step="remove this folder yourself"
        ) from error
