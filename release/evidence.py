"""The sealed tiers: what auditors need and nobody else may read (SPEC.md section 15).

A tier is one age file: a magic line, a canonical header that carries the tier's key, Parquet tables, and zero padding that
hides how many rows there are to within about a tenth. Tables are streamed in and out; memory does not grow with them.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import pyrage

from audit_logs import canonical
from release import store
from release.errors import EvidenceError

MAGIC = b"vetted-release-evidence-v1\n"
HEADER_LIMIT = 1 << 20
CHUNK = 1 << 20
TIERS = ("rows", "matches")


@dataclass(frozen=True, slots=True)
class Tier:
    """What a tier is about: `rows` or `matches`, the sha256 of the manifest (hex), and its key (32 bytes)."""

    name: str
    manifest: str
    key: bytes


@dataclass(frozen=True, slots=True)
class OpenedTier:
    """A tier that an auditor has opened: its name, the manifest it speaks of, its key, and the tables by name."""

    tier: str
    manifest: str
    key: bytes
    tables: dict[str, Path]


def padded_length(length: int) -> int:
    """Return the Padmé length of `length` bytes, at most 12 % more.

    Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019, section 4.
    """
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    low = exponent - exponent.bit_length()
    mask = (1 << low) - 1
    return (length + mask) & ~mask


def recipient(text: str, where: str) -> pyrage.x25519.Recipient:
    """Return the age recipient that `text` names.

    Raises:
        EvidenceError: it is not an age X25519 recipient.
    """
    try:
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError as error:
        raise EvidenceError("this is not an age recipient", where=where, expected="age1...", found=f"{len(text)} characters") from error


def seal(path: Path, tier: Tier, tables: Sequence[tuple[str, Path]], recipients: Sequence[str]) -> str:
    """Write `tables` as one sealed file at `path` and return its sha256 (hex); nothing stays if it fails.

    Raises:
        EvidenceError: no recipient, or one that age does not accept.
        StoreError: the file could not be written.
    """
    if not recipients:
        raise EvidenceError("evidence needs somebody who can open it", where=str(path), expected="one age recipient or more", found="none")
    keys = [recipient(text, f"recipient {number} of {path.name}") for number, text in enumerate(recipients, 1)]
    header = canonical.encode(
        {
            "key": tier.key.hex(),
            "manifest": tier.manifest,
            "tables": [{"bytes": table.stat().st_size, "name": name, "sha256": store.file_sha256(table)} for name, table in tables],
            "tier": tier.name,
        }
    )
    head = MAGIC + len(header).to_bytes(8, "big") + header
    with store.open_new(path) as out:
        pyrage.encrypt_io(Padded(_chunks(head, [table for _, table in tables])), out, keys)
    return store.file_sha256(path)


def _chunks(head: bytes, tables: Sequence[Path]) -> Iterator[bytes]:
    yield head
    for table in tables:
        with table.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


class Padded(io.RawIOBase):
    """Chunks, and the padding of their length, to `least` bytes at least, as one readable stream."""

    def __init__(self, chunks: Iterable[bytes], least: int = 0) -> None:
        super().__init__()
        self._chunks = self._generate(chunks, least)
        self._rest = memoryview(b"")

    @staticmethod
    def _generate(chunks: Iterable[bytes], least: int) -> Iterator[bytes]:
        length = 0
        for chunk in chunks:
            length += len(chunk)
            yield chunk
        padding = max(padded_length(length), least) - length
        while padding > 0:
            yield bytes(min(padding, CHUNK))
            padding -= CHUNK

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer with the next bytes, and return their number."""
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        taken = min(len(buffer), len(self._rest))
        buffer[:taken] = self._rest[:taken]
        self._rest = self._rest[taken:]
        return taken


