"""Pictures that a file shows only to some readers: behind the first one, on dark pages; and a decoder with nothing compiled yet."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from release.fingerprint import Fingerprinter, Fingerprints
from release.plan import Limits


@pytest.fixture(scope="module")
def photograph(conformance: Path) -> Image.Image:
    """Return a photograph of a bridge."""
    with Image.open(conformance / "pdq" / "bridge-mods" / "aaa-orig.jpg") as image:
        return image.convert("RGB").resize((480, 360))


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    """Return a picture as a file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def nearest(prints: Fingerprints, row: int, other: int) -> int:
    """Return the smallest distance between any view of one row and the first view of another."""
    views = prints.pdq["full"][prints.frame_row == row][:, 0]
    wanted = prints.pdq["full"][prints.frame_row == other][0, 0]
    return int(np.unpackbits(views ^ wanted, axis=1).sum(axis=1).min())


def test_a_second_picture_in_a_jpeg_file_is_a_frame(photograph: Image.Image) -> None:
    """A picture that stands second in a multi-picture JPEG is hashed as well as the first."""
    first = Image.linear_gradient("L").convert("RGB").resize((300, 200))
    both = encoded(first, "MPO", save_all=True, append_images=[photograph], quality=95)
    with Fingerprinter(Limits()) as fingerprinter:
        prints = fingerprinter.run([both, encoded(photograph, "PNG")])
    assert prints.reason == ["", ""]
    assert (prints.frame_row == 0).sum() == 2
    assert nearest(prints, 0, 1) <= 10


def test_a_picture_drawn_in_its_transparency_is_seen(photograph: Image.Image) -> None:
    """A white picture whose transparency is a photograph shows it on a dark page, and is hashed that way too."""
    hidden = Image.new("RGBA", photograph.size, (255, 255, 255, 255))
    hidden.putalpha(photograph.convert("L"))
    with Fingerprinter(Limits()) as fingerprinter:
        prints = fingerprinter.run([encoded(hidden, "PNG"), encoded(photograph, "PNG")])
    assert (prints.frame_row == 0).sum() == 3
    assert nearest(prints, 0, 1) <= 10


CHILD = """
import io
from PIL import Image
from release.fingerprint import Fingerprinter
from release.plan import Limits

def pictures():
    for mode in ("L", "RGB", "RGBA", "P", "1", "I;16", "CMYK"):
        for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
            file = io.BytesIO()
            try:
                Image.effect_noise((600, 540), 60).convert("RGB").convert(mode).save(file, kind)
            except (OSError, KeyError, ValueError):
                continue
            yield file.getvalue()

if __name__ == "__main__":
    with Fingerprinter(Limits()) as fingerprinter:
        print(sorted(set(fingerprinter.run(list(pictures())).reason)))
"""


def test_a_decoder_without_compiled_code_decodes(tmp_path: Path) -> None:
    """On a machine where nothing was compiled yet, every kind of picture decodes: nothing is compiled under the limits."""
    script = tmp_path / "child.py"
    script.write_text(CHILD)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": str(Path(__file__).parents[4])}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, env=environment, timeout=240, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "['']"), done.stderr[-2000:]
