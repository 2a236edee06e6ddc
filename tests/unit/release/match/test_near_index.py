"""The near index against counting every bit of every pair."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from release.errors import ListError
from release.match import DigestIndex, NearIndex
from release.match.scan import BLOCK


def codes(seed: int, count: int) -> np.ndarray:
    """Return random hashes."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def moved(code: np.ndarray, bits: int, seed: int) -> np.ndarray:
    """Return a hash with `bits` bits turned."""
    flat = np.unpackbits(code)
    flat[np.random.default_rng(seed).permutation(256)[:bits]] ^= 1
    return np.packbits(flat)


def distances(queries: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Return the number of differing bits of every pair."""
    return np.bitwise_count(queries[:, None, :] ^ entries[None, :, :]).sum(axis=2)


def test_list_of_exactly_one_hash_matches() -> None:
    """A list of one is a list."""
    entry = codes(1, 1)
    index = NearIndex.build(entry, entry[:0])
    near = np.stack([entry[0], moved(entry[0], 31, 1), moved(entry[0], 32, 2)])
    assert index.any_within(near, 31).tolist() == [True, True, False]


def test_empty_list_matches_nothing() -> None:
    """No entries, no hits."""
    assert not NearIndex.build(codes(1, 0), codes(1, 0)).any_within(codes(2, 5), 256).any()


@pytest.mark.parametrize("count", [3, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 17])
def test_search_agrees_with_counting_every_bit(count: int) -> None:
    """Planted at every distance around the radius, at block borders, nothing is missed and nothing is invented."""
    entries = codes(count, count)
    planted = [moved(entries[(7 * k) % count], k, k) for k in range(64)] + [moved(entries[-1], 31, 5), moved(entries[0], 32, 6)]
    queries = np.stack([*planted, *codes(3, 60)])
    index = NearIndex.build(entries, entries[:0])
    truth = distances(queries, entries).min(axis=1)
    for radius in (0, 1, 31, 40, 110):
        assert index.any_within(queries, radius).tolist() == (truth <= radius).tolist()


def test_any_of_the_forms_counts() -> None:
    """A query of eight forms hits where one of them does."""
    entries = codes(4, 100)
    queries = codes(5, 16).reshape(2, 8, 32)
    queries[1, 7] = moved(entries[50], 20, 1)
    assert NearIndex.build(entries, entries[:0]).any_within(queries, 31).tolist() == [False, True]


def test_reserved_entries_match_no_row_and_are_named_by_number() -> None:
    """The self-test's hashes lie in the index, are found by their own question, and never condemn a row."""
    entries, reserved = codes(6, 3000), codes(7, 5)
    index = NearIndex.build(entries, reserved)
    assert len(index) == 3000
    assert not index.any_within(reserved, 31).any()
    assert index.reserved_within(reserved[3], 31) == [3]
    assert index.reserved_within(np.stack([moved(reserved[4], 9, 1), reserved[1]]), 9) == [1, 4]
    assert index.reserved_within(np.stack([moved(reserved[4], 10, 1)]), 9) == []


def test_entry_beside_a_reserved_one_still_matches() -> None:
    """A hit on a reserved entry does not hide the list's own entry in the same block."""
    entries = codes(8, 50)
    index = NearIndex.build(entries, np.stack([moved(entries[9], 2, 1), entries[9]]))
    assert index.any_within(entries[9:10], 31).tolist() == [True]


def test_duplicates_count_once() -> None:
    """The number of entries is that of distinct hashes."""
    entries = codes(9, 20)
    assert len(NearIndex.build(np.concatenate([entries, entries]), entries[:0])) == 20


def test_saved_index_is_private_and_answers_alike(tmp_path: Path) -> None:
    """What is written is read back, by its owner alone."""
    entries, reserved = codes(10, 2000), codes(11, 65)
    path = tmp_path / "list.pdq"
    NearIndex.build(entries, reserved).save(path)
    index = NearIndex.load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert index.any_within(np.stack([moved(entry, 31, 1) for entry in entries[:50]]), 31).all()
    assert index.reserved_within(reserved, 0) == list(range(65))


def test_damaged_index_or_one_of_another_kind_is_refused(tmp_path: Path) -> None:
    """A flipped bit is noticed, as is a list of digests in the place of one of hashes."""
    path = tmp_path / "list.pdq"
    NearIndex.build(codes(12, 100), codes(13, 65)).save(path)
    data = bytearray(path.read_bytes())
    data[2000] ^= 1
    path.write_bytes(data)
    with pytest.raises(ListError, match="damaged"):
        NearIndex.load(path)
    DigestIndex.build(codes(12, 100), codes(13, 1)).save(path)
    with pytest.raises(ListError, match="another kind"):
        NearIndex.load(path)


def test_hash_of_another_width_is_refused() -> None:
    """Neither entries nor queries of another width are taken."""
    with pytest.raises(ListError, match="width"):
        NearIndex.build(codes(1, 3)[:, :31], codes(1, 0))
    with pytest.raises(ListError, match="width"):
        NearIndex.build(codes(1, 3), codes(1, 0)).any_within(codes(1, 3)[:, :16], 31)
