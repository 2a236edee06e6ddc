"""Every format that holders write: what becomes an entry, under which type and class, and what rightly does not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from list_files import (
    icse,
    media,
    ncmec_page,
    ncmec_record,
    raw,
    stopncii_page,
    stopncii_record,
    tat_record,
    value,
    vics,
)

from release.errors import ListError
from release.lists import ImportReport, ImportRequest, ListStore

TODAY = date(2026, 3, 1)
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def bring_in(folder: Path, *contents: str | bytes, name: str = "list.dat", **more: object) -> ImportReport:
    """Import files with these contents as one list, the format told from what they are."""
    paths = []
    for number, content in enumerate(contents):
        path = folder / f"{number}-{name}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        paths.append(path)
    return ListStore(folder / "lists").import_files(paths, ImportRequest("known", **more), TODAY)  # type: ignore[arg-type]


def entries(folder: Path, kind: str) -> set[bytes]:
    """Return the stored entries of a type."""
    return {bytes(row) for chunk in ListStore(folder / "lists").open("known").raw_entries(kind) for row in chunk}


def numbers(kind: str, *which: int) -> set[bytes]:
    """Return the entries of made-up pictures."""
    return {raw(number, kind) for number in which}


def prints(number: int) -> dict[str, str]:
    """Return the fingerprints of a made-up picture under NCMEC's names."""
    return {name: value(number, kind) for name, kind in (("md5", "md5"), ("sha1", "sha1"), ("pdq", "pdq"), ("pdna", "photodna"))}


def test_ncmec_gives_four_types_of_pictures_and_keeps_films_apart(tmp_path: Path) -> None:
    """MD5, SHA-1, PDQ and PhotoDNA of images; the MD5 of a video has a type of its own, its other hashes are counted."""
    film = ncmec_record("video", "42", "v1", EARLY, md5=value(9, "video-md5"), sha1=value(9, "sha1"))
    page = ncmec_page([ncmec_record("image", "42", "i1", EARLY, classification="A1", **prints(1))], [film])
    report = bring_in(tmp_path, page)
    assert report.format == "ncmec"
    assert report.entries == {"md5": 1, "pdq": 1, "photodna": 1, "sha1": 1, "video-md5": 1}
    assert report.classes["md5"] == {"A1": 1}
    assert report.classes["video-md5"] == {"": 1}
    assert report.aside == {"other fingerprint of a video": 1}
    for kind in ("md5", "sha1", "pdq", "photodna"):
        assert entries(tmp_path, kind) == numbers(kind, 1)
    assert entries(tmp_path, "video-md5") == numbers("video-md5", 9)
    assert (report.vintage, report.vintage_from) == (date(2026, 2, 20), "file")


@pytest.mark.parametrize("turned", [False, True])
def test_the_newest_statement_wins_in_whatever_order_pages_come(tmp_path: Path, *, turned: bool) -> None:
    """A tombstone takes back, a restatement replaces; an older statement that comes later brings nothing back."""
    old = ncmec_page(
        [
            ncmec_record("image", "1", "gone", EARLY, md5=value(1, "md5")),
            ncmec_record("image", "1", "changed", EARLY, classification="A1", md5=value(2, "md5")),
            ncmec_record("image", "2", "gone", EARLY, md5=value(3, "md5")),
        ],
        newest=EARLY,
        following="/v2/entries?start=4",
    )
    new = ncmec_page(
        [
            ncmec_record("deletedImage", "1", "gone", LATE),
            ncmec_record("image", "1", "changed", LATE, classification="B2", md5=value(4, "md5")),
        ],
        newest=LATE,
    )
    report = bring_in(tmp_path, *([new, old] if turned else [old, new]))
    assert entries(tmp_path, "md5") == numbers("md5", 3, 4)
    assert (report.tombstones, report.superseded) == (1, 2)
    assert report.classes == {"md5": {"": 1, "B2": 1}}
    assert report.vintage == date(2026, 2, 1)


def test_an_entry_that_two_members_state_stays_while_one_does(tmp_path: Path) -> None:
    """The tombstone of one member is no word of the other."""
    both = [ncmec_record("image", member, "i", EARLY, md5=value(1, "md5")) for member in ("1", "2")]
    report = bring_in(tmp_path, ncmec_page([*both, ncmec_record("deletedImage", "1", "i", LATE)]))
    assert entries(tmp_path, "md5") == numbers("md5", 1)
    assert report.tombstones == 1


def test_an_image_and_a_video_of_one_name_are_two(tmp_path: Path) -> None:
    """A deleted video takes back no image."""
    page = ncmec_page([ncmec_record("image", "1", "x", EARLY, md5=value(1, "md5"))], [ncmec_record("deletedVideo", "1", "x", LATE)])
    assert bring_in(tmp_path, page).entries == {"md5": 1}


