"""Tables of links as LAION publishes them, generated: `URL`, `TEXT`, `WIDTH`, `HEIGHT`, `punsafe`, `md5`, in Parquet files of a million rows.

Everything is drawn from fixed seeds, a file by its number alone. Links have the variety of the web's: most are plain, one in eleven has a query,
others escapes, tracking parameters, capitals in the host, ports, letters beyond ASCII or a fragment. One row in a hundred lacks a caption.
One row in 500 has a listed MD5, one in 1,000 a listed link, one in 1,000 a host below a listed domain; all of these are told apart by their row's number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.pictures import SEED

FILE_ROWS = 1_000_000
GROUP_ROWS = 65_536
MD5_EVERY, URL_EVERY, HOST_EVERY = 500, 1_000, 1_000
MD5_TURN, URL_TURN, HOST_TURN = 7, 131, 257  # which of so many rows
HOSTS = 50_000
WORDS = 4_000
NO_CAPTION = 100  # one row in so many
_SYLLABLES = (
    "an",
    "be",
    "co",
    "da",
    "el",
    "fi",
    "go",
    "ha",
    "in",
    "ju",
    "ka",
    "lo",
    "mi",
    "no",
    "or",
    "pe",
    "qu",
    "ri",
    "so",
    "tu",
    "ve",
    "wi",
    "yo",
    "za",
)
_ENDS = ("com", "com", "com", "org", "net", "de", "co.uk", "com.br", "ru", "info")
_TAILS = (  # after the name of the file; each stands for one row in 32
    *(".jpg",) * 20,
    *(".png", ".jpeg", ".webp", ".JPG", ".gif"),
    "_300x300.jpg?w=600&h=400",
    ".jpg?itok=9Fz-1_x",
    ".jpg?v=1&utm_source=feed",
    "%20(1).jpg",
    "%C3%A9-1.jpg",
    ".jpg#main",
    "-\u00e4.jpg",
)
_STARTS = (*("https://",) * 24, *("http://",) * 7, "HTTPS://")


def make(folder: Path, rows: int) -> None:
    """Write `rows` rows below `folder`, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, start in enumerate(range(0, rows, FILE_ROWS)):
        path = folder / f"part-{number:05d}.parquet"
        if not path.exists():
            unfinished = path.with_suffix(".part")
            pq.write_table(table(number, min(FILE_ROWS, rows - start)), unfinished, row_group_size=GROUP_ROWS)
            unfinished.rename(path)


def table(number: int, rows: int) -> pa.Table:
    """Return the first rows of file `number`."""
    draw = np.random.default_rng([SEED, number])
    words = pa.array(_words(np.random.default_rng(SEED), WORDS))
    urls = links(draw, words, rows)
    urls = _planted(urls, [planted_url(number, row) for row in _turn(rows, URL_EVERY, URL_TURN)], URL_EVERY, URL_TURN)
    urls = _planted(urls, [planted_host_link(number, row) for row in _turn(rows, HOST_EVERY, HOST_TURN)], HOST_EVERY, HOST_TURN)
    md5 = _planted(_hex(draw, rows), [planted_md5(number, row) for row in _turn(rows, MD5_EVERY, MD5_TURN)], MD5_EVERY, MD5_TURN)
    return pa.table(
        {
            "URL": urls,
            "TEXT": _captions(draw, words, rows),
            "WIDTH": pa.array(draw.integers(64, 2_048, rows), pa.int32()),
            "HEIGHT": pa.array(draw.integers(64, 2_048, rows), pa.int32()),
            "punsafe": pa.array(draw.beta(0.3, 4, rows), pa.float32()),
            "md5": md5,
        }
    )


def planted_md5(number: int, row: int) -> str:
    """Return a listed MD5 in hex."""
    return f"{number:08x}{row:08x}" * 2


def planted_url(number: int, row: int) -> str:
    """Return a listed link."""
    return f"https://planted.example.net/{number}/{row}.jpg"


def planted_host_link(number: int, row: int) -> str:
    """Return a link below a listed domain."""
    return f"http://www.planted-{(number * 31 + row) % 97}.example.org/pictures/{row}.jpg"


def planted(files: int, rows: int) -> dict[str, list[str]]:
    """Return what the lists have to contain so that the steps find the planted rows of `files` files of `rows` rows."""
    return {
        "md5": [planted_md5(number, row) for number in range(files) for row in _turn(rows, MD5_EVERY, MD5_TURN)],
        "url": [planted_url(number, row) for number in range(files) for row in _turn(rows, URL_EVERY, URL_TURN)],
        "domain": [f"planted-{number}.example.org" for number in range(97)],
    }


def links(draw: np.random.Generator, words: pa.Array, rows: int) -> pa.Array:
    """Return as many links, of hosts of which few are frequent."""
    hosts = _pick(draw, _hosts(words), rows, skew=3.0)
    names = _pick(draw, words, rows)
    numbers = pa.array(draw.integers(10**6, 10**10, rows)).cast(pa.string())
    parts = [_pick(draw, pa.array(_STARTS), rows), hosts, "/", _pick(draw, words, rows), "/", names, "-", numbers]
    return pc.binary_join_element_wise(*parts, _pick(draw, pa.array(_TAILS), rows), "")


def _hosts(words: pa.Array) -> pa.Array:
    draw = np.random.default_rng([SEED, HOSTS])
    starts = pa.array(["www.", "www.", "", "images.", "cdn.", "i0."])
    names = pc.binary_join_element_wise(_pick(draw, words, HOSTS), _pick(draw, words, HOSTS), "")
    return pc.binary_join_element_wise(_pick(draw, starts, HOSTS), names, ".", _pick(draw, pa.array(_ENDS), HOSTS), "")


def _captions(draw: np.random.Generator, words: pa.Array, rows: int) -> pa.Array:
    """Return captions of two to twelve words."""
    pairs = pc.binary_join_element_wise(_pick(draw, words, 50_000), _pick(draw, words, 50_000), " ")
    more = pa.concat_arrays([pa.array([""] * 20_000), pairs])
    texts = pc.binary_join_element_wise(*(_pick(draw, one, rows) for one in (pairs, pairs, more, more, more, more)), " ")
    return pc.if_else(pa.array(draw.integers(0, NO_CAPTION, rows) == 0), pa.scalar(None, pa.string()), pc.utf8_trim_whitespace(texts))


def _words(draw: np.random.Generator, count: int) -> list[str]:
    lengths = draw.integers(1, 5, count).tolist()
    return ["".join(_SYLLABLES[at] for at in draw.integers(0, len(_SYLLABLES), length).tolist()) for length in lengths]


def _pick(draw: np.random.Generator, pool: pa.Array, count: int, skew: float = 1.0) -> pa.Array:
    return pool.take(pa.array((draw.random(count) ** skew * len(pool)).astype(np.int64)))


def _hex(draw: np.random.Generator, rows: int) -> pa.Array:
    data = draw.bytes(16 * rows).hex().encode()
    return pa.StringArray.from_buffers(rows, pa.py_buffer(np.arange(rows + 1, dtype=np.int32) * 32), pa.py_buffer(data))


def _turn(rows: int, every: int, turn: int) -> range:
    return range(turn, rows, every)


def _planted(values: pa.Array, new: Sequence[str], every: int, turn: int) -> pa.Array:
    mask = np.zeros(len(values), np.bool_)
    mask[turn::every] = True
    return pc.replace_with_mask(values, pa.array(mask), pa.array(new, pa.string()))
