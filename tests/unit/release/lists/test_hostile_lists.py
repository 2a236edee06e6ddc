"""Files that are broken, mislabelled or made to harm: one sentence with file and place, no value in it, and nothing stored."""

from __future__ import annotations

import json
import resource
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from list_files import icse, media, ncmec_page, ncmec_record, stopncii_page, stopncii_record, tat_record, value, vics

from release.cli import run
from release.errors import ListError
from release.lists import ImportRequest, ListStore

TODAY = date(2026, 3, 1)
TIME = "2026-01-01T00:00:00Z"
MANY = range(3000)

NCMEC = ncmec_page([ncmec_record("image", "1", f"i{n}", TIME, md5=value(n, "md5")) for n in MANY])
STOPNCII = stopncii_page([stopncii_record("ImagePDQ", value(n, "pdq")) for n in MANY])
VICS = vics([media(n, 1) for n in MANY])
TAT = json.dumps([tat_record(n, "md5", "MD5") for n in MANY])
ICSE = icse(*((value(n, "md5"), "", "", "Image", "True") for n in MANY))
THREATEXCHANGE = "id,indicator,type,status\n" + "".join(f"{n},{value(n, 'md5')},HASH_MD5,MALICIOUS\n" for n in MANY)
CSV = "md5\n" + "".join(f"{value(n, 'md5')}\n" for n in MANY)
TEXT = "".join(f"{value(n, 'md5')}\n" for n in MANY)

WHOLE = {
    "ncmec": NCMEC,
    "stopncii": STOPNCII,
    "vics": VICS,
    "tat": TAT,
    "icse": ICSE,
    "threatexchange": THREATEXCHANGE,
    "csv": CSV,
    "text": TEXT,
}
DATED = ("ncmec", "stopncii", "tat")


def parquet(folder: Path) -> bytes:
    """Return a Parquet list."""
    pq.write_table(pa.table({"md5": [value(n, "md5") for n in MANY]}), folder / "made.parquet", row_group_size=100, compression="none")
    return (folder / "made.parquet").read_bytes()


def request(name: str, **more: object) -> ImportRequest:
    """Return the request for a list of a format."""
    return ImportRequest("known", None if name in DATED else TODAY, format=name, **more)  # type: ignore[arg-type]


def refusal(folder: Path, name: str, data: bytes, **more: object) -> ListError:
    """Return the error that importing a file ends in; nothing is stored, and it tells no value."""
    path = folder / "hostile.dat"
    path.write_bytes(data)
    with pytest.raises(ListError) as caught:
        ListStore(folder / "lists").import_file(path, request(name, **more), TODAY)
    assert not (folder / "lists").exists()
    said = str(caught.value) + str(caught.value.__cause__ or "")
    assert "\n" not in said
    assert not any(value(n, kind)[:12] in said.lower() for n in MANY for kind in ("md5", "pdq"))
    assert caught.value.__cause__ is None or caught.value.__suppress_context__
    return caught.value


