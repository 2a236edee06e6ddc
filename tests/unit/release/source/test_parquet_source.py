"""Parquet sources: what is read, in which order, within which memory, and what is refused."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import pickle
import subprocess
import sys
import textwrap
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from release.errors import SourceError
from release.plan import Columns
from release.rows import row_digests
from release.source import Source, Unit
from release.source.base import Request
from release.source.opening import open_path

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def request(shard_rows: int = 4, split: str | None = None, **roles: Any) -> Request:
    """Return what a plan would say."""
    columns = Columns(**({"image": "image", "text": None, "url": None, "declared": {}} | roles))
    return Request(columns, split, shard_rows, 1000)


def write(path: Path, texts: list[str], group_rows: int = 3, **columns: Any) -> Path:
    """Write a Parquet file whose images are short texts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = pa.array([{"bytes": text.encode(), "path": f"{text}.png"} for text in texts], IMAGE)
    pq.write_table(pa.table({"image": images, "caption": pa.array(texts, pa.string())} | columns), path, row_group_size=group_rows)
    return path


def texts(source: Source, units: tuple[Unit, ...] | None = None) -> list[str]:
    """Read units and return their captions."""
    batches = [batch for unit in units or source.units for batch in source.read(unit, batch_bytes=1 << 20)]
    return [text for batch in batches for text in batch.batch.column("caption").to_pylist()]


def test_splits_come_from_names_and_files_in_order(tmp_path: Path) -> None:
    """File names, then folders, give the split; train, validation, test, others; within a split by the path's bytes."""
    for name, text in {
        "data/train-00001-of-00002.parquet": "t1",
        "data/train-00000-of-00002.parquet": "t0",
        "data/extra-00000-of-00001.parquet": "x",
        "test/a.parquet": "e",
        "val/a.parquet": "v",
        "other.parquet": "o",
        ".hidden/a.parquet": "no",
    }.items():
        write(tmp_path / name, [text])
    source = open_path(tmp_path, "auto", request())
    assert [(unit.split, unit.rows) for unit in source.units] == [("train", 3), ("validation", 1), ("test", 1), ("extra", 1)]
    assert texts(source) == ["t0", "t1", "o", "v", "e", "x"]
    assert texts(open_path(tmp_path, "parquet", request(split="test"))) == ["e"]
    with pytest.raises(SourceError, match="no such split"):
        open_path(tmp_path, "parquet", request(split="mine"))
    alone = open_path(tmp_path / "other.parquet", "parquet", request(split="mine"))
    assert ([unit.split for unit in alone.units], texts(alone)) == (["mine"], ["o"])


def test_units_are_whole_row_groups_across_files(tmp_path: Path) -> None:
    """A unit takes row groups of a split until it has enough rows; the last may be smaller; rows are numbered in their file."""
    write(tmp_path / "a.parquet", [f"a{i}" for i in range(7)])
    write(tmp_path / "b.parquet", [f"b{i}" for i in range(4)])
    source = open_path(tmp_path, "auto", request(shard_rows=5))
    assert [unit.rows for unit in source.units] == [6, 5]
    assert texts(source, source.units[1:]) == ["a6", "b0", "b1", "b2", "b3"]
    assert [source.locator(source.units[1], position) for position in (0, 1, 4)] == [
        "a.parquet, row 6",
        "b.parquet, row 0",
        "b.parquet, row 3",
    ]
    assert source.locator(source.units[0], 4) == "a.parquet, row 4"


def test_one_file_and_a_glob(tmp_path: Path) -> None:
    """A path may be one file, or a pattern; the pin names files relative to the folder without the pattern."""
    write(tmp_path / "x" / "a.parquet", ["a"])
    write(tmp_path / "y" / "b.parquet", ["b"])
    assert texts(open_path(tmp_path / "x" / "a.parquet", "auto", request())) == ["a"]
    found = open_path(tmp_path / "*" / "*.parquet", "auto", request())
    assert texts(found) == ["a", "b"]
    assert [file.path for file in found.pin.files] == ["x/a.parquet", "y/b.parquet"]


