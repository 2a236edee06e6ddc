"""The light verifier as people run it, next to plain SHA-256 and model_signing over the same files, by turns, on one core and on more."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.proof.made import TIME, Made

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GOLDEN = ROOT / "tests" / "golden" / "0.1"
Seconds = dict[str, list[float]]


def on(cores: Sequence[int]) -> Callable[[], None]:
    """Return what makes a new process stay on some cores."""
    return partial(os.sched_setaffinity, 0, cores)


def seconds(command: Sequence[str], cores: Sequence[int]) -> float:
    """Run a command, which must succeed, on some cores; return how long it took."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, preexec_fn=on(cores), capture_output=True, text=True, check=False)
    taken = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"ended with status {done.returncode}: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return taken


def by_turns(commands: dict[str, Sequence[str]], rounds: int, cores: Sequence[int]) -> Seconds:
    """Run commands by turns, one round more than is counted; return their seconds."""
    found: Seconds = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            found[name].append(seconds(command, cores))
    return {name: those[1:] for name, those in found.items()}


def starts(rounds: int, folder: Path) -> Seconds:
    """Return how long the interpreter alone takes, the verifier's help, and a verification of the smallest complete release."""
    golden = json.loads((GOLDEN / "expect.json").read_text(encoding="utf-8"))
    release = ["verify", str(GOLDEN / "release"), "--trust", str(GOLDEN / "trust.json"), "--now", golden["now"]]
    state = ["--state", str(folder / "seen.json"), "--format", "quiet"]  # written once, in the round that is not counted
    light = [sys.executable, "-m", "audit_logs"]
    commands: dict[str, Sequence[str]] = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "python -m audit_logs --help": [*light, "--help"],
        "python -m audit_logs verify, smallest release": [*light, *release, *state],
    }
    return by_turns(commands, rounds, sorted(os.sched_getaffinity(0)))


def measured(made: Made, rounds: int, cores: Sequence[int], peer: Path | None) -> dict[str, object]:
    """Return seconds of whole commands, and of the work alone within one process, on some cores."""
    commands: dict[str, Sequence[str]] = {
        "plain": [sys.executable, str(ROOT / "bench" / "plain.py"), str(made.folder)],
        "light": [sys.executable, "-m", "audit_logs", *made.command],
    }
    if peer:
        commands["model_signing"] = signed_by_peer(made, peer)
    inside = [sys.executable, "-m", "bench.proof.inside", str(rounds), str(made.folder), str(made.trust), TIME]
    done = subprocess.run(inside, cwd=ROOT, preexec_fn=on(cores), check=True, stdout=subprocess.PIPE, text=True)
    return {
        "bytes": sum(path.stat().st_size for path in made.folder.rglob("*") if path.is_file()),
        "files": sum(path.is_file() for path in made.folder.rglob("*")),
        "cores": len(cores),
        "commands": by_turns(commands, rounds, cores),
        "inside": json.loads(done.stdout),
    }


def signed_by_peer(made: Made, peer: Path) -> Sequence[str]:
    """Sign the folder with model_signing, with a key that is made here; return its command to verify it."""
    signature, private, public = (made.folder.parent / name for name in ("model.sig", "model.pem", "model.pub"))
    if not signature.exists():
        from cryptography.hazmat.primitives import serialization as forms
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        private.write_bytes(key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption()))
        public.write_bytes(key.public_key().public_bytes(forms.Encoding.PEM, forms.PublicFormat.SubjectPublicKeyInfo))
        sign = [str(peer), "-m", "model_signing", "sign", "key", str(made.folder)]
        subprocess.run([*sign, "--private_key", str(private), "--signature", str(signature)], check=True, capture_output=True)
    verify = [str(peer), "-m", "model_signing", "verify", "key", str(made.folder)]
    return [*verify, "--signature", str(signature), "--public_key", str(public)]
