"""Receipts: a folder of vetted rows is proven whatever its files are called, and everything else in it is named."""

from __future__ import annotations

import base64
import json
import random
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from made import PICTURE, Line, Made, Maker, picture, row

from audit_logs import canonical, merkle, seen
from audit_logs.errors import FormatError, Problem, TrustError, VerificationError
from audit_logs.manifest import Roles
from audit_logs.statement import Opinion, Release, about_manifest
from release import rows as row_rules
from release.cli import run
from release.consume import Wanted, export, multiproof, open_release, receipts
from release.consume.columns import image_digest, is_exportable, line_form, text_digest, value_digest
from release.consume.vetting import Checked, check
from release.values import type_text

ROWS = [row(number, "two\nlines" if number == 2 else None, width=number) for number in range(11)]


class Export:
    """An export and its receipt."""

    def __init__(self, made: Made, folder: Path, wanted: Wanted) -> None:
        self.made, self.folder = made, folder
        self.receipt = export(open_release(made.folder, made.trust, None), folder, wanted).receipt

    def check(self, *trust: Path, now: datetime | None = None) -> Checked:
        """Check the folder as it is now."""
        now = now or datetime.now(UTC)
        return check(self.receipt, self.folder, [path.read_bytes() for path in trust or (self.made.trust,)], now=now)

    def named(self) -> dict[str, str]:
        """Return what is unscreened, file names cut to what a test knows."""
        return {one.path.removeprefix("train/"): one.reason for one in self.check().unscreened}

    def of(self, pattern: str) -> list[Path]:
        """Return files of the export, sorted."""
        return sorted(self.folder.rglob(pattern))

    def bend(self, change: Callable[[Any], Any], *, whole: bool = False) -> None:
        """Change the receipt, in its legal form."""
        value = json.loads(self.receipt.read_bytes())
        change(value)
        self.receipt.write_bytes(canonical.encode(value) + (b"\n" if whole else b""))


@pytest.fixture(params=["imagefolder", "kohya", "kohya-json", "webdataset"])
def any_export(make: Maker, tmp_path: Path, request: pytest.FixtureRequest) -> Export:
    """Return an export in each layout with pictures."""
    layout, _, captions = request.param.partition("-")
    return Export(make({"train": ROWS}), tmp_path / "out", Wanted(layout, captions or "txt", where=("width >= 2",)))


@pytest.fixture
def kohya(make: Maker, tmp_path: Path) -> Export:
    """Return an export with caption files."""
    return Export(make({"train": ROWS}), tmp_path / "out", Wanted("kohya"))


def test_an_export_is_vetted_rows_only(any_export: Export) -> None:
    """In every layout each row is recomputed and proven; the release is not looked at."""
    shutil.rmtree(any_export.made.folder)
    found = any_export.check()
    assert (found.verdict, found.vetted, found.unscreened, found.exit_code) == ("verified", 9, (), 0)
    (source,) = found.sources
    assert (source.release, source.version, source.rows) == ("example/street-scenes", "1.0.0", 9)


def test_a_receipt_survives_copying_renaming_and_reordering(kohya: Export, tmp_path: Path) -> None:
    """A row is known by what it is: files move to other folders and names, a caption with its picture; some are deleted."""
    other = tmp_path / "elsewhere"
    for number, path in enumerate(reversed(kohya.of("*.png"))):
        folder = other / f"part {number % 3}"
        folder.mkdir(parents=True, exist_ok=True)
        if number != 4:
            shutil.copy(path, folder / f"my picture {number}.jpeg")
            shutil.copy(path.with_suffix(".txt"), folder / f"my picture {number}.txt")
    found = check(kohya.receipt, other, [kohya.made.trust.read_bytes()], now=datetime.now(UTC))
    assert (found.verdict, found.vetted) == ("verified", 10)


def test_lines_of_metadata_may_change_places(make: Maker, tmp_path: Path) -> None:
    """Order means nothing; a line whose picture is gone is named, for it might lead anywhere."""
    done = Export(make({"train": ROWS}), tmp_path / "out", Wanted("imagefolder"))
    (metadata,) = done.of("metadata.jsonl")
    lines = metadata.read_bytes().splitlines(keepends=True)
    metadata.write_bytes(b"".join(reversed(lines)))
    assert done.check().verdict == "verified"
    done.of("*.png")[0].unlink()
    assert done.named() == {"metadata.jsonl: line 11": "it speaks of no picture here"}


