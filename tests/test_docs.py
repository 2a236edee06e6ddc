"""Documentation that cannot lie: every command and option is described, and every documented command line can be called."""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from release import cli, steps
from release.errors import Fault

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]
LIGHT = "python -m audit_logs"
NO_CODES = {"filter-step", "audit-report"}  # statement types


def fenced(page: Path) -> Iterator[str]:
    """Yield the command lines in a page's shell blocks, comments and continuation marks taken off."""
    text = page.read_text(encoding="utf-8").replace("$(date +%F)", "2026-01-31")  # what a shell would put there
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        yield from (shlex.join(shlex.split(line, comments=True)) for line in block.replace("\\\n", " ").splitlines())


def documented(prefix: str) -> list[tuple[str, str]]:
    """Return page and command line for every documented call of a program."""
    return [(page.name, line) for page in PAGES for line in fenced(page) if line.startswith(prefix + " ")]


@pytest.fixture(scope="module")
def light_help() -> dict[str, str]:
    """Return the help of each command of the light verifier."""

    def ask(*words: str) -> str:
        return subprocess.run([sys.executable, "-m", "audit_logs", *words, "--help"], check=True, capture_output=True, text=True).stdout

    names = re.findall(r"^    ([a-z]+) ", ask(), re.MULTILINE)
    return {name: ask(name) for name in names}


def test_the_page_of_commands_is_what_the_commands_say() -> None:
    """docs/commands.md is made from the commands; run scripts/make_command_docs.py after changing one."""
    made = runpy.run_path(str(ROOT / "scripts" / "make_command_docs.py"))["render"]()
    assert (ROOT / "docs" / "commands.md").read_text(encoding="utf-8") == made


def test_every_code_has_words_and_every_word_a_code() -> None:
    """scripts/error_codes.toml tells of exactly the codes that the two packages can give."""
    script = runpy.run_path(str(ROOT / "scripts" / "make_error_docs.py"))
    described = script["described"]()
    assert len(described) == len(set(described))
    assert set(described) == script["codes"]()


def test_the_page_of_errors_is_what_the_code_says() -> None:
    """docs/errors.md is made from the code; run scripts/make_error_docs.py after changing it."""
    made = runpy.run_path(str(ROOT / "scripts" / "make_error_docs.py"))["render"]()
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == made


def test_the_page_of_steps_is_up_to_date() -> None:
    """docs/steps.md is made from the steps; run scripts/make_step_docs.py after changing one."""
    made = runpy.run_path(str(ROOT / "scripts" / "make_step_docs.py"))["render"]()
    assert (ROOT / "docs" / "steps.md").read_text(encoding="utf-8") == made


@pytest.mark.parametrize("kind", steps.BUILT_IN, ids=lambda kind: kind.kind)
def test_the_keys_of_a_step_are_the_ones_that_it_reads(kind: Any) -> None:
    """A plan may say of a step just what its page says: the fault of an unknown key names the known ones."""
    faults: list[Fault] = []
    kind.parse({"no-such-key": 1}, "step", faults)
    (known,) = (fault.expected for fault in faults if fault.where == "step.no-such-key")
    told = {name for key in kind.about.keys for name in key.name.split(", ") if "." not in name}
    assert set(known.removeprefix("a key that plans have: ").split(", ")) - {""} == told


def test_every_code_of_the_specification_has_words() -> None:
    """What SPEC.md calls a code in sections 11 to 13 is told of in docs/errors.md."""
    text = (ROOT / "docs" / "SPEC.md").read_text(encoding="utf-8")
    section = text[text.index("## 11. Replay") : text.index("## 14. Verdicts")]
    named = set(re.findall(r"[(:;,] `([a-z]+(?:-[a-z]+)+)`", section))
    described = set(runpy.run_path(str(ROOT / "scripts" / "make_error_docs.py"))["described"]())
    assert named - described - NO_CODES == set()


def test_the_readme_names_every_command() -> None:
    """Whoever reads only README.md has heard of each command."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [name for name in cli.root.list_commands(click.Context(cli.root)) if f"release {name}" not in text]
    assert missing == []


@pytest.mark.parametrize(("page", "line"), documented("release"))
def test_a_documented_command_can_be_called(page: str, line: str) -> None:
    """Each `release ...` line in a shell block parses: the command, its options and its arguments are there."""
    arguments = shlex.split(line)[1:]
    try:
        _parse(cli.root, arguments)
    except click.UsageError as error:
        pytest.fail(f"{page}: {line}: {error.format_message()}")


def _parse(command: click.Command, arguments: list[str]) -> None:
    """Parse a command line down to its last subcommand without running anything."""
    context = command.make_context(command.name, list(arguments), resilient_parsing=False)
    if isinstance(command, click.Group):
        _, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        _parse(found, rest)


def test_the_light_verifier_s_options_are_documented(light_help: dict[str, str]) -> None:
    """docs/auditor.md names every command and option of `python -m audit_logs`."""
    text = (ROOT / "docs" / "auditor.md").read_text(encoding="utf-8")
    options = {option for shown in light_help.values() for option in re.findall(r"--[a-z][a-z-]+", shown)}
    missing = [name for name in light_help if f"{LIGHT} {name}" not in text]
    missing += [option for option in sorted(options - {"--help"}) if option not in text]
    assert missing == []


def test_documented_calls_of_the_light_verifier_exist(light_help: dict[str, str]) -> None:
    """No page tells of a command or option that the light verifier does not have."""
    for page, line in documented(LIGHT):
        words = shlex.split(line.removeprefix(LIGHT))
        assert words[0] in light_help, f"{page}: {line}"
        assert [word for word in words if word.startswith("--") and word not in light_help[words[0]]] == [], f"{page}: {line}"


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there."""
    links = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_pages_that_are_named_exist(page: Path) -> None:
    """A page that is mentioned as `docs/NAME.md` or docs/NAME.md is there."""
    named = set(re.findall(r"docs/[A-Za-z0-9/_-]+\.md", page.read_text(encoding="utf-8")))
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
