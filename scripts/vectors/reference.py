"""The formats of docs/SPEC.md once more, as plainly as they can be written; slow, and never used to make a release.

Section numbers are those of the specification. Values in types are given as they stand in the vectors: integers, dates and times as
decimal text, floats as the 16 hex digits of their IEEE 754 double, binary as base64, structs as lists in field order.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Any, TypeAlias

Json: TypeAlias = Any
"""What a JSON document may hold."""

ZERO_LEAF = bytes(32)
NAN = bytes.fromhex("7ff8000000000000")


def sha256(data: bytes) -> bytes:
    """Return the 32 bytes of a SHA-256."""
    return hashlib.sha256(data).digest()


def digest(data: bytes | str) -> str:
    """Return a SHA-256 in hex; of a label, where a vector needs any digest."""
    return sha256(data.encode() if isinstance(data, str) else data).hex()


def keyed(key: bytes, data: bytes) -> bytes:
    """Return HMAC-SHA-256."""
    return hmac.new(key, data, hashlib.sha256).digest()


def u32(number: int) -> bytes:
    """Return 4 bytes, big-endian."""
    return number.to_bytes(4, "big")


def u64(number: int) -> bytes:
    """Return 8 bytes, big-endian."""
    return number.to_bytes(8, "big")


def b64(data: bytes) -> str:
    """Return base64 with padding."""
    return base64.b64encode(data).decode()


# 1: JSON


def canon(value: object) -> bytes:
    """Return the RFC 8785 form: members by UTF-16 code units, no spaces, the shortest escapes."""
    return json.dumps(_sorted(value), ensure_ascii=False, separators=(",", ":")).encode()


def _sorted(value: Json) -> Json:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value, key=lambda name: name.encode("utf-16-be"))}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


# 3: rows and roots


def split_types(text: str) -> list[str]:
    """Return the parts between the commas of a struct's text that stand outside inner angle brackets and square brackets."""
    parts, depth, part, escaped = [], 0, "", False
    for character in text:
        depth += 0 if escaped else (character in "<[") - (character in ">]")
        if character == "," and depth == 0 and not escaped:
            parts.append(part)
            part = ""
        else:
            part += character
        escaped = character == "\\" and not escaped
    return [*parts, part]


def field_of(text: str) -> tuple[str, str]:
    """Return name and type of a struct's field, the name without its escapes."""
    name, at = "", 0
    while text[at] != ":":
        at += text[at] == "\\"
        name += text[at]
        at += 1
    return name, text[at + 1 :]


def encode_value(kind: str, value: Json) -> bytes:
    """Return E(value) for a type's text."""
    if value is None:
        return b"\x00"
    if kind.startswith("list<"):
        return b"\x08" + u64(len(value)) + b"".join(encode_value(kind[5:-1], item) for item in value)
    if kind.startswith("struct<"):
        return _struct(kind[7:-1], value)
    if kind in ("string", "binary"):
        data = base64.b64decode(value) if kind == "binary" else str(value).encode()
        return b"\x06" + u64(len(data)) + sha256(data) if kind == "binary" else b"\x05" + u64(len(data)) + data
    return _eight_bytes_or_one(kind, value)


def _eight_bytes_or_one(kind: str, value: Json) -> bytes:
    """Return E(value) for a boolean, a number or a time."""
    if kind == "bool":
        return b"\x01" + bytes([value])
    if kind.startswith("float"):
        bits = bytes.fromhex(value)
        is_nan = bits[0] & 0x7F == 0x7F and bits[1] & 0xF0 == 0xF0 and int.from_bytes(bits, "big") & (1 << 52) - 1 != 0
        return b"\x04" + (NAN if is_nan else bits)
    if kind.startswith("uint"):
        return b"\x03" + u64(int(value))
    return (b"\x02" if kind.startswith("int") else b"\x07") + int(value).to_bytes(8, "big", signed=True)


def _struct(kinds: str, values: Sequence[Json]) -> bytes:
    fields = [field_of(part) for part in split_types(kinds)]
    encoded = b"\x09" + u64(len(fields))
    for (name, kind), value in zip(fields, values, strict=True):
        encoded += u64(len(name.encode())) + name.encode() + encode_value(kind, value)
    return encoded


def column_digest(name: str, kind: str, value: Json) -> bytes:
    """Return the digest of one column of one row."""
    return sha256(b"C" + u64(len(name.encode())) + name.encode() + encode_value(kind, value))


def row_digest(schema: Sequence[dict[str, str]], row: Sequence[Json]) -> bytes:
    """Return the digest of a row."""
    columns = [column_digest(column["name"], column["type"], value) for column, value in zip(schema, row, strict=True)]
    return sha256(b"R" + b"".join(columns))