def test_the_pin_has_every_file_with_digest_and_rows(tmp_path: Path) -> None:
    """Sizes, digests and rows are those of the files, in reading order."""
    path = write(tmp_path / "a.parquet", ["1", "2"])
    pin = open_path(tmp_path, "auto", request()).pin
    assert (pin.kind, pin.locator, pin.revision, pin.rows, pin.metadata) == ("parquet", None, None, 2, None)
    (file,) = pin.files
    assert (file.path, file.bytes, file.rows) == ("a.parquet", path.stat().st_size, 2)
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_rows_name_files_inside_the_source_only(tmp_path: Path) -> None:
    """Bytes are filled in from files of the source; every way out of it, and every file that cannot be had, is the row's problem."""
    folder = tmp_path / "source"
    (folder / "in").mkdir(parents=True)
    (folder / "in" / "a.png").write_bytes(b"picture")
    (folder / "big.png").write_bytes(bytes(1001))
    (folder / "fits.png").write_bytes(bytes(1000))
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "inner.png").symlink_to(folder / "in" / "a.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "institution.pem").write_bytes(b"secret")
    (folder / "key.png").symlink_to(folder / "institution.pem")
    (folder / "picture.txt").symlink_to(folder / "in" / "a.png")
    os.mkfifo(folder / "pipe.png")
    expected = [
        ({"bytes": b"own", "path": "../secret.png"}, None),
        ({"bytes": None, "path": "in/a.png"}, b"picture"),
        ({"bytes": None, "path": "inner.png"}, b"picture"),
        ({"bytes": None, "path": "fits.png"}, bytes(1000)),
        ({"bytes": None, "path": "big.png"}, "too-large"),
        ({"bytes": None, "path": "../secret.png"}, "bad-path"),
        ({"bytes": None, "path": "in/../in/a.png"}, "bad-path"),
        ({"bytes": None, "path": str(tmp_path / "secret.png")}, "bad-path"),
        ({"bytes": None, "path": str(folder / "in" / "a.png")}, "bad-path"),
        ({"bytes": None, "path": "link.png"}, "bad-path"),
        ({"bytes": None, "path": "loop.png"}, "bad-path"),
        ({"bytes": None, "path": "pipe.png"}, "bad-path"),
        ({"bytes": None, "path": "in"}, "bad-path"),
        ({"bytes": None, "path": "in/a.png\x00.jpg"}, "bad-path"),
        ({"bytes": None, "path": "x" * 300}, "bad-path"),
        ({"bytes": None, "path": "institution.pem"}, "bad-path"),
        ({"bytes": None, "path": "a.parquet"}, "bad-path"),
        ({"bytes": None, "path": "key.png"}, "bad-path"),
        ({"bytes": None, "path": "picture.txt"}, "bad-path"),
        ({"bytes": None, "path": "missing.png"}, "missing-file"),
        ({"bytes": None, "path": "in/a.png/b.png"}, "missing-file"),
        ({"bytes": None, "path": None}, "no-image"),
        ({"bytes": None, "path": ""}, "no-image"),
        (None, "no-image"),
    ]
    images = pa.array([value for value, _ in expected], IMAGE)
    pq.write_table(pa.table({"image": images}), folder / "a.parquet")
    source = open_path(folder, "parquet", request(shard_rows=100))
    for batch_bytes in (1 << 20, 1):
        found: list[Any] = []
        for batch in source.read(source.units[0], batch_bytes=batch_bytes):
            assert batch.first == len(found)
            values = batch.batch.column("image").to_pylist()
            found += [batch.problems.get(row) or value["bytes"] for row, value in enumerate(values)]
            assert all(values[row] is None or values[row]["bytes"] is None for row in batch.problems)
        assert found[0] == b"own"
        assert found[1:] == [result for _, result in expected[1:]]
    whole = [row for batch in source.read(source.units[0], batch_bytes=1) for row in batch.batch.column("image").to_pylist()]
    assert whole[1] == {"bytes": b"picture", "path": "in/a.png"}
    assert whole[-1] is None


@pytest.mark.parametrize("source", ["s.parquet", "*.parquet"])
def test_a_row_does_not_publish_a_file_beside_a_source_without_a_folder(source: str, tmp_path: Path) -> None:
    """What lies beside one file, or beside what a glob finds, is none of the source's: keys, lists, other people's pictures."""
    (tmp_path / "keys").mkdir()
    for name in ("keys/institution.pem", "beside.png"):
        (tmp_path / name).write_bytes(b"secret")
    images = pa.array([{"bytes": None, "path": name} for name in ("keys/institution.pem", "beside.png", "nowhere.png")], IMAGE)
    pq.write_table(pa.table({"image": images}), tmp_path / "s.parquet")
    opened = open_path(tmp_path / source, "auto", request())
    (batch,) = opened.read(opened.units[0], batch_bytes=1 << 20)
    assert batch.problems == {0: "bad-path", 1: "bad-path", 2: "bad-path"}
    assert [row["image"]["bytes"] for row in batch.batch.to_pylist()] == [None, None, None]


ATTACHED = {
    "a thumbnail": pa.array([{"bytes": b"x", "path": None}], IMAGE),
    "plain bytes": pa.array([b"x"]),
    "large bytes": pa.array([b"x"], pa.large_binary()),
    "bytes of one length": pa.array([b"x"], pa.binary(1)),
    "bytes in a dictionary": pa.array([b"x"]).dictionary_encode(),
    "a list of bytes": pa.array([[b"x"]]),
    "bytes far down": pa.array([{"a": [{"b": [b"x"]}]}]),
}


@pytest.mark.parametrize("attached", ATTACHED.values(), ids=ATTACHED.keys())
@pytest.mark.parametrize("image", ["image", None])
def test_bytes_that_no_step_screens_are_not_released(attached: pa.Array, image: str | None, tmp_path: Path) -> None:
    """A second column of pictures, in whatever form, would be published unscreened: the source is refused, with the column's name."""
    columns = {"thumb": attached, "caption": ["c"]} | ({"image": pa.array([{"bytes": b"y", "path": None}], IMAGE)} if image else {})
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"'thumb' holds bytes that no step would screen.*thumb.*drop the column"):
        open_path(tmp_path, "auto", request(image=image))


