"""Folders, names, states and terminals as an attacker, or bad luck, arranges them: an answer or one line, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from simulator import AUDITORS, NOW, Simulator
from terminal import at_a_terminal

from audit_logs import contact, keys, log, seen, witness
from audit_logs.cli import main
from audit_logs.errors import LogError, StoreError
from audit_logs.fields import time_text
from audit_logs.note import VerifierKey

ROOT = Path(__file__).resolve().parents[3]
CLOCK = ["--now", time_text(NOW)]
DEEP = 1_200


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return a folder with a release, beside its trust file."""
    Simulator().finish().write_to(tmp_path / "release")
    return tmp_path / "release"


def run(folder: Path, *options: object) -> int:
    """Verify a folder in this process, at the simulator's time."""
    return main(["verify", str(folder), *CLOCK, *map(str, options)])


def trusting(folder: Path) -> list[str]:
    """Return the option that names the trust file beside a release."""
    return ["--trust", str(folder.parent / "trust.json")]


@pytest.fixture
def deep(released: Path) -> Path:
    """Return a release whose log folder holds folders within folders, further than Python calls."""
    here = Path.cwd()
    os.chdir(released / "log")
    for _ in range(DEEP):
        Path("a").mkdir()
        os.chdir("a")
    os.chdir(here)
    return released


def test_folders_within_folders_are_walked_to_their_end(deep: Path) -> None:
    """Empty ones are ignored however deep they lie, by a verifier and by whoever reads the log."""
    try:
        assert run(deep, *trusting(deep)) == 0
        opened = log.Log.open(deep / "log", Simulator().trust.log.key)
        assert len(opened.entries()) == opened.size
    finally:
        subprocess.run(["rm", "-rf", str(deep / "log" / "a")], check=True)  # pytest's own way to remove it is recursive


