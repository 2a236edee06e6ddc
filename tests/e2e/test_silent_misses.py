"""What threatexchange 1.2.17 misses without a word, each found by `release build`; its own behaviour was measured on these pictures.

One build of one source: a listed picture in every form, and beside each the same form of a picture that is not listed, which has to
stay. Both lists of pictures have exactly one entry.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from list_files import ncmec_page, ncmec_record
from PIL import Image
from project import KNOWN_PICTURE, TODAY, Project, Row, Wanted, encoded, make, picture

from release.fingerprint import pdq
from release.lists import ImportRequest, ListStore

UNLISTED = 60  # seed
PICTURES = '[[step]]\nname = "near-copies"\nkind = "near-hash"\nlists = ["known-pdq", "faint-pdq"]\n'
FILES = '[[step]]\nname = "known-files"\nkind = "exact-hash"\nlists = ["image-digests"]\n'
FORMS: dict[str, Callable[[Image.Image], bytes]] = {
    "palette PNG": lambda image: encoded(image.quantize(200), "PNG"),
    "palette GIF": lambda image: encoded(image.quantize(250), "GIF"),
    "CMYK JPEG": lambda image: encoded(image.convert("CMYK"), "JPEG", quality=95),
    "1 bit": lambda image: encoded(image.convert("1"), "PNG"),
    "16 bit grey": lambda image: encoded(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG"),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """The captions of the rows that a candidate has, what the command counted, and the list of pictures."""

    kept: frozenset[str]
    counts: dict[str, Any]
    near_list: Path


def faint(grey: int) -> Image.Image:
    """Return a picture with little in it: a patch on a plain ground."""
    pixels = np.full((192, 256), grey, np.uint8)
    pixels[60:110, 30:160] = grey + 40
    return Image.fromarray(pixels)


def hash_of(image: Image.Image) -> str:
    """Return a picture's PDQ hash."""
    code, _ = pdq.hash_array(np.asarray(image.convert("RGB")))
    return code.hex()


def source() -> list[Row]:
    """Return the listed and the unlisted picture in every form, a faint listed one, and files that are listed by MD5 and SHA-1."""
    files = {f"{name}, {said}": form(picture(seed)) for name, form in FORMS.items() for said, seed in BOTH.items()}
    files["faint, listed"] = encoded(faint(90), "PNG")
    files |= {f"file by {name}, listed": encoded(picture(seed)) for name, seed in DIGESTS.items()}
    return [Row(data, caption, f"https://pictures.example.org/{caption.replace(' ', '-')}") for caption, data in files.items()]


BOTH = {"listed": KNOWN_PICTURE, "unlisted": UNLISTED}
DIGESTS = {"MD5": 61, "SHA-1": 62}  # by seed


def list_more(project: Project) -> None:
    """Import a page of NCMEC's with one image by MD5 and one by SHA-1, and a list of the faint picture."""
    newest = f"{TODAY.isoformat()}T00:00:00Z"
    md5 = hashlib.md5(encoded(picture(DIGESTS["MD5"])), usedforsecurity=False).hexdigest()
    sha1 = hashlib.sha1(encoded(picture(DIGESTS["SHA-1"])), usedforsecurity=False).hexdigest()
    records = [ncmec_record("image", "7", "one", newest, md5=md5), ncmec_record("image", "7", "two", newest, sha1=sha1)]
    files = {
        "image-digests": ("ncmec.xml", ncmec_page(images=records, newest=newest)),
        "faint-pdq": ("faint.csv", f"pdq\n{hash_of(faint(90))}\n"),
    }
    for name, (file, text) in files.items():
        path = project.folder / file
        path.write_text(text, encoding="ascii")
        ListStore(project.folder / "lists").import_file(path, ImportRequest(name=name, vintage=TODAY, authority="Example Authority"), TODAY)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """Return what became of the source."""
    folder = tmp_path_factory.mktemp("misses")
    project = make(folder / "project", source(), Wanted(steps=(FILES, PICTURES)))
    list_more(project)
    answer = project.build(folder / "candidate", "--format", "json")
    assert answer.code == 0, answer.text
    tables = [pq.read_table(path) for path in sorted((folder / "candidate" / "data").glob("*.parquet"))]
    kept = frozenset(caption for table in tables for caption in table["caption"].to_pylist())
    return Outcome(kept, json.loads(answer.out)["rows"], project.folder / "known-pdq.txt")


def check(outcome: Outcome, name: str) -> None:
    """Check that the listed picture in this form is gone, that the unlisted one stays, and that nothing was set aside instead."""
    assert f"{name}, listed" not in outcome.kept
    assert f"{name}, unlisted" in outcome.kept
    assert outcome.counts["unscreenable"] == {}


def test_palette_png_is_not_missed(outcome: Outcome) -> None:
    """The peer hashes palette indices: 238 bits from the same picture in colour, at quality 100."""
    check(outcome, "palette PNG")


def test_palette_gif_is_not_missed(outcome: Outcome) -> None:
    """The peer hashes palette indices: 240 bits from the same picture in colour."""
    check(outcome, "palette GIF")


def test_cmyk_jpeg_is_not_missed(outcome: Outcome) -> None:
    """The peer hashes three of four inks as if they were red, green and blue: 256 bits from the same picture in colour."""
    check(outcome, "CMYK JPEG")


def test_one_bit_picture_is_not_missed(outcome: Outcome) -> None:
    """The peer reads ones where white is: quality 0, and the picture is dropped."""
    check(outcome, "1 bit")


def test_sixteen_bit_grey_is_not_missed(outcome: Outcome) -> None:
    """The peer clips 16 bits to 8: a white picture of quality 0, which is dropped."""
    check(outcome, "16 bit grey")


def test_picture_of_quality_below_50_is_not_missed(outcome: Outcome) -> None:
    """The peer returns no hash for a picture of low quality (15 here), so that an entry for it is never met."""
    assert pdq.hash_array(np.asarray(faint(90)))[1] < 50
    assert "faint, listed" not in outcome.kept
    assert outcome.counts["removed"]["near-copies"] == len(FORMS) + 1


def test_md5_and_sha1_of_images_are_not_discarded(outcome: Outcome) -> None:
    """The peer takes from NCMEC's lists the MD5 of videos alone, and of images neither MD5 nor SHA-1."""
    assert outcome.counts["removed"]["known-files"] == len(DIGESTS)
    assert not {f"file by {name}, listed" for name in DIGESTS} & outcome.kept


def test_list_of_exactly_one_hash_is_not_missed(outcome: Outcome) -> None:
    """The peer's command and its service find nothing by a list of one hash (its issue 1318); a second entry changes that."""
    assert len(outcome.near_list.read_text(encoding="ascii").split()) == 1
    assert not {f"{name}, listed" for name in FORMS} & outcome.kept
    assert outcome.counts["removed"]["near-copies"] == len(FORMS) + 1
