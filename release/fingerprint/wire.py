"""What goes between a fingerprinter and its decoder process.

request    u64 count, then for each picture u64 offset and u64 size in the shared pictures
answer     for each picture, in order: u8 reason (index in `REASONS`), u32 frames m, for each convention i32 quality,
           then the hashes, (conventions, m, 8, 32) bytes; several answers may come together. A process that fits pictures has no
           convention, and answers with their pixels, (m, height, width, 3) bytes, in the place of hashes
progress   u64 in shared memory: how many pictures of the request were begun, so that a process that dies names its picture
READY      once after start, before the first request
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

REASONS = ("", "undecodable", "truncated", "frames", "pixels", "memory", "timeout", "crashed")
READY = b"ready\n"
COUNT = struct.Struct("<Q")
PLACE = struct.Struct("<QQ")
PROGRESS = struct.Struct("<Q")
PAGE = 4096
"""Bytes of the shared memory that holds the progress."""

CODE_BYTES = 8 * 32
_HEAD = struct.Struct("<BI")
_QUALITY = struct.Struct("<i")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture: `codes` are (conventions, frames, 8, 32) bytes, or pixels; quality by convention, -1 where there is none."""

    reason: str
    frames: int = 0
    quality: tuple[int, ...] = ()
    codes: bytes = b""

    def pack(self) -> bytes:
        """Return the answer as it goes over the pipe."""
        quality = b"".join(map(_QUALITY.pack, self.quality))
        return _HEAD.pack(REASONS.index(self.reason), self.frames) + quality + self.codes


class FloodError(Exception):
    """An answer that is larger than any picture within the limits has: whoever gives it is no decoder any more."""


class Inbox:
    """Answers as they arrive, in parts of any size: of at most `most` views, of `frame_bytes` each under all conventions."""

    def __init__(self, conventions: int, frame_bytes: int, most: int) -> None:
        self._frame_bytes = frame_bytes
        self._most = most
        self._quality = struct.Struct(f"<{conventions}i")
        self._data = bytearray()

    def put(self, data: bytes) -> Iterator[Outcome]:
        """Yield the answers that are whole now.

        Raises:
            FloodError: one says that it is larger than it can be.
        """
        self._data += data
        at = 0
        while (end := self._end(at)) <= len(self._data):
            reason, frames = _HEAD.unpack_from(self._data, at)
            quality = self._quality.unpack_from(self._data, at + _HEAD.size)
            codes = bytes(self._data[at + _HEAD.size + self._quality.size : end])
            yield Outcome(REASONS[reason], frames, quality, codes)
            at = end
        del self._data[:at]

    def _end(self, at: int) -> int:
        """Return where the answer ends that begins at `at`, or a place beyond what is there while that is not known."""
        start = at + _HEAD.size + self._quality.size
        if start > len(self._data):
            return start
        _, frames = _HEAD.unpack_from(self._data, at)
        if frames > self._most:
            raise FloodError
        return int(start + frames * self._frame_bytes)
