"""Grey pictures that common readers show wrongly: what their file says is hashed, and what careless readers show of them as well."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import Image

from release.fingerprint import Fingerprinter

NEAR = 10
PHOTOMETRIC, BITS, SAMPLE_FORMAT = 262, 258, 339
XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta hdrgm:Version="1.0"/>'


def tiff(values: Any, bits: int, tags: dict[int, int], data: bytes | None = None) -> bytes:
    """Return an uncompressed grey TIFF of one strip; `tags` go on top of what has to be there."""
    rows, columns = values.shape
    pixels = values.tobytes() if data is None else data
    entries = {256: columns, 257: rows, BITS: bits, 259: 1, PHOTOMETRIC: 1, 277: 1, 278: rows, 279: len(pixels), **tags}
    entries[273] = 8 + 2 + 12 * (len(entries) + 1) + 4
    table = b"".join(struct.pack("<HHII", tag, 4, 1, entries[tag]) for tag in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + table + struct.pack("<I", 0) + pixels


def nearest(prints: Fingerprinter, data: bytes, wanted: Image.Image) -> int:
    """Return the least distance between a view of a file and a picture."""
    file = io.BytesIO()
    wanted.save(file, "PNG")
    made = prints.run([data, file.getvalue()])
    assert made.reason == ["", ""]
    views, right = made.pdq["full"][made.frame_row == 0][:, 0], made.pdq["full"][made.frame_row == 1][0, 0]
    return int(np.unpackbits(views ^ right, axis=1).sum(axis=1).min())


@pytest.fixture
def grey(studio: Any) -> Image.Image:
    """Return a grey picture."""
    picture: Image.Image = studio.image().convert("L")
    return picture


def test_16_bit_tiff_whose_zero_is_white_is_not_hashed_as_its_negative_alone(prints: Fingerprinter, grey: Image.Image) -> None:
    """The picture that the file describes is a view."""
    inverted = (255 - np.asarray(grey)).astype("<u2") * 257
    assert nearest(prints, tiff(inverted, 16, {PHOTOMETRIC: 0}), grey) <= NEAR


def test_float_tiff_whose_zero_is_white_is_not_hashed_as_its_negative_alone(prints: Fingerprinter, grey: Image.Image) -> None:
    """The same for floats."""
    inverted = (1 - np.asarray(grey) / 255).astype("<f4")
    assert nearest(prints, tiff(inverted, 32, {PHOTOMETRIC: 0, SAMPLE_FORMAT: 3}), grey) <= NEAR


def test_unsigned_32_bit_tiff_is_not_taken_for_signed(prints: Fingerprinter, grey: Image.Image) -> None:
    """Light pixels are not darker than dark ones."""
    values = np.asarray(grey).astype("<u4") << 24
    assert nearest(prints, tiff(values, 32, {SAMPLE_FORMAT: 1}), grey) <= NEAR


def test_signed_8_bit_tiff_is_not_taken_for_unsigned(prints: Fingerprinter, grey: Image.Image) -> None:
    """-128 is black and 127 is white."""
    values = (np.asarray(grey).astype(np.int16) - 128).astype(np.int8)
    assert nearest(prints, tiff(values, 8, {SAMPLE_FORMAT: 2}), grey) <= NEAR


def test_12_bit_tiff_fills_its_range(prints: Fingerprinter, grey: Image.Image) -> None:
    """A picture of 12 bits is as light as it is, and so is found where its contrast counts."""
    values = np.asarray(grey.resize((512, 512))).astype(np.uint16).ravel() * 16
    first, second = values[0::2], values[1::2]
    packed = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1).astype(np.uint8).tobytes()
    assert nearest(prints, tiff(np.zeros((512, 512)), 12, {}, packed), grey.resize((512, 512))) <= NEAR


def test_16_bit_png_with_a_transparent_value_is_seen_on_pages_of_both_kinds(prints: Fingerprinter, grey: Image.Image) -> None:
    """A picture that only one grey's transparency draws is a view."""
    drawn = np.where(np.asarray(grey) > 127, 65535, 65534).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(drawn).save(file, "PNG", transparency=65534)
    shown = Image.fromarray(np.where(np.asarray(grey) > 127, 255, 0).astype(np.uint8))
    assert nearest(prints, file.getvalue(), shown) <= NEAR


def test_second_picture_of_an_ultra_hdr_file_is_a_frame(prints: Fingerprinter, studio: Any) -> None:
    """A file that names a gain map cannot hide a picture behind the first one."""
    first = Image.linear_gradient("L").convert("RGB").resize((300, 200))
    file = io.BytesIO()
    first.save(file, "MPO", save_all=True, append_images=[studio.image()], quality=95)
    data = file.getvalue()
    named = data[:2] + b"\xff\xe1" + struct.pack(">H", len(XMP) + 2) + XMP + data[2:]
    assert type(Image.open(io.BytesIO(named))).__name__ == "JpegImageFile"
    assert nearest(prints, named, studio.image()) <= NEAR
