"""Test keys, each drawn from its own name. Nobody should ever trust one of them."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from vectors import reference

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
LOG, WITNESS = 1, 4


@dataclass(frozen=True, slots=True)
class TestKey:
    """A signing key made from its name: Ed25519, or ECDSA P-256 where the name says `p256`."""

    name: str

    @property
    def _private(self) -> ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
        seed = reference.sha256(f"vetted-release TEST key, never to be trusted: {self.name}".encode())
        if "p256" in self.name:
            return ec.derive_private_key(int.from_bytes(seed, "big") % (P256_ORDER - 1) + 1, ec.SECP256R1())
        return ed25519.Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def raw(self) -> bytes:
        """The 32 bytes of an Ed25519 key, or the uncompressed point."""
        key = self._private.public_key()
        if isinstance(key, ed25519.Ed25519PublicKey):
            return key.public_bytes_raw()
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    @property
    def keyid(self) -> str:
        """The key id, by section 7."""
        if "p256" in self.name:
            return reference.keyid(reference.ssh(b"ecdsa-sha2-nistp256", b"nistp256", self.raw))
        return reference.keyid(reference.ssh(b"ssh-ed25519", self.raw))

    @property
    def pem(self) -> str:
        """SubjectPublicKeyInfo in PEM."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._private.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    def sign(self, data: bytes) -> bytes:
        """Return the signature; ECDSA by RFC 6979 with a low s, so that a vector is the same each time."""
        key = self._private
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return key.sign(data)
        r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True)))
        return encode_dss_signature(r, min(s, P256_ORDER - s))

    def seal(self, payload: bytes) -> bytes:
        """Return the bundle of a payload."""
        return reference.canon(reference.bundle(payload, self.keyid, self.sign(reference.pae(payload))))

    def vkey(self, name: str, kind: int) -> str:
        """Return the C2SP verifier key."""
        return reference.vkey(name, kind, self.raw)

    def note_line(self, name: str, kind: int, message: bytes, prefix: bytes = b"") -> str:
        """Return a signature line over a message; `prefix` stands before the signature (a cosignature's time)."""
        body = reference.note_key_id(name, kind, self.raw) + prefix + self.sign(message)
        return f"— {name} {reference.b64(body)}\n"


def high_s(signature: bytes) -> bytes:
    """Return the other signature that plain ECDSA also accepts."""
    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, P256_ORDER - s)


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """Return the text of a checkpoint note."""
    return f"{origin}\n{size}\n{reference.b64(root)}\n"


def cosignature(key: TestKey, name: str, text: str, time: int) -> str:
    """Return a witness's line below a checkpoint (c2sp.org/tlog-cosignature, v1)."""
    return key.note_line(name, WITNESS, f"cosignature/v1\ntime {time}\n{text}".encode(), reference.u64(time))
