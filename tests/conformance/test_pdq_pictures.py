"""PDQ on the reference's own pictures: its published hashes, its pixel modes, its turned pictures, its lists."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from release.fingerprint import CONVENTIONS, Fingerprinter, Fingerprints
from release.match import NearIndex, parts
from release.match.parts import NO_TABLES, Shape


@dataclass(frozen=True, slots=True)
class Cost:
    """Limits of one picture."""

    pixels: int = 4_000_000
    frames: int = 1
    bytes: int = 4_000_000
    seconds: float = 30.0
    memory: int = 1 << 29


@pytest.fixture(scope="module")
def prints() -> Iterator[Fingerprinter]:
    """Return a running fingerprinter under all conventions."""
    with Fingerprinter(Cost(), CONVENTIONS) as fingerprinter:
        yield fingerprinter


def run(prints: Fingerprinter, paths: list[Path]) -> Fingerprints:
    """Return the fingerprints of files, each of which has to decode to one view."""
    made = prints.run([path.read_bytes() for path in paths])
    assert made.reason == [""] * len(paths)
    assert made.frame_row.tolist() == list(range(len(paths)))
    return made


def hexed(texts: list[str]) -> np.ndarray:
    """Return hashes from their hexadecimal form."""
    return np.frombuffer(bytes.fromhex("".join(texts)), dtype=np.uint8).reshape(-1, 32)


def test_nearest_512_gives_the_hashes_of_the_cpp_reference(conformance: Path, prints: Fingerprinter) -> None:
    """Every published hash is met exactly, but for one that is within 2 bits (another JPEG decoder)."""
    folder = conformance / "pdq"
    with (folder / "expected-cpp-nn512.csv").open(encoding="ascii", newline="") as file:
        rows = list(csv.DictReader(file))
    made = run(prints, [folder / row["file"] for row in rows])
    distances = np.bitwise_count(made.pdq["nearest-512"][:, 0] ^ hexed([row["pdq"] for row in rows])).sum(axis=1)
    assert np.count_nonzero(distances) <= 1
    assert distances.max() <= 2


@pytest.mark.parametrize("listed", CONVENTIONS)
def test_every_pixel_mode_is_within_ten_bits_of_rgb(conformance: Path, prints: Fingerprinter, listed: str) -> None:
    """One picture in every mode is near its RGB form as a build matches it: the nearest of its conventions, whichever made the entry."""
    made, rgb = modes(conformance, prints)
    entry = made.pdq[listed][rgb, 0]
    assert min_over_conventions(made, entry).max() <= 10


def test_only_the_dots_of_one_bit_are_further_under_a_single_convention(conformance: Path, prints: Fingerprinter) -> None:
    """Convention by convention every mode is within 10 bits as well, but for the 1-bit picture under `nearest-512`, which has 12."""
    made, rgb = modes(conformance, prints)
    distances = {name: np.bitwise_count(codes[:, 0] ^ codes[rgb, 0]).sum(axis=1) for name, codes in made.pdq.items()}
    beyond = {
        (name, mode_paths(conformance)[row].name): int(bits)
        for name in CONVENTIONS
        for row, bits in enumerate(distances[name])
        if bits > 10
    }
    assert beyond == {("nearest-512", "1.png"): 12}


def test_twelve_bits_of_the_one_bit_picture_are_the_references_own(conformance: Path, prints: Fingerprinter) -> None:
    """Nearest neighbour takes one dot of three and makes noise of them; the reference's hash of the same dots is the same."""
    pdqhash = pytest.importorskip("pdqhash")
    path = conformance / "pdq" / "misc-images" / "modes" / "1.png"
    with Image.open(path) as image:
        dots = np.asarray(image.convert("RGB"))
    rows, columns = (np.arange(512) * side // 512 for side in dots.shape[:2])
    bits, _ = pdqhash.compute(np.ascontiguousarray(dots[np.ix_(rows, columns)]))
    assert np.packbits(bits).tobytes() == run(prints, [path]).pdq["nearest-512"][0, 0].tobytes()


def mode_paths(conformance: Path) -> list[Path]:
    """Return the files of one picture in every mode."""
    return sorted((conformance / "pdq" / "misc-images" / "modes").iterdir())


def modes(conformance: Path, prints: Fingerprinter) -> tuple[Fingerprints, int]:
    """Return the fingerprints of one picture in every mode, none of which may be refused, and the place of RGB among them."""
    paths = mode_paths(conformance)
    return run(prints, paths), [path.name for path in paths].index("RGB.jpg")


def min_over_conventions(made: Fingerprints, entry: np.ndarray) -> np.ndarray:
    """Return for each row the least number of bits between any of its hashes and an entry."""
    codes = np.concatenate([made.pdq[name] for name in CONVENTIONS], axis=1)
    least: np.ndarray = np.bitwise_count(codes ^ entry).sum(axis=2).min(axis=1)
    return least


def test_eight_turned_pictures_match_each_other(conformance: Path, prints: Fingerprinter) -> None:
    """Whichever way a picture is turned, one of its forms is within the usual distance of every other."""
    paths = sorted((conformance / "pdq" / "reg-test-input" / "dih").iterdir())
    made = run(prints, paths)
    for convention in CONVENTIONS:
        forms = made.pdq[convention]
        for other in range(len(paths)):
            index = NearIndex.build(forms[other, :1], forms[:0, 0])
            assert index.any_within(forms, 31).all()


@pytest.mark.parametrize("shape", [NO_TABLES, Shape(16, 16, 8), Shape(11, 23, 8)])
@pytest.mark.parametrize("radius", [0, 15, 31, 60, 90])
def test_needles_in_the_haystack_agree_with_a_count_of_every_pair(
    conformance: Path, monkeypatch: pytest.MonkeyPatch, shape: Shape, radius: int
) -> None:
    """The index answers as counting the differing bits of every pair does, by scanning and by multi-index hashing."""
    monkeypatch.setattr(parts, "is_worth_probing", lambda shape, distance, _entries: bool(shape.parts) and distance < 32)
    haystack, needles = (
        hexed((conformance / "pdq" / name).read_text(encoding="ascii").split()) for name in ("haystack.txt", "needles.txt")
    )
    truth = np.bitwise_count(needles[:, None, :] ^ haystack[None, :, :]).sum(axis=2).min(axis=1) <= radius
    assert NearIndex.build(haystack, haystack[:0], shape).any_within(needles, radius).tolist() == truth.tolist()
    planted = haystack ^ np.eye(32, dtype=np.uint8)[7]
    assert NearIndex.build(haystack, haystack[:0], shape).any_within(planted, 1).all()
