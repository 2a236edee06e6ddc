"""Every pixel mode, and each of the silent misses of the usual tools, named after it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image, ImageCms, ImageOps

from release.fingerprint import Fingerprinter, pdq
from release.fingerprint.modes import views_of

NEAR = 10


def codes_of(prints: Fingerprinter, data: bytes) -> Any:
    """Return the first form of every view of one file, (m, 32)."""
    made = prints.run([data])
    assert made.reason == [""]
    return made.pdq["full"][:, 0]


def check(prints: Fingerprinter, studio: Any, data: bytes, seed: int = 0) -> None:
    """Check that a file hashes like the RGB picture that it shows."""
    wanted = pdq.dihedral(studio.rgb(seed))[0][0]
    assert studio.distance(codes_of(prints, data)[0], wanted) <= NEAR


def test_palette_png_is_hashed_by_its_colours_and_not_by_its_indices(prints: Fingerprinter, studio: Any) -> None:
    """A palette in any order shows the same picture."""
    quantised = studio.image().quantize(200)
    order = np.random.default_rng(0).permutation(200)
    shuffled = quantised.remap_palette([int(index) for index in order])
    check(prints, studio, studio.file(quantised))
    check(prints, studio, studio.file(shuffled))


def test_palette_gif_is_hashed_by_its_colours(prints: Fingerprinter, studio: Any) -> None:
    """A GIF hashes like the picture that it shows."""
    check(prints, studio, studio.file(studio.image().quantize(250), "GIF"))


def test_cmyk_jpeg_is_not_hashed_as_its_negative(prints: Fingerprinter, studio: Any) -> None:
    """Inks are inverted as Adobe's marker says; without the marker they are not."""
    inks = studio.image().convert("CMYK")
    data = studio.file(inks, "JPEG", quality=95)
    assert b"Adobe" in data[:200]
    check(prints, studio, data)
    plain = studio.file(ImageOps.invert(inks.convert("RGB")).convert("CMYK"), "JPEG", quality=95)
    start = plain.index(b"\xff\xee")
    length = int.from_bytes(plain[start + 2 : start + 4], "big")
    unmarked = plain[:start] + plain[start + 2 + length :]
    with Image.open(io.BytesIO(unmarked)) as image:
        assert "adobe" not in image.info
    assert len(codes_of(prints, unmarked)) == 1


def test_cmyk_jpeg_without_marker_is_the_inverse_of_the_one_with_it(prints: Fingerprinter, studio: Any) -> None:
    """Ink values that are stored straight show the negative of those stored inverted."""
    inverted = Image.merge("CMYK", [ImageOps.invert(band) for band in studio.image().convert("CMYK").split()])
    data = studio.file(inverted, "JPEG", quality=95)
    start = data.index(b"\xff\xee")
    length = int.from_bytes(data[start + 2 : start + 4], "big")
    check(prints, studio, data[:start] + data[start + 2 + length :])


def test_ycck_jpeg_is_not_hashed_as_its_negative(prints: Fingerprinter, studio: Any) -> None:
    """The inks of a YCCK file come out of luma and chroma, and are then those of a CMYK file with Adobe's marker."""
    inks = 255 - np.asarray(studio.image().convert("CMYK"))
    data = simplejpeg.encode_jpeg(np.ascontiguousarray(inks), quality=95, colorspace="CMYK")
    assert simplejpeg.decode_jpeg_header(data)[2] == "YCCK"
    check(prints, studio, data)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBX", "YCbCr", "HSV", "CMYK", "LA", "La", "PA", "RGBA", "RGBa", "I", "I;16", "F"])
def test_every_mode_has_a_rule_that_shows_the_picture(studio: Any, mode: str) -> None:
    """Whichever mode a decoder gives, its first view is the picture."""
    image = studio.image()
    if mode == "La":
        shown = image.convert("LA").convert("La")
    elif mode == "PA":
        shown = image.quantize(200).convert("PA")
    elif mode == "I;16":
        shown = Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    else:
        shown = image.convert("L").convert(mode) if mode in ("I", "F") else image.convert("RGBA").convert(mode)
    assert shown.mode == mode
    (view, *_) = views_of(shown)
    assert studio.distance(pdq.dihedral(view)[0][0], pdq.dihedral(studio.rgb())[0][0]) <= NEAR


def test_a_mode_without_a_rule_is_refused_by_name() -> None:
    """A mode that nobody thought of is an error, and no guess."""
    strange = Image.new("L", (8, 8)).convert("RGB")
    strange._mode = "BGR;15"
    with pytest.raises(ValueError, match="pixel mode BGR;15 has no rule"):
        views_of(strange)


def test_one_bit_picture_is_not_dropped(prints: Fingerprinter, studio: Any) -> None:
    """A 1-bit picture is hashed, and is near its own grey original."""
    check(prints, studio, studio.file(studio.image(0, 300, 400).convert("1")))


