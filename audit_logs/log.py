"""An append-only log in a folder: C2SP tiles as plain files, with one signed checkpoint (SPEC.md section 10).

A writer adds entries in this order, each file durable before the next:

1. bundles and tiles of the new size, under names that the old size does not use, or with what they held and more;
2. the checkpoint, from which moment on the new entries are in the log;
3. the partial tiles that only the old size used are removed.

So the checkpoint always stands on whole tiles. A writer that dies leaves files that its checkpoint does not name; the next
one removes them and goes on. Appending reads the right edge of the tree, never the whole log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from audit_logs import envelope, merkle, note, store, tiles
from audit_logs.errors import FormatError, KeyProblem, LogError, StoreError
from audit_logs.keys import Signer, verifier_key
from audit_logs.note import Checkpoint, SignatureLine, SignedCheckpoint, VerifierKey

CHECKPOINT = "checkpoint"
_TILE = re.compile(r"tile/(?:entries|\d{1,2})/(?:x\d{3}/)*\d{3}(?:\.p/\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Edge:
    """The right edge of the tree: what is not yet full, which is all that appending needs to know.

    Attributes:
        size: entries in the log.
        entries: those of the partial bundle.
        hashes: for each level, those of the partial tile (none where the level's last tile is full).
    """

    size: int
    entries: list[bytes]
    hashes: list[list[bytes]]


class Log:
    """A log that can be read and continued."""

    __slots__ = ("_folder", "_key", "_signed")

    def __init__(self, folder: Path, key: VerifierKey, signed: SignedCheckpoint) -> None:
        """Take what `create` and `open` have checked."""
        self._folder = folder
        self._key = key
        self._signed = signed

    @classmethod
    def create(cls, folder: Path, origin: str, signer: Signer) -> Log:
        """Start an empty log in a folder that holds none, and sign its first checkpoint.

        Raises:
            LogError: there is a log already (`log-exists`).
            KeyProblem: the signer's key is not Ed25519.
            FormatError: the origin cannot name a log.
            StoreError: it could not be written, or somebody else is writing.
        """
        key = verifier_key(signer, origin, note.LOG_KEY)
        store.make_folder(folder)
        with store.lock(folder):
            if store.exists(folder / CHECKPOINT):
                raise LogError("there is a log already", where=str(folder), next_step="open it, or name another folder", code="log-exists")
            signed = sign_checkpoint(Checkpoint(origin, 0, merkle.EMPTY), signer)
            store.write_file(folder / CHECKPOINT, signed.encode())
        return cls(folder, key, signed)

    @classmethod
    def open(cls, folder: Path, log_key: str) -> Log:
        """Open the log of a vkey, and clear what a writer that died has left.

        Raises:
            LogError: there is no log, or it is not what its checkpoint says.
            VerificationError: the checkpoint is another log's, or its signature does not hold.
            FormatError: the checkpoint or the vkey is malformed.
            StoreError: it cannot be read, or leftovers cannot be removed.
        """
        key = VerifierKey.parse(log_key)
        log = cls(folder, key, read_checkpoint(folder, key))
        try:
            settled = not any(_leftovers(folder, log.size))
            if settled:
                log._read_edge()
        except (LogError, StoreError):
            settled = False  # it may be broken, or somebody may have gone on between two of these reads: the lock tells
        if not settled:
            with log._writing():
                log._read_edge()
        return log

    @property
    def signed(self) -> SignedCheckpoint:
        """The checkpoint with its lines, as this object last read or wrote it."""
        return self._signed

    @property
    def size(self) -> int:
        """How many entries the log holds."""
        return self._signed.checkpoint.size

    @property
    def key(self) -> VerifierKey:
        """The log's own key."""
        return self._key

    def entries(self) -> list[bytes]:
        """Return all entries, after computing every tile anew.

        Raises:
            VerificationError: the files are not those of the checkpoint (SPEC.md section 13.2).
            StoreError: a file cannot be read.
        """
        return read_entries(self._folder, self._signed.checkpoint)

    def append(self, entries: Sequence[bytes], signer: Signer) -> Checkpoint:
        """Add entries at the end and sign the new checkpoint, which has no cosignatures yet.

        Returns:
            The new checkpoint; the old one if there are no entries.

        Raises:
            KeyProblem: the signer is not the log's (`key-kind`, `key-other`).
            FormatError: an entry is empty or too large; nothing was written.
            LogError: the log is not what its checkpoint says.
            StoreError: it could not be written, or somebody else is writing; the log is as it was, or complete.
        """
        if verifier_key(signer, self._key.name, note.LOG_KEY) != self._key:
            raise KeyProblem("the key is not this log's", expected=self._key.text, found=signer.keyid, code="key-other")
        with self._writing():
            if entries:
                edge = self._read_edge()
                files, root = _grow(edge, entries)
                signed = sign_checkpoint(Checkpoint(self._key.name, edge.size + len(entries), root), signer)
                _write_tiles(self._folder, files)
                self._write_checkpoint(signed)
                _clear(self._folder, self.size)
        return self._signed.checkpoint

    def add_cosignature(self, line: str, witness: VerifierKey) -> None:
        """Add a witness's line to the checkpoint, in the place of an earlier one by the same key.

        Raises:
            VerificationError: the line does not hold for this checkpoint (`checkpoint-signature`).
            LogError: it claims another key (`checkpoint-unknown-key`).
            FormatError: it is no signature line.
            StoreError: it could not be written, or somebody else is writing.
        """
        with self._writing():
            self._write_checkpoint(with_cosignature(self._signed, line, witness))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock, with the newest checkpoint read and leftovers cleared."""
        with store.lock(self._folder):
            self._signed = read_checkpoint(self._folder, self._key)
            _clear(self._folder, self.size)
            yield

    def _write_checkpoint(self, signed: SignedCheckpoint) -> None:
        store.write_file(self._folder / CHECKPOINT, signed.encode())
        self._signed = signed

    def _read_edge(self) -> _Edge:
        try:
            edge = _read_edge(self._folder, self.size)
        except FormatError as problem:
            raise _broken(self._folder, problem.what) from None
        if root_from_edge(edge.hashes) != self._signed.checkpoint.root:
            raise _broken(self._folder, "the tiles do not give the checkpoint's root")
        if edge.hashes and [merkle.leaf_hash(entry) for entry in edge.entries] != edge.hashes[0]:
            raise _broken(self._folder, "the last entries are not those of the tiles")
        return edge


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> SignedCheckpoint:
    """Return a checkpoint with the log's signature and no other.

    Raises:
        KeyProblem: the signer's key is not Ed25519.
        VerificationError: the signer gave a signature that its own key does not verify.
    """
    key = verifier_key(signer, checkpoint.origin, note.LOG_KEY)
    line = SignatureLine(key.name, key.key_id, signer.sign(checkpoint.text().encode()))
    signed = SignedCheckpoint(checkpoint, (line,))
    note.verify_log_signature(signed, key)
    return signed


def with_cosignature(signed: SignedCheckpoint, line: str, witness: VerifierKey) -> SignedCheckpoint:
    """Return a checkpoint with a witness's line in the place of an earlier one by the same key.

    Raises:
        FormatError: it is no signature line.
        LogError: it claims another key (`checkpoint-unknown-key`).
        VerificationError: it does not hold for this checkpoint (`checkpoint-signature`).
    """
    added = SignatureLine.parse(line.removesuffix("\n"))
    result = SignedCheckpoint(signed.checkpoint, (*(old for old in signed.lines if not old.is_by(witness)), added))
    if note.verify_cosignature(result, witness) is None:
        raise LogError("the cosignature is by another key", expected=witness.text, found=added.name, code="checkpoint-unknown-key")
    return result


def read_checkpoint(folder: Path, key: VerifierKey) -> SignedCheckpoint:
    """Return a log's checkpoint after checking that it is this log's.

    Raises:
        LogError: there is none (`log-missing`).
        VerificationError: it is another log's, or the log's signature does not hold.
        FormatError: it is malformed.
        StoreError: it cannot be read.
    """
    path = folder / CHECKPOINT
    if not store.exists(path):
        raise LogError("there is no log here", where=str(folder), expected="a file named checkpoint", code="log-missing")
    signed = note.parse_signed(store.read_file(path, note.MAX_CHECKPOINT), where=str(path))
    note.verify_log_signature(signed, key)
    return signed


def read_entries(folder: Path, checkpoint: Checkpoint) -> list[bytes]:
    """Return all entries of a log's folder, which must hold exactly the checkpoint's tiles.

    Raises:
        VerificationError: it does not (SPEC.md section 13.2).
        StoreError: a file cannot be read.
    """
    names = [name for name in store.files_below(folder) if name != CHECKPOINT]
    return tiles.check_tiles(checkpoint.size, checkpoint.root, names, lambda path, limit: store.read_file(folder / path, limit))


def _leftovers(folder: Path, size: int) -> Iterator[str]:
    """Yield what a writer that died may have left; a file that no writer makes is not ours to remove."""
    due = {CHECKPOINT, *tiles.tile_paths(size)}
    return (name for name in store.files_below(folder) if name not in due and (_TILE.fullmatch(name) or store.is_leftover(Path(name).name)))


def _clear(folder: Path, size: int) -> None:
    for name in list(_leftovers(folder, size)):
        store.remove_file(folder / name)
        parent = (folder / name).parent
        if parent.suffix == ".p":
            with suppress(OSError):
                parent.rmdir()  # it goes with its last partial tile


def _read_edge(folder: Path, size: int) -> _Edge:
    hashes: list[list[bytes]] = []
    index, width = divmod(size, tiles.WIDTH)
    entries = tiles.decode_bundle(_read_tile(folder, tiles.ENTRIES, index, width))
    while index or width:
        data = _read_tile(folder, len(hashes), index, width)
        if len(data) != width * merkle.HASH_SIZE:
            raise FormatError("a tile has the wrong size")
        hashes.append([data[at : at + merkle.HASH_SIZE] for at in range(0, len(data), merkle.HASH_SIZE)])
        index, width = divmod(index, tiles.WIDTH)
    return _Edge(size, entries, hashes)


def _read_tile(folder: Path, level: tiles.Level, index: int, width: int) -> bytes:
    if width == 0:
        return b""
    path = folder / tiles.tile_path(level, index, width)
    if not store.exists(path):
        raise FormatError(f"{path.relative_to(folder)} is missing")
    return store.read_file(path, tiles.MAX_BUNDLE_FILE)


def _grow(edge: _Edge, added: Sequence[bytes]) -> tuple[dict[str, bytes], bytes]:
    """Return the files that a log with more entries has and the old one has not, and its root."""
    first = edge.size // tiles.WIDTH
    files = {path: encode_bundle(group) for path, group in _grouped(tiles.ENTRIES, first, [*edge.entries, *added])}
    new = [merkle.leaf_hash(entry) for entry in added]
    edge_hashes: list[list[bytes]] = []
    while new or len(edge_hashes) < len(edge.hashes):
        level = len(edge_hashes)
        hashes = [*(edge.hashes[level] if level < len(edge.hashes) else []), *new]
        if new:
            files |= {path: b"".join(group) for path, group in _grouped(level, first, hashes)}
        full = len(hashes) // tiles.WIDTH * tiles.WIDTH
        new = [merkle.root(hashes[at : at + tiles.WIDTH]) for at in range(0, full, tiles.WIDTH)]
        edge_hashes.append(hashes[full:])
        first //= tiles.WIDTH
    return files, root_from_edge(edge_hashes)


def root_from_edge(edge: Sequence[Sequence[bytes]]) -> bytes:
    """Return a log's root from the hashes in the partial tile of each level, lowest first (empty where there is none)."""
    below: list[bytes] = []
    for hashes in edge:
        above = [*hashes, *below]
        below = [merkle.root(above)] if above else []
    return below[0] if below else merkle.EMPTY


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Return the bundle of up to 256 entries of 1 to 65,535 bytes.

    Raises:
        FormatError: an entry is empty or too large.
    """
    return b"".join(_length(entry) + entry for entry in entries)


def _length(entry: bytes) -> bytes:
    if not 0 < len(entry) <= envelope.MAX_BUNDLE:
        raise FormatError("a log entry has the wrong size", expected=f"1 to {envelope.MAX_BUNDLE} bytes", found=f"{len(entry)} bytes")
    return len(entry).to_bytes(2, "big")


def _grouped(level: tiles.Level, first: int, items: Sequence[bytes]) -> Iterator[tuple[str, Sequence[bytes]]]:
    """Yield path and content of each tile that items fill, from tile `first` on."""
    for number, at in enumerate(range(0, len(items), tiles.WIDTH), start=first):
        group = items[at : at + tiles.WIDTH]
        yield tiles.tile_path(level, number, len(group)), group


def _write_tiles(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = folder / name
        store.make_folder(path.parent)
        store.write_file(path, data)


def _broken(folder: Path, what: str) -> LogError:
    next_step = "restore the folder from its last published copy"
    return LogError(f"the log is not what its checkpoint says: {what}", where=str(folder), next_step=next_step, code="log-broken")
