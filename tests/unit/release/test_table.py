"""The Parquet writer: bytes that do not depend on batching, ranges that hold, stock readers, failures that leave nothing."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import textwrap
from pathlib import Path

import datasets
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from audit_logs.errors import FormatError, StoreError
from release import rows, table

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SCHEMA = pa.schema([("image", IMAGE), ("caption", pa.string()), ("tags", pa.list_(pa.string())), ("raw", pa.binary())])
FEATURES = {"image": {"_type": "Image"}}


def batch(count: int, size: int = 2_000) -> pa.RecordBatch:
    """Return rows with images of random bytes, some nulls, lists."""
    data = [
        {
            "image": None if index % 7 == 3 else {"bytes": hashlib.shake_128(b"%d" % index).digest(size), "path": f"{index}.png"},
            "caption": None if index % 5 == 0 else f"caption {index % 3}",
            "tags": None if index % 4 == 1 else ["a"] * (index % 3),
            "raw": b"r" * (index % 9),
        }
        for index in range(count)
    ]
    return pa.RecordBatch.from_pylist(data, schema=SCHEMA)


def write(path: Path, parts: list[pa.RecordBatch], group_rows: int = 16) -> table.WrittenShard:
    """Write batches as a data file."""
    writer = table.ShardWriter(path, SCHEMA, group_rows, FEATURES)
    for part in parts:
        writer.append(part)
    return writer.close()


def test_bytes_do_not_depend_on_how_rows_were_batched(tmp_path: Path) -> None:
    """One batch, many small ones and offsets into a large one give one file, and a second run gives it again."""
    whole = batch(100)
    shards = [
        write(tmp_path / "a", [whole]),
        write(tmp_path / "b", [whole.slice(start, 7) for start in range(0, 100, 7)]),
        write(tmp_path / "c", [batch(100).take(pa.array(range(start, start + 10))) for start in range(0, 100, 10)]),
        write(tmp_path / "d", [whole.slice(0, 0), whole, whole.slice(0, 0)]),
    ]
    assert len({shard.sha256 for shard in shards}) == 1
    assert len({(tmp_path / name).read_bytes() for name in "abcd"}) == 1


@pytest.mark.parametrize(("count", "expected"), [(0, []), (1, [1]), (16, [16]), (17, [16, 1]), (40, [16, 16, 8])])
def test_ranges_and_digests_are_those_of_the_file(tmp_path: Path, count: int, expected: list[int]) -> None:
    """Row groups run from byte 4 without a gap, the footer is the rest, and every digest is of these bytes (SPEC 6)."""
    path = tmp_path / "a.parquet"
    shard = write(path, [batch(count)])
    data = path.read_bytes()
    assert [group.rows for group in shard.row_groups] == expected
    assert [group.start for group in shard.row_groups] == [4, *(group.end for group in shard.row_groups)][: len(expected)]
    assert shard.footer_start == ([4] + [group.end for group in shard.row_groups])[-1]
    assert all(group.sha256 == hashlib.sha256(data[group.start : group.end]).hexdigest() for group in shard.row_groups)
    assert (shard.bytes, shard.sha256, shard.rows) == (len(data), hashlib.sha256(data).hexdigest(), count)
    assert shard.footer_sha256 == hashlib.sha256(data[shard.footer_start :]).hexdigest()
    assert table.layout(path).footer_start == shard.footer_start
    assert [found.num_rows for found in table.read_groups(path)] == expected


def test_rows_come_back_with_their_digests(tmp_path: Path) -> None:
    """What is read back, one row group at a time, has the row digests of what was written."""
    whole = batch(50)
    write(tmp_path / "a.parquet", [whole])
    back = pa.concat_batches(list(table.read_groups(tmp_path / "a.parquet", SCHEMA)))
    assert rows.row_digests(back).tobytes() == rows.row_digests(whole).tobytes()


def test_images_are_plain_and_uncompressed_and_have_an_offset_index(tmp_path: Path) -> None:
    """Binary leaves are stored as they are, without statistics; all else is zstd with a page index."""
    write(tmp_path / "a.parquet", [batch(32)])
    group = pq.read_metadata(tmp_path / "a.parquet").row_group(0)
    columns = {group.column(index).path_in_schema: group.column(index) for index in range(group.num_columns)}
    for name, column in columns.items():
        binary = name in ("image.bytes", "raw")
        assert column.compression == ("UNCOMPRESSED" if binary else "ZSTD"), name
        assert ("RLE_DICTIONARY" in column.encodings) is not binary, name
        assert column.is_stats_set is not binary, name
        assert column.has_offset_index, name
    data = (tmp_path / "a.parquet").read_bytes()
    assert hashlib.shake_128(b"0").digest(2_000) in data


def test_the_pictures_of_a_row_group_lie_in_one_piece(tmp_path: Path) -> None:
    """A page header between them would lie elsewhere in the next version, and cost whoever stores both by their content."""
    pictures = [hashlib.shake_128(bytes([number])).digest(40_000) for number in range(128)]
    schema = pa.schema([("image", pa.binary()), ("caption", pa.string())])
    whole = pa.record_batch([pictures, ["a caption"] * 128], schema=schema)
    writer = table.ShardWriter(tmp_path / "a.parquet", schema, 128, {})
    writer.append(whole)
    writer.close()
    assert b"".join(struct.pack("<I", len(data)) + data for data in pictures) in (tmp_path / "a.parquet").read_bytes()


def test_stock_readers_read_our_files(tmp_path: Path) -> None:
    """DuckDB, pyarrow and `datasets` (which decodes the image) agree on what is in a file."""
    Image.new("RGB", (3, 2), (250, 10, 20)).save(tmp_path / "red.png")
    picture = (tmp_path / "red.png").read_bytes()
    row = {"image": {"bytes": picture, "path": "red.png"}, "caption": "red", "tags": ["x", "y"], "raw": b"\x00"}
    path = tmp_path / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir()
    write(path, [pa.RecordBatch.from_pylist([row] * 3, schema=SCHEMA)])
    assert pq.read_table(path).to_pylist() == [row] * 3
    with duckdb.connect() as connection:
        query = "select count(*), min(octet_length(image.bytes)), max(caption) from read_parquet($path)"
        assert connection.execute(query, {"path": str(path)}).fetchone() == (3, len(picture), "red")
    loaded = datasets.load_dataset("parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(loaded.features["image"], datasets.Image)
    assert loaded[1]["image"].getpixel((0, 0)) == (250, 10, 20)


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    """A write that the disk refuses is one StoreError; neither the file nor a part of it stays."""
    program = textwrap.dedent(
        """
        import os, resource, signal, sys
        from pathlib import Path
        import pyarrow as pa
        from audit_logs.errors import StoreError
        from release import table
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
        schema = pa.schema([("raw", pa.binary())])
        rows = pa.record_batch([pa.array([os.urandom(1 << 20) for _ in range(3)])], schema=schema)
        for writer in (table.ShardWriter(Path(sys.argv[1]) / "a", schema, 2, {}), table.PrivateWriter(Path(sys.argv[1]) / "b", schema)):
            try:
                writer.append(rows)
                writer.close()
            except StoreError as error:
                print(error.what)
        """
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.count("larger than the file system allows") == 2
    assert done.stderr == ""
    assert list(tmp_path.iterdir()) == []


def test_a_discarded_file_leaves_nothing_and_does_not_replace(tmp_path: Path) -> None:
    """What was there before stays; discarding a finished file does nothing."""
    path = tmp_path / "a.parquet"
    first = write(path, [batch(3)])
    writer = table.ShardWriter(path, SCHEMA, 16, FEATURES)
    writer.append(batch(40))
    writer.discard()
    writer.discard()
    assert [file.name for file in tmp_path.iterdir()] == ["a.parquet"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == first.sha256


@pytest.mark.parametrize("kind", [pa.timestamp("s"), pa.list_(pa.time32("s")), pa.struct([("d", pa.date64())])])
def test_types_that_parquet_would_change_are_refused(tmp_path: Path, kind: pa.DataType) -> None:
    """Parquet has no seconds and no days in milliseconds: a reader would see another type and other digests."""
    with pytest.raises(StoreError, match="no exact form"):
        table.ShardWriter(tmp_path / "a", pa.schema([("x", kind)]), 16, {})
    assert list(tmp_path.iterdir()) == []


def test_damaged_files_are_a_format_error(tmp_path: Path) -> None:
    """A file cut short, one that is no Parquet, and one that is not there are refused in one sentence."""
    path = tmp_path / "a.parquet"
    write(path, [batch(40)])
    (tmp_path / "cut").write_bytes(path.read_bytes()[:-100])
    (tmp_path / "text").write_text("no parquet at all")
    for name in ("cut", "text", "missing"):
        for read in (table.layout, lambda file: list(table.read_groups(file)), lambda file: list(table.read_sealed_table(file))):
            with pytest.raises(FormatError, match="cannot be read as Parquet"):
                read(tmp_path / name)


def test_row_groups_with_a_gap_are_no_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes between row groups would be covered by no row group's digest."""
    path = tmp_path / "a.parquet"
    write(path, [batch(40)])
    real = table._group_range
    monkeypatch.setattr(table, "_group_range", lambda group: (real(group)[0] + 1, real(group)[1]))
    with pytest.raises(FormatError, match="not one after another"):
        table.layout(path)


