"""The self-test picture: the same everywhere, in every format that a source may have, and its entries where they belong."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from release import canary, plan
from release.errors import ScreeningError
from release.fingerprint import CONVENTIONS, Fingerprinter, pdq
from release.match import DigestIndex, NearIndex


@dataclass(frozen=True, slots=True)
class Cost:
    """Limits of one picture."""

    pixels: int = 1_000_000
    frames: int = 1
    bytes: int = 1_000_000
    seconds: float = 20.0
    memory: int = 1 << 28


@dataclass(frozen=True, slots=True)
class Roles:
    """Columns of a source."""

    image: str | None = "image"
    text: str | None = None
    url: str | None = "url"
    declared: dict[str, str] = field(default_factory=lambda: {"md5": "hash", "sha256": "raw"})


def test_picture_is_the_same_bytes_on_every_machine() -> None:
    """Entries made at import meet the picture at build, so its bytes and its hash are fixed."""
    assert hashlib.sha256(canary.picture()).hexdigest() == "a238f440f9b3cdaded0d2bc099dba6a75124549d75360bac8ba38f903738bea0"
    assert canary.picture_forms()[0].tobytes().hex() == "c0c74d717817cf0c9962078f9d6a4ad9cc70b139378fe819b2b19d82d35f5625"
    with Image.open(io.BytesIO(canary.picture())) as image:
        assert (np.asarray(image) == canary.pixels()).all()


def test_picture_has_full_quality_and_is_like_none_of_its_mirrors() -> None:
    """The self-test does not depend on a threshold or a symmetry."""
    forms, quality = pdq.dihedral(canary.pixels())
    assert quality == 100
    assert np.bitwise_count(forms[1:] ^ forms[0]).sum(axis=1).min() > 100


def test_entry_k_lies_at_distance_k_over_forms_and_conventions() -> None:
    """Each distance from 0 to 64 is met exactly by the picture that went through the decoder."""
    with Fingerprinter(Cost(), CONVENTIONS) as prints:
        made = prints.run([canary.picture()])
    codes = np.concatenate([made.pdq[name][0] for name in CONVENTIONS])
    entries = canary.near_entries()
    nearest = np.bitwise_count(entries[:, None, :] ^ codes[None, :, :]).sum(axis=2).min(axis=1)
    assert nearest.tolist() == list(canary.DISTANCES) == list(range(65))
    index = NearIndex.build(entries[:0], entries)
    for radius in (0, 8, 31, 64):
        assert index.reserved_within(codes, radius) == list(range(radius + 1))


def test_forms_that_are_too_alike_are_refused() -> None:
    """A picture whose forms lie close around it cannot serve."""
    bits = np.tile(np.unpackbits(canary.picture_forms()[0]), (8, 1))
    order = canary._evenly(np.arange(256))
    for form in range(1, 8):
        bits[form, order[36 * (form - 1) : 36 * form]] ^= 1
    with pytest.raises(ScreeningError, match="symmetric"):
        canary.near_entries(np.packbits(bits, axis=1))


@pytest.mark.parametrize(("kind", "width"), [("md5", 16), ("sha1", 20), ("sha256", 32)])
def test_digests_are_of_the_file(kind: str, width: int) -> None:
    """The digest of the picture's file is found as a reserved entry."""
    digest = np.frombuffer(canary.digests(kind), dtype=np.uint8).reshape(1, width)
    assert digest.tobytes() == hashlib.new(kind, canary.picture(), usedforsecurity=False).digest()
    index = DigestIndex.build(digest[:0], digest)
    assert index.find(digest).tolist() == index.reserved_positions.tolist()


def test_row_has_the_schema_of_the_source() -> None:
    """The self-test row enters where rows enter: image as a struct or as bytes, link, declared digests, nothing else."""
    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("image", image), ("url", pa.string()), ("hash", pa.string()), ("raw", pa.binary()), pa.field("n", pa.int64(), nullable=False)]
    )
    row = canary.canary_batch(schema, Roles()).to_pylist()[0]
    assert row["image"] == {"bytes": canary.picture(), "path": None}
    assert row["url"] == canary.URL
    assert row["hash"] == canary.digests("md5").hex()
    assert row["raw"] == canary.digests("sha256")
    assert row["n"] is None
    plain = canary.canary_batch(pa.schema([("image", pa.binary())]), Roles(url=None, declared={}))
    assert plain.column("image").to_pylist() == [canary.picture()]


def test_link_lies_on_a_reserved_host() -> None:
    """No source has the self-test's link by accident."""
    assert canary.DOMAIN.endswith(".example.org")
    assert canary.URL.startswith(f"https://{canary.DOMAIN}/")


def test_every_plan_lets_the_self_test_picture_pass() -> None:
    """The smallest limits that a plan may set are above what the canary itself costs."""
    assert len(canary.picture()) <= plan.SELF_TEST_BYTES
    assert canary.pixels().size <= plan.SELF_TEST_PIXELS
