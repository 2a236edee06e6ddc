"""What the usual tools miss without a word, each as a test: planted in a list, shown to the step, and found."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from release.fingerprint import Fingerprinter, pdq
from release.lists import ImportRequest, ListStore
from release.plan import Limits, load
from release.screen import image_bytes
from release.steps import KEPT, REMOVED, UNSCREENABLE, Rows, Step, Verdicts, build_steps, kinds

TODAY = datetime.now(UTC).date()
PLAN = """
[release]
name = "example/misses"
version = "1.0.0"
license = "cc0-1.0"
[source]
path = "source"
columns = { image = "image" }
"""


def picture(seed: int = 0) -> Image.Image:
    """Return a smooth random picture of 400 x 300."""
    small = np.random.default_rng(seed).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((400, 300), Image.Resampling.BICUBIC)


def blank(grey: int = 90) -> Image.Image:
    """Return a picture with little in it: one grey patch on another."""
    pixels = np.full((300, 400), grey, np.uint8)
    pixels[100:180, 60:240] = grey + 40
    return Image.fromarray(pixels)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def hash_of(image: Image.Image) -> str:
    """Return the PDQ hash of a picture's colours."""
    return pdq.hash_array(np.asarray(image.convert("RGB")))[0].hex()


def one_step(folder: Path, step: str, entries: str) -> Step:
    """Return a step of the list `known`, which has these entries, one on each line."""
    text = folder / "list.csv"
    kind = "pdq" if "near-hash" in step else {32: "md5", 40: "sha1"}[len(entries)]
    text.write_text(f"{kind}\n{entries}\n", encoding="ascii")
    ListStore(folder / "lists").import_file(text, ImportRequest("known", TODAY), TODAY)
    plan = folder / "plan.toml"
    plan.write_text(f'{PLAN}[[step]]\nname = "s"\nlists = ["known"]\n{step}', encoding="ascii")
    (made,) = build_steps(load(plan, kinds()), ListStore(folder / "lists"), TODAY)
    return made


def verdicts(step: Step, *files: bytes | None) -> Verdicts:
    """Return what a step says of rows with these files."""
    batch = pa.record_batch({"image": pa.array(files, pa.binary())})
    with Fingerprinter(Limits(), perceptual=step.needs_pixels) as fingerprinter:
        prints = fingerprinter.run(image_bytes(batch, "image"))
    return step.screen(Rows(n=len(files), batch=batch, fingerprints=prints, problems={}), np.ones(len(files), np.bool_))


MADE: dict[str, Callable[[Image.Image], bytes]] = {
    "palette-png": lambda image: encoded(image.quantize(200), "PNG"),
    "palette-gif": lambda image: encoded(image.quantize(250), "GIF"),
    "cmyk-jpeg": lambda image: encoded(image.convert("CMYK"), "JPEG", quality=95),
    "one-bit": lambda image: encoded(image.convert("1"), "PNG"),
    "sixteen-bit-grey": lambda image: encoded(Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257), "PNG"),
    "mirrored": lambda image: encoded(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "PNG"),
    "second-frame": lambda image: encoded(picture(9), "GIF", save_all=True, append_images=[image], duration=50),
}


@pytest.mark.parametrize("name", MADE)
def test_a_listed_picture_in_a_form_that_is_often_missed_is_removed(tmp_path: Path, name: str) -> None:
    """Palette PNG and GIF, CMYK JPEG, 1-bit and 16-bit grey: the same picture, whose colours are listed."""
    step = one_step(tmp_path, 'kind = "near-hash"', hash_of(picture()))
    found = verdicts(step, MADE[name](picture()), encoded(picture(5), "PNG"))
    assert found.status.tolist() == [REMOVED, KEPT]