def test_private_tables_are_private_and_stream(tmp_path: Path) -> None:
    """A sealed table has mode 0600, is written in bounded row groups and read back in bounded batches, by column."""
    path = tmp_path / "ledger"
    schema = pa.schema([("digest", pa.binary()), ("kept", pa.bool_())])
    part = pa.record_batch([pa.array([bytes(32)] * 50_000), pa.array([True] * 50_000)], schema=schema)
    table.write_sealed_table(path, schema, [part, part.slice(0, 0), part, part])
    assert path.stat().st_mode & 0o777 == 0o600
    assert pq.read_metadata(path).num_row_groups == 2
    batches = list(table.read_sealed_table(path, ["kept"]))
    assert sum(found.num_rows for found in batches) == 150_000
    assert max(found.num_rows for found in batches) <= 1 << 16
    assert batches[0].schema.names == ["kept"]


def test_a_private_table_that_fails_half_way_is_gone(tmp_path: Path) -> None:
    """An error in the rows' own source leaves no part of the table."""
    schema = pa.schema([("digest", pa.binary())])

    def broken() -> list[pa.RecordBatch]:
        raise LookupError

    with pytest.raises(LookupError):
        table.write_sealed_table(tmp_path / "ledger", schema, (part for _ in range(1) for part in broken()))
    assert list(tmp_path.iterdir()) == []
