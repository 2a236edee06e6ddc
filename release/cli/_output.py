"""What a command says, and where: standard output for results, standard error for warnings and progress."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Never

import click

if TYPE_CHECKING:
    from tqdm import tqdm

FORMATS = ("human", "json", "quiet")
PROGRESS_AFTER_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Output:
    """How the caller wants to be spoken to.

    Attributes:
        format: `human` (plain words), `json` (one object on standard output) or `quiet` (the exit code alone).
        debug: whether an error shows its traceback.
    """

    format: str = "human"
    debug: bool = False

    def say(self, text: str) -> None:
        """Print plain words for a person; nothing in the other formats."""
        if self.format == "human":
            click.echo(printable(text))

    def result(self, value: Mapping[str, object], text: str = "") -> None:
        """Print what the command found: `value` as the one JSON object, or `text` for a person."""
        if self.format == "json":
            click.echo(json.dumps(value, ensure_ascii=True, allow_nan=False))
        elif text:
            self.say(text)

    def warn(self, text: str) -> None:
        """Print a warning on standard error, unless the caller wants quiet."""
        if self.format != "quiet":
            click.echo(printable(f"warning: {text}"), err=True)

    def progress(self, label: str, *, total: int | None, unit: str) -> tqdm[Never]:
        """Return a progress bar on standard error that appears after two seconds, and only on a terminal."""
        from tqdm import tqdm

        disable = None if self.format == "human" else True  # None: tqdm itself stays silent where there is no terminal
        return tqdm(total=total, desc=label, unit=f" {unit}", delay=PROGRESS_AFTER_SECONDS, disable=disable, dynamic_ncols=True)


def printable(text: str) -> str:
    """Return `text` with everything that could steer a terminal written as an escape; line ends stay."""
    return "\n".join("".join(map(_visible, line)) for line in text.split("\n"))


def _visible(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape", "backslashreplace").decode("ascii")


def requested(arguments: Sequence[str]) -> Output:
    """Return the output that a command line asks for, before it is parsed.

    A command line with a mistake in it is never parsed to its end, and the error has to be told in the right form all the same.
    The last `--format` wins, as it does in the parser; a format of list files (`--format csv`) is none of ours.
    """
    words = list(arguments[: arguments.index("--")] if "--" in arguments else arguments)
    parts = [part for word in words for part in (word.split("=", 1) if word.startswith("--format=") else (word,))]
    chosen = [value for word, value in pairwise(parts) if word == "--format" and value in FORMATS]
    return Output(format=chosen[-1] if chosen else "human", debug="--debug" in words)
