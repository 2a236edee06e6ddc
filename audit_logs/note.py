"""Checkpoints: C2SP signed notes by the log's key, with timestamped cosignatures by witnesses (SPEC.md section 10).

Sources: c2sp.org/signed-note, c2sp.org/tlog-checkpoint, c2sp.org/tlog-cosignature (Ed25519, v1). Stricter than these: a
checkpoint has no extension lines, a line by a key that the reader does not know is refused, and so are two lines by one key.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from audit_logs import canonical, merkle
from audit_logs.errors import Failure, FormatError, VerificationError

LOG_KEY = 1
WITNESS_KEY = 4
MAX_CHECKPOINT = 64 * 1024
MAX_TIMESTAMP = 2**63 - 1

_NAME = re.compile(r"[^\s+\x00-\x1f\x7f-\x9f\ufeff\ud800-\udfff]+")
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_SIGNATURE_PREFIX = "— "
_SIGNATURE_BYTES = {LOG_KEY: 64, WITNESS_KEY: 8 + 64}


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A C2SP vkey: an Ed25519 key under a name, for one kind of signature.

    Attributes:
        name: without spaces and plus signs; a log key's name is the log's origin.
        kind: `LOG_KEY` (type 01) or `WITNESS_KEY` (type 04).
        public: the 32 bytes of the key.
    """

    name: str
    kind: int
    public: bytes

    @classmethod
    def parse(cls, vkey: str, *, where: str = "vkey") -> VerifierKey:
        """Return the key of `name+hex8+base64(type || key)`.

        Raises:
            FormatError: it is not in that form, of another type, or its id is not that of its name and key.
        """
        name, encoded = vkey.split("+", 1)[0], vkey.split("+", 2)[-1]
        material = canonical.decode_base64(encoded, where=where)
        if len(material) == 33 and material[0] in _SIGNATURE_BYTES and _NAME.fullmatch(name):
            key = cls(name, material[0], material[1:])
            if key.text == vkey:
                return key
        raise FormatError("this is no verifier key that is used here", where=where, expected="name+hex8+base64(type || key), type 01 or 04")

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key on a signature line."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._material).digest()[:4]

    @property
    def text(self) -> str:
        """The vkey."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._material).decode()}"

    @property
    def _material(self) -> bytes:
        return bytes([self.kind]) + self.public


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a log says of itself: its origin, the number of its entries, and their root."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str, *, where: str = "checkpoint") -> Checkpoint:
        """Return the checkpoint that a note's text holds.

        Raises:
            FormatError: it is not exactly three lines: origin, decimal size, base64 of 32 bytes.
        """
        lines = text.split("\n")
        if len(lines) == 4 and not lines[3] and _NAME.fullmatch(lines[0]) and _SIZE.fullmatch(lines[1]):
            root = canonical.decode_base64(lines[2], where=where)
            if len(root) == merkle.HASH_SIZE and int(lines[1]) <= canonical.MAX_INTEGER:
                return cls(lines[0], int(lines[1]), root)
        raise FormatError("this is no checkpoint", where=where, expected="three lines: origin, size, base64 of the root")

    def text(self) -> str:
        """Return the note's text: what the log signs."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignatureLine:
    """One line below a note: who signed, as named by the line itself, and the signature."""

    name: str
    key_id: bytes
    signature: bytes

    @classmethod
    def parse(cls, line: str, *, where: str = "signature line") -> SignatureLine:
        """Return the signature of a line without its newline.

        Raises:
            FormatError: it is not a dash, the name, and the base64 of key id and signature.
        """
        name, _, encoded = line.removeprefix(_SIGNATURE_PREFIX).partition(" ")
        data = canonical.decode_base64(encoded, where=where)
        if len(data) > 4 and _NAME.fullmatch(name) and line.startswith(_SIGNATURE_PREFIX):
            return cls(name, data[:4], data[4:])
        raise FormatError("this is no signature line", where=where, expected="an em dash, the key's name, base64(key id || signature)")

    @property
    def text(self) -> str:
        """The line, without its newline."""
        return f"{_SIGNATURE_PREFIX}{self.name} {base64.b64encode(self.key_id + self.signature).decode()}"

    def is_by(self, key: VerifierKey) -> bool:
        """Say whether the line claims to be by a key; that its signature holds is another question."""
        return (self.name, self.key_id) == (key.name, key.key_id)


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint with its signature lines, in order. Parsing does not verify them."""

    checkpoint: Checkpoint
    lines: tuple[SignatureLine, ...]

    @property
    def text(self) -> str:
        """The note's text, which the log signed."""
        return self.checkpoint.text()

    def encode(self) -> bytes:
        """Return the signed note: what stands in `log/checkpoint`."""
        return "".join([self.text, "\n", *(f"{line.text}\n" for line in self.lines)]).encode()


