"""The shape that all commands share: the options for output, an Examples block, and `Output` as their first argument.

A command is a file `release/cli/<name>.py` with a function `<name>`:

    @command("verify", examples=("release verify published --trust trust.json",))
    @click.argument("folder", type=FOLDER)
    def verify(output: Output, folder: Path) -> int | None: ...

What it returns is the exit code (`None` is 0). A command with subcommands is a `CommandGroup` instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from release.cli._output import FORMATS

R = TypeVar("R")
FOLDER = click.Path(path_type=Path)  # no `exists=True`: a missing path is a Problem of the room that reads it, with a next step


class _WithExamples(click.Command):
    """A click command whose help ends in examples, kept line by line."""

    examples: tuple[str, ...] = ()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the Examples block."""
        super().format_epilog(ctx, formatter)
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"{'':{formatter.current_indent}}{line}\n" for line in self.examples))


class PlainCommand(_WithExamples):
    """One command with the shared options."""


class CommandGroup(_WithExamples, click.Group):
    """A command that holds subcommands."""

    def __init__(self, name: str, *, summary: str, examples: Sequence[str] = (), formats: Sequence[str] = ()) -> None:
        super().__init__(name, help=summary, params=shared_options(formats), no_args_is_help=True)
        self.examples = tuple(examples)


def command(name: str, *, examples: Sequence[str], formats: Sequence[str] = ()) -> Callable[[Callable[..., int | None]], PlainCommand]:
    """Make a command of a function whose docstring is the help and whose first argument is the `Output`.

    Args:
        name: the word on the command line.
        examples: command lines that work as they stand.
        formats: formats of an input file that `--format` may name as well; the function gets the last one as `file_format`.
    """

    def decorate(function: Callable[..., int | None]) -> PlainCommand:
        made = click.command(name, cls=PlainCommand)(click.pass_obj(function))
        made.params += shared_options(formats)
        made.examples = tuple(examples)
        return made

    return decorate


def shared_options(formats: Sequence[str] = ()) -> list[click.Parameter]:
    """Return new `--format` and `--debug` options; what they say is read from the command line by `_output.requested`."""
    if formats:
        output = click.Option(
            ["--format", "file_format"],
            type=click.Choice([*formats, *FORMATS]),
            multiple=True,
            callback=_last_of(tuple(formats)),
            help=f"Of the file: {', '.join(formats)}. Of the output: {', '.join(FORMATS)}. May be given twice.",
        )
    else:
        output = click.Option(
            ["--format"], type=click.Choice(FORMATS), default="human", show_default=True, expose_value=False, help="How to answer."
        )
    return [output, click.Option(["--debug"], is_flag=True, expose_value=False, help="Show the traceback of an error.")]


def signs(function: Callable[..., R]) -> Callable[..., R]:
    """Give a command that opens or makes keys the option from where their passphrase comes; without it, the terminal is asked."""
    return click.option(
        "--passphrase-fd",
        type=click.IntRange(0),
        metavar="N",
        expose_value=False,
        callback=_passphrases,
        help="Read the passphrase of the keys from this file descriptor.  [default: ask at the terminal]",
    )(function)


def _passphrases(context: click.Context, _parameter: click.Parameter, descriptor: int | None) -> None:
    """Let passphrases be had until the command ends."""
    from audit_logs import passphrase

    if not context.resilient_parsing:
        context.with_resource(passphrase.source(descriptor))


def _last_of(formats: tuple[str, ...]) -> Callable[[click.Context, click.Parameter, tuple[str, ...]], str | None]:
    def choose(_context: click.Context, _parameter: click.Parameter, values: tuple[str, ...]) -> str | None:
        of_file = [value for value in values if value in formats]
        return of_file[-1] if of_file else None

    return choose