def mth(data: Sequence[bytes]) -> bytes:
    """Return the Merkle tree hash of RFC 6962 section 2.1, by its recursive definition."""
    if not data:
        return sha256(b"")
    if len(data) == 1:
        return sha256(b"\x00" + data[0])
    split = 1
    while split * 2 < len(data):
        split *= 2
    return sha256(b"\x01" + mth(data[:split]) + mth(data[split:]))


def dataset_root(shards: Sequence[tuple[bytes, int]]) -> bytes:
    """Return the root over shard roots and their rows."""
    return mth([root + u64(rows) for root, rows in shards])


# 19: receipts


def multiproof(data: Sequence[bytes], wanted: set[int], first: int = 0) -> list[bytes]:
    """Return the roots of the largest subtrees without a wanted leaf, left to right, by the recursive definition of P."""
    if not wanted & set(range(first, first + len(data))):
        return [mth(data)]
    if len(data) == 1:
        return []
    split = 1
    while split * 2 < len(data):
        split *= 2
    return multiproof(data[:split], wanted, first) + multiproof(data[split:], wanted, first + split)


# 4: commitments


def keyed_leaf(row_key: bytes, row: bytes | None) -> bytes:
    """Return the leaf of a row, None for one that is gone."""
    return ZERO_LEAF if row is None else keyed(row_key, row)


def commitment(match_key: bytes, boundary: int, root: bytes) -> bytes:
    """Return C(i)."""
    return keyed(match_key, u64(boundary) + root)


# 15, 17: evidence and lists


def padme(length: int) -> int:
    """Return the padded length, by floor(log2) as the text has it."""
    if length < 2:
        return length
    exponent = log2(length)
    step = 1 << (exponent - log2(exponent) - 1)
    return -(-length // step) * step


def log2(number: int) -> int:
    """Return floor(log2 n), by halving."""
    return 0 if number < 2 else 1 + log2(number // 2)


def list_commitment(match_key: bytes, entries: dict[str, list[bytes]]) -> bytes:
    """Return the commitment to a list."""
    data = b""
    for kind in sorted(entries):
        distinct = sorted(set(entries[kind]))
        data += u64(len(kind)) + kind.encode() + u64(len(distinct)) + b"".join(distinct)
    return keyed(match_key, data)


# 7, 8, 10: keys, envelopes, log


def ssh(*parts: bytes) -> bytes:
    """Return an OpenSSH blob: each part after its length."""
    return b"".join(u32(len(part)) + part for part in parts)


def keyid(blob: bytes) -> str:
    """Return the key id of an OpenSSH public key blob."""
    return "SHA256:" + b64(sha256(blob)).rstrip("=")


def keyid_hex(key: str) -> str:
    """Return the SHA-256 in a key id, in hex."""
    return base64.b64decode(key.removeprefix("SHA256:") + "=").hex()


def pae(payload: bytes, payload_type: str = "application/vnd.in-toto+json") -> bytes:
    """Return the DSSE pre-authentication encoding."""
    return f"DSSEv1 {len(payload_type)} {payload_type} {len(payload)} ".encode() + payload


def bundle(payload: bytes, key: str, signature: bytes) -> dict[str, Json]:
    """Return a bundle, before it is written."""
    return {
        "dsseEnvelope": {
            "payload": b64(payload),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": key, "sig": b64(signature)}],
        },
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": key}},
    }


def note_key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the four bytes that name a key on a note's signature line (c2sp.org/signed-note)."""
    return sha256(name.encode() + b"\n" + bytes([kind]) + public)[:4]


def vkey(name: str, kind: int, public: bytes) -> str:
    """Return a C2SP verifier key."""
    return f"{name}+{note_key_id(name, kind, public).hex()}+{b64(bytes([kind]) + public)}"


def tile_name(level: str, index: int, width: int) -> str:
    """Return a tile's path below log/ for an index under 1,000."""
    return f"tile/{level}/{index:03d}" + ("" if width == 256 else f".p/{width}")


def log_files(entries: Sequence[bytes]) -> dict[str, bytes]:
    """Return every tile and entry bundle of a log of fewer than 65,536 entries: path below log/ -> bytes."""
    files = {}
    for first in range(0, len(entries), 256):
        part = entries[first : first + 256]
        name = tile_name("entries", first // 256, len(part))
        files[name] = b"".join(len(entry).to_bytes(2, "big") + entry for entry in part)
        files[tile_name("0", first // 256, len(part))] = b"".join(mth([entry]) for entry in part)
    full = [mth(entries[first : first + 256]) for first in range(0, len(entries) - 255, 256)]
    if full:
        files[tile_name("1", 0, len(full))] = b"".join(full)
    return files
