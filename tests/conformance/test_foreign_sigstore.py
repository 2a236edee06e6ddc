"""The Sigstore project's own JavaScript client accepts our bundles, of both kinds of key, and refuses bent ones."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from simulator import AUDITORS, Simulator

from audit_logs import envelope, keys, statement
from audit_logs.envelope import Envelope

CLIENT = Path(__file__).resolve().parents[1] / "foreign"

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (CLIENT / "node_modules" / "@sigstore" / "verify").is_dir(),
    reason="@sigstore/verify is not installed: make foreign",
)


def sealed(folder: Path, kind: str) -> tuple[Envelope, Path]:
    """Return a withdrawal that is signed by a new key, and the file of its public key."""
    signer = keys.generate(folder / "private.pem", kind)
    said = statement.Statement(statement.about_manifest("ab" * 32), statement.Withdrawal("release", "a test", "2026-03-01T10:00:00Z"))
    public = folder / "public.pem"
    public.write_text(signer.public.pem)
    return keys.seal(statement.encode(said), signer), public


def client(bundle: bytes, public: Path) -> subprocess.CompletedProcess[str]:
    """Run the client on a bundle."""
    file = public.with_name("bundle.sigstore.json")
    file.write_bytes(bundle)
    return subprocess.run(["node", str(CLIENT / "verify_bundle.mjs"), str(file), str(public)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_the_sigstore_client_accepts_our_bundle(kind: str, tmp_path: Path) -> None:
    """The bundle is one of Sigstore's own form, with a plain public key."""
    bundle, public = sealed(tmp_path, kind)
    done = client(bundle.raw, public)
    assert (done.returncode, done.stdout.strip()) == (0, "https://vetted-release.example.org/withdrawal/v0.1"), done.stderr


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_the_sigstore_client_refuses_a_bent_bundle(kind: str, tmp_path: Path) -> None:
    """It looked at the signature: with another payload, or by another key, it says no."""
    bundle, public = sealed(tmp_path, kind)
    document = json.loads(bundle.raw)
    document["dsseEnvelope"]["payload"] = "e30="
    assert "SIGNATURE_ERROR" in client(json.dumps(document).encode(), public).stderr
    public.write_text(keys.generate(tmp_path / "other.pem", kind).public.pem)
    assert "SIGNATURE_ERROR" in client(bundle.raw, public).stderr


@pytest.mark.parametrize("kind", ["ed25519", "p256"])
def test_the_sigstore_client_accepts_every_bundle_of_a_release(kind: str, tmp_path: Path) -> None:
    """Attestations, reports and opinions of a whole release whose institution and auditors have such keys, which our own verifier accepts."""
    world = Simulator()
    for role in ("step", "build", "publish", *AUDITORS):
        world.keys[role] = keys.generate(tmp_path / f"{role}.pem", kind)
    world.trust = world.make_trust()
    assert world.finish().verify().verdict == "verified"
    bundles = [data for path, data in sorted(world.files.items()) if path.endswith(".sigstore.json")]
    assert len(bundles) == 6
    for data in bundles:
        signed = envelope.parse(data, where="bundle")
        (tmp_path / "public.pem").write_text(world.trust.keys[signed.keyid].pem)
        done = client(data, tmp_path / "public.pem")
        assert done.returncode == 0, done.stderr
