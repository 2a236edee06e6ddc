"""The exact index: what is in it is found, what is not is not, and damage is noticed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release.errors import ListError
from release.match import DigestIndex
from release.match.lookup import LONG_BUCKET


def digests(seed: int, count: int, width: int) -> np.ndarray:
    """Return random digests."""
    return np.random.default_rng(seed).integers(0, 256, (count, width), dtype=np.uint8)


@pytest.mark.parametrize("width", [16, 20, 32])
@pytest.mark.parametrize("count", [1, 2, 3, 1000, 70_000])
def test_every_entry_is_found_and_nothing_else(width: int, count: int) -> None:
    """A list of exactly one digest matches, as does a long one."""
    entries, others = digests(1, count, width), digests(2, 2000, width)
    index = DigestIndex.build(entries, entries[:0])
    assert len(index) == count
    assert index.contains(entries).all()
    assert not index.contains(others).any()
    assert (index.digests[index.find(entries)] == entries).all()


def test_empty_index_finds_nothing() -> None:
    """No entries, no hits."""
    nothing = digests(1, 0, 20)
    assert not DigestIndex.build(nothing, nothing).contains(digests(2, 10, 20)).any()


def test_digest_that_differs_in_its_last_bit_is_no_match() -> None:
    """The comparison is of the whole digest."""
    entries = digests(3, 500, 16)
    almost = entries.copy()
    almost[:, -1] ^= 1
    assert not DigestIndex.build(entries, entries[:0]).contains(almost).any()


def test_list_made_of_digests_that_begin_alike_is_searched_all_the_same() -> None:
    """A poisoned list that fills one bucket is neither missed nor slow."""
    entries = digests(4, 50 * LONG_BUCKET, 32)
    entries[:, :8] = 7
    others = digests(5, 100, 32)
    others[:, :8] = 7
    index = DigestIndex.build(entries, entries[:0])
    assert index.contains(entries).all()
    assert not index.contains(others).any()


def test_reserved_entries_are_found_but_are_no_entries_of_the_list() -> None:
    """The self-test's digests have a position and match no row."""
    entries, reserved = digests(6, 300, 16), digests(7, 4, 16)
    index = DigestIndex.build(entries, reserved)
    assert len(index) == 300
    positions = index.find(reserved)
    assert sorted(positions.tolist()) == index.reserved_positions.tolist()
    assert not index.contains(reserved).any()


def test_entry_that_equals_a_reserved_one_is_still_an_entry() -> None:
    """A list cannot lose an entry to the self-test."""
    entries = digests(8, 10, 16)
    index = DigestIndex.build(entries, entries[:2])
    assert index.contains(entries).all()
    assert len(index) == 10


@settings(max_examples=40, deadline=None)
@given(
    data=st.lists(st.binary(min_size=2, max_size=2), max_size=60),
    asked=st.lists(st.binary(min_size=2, max_size=2), min_size=1, max_size=60),
)
def test_search_agrees_with_a_set(data: list[bytes], asked: list[bytes]) -> None:
    """On entries that often collide the index answers as a set does; duplicates count once."""
    known = {text * 8 for text in data}
    entries = np.frombuffer(b"".join(text * 8 for text in data), dtype=np.uint8).reshape(-1, 16)
    queries = np.frombuffer(b"".join(text * 8 for text in asked), dtype=np.uint8).reshape(-1, 16)
    index = DigestIndex.build(entries, entries[:0])
    assert len(index) == len(known)
    assert index.contains(queries).tolist() == [text * 8 in known for text in asked]


def test_widths_that_are_no_digest_are_refused() -> None:
    """Neither entries nor queries of another width are taken."""
    with pytest.raises(ListError, match="width"):
        DigestIndex.build(digests(1, 3, 15), digests(1, 3, 15))
    with pytest.raises(ListError, match="width"):
        DigestIndex.build(digests(1, 3, 16), digests(1, 3, 16)).find(digests(1, 3, 20))


def test_saved_index_is_private_and_answers_alike(tmp_path: Path) -> None:
    """What is written is read back, by its owner alone."""
    entries, reserved = digests(9, 5000, 20), digests(10, 3, 20)
    path = tmp_path / "list.sha1"
    DigestIndex.build(entries, reserved).save(path)
    index = DigestIndex.load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert index.contains(entries).all()
    assert not index.contains(reserved).any()
    assert len(index) == 5000


@pytest.mark.parametrize("place", [0, 9, 41, 60, 3000, -1])
def test_flipped_bit_anywhere_in_a_saved_index_is_noticed(tmp_path: Path, place: int) -> None:
    """A damaged index is refused at load and never searched."""
    path = tmp_path / "list.md5"
    DigestIndex.build(digests(11, 500, 16), digests(12, 1, 16)).save(path)
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)
    with pytest.raises(ListError, match="damaged"):
        DigestIndex.load(path)


def test_truncated_or_missing_index_is_noticed(tmp_path: Path) -> None:
    """A file that is cut, empty or gone is refused."""
    path = tmp_path / "list.md5"
    DigestIndex.build(digests(11, 500, 16), digests(12, 1, 16)).save(path)
    path.write_bytes(path.read_bytes()[:-64])
    with pytest.raises(ListError, match="damaged"):
        DigestIndex.load(path)
    path.write_bytes(b"")
    with pytest.raises(ListError, match="cannot be read"):
        DigestIndex.load(path)
    with pytest.raises(ListError, match="cannot be read"):
        DigestIndex.load(tmp_path / "absent")
