"""`recall`, `withdraw`, `record` and `trust supersede` as people type them, on a line of two releases in memory's size."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from simulator import AUDITORS, Simulator, digest

from audit_logs import trust as trusts
from audit_logs import witness
from audit_logs.cli import main as light
from audit_logs.keys import KeyFile
from audit_logs.log import Log
from audit_logs.note import VerifierKey
from release import cli

PLAN = """\
[release]
name = "example/street-scenes"
version = "1.1.0"
license = "cc0-1.0"
[source]
path = "source"
parent = "private"
columns = { image = "image" }
[lists]
store = "lists"
[[step]]
name = "known-files"
kind = "exact-hash"
lists = ["known-digests"]
[keys]
institution = "publish.pem"
log = "log.pem"
[audit]
required = 2
trust = "trust.json"
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with the releases `one` and `two`, plan, trust file and keys."""
    first = Simulator().finish()
    second = first.next_version("1.1.0").write_statements().finish()
    first.write_to(tmp_path / "one")
    second.write_to(tmp_path / "two")
    (tmp_path / "plan.toml").write_text(PLAN)
    for role in ("publish", "log", "root", "stranger", *AUDITORS):
        write_key(tmp_path / f"{role}.pem", first.keys[role])
    return tmp_path


def write_key(path: Path, signer: KeyFile) -> None:
    """Write a test's key as the program would."""
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(signer._key.private_bytes(pem, pkcs8, serialization.NoEncryption()))
    path.chmod(0o600)


def said(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, dict[str, object]]:
    """Run a command; return its exit code and the one object that it prints."""
    capsys.readouterr()
    code = cli.run([*map(str, words), "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def test_recall_waits_for_the_newer_version(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 5 names what is waited for; the old release is withdrawn at once, and the same again adds nothing."""
    words = ("recall", place / "one", "--reason", "wrong", "--to", place / "two", "--plan", place / "plan.toml")
    code, value = said(capsys, *words)
    assert (code, value["version"], value["added"], value["written"]) == (5, "1.0.0", 1, [])
    assert value["waiting"] == [{"destination": str(place / "two"), "for": list(AUDITORS)}]
    code, value = said(capsys, *words)
    assert (code, value["added"]) == (5, 0)
    capsys.readouterr()
    assert light(["verify", str(place / "one"), "--trust", str(place / "trust.json")]) == 4
    assert capsys.readouterr().out.startswith("WITHDRAWN: ")


def test_recall_says_in_words_what_to_do_next(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A person learns who has to cosign, and with which command."""
    words = ("recall", place / "one", "--reason", "wrong", "--to", place / "two", "--plan", place / "plan.toml")
    assert cli.run([*map(str, words)]) == 5
    out = capsys.readouterr().out
    assert "is now withdrawn" in out
    assert all(name in out for name in (*AUDITORS, "--cosign"))


def test_a_withdrawn_opinion_reaches_the_log(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The auditor signs, its witness remembers, the institution logs, and a reader is told."""
    opinion = next((place / "two" / "opinions").glob("auditor-one*"))
    out, key, trust = place / "withdrawal.json", place / f"{AUDITORS[0]}.pem", place / "trust.json"
    words = ("withdraw", "statement", opinion, "--key", key, "--trust", trust, "--reason", "wrong", "--out", out)
    code, value = said(capsys, *words)
    assert (code, value["digest"]) == (0, digest(out.read_bytes()))
    log_key = VerifierKey.parse(trusts.parse(trust.read_bytes()).log.key)
    assert witness.recall(place / f"{AUDITORS[0]}.pem.memory", log_key).submitted == (value["digest"],)
    assert said(capsys, *words)[1]["error"]["code"] == "usage"  # type: ignore[index]  # what was signed is not replaced
    code, value = said(capsys, "record", place / "two", out, "--plan", place / "plan.toml")
    assert (code, value["added"]) == (0, 1)
    assert not opinion.exists()
    assert Log.open(place / "two" / "log", log_key.text).entries()[-1] == out.read_bytes()
    assert said(capsys, "record", place / "two", out, "--plan", place / "plan.toml")[1]["added"] == 0


def test_only_who_may_withdraws(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another auditor, a stranger, and a key that the trust file does not name get a usage error, and no file."""
    opinion = next((place / "two" / "opinions").glob("auditor-one*"))
    common = ("--trust", place / "trust.json", "--reason", "wrong", "--out", place / "out.json")
    own = trusts.parse((place / "trust.json").read_bytes()).auditors[0].key
    for words in (
        ("statement", opinion, "--key", place / f"{AUDITORS[1]}.pem"),
        ("key", own, "--key", place / "stranger.pem"),
        ("key", "SHA256:" + "A" * 43, "--key", place / "root.pem"),
    ):
        code, value = said(capsys, "withdraw", *words, *common)
        assert (code, value["error"]["code"]) == (2, "usage")  # type: ignore[index]
    assert not (place / "out.json").exists()


def test_a_key_is_withdrawn_by_the_root(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The holder of a root key voids an auditor's key; nothing is put into a witness's memory, for it is no auditor's."""
    own = trusts.parse((place / "trust.json").read_bytes()).auditors[0].key
    words = ("withdraw", "key", own, "--key", place / "root.pem", "--trust", place / "trust.json", "--reason", "lost")
    assert said(capsys, *words, "--out", place / "out.json")[0] == 0
    assert not (place / "root.pem.memory").exists()
    code, value = said(capsys, "record", place / "one", place / "out.json", "--log-from", place / "two", "--plan", place / "plan.toml")
    assert (code, value["added"]) == (0, 1)


def test_a_new_trust_file_is_announced(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The root key signs, the institution logs under the pinned file, and readers of that one learn the new digest."""
    old = trusts.parse((place / "trust.json").read_bytes())
    new = replace(old, version=2, previous=old.digest)
    (place / "trust-2.json").write_bytes(trusts.encode(new))
    words = ("trust", "supersede", place / "trust.json", place / "trust-2.json", "--key", place / "root.pem", "--out", place / "said.json")
    code, value = said(capsys, *words)
    assert (code, value["version"], value["digest"]) == (0, 2, new.digest)
    words = ("record", place / "one", place / "said.json", "--to", place / "two", "--plan", place / "plan.toml", "--trust")
    code, value = said(capsys, *words, place / "trust-2.json")
    assert (code, value["error"]["code"]) == (1, "supersession-target")  # type: ignore[index]
    code, value = said(capsys, *words, place / "trust.json")
    assert (code, value["written"]) == (0, [{"destination": str(place / "two"), "verdict": "incomplete"}])


def test_a_destination_on_the_hub_names_no_version(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A repository has one newest state: a version in its name is a wrong call, before anything is logged."""
    words = ("recall", place / "one", "--reason", "wrong", "--to", "hub:example/x@1.0.0", "--plan", place / "plan.toml")
    assert said(capsys, *words)[0] == 2
