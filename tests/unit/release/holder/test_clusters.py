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


@pytest.mark.parametrize("bits", [1, 4, 8, 16, 17])
def test_the_count_is_that_of_comparing_all_with_all(bits: int) -> None:
    """Every pair within the radius is found, and counted once, however many parts it agrees in."""
    centres = hashes(0, 4)
    codes = np.concatenate([hashes(7, 300), *(near(centre, 40, bits, seed) for seed, centre in enumerate(centres))])
    around = naive(codes)
    for most in (0, 1, 5, 39):
        found = clusters.find(codes, most)
        assert (found.hashes, found.dense, found.largest) == (len(around), int((around > most).sum()), int(around.max()))


def test_copies_of_one_picture_are_no_cluster() -> None:
    """A source that has a picture often teaches nothing by it."""
    assert clusters.check([np.repeat(hashes(1, 1), 500, axis=0)], 0) == clusters.Clusters(1, 0, 0)
    assert clusters.check([], 0) == clusters.Clusters(0, 0, 0)


def test_somebody_who_walks_the_edge_of_a_match_is_refused_with_counts() -> None:
    """Steps of a few bits each; no hash is in the message."""
    code = hashes(5, 1)[0]
    walk = np.stack([np.packbits(np.unpackbits(code) ^ (np.arange(256) < step).astype(np.uint8)) for step in range(60)])
    with pytest.raises(ExchangeError) as found:
        clusters.check([hashes(6, 100), walk], 20)
    assert found.value.code == "dense-cluster"
    assert found.value.found == "50 of 160 distinct pictures with more, up to 32"
    assert clusters.check([hashes(6, 100), walk], 32).largest == 32