def test_records_without_name_or_time_are_told_by_line(tmp_path: Path) -> None:
    """They cannot be ordered against others, so they are left out."""
    bad = [
        ncmec_record("image", "1", "i", "yesterday", md5=value(1, "md5")),
        ncmec_record("image", "", "j", EARLY, md5=value(2, "md5")),
        ncmec_record("image", "1", "", EARLY, md5=value(3, "md5")),
        ncmec_record("image", "1", "k", EARLY, md5="x" * 9000),
    ]
    report = bring_in(tmp_path, ncmec_page([*bad, ncmec_record("image", "1", "l", EARLY, md5=value(5, "md5"), classification="A1")]))
    assert [one.line for one in report.rejected] == [4, 5, 6, 7]
    assert report.rejected[3].reason == "a field is too long"
    assert report.unit == "line"
    assert entries(tmp_path, "md5") == numbers("md5", 5)


def test_pages_without_the_last_one_are_incomplete(tmp_path: Path) -> None:
    """Every page names a next one: whatever it would have said is missing, tombstones too."""
    page = ncmec_page([ncmec_record("image", "1", "i", EARLY, md5=value(1, "md5"))], following="/v2/entries?start=2")
    with pytest.raises(ListError, match="the last one is missing"):
        bring_in(tmp_path, page)
    assert not (tmp_path / "lists").exists()
    report = bring_in(tmp_path, page, accept_partial=True)
    assert report.partial
    assert ListStore(tmp_path / "lists").open("known").partial


def test_what_does_not_look_like_a_class_is_not_shown_as_one(tmp_path: Path) -> None:
    """A hash in the place of a class would else come into the record and onto a screen."""
    page = ncmec_page([ncmec_record("image", "1", "i", EARLY, classification=value(1, "md5"), md5=value(1, "md5"))])
    assert bring_in(tmp_path, page).classes == {"md5": {"other": 1}}
    assert value(1, "md5") not in (tmp_path / "lists" / "known" / "list.json").read_text()


def test_one_class_alone_can_be_taken(tmp_path: Path) -> None:
    """An institution may be bound to some classes of a holder."""
    records = [ncmec_record("image", "1", f"i{n}", EARLY, classification=group, md5=value(n, "md5")) for n, group in ((1, "A1"), (2, "B2"))]
    assert bring_in(tmp_path, ncmec_page(records), classes=("A1",)).classes == {"md5": {"A1": 1}}
    assert entries(tmp_path, "md5") == numbers("md5", 1)
    with pytest.raises(ListError, match="no entry of the classes"):
        bring_in(tmp_path, ncmec_page(records), classes=("C9",), replace=True)


def test_stopncii_withdrawn_and_deleted_go(tmp_path: Path) -> None:
    """The newest record on a hash counts, whatever its case; films are apart, other kinds are counted."""
    records = [
        stopncii_record("ImagePDQ", value(1, "pdq")),
        stopncii_record("ImagePDQ", value(2, "pdq"), "Withdrawn"),
        stopncii_record("ImagePDQ", value(3, "pdq"), "Received", 1_760_000_000),
        stopncii_record("ImagePDQ", value(3, "pdq").upper(), "Deleted", 1_770_000_000),
        stopncii_record("VideoMD5", value(4, "video-md5")),
        stopncii_record("VideoTMK", "abc"),
        stopncii_record("ImagePDQ", value(5, "pdq"), "Burnt"),
    ]
    report = bring_in(tmp_path, "\ufeff" + stopncii_page(records))
    assert (report.format, report.entries) == ("stopncii", {"pdq": 1, "video-md5": 1})
    assert report.classes == {"pdq": {"Active": 1}, "video-md5": {"Active": 1}}
    assert entries(tmp_path, "pdq") == numbers("pdq", 1)
    assert (report.tombstones, report.superseded, report.aside) == (1, 1, {"hash of another kind": 1})
    assert [(one.line, report.unit) for one in report.rejected] == [(7, "entry")]
    assert report.vintage_from == "file"


def test_a_stopncii_page_that_has_more_is_incomplete(tmp_path: Path) -> None:
    """Its hasMoreRecords says that there is another page."""
    page = stopncii_page([stopncii_record("ImagePDQ", value(1, "pdq"))], more=True)
    with pytest.raises(ListError, match="the last one is missing"):
        bring_in(tmp_path, page)
    assert bring_in(tmp_path, page, stopncii_page([stopncii_record("ImagePDQ", value(2, "pdq"))])).entries == {"pdq": 2}