def load_identity(path: Path) -> pyrage.x25519.Identity:
    """Return the age identity in the file at `path`, which nobody else may be able to read.

    Raises:
        StoreError: group or others can read the file.
        EvidenceError: it cannot be read, or holds no identity.
    """
    store.check_private(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceError("the identity file cannot be read", where=str(path)) from error
    secrets = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
    try:
        (secret,) = secrets
        return pyrage.x25519.Identity.from_str(secret)
    except (ValueError, pyrage.IdentityError) as error:
        expected = "comments and one line AGE-SECRET-KEY-1..."
        raise EvidenceError("this is no age identity file", where=str(path), expected=expected, found=f"{len(secrets)} lines") from error


def open_tier(path: Path, identity: Path, folder: Path) -> OpenedTier:
    """Decrypt a tier into `folder` (private; the caller deletes it) and check every digest in its header.

    Raises:
        EvidenceError: the identity does not open it, or what it holds contradicts its header.
    """
    plain = folder / f"{path.stem}.plain"
    secret = load_identity(identity)
    try:
        with path.open("rb") as sealed, store.open_new(plain, private=True) as out:
            pyrage.decrypt_io(sealed, out, [secret])
    except FileNotFoundError as error:
        raise EvidenceError("the sealed tier is not there", where=str(path), next_step="ask the institution for it") from error
    except pyrage.DecryptError as error:
        raise EvidenceError("this identity does not open the sealed tier", where=path.name, found=str(error)) from error
    try:
        with plain.open("rb") as file:
            return _split(file, path.name, folder)
    finally:
        plain.unlink()


def _split(file: BinaryIO, where: str, folder: Path) -> OpenedTier:
    header = _header(file, where)
    tables: dict[str, Path] = {}
    for number, table in enumerate(_table_entries(header, where)):
        name, size, sha256 = table
        target = folder / f"{where}.{number}.parquet"
        digest = hashlib.sha256()
        with store.open_new(target, private=True) as out:
            left = size
            while left and (chunk := file.read(min(left, CHUNK))):
                digest.update(chunk)
                out.write(chunk)
                left -= len(chunk)
        if left or digest.hexdigest() != sha256:
            raise EvidenceError("a table of the sealed tier is not what its header says", where=f"{where}: {name}")
        tables[name] = target
    while chunk := file.read(CHUNK):
        if any(chunk):
            raise EvidenceError("the sealed tier does not end in zeros", where=where)
    return OpenedTier(str(header["tier"]), str(header["manifest"]), bytes.fromhex(str(header["key"])), tables)


def _header(file: BinaryIO, where: str) -> dict[str, object]:
    if file.read(len(MAGIC)) != MAGIC:
        raise EvidenceError("this is no sealed tier", where=where, expected="its first line", found="something else")
    length = int.from_bytes(file.read(8), "big")
    if length > HEADER_LIMIT:
        raise EvidenceError("the header of the sealed tier is too long", where=where, expected=f"at most {HEADER_LIMIT}", found=str(length))
    header: dict[str, object] = canonical.decode(file.read(length), where=where, limit=HEADER_LIMIT)
    key = header.get("key")
    if set(header) != {"key", "manifest", "tables", "tier"} or header["tier"] not in TIERS or not _is_hex32(key):
        raise EvidenceError("the header of the sealed tier is not in its form", where=where, expected="key, manifest, tables, tier")
    return header


def _table_entries(header: dict[str, object], where: str) -> list[tuple[str, int, str]]:
    entries = header["tables"]
    found: list[tuple[str, int, str]] = []
    for entry in entries if isinstance(entries, list) else [None]:
        match entry:
            case {"name": str(name), "bytes": int(size), "sha256": str(sha256), **rest} if not rest:
                found.append((name, size, sha256))
            case _:
                raise EvidenceError("the header of the sealed tier is not in its form", where=where, expected="tables: name, bytes, sha256")
    return found


def _is_hex32(value: object) -> bool:
    return isinstance(value, str) and len(value) == 64 and all(c in "0123456789abcdef" for c in value)
