"""What contestants work on: packs of pictures cut from photographs, entries, queries. Everything from fixed seeds, kept for the next run."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from bench import pack, pictures
from bench.pictures import AGAIN, SEED, SMALL
from bench.pixels import write_arrays
from bench.setting import Setting
from release.fingerprint import pdq

PLANTED = 500  # one picture in so many is on the lists
NEAR = 20  # one query in so many is made from an entry
BEYOND = 40  # at 0 to so many bits from it
WIDTHS = {"md5": 16, "pdq": 32}
ENCODING: dict[str, dict[str, object]] = {"PNG": {}, "WEBP": {"quality": 85}, "GIF": {}}

Bytes = NDArray[np.uint8]


def squares(setting: Setting, count: int) -> Path:
    """Return a pack of JPEG files of exactly 512x512: rows of the datasets to build that are new cuts."""
    rows = [row for row in range(count * AGAIN // (AGAIN - 1) + 1) if row % AGAIN != AGAIN - 1][:count]
    return _pack(setting, f"squares-{count}", rows, _square)


def middle(setting: Setting, count: int) -> Path:
    """Return a pack of JPEG files of 1 to 4 megapixels, never larger than the photograph that they are cut from."""
    return _pack(setting, f"middle-{count}", range(count), pictures.middle)


def other(source: Path, kind: str, count: int) -> Path:
    """Return a pack of the first pictures of another one in another format: PNG, WEBP or GIF."""
    path = source.with_name(f"{kind.lower()}-{count}-{source.stem}.parquet")
    if not path.exists():
        pack.write(path, [_again(data, kind) for data in pack.read(source)[:count]])
    return path


def arrays(setting: Setting, source: Path, count: int) -> Path:
    """Return a file with the first pictures of a pack, decoded in colour."""
    path = setting.results / f"{source.stem}-{count}.npz"
    if not path.exists():
        write_arrays(path, pack.read(source)[:count])
    return path


def entries(setting: Setting, kind: str, count: int, planted: Path | None = None) -> Path:
    """Return an array of `count` entries, `md5` or `pdq`: drawn, and with a pack those of some of its pictures."""
    path = setting.results / f"{kind}-{count}{f'-{planted.stem}' if planted else ''}.npy"
    if not path.exists():
        width = WIDTHS[kind]
        made = drawn(count, width, count)
        if planted:
            own = [_entry(kind, data) for data in pack.read(planted)[::PLANTED]]
            made[: len(own)] = np.frombuffer(b"".join(own), np.uint8).reshape(-1, width)
        np.save(path, made)
    return path


def queries(setting: Setting, known: Path, count: int) -> Path:
    """Return an array (count, 32): drawn, but every 20th is an entry with 0, 1, 2 ... 40 bits turned."""
    path = setting.results / f"queries-{count}-{known.stem}.npy"
    if not path.exists():
        listed = np.load(known, mmap_mode="r")
        made = drawn(count, 32, SEED)
        for number, at in enumerate(range(0, count, NEAR)):
            made[at] = turned(listed[(7919 * number) % len(listed)], number % (BEYOND + 1), number)
        np.save(path, made)
    return path


def within(count: int, radius: int) -> list[int]:
    """Return the numbers of those queries that lie within a radius of an entry."""
    return [at for number, at in enumerate(range(0, count, NEAR)) if number % (BEYOND + 1) <= radius]


def drawn(count: int, width: int, seed: int) -> Bytes:
    """Return random bytes, (count, width)."""
    return np.random.default_rng([SEED, seed]).integers(0, 256, (count, width), dtype=np.uint8)


def turned(code: Bytes, bits: int, seed: int) -> Bytes:
    """Return a hash with so many bits turned."""
    flat = np.unpackbits(code)
    flat[np.random.default_rng([SEED, seed]).permutation(256)[:bits]] ^= 1
    return np.packbits(flat)


def _pack(setting: Setting, name: str, rows: Sequence[int], make: Callable[[int], bytes]) -> Path:
    path = setting.results / f"{name}.parquet"
    if not path.exists():
        with pictures.loaded(setting.photos()), multiprocessing.get_context("fork").Pool(2) as pool:
            pack.write(path, pool.map(make, rows, chunksize=8))
    return path


def _square(row: int) -> bytes:
    return pictures.encoded(row, SMALL)


def _again(data: bytes, kind: str) -> bytes:
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).save(out, kind, **ENCODING[kind])
    return out.getvalue()


def _entry(kind: str, data: bytes) -> bytes:
    if kind == "md5":
        return hashlib.md5(data, usedforsecurity=False).digest()
    return bytes(pdq.hash_array(simplejpeg.decode_jpeg(data, "RGB"))[0])
