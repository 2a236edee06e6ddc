"""No mutation of a list file makes its reader raise anything but a `Problem`, or hand on a batch that cannot be taken up."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fuzz.mutation import Parser, fuzz
from list_files import icse, media, ncmec_page, ncmec_record, stopncii_page, stopncii_record, tat_record, value, vics

from release.lists import ImportRequest
from release.lists.formats import FORMATS, choose
from release.lists.gather import Gathered

COUNT = 1500
TIME = "2026-01-01T00:00:00Z"
WHOLE = {
    "ncmec": ncmec_page(
        [ncmec_record("image", "1", f"i{n}", TIME, classification="A1", md5=value(n, "md5")) for n in range(3)], following="/v2"
    ),
    "stopncii": stopncii_page([stopncii_record("ImagePDQ", value(n, "pdq")) for n in range(3)], more=True),
    "vics": vics([media(n, n, PhotoDNA=value(n, "photodna")) for n in range(3)], cases=True),
    "tat": f"[{', '.join(str(tat_record(n, 'md5', 'MD5')) for n in range(3))}]".replace("'", '"').replace("False", "false"),
    "icse": icse((value(1, "md5"), value(1, "sha1"), value(1, "photodna"), "Image", "True")),
    "threatexchange": f"id,indicator,type,status,last_updated\n1,{value(1, 'md5')},HASH_MD5,MALICIOUS,1601513796\n2,https://a.example/,URI,,\n",
    "csv": f"md5,url,class\n{value(1, 'md5')},https://a.example/,A\n",
    "text": f"# words\n{value(1, 'md5')}\n{value(1, 'sha1')}\n",
}


def takes(path: Path, name: str, data: bytes) -> None:
    """Read a file as a format, take up what it says, and settle it; without a name, the format is told from it."""
    path.write_bytes(data)
    request = ImportRequest("known", date(2026, 3, 1), format=name or None)
    gathered = Gathered()
    gathered.begin(path.name)
    for batch in FORMATS[choose(path, request)].read(path, request):
        gathered.add(batch)
    gathered.resolve()


@pytest.mark.parametrize("name", [*WHOLE, "parquet"])
@pytest.mark.parametrize("named", [True, False])
def test_a_reader_raises_only_problems(tmp_path: Path, name: str, *, named: bool) -> None:
    """Whatever the file has become, it is taken, or refused in our own words."""
    pq.write_table(pa.table({"md5": [value(1, "md5")], "url": ["a.example/b"]}), tmp_path / "made")
    whole = WHOLE[name].encode() if name in WHOLE else (tmp_path / "made").read_bytes()
    path = tmp_path / ("list.csv" if name == "csv" else "list.dat")
    said = name if named or name == "threatexchange" else ""  # its exports with plain names are told from other tables by nothing
    parser = Parser(lambda data: takes(path, said, data), (whole,))
    assert fuzz(parser, COUNT if named else COUNT // 5, seed=11).foreign == ()
