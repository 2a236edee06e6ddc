"""Contestant: stored bytes -> MD5, SHA-1, SHA-256, PDQ -> exact and near match, through the doors that a build uses."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from bench import pack
from bench.ours.near import RADIUS, WARM
from bench.turn import Facts, serve
from release.fingerprint import Fingerprinter, Fingerprints
from release.match import DigestIndex, NearIndex
from release.plan import Limits
from release.screen import BATCH_BYTES


def main() -> None:
    """Prepare, then screen all pictures whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--md5", type=Path, required=True, help="a saved index")
    parser.add_argument("--pdq", type=Path, required=True, help="a saved index")
    parser.add_argument("--conventions", nargs="+", required=True)
    parser.add_argument("--forms", type=int, choices=(1, 8), required=True)
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    files = pack.read(options.pictures, options.part)
    exact, near = DigestIndex.load(options.md5), NearIndex.load(options.pdq)
    with Fingerprinter(Limits(), options.conventions, perceptual=True) as fingerprinter:

        def screen(pictures: Sequence[bytes]) -> Facts:
            found = {"count": 0, "md5": 0, "pdq": 0}
            for batch in batches(pictures):
                made = fingerprinter.run(batch)
                found["count"] += len(batch)
                found["md5"] += int(exact.contains(made.md5).sum())
                found["pdq"] += near_rows(made, near, options.forms)
            return found

        screen(files[:WARM])
        serve({"entries": [len(exact), len(near)]}, lambda: screen(files))


def batches(files: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield pictures by as many bytes as a build takes at once."""
    batch: list[bytes] = []
    held = 0
    for data in files:
        if batch and held + len(data) > BATCH_BYTES:
            yield batch
            batch, held = [], 0
        batch.append(data)
        held += len(data)
    if batch:
        yield batch


def near_rows(made: Fingerprints, near: NearIndex, forms: int) -> int:
    """Return how many rows a list condemns; one search looks for a frame's hashes under all conventions together."""
    codes = np.concatenate([codes[:, :forms] for codes in made.pdq.values()], axis=1)
    return len(np.unique(made.frame_row[near.any_within(codes, RADIUS)]))


if __name__ == "__main__":
    main()