def test_a_listed_picture_of_quality_below_50_is_removed(tmp_path: Path) -> None:
    """Low quality is no excuse: the same picture and a saving of it match, whatever the plan does with unlisted ones."""
    files = encoded(blank(), "PNG"), encoded(blank(), "JPEG", quality=95)
    for choice in ("unscreenable", "keep"):
        folder = tmp_path / choice
        folder.mkdir()
        found = verdicts(one_step(folder, f'kind = "near-hash"\nlow_quality = "{choice}"', hash_of(blank())), *files)
        assert (found.status.tolist(), found.kept_low_quality) == ([REMOVED, REMOVED], 0)


def test_an_unlisted_picture_of_low_quality_is_unscreenable_or_counted(tmp_path: Path) -> None:
    """By default it is left out, with its reason; a plan that keeps it has it counted; one that sets no threshold sees nothing in it."""
    cases = {"": (UNSCREENABLE, "low-quality", 0), 'low_quality = "keep"': (KEPT, "", 1), "quality = 0": (KEPT, "", 0)}
    for number, (line, expected) in enumerate(cases.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        found = verdicts(
            one_step(folder, f'kind = "near-hash"\n{line}', hash_of(picture())), encoded(blank(), "PNG"), encoded(picture(5), "PNG")
        )
        assert (found.status[0], found.reason[0], found.kept_low_quality) == expected
        assert found.status[1] == KEPT


def test_one_blank_frame_makes_a_row_one_of_low_quality(tmp_path: Path) -> None:
    """The lowest quality of a row decides: one frame that could not be matched with confidence is one too many."""
    file = encoded(picture(5), "WEBP", save_all=True, append_images=[blank().convert("RGB")], lossless=True)
    found = verdicts(one_step(tmp_path, 'kind = "near-hash"', hash_of(picture())), file)
    assert (found.status.tolist(), found.reason) == ([UNSCREENABLE], ["low-quality"])


def test_a_row_that_the_source_could_not_deliver_is_not_counted_as_kept(tmp_path: Path) -> None:
    """What is kept at low quality is counted among rows that are kept."""
    step = one_step(tmp_path, 'kind = "near-hash"\nlow_quality = "keep"', hash_of(picture()))
    file = encoded(blank(), "PNG")
    batch = pa.record_batch({"image": pa.array([file, file], pa.binary())})
    with Fingerprinter(Limits()) as fingerprinter:
        rows = Rows(n=2, batch=batch, fingerprints=fingerprinter.run([file, file]), problems={0: "bad-path"})
    assert step.screen(rows, np.ones(2, np.bool_)).kept_low_quality == 1
    assert step.screen(rows, np.zeros(2, np.bool_)).kept_low_quality == 0


def test_a_list_of_exactly_one_hash_matches(tmp_path: Path) -> None:
    """An index of one entry is an index."""
    step = one_step(tmp_path, 'kind = "near-hash"\ndistance = 0', hash_of(picture()))
    assert verdicts(step, encoded(picture(), "PNG")).status.tolist() == [REMOVED]


@pytest.mark.parametrize("name", ["md5", "sha1"])
def test_md5_and_sha1_of_a_list_are_not_discarded(tmp_path: Path, name: str) -> None:
    """Lists of the field name files by MD5 and SHA-1, and those match."""
    file = encoded(picture(), "PNG")
    step = one_step(tmp_path, 'kind = "exact-hash"', hashlib.new(name, file, usedforsecurity=False).hexdigest())
    assert verdicts(step, file, file + b" ").status.tolist() == [REMOVED, KEPT]


def test_without_forms_a_mirrored_copy_is_not_sought(tmp_path: Path) -> None:
    """A plan can leave the turned and mirrored forms out, and its parameters say so."""
    step = one_step(tmp_path, 'kind = "near-hash"\nforms = "identity"', hash_of(picture()))
    assert verdicts(step, MADE["mirrored"](picture()), encoded(picture(), "PNG")).status.tolist() == [KEPT, REMOVED]
    assert step.parameters.canonical()["forms"] == "identity"
