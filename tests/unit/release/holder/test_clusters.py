"""Dense clusters: counted exactly, and told as counts."""

from __future__ import annotations

import numpy as np
import pytest

from release.errors import ExchangeError
from release.holder import clusters


def hashes(seed: int, count: int) -> clusters.Codes:
    """Return random hashes."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32), np.uint8)


def near(code: clusters.Codes, count: int, bits: int, seed: int = 1) -> clusters.Codes:
    """Return copies of a hash (32,) with so many bits changed each."""
    random = np.random.default_rng(seed)
    flips = np.zeros((count, 256), np.uint8)
    for row in flips:
        row[random.choice(256, bits, replace=False)] = 1
    return code[None] ^ np.packbits(flips, axis=1)


def naive(codes: clusters.Codes) -> np.ndarray:
    """Return for each distinct hash how many others lie within the radius."""
    distinct = np.unique(codes, axis=0)
    distances = np.bitwise_count(distinct[:, None] ^ distinct[None]).sum(axis=2, dtype=np.int64)
    return np.asarray((distances <= clusters.RADIUS).sum(axis=1) - 1)


def alone(codes: clusters.Codes) -> clusters.Places:
    """Return a record for each hash."""
    return np.arange(len(codes))


def cells(codes: clusters.Codes, form: int = 0) -> list[bytes]:
    """Return records of one view each, which is the hash in one form and something else in all others."""
    views = hashes(99, 8 * len(codes)).reshape(-1, 8, 32)
    views[:, form] = codes
    return [view.tobytes() for view in views]


def walk() -> clusters.Codes:
    """Return sixty steps of one bit each."""
    code = hashes(5, 1)[0]
    return np.stack([np.packbits(np.unpackbits(code) ^ (np.arange(256) < step).astype(np.uint8)) for step in range(60)])


@pytest.mark.parametrize("bits", [1, 4, 8, 16, 17])
@pytest.mark.parametrize("shared", [0, 20])
def test_the_decision_is_that_of_comparing_all_with_all(bits: int, shared: int) -> None:
    """Every pair within the radius is found, and counted once, however many parts it agrees in, and whichever way pairs are found."""
    centres = hashes(0, 4)
    codes = np.concatenate([hashes(7, 300), *(near(centre, 40, bits, seed) for seed, centre in enumerate(centres))])
    codes[:, :shared] = 7  # so much that most pairs agree in a part
    around = naive(codes)
    for most in (0, 1, 5, 39, 200):
        found = clusters.find(codes, alone(codes), most)
        assert (found.hashes, found.dense > 0) == (len(around), bool((around > most).any()))
        assert found.largest == around.max() if not found.dense else most < found.largest <= around.max()


def test_copies_of_one_picture_are_no_cluster() -> None:
    """A source that has a picture often teaches nothing by it."""
    one = cells(hashes(1, 1))
    assert clusters.check([one * 500], 0) == clusters.Clusters(1, 0, 0)
    assert clusters.check([], 0) == clusters.Clusters(0, 0, 0)
    assert clusters.check([[b"", b""]], 0) == clusters.Clusters(0, 0, 0)


def test_the_frames_of_one_film_are_no_cluster() -> None:
    """An answer says one word about a record, so its own frames teach nothing; nor do two films that are nearly the same."""
    film = b"".join(cells(walk()))
    assert clusters.check([[film, *cells(hashes(6, 100))]], 1).largest == 0
    assert clusters.check([[film, b"".join(cells(walk() ^ (np.arange(32) == 31).astype(np.uint8)))]], 1).largest == 1


def test_somebody_who_walks_the_edge_of_a_match_is_refused_with_counts() -> None:
    """Steps of a few bits each; no hash is in the message."""
    with pytest.raises(ExchangeError) as found:
        clusters.check([cells(np.concatenate([hashes(6, 100), walk()]))], 20)
    assert found.value.code == "dense-cluster"
    assert "or more around one of 160 distinct pictures" in found.value.found
    assert clusters.check([cells(np.concatenate([hashes(6, 100), walk()]))], 32).largest == 32


@pytest.mark.parametrize("form", range(8))
@pytest.mark.parametrize("convention", [0, 2])
def test_a_walk_does_not_hide_in_a_turned_form_or_another_convention(form: int, convention: int) -> None:
    """A match in any of them is a match of the row."""
    other = cells(hashes(3, 60))
    asked = [other, other, other]
    asked[convention] = cells(walk(), form)
    with pytest.raises(ExchangeError, match="dense clusters"):
        clusters.check(asked, 20)


def test_a_walk_does_not_hide_behind_a_first_frame() -> None:
    """Each row begins with a frame of its own, and ends with a step."""
    with pytest.raises(ExchangeError, match="dense clusters"):
        clusters.check([[a + b for a, b in zip(cells(hashes(3, 60)), cells(walk()), strict=True)]], 20)


def test_a_row_of_all_steps_does_not_stand_for_the_rows_of_each() -> None:
    """Its frames are copies of all others' pictures, which would not count then."""
    steps = cells(walk())
    with pytest.raises(ExchangeError, match="dense clusters"):
        clusters.check([[b"".join(steps), *steps]], 20)


def test_five_thousand_steps_are_refused_as_soon_as_sixty() -> None:
    """It ends with the first dense cluster; counted to the end, they took forty seconds, fifty thousand an hour."""
    found = clusters.find(near(hashes(5, 1)[0], 5000, 4), np.arange(5000), 32)
    assert found.dense
    assert found.largest < 5000
