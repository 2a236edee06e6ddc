"""Envelopes and public keys: one legal spelling, and signatures that hold for one message by one key."""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_public_key
from hypothesis import given
from hypothesis import strategies as st

from audit_logs import canonical, envelope, keys
from audit_logs.errors import FormatError, VerificationError

PAYLOAD = canonical.encode({"what": "a statement"})


@pytest.fixture(params=["ed25519", "p256"])
def signer(request: pytest.FixtureRequest, tmp_path: Path) -> keys.KeyFile:
    """Return a signer of each kind."""
    return keys.generate(tmp_path / "key.pem", request.param)


def bundle(signer: keys.KeyFile) -> dict[str, object]:
    """Return a sealed bundle as a plain object, to be bent."""
    value: dict[str, object] = json.loads(keys.seal(PAYLOAD, signer).raw)
    return value


def test_what_is_sealed_parses_and_verifies(signer: keys.KeyFile) -> None:
    """A sealed bundle gives back payload, key id and a signature that holds."""
    sealed = keys.seal(PAYLOAD, signer)
    parsed = envelope.parse(sealed.raw, where="entry")
    assert parsed == sealed
    assert parsed.payload == PAYLOAD
    parsed.verify(signer.public)
    assert len(parsed.digest) == 64


def test_sealing_is_deterministic(signer: keys.KeyFile) -> None:
    """The same payload and key give the same bytes, so a repeated build repeats its bundles."""
    assert keys.seal(PAYLOAD, signer).raw == keys.seal(PAYLOAD, signer).raw


def test_another_payload_or_key_does_not_verify(signer: keys.KeyFile, tmp_path: Path) -> None:
    """A signature moved to another payload, or read under another key, is refused."""
    sealed = keys.seal(PAYLOAD, signer)
    moved = envelope.Envelope(PAYLOAD + b" ", sealed.keyid, sealed.signature, b"")
    other = keys.generate(tmp_path / "other.pem").public
    for attempt in (lambda: moved.verify(signer.public), lambda: sealed.verify(other)):
        with pytest.raises(VerificationError) as caught:
            attempt()
        assert caught.value.code == "bad-signature"


def test_a_signature_over_the_payload_alone_does_not_verify(signer: keys.KeyFile) -> None:
    """Only the pre-authentication encoding is signed, so a signature made for another purpose does not fit."""
    with pytest.raises(VerificationError):
        signer.public.verify(signer.sign(PAYLOAD), envelope.pae(envelope.PAYLOAD_TYPE, PAYLOAD))


def test_key_id_is_the_openssh_fingerprint(signer: keys.KeyFile) -> None:
    """`cryptography`'s own OpenSSH writer gives the blob whose SHA-256 is the key id."""
    key = signer.public._key
    blob = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    load_ssh_public_key(blob)
    digest = envelope.keyid_digest(signer.keyid)
    assert hashlib.sha256(base64.b64decode(blob.split()[1])).digest() == digest
    assert envelope.keyid8(signer.keyid) == digest.hex()[:8]


def test_a_high_s_is_refused() -> None:
    """Both (r, s) and (r, n - s) verify in ECDSA; one of them is not legal here, so a bundle cannot be respelled."""
    private = ec.generate_private_key(ec.SECP256R1())
    signer = keys.KeyFile(envelope.PublicKey.from_key(private.public_key()), private)
    message = envelope.pae(envelope.PAYLOAD_TYPE, PAYLOAD)
    low = keys.seal(PAYLOAD, signer).signature
    r, s = decode_dss_signature(low)
    high = encode_dss_signature(r, envelope.P256_ORDER - s)
    signer.public.verify(low, message)
    with pytest.raises(VerificationError):
        signer.public.verify(high, message)


def test_sealing_lowers_the_s_of_any_signer() -> None:
    """A token that returns a high s still gives a legal bundle."""
    private = ec.generate_private_key(ec.SECP256R1())
    inner = keys.KeyFile(envelope.PublicKey.from_key(private.public_key()), private)

    class HighToken:
        public = inner.public
        keyid = inner.keyid

        def sign(self, data: bytes) -> bytes:
            r, s = decode_dss_signature(inner.sign(data))
            return encode_dss_signature(r, max(s, envelope.P256_ORDER - s))

    envelope.parse(keys.seal(PAYLOAD, HighToken()).raw, where="entry").verify(inner.public)


def test_a_faulty_signer_is_caught_when_sealing(signer: keys.KeyFile) -> None:
    """A signer whose signature its own key does not verify gives no bundle."""

    class Faulty:
        public = signer.public
        keyid = signer.keyid

        def sign(self, data: bytes) -> bytes:
            return signer.sign(data + b"!")

    with pytest.raises(VerificationError):
        keys.seal(PAYLOAD, Faulty())


def test_a_signer_with_another_keys_id_is_caught_when_sealing(signer: keys.KeyFile, tmp_path: Path) -> None:
    """An envelope that nobody could verify is not made."""

    class Misnamed:
        public = signer.public
        keyid = keys.generate(tmp_path / "other.pem").keyid
        sign = signer.sign

    with pytest.raises(VerificationError):
        keys.seal(PAYLOAD, Misnamed())


