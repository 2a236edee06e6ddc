"""Contestant: decode every picture and do nothing else; JPEG to grey by simplejpeg, everything else by Pillow."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import simplejpeg
from PIL import Image

from bench import pack
from bench.turn import Facts, serve


def main() -> None:
    """Prepare, then decode all pictures whenever asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--by", choices=("simplejpeg", "pillow"), default="simplejpeg")
    parser.add_argument("--part", default="0/1")
    options = parser.parse_args()
    files = pack.read(options.pictures, options.part)
    decode = grey if options.by == "simplejpeg" else pillow

    def work() -> Facts:
        for data in files:
            decode(data)
        return {"count": len(files)}

    serve({}, work)


def grey(data: bytes) -> None:
    """Decode a JPEG to grey at full scale."""
    simplejpeg.decode_jpeg(data, "GRAY")


def pillow(data: bytes) -> None:
    """Decode a picture in its own mode."""
    with Image.open(io.BytesIO(data)) as image:
        image.load()


if __name__ == "__main__":
    main()
