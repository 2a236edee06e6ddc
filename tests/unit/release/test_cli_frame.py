"""The frame of the command line: how commands are found, how errors are told, which exit codes there are."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType

import click
import pytest

from audit_logs.errors import Problem, VerificationError
from release import cli
from release.advice import WORDS
from release.cli._command import command
from release.cli._output import Output, printable, requested
from release.errors import Fault, PlanError, UsageError

Body = Callable[[Output], int | None]
Install = Callable[[Body], None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that puts a body in the place of `release demo`."""

    def put(body: Body) -> None:
        @command("demo", examples=("release demo one",), formats=("csv",))
        @click.argument("word", default="")
        def demo(output: Output, word: str, file_format: str | None) -> int | None:
            """Tell one word."""
            output.result({"word": word, "format": file_format}, f"word {word}")
            return body(output)

        module = ModuleType("release.cli.demo")
        module.__spec__ = ModuleSpec("release.cli.demo", None)
        module.demo = demo  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "release.cli.demo", module)

    return put


def fail_with(error: BaseException) -> Body:
    """Return a body that raises."""

    def body(_output: Output) -> int | None:
        raise error

    return body


def test_help_imports_no_room() -> None:
    """`release --help` answers at once: it imports click and no library that takes long."""
    code = (
        "import sys; from release.cli import run; run(['--help']); print(*sorted({m.split('.')[0] for m in sys.modules}), file=sys.stderr)"
    )
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.startswith("Usage: release")
    assert not {"numpy", "pyarrow", "numba", "datasets", "huggingface_hub", "PIL", "cryptography", "tqdm"} & set(answer.stderr.split())


