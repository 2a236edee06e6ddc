"""Signed envelopes: DSSE with one signature, carried as a Sigstore bundle v0.3 (SPEC.md sections 7 and 8).

There is one legal byte form for a bundle, for a public key's PEM and for an ECDSA signature. What parses is therefore what
was written, and a digest of the bytes names one statement by one key.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from audit_logs import canonical
from audit_logs.errors import FormatError, VerificationError
from audit_logs.fields import KEYID

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE = 65_535

ED25519 = "ed25519"
P256 = "p256"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_KEYID_PREFIX = "SHA256:"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies signatures.

    Attributes:
        kind: `ed25519` or `p256`.
        raw: the 32 bytes of an Ed25519 key, or the 65 bytes of an uncompressed point on P-256.
        pem: SubjectPublicKeyInfo, in the one PEM form.
        keyid: the OpenSSH fingerprint, `SHA256:` and base64 without padding.
    """

    kind: str
    raw: bytes
    pem: str
    keyid: str
    _key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey = field(repr=False, compare=False)

    @classmethod
    def from_pem(cls, text: str, *, where: str = "public key") -> PublicKey:
        """Return the key of a PEM text.

        Raises:
            FormatError: it is no such key, or not in the form that OpenSSL writes.
        """
        try:
            key = serialization.load_pem_public_key(text.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise _no_key(where) from None
        if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
            raise _no_key(where)
        public = cls.from_key(key, where=where)
        if public.pem != text:
            raise FormatError("a public key is not in its one PEM form", where=where, expected="LF, 64 columns, final newline")
        return public

    @classmethod
    def from_key(cls, key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey, *, where: str = "public key") -> PublicKey:
        """Return the key for one of `cryptography`'s.

        Raises:
            FormatError: its curve is not P-256.
        """
        if isinstance(key, ed25519.Ed25519PublicKey):
            kind, raw = ED25519, key.public_bytes_raw()
            blob = _ssh_strings(b"ssh-ed25519", raw)
        elif isinstance(key.curve, ec.SECP256R1):
            kind, raw = P256, key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
            blob = _ssh_strings(b"ecdsa-sha2-nistp256", b"nistp256", raw)
        else:
            raise _no_key(where)
        pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
        return cls(kind, raw, pem, keyid_from_digest(hashlib.sha256(blob).digest()), key)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature.

        Raises:
            VerificationError: it does not hold, is not strict DER, or has a high s (`bad-signature`).
        """
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, data)
                return
            self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
            if low_s(signature) == signature:
                return
        except (InvalidSignature, ValueError):
            pass
        raise VerificationError("a signature does not hold", where=self.keyid, code="bad-signature")


@dataclass(frozen=True, slots=True)
class Envelope:
    """One bundle: a payload, the key id that its signer claims, and the signature. Parsing does not verify it.

    Attributes:
        payload: the signed bytes, by section 8 a canonical in-toto statement.
        keyid: key id of the signer.
        signature: over the pre-authentication encoding of the payload.
        raw: the bundle's bytes, which are the log entry.
    """

    payload: bytes
    keyid: str
    signature: bytes
    raw: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """SHA-256 of the bundle's bytes, in hex."""
        return hashlib.sha256(self.raw).hexdigest()

    def verify(self, key: PublicKey) -> None:
        """Check the signature against the key that the caller trusts under this key id.

        Raises:
            VerificationError: the key has another id, or the signature does not hold (`bad-signature`).
        """
        if key.keyid != self.keyid:
            raise VerificationError("a signature is by another key", expected=key.keyid, found=self.keyid, code="bad-signature")
        key.verify(self.signature, pae(PAYLOAD_TYPE, self.payload))


def pae(payload_type: str, payload: bytes) -> bytes:
    """Return the DSSE v1 pre-authentication encoding: the bytes that are signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse(raw: bytes, *, where: str) -> Envelope:
    """Return the envelope that a bundle's bytes hold, without verifying its signature.

    Raises:
        FormatError: section 8 does not hold.
    """
    match canonical.decode(raw, where=where, limit=MAX_BUNDLE):
        case {"dsseEnvelope": {"payload": str(text), "signatures": [{"keyid": str(keyid), "sig": str(sig)}]}}:
            keyid_digest(keyid, where=where)
            payload = canonical.decode_base64(text, where=f"{where} payload")
            signature = canonical.decode_base64(sig, where=f"{where} sig")
            # Media type, payload type and hint have one right value each, and there are no other members: the bundle we would write has it.
            if bundle(payload, keyid, signature) == raw:
                return Envelope(payload, keyid, signature, raw)
    expected = f"dsseEnvelope, mediaType {MEDIA_TYPE}, payloadType {PAYLOAD_TYPE}, one signature, hint equal to keyid, nothing else"
    raise FormatError("a bundle is not of the one kind", where=where, expected=expected)


def bundle(payload: bytes, keyid: str, signature: bytes) -> bytes:
    """Return the bytes of the bundle that carries a signed payload."""
    signatures = [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}]
    dsse = {"payload": base64.b64encode(payload).decode(), "payloadType": PAYLOAD_TYPE, "signatures": signatures}
    material = {"publicKey": {"hint": keyid}}
    return canonical.encode({"dsseEnvelope": dsse, "mediaType": MEDIA_TYPE, "verificationMaterial": material})


def keyid_from_digest(digest: bytes) -> str:
    """Return the key id for the SHA-256 of an OpenSSH public key blob."""
    return _KEYID_PREFIX + base64.b64encode(digest).decode().rstrip("=")


def keyid_digest(keyid: str, *, where: str = "key id") -> bytes:
    """Return the SHA-256 in a key id.

    Raises:
        FormatError: it is not `SHA256:` and 43 characters of base64.
    """
    if not re.fullmatch(KEYID, keyid):
        raise FormatError("a key id is not a fingerprint", where=where, expected="SHA256: and 43 characters of base64", code="malformed")
    return base64.b64decode(keyid.removeprefix(_KEYID_PREFIX) + "=")


def keyid8(keyid: str) -> str:
    """Return the first 8 hex characters of the SHA-256 in a key id; it stands in file names.

    Raises:
        FormatError: it is no key id.
    """
    return keyid_digest(keyid).hex()[:8]


def low_s(signature: bytes) -> bytes:
    """Return an ECDSA signature in strict DER with s <= n/2; s and n - s are both valid, so one spelling has to be the legal one."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, abs(P256_ORDER - s)))


def _ssh_strings(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _no_key(where: str) -> FormatError:
    expected = "Ed25519 or ECDSA P-256, as SubjectPublicKeyInfo in PEM"
    return FormatError("this is no public key that is used here", where=where, expected=expected)
