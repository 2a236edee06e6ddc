"""Importing lists: good lines become entries, bad ones are named by line and reason, and no value ever shows."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from audit_logs.errors import StoreError
from release import canary
from release.cli import run
from release.errors import ListError
from release.lists import ImportReport, ImportRequest, ListStore, StoredList
from release.match import DigestIndex, NearIndex

TODAY = date(2026, 3, 1)
EMPTY = {kind: hashlib.new(kind, b"", usedforsecurity=False).hexdigest() for kind in ("md5", "sha1", "sha256")}


def digest(number: int, kind: str = "sha256") -> str:
    """Return the hash of a made-up picture, in hex."""
    return hashlib.new(kind, b"picture %d" % number, usedforsecurity=False).hexdigest()


def bring_in(folder: Path, data: bytes | str, kind: str | None = None, **more: object) -> ImportReport:
    """Import a list file with this content."""
    path = folder / f"list.{more.pop('ending', 'txt')}"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    request = ImportRequest("known", TODAY, "nobody", type=kind, **more)  # type: ignore[arg-type]
    return ListStore(folder / "lists").import_file(path, request, TODAY)


def entries(folder: Path, kind: str) -> list[str]:
    """Return the stored entries of the list, in hex."""
    return [bytes(row).hex() for chunk in ListStore(folder / "lists").open("known").raw_entries(kind) for row in chunk]


def test_text_has_comments_blank_lines_and_both_cases(tmp_path: Path) -> None:
    """A byte order mark, CRLF, upper case, comments, blanks, a missing final newline and duplicates are all accepted."""
    text = f"\ufeff# a comment\r\n\r\n{digest(1).upper()}\r\n  {digest(2)}\t\r\n{digest(1)}"
    report = bring_in(tmp_path, text, "sha256")
    assert (report.entries, report.duplicates, report.rejected) == ({"sha256": 2}, 1, ())
    assert entries(tmp_path, "sha256") == sorted([digest(1), digest(2)])


def test_md5_and_sha1_are_told_by_length(tmp_path: Path) -> None:
    """A text list may mix them without a word."""
    report = bring_in(tmp_path, f"{digest(1, 'md5')}\n{digest(1, 'sha1')}\nfoo\n")
    assert report.entries == {"md5": 1, "sha1": 1}
    assert [(one.line, one.reason) for one in report.rejected] == [(3, "a length that no hash has")]


def test_sixty_four_characters_need_a_type(tmp_path: Path) -> None:
    """SHA-256 and PDQ look alike; guessing would make a list that matches nothing."""
    with pytest.raises(ListError, match="--type sha256 or --type pdq") as caught:
        bring_in(tmp_path, f"# c\n{digest(1)}\n")
    assert caught.value.where == "list.txt, line 2"


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        ("md5", "ab" * 15, "30 characters instead of 32"),
        ("sha256", "zz" * 32, "not hexadecimal"),
        ("md5", "\u00e4" * 16, "not hexadecimal"),
        ("pdq", "00" * 32, "all zero"),
        ("sha1", "00" * 20, "all zero"),
        *((kind, value, "the hash of the empty file") for kind, value in EMPTY.items()),
        *((kind, canary.digests(kind).hex(), "reserved for the self-test") for kind in EMPTY),
        ("pdq", canary.near_entries()[17].tobytes().hex(), "reserved for the self-test"),
        ("url", canary.URL, "reserved for the self-test"),
        ("domain", canary.DOMAIN.upper(), "reserved for the self-test"),
        ("url", "no link at all", "not a web address"),
        ("domain", "*.example.org", "not a domain name"),
    ],
)
def test_a_bad_value_is_left_out_with_its_line_and_reason(
    tmp_path: Path, kind: str, value: str, reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing that is said of a bad line, by the library or the command, holds the value."""
    good = {"url": "https://good.example/", "domain": "good.example", "pdq": digest(1)}.get(kind) or digest(1, kind)
    report = bring_in(tmp_path, f"{good}\n{value}\n", kind)
    assert [(one.line, one.reason) for one in report.rejected] == [(2, f"{kind}: {reason}")]
    assert report.entries == {kind: 1}
    for form in ("human", "json"):
        words = ["lists", "import", str(tmp_path / "list.txt"), "--name", "known", "--vintage", "2026-03-01", "--type", kind]
        assert run([*words, "--store", str(tmp_path / "lists"), "--replace", "--format", form]) == 0
        said = "".join(capsys.readouterr())
        assert reason in said
        assert value.lower() not in said.lower()
        assert good not in said


