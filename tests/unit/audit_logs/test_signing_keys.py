"""Key files: made once, private, of the right kind, opened by the right passphrase only."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit_logs import keys, note
from audit_logs.errors import FormatError, KeyProblem

KINDS = pytest.mark.parametrize("kind", ["ed25519", "p256"])


def code_of(path: Path, passphrase: bytes | None = None) -> str:
    """Return the code with which a key file is refused."""
    with pytest.raises(KeyProblem) as caught:
        keys.load(path, passphrase=passphrase)
    return caught.value.code


def write_private(path: Path, data: bytes) -> Path:
    """Write a file that only its owner can read."""
    path.write_bytes(data)
    path.chmod(0o600)
    return path


@KINDS
def test_a_key_is_made_and_loaded(kind: str, tmp_path: Path) -> None:
    """The file gives back the same signer, is 0600, and its signatures hold."""
    made = keys.generate(tmp_path / "key.pem", kind)
    loaded = keys.load(tmp_path / "key.pem")
    assert loaded.public == made.public
    assert loaded.public.kind == kind
    assert (tmp_path / "key.pem").stat().st_mode & 0o777 == 0o600
    assert loaded.sign(b"data") == made.sign(b"data")
    if kind == "ed25519":
        made.public.verify(loaded.sign(b"data"), b"data")


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_a_key_is_for_its_owner_alone_under_any_umask(umask: int, tmp_path: Path) -> None:
    """0600, neither looser nor tighter, from its creation on."""
    before = os.umask(umask)
    try:
        keys.generate(tmp_path / "key.pem")
    finally:
        os.umask(before)
    assert (tmp_path / "key.pem").stat().st_mode & 0o7777 == 0o600
    keys.load(tmp_path / "key.pem")


@KINDS
def test_a_passphrase_locks_the_file(kind: str, tmp_path: Path) -> None:
    """Only the right passphrase opens it; without one the error says that there is one."""
    path = tmp_path / "key.pem"
    made = keys.generate(path, kind, passphrase=b"correct horse")
    assert keys.load(path, passphrase=b"correct horse").public == made.public
    assert code_of(path) == "key-passphrase"
    assert code_of(path, b"wrong") == "key-passphrase"
    assert code_of(path, b"") == "key-passphrase"
    assert b"ENCRYPTED" in path.read_bytes()


def test_a_passphrase_for_an_open_file_is_not_needed(tmp_path: Path) -> None:
    """A passphrase typed for a file without one does no harm."""
    keys.generate(tmp_path / "key.pem")
    keys.load(tmp_path / "key.pem", passphrase=b"unused")


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    """Nobody locks a key with nothing by mistake, and no file is left."""
    with pytest.raises(KeyProblem):
        keys.generate(tmp_path / "key.pem", passphrase=b"")
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    """A file or a dangling link under the name stops generation."""
    path = tmp_path / "key.pem"
    keys.generate(path)
    before = path.read_bytes()
    (tmp_path / "link.pem").symlink_to(tmp_path / "nowhere")
    for taken in (path, tmp_path / "link.pem"):
        with pytest.raises(KeyProblem) as caught:
            keys.generate(taken)
        assert caught.value.code == "key-exists"
    assert path.read_bytes() == before


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644, 0o620])
def test_a_key_that_others_can_reach_is_refused(bits: int, tmp_path: Path) -> None:
    """Group or world access, of any sort, is refused with the next step."""
    path = tmp_path / "key.pem"
    keys.generate(path)
    path.chmod(bits)
    with pytest.raises(KeyProblem, match="chmod 600") as caught:
        keys.load(path)
    assert caught.value.code == "key-permissions"


def test_links_folders_and_absent_files_are_refused(tmp_path: Path) -> None:
    """A key is a plain file."""
    keys.generate(tmp_path / "key.pem")
    (tmp_path / "link.pem").symlink_to(tmp_path / "key.pem")
    (tmp_path / "folder").mkdir(mode=0o700)
    for name in ("link.pem", "folder", "absent.pem"):
        assert code_of(tmp_path / name) == "key-file"


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    """RSA, another curve, an old container, a public key, and no key at all."""
    p256 = ec.generate_private_key(ec.SECP256R1())
    pkcs8, old = PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL
    contents = [
        rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, pkcs8, NoEncryption()),
        ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, pkcs8, NoEncryption()),
        p256.private_bytes(Encoding.PEM, old, NoEncryption()),
        keys.generate(tmp_path / "key.pem").public.pem.encode(),
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"",
        b"\xff" * 100,
    ]
    for number, data in enumerate(contents):
        assert code_of(write_private(tmp_path / f"{number}.pem", data)) == "key-kind"
    assert code_of(write_private(tmp_path / "large.pem", bytes(20_000))) == "key-file"


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_length_is_refused(size: int, tmp_path: Path) -> None:
    """An Ed25519 key that was cut, or has a byte too many, is no key; the library's own words for it do not come through."""
    inner = bytes([0x04, size]) + bytes(size)
    body = bytes.fromhex("020100300506032b6570") + bytes([0x04, len(inner)]) + inner
    text = base64.b64encode(bytes([0x30, len(body)]) + body).decode()
    pem = f"-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n"
    assert code_of(write_private(tmp_path / "key.pem", pem.encode())) == "key-kind"


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """Only the two kinds of SPEC.md section 7 are made."""
    with pytest.raises(KeyProblem):
        keys.generate(tmp_path / "key.pem", "rsa")


def test_checkpoints_are_signed_with_ed25519(tmp_path: Path) -> None:
    """A P-256 key serves neither as log nor as witness key."""
    p256 = keys.generate(tmp_path / "p256.pem", "p256")
    with pytest.raises(KeyProblem):
        keys.load_note_signer(tmp_path / "p256.pem")
    with pytest.raises(KeyProblem):
        keys.verifier_key(p256, "example.org/log", note.LOG_KEY)
    made = keys.generate(tmp_path / "key.pem")
    assert keys.load_note_signer(tmp_path / "key.pem").public == made.public
    assert keys.verifier_key(made, "example.org/log", note.LOG_KEY).public == made.public.raw
    with pytest.raises(FormatError):
        keys.verifier_key(made, "two words", note.LOG_KEY)


def test_a_signer_does_not_show_its_key(tmp_path: Path) -> None:
    """The text form of a signer has the public key only."""
    assert "rivate" not in repr(keys.generate(tmp_path / "key.pem"))
