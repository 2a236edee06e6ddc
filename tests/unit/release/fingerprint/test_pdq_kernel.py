"""The PDQ kernel against `pdqhash`, which wraps the reference, and against the geometry of mirrored pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import agreement
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from release.fingerprint import CONVENTIONS, kernel, pdq
from release.fingerprint.taps import nearest_taps, taps, thumbnail_size, thumbnail_taps


def reference(pixels: Any) -> tuple[bytes, int]:
    """Return what pdqhash makes of an RGB picture."""
    pdqhash = pytest.importorskip("pdqhash")
    bits, quality = pdqhash.compute(pixels)
    return np.packbits(bits.astype(np.uint8)).tobytes(), quality


@pytest.mark.parametrize(
    ("rows", "columns"),
    [(5, 5), (5, 900), (63, 65), (64, 64), (100, 127), (128, 129), (256, 256), (480, 640), (512, 512), (513, 1025)],
)
def test_hash_and_quality_are_the_references(studio: Any, rows: int, columns: int) -> None:
    """The kernel gives the reference's bits and quality at every size, windows of even and odd width included."""
    for seed in range(12):
        pixels = studio.rgb(seed, rows, columns)
        assert pdq.hash_array(pixels) == reference(pixels)


def test_kernel_and_reference_agree_on_pieces_of_a_photograph(conformance: Path) -> None:
    """The same count as `make kernel-agreement`, on fewer pictures: every bit of nearly all, and never more than 2."""
    pytest.importorskip("pdqhash")
    photos = [Image.open(conformance / "pdq" / "bridge-mods" / name).convert("RGB") for name in ("aaa-orig.jpg", "high-contrast.jpg")]
    found = agreement.compare(agreement.cuttings(photos), 60)
    assert found.holds
    assert len(found.high) == 60
    assert not agreement.Agreement(high=[0] * 998 + [2, 2]).holds
    assert not agreement.Agreement(high=[0] * 9999 + [4]).holds
    assert not agreement.Agreement(low=[0]).holds


def test_symmetric_picture_whose_coefficients_tie_is_the_references() -> None:
    """A picture that is its own mirror has coefficients that tie at the median, and rounding decides as in the reference."""
    half = np.kron(np.random.default_rng(5).integers(0, 256, (16, 8, 3), dtype=np.uint8), np.ones((20, 25, 1), dtype=np.uint8))
    pixels = np.ascontiguousarray(np.concatenate([half, half[:, ::-1]], axis=1))
    assert pdq.hash_array(pixels) == reference(pixels)


def test_grey_picture_hashes_as_the_same_picture_in_colour(studio: Any) -> None:
    """Equal channels give the hash of the single channel."""
    grey = np.ascontiguousarray(studio.rgb(3)[:, :, 0])
    assert pdq.hash_array(grey) == reference(np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2)))


@pytest.mark.parametrize(("rows", "columns"), [(64, 71), (512, 512), (700, 1033)])
def test_every_pixel_layout_of_a_picture_has_one_hash(studio: Any, rows: int, columns: int) -> None:
    """RGBX, which JPEG is decoded to, and RGB differ by nothing; a hasher that is used again remembers nothing."""
    rgb = studio.rgb(5, rows, columns)
    rgbx = np.concatenate([rgb, np.full((rows, columns, 1), 77, np.uint8)], axis=2).view(np.uint32)[:, :, 0]
    hasher = pdq.Hasher(CONVENTIONS)
    hasher.hash(studio.rgb(6, 900, 800))
    codes, quality = hasher.hash(rgb)
    other, same = hasher.hash(rgbx)
    assert codes.tobytes() == other.tobytes()
    assert quality.tolist() == same.tolist()
    for at, name in enumerate(CONVENTIONS):
        assert pdq.dihedral(rgb, name)[0].tobytes() == codes[at].tobytes()


def test_ties_are_settled_alike_in_every_pixel_layout() -> None:
    """A picture of one colour has ties everywhere: RGB and RGBX go the reference's own way and come out with its bits."""
    rgb = np.full((600, 700, 3), (200, 30, 90), np.uint8)
    rgbx = np.concatenate([rgb, np.zeros((600, 700, 1), np.uint8)], axis=2).view(np.uint32)[:, :, 0]
    hasher = pdq.Hasher(CONVENTIONS)
    codes, _ = hasher.hash(rgb)
    assert hasher.ties == len(CONVENTIONS)
    assert codes.tobytes() == hasher.hash(rgbx)[0].tobytes()
    assert codes[0, 0].tobytes() == reference(rgb)[0]
    hasher.hash(rgbx, exact=False)
    assert hasher.ties == 2 * len(CONVENTIONS)


def test_picture_wider_than_the_room_that_is_kept_is_hashed(studio: Any) -> None:
    """Width has no limit of its own."""
    wide = studio.rgb(1, 64, pdq.KEPT_COLUMNS + 65)
    assert pdq.hash_array(wide)[0] == reference(wide)[0]


