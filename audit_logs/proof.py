"""Proofs from a log's tiles: that an entry is in a checkpoint, and that a checkpoint continues an older one.

A proof takes the few tiles that it needs, by name, from wherever they lie; never the whole log. The file form of an inclusion
proof is C2SP tlog-proof v1: it stands alone, and is checked with the log's key and the witnesses' keys, without the log.
Sources: RFC 6962 sections 2.1.1 and 2.1.2, c2sp.org/tlog-tiles, c2sp.org/tlog-proof.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

from audit_logs import canonical, merkle, note, tiles
from audit_logs.errors import FormatError
from audit_logs.note import SignedCheckpoint, VerifierKey

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF = note.MAX_CHECKPOINT + 16 * 1024
MAX_HASHES = 63
_INDEX = re.compile("index (0|[1-9][0-9]{0,15})")
_TILE_HEIGHT = 8
Read = Callable[[str, int], bytes]
"""Gives the bytes of a file below `log/`, for its path and the largest size that is allowed."""


class Tree:
    """The tree of a log of some size, whose hashes are read from tiles as they are needed, each tile once."""

    def __init__(self, size: int, read: Read) -> None:
        """Take the checkpoint's size, and where tiles come from. Tiles are believed: what a proof comes to is checked by root."""
        self.size = size
        self._read = read
        self._tiles: dict[str, list[bytes]] = {}

    def inclusion(self, index: int) -> list[bytes]:
        """Return the siblings on the way from entry `index` to the root, lowest first.

        Raises:
            FormatError: there is no such entry, or a tile has the wrong size.
        """
        if not 0 <= index < self.size:
            raise FormatError("there is no such entry", expected=f"an index below {self.size}", found=str(index))
        first, end = 0, self.size
        siblings = []
        while end - first > 1:
            middle = first + _split(end - first)
            if index < middle:
                siblings.append(self._root(middle, end))
                end = middle
            else:
                siblings.append(self._root(first, middle))
                first = middle
        return siblings[::-1]

    def consistency(self, old: int) -> list[bytes]:
        """Return the proof that the tree of the first `old` entries is a beginning of this one; nothing for none and for all.

        Raises:
            FormatError: this tree is smaller, or a tile has the wrong size.
        """
        if not 0 <= old <= self.size:
            raise FormatError("there is no such older tree", expected=f"a size from 0 to {self.size}", found=str(old))
        return [] if old in (0, self.size) else self._consistency(old, (0, self.size))

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of an entry.

        Raises:
            FormatError: a tile has the wrong size.
        """
        return self._root(index, index + 1)

    def _consistency(self, old: int, bounds: tuple[int, int]) -> list[bytes]:
        first, end = bounds
        proof = []
        while old != end:
            middle = first + _split(end - first)
            if old <= middle:
                proof.append(self._root(middle, end))
                end = middle
            else:
                proof.append(self._root(first, middle))
                first = middle
        # What is left is the last complete subtree of the old tree; where it is the whole of it, the verifier has its root.
        return [*([self._root(first, end)] if first else []), *proof[::-1]]

    def _root(self, first: int, end: int) -> bytes:
        """Return the root of the entries from `first` on and before `end`, a subtree of the whole."""
        count = end - first
        if count & (count - 1) == 0:
            return self._complete(first, count.bit_length() - 1)
        middle = first + _split(count)
        return merkle.node_hash(self._root(first, middle), self._root(middle, end))

    def _complete(self, first: int, height: int) -> bytes:
        """Return the root of the complete subtree of 2^height entries that begins at `first`."""
        level, rest = divmod(height, _TILE_HEIGHT)
        start = first >> (level * _TILE_HEIGHT)
        index, offset = divmod(start, tiles.WIDTH)
        return merkle.root(self._tile(level, index)[offset : offset + (1 << rest)])

    def _tile(self, level: int, index: int) -> list[bytes]:
        width = min(tiles.WIDTH, (self.size >> (level * _TILE_HEIGHT)) - index * tiles.WIDTH)
        path = tiles.tile_path(level, index, width)
        if path not in self._tiles:
            data = self._read(path, tiles.MAX_TILE_FILE)
            if len(data) != width * merkle.HASH_SIZE:
                expected = f"{width * merkle.HASH_SIZE} bytes"
                raise FormatError("a tile has the wrong size", where=f"log/{path}", expected=expected, found=f"{len(data)} bytes")
            self._tiles[path] = [data[at : at + merkle.HASH_SIZE] for at in range(0, len(data), merkle.HASH_SIZE)]
        return self._tiles[path]


@dataclass(frozen=True, slots=True)
class LogProof:
    """That an entry stands at `index` in the tree of a checkpoint: siblings lowest first. `extra` is nobody's word, or None."""

    index: int
    siblings: tuple[bytes, ...]
    signed: SignedCheckpoint
    extra: bytes | None = None

    def encode(self) -> bytes:
        """Return the file: C2SP tlog-proof."""
        extra = [] if self.extra is None else [f"extra {_text(self.extra)}"]
        lines = [HEADER, *extra, f"index {self.index}", *map(_text, self.siblings), ""]
        return "".join(f"{line}\n" for line in lines).encode() + self.signed.encode()

    def check(self, entry: bytes, log_key: VerifierKey, witnesses: Sequence[VerifierKey]) -> dict[VerifierKey, int]:
        """Check that the proof is about this entry and a checkpoint of this log; return when each witness cosigned it.

        Raises:
            VerificationError: the checkpoint is not this log's or has a line that does not hold (`checkpoint-...`), or the entry is not
                proven (`merkle-inclusion`).
        """
        times = note.verify_signed(self.signed, log_key, witnesses)
        checkpoint = self.signed.checkpoint
        merkle.verify_inclusion(merkle.leaf_hash(entry), self.index, checkpoint.size, self.siblings, checkpoint.root)
        return times


