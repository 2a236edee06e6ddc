"""Signers that are no key files: hardware tokens and key services, through `securesystemslib` (the extra `signers`).

Where a key file is named, a TOML file may be named instead that says where the private key is and what the public one is:

    uri = "hsm:2?label=release"            # as securesystemslib writes it: hsm, gcpkms, awskms, azurekms, hv, file2
    public_key = "institution.pub.pem"     # SubjectPublicKeyInfo in PEM; a relative path is relative to this file

A PIN is asked for as a passphrase is. What a signer signs is checked with the public key before it is used.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from audit_logs import keys, passphrase, store
from audit_logs.envelope import ED25519, PublicKey
from audit_logs.errors import KeyProblem
from audit_logs.keys import Signer

SUFFIX = ".toml"
_LARGEST = 16 * 1024
_MEMBERS = {"uri", "public_key"}


class _Signed(Protocol):
    """A signature as the library gives it: in hex."""

    signature: str


class _Library(Protocol):
    """A signer of the library."""

    def sign(self, payload: bytes) -> _Signed:
        """Return the signature of some bytes."""


@dataclass(frozen=True, slots=True)
class ForeignSigner:
    """A signer whose private key is somewhere else.

    Attributes:
        public: the key that verifies what it signs.
        where: the file that describes it.
    """

    public: PublicKey
    where: str
    _signer: _Library = field(repr=False, compare=False)

    @property
    def keyid(self) -> str:
        """The public key's id."""
        return self.public.keyid

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes.

        Raises:
            KeyProblem: token or service did not sign (`key-signer`).
        """
        from securesystemslib.exceptions import Error

        try:
            return bytes.fromhex(self._signer.sign(data).signature)
        except (Error, OSError, RuntimeError, ValueError) as error:
            raise _refused(self.where, "the signer did not sign", error) from error


def load(path: Path) -> Signer:
    """Return the signer of a key file, or of a file that describes one.

    Raises:
        KeyProblem: as `keys.load`; or the description is malformed, or its signer cannot be had (`key-signer`).
        FormatError: the public key that it names is none that is used here.
        StoreError: a file that it needs cannot be read.
    """
    return _foreign(path) if path.suffix == SUFFIX else keys.load(path)


def load_note_signer(path: Path) -> Signer:
    """Return the signer of a log's or a witness's key, which is Ed25519.

    Raises:
        Problem: as `load`, or the key is of another kind (`key-kind`).
    """
    if path.suffix != SUFFIX:
        return keys.load_note_signer(path)
    signer = _foreign(path)
    if signer.public.kind != ED25519:
        raise KeyProblem(
            "a log or a witness signs with Ed25519", where=str(path), expected=ED25519, found=signer.public.kind, code="key-kind"
        )
    return signer


def new_passphrase(what: str) -> bytes:
    """Return the passphrase for new keys, which is asked for twice.

    Raises:
        KeyProblem: as `passphrase.ask`, or the two differ (`key-passphrase`).
    """
    first = passphrase.ask(what)
    if passphrase.ask(f"{what} (again)") != first:
        raise KeyProblem("the two passphrases differ", where=what, next_step="type the same one twice", code="key-passphrase")
    return first


def _foreign(path: Path) -> ForeignSigner:
    uri, public_path = _described(path)
    public = PublicKey.from_pem(store.read_file(public_path, _LARGEST).decode("ascii", "replace"), where=str(public_path))
    try:
        from securesystemslib.exceptions import Error
        from securesystemslib.signer import Signer as Library
        from securesystemslib.signer import SSlibKey
    except ImportError as error:
        missing = "securesystemslib is not installed"
        raise KeyProblem(missing, where=str(path), next_step="pip install 'vetted-release[signers]'", code="key-signer") from error
    key = SSlibKey(public.keyid, *_scheme(public))
    try:
        signer = Library.from_priv_key_uri(uri, key, lambda what: passphrase.ask(what).decode())
    except (Error, ImportError, OSError, RuntimeError, ValueError) as error:
        raise _refused(str(path), "the signer cannot be had", error) from error
    return ForeignSigner(public, str(path), signer)


def _described(path: Path) -> tuple[str, Path]:
    """Return what a description names: the private key's address and the public key's file."""
    try:
        found = tomllib.loads(store.read_file(path, _LARGEST).decode())
    except ValueError as error:
        raise KeyProblem("the description of a signer is no TOML", where=str(path), code="key-signer") from error
    if found.keys() != _MEMBERS or not all(isinstance(value, str) for value in found.values()):
        expected = "uri and public_key, both text"
        raise KeyProblem("the description of a signer is malformed", where=str(path), expected=expected, code="key-signer")
    return found["uri"], path.parent / found["public_key"]


def _scheme(public: PublicKey) -> tuple[str, str, dict[str, str]]:
    """Return type, scheme and value of a key as the library has them."""
    if public.kind == ED25519:
        return "ed25519", "ed25519", {"public": public.raw.hex()}
    return "ecdsa", "ecdsa-sha2-nistp256", {"public": public.pem}


def _refused(where: str, what: str, error: Exception) -> KeyProblem:
    """Return what a library said, by the kind of its error: its text may hold what is nobody's business."""
    step = "check uri and public_key, and whether token or service can be reached"
    return KeyProblem(what, where=where, found=type(error).__name__, next_step=step, code="key-signer")
