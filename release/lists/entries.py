"""From the values of a list file to the entry bytes of SPEC.md section 17, many at a time, with a reason for each refusal.

No value ever stands in a reason: reasons are told, values are not.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from release import canary
from release.lists import phrases, urls
from release.values import in_one_piece

WIDTHS = {"md5": 16, "sha1": 20, "sha256": 32, "pdq": 32, "photodna": 144, "video-md5": 16, "url": 32, "domain": 32}
WIDTHS |= {"url-md5": 16, "url-sha1": 20, "url-sha256": 32, **dict.fromkeys(phrases.PHRASES, phrases.WIDTH)}
"""Bytes of an entry, by type. Lists keep `video-md5` apart: a hash of a film is no hash of a picture, and no step matches it."""

TYPES = tuple(sorted(WIDTHS))
DIGESTS = ("md5", "sha1", "sha256")
URL_DIGESTS = {"url-md5": "md5", "url-sha1": "sha1", "url-sha256": "sha256"}
"""Types of entries that are digests of links, and the digest of each."""

VIDEO_MD5 = "video-md5"
HEX_TYPES = (*DIGESTS, *URL_DIGESTS, "pdq", VIDEO_MD5)
PHOTODNA = "photodna"
PHOTODNA_HEX, PHOTODNA_BASE64 = 288, 192

NOT_HEX = "not hexadecimal"
NOT_BASE64 = "not base64"
ZERO = "all zero"
EMPTY_FILE = "the hash of the empty file"
RESERVED = "reserved for the self-test"
NOT_URL = "not a web address"
NOT_DOMAIN = "not a domain name"

Entries = NDArray[np.uint8]

_NIBBLE, _LARGEST_NIBBLE = np.full(256, 255, np.uint8), 15
for _digit, _character in enumerate(b"0123456789abcdef"):
    _NIBBLE[_character] = _digit
    _NIBBLE[ord(chr(_character).upper())] = _digit


@dataclass(frozen=True, slots=True)
class Converted:
    """Values as entries.

    Attributes:
        entries: (k, w) uint8, in the order of the values that are not refused.
        kept: (k,) int64, which values they are.
        refused: index of a value -> why it is no entry.
    """

    entries: Entries
    kept: NDArray[np.int64]
    refused: dict[int, str]


def convert(kind: str, values: Sequence[bytes]) -> Converted:
    """Return the entries that values of one type stand for; hex in either case, links and domains as UTF-8 text."""
    entries, refused = _decode(kind, values)
    for reason, bad in _forbidden(kind).items():
        for index in np.flatnonzero(_rows_in(entries, bad)).tolist():
            refused.setdefault(index, reason)
    kept = np.array([index for index in range(len(values)) if index not in refused] if refused else np.arange(len(values)), np.int64)
    return Converted(entries[kept], kept, refused)


def _decode(kind: str, values: Sequence[bytes]) -> tuple[Entries, dict[int, str]]:
    if kind == PHOTODNA:
        return decode_photodna(values)
    if kind in HEX_TYPES:
        return decode_hex(values, WIDTHS[kind])
    return _decode_phrases(kind, values) if kind in phrases.PHRASES else _decode_links(kind, values)


def decode_hex(values: Sequence[bytes], width: int) -> tuple[Entries, dict[int, str]]:
    """Return (n, width) uint8 from hex text, and by index why a value is none; a refused row holds zeros."""
    digits = 2 * width
    refused = {index: _length(digits, len(value)) for index, value in enumerate(values) if len(value) != digits}
    whole = b"".join(value if len(value) == digits else b"0" * digits for value in values) if refused else b"".join(values)
    nibbles = _NIBBLE[np.frombuffer(whole, np.uint8)].reshape(len(values), digits)
    for index in np.flatnonzero((nibbles > _LARGEST_NIBBLE).any(axis=1)).tolist():
        refused[index] = NOT_HEX
    entries: Entries = nibbles[:, 0::2] * np.uint8(16) + (nibbles[:, 1::2] & np.uint8(15))
    if refused:
        entries[list(refused)] = 0
    return entries, refused


def hex_column(column: pa.Array, width: int) -> tuple[Entries, NDArray[np.bool_]]:
    """Return (n, width) uint8 from a column, and which values are just so many hexadecimal digits; the others are left zeros."""
    digits, entries = 2 * width, np.zeros((len(column), width), np.uint8)
    if not len(column) or column.type != pa.string():
        return entries, np.zeros(len(column), np.bool_)
    data, bounds = in_one_piece(column)
    plain = (np.diff(bounds) == digits) & column.is_valid().to_numpy(zero_copy_only=False)
    rows = np.flatnonzero(plain)
    if len(rows) == len(column):
        texts = data[bounds[0] : bounds[-1]].reshape(-1, digits)
    else:
        texts = data[bounds[rows].astype(np.int64)[:, None] + np.arange(digits)]
    nibbles = _NIBBLE[texts]
    fine = (nibbles <= _LARGEST_NIBBLE).all(axis=1)
    plain[rows[~fine]] = False
    entries[rows[fine]] = (nibbles[:, 0::2] * np.uint8(16) + (nibbles[:, 1::2] & np.uint8(15)))[fine]
    return entries, plain


def decode_photodna(values: Sequence[bytes]) -> tuple[Entries, dict[int, str]]:
    """Return (n, 144) uint8 from hex text or standard base64, and by index why a value is neither; a refused row holds zeros."""
    entries, refused = decode_hex(values, WIDTHS[PHOTODNA])
    for index, value in enumerate(values):
        if len(value) == PHOTODNA_BASE64:
            try:
                entries[index] = np.frombuffer(binascii.a2b_base64(value, strict_mode=True), np.uint8)
                del refused[index]
            except ValueError:  # other characters, or padding, which 144 bytes do not have
                refused[index] = NOT_BASE64
        elif len(value) != PHOTODNA_HEX:
            refused[index] = f"{len(value)} characters instead of {PHOTODNA_HEX} (hexadecimal) or {PHOTODNA_BASE64} (base64)"
    return entries, refused


def is_placeholder(kind: str, entries: Entries) -> NDArray[np.bool_]:
    """Return whether each digest says nothing of a picture: all zero, or that of the empty file."""
    forbidden = _forbidden(kind)
    return _rows_in(entries, np.concatenate([forbidden[ZERO], forbidden[EMPTY_FILE]]))


def link_entry(text: str) -> bytes:
    """Return the entry of a canonical link or domain name."""
    return hashlib.sha256(text.encode()).digest()


def url_digest(digest: str, text: str) -> bytes:
    """Return a digest of a link as it is written; `digest` is md5, sha1 or sha256."""
    return hashlib.new(digest, text.encode(), usedforsecurity=False).digest()


@cache
def reserved(kind: str) -> Entries:
    """Return the entries that the self-test must find in every index of this type, (k, w) uint8."""
    if kind in ("pdq", PHOTODNA):
        return canary.near_entries() if kind == "pdq" else canary.photodna_entries()
    if kind == VIDEO_MD5:
        return np.zeros((0, WIDTHS[kind]), np.uint8)  # no step matches these, so no self-test needs any
    if kind in phrases.PHRASES:
        return _decode_phrases(kind, [canary.TEXT.encode()])[0]
    return np.frombuffer(_reserved_digest(kind), np.uint8)[None, :]


def _reserved_digest(kind: str) -> bytes:
    if kind in DIGESTS:
        return canary.digests(kind)
    if kind in URL_DIGESTS:
        return url_digest(URL_DIGESTS[kind], canary.URL)
    text = urls.canonical(canary.URL) if kind == "url" else urls.domain(canary.DOMAIN)
    return link_entry(text or "")


@cache
def _forbidden(kind: str) -> dict[str, Entries]:
    """Return what no list may hold, by reason."""
    if kind not in (*HEX_TYPES, PHOTODNA):
        return {RESERVED: reserved(kind)}
    digest = URL_DIGESTS.get(kind, kind.removeprefix("video-"))
    empty = [url_digest(digest, "")] if digest in DIGESTS else []
    return {
        ZERO: np.zeros((1, WIDTHS[kind]), np.uint8),
        EMPTY_FILE: np.frombuffer(b"".join(empty), np.uint8).reshape(-1, WIDTHS[kind]),
        RESERVED: reserved(kind),
    }


def _rows_in(entries: Entries, wanted: Entries) -> NDArray[np.bool_]:
    found = np.zeros(len(entries), np.bool_)
    for row in wanted:
        likely = np.flatnonzero(entries[:, 0] == row[0])
        found[likely] |= (entries[likely] == row).all(axis=1)
    return found


def _decode_phrases(kind: str, values: Sequence[bytes]) -> tuple[Entries, dict[int, str]]:
    refused: dict[int, str] = {}
    entries = np.zeros((len(values), WIDTHS[kind]), np.uint8)
    for index, value in enumerate(values):
        found = phrases.entry(kind, value)
        if isinstance(found, str):
            refused[index] = found
        else:
            entries[index, : len(found)] = np.frombuffer(found, np.uint8)
    return entries, refused


def _decode_links(kind: str, values: Sequence[bytes]) -> tuple[Entries, dict[int, str]]:
    refused: dict[int, str] = {}
    entries = np.zeros((len(values), WIDTHS[kind]), np.uint8)
    for index, value in enumerate(values):
        text = _link(kind, value)
        if text is None:
            refused[index] = NOT_URL if kind == "url" else NOT_DOMAIN
        else:
            entries[index] = np.frombuffer(link_entry(text), np.uint8)
    return entries, refused


def _link(kind: str, value: bytes) -> str | None:
    try:
        said = value.decode()
    except UnicodeDecodeError:
        return None
    return urls.listed(said) if kind == "url" else urls.domain(said)


def _length(expected: int, found: int) -> str:
    return f"{found} characters instead of {expected}"
