"""Lists at rest under a passphrase, and the memory in which they are opened.

    <store>/seal.age              an age identity, sealed with the passphrase
    <store>/seal.pub              its recipient: what is imported later is sealed to it, which needs no passphrase
    <store>/<name>/*.index.age    in the place of *.index; list.json, which tells no entry, stays as it is

A sealed index is never written to a disk in clear. It is made in a folder of a file system that lies in memory (`shelter`), and opened in
an anonymous file in memory (memfd), made read-only there, gone with the process that opened it, however that ends. Worker processes
map the same pages: the variable `OPEN` in their environment names a list of such files (their digests and places below /proc, no secret),
and only processes of the same user may open them. Like all memory they may be swapped out: encrypt the swap space too.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyrage

from release import store
from release.errors import ListError

IDENTITY, RECIPIENT = "seal.age", "seal.pub"
SUFFIX = ".age"
OPEN = "VETTED_RELEASE_OPEN_LISTS"
SHORTEST = 8

_LIMIT = 1 << 16
_IN_MEMORY = ("tmpfs", "ramfs")
_SHELTERS = ("/dev/shm", "/run/shm")  # noqa: S108  (checked to be in memory, and used through a private folder)

Ask = Callable[[Path], str]


@dataclass(slots=True)
class _Opened:
    """What this process has opened: identities by store, memory files by digest, and how it asks for a passphrase."""

    ask: Ask | None = None
    identities: dict[Path, pyrage.x25519.Identity] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    told: int = -1


_opened = _Opened()


@contextmanager
def answering(ask: Ask) -> Iterator[None]:
    """Let sealed lists be opened, with the passphrase that `ask` gives when the first one is; all are closed at the end."""
    before, _opened.ask = _opened.ask, ask
    try:
        yield
    finally:
        _opened.ask = before
        close()


def close() -> None:
    """Forget every passphrase and give up the memory of every opened list; what is mapped stays until it is let go."""
    if _opened.told >= 0:
        os.environ.pop(OPEN, None)
    for descriptor in (*_opened.files.values(), _opened.told):
        with suppress(OSError):
            os.close(descriptor)
    _opened.identities.clear()
    _opened.files.clear()
    _opened.told = -1


def is_sealed(folder: Path) -> bool:
    """Tell whether a store is sealed."""
    return (folder / IDENTITY).exists()


def create(folder: Path, passphrase: str) -> None:
    """Make a store a sealed one; the lists that it has are sealed by the caller.

    Raises:
        ListError: the passphrase is too short.
        StoreError: it cannot be written.
    """
    if len(passphrase) < SHORTEST:
        raise ListError("the passphrase is too short", expected=f"at least {SHORTEST} characters", code="list-passphrase")
    identity = pyrage.x25519.Identity.generate()
    store.write_file(folder / RECIPIENT, f"{identity.to_public()}\n".encode(), private=True)
    store.write_file(folder / IDENTITY, pyrage.passphrase.encrypt(f"{identity}\n".encode(), passphrase), private=True)


def seal(clear: Path, sealed: Path, folder: Path) -> None:
    """Write the sealed form of a file, for the store in `folder`.

    Raises:
        ListError: the store's recipient is damaged.
        StoreError: it cannot be read or written.
    """
    text = store.read_file(folder / RECIPIENT, _LIMIT, private=True)
    try:
        recipient = pyrage.x25519.Recipient.from_str(text.decode().strip())
    except (pyrage.RecipientError, UnicodeDecodeError):
        raise _damaged(folder / RECIPIENT) from None
    with clear.open("rb") as source, store.open_new(sealed, private=True) as target:
        pyrage.encrypt_io(source, target, [recipient])


def opened(sealed: Path, sha256: str) -> Path:
    """Return where the content of a sealed file of a list lies in memory; `sha256` is what it must have.

    Raises:
        ListError: nobody gives the passphrase, it is wrong, the file is damaged, or this system has no files in memory.
        StoreError: others can reach the file.
    """
    there = _opened.files.get(sha256)
    if there is not None:
        return _place(there)
    inherited = _inherited(sha256)
    if inherited is not None:
        return inherited
    store.check_private(sealed)
    descriptor = _decrypted(sealed, _identity(sealed.parent.parent))
    if store.file_sha256(_place(descriptor)) != sha256:
        os.close(descriptor)
        raise _damaged(sealed)
    _opened.files[sha256] = descriptor
    _tell(sha256, descriptor)
    return _place(descriptor)


def drop(sha256: str) -> None:
    """Give up the memory of one file that was opened; what is mapped stays until it is let go."""
    descriptor = _opened.files.pop(sha256, None)
    if descriptor is not None:
        os.close(descriptor)


@contextmanager
def shelter() -> Iterator[Path]:
    """Give a private folder that lies in memory, and is gone at the end.

    Raises:
        ListError: this system has none.
    """
    root = next((Path(path) for path in _SHELTERS if _in_memory(path)), None)
    if root is None:
        raise _no_memory("a file system in memory at " + " or ".join(_SHELTERS))
    folder = Path(tempfile.mkdtemp(prefix="vetted-release-", dir=root))  # mode 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _identity(folder: Path) -> pyrage.x25519.Identity:
    found = _opened.identities.get(folder)
    if found is not None:
        return found
    if _opened.ask is None:
        raise ListError(
            "the list store is sealed", where=str(folder), next_step="give its passphrase with --lists-passphrase-fd", code="list-sealed"
        )
    data = store.read_file(folder / IDENTITY, _LIMIT, private=True)
    try:
        secret = pyrage.passphrase.decrypt(data, _opened.ask(folder))
        identity = pyrage.x25519.Identity.from_str(secret.decode().strip())
    except (pyrage.DecryptError, pyrage.IdentityError, UnicodeDecodeError):
        raise ListError("the passphrase does not open the list store", where=str(folder), code="list-passphrase") from None
    _opened.identities[folder] = identity
    return identity


def _decrypted(sealed: Path, identity: pyrage.x25519.Identity) -> int:
    """Return the descriptor of a file in memory with the content of a sealed one, that nobody can change any more."""
    if not hasattr(os, "memfd_create"):
        raise _no_memory("Linux")
    descriptor = os.memfd_create("list", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.fchmod(descriptor, 0o600)
        with sealed.open("rb") as source, os.fdopen(descriptor, "wb", closefd=False) as target:
            pyrage.decrypt_io(source, target, [identity])
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    except (pyrage.DecryptError, OSError):
        os.close(descriptor)
        raise _damaged(sealed) from None
    return descriptor


def _tell(sha256: str, descriptor: int) -> None:
    """Let the worker processes that are started from now on know of an opened file."""
    if _opened.told < 0:
        _opened.told = os.memfd_create("lists", os.MFD_CLOEXEC)
        os.fchmod(_opened.told, 0o600)
        os.environ[OPEN] = str(_place(_opened.told))
    os.write(_opened.told, f"{sha256} {_place(descriptor)}\n".encode())


def _inherited(sha256: str) -> Path | None:
    """Return where the process that started this one has opened a file, None if it has not."""
    told = os.environ.get(OPEN)
    if told is None:
        return None
    try:
        pairs = [line.split(" ", 1) for line in Path(told).read_text().splitlines()]
    except OSError:
        return None
    return next((Path(place) for digest, place in pairs if digest == sha256), None)


def _place(descriptor: int) -> Path:
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


def _in_memory(path: str) -> bool:
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return False
    return any(mount[1] == path and mount[2] in _IN_MEMORY for mount in mounts)


def _no_memory(expected: str) -> ListError:
    step = "keep the lists of this machine unsealed, on an encrypted disk"
    return ListError("a sealed list can only be opened in memory", expected=expected, found="none", next_step=step, code="list-sealed")


def _damaged(path: Path) -> ListError:
    return ListError("a sealed list is damaged", where=str(path), next_step="import the list again", code="list-damaged")