@pytest.mark.parametrize("signature", [b"", b"\x30\x00", bytes(64), b"\x30\x06\x02\x01\x00\x02\x01\x00", b"\xff" * 72])
def test_malformed_signatures_are_refused(signer: keys.KeyFile, signature: bytes) -> None:
    """Whatever stands in the place of a signature, the answer is `bad-signature`."""
    with pytest.raises(VerificationError):
        signer.public.verify(signature, b"data")


@given(st.binary(max_size=80))
def test_arbitrary_signatures_raise_nothing_foreign(signature: bytes) -> None:
    """The ECDSA decoder's own errors do not come through."""
    key = envelope.PublicKey.from_key(ec.derive_private_key(7, ec.SECP256R1()).public_key())
    with pytest.raises(VerificationError):
        key.verify(signature, b"data")


def test_der_with_trailing_bytes_or_padding_is_refused() -> None:
    """There is one DER form of a signature."""
    private = ec.derive_private_key(7, ec.SECP256R1())
    signer = keys.KeyFile(envelope.PublicKey.from_key(private.public_key()), private)
    signature = keys.seal(PAYLOAD, signer).signature
    message = envelope.pae(envelope.PAYLOAD_TYPE, PAYLOAD)
    long_form = signature[:1] + b"\x81" + signature[1:]
    for respelled in (signature + b"\x00", long_form):
        with pytest.raises(VerificationError):
            signer.public.verify(respelled, message)


def test_a_bent_bundle_is_refused(signer: keys.KeyFile) -> None:
    """Each member has one legal value; changing, adding, dropping or repeating one is refused."""
    bends: dict[str, object] = {
        "mediaType": "application/vnd.dev.sigstore.bundle+json;version=0.3",
        "dsseEnvelope.payloadType": "application/json",
        "dsseEnvelope.payload": "!",
        "dsseEnvelope.signatures.0.sig": "AA",
        "dsseEnvelope.signatures.0.keyid": "SHA256:short",
        "dsseEnvelope.signatures": [{"keyid": 5, "sig": "AA=="}],
        "verificationMaterial.publicKey.hint": "SHA256:" + "A" * 43,
        "verificationMaterial.publicKey.extra": 1,
        "dsseEnvelope.extra": 1,
        "extra": 1,
    }
    for place, value in [*bends.items(), ("dsseEnvelope.signatures", [])]:
        bent = bundle(signer)
        *way, last = place.split(".")
        target: object = bent
        for step in way:
            target = target[int(step)] if isinstance(target, list) else target[step]  # type: ignore[index]
        target[last] = value  # type: ignore[index]
        with pytest.raises(FormatError):
            envelope.parse(canonical.encode(bent), where=place)


def test_two_signatures_are_refused(signer: keys.KeyFile) -> None:
    """A second signature, even a valid one, has no meaning here and is no longer one statement by one key."""
    bent = bundle(signer)
    signatures = bent["dsseEnvelope"]["signatures"]  # type: ignore[index]
    signatures.append(signatures[0])
    with pytest.raises(FormatError):
        envelope.parse(canonical.encode(bent), where="entry")


@given(st.binary(max_size=100))
def test_arbitrary_bundles_raise_nothing_but_format_errors(data: bytes) -> None:
    """A stranger's log entry gives an envelope or a FormatError."""
    with suppress(FormatError):
        envelope.parse(data, where="entry")


def test_a_payload_too_large_for_the_log_is_refused_when_sealing(signer: keys.KeyFile) -> None:
    """What could never be logged is not signed away unnoticed."""
    with pytest.raises(FormatError, match="too large"):
        keys.seal(b"x" * envelope.MAX_BUNDLE, signer)


def test_public_keys_have_one_pem_form(signer: keys.KeyFile) -> None:
    """Text around the PEM, other line ends and a missing final newline are refused."""
    pem = signer.public.pem
    assert envelope.PublicKey.from_pem(pem) == signer.public
    for other in (pem[:-1], pem + "\n", "note\n" + pem, pem.replace("\n", "\r\n"), pem + pem, "", "é", pem.replace("PUBLIC", "PRIVATE")):
        with pytest.raises(FormatError):
            envelope.PublicKey.from_pem(other)


def test_other_kinds_of_keys_are_refused() -> None:
    """RSA, other curves and compressed points are no keys here."""
    others = [
        rsa.generate_private_key(65537, 2048).public_key(),
        ec.generate_private_key(ec.SECP384R1()).public_key(),
    ]
    for key in others:
        with pytest.raises(FormatError):
            envelope.PublicKey.from_pem(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
    point = ec.derive_private_key(7, ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    spki = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    pem = "-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(spki).decode().replace("\n", "") + "\n-----END PUBLIC KEY-----\n"
    with pytest.raises(FormatError):
        envelope.PublicKey.from_pem(pem)


@pytest.mark.parametrize(
    "keyid", ["", "SHA256:", "SHA256:" + "A" * 42, "SHA256:" + "A" * 44, "sha256:" + "A" * 43, "A" * 43, "SHA256:" + "A" * 42 + "B"]
)
def test_malformed_key_ids_are_refused(keyid: str) -> None:
    """A key id is SHA256: and 43 characters, the last without stray bits."""
    with pytest.raises(FormatError):
        envelope.keyid_digest(keyid)