def test_a_source_of_images_under_a_plan_without_images_is_refused(tmp_path: Path) -> None:
    """Links can be screened without pictures, but pictures are not published beside them."""
    write(tmp_path / "a.parquet", ["1"])
    with pytest.raises(SourceError, match=r"'image' holds bytes.*image\.bytes"):
        open_path(tmp_path, "auto", request(image=None))


def test_a_column_marked_as_images_is_not_released_beside_the_image_column(tmp_path: Path) -> None:
    """`datasets` would read a text column with this mark as pictures."""
    text = b'{"info": {"features": {"caption": {"_type": "Image"}}}}'
    pq.write_table(pa.table({"image": [b"x"], "caption": ["c"]}).replace_schema_metadata({b"huggingface": text}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"'caption' holds images"):
        open_path(tmp_path, "auto", request())


def test_declared_digests_may_be_bytes(tmp_path: Path) -> None:
    """They are matched, and a column of them is named in the manifest."""
    write(tmp_path / "a.parquet", ["1"], hash=pa.array([bytes(16)], pa.binary(16)))
    assert open_path(tmp_path, "auto", request(declared={"md5": "hash"})).schema.field("hash").type == pa.binary()


@pytest.mark.parametrize("column", ["a\0b", "a\nb", "\x1b[2J", "\x85"])
def test_column_names_that_steer_a_terminal_are_refused(column: str, tmp_path: Path) -> None:
    """Control characters have no place in a name, also within a struct; the error shows them as escapes."""
    for number, columns in enumerate(({column: ["c"]}, {"nested": pa.array([{column: 1}])})):
        folder = tmp_path / str(number)
        write(folder / "a.parquet", ["1"], **columns)
        with pytest.raises(SourceError, match="control characters") as caught:
            open_path(folder, "auto", request())
        assert str(caught.value).isprintable()


def test_a_column_with_the_name_of_the_images_bytes_is_refused(tmp_path: Path) -> None:
    """Two leaves of one name would take each other's digests."""
    write(tmp_path / "a.parquet", ["1"], **{"image.bytes": ["x"]})
    with pytest.raises(SourceError, match=r"taken for one.*'image\.bytes'"):
        open_path(tmp_path, "auto", request())


def test_plain_binary_and_dictionary_columns(tmp_path: Path) -> None:
    """A plain binary column is an image column as well; storage variants come out plain."""
    columns = {"image": pa.array([b"a", None], pa.large_binary()), "caption": pa.array(["x", "x"]).dictionary_encode()}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    source = open_path(tmp_path, "auto", request())
    assert source.image is not None
    assert source.image.leaf == "image"
    assert source.schema == pa.schema([("image", pa.binary()), ("caption", pa.string())])
    (batch,) = source.read(source.units[0], batch_bytes=1 << 20)
    assert batch.problems == {1: "no-image"}
    assert batch.batch.to_pylist() == [{"image": b"a", "caption": "x"}, {"image": None, "caption": "x"}]


def test_files_of_datasets_keep_their_features(tmp_path: Path) -> None:
    """What `datasets` wrote is read with its features, so that label names survive."""
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["cat", "tree"])})
    rows = {"image": [{"bytes": b"x", "path": None}], "label": [1]}
    datasets.Dataset.from_dict(rows, features=features).to_parquet(tmp_path / "train.parquet")
    source = open_path(tmp_path, "auto", request())
    assert source.features["image"] == {"_type": "Image"}
    assert source.features["label"] == {"names": ["cat", "tree"], "_type": "ClassLabel"}