@pytest.mark.parametrize("version", ["1.3", "2.0"])
@pytest.mark.parametrize("cases", [False, True])
def test_project_vic_in_both_versions_and_nestings(tmp_path: Path, version: str, *, cases: bool) -> None:
    """Category 0 or none is no entry, numbers may be text, hex is in upper case, and a byte order mark is common."""
    files = [
        media(1, 1, PhotoDNA=value(1, "photodna")),
        media(2, "2", PhotoDNA=raw(2, "photodna").hex().upper()),
        media(3, 0),
        media(4, "0"),
        media(5, None),
        media(6, 1, MimeType="video/mp4"),
        media(7, 3, MD5="", SHA1=None, AlternativeHashes=[{"HashName": "PhotoDNA", "HashValue": value(7, "photodna")}, {"HashName": "X"}]),
    ]
    report = bring_in(tmp_path, "\ufeff" + vics(files, version, cases=cases), vintage=TODAY)
    assert report.entries == {"md5": 2, "photodna": 3, "sha1": 2, "video-md5": 1}
    assert report.classes["md5"] == {"1": 1, "2": 1}
    assert report.aside == {"category 0 or none": 3, "other hash of a video": 1}
    assert entries(tmp_path, "photodna") == numbers("photodna", 1, 2, 7)
    assert report.vintage_from == "declared"


def test_known_good_files_are_never_a_block_list(tmp_path: Path) -> None:
    """NIST's list has the form of Project VIC 1.2; with it, harmless rows would go and nothing be found."""
    with pytest.raises(ListError, match="known good files") as caught:
        bring_in(tmp_path, vics([media(1, 0)], "1.2"), vintage=TODAY)
    assert caught.value.code == "list-known-good"
    with pytest.raises(ListError, match="1 of category 0"):
        bring_in(tmp_path, vics([media(1, 0)], "2.0"), vintage=TODAY)
    assert not (tmp_path / "lists").exists()


def test_icse_has_hashes_and_the_baseline(tmp_path: Path) -> None:
    """PhotoDNA in either writing; films apart; what is in the baseline is a class."""
    text = icse(
        (value(1, "md5"), value(1, "sha1"), value(1, "photodna"), "Image", "True"),
        (value(2, "md5"), "", raw(2, "photodna").hex(), "Image", "False"),
        (value(3, "video-md5"), value(3, "sha1"), "", "Video", "True"),
        ("", "", "", "Image", "True"),
    )
    report = bring_in(tmp_path, text, vintage=TODAY)
    assert (report.format, report.entries) == ("icse", {"md5": 2, "photodna": 2, "sha1": 1, "video-md5": 1})
    assert report.classes["md5"] == {"baseline": 1, "other": 1}
    assert [one.line for one in report.rejected] == [5]


@pytest.mark.parametrize("wrapped", [False, True])
def test_tech_against_terrorism_deletes_and_keeps_films_apart(tmp_path: Path, *, wrapped: bool) -> None:
    """A plain array or a page with results; a record that is restated as deleted goes; booleans may be text."""
    records = [
        tat_record(1, "md5", "MD5"),
        tat_record(2, "pdq", "PDQ"),
        tat_record(3, "sha256", "SHA-256", deleted="true"),
        tat_record(4, "video-md5", "MD5", file_type="video/mp4"),
        tat_record(5, "pdq", "TMK"),
        tat_record(2, "pdq", "PDQ", deleted=True, updated_on=1_770_000_001),
    ]
    page = {"count": 6, "next": None, "previous": None, "checkpoint": "x", "results": records}
    report = bring_in(tmp_path, json.dumps(page if wrapped else records))
    assert (report.format, report.entries, report.tombstones) == ("tat", {"md5": 1, "video-md5": 1}, 1)
    assert report.classes["md5"] == {"far-right": 1}
    assert report.vintage == date(2026, 2, 2)


