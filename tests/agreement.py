"""The PDQ kernel against `pdqhash`, which wraps the reference, bit for bit on pictures cut from photographs: `make kernel-agreement`.

Both hash the same decoded RGB array. On pictures of quality 50 and more, 99.9 % have to agree in every bit and none may differ by
more than 2; below that, where coefficients often tie, it is told how many differ. The kernel's near ties, where it falls back on
the reference's own order of additions, are counted as well.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image

from release.fingerprint import pdq
from release.fingerprint.columns import FULL

QUALITY = 50
SHARE = 0.999
BITS = 2
SIZES = ((512, 512), (1632, 1224), (1023, 701), (383, 577))
SEED = 20_262


@dataclass(slots=True)
class Agreement:
    """Distances in bits, by picture: of quality 50 and more, and below; how many pictures had a near tie."""

    high: list[int] = field(default_factory=list)
    low: list[int] = field(default_factory=list)
    ties: int = 0

    @property
    def holds(self) -> bool:
        """Whether kernel and reference agree as far as they have to."""
        equal = sum(not bits for bits in self.high)
        return bool(self.high) and equal >= SHARE * len(self.high) and max(self.high) <= BITS

    def told(self) -> dict[str, int]:
        """Return the counts."""
        parts = {"quality_50_and_more": self.high, "below": self.low}
        counts = {f"{name}_{what}": number for name, bits in parts.items() for what, number in _counts(bits).items()}
        return {**counts, "with_a_near_tie": self.ties}


def _counts(bits: list[int]) -> dict[str, int]:
    return {"pictures": len(bits), "that_differ": sum(map(bool, bits)), "most_bits": max(bits, default=0)}


def compare(arrays: Iterable[NDArray[np.uint8]], wanted: int | None = None) -> Agreement:
    """Return how kernel and reference agree on RGB arrays, of which `wanted` of quality 50 and more are taken, or all."""
    found, hasher = Agreement(), pdq.Hasher((FULL,))
    for pixels in arrays:
        codes, _ = hasher.hash(pixels)
        bits, quality = pdqhash.compute(pixels)
        away = int(np.bitwise_count(codes[0, 0] ^ np.packbits(bits.astype(np.uint8))).sum())
        (found.high if quality >= QUALITY else found.low).append(away)
        found.ties = hasher.ties
        if len(found.high) == wanted:
            break
    return found


def cuttings(photographs: Sequence[Image.Image]) -> Iterator[NDArray[np.uint8]]:
    """Yield pictures cut from photographs at drawn places, saved as JPEG and decoded again, in several sizes by turns, without end."""
    for number in count():
        draw = np.random.default_rng([SEED, number])
        photo = photographs[int(draw.integers(len(photographs)))]
        size = SIZES[number % len(SIZES)]
        scale = float(draw.uniform(0.4, 1.0)) * min(photo.width / size[0], photo.height / size[1])
        left, top = (float(draw.uniform(0, whole - side * scale)) for whole, side in zip(photo.size, size, strict=True))
        piece = photo.resize(size, Image.Resampling.BILINEAR, box=(left, top, left + size[0] * scale, top + size[1] * scale))
        file = io.BytesIO()
        piece.save(file, "JPEG", quality=90)
        yield np.asarray(Image.open(file))


def main() -> None:
    """Compare and print the counts as JSON; end with an error where kernel and reference do not agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2000, help="of quality 50 and more")
    parser.add_argument("--photographs", type=Path, default=Path("bench") / "results" / "photographs")
    options = parser.parse_args()
    from bench import photographs  # it lies beside the tests, and only this command needs it

    photos = [photographs.load(path) for path in photographs.fetch(options.photographs)]
    found = compare(cuttings(photos), options.pictures)
    sys.stdout.write(json.dumps({**found.told(), "holds": found.holds}, indent=1) + "\n")
    if not found.holds:
        sys.exit(1)


if __name__ == "__main__":
    main()
