"""Classes `key` and `vkey` (section 7): public keys in PEM with their ids, and the keys of log and witnesses."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, x25519

from vectors.reference import b64, keyid_hex, note_key_id, ssh
from vectors.signing import LOG, WITNESS, TestKey
from vectors.vector import OK, REFUSED, Pieces, Vector, plain

_ED, _P256 = TestKey("key example"), TestKey("key example p256")


def _pem(key: ec.EllipticCurvePublicKey | x25519.X25519PublicKey) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_bytes(serialization.Encoding.PEM, form).decode()


def _compressed() -> str:
    """Return the P-256 key with its point compressed: 02 or 03, and x alone."""
    head = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200")
    point = bytes([2 + _P256.raw[-1] % 2]) + _P256.raw[1:33]
    return f"-----BEGIN PUBLIC KEY-----\n{b64(head + point)}\n-----END PUBLIC KEY-----\n"


def _bad_keys() -> dict[str, tuple[str, str]]:
    p384 = ec.derive_private_key(2**300 + 7, ec.SECP384R1()).public_key()
    exchange = x25519.X25519PrivateKey.from_private_bytes(bytes(range(32))).public_key()
    return {
        "p384": (_pem(p384), "another curve"),
        "x25519": (_pem(exchange), "a key that does not sign"),
        "crlf": (_ED.pem.replace("\n", "\r\n"), "line ends of another system"),
        "no-final-newline": (_ED.pem[:-1], "the final newline is missing"),
        "text-before": ("key of an institution\n" + _ED.pem, "text before the key"),
        "text-after": (_ED.pem + "\n", "an empty line after the key"),
        "one-line": (_P256.pem.replace("\n", "", 2).replace("KEY-----", "KEY-----\n", 1), "base64 that is not broken at 64 columns"),
        "compressed-point": (_compressed(), "a compressed point: the same key in another form"),
        "openssh": (f"ssh-ed25519 {b64(ssh(b'ssh-ed25519', _ED.raw))}\n", "OpenSSH's own text form"),
        "empty": ("", "nothing"),
    }


def key_vectors(_: Pieces) -> Iterator[Vector]:
    """Keys that may be used, with their ids, and others."""
    for name, key, kind in (("ed25519", _ED, "ed25519"), ("p256", _P256, "p256")):
        value = {"keyid": key.keyid, "keyid8": keyid_hex(key.keyid)[:8], "kind": kind, "raw": key.raw.hex()}
        yield Vector("key", name, {"key.pem": key.pem.encode()}, OK, f"an {kind} key in its one PEM form", value)
    for name, (text, why) in _bad_keys().items():
        yield Vector("key", f"bad-{name}", {"key.pem": text.encode()}, REFUSED, why)


def vkey_vectors(_: Pieces) -> Iterator[Vector]:
    """Verifier keys of logs and witnesses, and texts that are none."""
    name = "institution.example/street-scenes"
    good = {"log": (name, LOG), "witness": ("auditor-one.example", WITNESS), "unicode-name": ("größe.example", LOG)}
    for title, (owner, kind) in good.items():
        value = {"id": note_key_id(owner, kind, _ED.raw).hex(), "name": owner, "public": _ED.raw.hex(), "type": kind}
        given = plain({"vkey": _ED.vkey(owner, kind)})
        yield Vector("vkey", title, {"input.json": given}, OK, f"a key of type {kind:02d}", value)
    text = _ED.vkey(name, LOG)
    owner, short, body = text.split("+", 2)
    bad = {
        "wrong-id": (f"{owner}+00000000+{body}", "an id that is not that of name and key"),
        "other-name": (f"other.example+{short}+{body}", "the id belongs to another name"),
        "upper-case-id": (f"{owner}+{short.upper()}+{body}", "hex is lower-case"),
        "unknown-type": (_ED.vkey(name, 2), "a type that is not used here"),
        "padding": (f"{text}=", "padding where none is due"),
        "space-in-name": (_ED.vkey("institution example", LOG), "a name with a space"),
        "control-in-name": (_ED.vkey("institution\x9b.example", LOG), "a name with a control character that a terminal obeys"),
        "delete-in-name": (_ED.vkey("institution\x7f.example", LOG), "a name with U+007F"),
        "mark-in-name": (_ED.vkey("institution\ufeff.example", LOG), "a name with a byte order mark"),
        "empty-name": (_ED.vkey("", LOG), "no name"),
        "short-key": (f"{owner}+{short}+{b64(bytes([LOG]) + _ED.raw[:-1])}", "a key of 31 bytes"),
        "p256": (_P256.vkey(name, LOG), "an ECDSA key"),
    }
    for title, (given_text, why) in bad.items():
        yield Vector("vkey", f"bad-{title}", {"input.json": plain({"vkey": given_text})}, REFUSED, why)
