"""The self-test's row in each source's own format: stored as rows are, read back by the reader of all rows, whatever the columns."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from release import canary
from release.plan import Columns
from release.source import Source
from release.source.base import Request
from release.source.opening import open_path

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
LIMIT = 1 << 20


def drawing() -> bytes:
    """Return a small picture as the bytes of a file."""
    file = io.BytesIO()
    Image.new("L", (20, 20), 77).save(file, "PNG")
    return file.getvalue()


def opened(path: Path, **roles: Any) -> Source:
    """Open a source."""
    columns = Columns(**({"image": "image", "text": None, "url": None, "declared": {}} | roles))
    return open_path(path, "auto", Request(columns, None, 4, LIMIT))


def read_back(source: Source, folder: Path, **roles: Any) -> list[dict[str, Any]]:
    """Return the rows of the planted source, after checking that the source itself is as it was."""
    columns = Columns(**({"image": "image", "text": None, "url": None, "declared": {}} | roles))
    before = source.pin
    folder.mkdir()
    planted = source.planted(canary.canary_batch(source.schema, columns), folder)
    batches = list(planted.read(planted.units[0], batch_bytes=1))
    assert [batch.problems for batch in batches] == [{}] * len(batches)
    assert all(batch.batch.schema == source.schema for batch in batches)
    assert sum(batch.batch.num_rows for batch in batches) == planted.units[0].rows
    assert source.pin == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in folder.iterdir())
    return [row for batch in batches for row in batch.batch.to_pylist()]


def table_of(kind: pa.DataType) -> pa.Table:
    """Return a table with columns of many types."""
    image = drawing() if kind == pa.binary() else {field.name: drawing() if field.name == "bytes" else None for field in kind}
    return pa.table(
        {
            "image": pa.array([image], kind),
            "url": ["https://example.org/"],
            "md5": ["0" * 32],
            "pdna": pa.array([bytes(144)], pa.binary()),
            "tags": [["a", "b"]],
            "box": [{"x": 1, "y": [2.5]}],
            "kind": pa.array(["a"]).dictionary_encode(),
            "when": pa.array([0], pa.timestamp("us", "UTC")),
        },
    )


@pytest.mark.parametrize("kind", [pa.binary(), pa.struct([("bytes", pa.binary())]), IMAGE])
@pytest.mark.parametrize("alone", [True, False])
def test_parquet_stores_the_row_in_each_way_that_its_rows_have(tmp_path: Path, kind: pa.DataType, alone: bool) -> None:
    """As bytes in the file; and, where rows of a folder may name one, as a file that is read through the name."""
    path = tmp_path / "source" / "a.parquet"
    path.parent.mkdir()
    pq.write_table(table_of(kind), path)
    roles = {"url": "url", "declared": {"md5": "md5", "photodna": "pdna"}}
    rows = read_back(opened(path if alone else path.parent, **roles), tmp_path / "planted", **roles)
    assert len(rows) == (2 if kind == IMAGE and not alone else 1)
    for row in rows:
        assert (row["image"] if kind == pa.binary() else row["image"]["bytes"]) == canary.picture()
        assert (row["url"], row["md5"], row["pdna"]) == (canary.URL, canary.digests("md5").hex(), canary.photodna())
        assert (row["tags"], row["when"]) == (None, None)
    assert [row["image"]["path"] for row in rows] == [None, "planted.png"][: len(rows)] if kind == IMAGE else True


def test_source_of_links_alone_stores_its_row_without_an_image(tmp_path: Path) -> None:
    """There is nothing to decode, and the link goes the same way."""
    pq.write_table(pa.table({"url": ["https://example.org/"]}), tmp_path / "a.parquet")
    rows = read_back(opened(tmp_path / "a.parquet", image=None, url="url"), tmp_path / "planted", image=None, url="url")
    assert rows == [{"url": canary.URL}]


@pytest.mark.parametrize("captioned", [False, True])
def test_folder_stores_the_image_as_a_file_of_its_own(tmp_path: Path, captioned: bool) -> None:
    """Metadata columns and captions beside the image are those of the row."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.png").write_bytes(drawing())
    (folder / "metadata.jsonl").write_text('{"file_name": "a.png", "url": "https://example.org/", "size": 5}\n')
    if captioned:
        (folder / "a.txt").write_text("a grey square")
    roles = {"url": "url"} | ({"text": "caption"} if captioned else {})
    (row,) = read_back(opened(folder, **roles), tmp_path / "planted", **roles)
    assert row["image"] == {"bytes": canary.picture(), "path": "planted.png"}
    assert (row["url"], row["size"]) == (canary.URL, None)
    assert row.get("caption") == (canary.TEXT if captioned else None)
