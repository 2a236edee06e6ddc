"""What goes over the pipes between a fingerprinter and its decoder process.

request    u64 count, then for each picture u64 offset and u64 size in the shared memory
answer     for each picture, in order: u8 reason (index in `REASONS`), u32 frames m, i32 quality,
           then the hashes, (conventions, m, 8, 32) bytes
READY      once after start, before the first request
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

REASONS = ("", "undecodable", "truncated", "frames", "pixels", "memory", "timeout", "crashed")
READY = b"ready\n"
COUNT = struct.Struct("<Q")
PLACE = struct.Struct("<QQ")
ANSWER = struct.Struct("<BIi")
CODE_BYTES = 8 * 32


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one picture: `codes` are (conventions, frames, 8, 32) bytes; quality -1 where there is none."""

    reason: str
    frames: int = 0
    quality: int = -1
    codes: bytes = b""

    def pack(self) -> bytes:
        """Return the answer as it goes over the pipe."""
        return ANSWER.pack(REASONS.index(self.reason), self.frames, self.quality) + self.codes
