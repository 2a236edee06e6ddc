"""Image folders: rows, captions, metadata, splits, and what is refused rather than passed over."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from release.errors import SourceError
from release.plan import Columns
from release.source import Source
from release.source.base import Request
from release.source.imagefolder import open_folder
from release.source.opening import open_path

JSONL, CSV = "metadata.jsonl", "metadata.csv"


def request(shard_rows: int = 100, split: str | None = None, text: str | None = None, **roles: Any) -> Request:
    """Return what a plan would say."""
    columns = Columns(**({"image": "image", "text": text, "url": None, "declared": {}} | roles))
    return Request(columns, split, shard_rows, 1000)


def fill(folder: Path, *names: str) -> Path:
    """Make files whose bytes are their names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return folder


def lines(folder: Path, *records: dict[str, Any]) -> Path:
    """Write the metadata file."""
    (folder / JSONL).write_text("".join(json.dumps(record) + "\n" for record in records))
    return folder


def rows(source: Source, batch_bytes: int = 1 << 20) -> list[dict[str, Any]]:
    """Read all rows."""
    return [row for unit in source.units for batch in source.read(unit, batch_bytes=batch_bytes) for row in batch.batch.to_pylist()]


def test_one_row_for_each_image_in_order(tmp_path: Path) -> None:
    """Images are found by extension in any case, sorted by the bytes of their path; hidden files and companions are no rows."""
    fill(tmp_path, "b.PNG", "B.jpg", "a/é.webp", "a/x.gif", ".DS_Store", ".hidden/y.png", "README.md", "LICENSE", "b.txt")
    source = open_path(tmp_path, "auto", request())
    names = ["B.jpg", "a/x.gif", "a/é.webp", "b.PNG"]
    assert rows(source) == [{"image": {"bytes": name.encode(), "path": name}} for name in names]
    assert [source.locator(source.units[0], index) for index in range(4)] == names
    assert source.schema == pa.schema([("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())]))])
    assert source.image is not None
    assert source.image.leaf == "image.bytes"


def test_units_have_exactly_the_rows_of_a_shard_and_follow_splits(tmp_path: Path) -> None:
    """Split folders come in their order; each split's last unit may be smaller."""
    fill(tmp_path, "test/a.png", "train/1.png", "train/2.png", "train/3.png", "val/b.png", "z.png")
    source = open_folder(tmp_path, request(shard_rows=3))
    assert [(unit.split, unit.rows) for unit in source.units] == [("train", 3), ("train", 1), ("validation", 1), ("test", 1)]
    assert [row["image"]["path"] for row in rows(source)] == [
        "train/1.png",
        "train/2.png",
        "train/3.png",
        "z.png",
        "val/b.png",
        "test/a.png",
    ]
    only = open_folder(tmp_path, request(split="test"))
    assert [row["image"]["path"] for row in rows(only)] == ["test/a.png"]


def test_the_pin_names_the_metadata_file_and_no_image(tmp_path: Path) -> None:
    """Where a file is a row, file names stay out of the manifest."""
    lines(fill(tmp_path, "a.png", "b.png"), {"file_name": "a.png", "n": 1})
    pin = open_folder(tmp_path, request()).pin
    assert (pin.kind, pin.rows, pin.files) == ("imagefolder", 2, ())
    assert pin.metadata is not None
    assert (pin.metadata.path, pin.metadata.sha256) == (JSONL, hashlib.sha256((tmp_path / JSONL).read_bytes()).hexdigest())


def test_json_metadata_has_one_type_for_each_column(tmp_path: Path) -> None:
    """Types are those of all values; images without metadata have nulls; columns come in order of appearance."""
    lines(
        fill(tmp_path, "a.png", "b.png", "c.png"),
        {"file_name": "c.png", "text": "sea", "n": 1, "score": 1, "ok": True, "none": None},
        {"file_name": "a.png", "text": "", "n": -5, "score": 0.5, "late": "x"},
    )
    source = open_folder(tmp_path, request(text="text"))
    types = {field.name: str(field.type) for field in source.schema}
    del types["image"]
    assert types == {"text": "string", "n": "int64", "score": "double", "ok": "bool", "none": "string", "late": "string"}
    a, b, c = ({name: value for name, value in row.items() if name != "image"} for row in rows(source))
    assert a == {"text": "", "n": -5, "score": 0.5, "ok": None, "none": None, "late": "x"}
    assert set(b.values()) == {None}
    assert c == {"text": "sea", "n": 1, "score": 1.0, "ok": True, "none": None, "late": None}


def test_csv_metadata_is_typed_by_the_whole_column(tmp_path: Path) -> None:
    """A column is a number only where every cell is written as one; codes with leading zeros and long identifiers stay text."""
    fill(tmp_path, "a.png", "b.png")
    text = 'file_name,n,f,ok,code,id,empty,words\r\na.png,1,1,true,007,12345678901234567890,,"two\nlines"\r\nb.png,,2.5,False,8,1,,x\r\n'
    (tmp_path / CSV).write_bytes(b"\xef\xbb\xbf" + text.encode())
    source = open_folder(tmp_path, request())
    types = [str(field.type) for field in source.schema][1:]
    assert types == ["int64", "double", "bool", "string", "string", "string", "string"]
    assert [list(row.values())[1:] for row in rows(source)] == [
        [1, 1.0, True, "007", "12345678901234567890", None, "two\nlines"],
        [None, 2.5, False, "8", "1", None, "x"],
    ]


def test_metadata_beside_the_images_of_a_split(tmp_path: Path) -> None:
    """File names in a metadata file are relative to its folder."""
    fill(tmp_path, "train/a.png")
    lines(tmp_path / "train", {"file_name": "a.png", "n": 1})
    assert rows(open_folder(tmp_path, request()))[0]["n"] == 1


def test_metadata_may_hold_lists_of_numbers(tmp_path: Path) -> None:
    """An embedding in `metadata.jsonl` is a column of lists; an image without one has null, and an empty list is one."""
    fill(tmp_path, "a.png", "b.png", "c.png")
    lines(tmp_path, {"file_name": "a.png", "e": [1, 0.5]}, {"file_name": "b.png", "e": []})
    source = open_folder(tmp_path, request())
    assert [row["e"] for row in rows(source)] == [[1.0, 0.5], [], None]
    assert source.schema.field("e").type == pa.list_(pa.float64())


def test_captions_beside_the_images(tmp_path: Path) -> None:
    """`a.txt` is the caption of `a.png` in the plan's text column; an image without one has null."""
    fill(tmp_path, "a.png", "b.jpg", "notes.txt")
    (tmp_path / "a.txt").write_text("\ufeffa red kite \n", encoding="utf-8")
    source = open_folder(tmp_path, request(text="caption"))
    assert [row["caption"] for row in rows(source)] == ["a red kite", None]
    assert rows(open_folder(tmp_path, request())) == [{"image": row["image"]} for row in rows(source)]
    (tmp_path / "a.txt").write_bytes(b"\xff")
    with pytest.raises(SourceError, match=r"caption cannot be read; where: a\.txt"):
        rows(source)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('{"file_name": "a.png"}\n{"file_name": "no.png"}', "not there; where: metadata.jsonl, line 2"),
        ('{"file_name": "../a.png"}', "not there; where: metadata.jsonl, line 1"),
        ('{"file_name": 5}', "not there; where: metadata.jsonl, line 1"),
        ('{"n": 5}', "not there; where: metadata.jsonl, line 1"),
        ('{"file_name": "a.png"}\n\n{"file_name": "a.png"}', "twice; where: metadata.jsonl, line 3"),
        ('{"file_name": "a.png", "n": 1, "n": 2}', "not JSON; where: metadata.jsonl, line 1; found: a member is there twice"),
        ('{"file_name": "a.png", "n": NaN}', "not JSON"),
        ('{"file_name": "a.png", "n": 1e999}', "not JSON"),
        ('["a.png"]', "expected: an object; found: list"),
        ("{", "not JSON; where: metadata.jsonl, line 1"),
        ("[" * 100_000, "not JSON"),
        (
            '{"file_name": "a.png", "n": 1}\n{"file_name": "b.png", "n": "one"}',
            "'n' of the metadata mixes types; where: metadata.jsonl, line 2",
        ),
        ('{"file_name": "a.png", "n": true}\n{"file_name": "b.png", "n": 1}', "mixes types"),
        ('{"file_name": "a.png", "n": ["one"]}', "found: a list with something else than numbers"),
        ('{"file_name": "a.png", "n": [1, null]}', "found: a list with something else than numbers"),
        ('{"file_name": "a.png", "n": [true]}', "found: a list with something else than numbers"),
        ('{"file_name": "a.png", "n": [[1]]}', "found: a list with something else than numbers"),
        ('{"file_name": "a.png", "n": [9007199254740993]}', "found: a list with something else than numbers"),
        ('{"file_name": "a.png", "n": {"one": 1}}', "found: dict"),
        ('{"file_name": "a.png", "n": [1]}\n{"file_name": "b.png", "n": 1}', "mixes types"),
        ('{"file_name": "a.png", "n": 9223372036854775808}', "cannot be kept"),
        ('{"file_name": "a.png", "n": "\\ud800"}', "cannot be kept"),
        ('{"file_name": "a.png", "": 1}', "no usable name"),
        ('{"file_name": "a.png", "image": 1}', "name of the image column"),
    ],
)
def test_metadata_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """Each fault is one sentence with the line."""
    fill(tmp_path, "a.png", "b.png")
    (tmp_path / JSONL).write_text(text)
    with pytest.raises(SourceError, match=words):
        open_folder(tmp_path, request())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"name,n\na.png,1\n", "needs a column file_name"),
        (b"file_name,n,n\na.png,1,2\n", "distinct columns"),
        (b"file_name,n\na.png,1,2\n", "other columns; where: metadata.csv, line 2"),
        (b'file_name,n\n"a.png"x,1\n', "not CSV"),
        (b"file_name,n\na.png,\xff\n", "not UTF-8"),
        (b"", "needs a column file_name"),
    ],
)
def test_csv_that_cannot_be_read_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    """Each fault is one sentence with the line."""
    fill(tmp_path, "a.png")
    (tmp_path / CSV).write_bytes(data)
    with pytest.raises(SourceError, match=words):
        open_folder(tmp_path, request())


