"""The private memory of a dataset line: a key, and which rows have to stay out of every later version.

    bytes 0..7     magic "VRLINE01"
    bytes 8..39    the key, 32 random bytes
    bytes 40..47   u64, little-endian: how many tags of drawn rows follow; those of listed rows come after them, to the end
    tags           u64 each, little-endian, sorted: the first 8 bytes of HMAC-SHA-256(key, row digest), read as a big-endian number

Rows that were drawn to hide hits, and rows that a list once took, never come back: a version in which one of them stood again would tell which of
the two it was. Without the key nobody can test a row against the tags; so the file is as secret as a signing key, and no part of any release.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from release import store
from release.errors import BuildError

MAGIC = b"VRLINE01"
KEY, TAG, HEAD = 32, 8, 48
LIMIT = 1 << 34
Digests = npt.NDArray[np.uint8]
Tags = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Lineage:
    """A line's memory.

    Attributes:
        key: 32 bytes.
        drawn: (n,) tags of rows that were drawn to hide others, sorted.
        listed: (m,) tags of rows that a list took, sorted.
    """

    key: bytes
    drawn: Tags
    listed: Tags

    @classmethod
    def new(cls) -> Lineage:
        """Return the memory of a line that has no version yet."""
        none = np.zeros(0, np.uint64)
        return cls(secrets.token_bytes(KEY), none, none)

    def tags(self, digests: Digests) -> Tags:
        """Return the tags of rows, (n,), from their digests, (n, 32). Their order is the order in which rows are drawn."""
        data = digests.tobytes()
        made = (hmac.digest(self.key, data[start : start + 32], hashlib.sha256)[:TAG] for start in range(0, len(data), 32))
        return np.frombuffer(b"".join(made), ">u8").astype(np.uint64)

    def with_rows(self, drawn: Tags, listed: Tags) -> Lineage:
        """Return the memory after a build; it only grows."""
        return Lineage(self.key, np.union1d(self.drawn, drawn), np.union1d(self.listed, listed))

    def encode(self) -> bytes:
        """Return the file."""
        return (
            MAGIC
            + self.key
            + len(self.drawn).to_bytes(8, "little")
            + self.drawn.astype("<u8").tobytes()
            + self.listed.astype("<u8").tobytes()
        )


def read(path: Path) -> Lineage | None:
    """Return the memory in a file, or None where there is none.

    Raises:
        BuildError: the file is damaged.
        StoreError: it cannot be read, or others can.
    """
    if not path.exists():
        return None
    data = store.read_file(path, LIMIT, private=True)
    drawn = int.from_bytes(data[40:HEAD], "little")
    if data[:8] != MAGIC or (len(data) - HEAD) % TAG or len(data) < HEAD or drawn > (len(data) - HEAD) // TAG:
        raise BuildError(
            "the memory of the dataset line is damaged",
            where=str(path),
            expected="the file that the line's first build wrote",
            next_step="bring it back from a copy: without it, rows that hide others would return and give them away",
            code="lineage",
        )
    tags = np.frombuffer(data[HEAD:], "<u8").astype(np.uint64)
    return Lineage(data[8:40], tags[:drawn], tags[drawn:])


def write(path: Path, lineage: Lineage) -> None:
    """Write the memory, readable by its owner alone; what another build of the line has written meanwhile stays in it.

    Raises:
        StoreError: it could not be written.
    """
    store.make_folder(path.parent)
    with store.lock(path.with_name(path.name + ".lock")):
        now = read(path)
        whole = lineage if now is None or now.key != lineage.key else lineage.with_rows(now.drawn, now.listed)
        store.write_file(path, whole.encode(), private=True)
