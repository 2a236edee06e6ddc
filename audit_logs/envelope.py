"""Signed envelopes: DSSE with one signature, carried as a Sigstore bundle v0.3 (SPEC.md sections 7 and 8).

There is one legal byte form for a bundle, for a public key's PEM and for an ECDSA signature. What parses is therefore what
was written, and a digest of the bytes names one statement by one key.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from audit_logs import canonical
from audit_logs.errors import FormatError, VerificationError

PAYLOAD_TYPE = "application/vnd.in-toto+json"
MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MAX_BUNDLE = 65_535

ED25519 = "ed25519"
P256 = "p256"
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

_KEYID_PREFIX = "SHA256:"


class Signer(Protocol):
    """Something that signs: a key file, a hardware token, a remote service.

    `sign` returns an Ed25519 signature of 64 bytes, or an ECDSA signature in DER over SHA-256 of the data.
    """

    @property
    def public(self) -> PublicKey:
        """The key that verifies what is signed."""

    @property
    def keyid(self) -> str:
        """Its key id."""

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes."""


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

    @property
    def identity(self) -> bytes:
        """Bytes that two keys share if and only if they are one key, however each is written."""
        return self.kind.encode() + b":" + self.raw

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature.

        Raises:
            VerificationError: it does not hold, is not strict DER, or has a high s (`bad-signature`).
        """
        try:
            if isinstance(self._key, ed25519.Ed25519PublicKey):
                self._key.verify(signature, data)
                legal = True
            else:
                self._key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
                legal = _low_s(signature) == signature
        except (InvalidSignature, ValueError):
            legal = False
        if not legal:
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


def seal(payload: bytes, signer: Signer) -> Envelope:
    """Return the envelope of a payload, signed.

    Raises:
        FormatError: the bundle would be larger than a log entry may be.
        VerificationError: the signer gave a signature that its own key does not verify, or another key's id.
    """
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    if signer.public.kind == P256:
        signature = _low_s(signature)
    sealed = Envelope(payload, signer.keyid, signature, _bundle(payload, signer.keyid, signature))
    sealed.verify(signer.public)  # a token's fault is found here, and not by the verifiers of a published release
    if len(sealed.raw) > MAX_BUNDLE:
        raise FormatError("a bundle is too large for the log", expected=f"at most {MAX_BUNDLE} bytes", found=f"{len(sealed.raw)} bytes")
    return sealed


def parse(raw: bytes, *, where: str) -> Envelope:
    """Return the envelope that a bundle's bytes hold, without verifying its signature.

    Raises:
        FormatError: section 8 does not hold.
    """
    bundle = canonical.members(
        canonical.decode(raw, where=where, limit=MAX_BUNDLE), ("dsseEnvelope", "mediaType", "verificationMaterial"), where=where
    )
    dsse = canonical.members(bundle["dsseEnvelope"], ("payload", "payloadType", "signatures"), where=f"{where} dsseEnvelope")
    signatures = dsse["signatures"]
    if not isinstance(signatures, list) or len(signatures) != 1:
        raise FormatError("an envelope does not have one signature", where=where, expected="exactly one signature")
    signed = canonical.members(signatures[0], ("keyid", "sig"), where=f"{where} signatures")
    keyid = signed["keyid"]
    if not isinstance(keyid, str):
        raise FormatError("a key id is no text", where=where, expected="SHA256:<base64>")
    keyid_digest(keyid, where=where)
    payload = canonical.decode_base64(dsse["payload"], where=f"{where} payload")
    signature = canonical.decode_base64(signed["sig"], where=f"{where} sig")
    # Media type, payload type and hint have one right value each: the bundle we would write has it.
    if _bundle(payload, keyid, signature) != raw:
        raise FormatError(
            "a bundle is not of the one kind",
            where=where,
            expected=f"mediaType {MEDIA_TYPE}, payloadType {PAYLOAD_TYPE}, hint equal to keyid",
        )
    return Envelope(payload, keyid, signature, raw)


def keyid_from_digest(digest: bytes) -> str:
    """Return the key id for the SHA-256 of an OpenSSH public key blob."""
    return _KEYID_PREFIX + base64.b64encode(digest).decode().rstrip("=")


def keyid_digest(keyid: str, *, where: str = "key id") -> bytes:
    """Return the SHA-256 in a key id.

    Raises:
        FormatError: it is not `SHA256:` and 43 characters of base64.
    """
    digest = canonical.decode_base64(keyid.removeprefix(_KEYID_PREFIX) + "=", where=where)
    if len(digest) != 32 or keyid_from_digest(digest) != keyid:
        raise FormatError("a key id is not a fingerprint", where=where, expected="SHA256: and 43 characters of base64")
    return digest


def keyid8(keyid: str) -> str:
    """Return the first 8 hex characters of the SHA-256 in a key id; it stands in file names.

    Raises:
        FormatError: it is no key id.
    """
    return keyid_digest(keyid).hex()[:8]


def _bundle(payload: bytes, keyid: str, signature: bytes) -> bytes:
    return canonical.encode(
        {
            "dsseEnvelope": {
                "payload": base64.b64encode(payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [{"keyid": keyid, "sig": base64.b64encode(signature).decode()}],
            },
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": keyid}},
        }
    )


def _low_s(signature: bytes) -> bytes:
    """Return an ECDSA signature in strict DER with s <= n/2; s and n - s are both valid, so one spelling has to be the legal one."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, min(s, abs(P256_ORDER - s)))


def _ssh_strings(*parts: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _no_key(where: str) -> FormatError:
    return FormatError(
        "this is no public key that is used here", where=where, expected="Ed25519 or ECDSA P-256, as SubjectPublicKeyInfo in PEM"
    )