def test_a_link_does_not_pass_a_key_off_as_a_picture_or_a_caption(tmp_path: Path) -> None:
    """What a link within the folder leads to must be of the kind that its name says."""
    fill(tmp_path, "a.png")
    (tmp_path / "notes.md").write_text("secret")
    (tmp_path / "b.png").symlink_to("notes.md")
    with pytest.raises(SourceError, match=r"no image file; where: b\.png"):
        open_folder(tmp_path, request())
    (tmp_path / "b.png").unlink()
    (tmp_path / "a.txt").symlink_to("notes.md")
    with pytest.raises(SourceError, match=r"a caption cannot be read; where: a\.txt"):
        rows(open_folder(tmp_path, request(text="caption")))


def test_two_places_for_one_thing_are_refused(tmp_path: Path) -> None:
    """Two metadata files, two images of one caption, captions in two places: nobody could tell which one holds."""
    fill(tmp_path, "a.png")
    (tmp_path / "a.txt").write_text("caption")
    lines(tmp_path, {"file_name": "a.png", "caption": "other"})
    with pytest.raises(SourceError, match="captions come from two places"):
        open_folder(tmp_path, request(text="caption"))
    (tmp_path / CSV).write_text("file_name\na.png\n")
    with pytest.raises(SourceError, match=r"more than one metadata file.*metadata\.csv, metadata\.jsonl"):
        open_folder(tmp_path, request())
    (tmp_path / CSV).unlink()
    (tmp_path / JSONL).unlink()
    fill(tmp_path, "a.jpg")
    with pytest.raises(SourceError, match=r"belongs to two images; where: a\.txt; found: a\.jpg and a\.png"):
        open_folder(tmp_path, request(text="caption"))