def test_own_pictures_are_counted_and_named(kohya: Export) -> None:
    """N vetted + m unscreened: whatever lies there and is not a row, be it a picture, a cache of the trainer's, or an empty file."""
    (kohya.folder / "train" / "own.png").write_bytes(picture(200))
    (kohya.folder / "train" / "own.txt").write_text("mine")
    (kohya.folder / "train" / "cache.npz").write_bytes(b"latents")
    (kohya.folder / "train" / "metadata_cache.json").write_text('{"a": 1}')
    (kohya.folder / "train" / "empty").touch()
    (kohya.folder / "link.png").symlink_to(kohya.of("*.png")[0])
    found = kohya.check()
    assert (found.verdict, found.exit_code, found.vetted) == ("incomplete", 5, 11)
    assert sorted(kohya.named()) == ["cache.npz", "empty", "link.png", "metadata_cache.json", "own.png"]


def _swap(export: Export) -> None:
    one, other, *_ = export.of("*.txt")
    text = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(text)


CHANGES: dict[str, tuple[Callable[[Export], Any], int]] = {
    "another caption": (lambda e: e.of("*.txt")[0].write_text("other"), 1),
    "captions swapped": (_swap, 2),
    "a caption that is no text": (lambda e: e.of("*.txt")[0].write_bytes(b"\xff"), 1),
    "a caption without its picture": (lambda e: e.of("*.png")[0].unlink(), 1),
    "a picture with one bit flipped": (lambda e: e.of("*.png")[0].write_bytes(e.of("*.png")[0].read_bytes()[:-1] + b"!"), 1),
    "a picture with a byte more": (lambda e: e.of("*.png")[0].write_bytes(e.of("*.png")[0].read_bytes() + b"!"), 1),
    "values of a column that was not exported": (lambda e: e.of("*.png")[0].with_suffix(".json").write_text('{"width": 0}'), 1),
    "a picture read as a caption": (lambda e: e.of("*.png")[0].rename(e.folder / "train" / "x.txt"), 2),
    "a caption said twice": (lambda e: e.of("*.png")[0].with_suffix(".json").write_text('{"caption": "a", "caption": "b"}'), 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_is_said_of_a_picture_has_to_be_its_rows(kohya: Export, change: str) -> None:
    """A pair of picture and caption is a row, or it is unscreened."""
    bend, named = CHANGES[change]
    bend(kohya)
    found = kohya.check()
    assert (found.verdict, len(found.unscreened)) == ("incomplete", named)


def test_a_line_that_says_more_than_its_row_is_named(make: Maker, tmp_path: Path) -> None:
    """Another value, another kind of number, a column more, a path out of the folder."""
    for number, (before, after) in enumerate(
        [
            (b'"width": 3', b'"width": 4'),
            (b'"width": 3', b'"width": 3.0'),
            (b'"width": 3', b'"width": 3, "more": 1'),
            (b'"caption 3"', b'"x"'),
        ]
    ):
        done = Export(make({"train": ROWS}, place=f"r{number}"), tmp_path / f"out{number}", Wanted("imagefolder"))
        (metadata,) = done.of("metadata.jsonl")
        metadata.write_bytes(metadata.read_bytes().replace(before, after))
        assert len(done.check().unscreened) == 1
        metadata.write_bytes(metadata.read_bytes() + b'{"file_name": "../../etc/own.png"}\n')
        assert len(done.check().unscreened) == 2


def _tar_more(tar: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("own.png")
    tar.addfile(member)


def test_a_tar_is_looked_through_to_its_end(make: Maker, tmp_path: Path) -> None:
    """A member more, a member twice, bytes behind the end, a tar that is none."""
    done = Export(make({"train": ROWS}), tmp_path / "out", Wanted("webdataset"))
    (path,) = done.of("*.tar")
    good = path.read_bytes()
    with tarfile.open(path, "a") as tar:
        _tar_more(tar)
    assert list(done.named()) == ["train-00000.tar!own.png"]
    path.write_bytes(good)
    with tarfile.open(path) as tar:
        name = tar.getnames()[0]
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo(name))
    assert f"train-00000.tar!{name}" in done.named()
    path.write_bytes(good + good)
    assert done.named() == {"train-00000.tar": "there are bytes behind its end"}
    path.write_bytes(b"no tar")
    assert done.check().vetted == 0


def test_lines_without_pictures_are_rows(make: Maker, tmp_path: Path) -> None:
    """Each line has exactly the exported columns of one row; another one is named."""
    columns = {"caption": pa.string(), "url": pa.string(), "score": pa.float32(), "box": pa.list_(pa.struct([("x,y", pa.int32())]))}
    values = [{"caption": f"c{number}", "url": None, "score": number / 3, "box": [{"x,y": number}, None]} for number in range(7)]
    made = make({"train": values}, Line(columns=columns, roles=Roles(None, "caption", "url", {})))
    done = Export(made, tmp_path / "out", Wanted("jsonl"))
    assert (done.check().verdict, done.check().vetted) == ("verified", 7)
    (path,) = done.of("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.rename(path.with_name("renamed.jsonl")).write_bytes(
        b"".join(lines[::-1]) + lines[0].replace(b"c0", b"c1") + b'{"caption": "c1"}\n'
    )
    assert list(done.named()) == ["renamed.jsonl: line 8", "renamed.jsonl: line 9"]


FORGERIES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "another picture": (lambda r: r["rows"][0]["image"].update(sha256="0" * 64), "receipt-proof"),
    "another length": (lambda r: r["rows"][0]["image"].update(bytes=1), "receipt-proof"),
    "another path": (lambda r: r["rows"][0]["image"].update(path="else.png"), "receipt-proof"),
    "another column digest": (lambda r: r["rows"][1].update(columns=["0" * 64] * 2), "receipt-proof"),
    "a row in another place": (lambda r: r["rows"][0].update(row=0), "receipt-proof"),
    "a row less": (lambda r: r["rows"].pop(), "receipt-proof"),
    "a hash less": (lambda r: r["proof"].pop(), "receipt-proof"),
    "a hash more": (lambda r: r["proof"].append(base64.b64encode(bytes(32)).decode()), "receipt-proof"),
    "a hash of another size": (lambda r: r["proof"].append(base64.b64encode(bytes(31)).decode()), "receipt"),
    "rows in another order": (lambda r: r["rows"].reverse(), "receipt"),
    "no rows": (lambda r: r.update(rows=[]), "receipt"),
    "a row beyond its shard": (lambda r: r["rows"][-1].update(row=11), "receipt"),
    "a shard that is not there": (lambda r: r["rows"][-1].update(shard=1), "receipt"),
    "a member more": (lambda r: r.update(more=1), "receipt"),
    "another type": (lambda r: r.update(_type="x"), "receipt"),
    "a layout that is none": (lambda r: r.update(layout="zip"), "receipt"),
    "a row without its picture": (lambda r: r["rows"][0].update(image=None), "receipt"),
    "columns in another order": (lambda r: r["columns"].reverse(), "receipt"),
    "a column that is not there": (lambda r: r["columns"].append("more"), "receipt"),
    "no picture column": (lambda r: r["columns"].pop(0), "receipt"),
    "a text that is not the row's": (lambda r: r["rows"][1].update(text="a\nb"), "receipt"),
    "no entries": (lambda r: r.update(entries=[]), "receipt"),
    "a manifest that is none": (lambda r: r["manifest"].pop("root"), "manifest"),
}


@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_receipt_is_refused(make: Maker, tmp_path: Path, forgery: str) -> None:
    """Whatever is changed in a receipt, in its legal form, proves nothing."""
    done = Export(make({"train": ROWS}), tmp_path / "out", Wanted("kohya", where=("width >= 2",)))
    bend, code = FORGERIES[forgery]
    done.bend(bend)
    with pytest.raises(Problem) as caught:
        done.check()
    assert caught.value.code == code


def test_a_receipt_in_another_byte_form_is_refused(kohya: Export) -> None:
    """One document, one spelling."""
    kohya.bend(lambda _: None, whole=True)
    with pytest.raises(FormatError) as caught:
        kohya.check()
    assert caught.value.code == "receipt"


RECORDS: dict[str, tuple[Callable[[Any], Any], str, str]] = {
    "another manifest": (lambda r: r["manifest"].update(license="mit"), "incomplete", "no-candidate"),
    "another root": (lambda r: r["manifest"].update(root="0" * 64), "failed", "manifest-roots"),
    "an entry less": (lambda r: r["entries"].pop(), "failed", "log-files"),
    "an entry that is another": (lambda r: r["entries"].reverse(), "failed", "log-root"),
    "a checkpoint without witnesses": (
        lambda r: r.update(checkpoint="\n".join(r["checkpoint"].split("\n")[:5]) + "\n"),
        "incomplete",
        "opinions-missing",
    ),
    "a checkpoint that is none": (lambda r: r.update(checkpoint="x"), "failed", "checkpoint-form"),
}


@pytest.mark.parametrize("change", RECORDS)
def test_a_receipt_is_believed_for_its_log_alone(kohya: Export, change: str) -> None:
    """Manifest, entries and checkpoint are held against the trust file that the reader pinned."""
    bend, verdict, code = RECORDS[change]
    kohya.bend(bend)
    found = kohya.check()
    assert (found.verdict, found.vetted) == (verdict, 0)
    assert code in [failure.code for failure in found.failures]


def test_a_release_that_never_was_one_gives_no_receipt_that_holds(kohya: Export) -> None:
    """A receipt whose log ends before the release statement, cosigned all the same, is incomplete; with a withdrawal it is withdrawn."""
    world = kohya.made.world
    entries = list(world.entries)
    for kind, verdict, code in (("cut", "incomplete", 5), ("withdrawn", "withdrawn", 4)):
        world.entries = list(entries)
        if kind == "cut":
            world.entries.pop()
        else:
            world.withdraw("release", about_manifest(world.manifest.digest), "publish")
        world.write_log()
        record = {
            "checkpoint": world.files["log/checkpoint"].decode(),
            "entries": [base64.b64encode(entry).decode() for entry in world.entries],
        }
        kohya.bend(lambda receipt, record=record: receipt.update(record))
        found = kohya.check()
        assert (found.verdict, found.exit_code) == (verdict, code)
    assert {Opinion, Release} <= set(world.last)


def test_an_old_receipt_still_holds_and_an_expired_trust_file_does_not(kohya: Export) -> None:
    """Its age is told, and is no failure: what came later it cannot know."""
    now = datetime.now(UTC)
    found = kohya.check(now=now.replace(year=now.year + 1))
    assert found.verdict == "verified"
    assert found.sources[0].confirmed is not None
    assert abs(found.sources[0].confirmed - now.timestamp()) < 600
    assert kohya.check(now=now.replace(year=2031)).failures[0].code == "trust-expired"


def test_a_receipt_of_another_line_is_said_so(kohya: Export, tmp_path: Path) -> None:
    """The trust file has to be that of the receipt's line."""
    value = json.loads(kohya.made.trust.read_bytes())
    value["name"] = "example/other"
    other = tmp_path / "other.json"
    other.write_bytes(canonical.encode(value))
    with pytest.raises(TrustError, match="another line"):
        kohya.check(other)
    assert kohya.check(other, kohya.made.trust).verdict == "verified"


def _side(make: Maker, tmp_path: Path, side: Any, first: int) -> Export:
    rows = [row(first + number) for number in range(3)]
    return Export(make({"train": rows}, Line(side=side), place=f"r{side}"), tmp_path / f"out-{side}", Wanted("kohya"))


def test_exports_of_opposite_sides_are_not_mixed(make: Maker, tmp_path: Path) -> None:
    """Depictions of minors from one release and adult content from another must not be trained on together."""
    minors, adults, neither = (_side(make, tmp_path, side, number * 10) for number, side in enumerate(("minors", "adults", "none")))
    both = tmp_path / "both"
    for done in (minors, neither):
        shutil.copytree(done.folder, both, dirs_exist_ok=True)
    trust = [minors.made.trust.read_bytes()]
    shutil.copytree(adults.folder, both, dirs_exist_ok=True)
    with pytest.raises(VerificationError) as caught:
        check(minors.receipt, both, trust, now=datetime.now(UTC))
    assert caught.value.code == "receipt-mixed"
    value = json.loads(adults.receipt.read_bytes())
    value["entries"].pop()  # also where the one beside it proves nothing
    (both / adults.receipt.name).write_bytes(canonical.encode(value))
    with pytest.raises(VerificationError) as caught:
        check(minors.receipt, both, trust, now=datetime.now(UTC))
    assert caught.value.code == "receipt-mixed"
    (both / adults.receipt.name).unlink()
    assert len(check(minors.receipt, both, trust, now=datetime.now(UTC)).unscreened) == 3


@pytest.mark.parametrize("below", ["more", "deep/er/more"])
def test_nothing_is_exported_below_an_export_of_the_opposite_side(make: Maker, tmp_path: Path, below: str) -> None:
    """Whoever trains on the folder above would train on both; the same side, none, and a receipt that is none are no reason."""
    minors, adults, neither = (_side(make, tmp_path, side, number * 10) for number, side in enumerate(("minors", "adults", "none")))
    (neither.folder / "x.receipt.json").write_bytes(b"{}")
    with pytest.raises(VerificationError) as caught:
        Export(adults.made, minors.folder / below, Wanted("kohya"))
    assert caught.value.code == "receipt-mixed"
    assert not (minors.folder / below).exists()
    for done in (minors, neither):
        Export(minors.made, done.folder / below, Wanted("kohya"))


def test_what_was_seen_of_the_log_is_held_against_a_receipt(make: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A log that went on is told with the number of its entries, one that is another fails; a trust file that was replaced does not come back."""
    made = make({"train": ROWS})
    done = Export(made, tmp_path / "out", Wanted("kohya"))
    words = ["receipt", "check", str(done.receipt), str(done.folder), "--trust", str(made.trust)]
    memory = made.trust.with_suffix(".seen.json")
    assert run(["verify", str(made.folder), "--trust", str(made.trust), "--format", "quiet"]) == 0
    then = seen.parse(memory.read_bytes())
    assert run(words) == 0
    assert "more entries" not in capsys.readouterr().out
    memory.write_bytes(seen.encode(replace(then, size=then.size + 2, root="0" * 64)))
    assert run(words) == 0
    assert "has 2 more entries, of which the receipt knows nothing" in capsys.readouterr().out
    memory.write_bytes(seen.encode(replace(then, root="0" * 64)))
    assert run([*words, "--format", "json"]) == 1
    assert [failure["code"] for failure in json.loads(capsys.readouterr().out)["failures"]] == ["log-fork"]
    trust = replace(then.trust, version=then.trust.version + 1) if then.trust else None
    memory.write_bytes(seen.encode(replace(then, trust=trust)))
    assert run([*words, "--format", "json"]) == 1
    assert [failure["code"] for failure in json.loads(capsys.readouterr().out)["failures"]] == ["trust-rollback"]


def test_exports_of_one_release_may_be_put_together(make: Maker, tmp_path: Path) -> None:
    """Their names never collide, and each receipt proves its own rows; a broken one proves nothing and is named."""
    made = make({"train": ROWS})
    one = Export(made, tmp_path / "one", Wanted("kohya", where=("width < 4",)))
    other = Export(made, tmp_path / "other", Wanted("imagefolder", where=("width >= 4",)))
    shutil.copytree(other.folder, one.folder, dirs_exist_ok=True)
    found = one.check()
    assert (found.verdict, found.vetted, len(found.sources)) == ("verified", 11, 2)
    copy = one.folder / other.receipt.name
    copy.write_bytes(b"{}")
    assert len(one.check().unscreened) == 1 + 7
    assert one.named()[copy.name].startswith("a receipt that proves nothing")


def test_the_command_counts_names_and_says_what_it_does_not_know(kohya: Export, capsys: pytest.CaptureFixture[str]) -> None:
    """N vetted + m unscreened, the m by name; that a later withdrawal is not seen."""
    words = ["receipt", "check", str(kohya.receipt), str(kohya.folder), "--trust", str(kohya.made.trust)]
    assert run(words) == 0
    assert "withdrawn since" in capsys.readouterr().out
    for number in range(23):
        (kohya.folder / f"own{number:02d}\x1b.png").write_bytes(picture(100 + number))
    assert run(words) == 5
    said = capsys.readouterr().out
    assert "11 vetted + 23 unscreened." in said
    assert "own19" in said
    assert "and 3 more" in said
    assert "\x1b" not in said
    assert run([*words, "--format", "json"]) == 5
    assert len(json.loads(capsys.readouterr().out)["unscreened"]) == 23


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 13, 16, 33])
def test_a_multiproof_gives_the_root_and_nothing_else_does(size: int) -> None:
    """For any rows of a group the proof leads to its root; another leaf, or a hash less, does not."""
    chance = random.Random(size)  # noqa: S311 - no secret: a draw that every run repeats
    leaves = [merkle.leaf_hash(bytes([number])) for number in range(size)]
    for count in {1, (size + 1) // 2, size}:
        wanted = sorted(chance.sample(range(size), count))
        proof = multiproof.make(leaves, wanted)
        given = {position: leaves[position] for position in wanted}
        rest = iter(proof)
        assert multiproof.root(size, given, rest) == merkle.root(leaves)
        assert next(rest, None) is None
        assert multiproof.root(size, given | {wanted[0]: bytes(32)}, iter(proof)) != merkle.root(leaves)
        if proof:
            with pytest.raises(VerificationError):
                multiproof.root(size, given, iter(proof[:-1]))


VALUES: dict[str, tuple[pa.DataType, list[Any]]] = {
    "bool": (pa.bool_(), [True, False, None]),
    "int": (pa.int8(), [-128, 127, 0]),
    "uint": (pa.uint64(), [0, 2**64 - 1]),
    "float32": (pa.float32(), [0.5, -0.0, 0.10000000149011612]),
    "float64": (pa.float64(), [0.1, 1e300]),
    "string": (pa.string(), ["", "é\0", None]),
    "list": (pa.list_(pa.list_(pa.int16())), [[], [[1, None], None], None]),
    "struct": (
        pa.struct([("a,b:<c>\\", pa.list_(pa.string())), ("d", pa.struct([("e", pa.int32())]))]),
        [{"a,b:<c>\\": ["x"], "d": {"e": 1}}],
    ),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_from_json_have_the_digests_of_their_column(name: str) -> None:
    """What an export writes comes back as the column digest of the row."""
    kind, values = VALUES[name]
    assert is_exportable(kind)
    array = pa.array(values, kind)
    back = json.loads(json.dumps(array.to_pylist()))
    assert [value_digest("c", type_text(kind), value) for value in back] == list(row_rules.column_digests("c", array))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int8", 128),
        ("int8", 1.0),
        ("int64", True),
        ("uint8", -1),
        ("float32", 0.1),
        ("float64", 1),
        ("string", 1),
        ("bool", 1),
        ("bool", "true"),
        ("list<int8>", {}),
        ("list<int8>", [1, "a"]),
        ("struct<a:int8>", {"b": 1}),
        ("struct<a:int8>", []),
        ("binary", "00"),
        ("date32", 1),
    ],
)
def test_values_of_another_type_have_no_digest(kind: str, value: Any) -> None:
    """Numbers are not converted: what is not the row's value is another."""
    assert value_digest("c", kind, value) is None


@pytest.mark.parametrize(
    "kind", [pa.binary(), pa.struct([("bytes", pa.binary())]), PICTURE, pa.struct([("path", pa.string()), ("bytes", pa.binary())])]
)
def test_a_picture_has_the_digest_of_its_column(kind: pa.DataType) -> None:
    """Length, SHA-256 and path give it, in each form that an image column may have."""
    import hashlib

    value: Any = {"bytes": b"abc", "path": "x"} if pa.types.is_struct(kind) else b"abc"
    path = "x" if pa.types.is_struct(kind) and kind.num_fields == 2 else None
    array = pa.array([{name: value[name] for name in value if kind.get_field_index(name) >= 0} if isinstance(value, dict) else value], kind)
    assert image_digest("i", type_text(kind), (3, hashlib.sha256(b"abc").hexdigest(), path)) == next(
        iter(row_rules.column_digests("i", array))
    )


def test_a_line_form_is_one_line() -> None:
    """Every control character and line end is a space, runs of them one, none at the ends."""
    assert line_form("\x00 a\r\n\tb\x85\u2028c\u2029") == "a b c"
    assert text_digest("c", "a") == next(iter(row_rules.column_digests("c", pa.array(["a"]))))


def test_a_receipt_has_one_size_limit(kohya: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export too large for a receipt is refused with what to do."""
    parsed = receipts.parse(kohya.receipt.read_bytes(), where="receipt")
    assert receipts.parse(parsed.encode(), where="receipt") == replace(parsed)
    monkeypatch.setattr(receipts, "LIMIT", 100)
    with pytest.raises(FormatError, match="in parts"):
        parsed.encode()
