"""A complete, verified release of made-up pictures, of any size: noise behind a JPEG's first bytes, which nothing here decodes."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
from made import PICTURE, Line, Made, published

from audit_logs.manifest import Shard
from release.rows import row_digests
from release.screen import shard_entry
from release.table import ShardWriter

_JPEG = b"\xff\xd8\xff"
_SCHEMA = pa.schema({"image": PICTURE, "caption": pa.string()})
_GROUP_ROWS = 256


def make(folder: Path, shards: int, rows: int, size: int) -> Made:
    """Make a release of `shards` data files with `rows` rows each, whose pictures have `size` bytes."""
    home = folder / "release"
    (home / "data").mkdir(parents=True)
    written = tuple(
        _shard(home, f"data/train-{number:05d}-of-{shards:05d}.parquet", (number * rows, rows, size)) for number in range(shards)
    )
    return published(home, written, _SCHEMA, Line(group_rows=_GROUP_ROWS))


def _shard(home: Path, path: str, what: tuple[int, int, int]) -> Shard:
    first, rows, size = what
    writer = ShardWriter(home / path, _SCHEMA, _GROUP_ROWS, {"image": {"_type": "Image"}})
    digests = []
    for at in range(first, first + rows, _GROUP_ROWS):
        noise = os.urandom(size)
        numbers = range(at, min(at + _GROUP_ROWS, first + rows))
        # One draw for each row group, begun elsewhere for each row: no two pictures are alike, and making them is no wait.
        pictures = [_JPEG + number.to_bytes(8, "big") + noise[number % size :] + noise[: number % size] for number in numbers]
        values = [{"bytes": data[:size], "path": f"{number}.jpg"} for number, data in zip(numbers, pictures, strict=True)]
        captions = [f"a picture of noise, number {number}" for number in numbers]
        batch = pa.record_batch([pa.array(values, PICTURE), pa.array(captions)], schema=_SCHEMA)
        writer.append(batch)
        digests.append(row_digests(batch).tobytes())
    return shard_entry(path, "train", writer.close(), np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32), _GROUP_ROWS)