def test_files_of_unknown_kind_are_named(tmp_path: Path) -> None:
    """A file that might be an image under another name is not passed over."""
    fill(tmp_path, "a.png", "b.pngx", "c.zip", "d.mp4", "e.exe")
    with pytest.raises(SourceError, match=r"not images; .*b\.pngx, c\.zip, d\.mp4 and 1 more"):
        open_folder(tmp_path, request())


def test_links_out_of_the_folder_are_refused(tmp_path: Path) -> None:
    """A link to a file or folder elsewhere would publish what nobody put into the source; a link within it is an image."""
    folder = fill(tmp_path / "source", "a.png")
    fill(tmp_path / "private", "p.png")
    (folder / "b.png").symlink_to("a.png")
    assert len(rows(open_folder(folder, request()))) == 2
    (folder / "c.png").symlink_to(tmp_path / "private" / "p.png")
    with pytest.raises(SourceError, match=r"not in the folder; where: c\.png"):
        open_folder(folder, request())
    (folder / "c.png").unlink()
    (folder / "sub").symlink_to(tmp_path / "private")
    with pytest.raises(SourceError, match="is a symbolic link"):
        open_folder(folder, request())
    (folder / "sub").unlink()
    (folder / JSONL).symlink_to(tmp_path / "private" / "p.png")
    with pytest.raises(SourceError, match="metadata file is not in the folder"):
        open_folder(folder, request())


