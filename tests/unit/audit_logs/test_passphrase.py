"""A passphrase comes from a terminal or from a file descriptor, and from nowhere else."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import at_a_terminal

from audit_logs import keys, passphrase
from audit_logs.errors import KeyProblem

ROOT = Path(__file__).resolve().parents[3]
SECRET = b"correct horse"
LOAD = """
import sys
from pathlib import Path
from audit_logs import keys, passphrase
from audit_logs.errors import KeyProblem
with passphrase.source(None):
    try:
        print("opened", keys.load(Path(sys.argv[1])).keyid)
    except KeyProblem as problem:
        print("refused", problem.code, problem.next_step)
"""


@pytest.fixture
def locked(tmp_path: Path) -> Path:
    """Return a key file with a passphrase."""
    keys.generate(tmp_path / "key.pem", passphrase=SECRET)
    return tmp_path / "key.pem"


def descriptor_with(data: bytes) -> int:
    """Return a descriptor from which some bytes can be read."""
    end, other = os.pipe()
    os.write(other, data)
    os.close(other)
    return end


def refused(path: Path, descriptor: int) -> KeyProblem:
    """Return why a key is not opened with what a descriptor gives."""
    with passphrase.source(descriptor), pytest.raises(KeyProblem) as caught:
        keys.load(path)
    assert caught.value.code == "key-passphrase"
    return caught.value


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_descriptor_opens_all_keys_of_a_command(end: bytes, locked: Path) -> None:
    """It is read once, to its end; a final newline is not part of the passphrase, and a key without one is opened as well."""
    second, unlocked = locked.with_name("second.pem"), locked.with_name("open.pem")
    keys.generate(second, passphrase=SECRET)
    keys.generate(unlocked)
    descriptor = descriptor_with(SECRET + end)
    with passphrase.source(descriptor):
        for path in (locked, second, unlocked):
            assert keys.load(path).keyid == keys.load(path, passphrase=SECRET).keyid
    os.close(descriptor)


@pytest.mark.parametrize("given", [b"", b"\n", b"wrong", SECRET + b"\n\n", b"x" * 1025])
def test_what_a_descriptor_gives_wrongly_is_refused(given: bytes, locked: Path) -> None:
    """Nothing, another passphrase, a second newline, and more than a passphrase may have."""
    descriptor = descriptor_with(given)
    assert SECRET.decode() not in str(refused(locked, descriptor))
    os.close(descriptor)


def test_a_descriptor_that_is_none_is_refused() -> None:
    """The message names the option."""
    end, other = os.pipe()
    os.close(end)
    os.close(other)
    with pytest.raises(KeyProblem) as caught, passphrase.source(end):
        pass
    assert (caught.value.code, caught.value.where) == ("key-passphrase", f"--passphrase-fd {end}")


def test_nobody_is_asked_outside_a_command_line(locked: Path) -> None:
    """Code that calls `keys.load` is told that there is a passphrase; after a block that allows asking, too."""
    with passphrase.source(descriptor_with(SECRET)):
        pass
    with pytest.raises(KeyProblem, match="has a passphrase"):
        keys.load(locked)


def test_a_terminal_is_asked_without_an_echo(locked: Path) -> None:
    """The question names the key; what is typed opens it and is not shown."""
    shown = at_a_terminal([SECRET], LOAD, str(locked))
    assert f"Passphrase of {locked}:" in shown
    assert f"opened {keys.load(locked, passphrase=SECRET).keyid}" in shown
    assert SECRET.decode() not in shown
    assert "refused key-passphrase" in at_a_terminal([b"wrong"], LOAD, str(locked))


def test_without_a_terminal_the_next_step_is_the_option(locked: Path) -> None:
    """A program in the background does not wait for an answer that nobody can give, nor takes one from its standard input."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(locked)], cwd=ROOT, input=SECRET, capture_output=True, start_new_session=True, check=True
    )
    assert done.stdout.decode().startswith("refused key-passphrase")
    assert "--passphrase-fd" in done.stdout.decode()


@pytest.mark.parametrize("module", ["release", "audit_logs"])
def test_no_option_and_no_variable_takes_a_passphrase(module: str) -> None:
    """Command lines and environments can be read by others: the code looks at no variable for one, and no option but the descriptor's has it."""
    for path in (ROOT / module).rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?:environ|getenv)[^\n]*passphrase", text, re.IGNORECASE), path.name
        assert set(re.findall(r'"(--passphrase[a-z-]*)"', text)) <= {"--passphrase-fd", "--passphrase"}, path.name
    flags = [path for path in (ROOT / "release" / "cli").glob("*.py") if '"--passphrase"' in path.read_text(encoding="utf-8")]
    assert all('"--passphrase", "locked", is_flag=True' in path.read_text(encoding="utf-8") for path in flags)
