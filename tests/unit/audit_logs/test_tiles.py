"""Tiles: a checkpoint has one set of files with one content, and every change to one of them is found."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_logs import log, merkle, tiles
from audit_logs.errors import FormatError, VerificationError

SIZES = [0, 1, 2, 255, 256, 257, 511, 512, 700]


def entries_of(size: int) -> list[bytes]:
    """Return as many different entries."""
    return [f"entry {number}".encode() for number in range(size)]


def files_of(size: int) -> dict[str, bytes]:
    """Return the files of a log, computed entry by entry and apart from the product's writer."""
    entries = entries_of(size)
    files = {}
    for at in range(0, size, 256):
        group = entries[at : at + 256]
        name = f"{at // 256:03}" + ("" if len(group) == 256 else f".p/{len(group)}")
        files[f"tile/entries/{name}"] = b"".join(len(entry).to_bytes(2) + entry for entry in group)
        files[f"tile/0/{name}"] = b"".join(merkle.leaf_hash(entry) for entry in group)
    full = [merkle.root([merkle.leaf_hash(entry) for entry in entries[at : at + 256]]) for at in range(0, size - 255, 256)]
    if full:
        files[f"tile/1/000.p/{len(full)}"] = b"".join(full)
    return files


def check(size: int, files: dict[str, bytes], root: bytes | None = None) -> list[bytes]:
    """Check files against the checkpoint of a size."""
    expected = merkle.root([merkle.leaf_hash(entry) for entry in entries_of(size)]) if root is None else root
    return tiles.check_tiles(size, expected, files, lambda path, limit: files[path][: limit + 1])


def code_of(size: int, files: dict[str, bytes], root: bytes | None = None) -> str:
    """Return the code with which files are refused."""
    with pytest.raises(VerificationError) as caught:
        check(size, files, root)
    return caught.value.code


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_log_gives_its_entries(size: int) -> None:
    """Files made by definition pass, and their paths are exactly those of the size."""
    files = files_of(size)
    assert sorted(files) == sorted(tiles.tile_paths(size))
    assert check(size, files) == entries_of(size)


def test_a_hostile_size_is_refused_at_once() -> None:
    """A checkpoint that claims 10^14 entries over a small folder costs nothing."""
    assert code_of(10**14, files_of(3), merkle.EMPTY) == "log-files"


@pytest.mark.parametrize("size", [3, 256, 700])
def test_missing_and_extra_files_are_found(size: int) -> None:
    """No tile may be missing, renamed or added."""
    files = files_of(size)
    for path in files:
        assert code_of(size, {name: data for name, data in files.items() if name != path}) == "log-files"
        assert code_of(size, {name.replace(path, f"{path}x"): data for name, data in files.items()}) == "log-files"
    assert code_of(size, files | {"tile/0/999": b""}) == "log-files"


@pytest.mark.parametrize("size", [3, 256, 300])
def test_a_changed_byte_in_any_file_is_found(size: int) -> None:
    """Each file is bound to the entries below it."""
    files = files_of(size)
    for path, data in files.items():
        code = code_of(size, files | {path: data[:-1] + bytes([data[-1] ^ 1])})
        assert code == ("log-tile" if path.startswith("tile/1/") else "log-entry")


def test_another_history_with_its_own_tiles_is_found() -> None:
    """Tiles and entries that agree with each other, but not with the checkpoint, are another log."""
    assert code_of(3, files_of(3), bytes(32)) == "log-root"


def test_a_tile_that_is_too_long_or_too_short_is_found() -> None:
    """A tile has exactly the hashes of its width."""
    files = files_of(3)
    for data in (files["tile/0/000.p/3"][:-32], files["tile/0/000.p/3"] + bytes(32), files["tile/0/000.p/3"] * 1000):
        assert code_of(3, files | {"tile/0/000.p/3": data}) == "log-entry"


def test_a_bundle_with_another_number_of_entries_is_found() -> None:
    """The bundle of a partial tile has as many entries as its name says."""
    for bundle in (log.encode_bundle(entries_of(2)), log.encode_bundle(entries_of(4)), log.encode_bundle(entries_of(3))[:-1]):
        assert code_of(3, files_of(3) | {"tile/entries/000.p/3": bundle}) == "log-entry"


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=20))
def test_bundles_round_trip(entries: list[bytes]) -> None:
    """Entries come back as they went in."""
    assert tiles.decode_bundle(log.encode_bundle(entries)) == entries


@given(st.binary(max_size=60))
def test_arbitrary_bundles_raise_nothing_but_format_errors(data: bytes) -> None:
    """A bundle is read back byte for byte or refused."""
    with suppress(FormatError):
        assert log.encode_bundle(tiles.decode_bundle(data)) == data


@pytest.mark.parametrize("data", [b"\x00", b"\x00\x00", b"\x00\x02a", b"\x00\x01a\x00", b"\x00\x01a" * 257])
def test_malformed_bundles_are_refused(data: bytes) -> None:
    """Cut lengths, empty entries, cut entries, trailing bytes and a 257th entry."""
    with pytest.raises(FormatError):
        tiles.decode_bundle(data)


@pytest.mark.parametrize("size", [0, 65_536])
def test_entries_have_from_1_to_65535_bytes(size: int) -> None:
    """What the length cannot say is not written."""
    with pytest.raises(FormatError):
        log.encode_bundle([bytes(size)])


@pytest.mark.parametrize("size", [*SIZES, 65_536, 65_537])
def test_the_root_follows_from_the_edge(size: int) -> None:
    """The partial tiles of all levels give the root of the whole."""
    leaves = [merkle.leaf_hash(size.to_bytes(4) + number.to_bytes(4)) for number in range(size)]
    edge = [level[len(level) // 256 * 256 :] for level in tiles.levels(leaves)]
    assert log.root_from_edge(edge) == merkle.root(leaves)