@pytest.mark.parametrize(
    "text",
    [
        b"no json",
        b"[]",
        b'{"info": {"features": []}}',
        b"[" * 100_000,
        b'{"info": {"features": {"caption": {"_type": "Unheard"}}}}',
        b'{"info": {"features": {"caption": {"_type": "ClassLabel", "names": ["a", "a"]}, "gone": {"_type": "Image"}}}}',
    ],
)
def test_features_that_would_keep_a_reader_from_loading_are_left_out(tmp_path: Path, text: bytes) -> None:
    """A source's metadata is foreign: what a reader does not know, or would choke on, is not passed on."""
    found = pa.table({"image": [b"x"], "caption": ["c"]}).replace_schema_metadata({b"huggingface": text})
    pq.write_table(found, tmp_path / "a.parquet")
    assert open_path(tmp_path, "auto", request()).features == {}


def test_rows_do_not_depend_on_batch_size_and_sources_travel(tmp_path: Path) -> None:
    """Row digests are the same for any batch size, also from a pickled source in a spawned process."""
    write(tmp_path / "a.parquet", [f"{i}" * (i % 40) for i in range(500)], group_rows=100)
    source = open_path(tmp_path, "auto", request(shard_rows=200))
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        elsewhere = pool.submit(_digests, pickle.dumps(source), 1).result()
    assert elsewhere == _digests(pickle.dumps(source), 100) == _digests(pickle.dumps(source), 1 << 20)


def _digests(pickled: bytes, batch_bytes: int) -> list[bytes]:
    source = pickle.loads(pickled)  # noqa: S301  (made by this test)
    found = []
    for unit in source.units:
        batches = list(source.read(unit, batch_bytes=batch_bytes))
        assert [batch.first for batch in batches] == np.cumsum([0, *(batch.batch.num_rows for batch in batches)])[:-1].tolist()
        found += [row_digests(batch.batch).tobytes() for batch in batches]
    return [b"".join(found)]


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    """A truncated file has no footer: one sentence with the file's name."""
    path = write(tmp_path / "a.parquet", ["1", "2"])
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(SourceError, match=r"cannot be read as Parquet; where: a\.parquet"):
        open_path(tmp_path, "auto", request())


def test_damage_that_shows_while_reading_is_refused(tmp_path: Path) -> None:
    """A page that does not decompress is a SourceError with the file's name and not pyarrow's own error."""
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [b"i" * 5000] * 9, "caption": ["c" * 5000] * 9}), path, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    footer = 8 + int.from_bytes(data[-8:-4], "little")
    data[40:-footer] = bytes(len(data) - footer - 40)
    path.write_bytes(bytes(data))
    source = open_path(tmp_path, "auto", request())
    with pytest.raises(SourceError, match=r"a\.parquet"):
        texts(source)


def test_text_that_is_not_utf8_names_file_and_column(tmp_path: Path) -> None:
    """Parquet text may hold any bytes; a release's may not."""
    bad = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(np.array([0, 1], np.int32)), pa.py_buffer(b"\xff")])
    pq.write_table(pa.table({"image": [b"x"], "caption": bad}), tmp_path / "a.parquet")
    source = open_path(tmp_path, "auto", request())
    with pytest.raises(SourceError, match=r"where: a\.parquet, column caption; .*UTF8"):
        texts(source)


def test_a_file_that_changes_after_pinning_is_refused(tmp_path: Path) -> None:
    """What was pinned must be what is read: another size, another time, or no file at all."""
    path = write(tmp_path / "a.parquet", ["1", "2"])
    source = open_path(tmp_path, "auto", request())
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    with pytest.raises(SourceError, match="changed while the build was running"):
        texts(source)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert texts(source) == ["1", "2"]
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        texts(source)