def test_a_file_whose_every_line_is_bad_stores_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No store appears, the first reason is told, and no value is."""
    with pytest.raises(ListError, match="2 lines rejected; line 1") as caught:
        bring_in(tmp_path, f"{digest(1)}x\n{digest(2)}y\n", "sha256")
    assert digest(1)[:8] not in str(caught.value)
    assert not (tmp_path / "lists").exists()
    words = ["lists", "import", str(tmp_path / "list.txt"), "--name", "n", "--vintage", "2026-03-01", "--type", "sha256", "--store"]
    assert run([*words, str(tmp_path / "lists")]) == 1
    said = "".join(capsys.readouterr())
    assert said.count("\n") == 1
    assert digest(1) not in said


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# only this\n", b"\xef\xbb\xbf"])
def test_an_empty_file_stores_nothing(tmp_path: Path, data: bytes) -> None:
    """An empty list would match nothing and look like a clean result."""
    with pytest.raises(ListError, match="no usable entry"):
        bring_in(tmp_path, data, "md5")
    assert not (tmp_path / "lists").exists()


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"%s\n\x00\n", "line 2"),
        (b"%s\n\n%s\nab\xff\n", "line 4"),
        (b"%s\nab\xff", "line 2"),
    ],
)
def test_bytes_that_are_no_text_name_the_line(tmp_path: Path, data: bytes, told: str) -> None:
    """A NUL byte or another encoding refuses the whole file."""
    with pytest.raises(ListError, match="list.txt, " + told):
        bring_in(tmp_path, data.replace(b"%s", digest(1).encode()), "sha256")


def test_utf_16_is_refused(tmp_path: Path) -> None:
    """What Windows calls Unicode is named at its first line."""
    with pytest.raises(ListError, match="line 1"):
        bring_in(tmp_path, digest(1).encode("utf-16"), "sha256")


def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    """A file of one endless line is not read into memory."""
    with pytest.raises(ListError, match="too long"):
        bring_in(tmp_path, b"a" * (6 << 20), "md5")


def test_line_numbers_hold_over_many_blocks(tmp_path: Path) -> None:
    """Files are read in blocks; a bad line far down still has its own number."""
    lines = [digest(number) for number in range(140_000)]
    lines[139_000] = "bad"
    report = bring_in(tmp_path, "\n".join(lines), "sha256")
    assert [one.line for one in report.rejected] == [139_001]
    assert report.entries == {"sha256": 139_999}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_has_a_column_for_each_type(tmp_path: Path, delimiter: str) -> None:
    """Headers in any case; empty cells are no entries; rows without any value are told."""
    rows = [["id", "MD5", "Sha1"], ["1", digest(1, "md5"), digest(1, "sha1")], ["2", digest(2, "md5"), ""], ["3", "", ""]]
    report = bring_in(tmp_path, "\r\n".join(delimiter.join(row) for row in rows), ending="csv")
    assert report.entries == {"md5": 2, "sha1": 1}
    assert [(one.line, one.reason) for one in report.rejected] == [(4, "no value in any of the list's columns")]


def test_csv_columns_can_be_named(tmp_path: Path) -> None:
    """--column maps a type to the header that a list uses."""
    report = bring_in(tmp_path, f'Hash (MD5),note\n{digest(1, "md5")},"a\nb"\nbad,x\n', ending="csv", columns={"md5": "hash (md5)"})
    assert report.entries == {"md5": 1}
    assert [one.line for one in report.rejected] == [4]


@pytest.mark.parametrize(
    ("text", "columns", "told"),
    [
        ("a,b\n1,2\n", {}, "a header with one of"),
        ("a,b\n1,2\n", {"md5": "c"}, "expected: c"),
        ("md5,MD5\n1,2\n", {}, "one name"),
        ('md5\n"abc\n', {}, "is no CSV"),
        ("", {}, "a header"),
    ],
)
def test_a_csv_that_cannot_be_read_is_refused(tmp_path: Path, text: str, columns: dict[str, str], told: str) -> None:
    """A missing column and broken quoting each end in one sentence."""
    with pytest.raises(ListError, match=told):
        bring_in(tmp_path, text, ending="csv", columns=columns)


def test_the_store_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Folders have mode 0700 and files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        bring_in(tmp_path, digest(1), "sha256")
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in [tmp_path / "lists", *(tmp_path / "lists").rglob("*")]}
    assert modes == {"lists": 0o700, "known": 0o700, "list.json": 0o600, "sha256.index": 0o600}


@pytest.mark.parametrize("place", ["", "known", "known/list.json", "known/sha256.index"])
def test_a_store_that_others_can_reach_is_refused(tmp_path: Path, place: str) -> None:
    """One loose mode anywhere and the list is not used."""
    bring_in(tmp_path, digest(1), "sha256")
    path = tmp_path / "lists" / place
    path.chmod(path.stat().st_mode | 0o040)
    with pytest.raises(StoreError, match="others can reach"):
        ListStore(tmp_path / "lists").open("known").index("sha256")


def test_a_list_is_not_replaced_by_accident(tmp_path: Path) -> None:
    """A second import under one name needs to say so; the first list stays as it was."""
    bring_in(tmp_path, digest(1), "sha256")
    with pytest.raises(ListError, match="already"):
        bring_in(tmp_path, digest(2), "sha256")
    assert entries(tmp_path, "sha256") == [digest(1)]
    bring_in(tmp_path, digest(2), "sha256", replace=True)
    assert entries(tmp_path, "sha256") == [digest(2)]


def test_a_failed_replacement_leaves_the_list(tmp_path: Path) -> None:
    """A bad file in the place of a good list changes nothing."""
    bring_in(tmp_path, digest(1), "sha256")
    with pytest.raises(ListError):
        bring_in(tmp_path, "bad", "sha256", replace=True)
    assert entries(tmp_path, "sha256") == [digest(1)]
    assert [path.name for path in (tmp_path / "lists").iterdir()] == ["known"]


def test_a_full_disk_leaves_the_old_list_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that cannot be written to its end leaves no entry behind and the list as it was."""
    bring_in(tmp_path, digest(1), "sha256")

    def full(path: Path, *_: object, **__: object) -> None:
        raise StoreError("could not write: the disk is full", where=str(path))

    monkeypatch.setattr("release.lists.store.store.write_file", full)
    with pytest.raises(StoreError, match="disk is full"):
        bring_in(tmp_path, digest(2), "sha256", replace=True)
    assert [path.name for path in (tmp_path / "lists").iterdir()] == ["known"]
    assert entries(tmp_path, "sha256") == [digest(1)]


