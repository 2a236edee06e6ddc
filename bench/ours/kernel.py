"""Contestant: the PDQ kernel alone, on decoded pixels; or, with --codes, the hash and quality of each picture of a pack."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.pixels import agreed, read_arrays
from bench.turn import Facts, serve
from release.fingerprint import pdq


def main() -> None:
    """Prepare, then hash all arrays whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arrays", type=Path, required=True)
    parser.add_argument("--codes", action="store_true", help="--arrays is a pack of pictures, and hashes are wanted, not speed")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    if options.codes:
        serve({"codes": codes(options.arrays)}, dict)
        return
    arrays, hasher = read_arrays(options.arrays, options.part), pdq.Hasher(("full",))

    def work() -> Facts:
        for pixels in arrays:
            hasher.hash(pixels)
        return {"count": len(arrays)}

    serve({}, work)


def codes(path: Path) -> list[tuple[str, str, int]]:
    """Return digest of the pixels, hash and quality of each picture of a pack."""
    made = [(name, *pdq.hash_array(pixels)) for name, pixels in agreed(path)]
    return [(name, bytes(code).hex(), quality) for name, code, quality in made]


if __name__ == "__main__":
    main()
