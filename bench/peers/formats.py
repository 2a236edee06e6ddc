"""Contestant: Pillow to RGB, then `pdqhash`: what most scripts do with a picture of any format."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import pdqhash
from PIL import Image

from bench import pack
from bench.turn import Facts, serve


def main() -> None:
    """Prepare, then hash all pictures whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    files = pack.read(options.pictures, options.part)

    def work() -> Facts:
        for data in files:
            with Image.open(io.BytesIO(data)) as image:
                pdqhash.compute(np.asarray(image.convert("RGB")))
        return {"count": len(files)}

    serve({}, work)


if __name__ == "__main__":
    main()
