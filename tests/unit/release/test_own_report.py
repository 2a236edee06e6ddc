"""`release verify --report`: the page of one's own verification, and what a person is told on the terminal."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pytest
from made import Line, Made, maker, row
from simulator import signer_of

from audit_logs import seen
from audit_logs.manifest import Roles
from audit_logs.statement import about_key, about_manifest
from release import cli
from release.page import is_page


@pytest.fixture
def made(tmp_path: Path) -> Made:
    """Return a release of a few rows."""
    return maker(tmp_path)({"train": [row(number) for number in range(6)]})


def verify(made: Made, *more: str) -> int:
    """Run the command and return its exit code."""
    return cli.run(["verify", str(made.folder), "--trust", str(made.trust), *more])


def damage(made: Made) -> None:
    """Change a byte of the data."""
    path = next((made.folder / "data").iterdir())
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_the_page_tells_of_this_verification(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says that a reader made it, down to each row, and by which trust file."""
    page = tmp_path / "page.html"
    assert verify(made, "--report", str(page)) == 0
    text = page.read_text(encoding="utf-8")
    assert is_page(page)
    assert "a reader&#x27;s own verification" in text
    assert "rows hash to the release root" in text
    assert sha256(made.trust.read_bytes()).hexdigest() in text
    assert str(page) in capsys.readouterr().out


def test_a_release_that_failed_has_a_page_too_and_the_exit_code_stays(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page and the terminal say the same: what it means, and what to do next."""
    damage(made)
    page = tmp_path / "page.html"
    assert verify(made, "--report", str(page)) == 1
    said = capsys.readouterr().out
    assert "What that means:\n  A file has other bytes than those that were signed" in said
    assert "What to do next:\n  Do not use this copy." in said
    assert "Do not use this copy." in page.read_text(encoding="utf-8")
    assert "known-files" not in page.read_text(encoding="utf-8")


def test_a_newer_page_takes_the_place_of_an_older_one(made: Made, tmp_path: Path) -> None:
    """The same command can be run again."""
    page = tmp_path / "page.html"
    assert verify(made, "--report", str(page)) == 0
    damage(made)
    assert verify(made, "--report", str(page)) == 1
    assert "Failed" in page.read_text(encoding="utf-8")


def test_nothing_else_is_replaced(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither a file of the reader's nor a folder, nor is anything put into the release; that is said before the work begins."""
    thesis = tmp_path / "thesis.html"
    thesis.write_text("<!DOCTYPE html><p>years of work</p>", encoding="utf-8")
    link = tmp_path / "link.html"
    link.symlink_to(tmp_path / "nowhere")
    for place in (thesis, link, tmp_path, made.folder / "page.html", tmp_path / "no" / "page.html"):
        assert verify(made, "--report", str(place)) == 2
        assert "[usage]" in capsys.readouterr().err
    assert thesis.read_text(encoding="utf-8") == "<!DOCTYPE html><p>years of work</p>"
    assert not link.exists()
    assert not (made.folder / "page.html").exists()


def test_a_pipe_in_the_place_of_the_page_is_refused_at_once(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody waits for whoever might write into it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert verify(made, "--report", str(pipe)) == 2
    assert "no such page" in capsys.readouterr().err
    assert pipe.is_fifo()


def test_the_page_never_replaces_what_the_verification_itself_remembered(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A page in the place of the state file would make a rollback invisible."""
    state = tmp_path / "seen.json"
    assert verify(made, "--state", str(state), "--report", str(state)) == 2
    assert "there is something here that is no such page" in capsys.readouterr().err
    assert seen.parse(state.read_bytes()).size > 0
    assert verify(made, "--state", str(state)) == 0


def test_what_is_verified_is_told_without_advice(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing to do, nothing said."""
    assert verify(made) == 0
    assert "What to do next" not in capsys.readouterr().out


def test_the_page_of_the_publisher_is_no_obstacle(made: Made) -> None:
    """A report in the folder lies outside the proof: whatever it says, the verdict is the same."""
    (made.folder / "report.html").write_text("<!DOCTYPE html><p>trust me</p>", encoding="utf-8")
    assert verify(made) == 0


def test_a_dataset_of_links_has_a_page(tmp_path: Path) -> None:
    """Rows without pictures are rows."""
    columns = {"url": pa.string(), "caption": pa.string()}
    rows = [{"url": f"https://host.example/{number}.jpg", "caption": f"caption {number}"} for number in range(5)]
    made = maker(tmp_path)({"train": rows}, Line(columns=columns, roles=Roles(None, "caption", "url", {})))
    page = tmp_path / "page.html"
    assert verify(made, "--report", str(page)) == 0
    assert "All 5 rows hash to the release root" in page.read_text(encoding="utf-8")


def test_bad_news_about_a_history_is_told_apart_on_the_terminal(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Stale, forked, rolled back and withdrawn: four verdicts of one reader, each with other words and another thing to do."""
    assert verify(made) == 0
    capsys.readouterr()
    assert verify(made, "--now", "2099-01-01T00:00:00Z") == 1  # the trust file has expired by then
    assert "Your trust file is past the day until which it holds." in capsys.readouterr().out
    assert verify(made, "--now", "2029-12-31T00:00:00Z") == 3
    assert "nobody whom your trust file names has confirmed lately" in capsys.readouterr().out
    other = maker(tmp_path)({"train": [row(number) for number in range(50, 56)]}, place="other")
    assert cli.run(["verify", str(other.folder), "--trust", str(made.trust)]) == 1
    assert "Keep both copies, and the state file beside your trust file" in capsys.readouterr().out
    before = {path: path.read_bytes() for path in (made.folder / "log").rglob("*") if path.is_file()}
    _log_anew(made, lambda: made.world.withdraw("key", about_key(signer_of("stranger").keyid), "root"))
    assert verify(made) == 0
    capsys.readouterr()
    grown = _only(made, before)
    assert verify(made) == 1
    assert "this is an old copy, or somebody hides what came since" in capsys.readouterr().out
    _only(made, grown)
    _log_anew(made, lambda: made.world.withdraw("release", about_manifest(made.world.manifest.digest), "publish"))
    assert verify(made) == 4
    assert "Do not train on it." in capsys.readouterr().out


def _log_anew(made: Made, add: Callable[[], None]) -> None:
    """Add to the log, and write it with cosignatures of now."""
    add()
    made.world.write_log()
    _only(made, {made.folder / path: data for path, data in made.world.files.items() if path.startswith("log/")})


def _only(made: Made, files: Mapping[Path, bytes]) -> dict[Path, bytes]:
    """Let the log's folder hold these files and no other; return what it held."""
    held = {path: path.read_bytes() for path in (made.folder / "log").rglob("*") if path.is_file()}
    shutil.rmtree(made.folder / "log")
    for path, data in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return held
