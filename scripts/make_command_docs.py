"""Write docs/commands.md from the commands themselves.

Usage: python scripts/make_command_docs.py     (tests/test_docs.py fails while the page says something else than the commands)
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from release import cli

PAGE = Path(__file__).resolve().parents[1] / "docs" / "commands.md"
HEAD = """# Commands

This page is made by `scripts/make_command_docs.py` from the commands' own help.

Every command takes `--format human|json|quiet` (plain words, one JSON object on standard output, or the exit code alone), `--debug` (an
error shows its traceback) and `--help`. Exit codes: 0 for success and *verified*, 1 for an error and *failed*, 2 for a wrong call, 3 *stale*,
4 *withdrawn*, 5 *incomplete*. An error is one line on standard error, or with `--format json` the object
`{"error": {"code", "what", "where", "expected", "found", "next"}}` on standard output; the faults of a plan follow one by one.
"""
SHARED = {"--format", "--debug", "--version"}


def walk() -> Iterator[tuple[str, click.Command]]:
    """Yield every command and subcommand with the words that call it, in the order of `release --help`."""
    context = click.Context(cli.root)
    for name in cli.root.list_commands(context):
        found = cli.root.get_command(context, name)
        if found is not None:
            yield from _below(f"release {name}", found)


def _below(words: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield words, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _below(f"{words} {name}", each)


def render() -> str:
    """Return the page."""
    return "\n".join([HEAD, *(section for words, command in walk() for section in _section(words, command))])


def _section(words: str, command: click.Command) -> Iterator[str]:
    context = click.Context(command, info_name=words)
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"## `{words} {usage}`\n\n{inspect.cleandoc(command.help or '')}\n"
    options = [each for each in command.params if isinstance(each, click.Option) and (_is_own(each) and not each.hidden)]
    if options:
        rows = [each.get_help_record(context) or ("", "") for each in options]
        yield "\n".join(["| option | |", "|---|---|", *(f"| `{_cell(option)}` | {_cell(text)} |" for option, text in rows), ""])
    examples = getattr(command, "examples", ())
    if examples:
        yield "\n".join(["```sh", *examples, "```", ""])


def _is_own(option: click.Option) -> bool:
    return option.name == "file_format" or not SHARED & set(option.opts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
