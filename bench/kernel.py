"""How fast fingerprints and matching are, part by part, next to the tools that others use, all in one run on one core.

Usage: python bench/kernel.py [--pictures 200] [--entries 1000000] [--json FILE]

Pictures are cut from the photographs of scikit-image to 512 x 512 and to about 2 megapixels and saved as JPEG. Every figure
is the median of five rounds, after one round that is not counted; what the first call of compiled code costs is told apart.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pdqhash
import simplejpeg
from PIL import Image
from skimage import data

from release.fingerprint import CONVENTIONS, Fingerprinter, pdq
from release.match import DigestIndex, NearIndex

ROUNDS = 5
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "hubble_deep_field")


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one picture."""

    pixels: int = 100_000_000
    frames: int = 64
    bytes: int = 64 << 20
    seconds: int = 20
    memory: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value."""

    name: str
    value: float
    unit: str


def rate(name: str, unit: str, count: int, work: Callable[[], object]) -> Figure:
    """Return how many things per second `work`, which does `count` of them, does in its median round."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return Figure(name, count / statistics.median(seconds), unit)


def cuttings(count: int, rows: int, columns: int) -> list[bytes]:
    """Return `count` JPEG files of this size, cut from photographs at places drawn from a fixed seed."""
    draw = np.random.default_rng(7)
    sources = [Image.fromarray(getattr(data, name)()).convert("RGB").resize((columns * 2, rows * 2)) for name in PHOTOGRAPHS]
    files = []
    for number in range(count):
        left, top = int(draw.integers(0, columns)), int(draw.integers(0, rows))
        out = io.BytesIO()
        sources[number % len(sources)].crop((left, top, left + columns, top + rows)).save(out, "JPEG", quality=88)
        files.append(out.getvalue())
    return files


def digests(files: list[bytes]) -> None:
    """Make the three digests of each file."""
    for file in files:
        hashlib.md5(file, usedforsecurity=False).digest()
        hashlib.sha1(file, usedforsecurity=False).digest()
        hashlib.sha256(file).digest()


def peer(files: list[bytes]) -> None:
    """Hash each file as the wrappers of the reference do: Pillow to RGB, then pdqhash."""
    for file in files:
        pdqhash.compute(np.asarray(Image.open(io.BytesIO(file)).convert("RGB")))


def pictures(label: str, files: list[bytes]) -> list[Figure]:
    """Return the figures of fingerprints on these files."""
    count = len(files)
    grey = [np.ascontiguousarray(simplejpeg.decode_jpeg(file, "GRAY")[:, :, 0]) for file in files]
    colour = [simplejpeg.decode_jpeg(file, "RGB") for file in files]
    unit = f"pictures/s, {label}"
    figures = [
        rate("digests: MD5, SHA-1, SHA-256", unit, count, lambda: digests(files)),
        rate("decode: grey", unit, count, lambda: [simplejpeg.decode_jpeg(file, "GRAY") for file in files]),
        rate("decode: colour", unit, count, lambda: [simplejpeg.decode_jpeg(file, "RGB") for file in files]),
        rate("decode: Pillow, colour", unit, count, lambda: [Image.open(io.BytesIO(file)).convert("RGB") for file in files]),
        rate("kernel: grey, full", unit, count, lambda: [pdq.dihedral(pixels) for pixels in grey]),
        rate("kernel: colour, full", unit, count, lambda: [pdq.dihedral(pixels) for pixels in colour]),
        rate("kernel: colour, three conventions", unit, count, lambda: [pdq.conventions(pixels, CONVENTIONS) for pixels in colour]),
        rate("kernel: pdqhash", unit, count, lambda: [pdqhash.compute(pixels) for pixels in colour]),
        rate("file to hash: Pillow and pdqhash", unit, count, lambda: peer(files)),
    ]
    for chosen in (("full",), CONVENTIONS):
        with Fingerprinter(Limits(), chosen, perceptual=True) as prints:
            figures.append(rate(f"file to fingerprints: {len(chosen)} convention(s)", unit, count, lambda prints=prints: prints.run(files)))
    return figures


def matches(entries: int) -> list[Figure]:
    """Return the figures of matching against `entries` random entries."""
    draw = np.random.default_rng(3)
    codes = draw.integers(0, 256, (entries, 32), dtype=np.uint8)
    nothing = codes[:0]
    near, exact = NearIndex.build(codes, nothing), DigestIndex.build(np.ascontiguousarray(codes[:, :16]), nothing[:, :16])
    queries = draw.integers(0, 256, (200, 8, 32), dtype=np.uint8)
    rows = draw.integers(0, 256, (1_000_000, 16), dtype=np.uint8)
    return [
        rate("near match, one form", f"queries/s, {entries} entries", 200, lambda: near.any_within(queries[:, 0], 31)),
        rate("near match, eight forms", f"queries/s, {entries} entries", 200, lambda: near.any_within(queries, 31)),
        rate("exact match, MD5", f"rows/s, {entries} entries", len(rows), lambda: exact.find(rows)),
    ]


def versions() -> dict[str, str]:
    """Return what was measured, by version."""
    found = {"python": platform.python_version(), "machine": platform.processor() or platform.machine()}
    for name in ("vetted-release", "numba", "numpy", "pillow", "simplejpeg", "pdqhash"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "checkout"
    return found


def main() -> None:
    """Measure, print a table, and write the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=200)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    start = time.perf_counter()
    pdq.hash_array(np.zeros((64, 64), dtype=np.uint8))
    figures = [Figure("first call of the kernel", time.perf_counter() - start, "seconds")]
    figures += pictures("512x512", cuttings(options.pictures, 512, 512))
    figures += pictures("2 MP", cuttings(max(options.pictures // 8, 4), 1224, 1632))
    figures += matches(options.entries)
    for figure in figures:
        print(f"{figure.name:45} {figure.value:14,.1f} {figure.unit}")
    rows = [{"name": figure.name, "value": figure.value, "unit": figure.unit} for figure in figures]
    text = json.dumps({"versions": versions(), "rounds": ROUNDS, "figures": rows}, indent=1)
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n", encoding="utf-8")
    print(text if not options.json else f"written to {options.json}")


if __name__ == "__main__":
    main()
