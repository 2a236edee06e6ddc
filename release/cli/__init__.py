"""The command line. Each command is one small file here, imported when it is called, so that `release --help` answers at once.

Exit codes: 0, or the verdict of a verification (1 failed, 3 stale, 4 withdrawn, 5 incomplete); 1 for an error; 2 for a wrong call.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import NoReturn

import click

from audit_logs.errors import Problem, VerificationError
from release.cli._command import CommandGroup
from release.cli._output import Output, printable, requested
from release.errors import UsageError

__all__ = ["interrupted", "main", "run"]

COMMANDS = {
    "demo": "Tell the whole story on bundled benign data.",
    "init": "Write a plan, keys and a trust file to start from.",
    "plan": "Check a plan and show its canonical form.",
    "lists": "Keep the store of known-hash lists.",
    "auditor": "Make an auditor's keys, and the card an institution needs of them.",
    "trust": "Make and change trust files.",
    "fingerprints": "Give a list holder the fingerprints of a source.",
    "screen-for-others": "Compare another institution's fingerprints with your lists, and answer.",
    "build": "Screen a source and write a signed candidate.",
    "audit": "Check a candidate as an auditor, and sign an opinion.",
    "propose": "Put a candidate with its sealed evidence where its auditors can fetch it.",
    "opinion": "Give back, or take over, reports, opinions and cosignatures.",
    "publish": "Publish a candidate that meets the trust policy.",
    "rescreen": "Match a newer list with the sealed fingerprints of a release.",
    "recall": "Withdraw a release, and republish the log.",
    "withdraw": "Sign the withdrawal of a statement or of a key.",
    "record": "Log statements that others signed, and republish the log.",
    "verify": "Verify a release from its bytes.",
    "page": "Write the page that verifies a release in a browser.",
    "get": "Fetch a release from the Hub, verify it, and only then make it visible.",
    "export": "Write a verified release as a trainer reads it, with a receipt.",
    "receipt": "Check a folder against the receipt of its export.",
}
ERROR, USAGE = 1, 2


class _Root(CommandGroup):
    """The group of all commands: a fixed table of names, of which those are listed whose file is there."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names of the commands in the order of the story."""
        return [name for name in COMMANDS if importlib.util.find_spec(_module(name))]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        found: click.Command = getattr(importlib.import_module(_module(cmd_name)), cmd_name.replace("-", "_"))
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing one."""
        rows = [(name, COMMANDS[name]) for name in self.list_commands(ctx)]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _module(name: str) -> str:
    return f"release.cli.{name.replace('-', '_')}"


def _print_version(context: click.Context, _parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from release.tool import this_tool

        tool = this_tool()
        click.echo(f"{tool.name} {tool.version} (code digest {tool.code_digest})")
        context.exit()


root = _Root(
    "release",
    summary="Publish a hash-screened derivative of a dataset, with signed attestations that strangers can verify.",
    examples=("release demo demo", "release verify demo/published --trust demo/trust.json"),
)
root.params.append(
    click.Option(
        ["--version"], is_flag=True, expose_value=False, is_eager=True, callback=_print_version, help="Show version and code digest."
    )
)


@dataclass(slots=True)
class Interrupted:
    """Remembers Ctrl-C: where it falls into a callback from compiled code, another exception comes out of that, or none."""

    seen: bool = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Interrupt as Python does."""
        self.seen = True
        signal.default_int_handler(number, frame)

    def check(self) -> None:
        """Interrupt again, if an interrupt was swallowed: pyarrow does so while it looks for pandas.

        Raises:
            KeyboardInterrupt: there was one.
        """
        if self.seen:
            raise KeyboardInterrupt


interrupted = Interrupted()


def main() -> NoReturn:
    """Run the command line of this process and end it."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupted)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; every error ends here, in one line or one JSON object."""
    output = requested(arguments)
    try:
        code = _call(arguments, output)
        sys.stdout.flush()
    except click.UsageError as error:
        return _usage(error, output)
    except BrokenPipeError:
        return _reader_left()
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001  (the outermost frame: the one place that may)
        found = KeyboardInterrupt() if interrupted.seen else error
        return _report(_as_problem(found), output, USAGE if isinstance(found, UsageError) else ERROR)
    return code


def _call(arguments: Sequence[str], output: Output) -> int:
    try:
        with root.make_context("release", list(arguments), obj=output) as context:
            return root.invoke(context) or 0
    except click.exceptions.Exit as leaving:
        return leaving.exit_code


def _usage(error: click.UsageError, output: Output) -> int:
    if output.format == "json":
        where = error.ctx.command_path if error.ctx else ""
        return _report(Problem(error.format_message(), where=where, code="usage"), output, USAGE)
    error.show()
    return USAGE


def _as_problem(error: BaseException) -> Problem:
    """Return what a person has to know about an error. The text of an unforeseen one may quote what must never be shown."""
    match error:
        case VerificationError():
            return _with_advice(error)
        case Problem():
            return error
        case KeyboardInterrupt() | click.Abort():
            return Problem("interrupted", next_step="run the same command again; nothing half-written was made visible", code="interrupted")
        case OSError():  # the machine's refusal, not a bug
            where = str(error.filename) if error.filename is not None else ""
            return Problem("the system refused", where=where, found=error.strerror or type(error).__name__, code="system")
    step = traceback.extract_tb(error.__traceback__)[-1]
    return Problem(
        "this is a bug",
        where=f"{Path(step.filename).name}:{step.lineno}",
        found=type(error).__name__,
        next_step="run again with --debug and report the traceback",
        code="bug",
    )


def _with_advice(error: VerificationError) -> Problem:
    """Return an error about a release with what its reader can do, where the place that raised it said nothing."""
    from release.advice import WORDS

    words = WORDS.get(error.code)
    return error if error.next_step or words is None else error.recast(VerificationError, next_step=words.next)


def _report(problem: Problem, output: Output, code: int) -> int:
    if output.debug:
        traceback.print_exc()
    faults = getattr(problem, "faults", ())
    if output.format == "json":
        parts: dict[str, object] = {name: getattr(problem, name) for name in ("code", "what", "where", "expected", "found")}
        parts["next"] = problem.next_step
        if faults:
            parts["faults"] = [{"where": fault.where, "expected": fault.expected, "found": fault.found} for fault in faults]
        click.echo(json.dumps({"error": parts}))
    else:
        for line in (f"release: {Problem.__str__(problem)}", *(f"  {fault}" for fault in faults)):
            click.echo(printable(line).replace("\n", "\\n"), err=True)
    return code


def _reader_left() -> int:
    """Let the interpreter's last flush go nowhere: whoever read our output has closed it. What was not said is no success."""
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
    return ERROR