def test_a_file_that_changes_while_a_unit_is_read_is_refused(tmp_path: Path) -> None:
    """The last look is after the last row."""
    path = write(tmp_path / "a.parquet", [f"{i}" for i in range(400)], group_rows=400)
    source = open_path(tmp_path, "auto", request(shard_rows=400))
    reading = source.read(source.units[0], batch_bytes=1)
    next(reading)
    os.utime(path, ns=(0, 1))
    with pytest.raises(SourceError, match="changed"):
        list(reading)


def test_files_with_different_columns_are_refused(tmp_path: Path) -> None:
    """The sentence names the file and the column."""
    write(tmp_path / "a.parquet", ["1"])
    write(tmp_path / "b.parquet", ["1"], extra=[1])
    with pytest.raises(SourceError, match=r"different columns; where: b\.parquet; .*extra"):
        open_path(tmp_path, "auto", request())


@pytest.mark.parametrize(
    ("roles", "words"),
    [
        ({"image": "picture"}, "no column 'picture', which the plan names as image"),
        ({"image": "caption"}, "cannot be used as image"),
        ({"text": "image"}, "cannot be used as text"),
        ({"url": "link"}, "no column 'link', which the plan names as url"),
        ({"declared": {"md5": "n"}}, "cannot be used as declared md5"),
    ],
)
def test_columns_of_the_plan_must_be_there(tmp_path: Path, roles: dict[str, Any], words: str) -> None:
    """A role that names no column, or one of another type, is refused before a row is read."""
    write(tmp_path / "a.parquet", ["1"], n=[1])
    with pytest.raises(SourceError, match=words):
        open_path(tmp_path, "auto", request(**roles))


def test_a_column_type_that_a_release_cannot_carry_names_file_and_column(tmp_path: Path) -> None:
    """Decimals have no place in SPEC 3.1."""
    write(tmp_path / "a.parquet", ["1"], price=pa.array([1], pa.decimal128(5, 2)))
    with pytest.raises(SourceError, match=r"where: a\.parquet, column price"):
        open_path(tmp_path, "auto", request())


def test_empty_sources_are_refused(tmp_path: Path) -> None:
    """No file, no rows, nothing there: one sentence each."""
    with pytest.raises(SourceError, match="no rows"):
        open_path(tmp_path, "auto", request())
    with pytest.raises(SourceError, match="no Parquet files"):
        open_path(tmp_path / "*.parquet", "auto", request())
    with pytest.raises(SourceError, match="cannot be read"):
        open_path(tmp_path / "nothing", "auto", request())
    write(tmp_path / "a.parquet", [])
    with pytest.raises(SourceError, match="no rows"):
        open_path(tmp_path, "auto", request())


def test_source_files_behind_links_and_unreadable_names_are_refused(tmp_path: Path) -> None:
    """A link out of the folder would publish another file; a name that is not UTF-8 could not stand in a manifest."""
    write(tmp_path / "private" / "a.parquet", ["secret"])
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "a.parquet").symlink_to(tmp_path / "private" / "a.parquet")
    with pytest.raises(SourceError, match="leads out of the source"):
        open_path(folder, "auto", request())
    (folder / "a.parquet").unlink()
    write(folder / "x.parquet", ["x"]).rename(folder / os.fsdecode(b"\xff.parquet"))
    with pytest.raises(SourceError, match="name that others could not read") as caught:
        open_path(folder, "auto", request())
    str(caught.value).encode()


def test_memory_does_not_grow_with_a_row_group(tmp_path: Path) -> None:
    """A file of one row group of 300 MB is read within a small part of that, whatever its writer chose."""
    path = tmp_path / "a.parquet"
    block = pa.array([os.urandom(20_000) for _ in range(250)])
    schema = pa.schema([("image", pa.binary())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False, write_batch_size=16) as writer:
        writer.write_table(pa.table({"image": pa.chunked_array([block] * 60)}), row_group_size=15_000)
    assert pq.read_metadata(path).num_row_groups == 1
    program = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from release.plan import Columns
        from release.source.base import Request
        from release.source.opening import open_path
        source = open_path(Path(sys.argv[1]), "auto", Request(Columns("image", None, None, {}), None, 4096, 1000))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        rows = sum(batch.batch.num_rows for unit in source.units for batch in source.read(unit, batch_bytes=8 << 20))
        print(rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True, env=environment)
    rows, grown = map(int, done.stdout.split())
    assert rows == 15_000
    assert grown < 120
