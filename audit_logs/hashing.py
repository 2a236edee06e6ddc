"""The digests of data files: of the whole file, and of each of its ranges, in one read. Source: docs/SPEC.md section 13.7.

Every byte is hashed twice, once for the file and once for its range. The two run in two threads over the same buffer
(hashlib releases the interpreter's lock), so with two cores the second hash costs little; further cores take further files.
Where two processors are threads of one core they share its SHA unit, and the second hash costs its full time: 0.50 of the
speed of plain SHA-256 was measured there. Memory: two buffers for each file in work.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from audit_logs.files import Files, unreadable
from audit_logs.manifest import FileEntry, Manifest, Range, RowGroup, Shard
from audit_logs.report import Failure

_CHUNK = 1 << 20
_FIRST_RANGE = 4  # a Parquet file's magic lies before the first range


def check_files(manifest: Manifest, files: Files) -> Iterator[Failure]:
    """Yield every file and range of the manifest that has not its size and digest; ranges must be those of a checked manifest."""
    items: tuple[Shard | FileEntry, ...] = (*manifest.files, *manifest.shards)
    with ThreadPoolExecutor(max(1, (os.cpu_count() or 1) // 2)) as pool:
        for failures in pool.map(lambda item: _check(item, files), items):
            yield from failures


def _check(item: Shard | FileEntry, files: Files) -> list[Failure]:
    """Return what is wrong with one file."""
    ranges: tuple[RowGroup | Range, ...] = (*item.row_groups, item.footer) if isinstance(item, Shard) else ()
    try:
        size, digest, found = _digests(item.path, [part.end for part in ranges], files)
    except OSError as error:
        raise unreadable(item.path, error) from error
    failures = []
    if size != item.bytes:
        failures.append(Failure("file-size", item.path, f"{item.bytes} bytes", f"{size} bytes"))
    if digest != item.sha256:
        failures.append(Failure("file-digest", item.path, item.sha256, digest))
    for part, other in zip(ranges, found, strict=True):
        if part.sha256 != other:
            failures.append(Failure("range-digest", f"{item.path}, bytes {part.start} to {part.end}", part.sha256, other))
    return failures


def _digests(path: str, ends: Sequence[int], files: Files) -> tuple[int, str, list[str]]:
    """Return a file's size, its digest, and the digests of the adjoining ranges that end at `ends`."""
    whole, ranges, size = hashlib.sha256(), _Ranges(ends), 0
    buffers = (bytearray(_CHUNK), bytearray(_CHUNK))
    work: list[Future[None] | None] = [None, None]
    turn = 0
    with files.open(path) as stream, ThreadPoolExecutor(1) as second:
        while count := stream.readinto(buffers[turn]):
            view = memoryview(buffers[turn])[:count]
            size += count
            work[turn] = second.submit(ranges.update, view) if ends else None
            whole.update(view)
            turn = 1 - turn
            waiting = work[turn]
            if waiting is not None:
                waiting.result()  # its buffer is the next to be filled
    return size, whole.hexdigest(), ranges.hexdigests()


class _Ranges:
    """Hashers for adjoining ranges of a stream, the first of which starts at byte 4."""

    def __init__(self, ends: Sequence[int]) -> None:
        self._ends = ends
        self._hashers = [hashlib.sha256() for _ in ends]
        self._current = 0
        self._position = 0

    def update(self, view: memoryview) -> None:
        """Take the next bytes of the stream."""
        start, self._position = self._position, self._position + len(view)
        offset = max(0, _FIRST_RANGE - start)
        while offset < len(view) and self._current < len(self._ends):
            stop = min(len(view), self._ends[self._current] - start)
            self._hashers[self._current].update(view[offset:stop])
            offset = stop
            if start + offset == self._ends[self._current]:
                self._current += 1

    def hexdigests(self) -> list[str]:
        """Return the digest of every range, in order."""
        return [hasher.hexdigest() for hasher in self._hashers]