def test_a_name_that_is_not_utf8_is_refused_by_both_verifiers(released: Path) -> None:
    """A host chooses names; where the second verifier could not even look, it now says what the first one says."""
    (released / ".cache" / "huggingface").mkdir(parents=True)
    Path(os.fsdecode(bytes(released / ".cache" / "huggingface") + b"/\xff")).write_bytes(b"x")
    assert run(released, *trusting(released)) == 1
    command = ["node", ROOT / "verifier-js" / "cli.mjs", "verify", released, *trusting(released), *CLOCK]
    done = subprocess.run(command, capture_output=True, check=False)
    assert [failure["code"] for failure in json.loads(done.stdout)["failures"]] == ["folder-name"]
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize("name", ["state", "trust", "release"])
@pytest.mark.parametrize("odd", ["loop", "x" * 300])
def test_a_place_that_is_no_place_is_one_line(name: str, odd: str, released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A link to itself, or a name longer than names may be."""
    place = released.parent / odd
    if odd == "loop":
        place.symlink_to("loop")
    given = {
        "state": (released, *trusting(released), "--state", place),
        "trust": (released, "--trust-on-first-use", "--trust", place),
        "release": (place, *trusting(released)),
    }[name]
    assert run(*given) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_root_of_the_file_system_is_no_release(capsys: pytest.CaptureFixture[str]) -> None:
    """It has no name beside which a trust file could be pinned, and that is no reason for a traceback."""
    assert run(Path("/"), "--trust-on-first-use") == 1
    assert "[trust-missing]" in capsys.readouterr().err


def test_first_use_of_a_file_in_the_release_is_said_aloud(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The release's own copy, named as if it were pinned, stays the word of whoever made the release."""
    own = released / "trust.json"
    own.write_bytes((released.parent / "trust.json").read_bytes())
    assert run(released, "--trust", own, "--trust-on-first-use") == 0
    assert "nobody vouched for it" in capsys.readouterr().err


def test_what_another_run_pinned_meanwhile_is_not_replaced(released: Path) -> None:
    """Of two first contacts at once one pins; the other says that it did not."""
    data = (released.parent / "trust.json").read_bytes()
    (released / "trust.json").write_bytes(data)
    place = released.parent / "pinned.json"
    chosen = contact.choose(released, contact.Asked(place, None, first_use=True))
    report = Simulator().finish().verify()
    place.write_bytes(b"another")
    with pytest.raises(StoreError):
        contact.pin(chosen, report)
    assert place.read_bytes() == b"another"


def test_a_long_verification_does_not_forget_what_a_short_one_saw(tmp_path: Path) -> None:
    """An older copy that took longer to verify than a newer one does not put the older log in the place of the newer one."""
    place, old = tmp_path / "seen.json", Simulator().finish().verify().seen
    assert old is not None
    newer = replace(old, size=old.size + 3, root="ab" * 32)
    contact.remember(place, newer, None)  # the short run, which began when nothing was remembered
    with pytest.raises(StoreError) as caught:
        contact.remember(place, old, None)  # so did the long one
    assert caught.value.code == "state-changed"
    assert seen.parse(place.read_bytes()) == newer
    contact.remember(place, newer, None)  # a third one that saw the same has nothing to add


def test_cosigning_where_there_is_no_log_leaves_nothing_behind(tmp_path: Path) -> None:
    """No file takes the name of the folder that is missing."""
    who = witness.Witness(AUDITORS[0], Simulator().keys[f"witness {AUDITORS[0]}"], tmp_path / "memory")
    (tmp_path / "release").mkdir()
    with pytest.raises(LogError):
        witness.cosign(tmp_path / "release" / "log", VerifierKey.parse(Simulator().trust.log.key), who, now=NOW)
    assert list((tmp_path / "release").iterdir()) == []


@pytest.mark.parametrize("typed", [b"\x04", b"\xff"])
def test_an_answer_that_is_no_text_is_no_passphrase(typed: bytes, tmp_path: Path) -> None:
    """The end of input (Ctrl-D), or a byte that is not UTF-8, ends in a problem."""
    keys.generate(tmp_path / "key.pem", passphrase=b"secret")
    program = "import sys\nfrom pathlib import Path\nfrom audit_logs import keys, passphrase\nfrom audit_logs.errors import KeyProblem\n"
    program += "with passphrase.source(None):\n    try:\n        keys.load(Path(sys.argv[1]))\n"
    program += "    except KeyProblem as problem:\n        print('refused', problem.code)\n"
    assert "refused key-passphrase" in at_a_terminal([typed], program, str(tmp_path / "key.pem"))


def test_a_descriptor_beyond_all_descriptors_is_a_problem(released: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A number that no system has is refused like one that is not open."""
    keys.generate(tmp_path / "key.pem")
    options = ["--key", str(tmp_path / "key.pem"), "--passphrase-fd", "9" * 20]
    assert main(["cosign", str(released), *trusting(released), *options]) == 1
    assert "[key-passphrase]" in capsys.readouterr().err


def started(released: Path, out: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run the light verifier as a process, its answer going to `out`."""
    command = [sys.executable, "-m", "audit_logs", "verify", str(released), *trusting(released), *CLOCK]
    return subprocess.run(command, cwd=ROOT, stdout=out, stderr=subprocess.PIPE, env=os.environ | environment, check=False)  # type: ignore[call-overload,no-any-return]


def test_an_answer_that_cannot_be_written_is_one_line(released: Path) -> None:
    """A full disk behind standard output is told of, and nobody takes it for `verified`."""
    with Path("/dev/full").open("wb") as full:
        done = started(released, full)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"standard output" in done.stderr


def test_a_stranger_s_word_does_not_stop_an_answer(tmp_path: Path) -> None:
    """A terminal that has no character for what somebody wrote gets an escape for it, and the verdict."""
    world = Simulator()
    world.bend[type(world._step(world._manifest(), 1, (8, 6, 1, 1)))] = lambda step: replace(step, override="数")
    world.finish().write_to(tmp_path / "release")
    done = started(tmp_path / "release", subprocess.PIPE, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u6570" in done.stdout


def test_a_problem_does_not_steer_the_terminal(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a problem quotes from a hostile file or name is printed without its control characters."""
    assert run(released.parent / "\x1b[2Jgone", *trusting(released)) == 1
    assert "\x1b" not in capsys.readouterr().err