def test_median_is_that_of_sorted_coefficients() -> None:
    """Bits are set above the 128th coefficient from below, with equal ones, signs and both zeros among them."""
    draw = np.random.default_rng(2)
    for spread in (1e-3, 1.0, 4.0, 1e6):
        coefficients = np.round(draw.normal(0, spread, (16, 16))).astype(np.float32) if spread > 1 else draw.normal(0, spread, (16, 16))
        coefficients = coefficients.astype(np.float32)
        coefficients[0, :3] = -0.0, 0.0, -0.0
        out = np.zeros((8, 32), np.uint8)
        kernel.forms(coefficients, out)
        ranked = np.sort(coefficients.ravel())
        assert np.unpackbits(out[0])[::-1].reshape(16, 16).tolist() == (coefficients > ranked[127]).astype(int).tolist()
        assert kernel.margin(coefficients) == ranked[128] - ranked[127]


def test_picture_below_five_pixels_has_the_zero_hash_and_no_quality() -> None:
    """The reference does not hash a side of less than five pixels."""
    assert pdq.hash_array(np.full((4, 400), 7, dtype=np.uint8)) == (bytes(32), 0)


TURNS = {
    "identity": lambda p: p,
    "rotate-90": np.rot90,
    "rotate-180": lambda p: np.rot90(p, 2),
    "rotate-270": lambda p: np.rot90(p, 3),
    "mirror-rows": lambda p: p[::-1],
    "mirror-columns": lambda p: p[:, ::-1],
    "transpose": lambda p: p.swapaxes(0, 1),
    "anti-transpose": lambda p: np.rot90(p, 2).swapaxes(0, 1),
}


@pytest.mark.parametrize("number", range(8))
def test_each_form_is_the_hash_of_the_turned_picture(studio: Any, number: int) -> None:
    """Form k of a picture is near the first form of the picture turned that way, and near no other."""
    pixels = studio.rgb(11, 512, 512)
    forms, _ = pdq.dihedral(pixels)
    turned, _ = pdq.dihedral(np.ascontiguousarray(TURNS[pdq.FORMS[number]](pixels)))
    distances = [studio.distance(form, turned[0]) for form in forms]
    assert distances[number] <= 48
    assert min(distances[:number] + distances[number + 1 :]) >= 80


def test_conventions_agree_up_to_512_pixels_and_are_apart_above(studio: Any) -> None:
    """No convention resizes a picture whose sides do not exceed 512."""
    small = pdq.conventions(studio.rgb(1, 512, 400), CONVENTIONS)
    assert len({codes.tobytes() for codes, _ in small.values()}) == 1
    noisy = np.random.default_rng(1).integers(0, 256, (700, 900, 3), dtype=np.uint8)
    assert len({codes.tobytes() for codes, _ in pdq.conventions(noisy, CONVENTIONS).values()}) == 3


def test_nearest_convention_is_the_hash_of_the_resized_picture(studio: Any) -> None:
    """The operator that skips the resized picture gives what hashing the resized picture gives."""
    pixels = studio.rgb(2, 300, 1300)
    resized = pixels[np.ix_(np.arange(512) * 300 // 512, np.arange(512) * 1300 // 512)]
    assert pdq.dihedral(pixels, "nearest-512")[0].tobytes() == pdq.dihedral(np.ascontiguousarray(resized))[0].tobytes()


@pytest.mark.parametrize(("rows", "columns"), [(513, 200), (700, 900), (1224, 1632), (2600, 520), (90, 3000), (1500, 1500)])
def test_thumbnail_convention_is_the_hash_of_pillows_thumbnail(studio: Any, rows: int, columns: int) -> None:
    """The operator that skips the thumbnail is within 4 bits of hashing the thumbnail, which is rounded to whole levels."""
    pixels = studio.rgb(6, rows, columns)
    thumbnail = Image.fromarray(pixels)
    thumbnail.thumbnail((512, 512))
    assert thumbnail.size == thumbnail_size(rows, columns)[::-1]
    wanted = pdq.dihedral(np.ascontiguousarray(thumbnail))[0][0]
    assert studio.distance(pdq.dihedral(pixels, "thumbnail-512")[0][0], wanted) <= 4


@pytest.mark.parametrize(("rows", "columns"), [(5, 6000), (6000, 5), (1, 900), (513, 1), (6, 513)])
def test_strip_of_a_picture_is_hashed_under_every_convention(rows: int, columns: int) -> None:
    """A very long and narrow picture breaks nothing."""
    pixels = np.random.default_rng(rows).integers(0, 256, (rows, columns), dtype=np.uint8)
    for codes, quality in pdq.conventions(pixels, CONVENTIONS).values():
        assert codes.shape == (8, 32)
        assert 0 <= quality <= 100


@settings(max_examples=60, deadline=None)
@given(length=st.integers(5, 9000))
def test_operator_weights_sum_to_one_and_stay_inside(length: int) -> None:
    """Each sample is an average of lines of the picture."""
    for operator in (taps(length), nearest_taps(length), thumbnail_taps(length, max(length // 3, 1)), thumbnail_taps(length, length)):
        assert operator.index.min() >= 0
        assert operator.index.max() < length
        assert np.allclose(operator.weight.sum(axis=1), 1.0, atol=1e-5)