def test_threatexchange_tells_the_type_in_each_row_or_is_told(tmp_path: Path) -> None:
    """Exports of its page have no type; harmless descriptors are no entries, deleted ones go."""
    head = "td_description,td_status,td_raw_indicator,td_update_time,td_owner_id\n"
    rows = [
        f"a,MALICIOUS,{value(1, 'md5')},2026-01-04T15:05:28-05:00,7",
        f"b,NON_MALICIOUS,{value(2, 'md5')},2026-01-04T15:05:28-05:00,7",
        f"c,NON_MALICIOUS,{value(1, 'md5')},2026-01-05T15:05:28-05:00,7",
        f"c,SUSPICIOUS,{value(3, 'md5')},2026-01-05T15:05:28-05:00,7",
    ]
    with pytest.raises(ListError, match="--type"):
        bring_in(tmp_path, head + "\n".join(rows), vintage=TODAY)
    report = bring_in(tmp_path, head + "\n".join(rows), vintage=TODAY, type="md5")
    assert (report.format, report.classes, report.tombstones) == ("threatexchange", {"md5": {"SUSPICIOUS": 1}}, 1)
    text = "id,indicator,type,status,should_delete,last_updated\n" + "\n".join(
        [
            f"1,{value(4, 'pdq')},HASH_PDQ,MALICIOUS,false,1601513796",
            "2,https://bad.example/x,URI,MALICIOUS,false,1601513796",
            f"3,{value(5, 'md5')},HASH_MD5,MALICIOUS,true,1601513796",
            "4,x,HASH_TLSH,MALICIOUS,false,1601513796",
            f"5,{value(6, 'video-md5')},HASH_VIDEO_MD5,UNKNOWN,false,1601513796",
        ]
    )
    report = bring_in(tmp_path, text, vintage=TODAY, format="threatexchange", replace=True)
    assert report.entries == {"pdq": 1, "url": 1, "video-md5": 1}
    assert report.aside == {"indicator of another kind": 1}


def test_csv_can_have_a_column_of_classes(tmp_path: Path) -> None:
    """A declared column map, as for holders whose layout is not public; an entry of two classes counts under the first."""
    text = f"Hash;Cat\n{value(1, 'md5')};B\n{value(2, 'md5')};A\n{value(1, 'md5')};A\n{value(3, 'md5')};\n"
    report = bring_in(tmp_path, text, vintage=TODAY, columns={"md5": "hash", "class": "cat"})
    assert (report.format, report.duplicates) == ("csv", 1)
    assert report.classes == {"md5": {"": 1, "A": 2}}


@pytest.mark.parametrize(
    ("columns", "named", "expected"),
    [
        ({"URL": ["https://a.example/1", "b.example/2", None], "TEXT": ["a", "b", "c"]}, {}, {"url": 2}),
        ({"md5": [value(1, "md5"), value(2, "md5"), "x"]}, {}, {"md5": 2}),
        (
            {"digest": [raw(1, "sha256"), raw(2, "sha256"), b"x"], "level": ["1", "2", None]},
            {"sha256": "digest", "class": "level"},
            {"sha256": 2},
        ),
    ],
)
def test_parquet_of_links_and_digests(
    tmp_path: Path, columns: Mapping[str, Sequence[object]], named: Mapping[str, str], expected: Mapping[str, int]
) -> None:
    """Text, or digests as bytes; what is missing or malformed is told by row."""
    pq.write_table(pa.table(dict(columns)), tmp_path / "x.parquet")
    report = bring_in(tmp_path, (tmp_path / "x.parquet").read_bytes(), vintage=TODAY, columns=named)
    assert (report.format, report.unit, report.entries) == ("parquet", "row", expected)
    assert [one.line for one in report.rejected] == [3]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.dat", f"{value(1, 'md5')},x\n"),
        ("a.json", '{"hashes": []}'),
        ("a.json", '{"hashRecords": [], "hash_digest": 1}'),
        ("a.xml", "<html/>"),
    ],
)
def test_a_format_that_cannot_be_told_is_asked_for(tmp_path: Path, name: str, content: str) -> None:
    """Nothing is guessed: one clear sentence names the option."""
    with pytest.raises(ListError, match="name it with --format") as caught:
        bring_in(tmp_path, content, name=name, vintage=TODAY)
    assert caught.value.code == "list-format"


def test_files_of_two_formats_are_no_one_list(tmp_path: Path) -> None:
    """Pages of one list are written alike."""
    with pytest.raises(ListError, match="two formats"):
        bring_in(tmp_path, stopncii_page([stopncii_record("ImagePDQ", value(1, "pdq"))]), value(1, "md5"), vintage=date(2026, 2, 2))


def test_a_vintage_is_the_files_where_it_has_one(tmp_path: Path) -> None:
    """Said otherwise it is refused; where no file says it, somebody has to."""
    page = stopncii_page([stopncii_record("ImagePDQ", value(1, "pdq"))])
    with pytest.raises(ListError, match="leave --vintage away"):
        bring_in(tmp_path, page, vintage=TODAY)
    with pytest.raises(ListError, match="say it with --vintage"):
        bring_in(tmp_path, value(1, "md5"))
    with pytest.raises(ListError, match="future"):
        bring_in(tmp_path, stopncii_page([stopncii_record("ImagePDQ", value(1, "pdq"), time=1_900_000_000)]))
