"""Folders that are handed to a receipt check as people make them: packed anew, linked, empty, or not there."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from made import Line, Made, Maker, row

from audit_logs.errors import StoreError, VerificationError
from release.cli import run
from release.consume import Wanted, export, open_release
from release.consume.vetting import Checked, check

ROWS = [row(number, width=number) for number in range(11)]


def exported(made: Made, out: Path, wanted: Wanted) -> Path:
    """Export and return the receipt."""
    return export(open_release(made.folder, made.trust, None), out, wanted).receipt


def checked(made: Made, receipt: Path, folder: Path) -> Checked:
    """Check a folder now."""
    return check(receipt, folder, [made.trust.read_bytes()], now=datetime.now(UTC))


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7"])
def test_a_tar_that_was_packed_anew_with_its_folder_is_vetted(make: Maker, tmp_path: Path, form: str) -> None:
    """`tar cf x.tar .` adds members for folders, which hold nothing; a file in them is looked at as any other."""
    made = make({"train": ROWS})
    receipt = exported(made, tmp_path / "out", Wanted("webdataset"))
    (tar,) = receipt.parent.glob("*.tar")
    loose = tmp_path / "loose"
    (loose / "deep").mkdir(parents=True)
    subprocess.run(["tar", "xf", str(tar), "-C", str(loose / "deep")], check=True)
    tar.unlink()
    subprocess.run(["tar", "cf", str(tar), f"--format={form}", "-C", str(loose), "."], check=True)
    found = checked(made, receipt, receipt.parent)
    assert (found.verdict, found.vetted, found.unscreened) == ("verified", 11, ())
    (loose / "deep" / "own.png").write_bytes(b"mine")
    subprocess.run(["tar", "cf", str(tar), f"--format={form}", "-C", str(loose), "."], check=True)
    assert [one.path.rpartition("/")[2] for one in checked(made, receipt, receipt.parent).unscreened] == ["own.png"]


def test_an_empty_folder_is_no_vetted_one(make: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is rather the wrong one: whoever checks it is told, and the exit code is none that a script goes on with."""
    made = make({"train": ROWS})
    receipt = exported(made, tmp_path / "out", Wanted("kohya"))
    empty = tmp_path / "empty"
    empty.mkdir()
    shutil.copy(receipt, empty)
    assert run(["receipt", "check", str(receipt), str(empty), "--trust", str(made.trust)]) == 5
    assert "is it the right one?" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["none", "file"])
def test_a_folder_that_is_none_is_told_as_that(make: Maker, tmp_path: Path, name: str) -> None:
    """Not as a damaged release, which it never was."""
    made = make({"train": ROWS})
    receipt = exported(made, tmp_path / "out", Wanted("kohya"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="no such folder"):
        checked(made, receipt, tmp_path / name)


def test_a_receipt_that_lies_there_several_times_is_one_source(make: Maker, tmp_path: Path) -> None:
    """Copies of an export bring copies of its receipt; each release is told once for each export."""
    made = make({"train": ROWS})
    receipt = exported(made, tmp_path / "one", Wanted("kohya"))
    other = exported(made, tmp_path / "other", Wanted("kohya", where=("width > 3",)))
    for name in "abc":
        shutil.copytree(other.parent, tmp_path / "all" / name)
    found = checked(made, receipt, tmp_path / "all")
    assert (found.verdict, found.vetted, len(found.sources)) == ("verified", 21, 2)


def _side(make: Maker, tmp_path: Path, side: Any, first: int) -> tuple[Made, Path]:
    made = make({"train": [row(first + number) for number in range(3)]}, Line(side=side), place=f"r{side}")
    return made, exported(made, tmp_path / f"out-{side}", Wanted("kohya")).parent


def test_a_link_leads_no_export_below_one_of_the_opposite_side(make: Maker, tmp_path: Path) -> None:
    """Where a folder lies is told by where it is, not by the name under which it was reached."""
    (_, minors), (adults, _) = _side(make, tmp_path, "minors", 0), _side(make, tmp_path, "adults", 10)
    (minors / "deep").mkdir()
    (tmp_path / "short").symlink_to(minors / "deep")
    with pytest.raises(VerificationError) as caught:
        exported(adults, tmp_path / "short" / "more", Wanted("kohya"))
    assert caught.value.code == "receipt-mixed"
    assert list((minors / "deep").iterdir()) == []


@pytest.mark.parametrize("change", ["{}\n", "{}\r\n", "\ufeff{}", "{}\u0301", " {}"])
def test_a_caption_with_other_bytes_is_another_caption(make: Maker, tmp_path: Path, change: str) -> None:
    """A line end, a byte order mark, a combining sign or a space more: its picture is named, and no other one."""
    made = make({"train": ROWS})
    receipt = exported(made, tmp_path / "out", Wanted("kohya"))
    caption = sorted(receipt.parent.rglob("*.txt"))[4]
    caption.write_bytes(change.format(caption.read_text(encoding="utf-8")).encode())
    found = checked(made, receipt, receipt.parent)
    assert (found.verdict, found.vetted, [Path(one.path).stem for one in found.unscreened]) == ("incomplete", 10, [caption.stem])


def test_the_command_that_an_export_names_runs_as_it_stands(make: Maker, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the trust file, and whatever its folder is called."""
    made, out = make({"train": ROWS}), tmp_path / "my train"
    assert run(["export", str(made.folder), "--as", "kohya", "--out", str(out), "--trust", str(made.trust)]) == 0
    (program, *words) = shlex.split(capsys.readouterr().out.rpartition("at any time: ")[2])
    assert (program, run(words)) == ("release", 0)
