"""The datasets to build: pictures cut from photographs, in Parquet files such as `datasets` writes, with captions and links.

Row i depends on the seed and i alone, so a smaller dataset is the beginning of a larger one. Four rows of five are new cuts;
every fifth is an earlier one encoded again, and often made smaller. One row in 500 each goes into the list of digests, of PDQ
hashes and of links, so that every step has something to find.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import math
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import simplejpeg
from PIL import Image

from bench import photographs
from release.fingerprint import pdq

SEED = 20_261
QUALITY = 90
AGAIN = 5  # every fifth row is an earlier picture, encoded again
LISTED = 500  # one row in so many is listed, for each list
MD5_TURN, PDQ_TURN, URL_TURN = 7, 131, 257  # which of them; none is a picture encoded again
GROUP_ROWS = 100  # rows of a row group, as in most datasets of images; `datasets` 5 takes up to 100 MB unless told
FILE_ROWS = 2500
_loaded: list[Image.Image] = []


@dataclass(frozen=True, slots=True)
class Size:
    """Width and height of the pictures in pixels, and the noise added to each pixel, as a camera's sensor does."""

    width: int
    height: int
    noise: int = 0


SMALL = Size(512, 512)
LARGE = Size(2304, 1728, noise=40)  # 4 megapixels, in files as heavy as a camera's


@dataclass(frozen=True, slots=True)
class Listed:
    """What the lists have to contain so that the steps find something, as text lines."""

    md5: tuple[str, ...]
    pdq: tuple[str, ...]
    url: tuple[str, ...]


def make(folder: Path, photos: Sequence[Path], rows: int, size: Size) -> Listed:
    """Write `rows` rows as Parquet files into `folder`, unless they are there, and return what is to be listed."""
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("fork")  # the photographs are loaded once and shared
    todo = [start for start in range(0, rows, FILE_ROWS) if not _path(folder, start).exists()]
    with loaded(photos), context.Pool(2) as pool:
        pool.starmap(_write_file, [(folder, start, min(FILE_ROWS, rows - start), size) for start in todo])
        listed = pool.starmap(_listed, [(row, size) for row in range(rows) if row % LISTED in (MD5_TURN, PDQ_TURN, URL_TURN)])
    return Listed(*(tuple(value for kind, value in listed if kind == name) for name in ("md5", "pdq", "url")))


@contextlib.contextmanager
def loaded(photos: Sequence[Path]) -> Iterator[None]:
    """Hold the photographs in memory, for this process and those that it forks."""
    _loaded.extend(photographs.load(path) for path in photos)
    try:
        yield
    finally:
        _loaded.clear()


def _path(folder: Path, start: int) -> Path:
    return folder / f"pictures-{start:06d}.parquet"


def _write_file(folder: Path, start: int, count: int, size: Size) -> None:
    """Write one file as `datasets` does; it gets its name when it is complete."""
    from datasets import Dataset, Features, Value, disable_progress_bars
    from datasets import Image as ImageFeature

    disable_progress_bars()
    features = Features({"image": ImageFeature(), "caption": Value("string"), "url": Value("string")})
    rows = list(_rows(range(start, start + count), size))
    path = _path(folder, start)
    unfinished = path.with_suffix(".part")
    Dataset(pa.Table.from_pylist(rows, schema=features.arrow_schema)).to_parquet(unfinished, batch_size=GROUP_ROWS)
    unfinished.rename(path)


def _rows(numbers: range, size: Size) -> Iterator[dict[str, object]]:
    for row in numbers:
        yield {
            "image": {"bytes": encoded(row, size), "path": f"{row:06d}.jpg"},
            "caption": f"Picture {row} of the benchmark",
            "url": _url(row),
        }


def _url(row: int) -> str:
    return f"https://pictures.example.org/{row % 97}/{row:06d}.jpg"


def encoded(row: int, size: Size) -> bytes:
    """Return the JPEG file of a row."""
    draw = np.random.default_rng([SEED, row])
    if row % AGAIN != AGAIN - 1:
        return _jpeg(_cut(row, size), QUALITY)
    earlier = AGAIN * int(draw.integers(0, row // AGAIN + 1))  # never itself one encoded again
    scale = float(draw.uniform(0.7, 1.0))
    smaller = _cut(earlier, size).resize((round(size.width * scale), round(size.height * scale)))
    return _jpeg(smaller, int(draw.integers(60, 86)))


def _cut(row: int, size: Size) -> Image.Image:
    """Return a piece of a photograph: which one, where, and from how large a piece is drawn by the row's number."""
    draw = np.random.default_rng([SEED, 1, row])
    photo = _loaded[int(draw.integers(0, len(_loaded)))]
    largest = min(photo.width / size.width, photo.height / size.height, 2.5)
    scale = float(draw.uniform(min(1.0, largest), largest))
    width, height = size.width * scale, size.height * scale
    left, top = float(draw.uniform(0, photo.width - width)), float(draw.uniform(0, photo.height - height))
    box = (left, top, left + width, top + height)
    picture = photo.resize((size.width, size.height), Image.Resampling.BILINEAR, box=box)
    return _noisy(picture, size.noise, draw) if size.noise else picture


def middle(row: int) -> bytes:
    """Return the JPEG file of a picture of 1 to 4 megapixels, cut from a photograph at its own scale or made smaller."""
    draw = np.random.default_rng([SEED, 2, row])
    photo = _loaded[int(draw.integers(0, len(_loaded)))]
    most = min(photo.width * photo.height, 4_000_000)
    factor = math.sqrt(float(draw.uniform(1_000_000, most)) / (photo.width * photo.height))
    width, height = math.ceil(photo.width * factor), math.ceil(photo.height * factor)
    scale = float(draw.uniform(1.0, 1.0 / factor))  # of the piece that is made smaller, up to the whole photograph
    piece = min(width * scale, photo.width), min(height * scale, photo.height)
    left, top = float(draw.uniform(0, photo.width - piece[0])), float(draw.uniform(0, photo.height - piece[1]))
    box = (left, top, left + piece[0], top + piece[1])
    return _jpeg(photo.resize((width, height), Image.Resampling.BILINEAR, box=box), QUALITY)


def _noisy(picture: Image.Image, noise: int, draw: np.random.Generator) -> Image.Image:
    pixels = np.asarray(picture).astype(np.int16)
    pixels += draw.integers(-noise, noise + 1, pixels.shape, dtype=np.int16)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _jpeg(picture: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def _listed(row: int, size: Size) -> tuple[str, str]:
    """Return the list type and the value under which a row is listed."""
    turn = row % LISTED
    if turn == URL_TURN:
        return "url", _url(row)
    data = encoded(row, size)
    if turn == MD5_TURN:
        return "md5", hashlib.md5(data, usedforsecurity=False).hexdigest()
    code, _ = pdq.hash_array(simplejpeg.decode_jpeg(data, "RGB"))
    return "pdq", bytes(code).hex()
