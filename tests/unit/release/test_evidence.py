"""Sealed tiers: they open for whom they are meant, whole and unaltered, or not at all."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyrage
import pytest

from audit_logs import canonical
from audit_logs.errors import StoreError
from release import evidence
from release.errors import EvidenceError
from release.evidence import MAGIC, Tier, open_tier, padded_length, seal

TIER = Tier("rows", "ab" * 32, bytes(range(32)))


@pytest.fixture
def reader(tmp_path: Path) -> tuple[Path, str]:
    """Return an identity file and its recipient."""
    identity = pyrage.x25519.Identity.generate()
    path = tmp_path / "auditor.age"
    path.write_text(f"# an auditor\n{identity}\n")
    path.chmod(0o600)
    return path, str(identity.to_public())


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Return a file that stands for a table: evidence does not look inside."""
    path = tmp_path / "table.parquet"
    path.write_bytes(b"PAR1" + bytes(range(256)) * 500)
    return path


def sealed_raw(path: Path, plain: bytes, recipient: str) -> None:
    """Write any plaintext as an age file."""
    path.write_bytes(pyrage.encrypt(plain, [pyrage.x25519.Recipient.from_str(recipient)]))


def test_what_is_sealed_comes_out_unchanged(tmp_path: Path, reader: tuple[Path, str], table: Path) -> None:
    """Key, manifest and tables survive the way through a sealed file, and the tables come out private."""
    identity, recipient = reader
    seal(tmp_path / "rows.age", TIER, [("positions", table), ("kept", table)], [recipient])
    opened = open_tier(tmp_path / "rows.age", identity, tmp_path)
    assert (opened.tier, opened.manifest, opened.key) == ("rows", TIER.manifest, TIER.key)
    assert [path.read_bytes() for path in opened.tables.values()] == [table.read_bytes()] * 2
    assert {path.stat().st_mode & 0o777 for path in opened.tables.values()} == {0o600}
    assert not list(tmp_path.glob("*.plain"))


def test_a_stranger_cannot_open_it(tmp_path: Path, reader: tuple[Path, str], table: Path) -> None:
    """An identity that is not among the recipients gets an error and leaves no file behind."""
    stranger = pyrage.x25519.Identity.generate()
    seal(tmp_path / "rows.age", TIER, [("positions", table)], [str(stranger.to_public())])
    before = set(tmp_path.iterdir())
    with pytest.raises(EvidenceError, match="does not open"):
        open_tier(tmp_path / "rows.age", reader[0], tmp_path)
    assert set(tmp_path.iterdir()) == before


def test_an_identity_file_that_others_can_read_is_refused(tmp_path: Path, reader: tuple[Path, str], table: Path) -> None:
    """A secret that group or world can read is no secret."""
    seal(tmp_path / "rows.age", TIER, [("positions", table)], [reader[1]])
    reader[0].chmod(0o644)
    with pytest.raises(StoreError):
        open_tier(tmp_path / "rows.age", reader[0], tmp_path)


@pytest.mark.parametrize("recipients", [[], ["age1nonsense"]])
def test_nothing_is_sealed_to_nobody(tmp_path: Path, table: Path, recipients: list[str]) -> None:
    """Without one good recipient there is no sealed file."""
    with pytest.raises(EvidenceError):
        seal(tmp_path / "rows.age", TIER, [("positions", table)], recipients)
    assert not (tmp_path / "rows.age").exists()


def header(**changes: object) -> bytes:
    """Return the start of a plaintext with some members of its header changed."""
    table = {"bytes": 3, "name": "positions", "sha256": hashlib.sha256(b"abc").hexdigest()}
    value = {"key": "00" * 32, "manifest": "ab" * 32, "tables": [table], "tier": "rows"} | changes
    data = canonical.encode(value)
    return MAGIC + len(data).to_bytes(8, "big") + data


@pytest.mark.parametrize(
    "plain",
    [
        b"",
        b"something else",
        MAGIC + (1 << 40).to_bytes(8, "big"),
        header(tier="all") + b"abc",
        header(key="xy") + b"abc",
        header(tables=[{"name": "positions"}]) + b"abc",
        header() + b"abd",
        header() + b"ab",
        header() + b"abc\0\0\1",
    ],
)
def test_a_tier_that_contradicts_itself_is_refused(tmp_path: Path, reader: tuple[Path, str], plain: bytes) -> None:
    """Wrong magic, header, table digest, length or padding: one error, no half-opened tables used."""
    sealed_raw(tmp_path / "rows.age", plain, reader[1])
    with pytest.raises(EvidenceError):
        open_tier(tmp_path / "rows.age", reader[0], tmp_path)
    assert not list(tmp_path.glob("*.plain"))


def test_padding_hides_small_differences() -> None:
    """Lengths fall into few classes, each at most 12 % above the true length."""
    lengths = range(2, 200_000, 7)
    padded = [padded_length(length) for length in lengths]
    assert all(length <= size <= length * 1.12 + 1 for length, size in zip(lengths, padded, strict=True))
    assert len(set(padded)) < 400


def test_sealed_length_is_the_padded_length(tmp_path: Path, reader: tuple[Path, str], table: Path) -> None:
    """The plaintext that is sealed has its padded length."""
    seal(tmp_path / "rows.age", TIER, [("positions", table)], [reader[1]])
    plain = pyrage.decrypt((tmp_path / "rows.age").read_bytes(), [evidence.load_identity(reader[0])])
    unpadded = len(plain.rstrip(b"\0"))
    assert len(plain) in {padded_length(length) for length in range(unpadded, unpadded + 2)}