@pytest.mark.parametrize("name", [name for name in WHOLE if name not in ("text", "csv", "icse", "threatexchange")])
def test_a_truncated_file_stores_nothing_unless_that_is_said(tmp_path: Path, name: str) -> None:
    """The place is told; with --accept-partial what stands before it is stored, and the list is partial for ever."""
    data = WHOLE[name].encode()
    error = refusal(tmp_path, name, data[: len(data) // 2])
    assert error.code == "list-file"
    assert error.where.startswith("hostile.dat, ")
    assert "--accept-partial" in error.next_step
    report = ListStore(tmp_path / "lists").import_file(tmp_path / "hostile.dat", request(name, accept_partial=True), TODAY)
    assert report.partial
    assert report.broken[0].startswith("hostile.dat, ")
    assert 1400 < sum(report.entries.values()) / len(report.entries) < 1600
    assert ListStore(tmp_path / "lists").open("known").partial


@pytest.mark.parametrize("name", ["text", "csv", "icse", "threatexchange"])
def test_lines_before_a_broken_one_can_be_taken(tmp_path: Path, name: str) -> None:
    """A file of lines that breaks off at a line's end is no broken file; one with a NUL in the middle is."""
    data = WHOLE[name].encode()
    middle = data.index(b"\n", len(data) // 2) + 1
    error = refusal(tmp_path, name, data[:middle] + b"\0" + data[middle:])
    assert (error.code, "NUL" in error.what) == ("list-file", True)
    report = ListStore(tmp_path / "lists").import_file(tmp_path / "hostile.dat", request(name, accept_partial=True), TODAY)
    assert report.partial
    assert 1400 < report.entries["md5"] < 1600


def test_a_truncated_parquet_file_is_none(tmp_path: Path) -> None:
    """Its footer is at the end; a page that is damaged is told by row, and the rows before it can be taken."""
    data = parquet(tmp_path)
    assert refusal(tmp_path, "parquet", data[: len(data) // 2]).code == "list-format"
    place = len(data) // 2
    damaged = data[:place] + b"\xff" * 400 + data[place + 400 :]
    (tmp_path / "hostile.dat").write_bytes(damaged)
    request_all = request("parquet", accept_partial=True)
    report = ListStore(tmp_path / "lists").import_file(tmp_path / "hostile.dat", request_all, TODAY)
    assert report.partial or report.rejected_count


@pytest.mark.parametrize("name", [*WHOLE, "parquet"])
@pytest.mark.parametrize("form", ["utf-16", "latin-1", "nothing", "zeros", "picture", "other"])
def test_bytes_of_another_kind_are_refused(tmp_path: Path, name: str, form: str) -> None:
    """Another encoding, an empty file, zeros, a picture, or a file of another format."""
    other = {"ncmec": VICS, "vics": STOPNCII, "stopncii": TAT, "tat": NCMEC, "parquet": TEXT}.get(name, NCMEC)
    text = WHOLE.get(name, TEXT)
    data = {
        "utf-16": text.encode("utf-16"),
        "latin-1": text.replace("3", "\u00e9").encode("latin-1"),
        "nothing": b"",
        "zeros": bytes(4096),
        "picture": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20,
        "other": other.encode(),
    }[form]
    assert refusal(tmp_path, name, data).code in ("list-file", "list-format", "list-columns", "list-empty", "list-vintage")


BOMB = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
DTDS = {
    "bomb": f'<!DOCTYPE q [<!ENTITY l0 "lol">{BOMB}]>',
    "outside": '<!DOCTYPE q [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "parameter": '<!DOCTYPE q [<!ENTITY % x SYSTEM "http://127.0.0.1:9/x.dtd"> %x;]>',
    "quadratic": f'<!DOCTYPE q [<!ENTITY a "{"a" * 100_000}">]>',
    "plain": "<!DOCTYPE queryResult>",
}


@pytest.mark.parametrize("name", DTDS)
def test_a_document_type_ends_the_reading(tmp_path: Path, name: str) -> None:
    """No entity is declared, expanded or fetched; no part of such a file can be accepted."""
    head, rest = NCMEC.split("\n", 1)
    data = f"{head}\n{DTDS[name]}\n{rest.replace('<id>i1<', '<id>&l11;&x;&a;<')}".encode()
    error = refusal(tmp_path, "ncmec", data, accept_partial=True)
    assert (error.code, error.where) == ("list-format", "hostile.dat, line 2")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('encoding="UTF-8"', 'encoding="ISO-8859-1"', "UTF-8"),
        ("hashsharing.ncmec.org/hashsharing/v2", "example.org/v1", "namespace"),
        ("<queryResult", "<other", "queryResult"),
        ("<id>i7</id>", "<id>&unknown;</id>", "is no XML"),
        ("<id>i7</id>", "<a>" * 100 + "</a>" * 100, "deeply"),
        ("<id>i7</id>", f'<id a="{"x" * (6 << 20)}">i7</id>', "without end"),
    ],
)
def test_hostile_xml_is_told_by_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    """Another encoding or root, an entity, endless depth, an endless tag."""
    assert told in str(refusal(tmp_path, "ncmec", NCMEC.replace(old, new, 1).encode()))


@pytest.mark.parametrize("name", ["stopncii", "vics", "tat"])
@pytest.mark.parametrize("form", ["deep", "huge", "long", "garbage", "numbers", "infinite", "surrogate", "scalars"])
def test_hostile_json_is_told_by_entry(tmp_path: Path, name: str, form: str) -> None:
    """Depth without end, one huge record, trailing garbage, values of wrong types: no crash, no memory, nothing stored."""
    whole = WHOLE[name]
    close = whole.rindex("]")
    hostile = {
        "deep": "[" * 12_000_000,
        "huge": '{"a":"' + "x" * (12 << 20) + '"}',
        "long": "1" * 100_000,
        "garbage": None,
        "numbers": None,
        "infinite": "1e999999",
        "surrogate": '{"signalType":"URL","hashValue":"\\ud800","hash_digest":"\\udfff","algorithm":"MD5","Category":"1","MD5":"\\ud800"}',
        "scalars": "null,true,3,[[]],{},[1]",
    }[form]
    if form == "garbage":
        data = whole + "}"
    elif form == "numbers":
        data = whole.replace('"hashValue": "', '"hashValue": 7, "x": "').replace('"MD5": "', '"MD5": 7, "x": "')
        data = data.replace('"hash_digest": "', '"hash_digest": 7, "x": "').replace('"SHA1": "', '"SHA1": {}, "y": "')
    else:
        data = f"{whole[:close]},{hostile}{whole[close:]}"
    if form in ("scalars", "infinite", "surrogate", "long"):
        (tmp_path / "hostile.dat").write_bytes(data.encode())
        try:
            report = ListStore(tmp_path / "lists").import_file(tmp_path / "hostile.dat", request(name), TODAY)
        except ListError as error:
            assert error.code == "list-file"  # noqa: PT017  (either is right: told by entry, or refused)
        else:
            assert report.rejected_count + sum(report.aside.values()) >= 1
        return
    assert refusal(tmp_path, name, data.encode()).code in ("list-file", "list-empty")


def test_a_deep_file_takes_little_memory(tmp_path: Path) -> None:
    """What nests without end is not built up to its end."""
    refusal(tmp_path, "stopncii", b'{"hashRecords": [' + b'{"a":' * 3_000_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 << 20  # KiB


@pytest.mark.parametrize("name", ["csv", "icse", "threatexchange"])
@pytest.mark.parametrize("form", ["quote", "huge", "wide", "twice", "empty"])
def test_hostile_csv_is_told_by_line(tmp_path: Path, name: str, form: str) -> None:
    """A quote without end, a huge field, too many cells, a name twice, a header alone."""
    head, rest = WHOLE[name].split("\n", 1)
    cut = ";" if name == "icse" else ","
    data = {
        "quote": f'{head}\n"{rest}',
        "huge": f'{head}\n"{"x" * 200_000}"\n{rest}',
        "wide": f"{head}\n" + "\n".join(line.strip() + (cut + "1") * 99 for line in rest.splitlines()),
        "twice": f"{head.strip()}{cut}{head.strip()}\n{rest}",
        "empty": f"{head}\n",
    }[form]
    if form == "twice" and name != "csv":
        assert refusal(tmp_path, name, data.encode()).code == "list-columns"
        return
    assert refusal(tmp_path, name, data.encode()).code in ("list-file", "list-columns", "list-empty")


@pytest.mark.parametrize(
    "columns", [{"md5": [1, 2, 3]}, {"md5": [[value(1, "md5")]]}, {"md5": [None]}, {"other": ["x"]}, {"md5": [b"\xff\xfe"]}]
)
def test_parquet_of_wrong_types_stores_nothing(tmp_path: Path, columns: dict[str, list[object]]) -> None:
    """Numbers, lists, nothing at all, no such column, short bytes."""
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    assert refusal(tmp_path, "parquet", (tmp_path / "x.parquet").read_bytes()).code in ("list-empty", "list-columns")


@pytest.mark.parametrize("kind", ["md5", "sha1", "sha256", "pdq", "photodna", "video-md5", "url", "domain"])
def test_values_of_no_type_are_told_by_line_alone(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Bytes, blanks, markup and long text where a value should be."""
    hostile = [
        "<script>secret-value</script>",
        "secret-value " * 9,
        "0x" + "a" * 30,
        "\u202esecret-value",
        "=cmd|'secret-value'",
        "-" * 192,
    ]
    (tmp_path / "h.txt").write_text("\n".join(hostile))
    words = ["lists", "import", str(tmp_path / "h.txt"), "--name", "h", "--vintage", "2026-01-01", "--type", kind]
    assert run([*words, "--store", str(tmp_path / "lists")]) == 1
    said = "".join(capsys.readouterr())
    assert "secret-value" not in said
    assert said.count("\n") == 1