def make(signed: SignedCheckpoint, index: int, read: Read) -> LogProof:
    """Return the proof for an entry, made from tiles, after checking that the tiles lead to the checkpoint's root.

    Raises:
        FormatError: there is no such entry, or a tile has the wrong size.
        VerificationError: the tiles are not those of the checkpoint (`merkle-inclusion`).
    """
    checkpoint = signed.checkpoint
    tree = Tree(checkpoint.size, read)
    siblings = tree.inclusion(index)
    merkle.verify_inclusion(tree.leaf(index), index, checkpoint.size, siblings, checkpoint.root)
    return LogProof(index, tuple(siblings), signed)


def parse(data: bytes, *, where: str = "proof") -> LogProof:
    """Return the proof that a file holds, without checking what it proves.

    Raises:
        FormatError: it is not in the one form that `encode` writes.
    """
    if len(data) > MAX_PROOF:
        raise FormatError("a proof is too large", where=where, expected=f"at most {MAX_PROOF} bytes", found=f"{len(data)} bytes")
    head, blank, rest = data.partition(b"\n\n")
    lines = head.decode("ascii", "replace").split("\n")
    extra = None
    if lines[1:] and lines[1].startswith("extra "):
        extra = canonical.decode_base64(lines.pop(1).removeprefix("extra "), where=where)
    if not blank or lines[0] != HEADER or not 2 <= len(lines) <= 2 + MAX_HASHES:
        _refuse(where)
    index = _INDEX.fullmatch(lines[1])
    siblings = tuple(canonical.decode_base64(line, where=where) for line in lines[2:])
    if index is None or any(len(sibling) != merkle.HASH_SIZE for sibling in siblings):
        _refuse(where)
    return LogProof(int(index[1]), siblings, note.parse_signed(rest, where=where), extra)


def _refuse(where: str) -> NoReturn:
    raise FormatError("this is no proof", where=where, expected=f"{HEADER}, an index, hashes, an empty line, a checkpoint")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _split(count: int) -> int:
    """Return the largest power of 2 below a count of 2 or more."""
    return 1 << (count - 1).bit_length() - 1