def test_what_happens_to_an_image_after_listing_is_the_rows_problem(tmp_path: Path) -> None:
    """Gone, too large, or turned into a link: the row stays, without bytes, and says why."""
    folder = fill(tmp_path / "source", "a.png", "b.png", "c.png", "d.png", "e.png")
    (folder / "b.png").write_bytes(bytes(1001))
    source = pickle.loads(pickle.dumps(open_folder(folder, request())))  # noqa: S301  (made by this test)
    (folder / "c.png").unlink()
    (folder / "d.png").unlink()
    (folder / "d.png").symlink_to("/etc/hostname")
    for batch_bytes in (1, 1 << 20):
        batches = list(source.read(source.units[0], batch_bytes=batch_bytes))
        problems = {batch.first + row: reason for batch in batches for row, reason in batch.problems.items()}
        assert problems == {1: "too-large", 2: "missing-file", 3: "bad-path"}
        assert [row["image"]["bytes"] for row in rows(source, batch_bytes)] == [b"a.png", None, None, None, b"e.png"]


def test_a_changed_folder_has_other_units(tmp_path: Path) -> None:
    """A build that goes on after an interruption must notice another image under an old name, or other metadata."""
    lines(fill(tmp_path, "a.png"), {"file_name": "a.png", "n": 1})
    first = open_folder(tmp_path, request()).units
    assert open_folder(tmp_path, request()).units == first
    lines(tmp_path, {"file_name": "a.png", "n": 2})
    second = open_folder(tmp_path, request()).units
    os.utime(tmp_path / "a.png", ns=(0, 1))
    assert len({first, second, open_folder(tmp_path, request()).units}) == 3


def test_empty_folders_and_names_that_no_manifest_can_carry_are_refused(tmp_path: Path) -> None:
    """No image, no image column, no such text column, a name with a line break or outside UTF-8: one clear sentence each."""
    with pytest.raises(SourceError, match="no rows"):
        open_folder(tmp_path, request())
    with pytest.raises(SourceError, match="not there"):
        open_folder(tmp_path / "nothing", request())
    fill(tmp_path, "a.png")
    with pytest.raises(SourceError, match="names no image column"):
        open_folder(tmp_path, request(image=None))
    with pytest.raises(SourceError, match="no column 'caption'"):
        open_folder(tmp_path, request(text="caption"))
    for name in ("line\nbreak.png", os.fsdecode(b"\xff.png"), "e\u0301.png"):
        (tmp_path / "a.png").rename(tmp_path / name)
        with pytest.raises(SourceError, match="name that others could not read") as caught:
            open_folder(tmp_path, request())
        assert "\n" not in str(caught.value)
        (tmp_path / name).rename(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl"])
def test_a_pipe_for_the_metadata_does_not_hold_the_build(tmp_path: Path, name: str) -> None:
    """Nobody will ever write into it."""
    fill(tmp_path, "a.png")
    os.mkfifo(tmp_path / name)
    with pytest.raises(SourceError, match="metadata file cannot be read"):
        open_folder(tmp_path, request())
