"""Contestant that plays no round: tells what the first use of compiled code costs in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from bench.turn import serve
from release.fingerprint import CONVENTIONS, Fingerprinter
from release.match import DigestIndex, NearIndex
from release.plan import Limits


def main() -> None:
    """Start a decoder, search twice, and tell the seconds."""
    entries = np.random.default_rng(1).integers(0, 256, (1000, 32), dtype=np.uint8)
    digests = np.ascontiguousarray(entries[:, :16])
    serve(
        {
            "start of a decoder": seconds(_decoder),
            "first near match": seconds(lambda: NearIndex.build(entries, entries[:0]).any_within(entries, 31)),
            "first exact match": seconds(lambda: DigestIndex.build(digests, digests[:0]).contains(digests)),
        },
        dict,
    )


def _decoder() -> None:
    with Fingerprinter(Limits(), CONVENTIONS, perceptual=True):
        pass


def seconds(work: Callable[[], object]) -> float:
    """Return how long something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