@pytest.mark.parametrize("name", ["", "..", "a/b", "A", ".new"])
def test_a_name_that_is_a_path_is_refused(tmp_path: Path, name: str) -> None:
    """A list's name cannot lead out of the store."""
    path = tmp_path / "list.txt"
    path.write_text(digest(1))
    with pytest.raises(ListError):
        ListStore(tmp_path / "lists").import_file(path, ImportRequest(name, TODAY, type="sha256"), TODAY)


def test_a_vintage_in_the_future_is_refused(tmp_path: Path) -> None:
    """A list cannot hold as of a day that has not come."""
    path = tmp_path / "list.txt"
    path.write_text(digest(1))
    with pytest.raises(ListError, match="future"):
        ListStore(tmp_path / "lists").import_file(path, ImportRequest("n", date(2026, 3, 2), type="sha256"), TODAY)


def test_an_old_list_is_refused(tmp_path: Path) -> None:
    """A list counts up to its largest age and not a day longer."""
    bring_in(tmp_path, digest(1), "sha256")
    opened = ListStore(tmp_path / "lists").open("known")
    opened.check_age(date(2026, 5, 30), 90)
    with pytest.raises(ListError, match="too old"):
        opened.check_age(date(2026, 5, 31), 90)
    with pytest.raises(ListError, match="future"):
        opened.check_age(date(2026, 2, 28), None)


def test_a_list_that_vanished_is_told(tmp_path: Path) -> None:
    """A plan's list that is gone, or whose record or index is gone or changed, is refused."""
    store = ListStore(tmp_path / "lists")
    with pytest.raises(ListError, match="there is no list 'known'"):
        store.open("known")
    bring_in(tmp_path, digest(1), "sha256")
    index = tmp_path / "lists" / "known" / "sha256.index"
    data = index.read_bytes()
    index.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(ListError, match="damaged"):
        store.open("known").index("sha256")
    index.unlink()
    with pytest.raises(ListError, match=r"damaged.*found: none"):
        store.open("known").index("sha256")
    (tmp_path / "lists" / "known" / "list.json").write_bytes(b"{}")
    with pytest.raises(ListError, match="damaged"):
        store.open("known")


def test_commitment_and_keyed_entries_are_those_of_the_specification(tmp_path: Path) -> None:
    """Sections 15 and 17, written out anew here; the reserved entries are in neither."""
    csv = "sha256,pdq\n" + "".join(f"{digest(number)},{digest(number + 500)}\n" for number in range(300))
    bring_in(tmp_path, csv, ending="csv")
    opened = ListStore(tmp_path / "lists").open("known")
    key, message = b"k" * 32, b""
    for kind, first in (("pdq", 500), ("sha256", 0)):
        raw = sorted(bytes.fromhex(digest(number + first)) for number in range(300))
        message += len(kind).to_bytes(8, "big") + kind.encode() + (300).to_bytes(8, "big") + b"".join(raw)
        keyed = [hmac.digest(key, kind.encode() + b"\0" + entry, "sha256") for entry in raw]
        assert list(opened.keyed_entries(key, kind)) == keyed
    assert opened.commitment(key) == hmac.digest(key, message, "sha256")


