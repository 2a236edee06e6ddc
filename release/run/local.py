"""The default engine: one worker process for each core, one shard at a time for each worker.

Workers are spawned, never forked: a fork would share open lists, locks and threads. Each opens lists (memory-mapped, so the
pages are shared) and its decoder once. A worker that dies stops the build; the shards that have receipts are not done again.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized

from release.errors import ScreeningError
from release.receipt import Receipt
from release.screen import Job, Screening
from release.source import Unit

POLL_SECONDS = 0.2
_job: Job | None = None  # these three are the worker process's own
_rows_done: Synchronized[int] | None = None
_screening: Screening | None = None


class LocalEngine:
    """Runs shards in processes on this machine."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, job: Job, units: Sequence[Unit], progress: Callable[[int], object]) -> Iterator[Receipt]:
        """Yield one receipt for each unit; see `release.run.Engine`."""
        todo = []
        for unit in units:
            done = job.finished(unit)
            if done is None:
                todo.append(unit)
            else:
                progress(done.rows)
                yield done
        if todo:
            yield from self._screen(job, todo, progress)

    def _screen(self, job: Job, units: Sequence[Unit], progress: Callable[[int], object]) -> Iterator[Receipt]:
        context = multiprocessing.get_context("spawn")
        counter: Synchronized[int] = context.Value("q", 0)
        workers = max(1, min(self._workers, len(units)))
        pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(job, counter))
        try:
            with _uninterrupted():
                waiting = {pool.submit(_run, unit) for unit in units}
            reported = 0
            while waiting:
                done, waiting = wait(waiting, POLL_SECONDS, FIRST_COMPLETED)
                reported = _report(counter, reported, progress)
                yield from (_result(future) for future in done)
        finally:
            _stop(pool)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold a Ctrl-C back until the block ends, so that no worker is left half-started with something to say.

    The mask is for the workers, which inherit it and so see no Ctrl-C before `_start` has run. This process needs a handler of its
    own: the signal may reach another of its threads, and Python would then interrupt the main one whatever that one masks.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield  # a thread that Python does not interrupt
        return
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, handler)
    if came:
        signal.raise_signal(signal.SIGINT)


def _report(counter: Synchronized[int], reported: int, progress: Callable[[int], object]) -> int:
    now = counter.get_obj().value  # without the lock: a worker that was killed may hold it
    if now > reported:
        progress(now - reported)
    return now


def _result(future: Future[Receipt]) -> Receipt:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise ScreeningError(
            "a worker process died",
            found=str(error),
            next_step="run again: finished shards are not done twice; with little memory, use fewer --workers",
            code="worker-died",
        ) from error


def _stop(pool: ProcessPoolExecutor) -> None:
    """End the workers now, also in the middle of a shard: what is half-written lies in the work folder only."""
    workers = list((pool._processes or {}).values())  # noqa: SLF001  (there is no public way to end a busy worker before Python 3.14)
    pool.shutdown(wait=False, cancel_futures=True)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join()


def _start(job: Job, counter: Synchronized[int]) -> None:
    global _job, _rows_done
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _job, _rows_done = job, counter


def _end_with_parent() -> None:
    """End this worker when the build is gone, even if it was killed: nobody would take the shard, or ever ask for another."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _tick(rows: int) -> None:
    if _rows_done is not None:
        with _rows_done.get_lock():
            _rows_done.value += rows


def _run(unit: Unit) -> Receipt:
    """Open the rooms with the first unit, not in the initializer: what goes wrong there must reach the parent as itself."""
    global _screening  # noqa: PLW0603  (see _start)
    if _job is None:
        raise ScreeningError("this worker was never started")
    if _screening is None:
        _screening = Screening(_job).__enter__()
        gc.freeze()  # lists, libraries and all else that stays: no collection need look at it again
    return _screening.run(unit, _tick)
