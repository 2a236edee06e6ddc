"""Contestant: stored bytes -> digests and PDQ under `full`, without any list."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench import pack
from bench.ours.screen import batches
from bench.turn import Facts, serve
from release.fingerprint import Fingerprinter
from release.plan import Limits


def main() -> None:
    """Prepare, then fingerprint all pictures whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    files = pack.read(options.pictures, options.part)
    with Fingerprinter(Limits(), ("full",), perceptual=True) as fingerprinter:

        def work() -> Facts:
            without = [reason for batch in batches(files) for reason in fingerprinter.run(batch).reason if reason]
            return {"count": len(files), "without": len(without)}

        serve({}, work)


if __name__ == "__main__":
    main()
