"""Multi-index hashing against the scan and against counting every bit: whatever the list, neither misses nor invents."""

from __future__ import annotations

import pickle
from math import comb
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from release import canary
from release.match import NearIndex, parts
from release.match.parts import NO_TABLES, Shape, flips, radii, shape_for
from release.match.probe import CANDIDATES

SHAPE = Shape(11, 13, 3)
WIDE = Shape(16, 16, 8)
NONE = np.zeros((0, 32), np.uint8)


@pytest.fixture
def always_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tables answer, also where the scan would be cheaper."""
    monkeypatch.setattr(parts, "is_worth_probing", lambda shape, _distance, _entries: bool(shape.parts))


def codes(seed: int, count: int) -> np.ndarray:
    """Return random hashes."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def moved(code: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """Return a hash with these bits turned."""
    flat = np.unpackbits(code)
    flat[bits] ^= 1
    return np.packbits(flat)


def nearest(queries: np.ndarray, entries: np.ndarray) -> np.ndarray:
    """Return the number of differing bits to the nearest entry."""
    return np.bitwise_count(queries[:, None, :] ^ entries[None, :, :]).sum(axis=2).min(axis=1)


def assert_both_ways(entries: np.ndarray, queries: np.ndarray, radius: int, shape: Shape = SHAPE) -> None:
    """Check that tables, scan and a count of every pair agree."""
    truth = (nearest(queries, entries) <= radius).tolist()
    assert NearIndex.build(entries, NONE, shape).any_within(queries, radius).tolist() == truth
    assert NearIndex.build(entries, NONE, NO_TABLES).any_within(queries, radius).tolist() == truth


@pytest.mark.parametrize("count", [1, 8, 11, 16])
def test_radii_leave_no_room_for_a_miss(count: int) -> None:
    """A hash that exceeded the radius of every part would be further away than the distance, and no radius is larger than it must be."""
    for distance in range(257):
        assert sum(radius + 1 for radius in radii(distance, count)) == distance + 1
        assert max(radii(distance, count)) == distance // count


def test_masks_are_those_within_the_radius() -> None:
    """Every word within the radius of a part is probed, once."""
    masks, begins = flips(Shape(11, 23, 4), 31)
    assert np.diff(begins).tolist() == [1 + 23 + comb(23, 2)] * 10 + [1 + 23]
    assert len(np.unique(masks[: begins[1]])) == begins[1]
    assert np.bitwise_count(masks).max() == 2
    assert np.diff(flips(Shape(11, 23, 4), 0)[1]).tolist() == [1] + [0] * 10


@pytest.mark.usefixtures("always_probe")
@pytest.mark.parametrize("shape", [SHAPE, WIDE, Shape(8, 9, 0)])
@pytest.mark.parametrize("radius", [0, 1, 7, 10, 15, 21, 31])
def test_hash_planted_at_any_distance_is_found_within_the_radius_and_not_beyond(shape: Shape, radius: int) -> None:
    """At every distance from 0 to 64, with bits turned anywhere, evenly over the parts, or all in one."""
    entries, order = codes(1, 3000), np.random.default_rng(2)
    planted = []
    for distance in range(65):
        evenly = (np.arange(distance) % shape.parts) * shape.width + np.arange(distance) // shape.parts
        for bits in (order.permutation(256)[:distance], evenly, np.arange(distance), 255 - np.arange(distance)):
            planted.append(moved(entries[len(planted) * 11 % 3000], bits))
    assert_both_ways(entries, np.stack(planted), radius, shape)


@pytest.mark.usefixtures("always_probe")
@pytest.mark.parametrize("radius", [40, 64])
def test_wide_radius_is_exact_as_well(radius: int) -> None:
    """The radius of each part follows from the distance."""
    entries, order = codes(3, 400), np.random.default_rng(4)
    queries = np.stack([moved(entries[k % 400], order.permutation(256)[:k]) for k in range(90)])
    assert_both_ways(entries, queries, radius, Shape(11, 10, 2))


@pytest.mark.usefixtures("always_probe")
@settings(max_examples=60, deadline=None)
@given(
    entries=st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 255), max_size=40)), min_size=1, max_size=40),
    queries=st.lists(st.tuples(st.integers(0, 3), st.sets(st.integers(0, 255), max_size=40)), min_size=1, max_size=20),
    radius=st.integers(0, 64),
)
def test_tables_and_scan_agree_on_lists_that_crowd_around_few_pictures(
    entries: list[tuple[int, set[int]]], queries: list[tuple[int, set[int]]], radius: int
) -> None:
    """Whatever is near whatever, both answer as a count of every pair does."""
    centres = codes(5, 4)
    known, asked = (
        np.stack([moved(centres[centre], np.array(sorted(bits), np.int64)) for centre, bits in part]) for part in (entries, queries)
    )
    assert_both_ways(known, asked, radius, Shape(12, 8, 3))


@pytest.mark.usefixtures("always_probe")
def test_list_of_equal_hashes_is_a_list_of_one() -> None:
    """Duplicates count once, and fill no bucket."""
    entries = np.repeat(codes(6, 1), 5000, axis=0)
    assert len(NearIndex.build(entries, NONE, SHAPE)) == 1
    assert_both_ways(entries[:1], np.stack([moved(entries[0], np.arange(k)) for k in range(40)]), 31)


@pytest.mark.usefixtures("always_probe")
@pytest.mark.parametrize("alike", [3, 13, 26])
def test_list_made_to_fill_one_bucket_is_neither_missed_nor_invented(alike: int) -> None:
    """Hashes that begin alike crowd one block of each of some parts; what becomes too dear is left to the scan."""
    entries = codes(7, 3 * CANDIDATES)
    entries[:, :alike] = 0x5A
    order = np.random.default_rng(8)
    planted = [moved(entries[k * 37], order.permutation(256)[: k % 40]) for k in range(200)]
    assert_both_ways(entries, np.concatenate([np.stack(planted), codes(9, 50)]), 31)


@pytest.mark.usefixtures("always_probe")
def test_list_clustered_around_one_picture_is_searched_exactly() -> None:
    """Entries within a few bits of each other: every query near the cluster has thousands of candidates in every part."""
    order = np.random.default_rng(10)
    centre = codes(11, 1)[0]
    entries = np.stack([moved(centre, order.permutation(256)[: order.integers(0, 12)]) for _ in range(6000)])
    queries = np.stack([moved(centre, order.permutation(256)[:k]) for k in range(70)])
    assert_both_ways(entries, np.concatenate([queries, codes(12, 30)]), 31, WIDE)


@pytest.mark.usefixtures("always_probe")
def test_row_hits_by_any_of_its_forms_and_equal_forms_are_searched_once() -> None:
    """Twenty-four forms of a row, most of them equal, answer as the nearest of them."""
    entries = codes(13, 2000)
    forms = np.repeat(codes(14, 3)[:, None, :], 24, axis=1)
    forms[1, 23] = moved(entries[77], np.arange(0, 62, 2))
    index = NearIndex.build(entries, NONE, SHAPE)
    assert index.any_within(forms, 31).tolist() == [False, True, False]
    assert index.any_within(forms, 30).tolist() == [False, False, False]


def test_long_list_has_tables_and_a_short_one_none() -> None:
    """The form follows from the number of entries; a block of buckets holds far fewer entries than a byte can count."""
    assert shape_for(parts.FEW) == NO_TABLES
    for entries in (parts.FEW + 1, 100_000, parts.SHORT + 1, 1_000_000, 10_000_000, 100_000_000):
        shape = shape_for(entries)
        assert shape.parts * shape.width <= parts.BITS
        assert entries << shape.block >> shape.width <= 32
    assert (shape_for(500_000).parts, shape_for(10_000_000).width) == (11, 23)


def test_probing_is_left_where_it_would_cost_more_than_the_scan() -> None:
    """The default distance is probed for in any long list; a distance that needs half a million probes is not."""
    assert all(parts.is_worth_probing(shape_for(entries), 31, entries) for entries in (20_000, 10**5, 10**6, 10**7))
    assert not parts.is_worth_probing(shape_for(100_000), 128, 100_000)
    assert not parts.is_worth_probing(NO_TABLES, 31, 10)


@pytest.mark.parametrize("shape", [NO_TABLES, WIDE])
def test_self_test_entry_of_every_distance_is_found_in_the_main_index(shape: Shape) -> None:
    """Reserved entries are found as the list's own are, at each distance from 0 to 64, and condemn no row."""
    entries, reserved = codes(15, 9000), canary.near_entries()
    index = NearIndex.build(entries, reserved, shape)
    picture = canary.picture_forms()
    for radius in (*range(33), 48, 64):
        assert index.reserved_within(picture, radius) == list(range(radius + 1))
    assert not index.any_within(picture[None], 64).any()
    assert len(index) == 9000


