"""Tiles: a log's entries and tree hashes as static files (c2sp.org/tlog-tiles, SPEC.md section 10).

A tile of level `l` holds up to 256 hashes, each the root of 256^l entries; a bundle holds up to 256 entries, each after its
length. Paths are relative to the folder `log/`. For a size there is one set of files and one content for each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from audit_logs import merkle
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.errors import Failure, FormatError, VerificationError

WIDTH = 256
MAX_BUNDLE_FILE = WIDTH * (2 + MAX_BUNDLE)
MAX_TILE_FILE = WIDTH * merkle.HASH_SIZE
ENTRIES = "entries"

Level = int | str
"""A level of hashes, from 0, or `ENTRIES`."""


def tile_path(level: Level, index: int, width: int = WIDTH) -> str:
    """Return the path of a tile or bundle: `tile/<level>/x001/x234/067[.p/<width>]`."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    parts = [*(f"x{group}" for group in groups[:-1]), groups[-1]]
    suffix = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(parts)}{suffix}"


def tile_paths(size: int) -> list[str]:
    """Return the paths of all tiles and bundles that a log of this size has, and no others."""
    counts: list[tuple[Level, int]] = [(ENTRIES, size), *enumerate(_level_sizes(size))]
    return [tile_path(level, index, width) for level, count in counts for index, width in _tiles(count)]


def decode_bundle(data: bytes, *, where: str = "entry bundle") -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        FormatError: it ends within an entry, holds an empty one, or more than 256.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data):
        start = at + 2
        at = start + int.from_bytes(data[at:start])
        if at == start or at > len(data) or len(entries) == WIDTH:
            raise FormatError("an entry bundle is malformed", where=where, expected=f"up to {WIDTH} entries, each after its length")
        entries.append(data[start:at])
    return entries


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """Return the hashes of each level of tiles: level 0 the leaf hashes, then the roots of 256, of 65,536, ... entries."""
    result = []
    level = list(leaves)
    while level:
        result.append(level)
        full = len(level) // WIDTH * WIDTH
        level = [merkle.root(level[at : at + WIDTH]) for at in range(0, full, WIDTH)]
    return result


def check_tiles(size: int, root: bytes, names: Iterable[str], read: Callable[[str, int], bytes]) -> list[bytes]:
    """Return all entries of a log after computing every tile anew.

    Args:
        size: the checkpoint's size.
        root: the checkpoint's root.
        names: paths below `log/` of all files there but `checkpoint`.
        read: gives a file's bytes for its path and the largest size that is allowed.

    Raises:
        VerificationError: `log-files`, `log-entry`, `log-tile` or `log-root`, as SPEC.md section 13.2 says.
    """
    _check_names(size, set(names))
    entries: list[bytes] = []
    for index, width in _tiles(size):
        entries += _read_bundle(tile_path(ENTRIES, index, width), width, read)
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    for level, hashes in enumerate(levels(leaves)):
        for index, width in _tiles(len(hashes)):
            path = tile_path(level, index, width)
            if read(path, MAX_TILE_FILE) != b"".join(hashes[index * WIDTH :][:width]):
                # Level 0 is what the entries hash to; above it a tile is what its children hash to.
                raise VerificationError("a tile is not what lies below it", where=f"log/{path}", code="log-tile" if level else "log-entry")
    found = merkle.root(leaves)
    if found != root:
        failure = Failure("log-root", "log/checkpoint", root.hex(), found.hex())
        raise failure.problem(VerificationError, "the log's root is not the checkpoint's")
    return entries


def _check_names(size: int, names: set[str]) -> None:
    count = sum(-(-level // WIDTH) for level in (size, *_level_sizes(size)))
    # The count comes first: a hostile size must not make us list more files than are there.
    if count != len(names):
        raise _wrong_files("", f"{count} files for a log of {size}", f"{len(names)} files")
    for path in tile_paths(size):
        if path not in names:
            raise _wrong_files(path, "a file", "none")


def _wrong_files(path: str, expected: str, found: str) -> VerificationError:
    failure = Failure("log-files", f"log/{path}", expected, found)
    return failure.problem(VerificationError, "the log's files are not those of the checkpoint's size")


def _read_bundle(path: str, width: int, read: Callable[[str, int], bytes]) -> list[bytes]:
    try:
        entries = decode_bundle(read(path, MAX_BUNDLE_FILE), where=f"log/{path}")
    except FormatError as problem:
        raise problem.recast(VerificationError, code="log-entry") from None
    if len(entries) != width:
        failure = Failure("log-entry", f"log/{path}", f"{width} entries", str(len(entries)))
        raise failure.problem(VerificationError, "an entry bundle has the wrong length")
    return entries


def _level_sizes(size: int) -> Iterator[int]:
    while size:
        yield size
        size //= WIDTH


def _tiles(count: int) -> Iterator[tuple[int, int]]:
    """Yield index and width of each tile of a level that has `count` hashes."""
    for index in range(-(-count // WIDTH)):
        yield index, min(WIDTH, count - index * WIDTH)
