"""Exports: what trainers read is there, nothing in a row can name a file, and only what is proven is written."""

from __future__ import annotations

import errno
import hashlib
import json
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from made import PICTURE, Line, Made, Maker, picture, row, withdrawn

from audit_logs.errors import Problem, StoreError, VerificationError
from audit_logs.manifest import Roles
from release.cli import run
from release.consume import Exported, Wanted, export, open_release
from release.consume.content import extension
from release.consume.layouts import ImageFolder
from release.errors import UsageError

NAME = re.compile(r"[0-9a-f]{8}-[0-9]{9}\.(jpg|png|gif|webp|bmp|tif|txt|json)")
NASTY = "<b>one</b>\r\ntwo\x00three\u2028four {a|b} \U0001f600"


def exported(made: Made, out: Path, wanted: Wanted) -> Exported:
    """Verify and export."""
    return export(open_release(made.folder, made.trust, None), out, wanted)


def test_an_image_folder_is_what_datasets_reads(make: Maker, tmp_path: Path) -> None:
    """The stock reader finds every picture with its caption and columns, byte for byte, and takes the receipt for none of them."""
    from datasets import Image, load_dataset

    rows = [row(number, NASTY if number == 3 else None, width=number * 100, tags=["a", "b"][: number % 3]) for number in range(6)]
    made = make({"train": rows})
    exported(made, tmp_path / "out", Wanted("imagefolder"))
    loaded: Any = load_dataset("imagefolder", data_dir=str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    found = sorted(loaded.cast_column("image", Image(decode=False)), key=lambda one: one["width"])
    assert [Path(one["image"]["path"]).read_bytes() for one in found] == [one["image"]["bytes"] for one in rows]
    assert [(one["caption"], one["width"], one["tags"]) for one in found] == [(one["caption"], one["width"], one["tags"]) for one in rows]


def test_kohya_captions_are_one_line_beside_each_picture(make: Maker, tmp_path: Path) -> None:
    """The trainer reads the first line; it stops at an empty file; it reads no GIF; parts between underscores mean a face's place."""
    rows = [row(0), row(1, NASTY), row(2, ""), row(3, "\n\x00"), row(4, bytes=picture(4, "GIF"))]
    done = exported(make({"train": rows}), tmp_path / "out", Wanted("kohya"))
    texts = sorted((path.stem[-1], path.read_text(encoding="utf-8")) for path in (tmp_path / "out" / "train").glob("*.txt"))
    assert texts == [("0", "caption 0"), ("1", "<b>one</b> two three four {a|b} \U0001f600")]
    assert sorted(path.stem[-1] for path in (tmp_path / "out").rglob("*.png")) == ["0", "1", "2", "3"]
    assert sum(done.left_out.values()) == 1
    assert not [path for path in (tmp_path / "out").rglob("*") if "_" in path.name]


def test_kohya_metadata_has_each_caption_as_it_is(make: Maker, tmp_path: Path) -> None:
    """One object from stems to captions; a picture without a caption would stop the trainer, and is left out."""
    done = exported(make({"train": [row(0), row(1, NASTY), row(2, "")]}), tmp_path / "out", Wanted("kohya", captions="json"))
    metadata = json.loads((tmp_path / "out" / "train" / "metadata.json").read_bytes())
    assert [said["caption"] for said in metadata.values()] == ["caption 0", NASTY]
    assert sorted(metadata) == sorted(path.stem for path in (tmp_path / "out").rglob("*.png"))
    assert done.left_out == {"no caption, which metadata must have": 1}


def test_tars_are_the_same_bytes_each_time(make: Maker, tmp_path: Path) -> None:
    """Members are in the order of rows, each with picture, caption and columns; no time or owner enters."""
    made = make({"train": [row(0, NASTY, width=1), row(1, width=2)]})
    for out in ("one", "two"):
        exported(made, tmp_path / out, Wanted("webdataset"))
    one, two = (tmp_path / out / "train-00000.tar" for out in ("one", "two"))
    assert hashlib.sha256(one.read_bytes()).digest() == hashlib.sha256(two.read_bytes()).digest()
    with tarfile.open(one) as tar:
        names = tar.getnames()
        assert [name.partition(".")[2] for name in names] == ["png", "txt", "json"] * 2
        assert tar.extractfile(names[1]).read().decode() == NASTY  # type: ignore[union-attr]
        assert {(member.mtime, member.uid, member.uname) for member in tar} == {(0, 0, "")}


def test_a_tar_ends_where_it_is_full(make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows there are, each tar stays near its size."""
    monkeypatch.setattr("release.consume.layouts.TAR_BYTES", 1)
    exported(make({"train": [row(number) for number in range(3)]}), tmp_path / "out", Wanted("webdataset"))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.tar")) == [f"train-{number:05d}.tar" for number in range(3)]


def test_rows_without_pictures_are_lines(make: Maker, tmp_path: Path) -> None:
    """A release of links and texts; line ends of any kind stay within their line."""
    columns = {"caption": pa.string(), "url": pa.string(), "score": pa.float32()}
    rows = [
        {"caption": NASTY, "url": "https://example.org/1", "score": 0.1},
        {"caption": None, "url": "https://example.org/2", "score": None},
    ]
    made = make({"train": rows}, Line(columns=columns, roles=Roles(None, "caption", "url", {})))
    exported(made, tmp_path / "out", Wanted("jsonl"))
    lines = (tmp_path / "out" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["caption"] for line in lines] == [NASTY, None]
    with pytest.raises(UsageError, match="no pictures"):
        exported(made, tmp_path / "more", Wanted("kohya"))


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        (("width >= 300",), [3, 4, 5]),
        (("width > 1.5e2", "width != 400"), [2, 3, 5]),
        (('kind == "b"',), [1, 3, 5]),
        (("kind == a",), [0, 2, 4]),
        (("good == true",), [4, 5]),
    ],
)
def test_conditions_choose_rows(make: Maker, tmp_path: Path, where: tuple[str, ...], kept: list[int]) -> None:
    """Numbers, texts and booleans are compared with their column; all conditions have to hold; a null meets none."""
    rows = [row(number, width=number * 100, kind="ab"[number % 2], good=True if number > 3 else None) for number in range(6)]
    rows[0]["good"] = False
    made = make({"train": rows})
    exported(made, tmp_path / "out", Wanted("imagefolder", where=where, columns=("image", "width")))
    lines = (tmp_path / "out" / "train" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["width"] // 100 for line in lines] == kept
    assert [sorted(json.loads(line)) for line in lines] == [["file_name", "width"]] * len(kept)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("imagefolder", where=("width",)), "this is no condition"),
        (Wanted("imagefolder", where=("height > 3",)), "names no column"),
        (Wanted("imagefolder", where=("width > tall",)), "cannot be compared"),
        (Wanted("imagefolder", where=("image == 1",)), "cannot be compared"),
        (Wanted("imagefolder", where=("width > 99999999999999999999",)), "out of its column's range"),
        (Wanted("imagefolder", where=("width > 9999",)), "no row is left"),
        (Wanted("imagefolder", columns=("height",)), "no such column"),
        (Wanted("imagefolder", columns=("day",)), "no exact form in JSON"),
        (Wanted("imagefolder", columns=("file_name",)), "names of files"),
        (Wanted("imagefolder", columns=("ratio",)), "JSON does not have"),
        (Wanted("jsonl", columns=("image",)), "no column is left"),
        (Wanted("kohya", captions="json", columns=("image",)), "metadata needs captions"),
        (Wanted("kohya", split="test"), "no such split"),
    ],
)
def test_a_wrong_wish_is_one_sentence_and_leaves_nothing(make: Maker, tmp_path: Path, wanted: Wanted, said: str) -> None:
    """What cannot be exported is said before anything is visible, and nothing stays."""
    day = pa.scalar(0, pa.date32()).as_py()
    made = make({"train": [row(0, width=1, day=day, file_name="/etc/hostname", ratio=float("nan"))]})
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UsageError, match=said):
        exported(made, tmp_path / "out", wanted)
    assert sorted(tmp_path.iterdir()) == before


def test_columns_that_do_not_fit_are_left_out_and_named(make: Maker, tmp_path: Path) -> None:
    """A date has no form in JSON; a column of file names would be opened by the reader."""
    made = make({"train": [row(0, width=1, day=pa.scalar(0, pa.date32()).as_py(), mask_file_name="/etc/hostname")]})
    done = exported(made, tmp_path / "out", Wanted("imagefolder"))
    assert done.columns_left_out == ("day", "mask_file_name")
    assert b"hostname" not in (tmp_path / "out" / "train" / "metadata.jsonl").read_bytes()


@pytest.mark.parametrize("layout", ["imagefolder", "kohya", "webdataset"])
def test_nothing_in_a_row_names_a_file(make: Maker, tmp_path: Path, layout: str) -> None:
    """Paths that leave the folder, device names, names that look alike: files are named by the release and their place in it."""
    paths = ["../../evil.png", "C:\\con.png", "nul", "a:b|c?.png", "p\u0430ypal.png", "paypal.png", "x" * 300, "\x00", ""]
    paths += ["e\u0301.png", "\u00e9.png", "a.png", "A.PNG", "\uff21.png", "trailing. ", "dot.", "LPT1.txt", '*<>".jpg', "\u202egnp.exe"]
    made = make({"train": [row(number, path=path) for number, path in enumerate(paths)]})
    exported(made, tmp_path / "out", Wanted(layout))
    names = [path.name for path in (tmp_path / "out" / "train").glob("*")]
    for path in (tmp_path / "out").glob("*.tar"):
        with tarfile.open(path) as tar:
            names += tar.getnames()
    assert len({name.lower() for name in names}) == len(names) >= len(paths)
    assert all(NAME.fullmatch(name) or name in ("metadata.jsonl", "metadata.json") for name in names)


def test_a_split_called_like_a_device_is_exported(make: Maker, tmp_path: Path) -> None:
    """Windows would not make a folder of that name."""
    exported(make({"con": [row(0)], "train": [row(1)]}), tmp_path / "out", Wanted("kohya"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_dir()) == ["con-", "train"]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_an_extension_is_told_by_content(form: str) -> None:
    """What a picture is called in the source is never asked."""
    names = {"JPEG": "jpg", "TIFF": "tif"}
    assert extension(picture(1, form)) == names.get(form, form.lower())
    assert extension(b"MZ" + picture(1, form)) == extension(b"") == "bin"


def test_what_is_there_is_never_overwritten(make: Maker, tmp_path: Path) -> None:
    """A folder, a file, even a link to nowhere: the name is taken."""
    made = make({"train": [row(0)]})
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("folder", "file", "link"):
        with pytest.raises(UsageError, match="something here already"):
            exported(made, tmp_path / name, Wanted("kohya"))
    assert (tmp_path / "file").read_text() == "mine"
    assert list((tmp_path / "folder").iterdir()) == []


def test_an_export_never_lies_inside_the_release(make: Maker) -> None:
    """It would make the release fail."""
    made = make({"train": [row(0)]})
    with pytest.raises(UsageError, match="inside the release"):
        exported(made, made.folder / "out", Wanted("kohya"))


def test_a_full_disk_leaves_nothing(make: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is one sentence, and the hidden folder is gone."""
    made = make({"train": [row(0)]})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(ImageFolder, "add", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(StoreError, match="No space left"):
        exported(made, tmp_path / "out", Wanted("imagefolder"))
    assert sorted(tmp_path.iterdir()) == before


def test_what_a_killed_run_left_is_no_part_of_the_next(make: Maker, tmp_path: Path) -> None:
    """The hidden folder is made anew."""
    (tmp_path / ".out.exporting" / "train").mkdir(parents=True)
    (tmp_path / ".out.exporting" / "train" / "own.png").write_bytes(picture(9))
    exported(make({"train": [row(0)]}), tmp_path / "out", Wanted("kohya"))
    assert len(list((tmp_path / "out").rglob("*.png"))) == 1
    assert not list(tmp_path.glob(".out*"))


def test_only_a_verified_release_is_exported(make: Maker, tmp_path: Path) -> None:
    """A flipped bit, or a data file swapped after the verdict: nothing is written."""
    made = make({"train": [row(number) for number in range(9)]})
    opened = open_release(made.folder, made.trust, None)
    path = made.folder / "data" / "train-00000-of-00001.parquet"
    data = bytearray(path.read_bytes())
    data[data.index(picture(5)) + 40] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(VerificationError) as caught:
        open_release(made.folder, made.trust, None)
    assert caught.value.code == "file-digest"
    with pytest.raises(VerificationError) as caught:
        export(opened, tmp_path / "out", Wanted("kohya"))
    assert caught.value.code == "row-root"
    assert not (tmp_path / "out").exists()


def test_the_command_ends_as_the_verdict_says(make: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Withdrawn 4, stale 3, incomplete 5, failed 1, as for every command that verifies; in words with what to do, and nothing is written."""

    def refused(made: Made) -> tuple[int, str, str]:
        words = ["export", str(made.folder), "--as", "kohya", "--out", str(tmp_path / "out"), "--trust", str(made.trust)]
        code = run([*words, "--format", "json"])
        verdict = json.loads(capsys.readouterr().out)["verdict"]
        assert run(words) == code
        assert not (tmp_path / "out").exists()
        return code, verdict, capsys.readouterr().out

    made = make({"train": [row(0), row(1)]})
    withdrawn(made)
    code, verdict, text = refused(made)
    assert (code, verdict) == (4, "withdrawn")
    assert "The reason that the institution gives" in text
    assert "Do not train on it" in text
    other = make({"train": [row(0)]}, place="other")
    (other.folder / "README.md").write_text("x")
    assert refused(other)[:2] == (1, "failed")
    stale = make({"train": [row(0)]}, place="stale")
    stale.world.cosigners = dict.fromkeys(stale.world.cosigners, 1_600_000_000)
    stale.world.write_log()
    stale.world.write_to(stale.folder)
    assert refused(stale)[:2] == (3, "stale")
    unreleased = make({"train": [row(0)]}, place="unreleased")
    unreleased.world.entries.pop()
    unreleased.world.write_log()
    shutil.rmtree(unreleased.folder / "log")
    unreleased.world.write_to(unreleased.folder)
    assert refused(unreleased)[:2] == (5, "incomplete")


def test_the_command_says_what_it_wrote(make: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One JSON object with the receipt's place; an age that is none is a wrong call."""
    made = make({"train": [row(0), row(1)]})
    options = ["--as", "webdataset", "--trust", str(made.trust)]
    assert run(["export", str(made.folder), "--out", str(tmp_path / "out"), *options, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["rows"] == 2
    assert Path(said["receipt"]).is_file()
    assert run(["export", str(made.folder), "--out", str(tmp_path / "out"), *options, "--allow-stale", "old"]) == 2
    assert run(["export", str(made.folder), "--out", str(tmp_path / "out"), *options]) == 2


def test_pictures_with_null_are_left_out(make: Maker, tmp_path: Path) -> None:
    """A plain column of bytes may hold none."""
    columns = {"photo": pa.binary(), "text": pa.string()}
    rows = [{"photo": picture(0), "text": "a"}, {"photo": None, "text": "b"}, {"photo": b"no picture", "text": "c"}]
    made = make({"train": rows}, Line(columns=columns, roles=Roles("photo", "text", None, {})))
    done = exported(made, tmp_path / "out", Wanted("imagefolder"))
    assert done.rows == 1
    assert sorted(done.left_out.values()) == [1, 1]


def test_a_stale_release_needs_to_be_accepted(make: Maker) -> None:
    """The rules are those of `release.load`."""
    made = make({"train": [row(0)]})
    made.world.cosigners = dict.fromkeys(made.world.cosigners, 1_772_366_400)
    made.world.write_log()
    made.world.write_to(made.folder)
    with pytest.raises(Problem, match="stale"):
        open_release(made.folder, made.trust, None)


def test_pictures_are_read_from_memory_that_was_proven() -> None:
    """A sliced struct gives the right bytes."""
    from release.consume.proven import _pictures

    array = pa.array([{"bytes": bytes([number]) * number, "path": None} for number in range(6)], PICTURE)
    assert [bytes(found) for found in _pictures(array.slice(2, 3)) if found is not None] == [b"\2\2", b"\3\3\3", b"\4\4\4\4"]