def test_16_bit_grey_picture_is_not_dropped(prints: Fingerprinter, studio: Any) -> None:
    """Both byte orders of 16-bit grey keep their upper 8 bits."""
    grey = np.asarray(studio.image().convert("L")).astype(np.uint16) * 257
    check(prints, studio, studio.file(Image.fromarray(grey)))
    check(prints, studio, studio.file(Image.fromarray(grey), "TIFF"))


def test_low_quality_picture_is_hashed_and_not_dropped(prints: Fingerprinter) -> None:
    """A picture with little in it has a hash and says its quality."""
    pixels = np.full((300, 300), 90, dtype=np.uint8)
    pixels[100:180, 60:240] = 130
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    made = prints.run([out.getvalue()])
    assert 0 <= made.quality[0] < 50
    assert made.reason == [""]
    assert made.pdq["full"].shape == (1, 8, 32)
    assert made.pdq["full"][0, 0].tobytes() == pdq.hash_array(pixels)[0]


@pytest.mark.parametrize(
    ("mode", "kind"),
    [("YCbCr", "TIFF"), ("PA", "TIFF"), ("LA", "TIFF"), ("RGB", "BMP"), ("RGB", "WEBP"), ("RGB", "AVIF"), ("CMYK", "TIFF"), ("L", "JPEG")],
)
def test_mode_hashes_like_rgb(prints: Fingerprinter, studio: Any, mode: str, kind: str) -> None:
    """The same picture in another mode or format is near the RGB one."""
    image = studio.image().quantize(250) if mode == "PA" else studio.image()
    check(prints, studio, studio.file(image.convert(mode), kind))


def test_32_bit_and_float_grey_are_scaled(prints: Fingerprinter, studio: Any) -> None:
    """Integers of 32 bits and floats are brought to 0..255 by their range."""
    grey = np.asarray(studio.image().convert("L"))
    for values in (grey.astype(np.int32), grey.astype(np.int32) * 257, grey.astype(np.int32) * 100_000 - 5, grey / 255, grey * 4.0 - 100):
        kind = np.int32 if values.dtype == np.int32 else np.float32
        check(prints, studio, studio.file(Image.fromarray(values.astype(kind)), "TIFF"))


def test_lab_is_hashed_by_its_lightness(prints: Fingerprinter, studio: Any) -> None:
    """The lightness of a LAB picture is close enough to luma."""
    grey = studio.image().convert("L").convert("RGB")
    change = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(grey, change)
    assert lab is not None
    check(prints, studio, studio.file(lab, "TIFF"))


def test_transparent_picture_is_hashed_over_white_over_black_and_without_its_transparency(prints: Fingerprinter, studio: Any) -> None:
    """A picture hidden behind full transparency is seen by training code, so it is hashed too."""
    hidden = studio.image(4).convert("RGBA")
    hidden.putalpha(Image.new("L", hidden.size, 0))
    made = prints.run([studio.file(hidden)])
    assert made.quality.tolist() == [0]
    assert made.pdq["full"].shape[0] == 3
    assert studio.distance(made.pdq["full"][2, 0], pdq.dihedral(studio.rgb(4))[0][0]) == 0


def test_opaque_alpha_gives_one_view(prints: Fingerprinter, studio: Any) -> None:
    """An alpha channel that hides nothing changes nothing."""
    for mode in ("RGBA", "LA"):
        assert len(codes_of(prints, studio.file(studio.image().convert(mode)))) == 1
    check(prints, studio, studio.file(studio.image().convert("RGBA"), "WEBP", lossless=True))


def test_palette_with_transparency_is_hashed_by_its_colours(prints: Fingerprinter, studio: Any) -> None:
    """A transparent palette entry takes away its own pixels only."""
    image = studio.image().quantize(200)
    check(prints, studio, studio.file(image, "PNG", transparency=3))


@pytest.mark.parametrize("options", [{"keep_rgb": True}, {"subsampling": 0}, {"progressive": True}, {"subsampling": "4:1:1"}])
def test_jpeg_of_any_layout_hashes_like_rgb(prints: Fingerprinter, studio: Any, options: dict[str, Any]) -> None:
    """JPEG without colour transform, without or with coarse subsampling, progressive: the picture is the same."""
    check(prints, studio, studio.file(studio.image(), "JPEG", quality=92, **options))


def test_grey_decoding_of_jpeg_is_within_four_bits_of_colour(prints: Fingerprinter, studio: Any) -> None:
    """Where `nearest-512` is not asked for, JPEG is decoded to grey, which moves a hash little."""
    files = [studio.file(studio.image(seed), "JPEG", quality=85) for seed in range(8)]
    with Fingerprinter(studio.limits(), ("full",), perceptual=True) as grey:
        cheap = grey.run(files).pdq["full"][:, 0]
    assert np.bitwise_count(cheap ^ prints.run(files).pdq["full"][:, 0]).sum(axis=1).max() <= 4
