"""The worked example of `thin`: the commands of its page, run as they stand, and what the page says of them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from release import lineage

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "thin"
PAGE = (EXAMPLE / "README.md").read_text(encoding="utf-8")
REFUSED = "# refused"


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Return the folder in which every command of the page was run, in order, and all that they said."""
    folder = tmp_path_factory.mktemp("thin") / "thin"
    shutil.copytree(EXAMPLE, folder)
    programs = folder / "programs"
    programs.mkdir()
    for name, words in (("release", "-m release "), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {words}"$@"\n', encoding="ascii")
        (programs / name).chmod(0o755)
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": root}
    said = ""
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL):
        for line in block.splitlines():
            done = subprocess.run(["sh", "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
            assert done.returncode == int(line.endswith(REFUSED)), f"{line}\n{done.stdout}{done.stderr}"
            assert ("[hit-list]" in done.stderr) == line.endswith(REFUSED)
            said += done.stdout
    return folder / "line", said


def rows(candidate: Path) -> set[str]:
    """Return the links of a candidate's rows."""
    return {url for path in (candidate / "data").iterdir() for url in pq.read_table(path)["url"].to_pylist()}


def test_the_page_shows_what_the_commands_say(told: tuple[Path, str]) -> None:
    """Each line of the private report on the page is one that the build prints."""
    (shown,) = re.findall(r"^```\n(  .*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for line in shown.splitlines() if line.strip()]
    assert len(lines) >= 5
    for line in lines:
        assert line in told[1], line


def test_a_first_build_makes_the_memory_of_the_line(told: tuple[Path, str]) -> None:
    """It is private, and remembers what was drawn and what was listed in both versions."""
    path = told[0] / "keys" / "line.key"
    assert path.stat().st_mode & 0o777 == 0o600
    memory = lineage.read(path)
    assert memory is not None
    assert (len(memory.listed), len(memory.drawn)) == (8, 8 * 99)


def test_what_was_taken_once_stays_out_and_nobody_can_tell_which(told: tuple[Path, str]) -> None:
    """The second version lacks whatever the first one lacked, the link that came off the list too; of what is missing 1 in 100 was listed."""
    line = told[0]
    source = set(pq.read_table(line / "source" / "links.parquet")["url"].to_pylist())
    first, second = rows(line / "candidate"), rows(line / "next")
    listed = set((line / "known.txt").read_text().split()) | set((line / "known-later.txt").read_text().split())
    assert second < first < source
    assert not second & listed
    assert len(source - first) == 600
    assert len(source - second) == 100 * len(listed) == 800
    for host in ("landscapes", "animals", "tools", "food"):
        missing = {url for url in source - second if f"//{host}." in url}
        assert len(missing & listed) * 100 <= len(missing)


def test_nothing_of_the_private_report_is_in_a_candidate(told: tuple[Path, str]) -> None:
    """The card tells how many rows hide others; cells, and how well that works, stand in no file."""
    candidate = told[0] / "candidate"
    assert "removed 594 rows to hide others among them" in (candidate / "README.md").read_text()
    everything = b"".join(path.read_bytes() for path in candidate.rglob("*") if path.is_file())
    assert b"takes a missing row for a hit" not in everything
    assert b"a cell of" not in everything
    assert not (told[0] / "bare").exists()