def test_indexes_hold_the_reserved_entries(tmp_path: Path) -> None:
    """What the self-test must find is in every index, outside the counts."""
    bring_in(tmp_path, f"sha256,pdq\n{digest(1)},{digest(2)}\n", ending="csv")
    opened = ListStore(tmp_path / "lists").open("known")
    exact, near = opened.index("sha256"), opened.index("pdq")
    assert isinstance(exact, DigestIndex)
    assert isinstance(near, NearIndex)
    assert exact.find(np.frombuffer(canary.digests("sha256"), np.uint8)[None])[0] in exact.reserved_positions
    assert near.reserved_within(canary.picture_forms(), 64) == list(range(65))
    assert opened.entries == {"sha256": 1, "pdq": 1}


def test_the_commands_show_update_and_remove(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A list is shown without entries, replaced by a newer one, extended, and removed."""
    path, store = tmp_path / "list.txt", ["--store", str(tmp_path / "lists")]
    path.write_text(digest(1))
    words = [str(path), "--name", "known", "--type", "sha256", *store]
    assert run(["lists", "import", *words, "--vintage", "2026-01-02", "--authority", "a holder"]) == 0
    path.write_text(digest(2))
    assert run(["lists", "update", *words, "--vintage", "2026-01-01"]) == 1
    assert "older than the list" in capsys.readouterr().err
    assert run(["lists", "update", *words, "--vintage", "2026-02-02", "--add"]) == 0
    capsys.readouterr()
    assert run(["lists", "show", *store, "--format", "json"]) == 0
    said = capsys.readouterr().out
    (shown,) = json.loads(said)["lists"]
    assert (shown["entries"], shown["vintage"], shown["authority"]) == ({"sha256": 2}, "2026-02-02", "a holder")
    assert digest(1) not in said
    assert run(["lists", "remove", "known", *store]) == 0
    assert run(["lists", "remove", "known", *store]) == 1


@pytest.mark.parametrize("column", ["md5", "md6=x", "md5="])
def test_a_column_that_says_nothing_is_a_wrong_call(tmp_path: Path, column: str, capsys: pytest.CaptureFixture[str]) -> None:
    """--column is a type, an equals sign and a header."""
    path = tmp_path / "list.csv"
    path.write_text("x\n" + digest(1, "md5"))
    words = ["lists", "import", str(path), "--name", "n", "--vintage", "2026-01-01", "--store", str(tmp_path / "s"), "--column"]
    assert run([*words, column]) == 2
    assert "TYPE=NAME" in capsys.readouterr().err
    assert run([*words, "md5=x"]) == 0


def test_a_store_has_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --store and without ./plan.toml there is no store to guess."""
    monkeypatch.chdir(tmp_path)
    assert run(["lists", "show"]) == 2
    assert "--store DIR" in capsys.readouterr().err


@pytest.mark.parametrize("data", ["sha256\rabc\r", "sha256,name\r1,2\r", 'sha256\n"abc\rdef'])
def test_csv_with_bare_carriage_returns_is_one_sentence(tmp_path: Path, data: str) -> None:
    """Line ends of old Macs: the line is named, and what to do."""
    path = tmp_path / "list.csv"
    path.write_bytes(data.encode())
    with pytest.raises(ListError) as caught:
        ListStore(tmp_path / "store").import_file(path, ImportRequest("a-list", date(2026, 1, 1)), date(2026, 1, 2))
    assert caught.value.code in ("list-file", "list-columns", "list-empty")


@pytest.mark.parametrize("name", ["list.txt", "list.csv"])
def test_a_pipe_for_a_list_does_not_hold_the_import(tmp_path: Path, name: str) -> None:
    """Nobody will ever write into it."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(ListError, match="no file"):
        ListStore(tmp_path / "store").import_file(tmp_path / name, ImportRequest("a-list", date(2026, 1, 1)), date(2026, 1, 2))


def test_a_list_without_one_of_its_indexes_is_damaged(tmp_path: Path) -> None:
    """It is told as such, with what to do."""
    bring_in(tmp_path, digest(1, "md5"), "md5")
    (path,) = tmp_path.rglob("md5.index")
    path.unlink()
    with pytest.raises(ListError) as caught:
        StoredList.open(path.parent).index("md5")
    assert (caught.value.code, caught.value.next_step) == ("list-damaged", "import the list again")
