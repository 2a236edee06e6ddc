"""Class `bundle` (sections 7 and 8): a bundle's bytes and the public key under which it is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from vectors import reference
from vectors.reference import Json, b64, canon, digest, pae
from vectors.signing import TestKey, high_s
from vectors.vector import OK, Pieces, Vector
from vectors.world import statement

_ED, _P256, _OTHER = TestKey("bundle"), TestKey("bundle p256"), TestKey("another")
_PAYLOAD = statement("release/v0.1", {"any": "predicate"}, ("release.json", digest("manifest")))
_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
Bundle = dict[str, Any]


def _bundle(key: TestKey = _ED, payload: bytes = _PAYLOAD, signature: bytes | None = None) -> Bundle:
    return reference.bundle(payload, key.keyid, key.sign(pae(payload)) if signature is None else signature)


def _changed(change: Callable[[Bundle], object], key: TestKey = _ED) -> bytes:
    """Return a bundle that was changed after it was signed."""
    bundle = _bundle(key)
    change(bundle)
    return canon(bundle)


def _dsse(**members: Json) -> bytes:
    return _changed(lambda bundle: bundle["dsseEnvelope"].update(members))


def _signed(**members: Json) -> bytes:
    return _changed(lambda bundle: bundle["dsseEnvelope"]["signatures"][0].update(members))


def _malleable() -> bytes:
    """Return an Ed25519 signature with s + L in the place of s."""
    signature = _ED.sign(pae(_PAYLOAD))
    return signature[:32] + (int.from_bytes(signature[32:], "little") + _ED25519_ORDER).to_bytes(32, "little")


def _long_der() -> bytes:
    """Return an ECDSA signature whose outer length is written in two bytes, as BER allows and DER does not."""
    signature = _P256.sign(pae(_PAYLOAD))
    return signature[:1] + b"\x81" + signature[1:]


def _raw_ecdsa() -> bytes:
    """Return an ECDSA signature as r || s, which is no DER."""
    der = _P256.sign(pae(_PAYLOAD))
    r_end = 4 + der[3]
    r, s = der[4:r_end], der[r_end + 2 :]
    return b"".join(int.from_bytes(part, "big").to_bytes(32, "big") for part in (r, s))


def _malformed() -> dict[str, tuple[bytes, str]]:
    signature, good = _ED.sign(pae(_PAYLOAD)), _bundle()
    entry = good["dsseEnvelope"]["signatures"][0]
    return {
        "no-signature": (_dsse(signatures=[]), "no signature"),
        "two-signatures": (_dsse(signatures=[entry, entry]), "two signatures"),
        "another-hint": (_changed(lambda b: b["verificationMaterial"]["publicKey"].update(hint=_OTHER.keyid)), "hint is not keyid"),
        "another-media-type": (_changed(lambda b: b.update(mediaType="application/vnd.dev.sigstore.bundle.v0.4+json")), "another bundle"),
        "another-payload-type": (_dsse(payloadType="application/json"), "another payload type"),
        "unknown-member": (_changed(lambda b: b.update(comment="")), "a member that section 8 does not name"),
        "unknown-member-of-signature": (_signed(cert=""), "a member of the signature that section 8 does not name"),
        "certificate": (
            _changed(lambda b: b["verificationMaterial"].update(certificate={"rawBytes": ""})),
            "a certificate beside the key",
        ),
        "missing-member": (_changed(lambda b: b.pop("verificationMaterial")), "no verification material"),
        "payload-not-text": (_dsse(payload={}), "a payload that is no text"),
        "payload-unpadded": (_dsse(payload=b64(_PAYLOAD + b" " * ((1 - len(_PAYLOAD)) % 3)).rstrip("=")), "base64 without its padding"),
        "payload-url-alphabet": (_dsse(payload=b64(_PAYLOAD + b"\xff" * 6).replace("/", "_").replace("+", "-")), "base64url"),
        "payload-newline": (_dsse(payload=b64(_PAYLOAD)[:64] + "\n" + b64(_PAYLOAD)[64:]), "a newline within base64"),
        "signature-loose-bits": (
            _signed(sig=b64(signature)[:-3] + _next(b64(signature)[-3]) + "=="),
            "base64 whose unused bits are not zero",
        ),
        "keyid-without-prefix": (_keyid(_ED.keyid.removeprefix("SHA256:")), "a key id without its prefix"),
        "keyid-padded": (_keyid(_ED.keyid + "="), "a key id with padding"),
        "keyid-short": (_keyid(_ED.keyid[:-4]), "a key id of 30 bytes"),
        "spaces": (json.dumps(good).encode(), "the same value with spaces"),
        "final-newline": (canon(good) + b"\n", "a newline after the bundle"),
        "empty": (b"", "nothing"),
    }


def _next(letter: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return alphabet[alphabet.index(letter) + 1]


def _keyid(text: str) -> bytes:
    def change(bundle: Bundle) -> None:
        bundle["dsseEnvelope"]["signatures"][0]["keyid"] = text
        bundle["verificationMaterial"]["publicKey"]["hint"] = text

    return _changed(change)


def _bad_signatures() -> dict[str, tuple[bytes, TestKey, str]]:
    good, p256 = _ED.sign(pae(_PAYLOAD)), _P256.sign(pae(_PAYLOAD))
    flipped = bytes([good[0] ^ 1]) + good[1:]
    return {
        "flipped-bit": (canon(_bundle(signature=flipped)), _ED, "one bit of the signature"),
        "no-bytes": (canon(_bundle(signature=b"")), _ED, "a signature of no bytes"),
        "truncated": (canon(_bundle(signature=good[:-1])), _ED, "a signature of 63 bytes"),
        "lengthened": (canon(_bundle(signature=good + b"\x00")), _ED, "a signature of 65 bytes"),
        "s-not-reduced": (canon(_bundle(signature=_malleable())), _ED, "Ed25519 with s + L"),
        "over-payload-alone": (canon(_bundle(signature=_ED.sign(_PAYLOAD))), _ED, "signed without the pre-authentication encoding"),
        "over-another-type": (
            canon(_bundle(signature=_ED.sign(pae(_PAYLOAD, "application/json")))),
            _ED,
            "signed under another payload type",
        ),
        "over-another-payload": (canon(_bundle(signature=_ED.sign(pae(_PAYLOAD + b" ")))), _ED, "signed over another payload"),
        "by-another-key": (canon(_bundle(signature=_OTHER.sign(pae(_PAYLOAD)))), _ED, "signed by another key, under this one's id"),
        "p256-high-s": (canon(_bundle(_P256, signature=high_s(p256))), _P256, "ECDSA with the other, higher s"),
        "p256-long-der": (canon(_bundle(_P256, signature=_long_der())), _P256, "a length in BER"),
        "p256-trailing-byte": (canon(_bundle(_P256, signature=p256 + b"\x00")), _P256, "a byte after the DER"),
        "p256-raw": (canon(_bundle(_P256, signature=_raw_ecdsa())), _P256, "r || s instead of DER"),
    }


def bundle_vectors(_: Pieces) -> Iterator[Vector]:
    """Bundles that hold under a key, and others."""
    for name, key in (("ed25519", _ED), ("p256", _P256)):
        raw = canon(_bundle(key))
        value = {"digest": digest(raw), "keyid": key.keyid, "payloadSha256": digest(_PAYLOAD), "paeSha256": digest(pae(_PAYLOAD))}
        yield Vector("bundle", name, _inputs(raw, key), OK, f"signed by an {name} key", value)
    for name, (raw, why) in _malformed().items():
        yield Vector("bundle", f"bad-{name}", _inputs(raw, _ED), "malformed", why)
    for name, (raw, key, why) in _bad_signatures().items():
        yield Vector("bundle", f"signature-{name}", _inputs(raw, key), "bad-signature", why)


def _inputs(raw: bytes, key: TestKey) -> dict[str, bytes]:
    return {"bundle.json": raw, "key.pem": key.pem.encode()}
