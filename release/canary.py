"""The self-test: a generated picture, its digests, its neighbours at every distance, and a link. All of it is made here.

Every list step has to catch its own canary before the first row of a shard. The row enters where rows enter, passes every
room that a row passes, and is in no count, root or output; its entries are built into the saved indexes at import, under
reserved numbers. Everything is the same bytes on every machine: integers only, a PNG without compression.
"""

from __future__ import annotations

import hashlib
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from release.errors import ScreeningError

SIDE = 256
"""Pixels along each side: below 512, so that all resize conventions agree."""

DISTANCES = range(65)
"""Entry k of `near_entries` lies at distance k."""

DOMAIN = "self-test.vetted-release.example.org"
URL = f"https://{DOMAIN}/canary"
"""A host below example.org, which is reserved (RFC 2606), so that no source has it."""

TEXT = "vetted release self test canary"
"""A caption that no picture has; the one form of a text (`release.lists.phrases`) leaves it as it is."""

PHOTODNA_BYTES = 144
FURTHEST = 1024
"""The largest Euclidean distance of PhotoDNA values that a plan may declare."""

DIGEST_TYPES = ("md5", "sha1", "sha256")

_CELL = 16
_STRETCH = 16  # bits
_STORED_MOST = 65535  # bytes in a stored block of RFC 1951


class Columns(Protocol):
    """The roles of a source's columns, as a plan names them."""

    @property
    def image(self) -> str | None:
        """Column with the image."""

    @property
    def text(self) -> str | None:
        """Column with the caption."""

    @property
    def url(self) -> str | None:
        """Column with the link."""

    @property
    def declared(self) -> Mapping[str, str]:
        """Column with a digest or PhotoDNA value that came with the source, by type."""


@cache
def pixels() -> NDArray[np.uint8]:
    """Return the picture, (256, 256) uint8 grey: smooth hills between heights drawn from a fixed stream."""
    nodes = SIDE // _CELL + 1
    stream = b"".join(hashlib.sha256(b"vetted-release canary %d" % block).digest() for block in range(nodes * nodes // 32 + 1))
    heights = np.frombuffer(stream, dtype=np.uint8)[: nodes * nodes].reshape(nodes, nodes).astype(np.int64)
    node, part = np.divmod(np.arange(SIDE), _CELL)
    below = heights[node] * (_CELL - part)[:, None] + heights[node + 1] * part[:, None]
    across = below[:, node] * (_CELL - part) + below[:, node + 1] * part
    hills: NDArray[np.uint8] = (across // (_CELL * _CELL)).astype(np.uint8)
    return hills


@cache
def picture() -> bytes:
    """Return the picture as the bytes of a PNG file.

    Source of the format: PNG (W3C), zlib (RFC 1950), stored deflate blocks (RFC 1951).
    """
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 0, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in pixels())
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", _stored(lines)) + _chunk(b"IEND", b"")


def digests(kind: str) -> bytes:
    """Return the digest of the picture's file: `kind` is md5, sha1 or sha256."""
    makers: dict[str, Callable[[bytes], bytes]] = {
        "md5": lambda data: hashlib.md5(data, usedforsecurity=False).digest(),
        "sha1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
        "sha256": lambda data: hashlib.sha256(data).digest(),
    }
    return makers[kind](picture())


@cache
def picture_forms() -> NDArray[np.uint8]:
    """Return the eight dihedral hashes of the picture, (8, 32) uint8, the same under every resize convention."""
    from release.fingerprint import pdq

    return pdq.dihedral(pixels())[0]


def near_entries(forms: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
    """Return (65, 32) uint8: entry k lies at Hamming distance k from the nearest of `forms` (8, 32), the picture's own by default.

    Bits are turned where most forms agree, so that an entry moves away from all of them; and evenly over the whole hash, so that
    a search that cuts it into parts meets the entry only at the full distance that it has to look at in each part.

    Raises:
        ScreeningError: the forms are too alike for that.
    """
    forms = picture_forms() if forms is None else forms
    bits = np.unpackbits(forms, axis=1)
    agreement = (bits[1:] == bits[0]).sum(axis=0)
    turned = _evenly(np.argsort(-agreement, kind="stable"))[: DISTANCES[-1]]
    entries = np.tile(bits[0], (len(DISTANCES), 1))
    for distance in DISTANCES:
        entries[distance, turned[:distance]] ^= 1
    nearest = (entries[:, None, :] != bits[None, :, :]).sum(axis=2).min(axis=1)
    if nearest.tolist() != list(DISTANCES):
        raise ScreeningError("the self-test picture is too symmetric", next_step="report this as a fault of the program", code="canary")
    return np.packbits(entries, axis=1)


@cache
def photodna() -> bytes:
    """Return the value that stands for the picture's PhotoDNA value: 144 bytes of 0 or 255, drawn from a fixed stream.

    It is not computed from the picture, which takes a licence; a step that compares declared values needs no more.
    """
    stream = b"".join(hashlib.sha256(b"vetted-release photodna canary %d" % block).digest() for block in range(5))
    return bytes(255 * (byte & 1) for byte in stream[:PHOTODNA_BYTES])


@cache
def photodna_entries() -> NDArray[np.uint8]:
    """Return (1026, 144) uint8: entry k lies at a Euclidean distance of exactly k from `photodna()`."""
    value = np.frombuffer(photodna(), np.uint8)
    entries = np.tile(value, (FURTHEST + 2, 1))
    for distance, entry in enumerate(entries):
        left, place = distance * distance, 0
        while left:
            step = min(math.isqrt(left), 255)
            entry[place] = 255 - step if entry[place] else step
            left, place = left - step * step, place + 1
    return entries


def declared(kind: str) -> bytes:
    """Return what a source would have declared for the picture: its digest, or its PhotoDNA value."""
    return photodna() if kind == "photodna" else digests(kind)


def _evenly(places: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return bits in an order that visits each of sixteen stretches of the hash in turn, and in each keeps the given order."""
    stretches = np.stack([places[places // _STRETCH == stretch] for stretch in range(256 // _STRETCH)])
    return stretches.T.reshape(-1)


def canary_batch(schema: pa.Schema, columns: Columns) -> pa.RecordBatch:
    """Return one row of a source's schema that every list step has to catch: the picture, its caption, its link, its declared digests."""
    values: dict[str, object] = {}
    if columns.image:
        field = schema.field(columns.image)
        values[columns.image] = {"bytes": picture(), "path": None} if pa.types.is_struct(field.type) else picture()
    if columns.text:
        values[columns.text] = TEXT
    if columns.url:
        values[columns.url] = URL
    for kind, name in columns.declared.items():
        value = declared(kind)
        values[name] = value if pa.types.is_binary(schema.field(name).type) else value.hex()
    arrays = [_cell(values.get(field.name), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema([field.with_nullable(nullable=True) for field in schema]))


def _cell(value: object, kind: Any) -> pa.Array:  # noqa: ANN401  (pyarrow has no types for the checker)
    """Return a column of one value; of a struct only the members that it has."""
    if isinstance(value, dict):
        value = {field.name: value.get(field.name) for field in kind}
    return pa.array([value], kind)


def _chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _stored(data: bytes) -> bytes:
    """Return `data` as a zlib stream of stored blocks, whose bytes no version of a compressor can change."""
    stream = b"\x78\x01"
    for start in range(0, len(data), _STORED_MOST):
        block = data[start : start + _STORED_MOST]
        last = start + _STORED_MOST >= len(data)
        stream += struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block
    return stream + struct.pack(">I", zlib.adler32(data))
