"""Signing keys in files: PKCS#8 PEM, mode 0600, with a passphrase or without.

A key file is made once and never replaced. It is refused if group or others can reach it, if it is a link, or if it holds
another kind of key. Anything that has a public key, its id and `sign` can stand where a key file stands
(`Signer`): a hardware token or a remote service is one small class.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InternalError, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from audit_logs import envelope, store
from audit_logs.envelope import ED25519, P256, Envelope, PublicKey
from audit_logs.errors import FormatError, KeyProblem, StoreError
from audit_logs.note import VerifierKey
from audit_logs.passphrase import ask

_MAX_FILE = 16 * 1024
_PLAIN = b"-----BEGIN PRIVATE KEY-----\n"
_LOCKED = b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n"


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
class KeyFile:
    """A signer whose key came from a file.

    Attributes:
        public: the key that verifies what it signs.
    """

    public: PublicKey
    _key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    @property
    def keyid(self) -> str:
        """The public key's id."""
        return self.public.keyid

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes: the same one each time (RFC 8032, RFC 6979)."""
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            return self._key.sign(data)
        return self._key.sign(data, ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def generate(path: Path, kind: str = ED25519, *, passphrase: bytes | None = None) -> KeyFile:
    """Make a key and its file, which must not exist.

    Args:
        path: where the file goes.
        kind: `ed25519` or `p256`.
        passphrase: encrypts the file, if given.

    Raises:
        KeyProblem: there is something under this name, or no such kind of key.
        StoreError: the file could not be written.
    """
    key: ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    if kind == ED25519:
        key = ed25519.Ed25519PrivateKey.generate()
    elif kind == P256:
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        raise KeyProblem("there is no such kind of key", expected=f"{ED25519} or {P256}", found=kind)
    if store.exists(path):
        raise KeyProblem("a key is never replaced", where=str(path), next_step="name another file", code="key-exists")
    data = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _encryption(passphrase))
    with store.writing(path, store.PRIVATE_NEW) as file:
        file.write(data)
    return KeyFile(PublicKey.from_key(key.public_key()), key)


def load(path: Path, *, passphrase: bytes | None = None) -> KeyFile:
    """Return the signer of a key file. A passphrase that is not given is asked for where a command line allows it (`passphrase.source`).

    Raises:
        KeyProblem: others can reach the file (`key-permissions`), it needs a passphrase or has another one (`key-passphrase`),
            or it holds no key of a kind that is used here (`key-kind`); it cannot be read (`key-file`).
    """
    data = _read(path)
    needs_passphrase = data.startswith(_LOCKED)
    if needs_passphrase and passphrase is None:
        passphrase = ask(str(path))
    if not needs_passphrase and not data.startswith(_PLAIN):
        raise _wrong_kind(path)
    try:
        key = serialization.load_pem_private_key(data, passphrase if needs_passphrase else None)
    except (TypeError, ValueError, UnsupportedAlgorithm, InternalError):  # the last one for a key of the wrong length
        if needs_passphrase:
            raise KeyProblem("the passphrase does not open the key", where=str(path), code="key-passphrase") from None
        raise _wrong_kind(path) from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise _wrong_kind(path)
    try:
        return KeyFile(PublicKey.from_key(key.public_key()), key)
    except FormatError:
        raise _wrong_kind(path) from None


def load_note_signer(path: Path, *, passphrase: bytes | None = None) -> KeyFile:
    """Return the signer of a log's or a witness's key file, which is Ed25519.

    Raises:
        KeyProblem: as `load`, or the key is of another kind (`key-kind`).
    """
    signer = load(path, passphrase=passphrase)
    if signer.public.kind != ED25519:
        raise _wrong_kind(path, ED25519)
    return signer


def seal(payload: bytes, signer: Signer) -> Envelope:
    """Return the envelope of a payload, signed.

    Raises:
        FormatError: the bundle would be larger than a log entry may be.
        VerificationError: the signer gave a signature that its own key does not verify, or another key's id.
    """
    signature = signer.sign(envelope.pae(envelope.PAYLOAD_TYPE, payload))
    if signer.public.kind == P256:
        signature = envelope.low_s(signature)
    sealed = Envelope(payload, signer.keyid, signature, envelope.bundle(payload, signer.keyid, signature))
    sealed.verify(signer.public)  # a token's fault is found here, and not by the verifiers of a published release
    if len(sealed.raw) > envelope.MAX_BUNDLE:
        raise FormatError(
            "a bundle is too large for the log", expected=f"at most {envelope.MAX_BUNDLE} bytes", found=f"{len(sealed.raw)} bytes"
        )
    return sealed


def verifier_key(signer: Signer, name: str, kind: int) -> VerifierKey:
    """Return the vkey under which a signer signs checkpoints: as log (`note.LOG_KEY`) or witness (`note.WITNESS_KEY`).

    Raises:
        KeyProblem: the signer's key is not Ed25519 (`key-kind`).
        FormatError: the name cannot stand in a vkey.
    """
    if signer.public.kind != ED25519:
        raise KeyProblem("checkpoints are signed with Ed25519", expected=ED25519, found=signer.public.kind, code="key-kind")
    return VerifierKey.parse(VerifierKey(name, kind, signer.public.raw).text, where="name of a key")


def _read(path: Path) -> bytes:
    try:
        return store.read_file(path, _MAX_FILE, private=True)
    except StoreError as problem:
        raise problem.recast(KeyProblem, code="key-permissions" if problem.code == "not-private" else "key-file") from None


def _encryption(passphrase: bytes | None) -> serialization.KeySerializationEncryption:
    if passphrase is None:
        return serialization.NoEncryption()
    if not passphrase:
        raise KeyProblem("the passphrase is empty", next_step="give a passphrase, or none at all", code="key-passphrase")
    return serialization.BestAvailableEncryption(passphrase)


def _wrong_kind(path: Path, expected: str = f"{ED25519} or {P256}") -> KeyProblem:
    return KeyProblem(
        "the file holds no key that is used here", where=str(path), expected=f"a private key in PKCS#8 PEM: {expected}", code="key-kind"
    )
