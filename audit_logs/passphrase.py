"""Where the passphrase of a key file comes from: a person at a terminal, or a file descriptor that another program opened.

Never the command line or an environment variable: both can be read by others while a program runs. A program that is no command
line asks nobody: there, a key with a passphrase is refused unless the passphrase is given to `keys.load`.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from audit_logs.errors import KeyProblem

_LARGEST = 1024
_source: ContextVar[Callable[[str], bytes] | None] = ContextVar("passphrase source", default=None)


@contextmanager
def source(descriptor: int | None) -> Iterator[None]:
    """Let passphrases be had while the block runs: from the terminal, or one for all keys from a descriptor, read here to its end.

    Raises:
        KeyProblem: the descriptor cannot be read (`key-passphrase`).
    """
    given = b"" if descriptor is None else _read(descriptor)
    token = _source.set(_typed if descriptor is None else lambda _: given)
    try:
        yield
    finally:
        _source.reset(token)


def ask(what: str) -> bytes:
    """Return the passphrase of a key.

    Args:
        what: the key's file, as a person knows it.

    Raises:
        KeyProblem: there is nobody to ask, or the answer is empty or too long (`key-passphrase`).
    """
    answer = _source.get()
    if answer is None:
        raise _problem("the key has a passphrase", what, "give the passphrase")
    found = answer(what)
    if not 0 < len(found) <= _LARGEST:
        raise _problem("this is no passphrase", what, f"give one of 1 to {_LARGEST} bytes")
    return found


def _typed(what: str) -> bytes:
    """Ask at the terminal, without an echo; never on standard input, which a program may have filled."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        raise _problem("a passphrase is needed, and there is no terminal to ask at", what, "give it with --passphrase-fd") from None
    try:
        return getpass.getpass(f"Passphrase of {what}: ").encode()
    except (EOFError, UnicodeDecodeError):
        raise _problem("no passphrase was typed", what, "type it, or give it with --passphrase-fd") from None


def _read(descriptor: int) -> bytes:
    """Return what a descriptor holds, without a final newline."""
    try:
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(_LARGEST + 2).removesuffix(b"\n")
    except (OSError, OverflowError) as error:
        raise _problem("the passphrase cannot be read", f"--passphrase-fd {descriptor}", "name an open descriptor") from error


def _problem(what: str, where: str, next_step: str) -> KeyProblem:
    return KeyProblem(what, where=where, next_step=next_step, code="key-passphrase")
