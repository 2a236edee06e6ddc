"""PhotoDNA values: squared distances by a product of matrices, exact in single precision, against whole numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from release import canary
from release.errors import ListError
from release.match import NearIndex, VectorIndex
from release.match.vectors import _centred, _rows

NONE = np.zeros((0, 144), np.uint8)


def values(seed: int, count: int) -> np.ndarray:
    """Return random values."""
    return np.random.default_rng(seed).integers(0, 256, (count, 144), dtype=np.uint8)


def squares(queries: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Return the squared distance of every pair in whole numbers."""
    return ((queries[:, None, :].astype(np.int64) - entries[None].astype(np.int64)) ** 2).sum(axis=2)


def test_squared_distances_are_exact_also_at_their_largest() -> None:
    """Opposite corners, equal values and everything between come out as whole numbers do."""
    corners = np.stack([np.zeros(144, np.uint8), np.full(144, 255, np.uint8), np.tile([0, 255], 72).astype(np.uint8)])
    entries = np.concatenate([corners, values(1, 300), np.full((1, 144), 128, np.uint8)])
    index = VectorIndex.build(entries, NONE)
    found = index._squares(_rows(entries), 0)
    assert (found.astype(np.int64) == squares(entries, index.values)).all()
    assert np.abs(_centred(corners)).max() == 128


@pytest.mark.parametrize("distance", [0, 1, 50, 1020, 1024])
def test_search_agrees_with_a_count_of_every_pair(distance: int) -> None:
    """At the distance is a hit, one beyond is none; blocks of queries and entries make no difference."""
    entries, order = values(2, 9000), np.random.default_rng(3)
    queries = values(4, 600)
    for row in range(0, 600, 2):
        queries[row] = entries[row * 13]
        places = order.permutation(144)[: order.integers(0, 40)]
        queries[row, places] = np.clip(queries[row, places].astype(int) + order.integers(-30, 30, len(places)), 0, 255)
    truth = np.array([squares(query[None], entries).min() for query in queries]) <= distance**2
    assert (VectorIndex.build(entries, NONE).any_within(queries, distance) == truth).all()


def test_list_of_one_value_matches_and_an_empty_one_does_not() -> None:
    """A list of one is a list."""
    entry = values(5, 1)
    assert VectorIndex.build(entry, NONE).any_within(entry, 0).tolist() == [True]
    assert VectorIndex.build(NONE, NONE).any_within(entry, 1024).tolist() == [False]
    assert VectorIndex.build(NONE, NONE).reserved_within(entry[0], 1024) == []


def test_canary_entry_k_lies_at_distance_k_and_condemns_no_row() -> None:
    """Reserved entries are found in the index of the list, at every distance a plan may declare, and are no hits of rows."""
    own, value = np.frombuffer(canary.photodna(), np.uint8), canary.photodna_entries()
    assert squares(own[None], value)[0].tolist() == [k * k for k in range(1026)]
    index = VectorIndex.build(values(6, 5000), value)
    assert len(index) == 5000
    for distance in (0, 1, 77, 1024):
        assert index.reserved_within(own, distance) == list(range(distance + 1))
    assert not index.any_within(own[None], 1024).any()


def test_saved_index_is_private_mapped_and_answers_alike(tmp_path: Path) -> None:
    """What is written is read back; a flipped bit or another kind of index is refused."""
    entries, path = values(7, 500), tmp_path / "list.photodna"
    VectorIndex.build(np.concatenate([entries, entries]), canary.photodna_entries()).save(path)
    index = VectorIndex.load(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert not index.values.flags.owndata
    assert len(index) == 500
    assert index.any_within(entries, 0).all()
    with pytest.raises(ListError, match="another kind"):
        NearIndex.load(path)
    data = bytearray(path.read_bytes())
    data[9000] ^= 1
    path.write_bytes(data)
    with pytest.raises(ListError, match="damaged"):
        VectorIndex.load(path)


def test_value_of_another_width_is_refused() -> None:
    """Neither entries nor queries of another width are taken."""
    with pytest.raises(ListError, match="144 bytes"):
        VectorIndex.build(values(8, 3)[:, :143], NONE)
    with pytest.raises(ListError, match="144 bytes"):
        VectorIndex.build(values(8, 3), NONE).any_within(np.zeros((1, 32), np.uint8), 5)