def parse_signed(data: bytes, *, where: str = "log/checkpoint") -> SignedCheckpoint:
    """Return the signed checkpoint that a file holds, without verifying it.

    Raises:
        FormatError: it is too large, or not a signed note in its one form.
    """
    if len(data) > MAX_CHECKPOINT:
        raise FormatError("a checkpoint is too large", where=where, expected=f"at most {MAX_CHECKPOINT} bytes", found=f"{len(data)} bytes")
    try:
        text, blank, signatures = data.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise FormatError("a checkpoint is not UTF-8", where=where) from None
    if not blank or not signatures.endswith("\n"):
        raise FormatError("this is no signed note", where=where, expected="a text, an empty line, signature lines, each ended by a newline")
    lines = tuple(SignatureLine.parse(line, where=where) for line in signatures[:-1].split("\n"))
    return SignedCheckpoint(Checkpoint.parse(text + "\n", where=where), lines)


def cosigned_message(timestamp: int, text: str) -> bytes:
    """Return what a witness signs: header, time in seconds since the epoch, and the note's text."""
    return f"cosignature/v1\ntime {timestamp}\n{text}".encode()


def verify_log_signature(signed: SignedCheckpoint, key: VerifierKey) -> None:
    """Check that a checkpoint is this log's, and that its first line is the log's signature.

    Raises:
        VerificationError: `checkpoint-origin` or `checkpoint-signature`.
    """
    origin = signed.checkpoint.origin
    if origin != key.name:
        raise VerificationError("the checkpoint is another log's", expected=key.name, found=origin, code="checkpoint-origin")
    line = signed.lines[0]
    if key.kind != LOG_KEY or not line.is_by(key):
        raise _bad_signature(key)
    _verify(key, line, signed.text.encode())


def verify_cosignature(signed: SignedCheckpoint, key: VerifierKey) -> int | None:
    """Return when a witness cosigned, in seconds since the epoch; None if it did not.

    Raises:
        VerificationError: a line by this key does not hold, or there are two (`checkpoint-signature`).
    """
    lines = [line for line in signed.lines if line.is_by(key)]
    if not lines:
        return None
    timestamp = int.from_bytes(lines[0].signature[:8])
    if key.kind != WITNESS_KEY or len(lines) > 1 or timestamp > MAX_TIMESTAMP:
        raise _bad_signature(key)
    _verify(key, lines[0], cosigned_message(timestamp, signed.text))
    return timestamp


def verify_signed(signed: SignedCheckpoint, log_key: VerifierKey, witnesses: Sequence[VerifierKey]) -> dict[VerifierKey, int]:
    """Check every line of a checkpoint; return when each witness cosigned it, for those that did.

    Raises:
        VerificationError: it is another log's (`checkpoint-origin`), a line is by none of these keys
            (`checkpoint-unknown-key`), or a line does not hold or is one of two by one key (`checkpoint-signature`).
    """
    verify_log_signature(signed, log_key)
    for line in signed.lines[1:]:
        if line.is_by(log_key):
            raise _bad_signature(log_key)
        if not any(line.is_by(key) for key in witnesses):
            raise VerificationError("a checkpoint line is by a key that is not trusted", found=line.name, code="checkpoint-unknown-key")
    return {key: time for key in witnesses if (time := verify_cosignature(signed, key)) is not None}


def _verify(key: VerifierKey, line: SignatureLine, message: bytes) -> None:
    if len(line.signature) != _SIGNATURE_BYTES[key.kind]:
        raise _bad_signature(key)
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(line.signature[-64:], message)
    except (InvalidSignature, ValueError):
        raise _bad_signature(key) from None


def _bad_signature(key: VerifierKey) -> VerificationError:
    failure = Failure("checkpoint-signature", "log/checkpoint", f"one valid line by {key.text}")
    return failure.problem(VerificationError, "a checkpoint signature does not hold")