def test_commands_are_listed_only_when_their_file_is_there(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """The help promises nothing that cannot be called."""
    install(lambda _: None)
    assert cli.run(["--help"]) == 0
    shown = capsys.readouterr().out.split("Commands:")[1].split("Examples:")[0]
    listed = [line.split()[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "]
    assert listed == [name for name in cli.COMMANDS if name in cli.root.list_commands(click.Context(cli.root))]
    assert "demo" in listed


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every command and subcommand with the words that call it."""
    context = click.Context(cli.root)
    todo = [(name, found) for name in cli.root.list_commands(context) if (found := cli.root.get_command(context, name))]
    while todo:
        words, found = todo.pop()
        yield words, found
        if isinstance(found, click.Group):
            todo += [(f"{words} {name}", each) for name, each in found.commands.items()]


def test_every_command_explains_itself() -> None:
    """Each command and subcommand has a help text, examples that call it, and the shared options."""
    for words, found in commands():
        assert found.help, words
        examples = getattr(found, "examples", ())
        assert examples, words
        assert all(f"release {words}" in line for line in examples), words
        options = {name for parameter in found.params for name in parameter.opts}
        assert {"--format", "--debug"} <= options, words


def test_help_ends_in_examples(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """Each help has an Examples block with the lines as they were written."""
    install(lambda _: None)
    assert cli.run(["demo", "--help"]) == 0
    assert capsys.readouterr().out.endswith("Examples:\n  release demo one\n")


def test_version_names_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` tells the version and the digest of the code that runs."""
    assert cli.run(["--version"]) == 0
    assert len(capsys.readouterr().out.split("code digest ")[1].strip(")\n")) == 64


@pytest.mark.parametrize("code", [0, 1, 3, 4, 5])
def test_a_verdict_passes_through(install: Install, code: int) -> None:
    """What a command returns is the exit code."""
    install(lambda _: code)
    assert cli.run(["demo"]) == code


def test_a_problem_is_one_line(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """An error says what, where, expected, found and what to do next on standard error, and exits with 1."""
    install(fail_with(Problem("it is torn", where="a.parquet", expected="whole", found="half", next_step="mend it", code="torn")))
    assert cli.run(["demo"]) == 1
    assert capsys.readouterr().err == "release: it is torn; where: a.parquet; expected: whole; found: half; next: mend it [torn]\n"


def test_a_problem_is_one_json_object(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """With `--format json` an error stands on standard output, in parts."""
    install(fail_with(Problem("it is torn", where="a", code="torn")))
    assert cli.run(["demo", "--format", "json"]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert json.loads(last) == {"error": {"code": "torn", "what": "it is torn", "where": "a", "expected": "", "found": "", "next": ""}}


def test_all_faults_of_a_plan_are_told(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """A plan's faults follow one by one, and stand in the JSON object."""
    install(fail_with(PlanError("plan.toml", (Fault("step 1", "a name", "nothing"), Fault("step 2", "a kind", "nothing")))))
    assert cli.run(["demo"]) == 1
    assert capsys.readouterr().err.splitlines()[1:] == [
        "  step 1: expected a name, found nothing",
        "  step 2: expected a kind, found nothing",
    ]
    assert cli.run(["demo", "--format=json"]) == 1
    assert len(json.loads(capsys.readouterr().out.splitlines()[-1])["error"]["faults"]) == 2


def test_a_name_cannot_steer_the_terminal(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """A hostile file name forges neither colours nor a line of its own."""
    install(fail_with(Problem("bad name", where="a\x1b[2K\r\nverdict: verified\udcff")))
    assert cli.run(["demo"]) == 1
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "\x1b" not in shown
    assert "\r" not in shown


def test_a_bug_shows_no_text_of_its_own(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """The text of an unforeseen error may quote a hash: only its type and place are shown."""
    install(fail_with(ValueError("d41d8cd98f00b204e9800998ecf8427e")))
    assert cli.run(["demo"]) == 1
    shown = capsys.readouterr().err
    assert "this is a bug" in shown
    assert "ValueError" in shown
    assert "d41d8cd9" not in shown
    assert "Traceback" not in shown


def test_debug_shows_the_traceback(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """`--debug` is the one way to a traceback."""
    install(fail_with(Problem("it is torn")))
    assert cli.run(["demo", "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_the_machine_s_refusal_is_no_bug(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """An error of the operating system names the file and the reason."""
    install(fail_with(FileNotFoundError(2, "No such file or directory", "gone.txt")))
    assert cli.run(["demo"]) == 1
    assert "the system refused; where: gone.txt; found: No such file or directory" in capsys.readouterr().err


def test_an_interrupt_is_one_line(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C ends in one sentence and exit code 1."""
    install(fail_with(KeyboardInterrupt()))
    assert cli.run(["demo"]) == 1
    assert capsys.readouterr().err.startswith("release: interrupted;")


def test_an_interrupt_that_compiled_code_turned_into_another_error_is_an_interrupt(
    install: Install, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C within a callback is swallowed there, and what comes out afterwards is no bug."""

    def callback(_output: Output) -> int | None:
        with contextlib.suppress(KeyboardInterrupt):
            cli.interrupted(signal.SIGINT, None)
        raise TypeError

    monkeypatch.setattr(cli.interrupted, "seen", False)
    install(callback)
    assert cli.run(["demo"]) == 1
    assert capsys.readouterr().err.startswith("release: interrupted;")


def test_an_interrupt_that_compiled_code_swallowed_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that clears every error while it imports another one lets nobody miss that the command was to end."""
    monkeypatch.setattr(cli.interrupted, "seen", False)
    cli.interrupted.check()
    with contextlib.suppress(KeyboardInterrupt):
        cli.interrupted(signal.SIGINT, None)
    with pytest.raises(KeyboardInterrupt):
        cli.interrupted.check()


def test_a_wrong_call_is_2(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """Usage errors have their own exit code, in every format."""
    install(lambda _: None)
    assert cli.run(["demo", "--no-such-option"]) == 2
    assert "Usage: release demo" in capsys.readouterr().err
    assert cli.run(["demo", "--no-such-option", "--format", "json"]) == 2
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "usage"
    assert cli.run(["no-such-command"]) == 2
    install(fail_with(UsageError("the folder is not empty")))
    assert cli.run(["demo"]) == 2


def test_quiet_says_nothing(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format quiet` leaves the exit code alone to speak."""

    def body(output: Output) -> int:
        output.warn("mind the gap")
        return 5

    install(body)
    assert cli.run(["demo", "--format", "quiet"]) == 5
    assert capsys.readouterr() == ("", "")


def test_a_format_of_files_stands_beside_that_of_the_output(install: Install, capsys: pytest.CaptureFixture[str]) -> None:
    """`--format csv --format json` names the form of a list file and that of the answer."""
    install(lambda _: None)
    assert cli.run(["demo", "one", "--format", "csv", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"word": "one", "format": "csv"}


def test_the_last_format_wins() -> None:
    """As in the parser; what follows `--` is no option."""
    assert requested(["x", "--format", "json", "--format=quiet"]) == Output("quiet")
    assert requested(["x", "--format", "csv"]) == Output("human")
    assert requested(["x", "--debug", "--", "--format", "json"]) == Output("human", debug=True)


def test_printable_keeps_words_and_line_ends() -> None:
    """Text in any script stays; what is not to be seen becomes an escape."""
    assert printable("größe 写\nx\ty\x07") == "größe 写\nx\\ty\\x07"


def test_a_reader_that_leaves_causes_no_noise() -> None:
    """A closed pipe ends the command without a traceback, and not with success."""
    reading, writing = os.pipe()
    os.close(reading)
    answer = subprocess.run([sys.executable, "-m", "release", "--help"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (answer.returncode, answer.stderr) == (1, "")


def test_an_error_about_a_release_says_what_its_reader_can_do() -> None:
    """Where the place that found it says nothing, the words for its code do; where it says something, that stands."""
    bare = cli._as_problem(VerificationError("a file is other than it was", where="data/x", code="file-digest"))
    assert bare.next_step == WORDS["file-digest"].next
    assert (bare.what, bare.where, bare.code) == ("a file is other than it was", "data/x", "file-digest")
    told = cli._as_problem(VerificationError("a file is other than it was", next_step="run again", code="file-digest"))
    assert told.next_step == "run again"
    assert cli._as_problem(VerificationError("something", code="verification")).next_step == ""
