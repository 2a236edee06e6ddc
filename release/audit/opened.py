"""The private folder in which evidence lies open while an audit runs, and that is gone when it ends.

An error, Ctrl-C, SIGTERM and a closed terminal (SIGHUP) end an audit alike: the folder is removed first. What a killed audit or
a power failure leaves behind is removed by the next audit in the same place; the lock keeps it from removing that of a live one.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from audit_logs.errors import StoreError
from release import store

_PREFIX = "opened-"
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_Handler = Callable[[int, FrameType | None], object] | signal.Handlers


@contextmanager
def opened_folder(parent: Path) -> Iterator[Path]:
    """Give a folder that only this user can enter, and remove it with everything in it, however the block ends.

    Raises:
        Locked: another audit is at work in `parent`.
        StoreError: the folder cannot be made or removed.
    """
    store.make_private_folder(parent)
    with store.lock(parent), _handled({number: _as_ctrl_c() for number in _ENDING if _ends_us(number)}):
        for left_behind in parent.glob(f"{_PREFIX}*"):
            _remove(left_behind)
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
        try:
            yield folder
        finally:
            with _handled(dict.fromkeys((signal.SIGINT, *_ENDING), signal.SIG_IGN)):  # a second Ctrl-C must not stop the removal
                _remove(folder)


def _ends_us(number: signal.Signals) -> bool:
    """Tell whether a signal would end this process at once; a handler of whoever calls us stays in place."""
    return signal.getsignal(number) is signal.SIG_DFL


def _as_ctrl_c() -> _Handler:
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