@pytest.mark.usefixtures("always_probe")
@pytest.mark.parametrize("table", ["ids", "begins", "ends"])
def test_damaged_tables_do_not_pass_the_self_test(table: str) -> None:
    """Tables that lead nowhere lose the self-test's entries with the list's."""
    index = NearIndex.build(codes(16, 9000), canary.near_entries(), WIDE)
    assert index.tables is not None
    array = getattr(index.tables, table).copy()
    array[:] = array[:, :1]
    array.flags.writeable = False
    broken = NearIndex(index.codes, index.reserved, index.numbers, index.shape, index.tables._replace(**{table: array}))
    assert broken.reserved_within(canary.picture_forms(), 31) != list(range(32))


@pytest.mark.usefixtures("always_probe")
def test_self_test_entry_at_the_distance_is_met_at_the_full_radius_of_a_part() -> None:
    """An index that looked at each part one bit less far than it has to would lose the entry at the default distance."""
    entry, forms = canary.near_entries()[31], canary.picture_forms()
    for width, count in ((23, 11), (22, 11), (16, 16)):
        words = [np.unpackbits(code, bitorder="little")[: width * count].reshape(count, width) for code in (entry, *forms)]
        turned = np.stack([(words[0] != form).sum(axis=1) for form in words[1:]])
        assert (turned >= np.array(radii(31, count))).all()


def test_saved_tables_are_mapped_and_answer_alike(tmp_path: Path) -> None:
    """A long list's tables are written with it, mapped into memory, and used."""
    entries = codes(17, 9000)
    path = tmp_path / "list.pdq"
    NearIndex.build(entries, canary.near_entries()).save(path)
    index = NearIndex.load(path)
    assert index.tables is not None
    assert not index.tables.ids.flags.owndata
    assert not index.tables.ids.flags.writeable
    order = np.random.default_rng(18)
    near = np.stack([moved(entry, order.permutation(256)[:31]) for entry in entries[:300]])
    assert index.any_within(near, 31).all()
    assert not index.any_within(codes(19, 300), 31).any()
    assert index.reserved_within(canary.picture_forms(), 31) == list(range(32))


def test_index_is_not_sent_to_another_process() -> None:
    """Each worker maps the saved index; a list never travels in a pickle."""
    with pytest.raises(TypeError, match="mapped"):
        pickle.dumps(NearIndex.build(codes(20, 3), NONE))
