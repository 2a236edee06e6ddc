"""A signer of securesystemslib stands where a key file stands; `file2:` keys stand for tokens and key services here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from simulator import Simulator, signer_of

from audit_logs import envelope, keys, note
from audit_logs.errors import KeyProblem, Problem
from audit_logs.trust import TrustKey
from release import signers
from release.cli import run

ROOT = Path(__file__).resolve().parents[3]
KINDS = pytest.mark.parametrize("kind", ["ed25519", "p256"])


def describe(folder: Path, kind: str = "ed25519", **members: object) -> tuple[Path, keys.KeyFile]:
    """Make a key and its description, and return both."""
    name = f"{kind}-{len(list(folder.iterdir()))}"
    made = keys.generate(folder / f"{name}.pem", kind)
    (folder / f"{name}.pub.pem").write_text(made.public.pem)
    values = {"uri": f"file2:{folder / name}.pem", "public_key": f"{name}.pub.pem"} | members
    path = folder / f"{name}.toml"
    path.write_text("".join(f"{member} = {json.dumps(value)}\n" for member, value in values.items() if value is not None))
    return path, made


def type_in(*words: str) -> int:
    """Run a command in this process."""
    return run([*words, "--format", "quiet"])


def code_of(path: Path) -> str:
    """Return the code with which a description is refused."""
    with pytest.raises(Problem) as caught:
        signers.load(path)
    return caught.value.code


@KINDS
def test_a_bundle_that_it_signs_verifies(kind: str, tmp_path: Path) -> None:
    """Under the public key's own id, with a low s where there is one; the same signer in a key file has the same id."""
    path, made = describe(tmp_path, kind)
    signer = signers.load(path)
    sealed = keys.seal(b'{"a":1}', signer)
    assert envelope.parse(sealed.raw, where="bundle").keyid == made.keyid
    sealed.verify(made.public)
    assert signer.public == signers.load(tmp_path / path.with_suffix(".pem").name).public


@KINDS
def test_a_release_that_it_signs_is_verified(kind: str, tmp_path: Path) -> None:
    """Steps, candidate and release statement by such a signer, its public key in the trust file: verified like any other."""
    path, _ = describe(tmp_path, kind)
    signer = signers.load(path)
    world = Simulator()
    for role in ("step", "build", "publish"):
        world.keys[role] = signer  # type: ignore[assignment]
    institution = world.trust.keys[world.trust.root.keys[0]].organisation
    world.trust = world.make_trust()
    assert world.trust.keys[signer.keyid] == TrustKey(institution, signer.public.pem)
    assert world.finish().verify().verdict == "verified"


def test_a_log_is_signed_by_it(tmp_path: Path) -> None:
    """A checkpoint takes an Ed25519 signer; another kind is refused before anything is signed."""
    from audit_logs.log import Log

    path, _ = describe(tmp_path)
    signer = signers.load_note_signer(path)
    log = Log.create(tmp_path / "log", "example.org/pictures", signer)
    log.append([b"entry"], signer)
    note.verify_log_signature(log.signed, keys.verifier_key(signer, "example.org/pictures", note.LOG_KEY))
    with pytest.raises(KeyProblem) as caught:
        signers.load_note_signer(describe(tmp_path, "p256")[0])
    assert caught.value.code == "key-kind"


@pytest.mark.parametrize(
    "members",
    [
        {"uri": None},
        {"public_key": None},
        {"more": "x"},
        {"uri": 5},
        {"uri": "nonsense:1"},
        {"uri": "file2:/no/such/key.pem"},
        {"uri": "hsm:2?label=none"},
    ],
    ids=["no uri", "no public key", "a member more", "a number", "unknown scheme", "no file", "no library for tokens"],
)
def test_a_description_that_cannot_be_used_is_refused(members: dict[str, object], tmp_path: Path) -> None:
    """Each has the code `key-signer`, and names the file."""
    assert code_of(describe(tmp_path, **members)[0]) == "key-signer"


def test_what_is_no_toml_is_refused(tmp_path: Path) -> None:
    """So is a public key that is none, and one that is not there."""
    path, _ = describe(tmp_path)
    path.write_bytes(b"\xff = 1")
    assert code_of(path) == "key-signer"
    assert code_of(describe(tmp_path, public_key="absent.pem")[0]) == "store"
    (tmp_path / "junk.pem").write_text("junk")
    assert code_of(describe(tmp_path, public_key="junk.pem")[0]) == "format"


def test_another_private_key_than_the_public_one_is_noticed(tmp_path: Path) -> None:
    """Nothing is sealed that nobody could verify."""
    other = keys.generate(tmp_path / "other.pem")
    (tmp_path / "other.pub.pem").write_text(other.public.pem)
    path, _ = describe(tmp_path, public_key="other.pub.pem")
    with pytest.raises(Problem):
        keys.seal(b'{"a":1}', signers.load(path))


def test_a_signer_that_fails_is_told_without_its_words(tmp_path: Path) -> None:
    """A service's error may hold what is nobody's business: its kind is told, not its text."""

    class Broken:
        def sign(self, payload: bytes) -> signers._Signed:
            raise OSError(f"token of account 4711 gone, payload {payload!r}")

    signer = signers.load(describe(tmp_path)[0])
    assert isinstance(signer, signers.ForeignSigner)
    with pytest.raises(KeyProblem) as caught:
        replace(signer, _signer=Broken()).sign(b"secret")
    assert caught.value.code == "key-signer"
    assert "4711" not in str(caught.value)


def test_a_missing_library_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the next step is to install it."""
    monkeypatch.setitem(sys.modules, "securesystemslib.exceptions", None)
    with pytest.raises(KeyProblem, match=re.escape("vetted-release[signers]")):
        signers.load(describe(tmp_path)[0])


def test_the_lines_of_the_page_make_a_trust_file(tmp_path: Path) -> None:
    """What docs/institution.md shows runs as it stands after `release init`, and the trust file names the token's key."""
    home = tmp_path / "first"
    assert type_in("init", str(home), "--organisation", "museum.example", "--name", "example/street-scenes") == 0
    path, made = describe(home / "keys")
    path.rename(home / "keys" / "institution.toml")
    page = (ROOT / "docs" / "institution.md").read_text(encoding="utf-8")
    lines = re.search(r"```python\n(from datetime.*?)```", page, re.DOTALL)
    assert lines is not None
    subprocess.run([sys.executable, "-c", lines[1]], cwd=tmp_path, check=True, timeout=60)
    assert made.keyid in json.loads((home / "trust.json").read_bytes())["build"]
    assert signer_of("step").keyid not in (home / "trust.json").read_text()
    plan = home / "plan.toml"
    plan.write_text(plan.read_text().replace("keys/institution.pem", "keys/institution.toml"))
    assert type_in("build", str(plan), "--out", str(tmp_path / "candidate")) == 0
    attestation = next((tmp_path / "candidate" / "attestations").iterdir())
    assert json.loads(attestation.read_bytes())["dsseEnvelope"]["signatures"][0]["keyid"] == made.keyid
