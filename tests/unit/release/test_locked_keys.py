"""Keys with a passphrase, through the commands: made, opened from a descriptor, and refused where nobody gives one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from terminal import at_a_terminal

from audit_logs import keys
from release.cli import run

SECRET = b"correct horse\n"


def given(*words: str | Path, secret: bytes = SECRET) -> int:
    """Run a command with a passphrase in a descriptor."""
    end, other = os.pipe()
    os.write(other, secret)
    os.close(other)
    try:
        return run([*map(str, words), "--passphrase-fd", str(end)])
    finally:
        os.close(end)


def test_locked_keys_are_made_and_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All three keys of `release init --passphrase` are locked; a command opens one with the descriptor's words and with no others."""
    home = tmp_path / "first"
    assert given("init", home, "--passphrase") == 0
    pems = sorted((home / "keys").glob("*.pem"))
    assert len(pems) == 3
    assert all(path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") for path in pems)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in pems)
    root = keys.load(home / "keys" / "root.pem", passphrase=SECRET.strip()).keyid
    ask = ("withdraw", "key", root, "--key", home / "keys" / "root.pem", "--trust", home / "trust.json", "--reason", "a test")
    assert given(*ask, "--out", tmp_path / "one.json", secret=b"another") == 1
    assert "[key-passphrase]" in capsys.readouterr().err
    assert not (tmp_path / "one.json").exists()
    assert given(*ask, "--out", tmp_path / "one.json") == 0
    assert SECRET.decode().strip() not in "".join(capsys.readouterr())


def test_an_auditors_key_is_locked(tmp_path: Path) -> None:
    """`release auditor new --passphrase` locks auditor.pem."""
    assert given("auditor", "new", tmp_path / "a", "--organisation", "watchdog.example", "--passphrase") == 0
    assert keys.load(tmp_path / "a" / "auditor.pem", passphrase=SECRET.strip()).public.kind == "ed25519"


def test_an_empty_passphrase_makes_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody locks a key with nothing by mistake, and no folder is left."""
    for words in (("init", tmp_path / "first"), ("auditor", "new", tmp_path / "a", "--organisation", "watchdog.example")):
        assert given(*words, "--passphrase", secret=b"\n") == 1
        assert "[key-passphrase]" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


RELEASE = "import sys; from release.cli import run; sys.exit(run(sys.argv[1:]))"


@pytest.mark.parametrize(
    ("second", "said"),
    [(SECRET.strip(), "Wrote auditor.pem"), (b"incorrect horse", "the two passphrases differ"), (b"", "this is no passphrase")],
)
def test_a_person_types_a_new_passphrase_twice(second: bytes, said: str, tmp_path: Path) -> None:
    """A slip of the finger locks nobody out: the second line has to be the first one, and until then nothing is written."""
    words = ("auditor", "new", str(tmp_path / "a"), "--organisation", "watchdog.example", "--passphrase")
    shown = at_a_terminal([SECRET.strip(), second], RELEASE, *words)
    assert said in shown
    assert "(again):" in shown
    assert SECRET.decode().strip() not in shown
    assert (tmp_path / "a").exists() == (second == SECRET.strip())
