"""`--lists-passphrase-fd`: the passphrase of a sealed list store, from a file descriptor or a terminal; never from the command line itself.

What stands on a command line, or in the environment, other users and logs can see.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from release.errors import ListError, UsageError

_LONGEST = 4096


def read(descriptor: int) -> str:
    """Return the first line that a descriptor gives.

    Raises:
        UsageError: it cannot be read, or gives no text.
    """
    data = b""
    try:
        while b"\n" not in data and len(data) <= _LONGEST and (part := os.read(descriptor, _LONGEST)):
            data += part
        text = data.split(b"\n", 1)[0].removesuffix(b"\r").decode()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text or len(data) > _LONGEST:
        raise UsageError("the descriptor gives no passphrase", where="--lists-passphrase-fd", expected="one line of UTF-8 text")
    return text


def ask(descriptor: int | None, *, new: bool = False) -> str:
    """Return the passphrase of a list store from a descriptor, or from somebody at the terminal.

    Raises:
        ListError: there is neither.
        UsageError: the descriptor gives none.
    """
    if descriptor is not None:
        return read(descriptor)
    if not sys.stdin.isatty():
        raise ListError(
            "the list store needs its passphrase, and nobody is there to ask",
            next_step="give it with --lists-passphrase-fd, as in: release ... --lists-passphrase-fd 3 3<passphrase.txt",
            code="list-sealed",
        )
    entered: str = click.prompt("Passphrase of the list store", hide_input=True, confirmation_prompt=new, err=True)
    return entered


def _answer(context: click.Context, _parameter: click.Parameter, descriptor: int | None) -> None:
    from release.lists import sealed

    def answer(_: Path) -> str:
        return ask(descriptor)

    if not context.resilient_parsing:
        context.with_resource(sealed.answering(answer))


PASSPHRASE = click.option(
    "--lists-passphrase-fd",
    type=click.IntRange(0),
    metavar="N",
    expose_value=False,
    callback=_answer,
    help="Read the passphrase of a sealed list store from descriptor N.  [default: ask at the terminal]",
)
