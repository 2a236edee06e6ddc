"""Proofs from a log's tiles: that an entry is in a checkpoint, and that a checkpoint continues an older one.

A proof takes the few tiles that it needs, by name, from wherever they lie; never the whole log. The file form of an inclusion
proof is C2SP tlog-proof v1: it stands alone, and is checked with the log's key and the witnesses' keys, without the log.
Proofs are verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 define. Sources: RFC 6962 sections 2.1.1 and 2.1.2, c2sp.org/tlog-tiles, c2sp.org/tlog-proof.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from audit_logs import canonical, merkle, note, tiles
from audit_logs.errors import FormatError, VerificationError
from audit_logs.note import SignedCheckpoint, VerifierKey

HEADER = "c2sp.org/tlog-proof@v1"
MAX_PROOF = note.MAX_CHECKPOINT + 16 * 1024
MAX_HASHES = 63
_HEAD = re.compile(rf"{re.escape(HEADER)}(\nextra (?P<extra>.*))?\nindex (?P<index>0|[1-9][0-9]{{0,15}})(?P<siblings>(\n.*)*)")
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
        return self._walk(lambda first, end: end - first == 1, index)[0]

    def consistency(self, old: int) -> list[bytes]:
        """Return the proof that the tree of the first `old` entries is a beginning of this one; nothing for none and for all.

        Raises:
            FormatError: this tree is smaller, or a tile has the wrong size.
        """
        if not 0 <= old <= self.size:
            raise FormatError("there is no such older tree", expected=f"a size from 0 to {self.size}", found=str(old))
        if old in (0, self.size):
            return []
        # The walk ends at the last complete subtree of the old tree; where that is the whole of it, the verifier has its root.
        siblings, first, end = self._walk(lambda _, end: end == old, old - 1)
        return [*([self._root(first, end)] if first else []), *siblings]

    def leaf(self, index: int) -> bytes:
        """Return the leaf hash of an entry.

        Raises:
            FormatError: a tile has the wrong size.
        """
        return self._root(index, index + 1)

    def _walk(self, ends: Callable[[int, int], bool], index: int) -> tuple[list[bytes], int, int]:
        """Go down from the root towards entry `index` until `ends`: the siblings on the way, lowest first, and the bounds reached."""
        first, end = 0, self.size
        siblings = []
        while not ends(first, end):
            middle = first + _split(end - first)
            siblings.append(self._root(middle, end) if index < middle else self._root(first, middle))
            first, end = (first, middle) if index < middle else (middle, end)
        return siblings[::-1], first, end

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
        verify_inclusion(merkle.leaf_hash(entry), self.index, checkpoint.size, self.siblings, checkpoint.root)
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
    verify_inclusion(tree.leaf(index), index, checkpoint.size, siblings, checkpoint.root)
    return LogProof(index, tuple(siblings), signed)


def parse(data: bytes, *, where: str = "proof") -> LogProof:
    """Return the proof that a file holds, without checking what it proves.

    Raises:
        FormatError: it is not in the one form that `encode` writes.
    """
    if len(data) > MAX_PROOF:
        raise FormatError("a proof is too large", where=where, expected=f"at most {MAX_PROOF} bytes", found=f"{len(data)} bytes")
    head, blank, rest = data.partition(b"\n\n")
    parts = _HEAD.fullmatch(head.decode("ascii", "replace"))
    if blank and parts is not None:
        extra = None if parts["extra"] is None else canonical.decode_base64(parts["extra"], where=where)
        siblings = tuple(canonical.decode_base64(line, where=where) for line in parts["siblings"].split("\n")[1:])
        if len(siblings) <= MAX_HASHES and _are_hashes(*siblings):
            return LogProof(int(parts["index"]), siblings, note.parse_signed(rest, where=where), extra)
    raise FormatError("this is no proof", where=where, expected=f"{HEADER}, an index, hashes, an empty line, a checkpoint")


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], expected: bytes) -> None:
    """Check that a leaf hash stands at `index` in the tree of `size` leaves with root `expected`.

    Raises:
        VerificationError: it is not proven (`merkle-inclusion`).
    """
    holds = 0 <= index < size and _are_hashes(leaf, expected, *proof)
    sides = _sides(index, size - 1) if holds else []
    node = leaf
    for sibling, left in zip(proof, sides, strict=False):
        node = merkle.node_hash(sibling, node) if left else merkle.node_hash(node, sibling)
    if not holds or len(proof) != len(sides) or node != expected:
        raise VerificationError("an inclusion proof does not hold", code="merkle-inclusion")


def verify_consistency(old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of `old_size` leaves is a prefix of the tree of `new_size` leaves.

    Every tree follows the empty one, by an empty proof.

    Raises:
        VerificationError: it is not proven (`merkle-consistency`).
    """
    if not 0 <= old_size <= new_size or not _are_hashes(old_root, new_root, *proof):
        holds = False
    elif old_size in (0, new_size):
        holds = not proof and (old_root == merkle.EMPTY if old_size == 0 else old_root == new_root)
        holds = holds and (new_size > 0 or new_root == merkle.EMPTY)
    else:
        holds = _both_roots(old_size, new_size, old_root, proof) == (old_root, new_root)
    if not holds:
        raise VerificationError("a consistency proof does not hold", code="merkle-consistency")


def _sides(index: int, last: int) -> list[bool]:
    """Return, for each sibling on the way from node `index` to the root, whether it stands to the left.

    `last` is the index of the level's last node; where that is even, it has no sibling and moves up as it is.
    """
    sides = []
    while last:
        if index & 1 or index < last:
            sides.append(bool(index & 1))
        index, last = index >> 1, last >> 1
    return sides


def _both_roots(old_size: int, new_size: int, old_root: bytes, proof: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Return the old and the new root that a consistency proof leads to, or None if it has the wrong length."""
    # It starts at the largest complete subtree that ends the old tree. If that is the whole old tree, the proof leaves it out.
    nodes = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    index, last = old_size - 1, new_size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    sides = _sides(index, last)
    if len(nodes) != len(sides) + 1:
        return None
    old = new = nodes[0]
    for sibling, left in zip(nodes[1:], sides, strict=True):
        old = merkle.node_hash(sibling, old) if left else old
        new = merkle.node_hash(sibling, new) if left else merkle.node_hash(new, sibling)
    return old, new


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == merkle.HASH_SIZE for value in values)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _split(count: int) -> int:
    """Return the largest power of 2 below a count of 2 or more."""
    return 1 << (count - 1).bit_length() - 1
