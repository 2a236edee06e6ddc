"""Two verifiers that share no code give the same answer: on all vectors, on the simulator's attacks, on bent files, in a folder."""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import json
import random
import re
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from simulator import NOW, MemoryFiles, Simulator

from audit_logs import seen
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.seen import encode as encode_seen
from audit_logs.statement import FilterStep
from audit_logs.verify import verify

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import run_vectors  # noqa: E402 - the path comes first

SECOND = ROOT / "verifier-js"
COMMAND = run_vectors.IMPLEMENTATIONS["verifier-js (JavaScript)"]
BENT = 150

pytestmark = pytest.mark.skipif(bool(run_vectors.missing_node()), reason=run_vectors.missing_node() or "node is there")


def test_the_second_verifier_agrees_on_every_vector() -> None:
    """It gives the code and the value of every vector of every class."""
    vectors = run_vectors.vectors_below(run_vectors.FOLDER)
    answered = run_vectors.answers(COMMAND, run_vectors.FOLDER, vectors)
    assert run_vectors.disagreements(answered, vectors) == []


@pytest.mark.parametrize("command", run_vectors.IMPLEMENTATIONS.values(), ids=run_vectors.IMPLEMENTATIONS.keys())
def test_a_wrong_label_is_noticed(command: tuple[str, ...], tmp_path: Path) -> None:
    """In a copy in which one vector of each class expects another code, no implementation agrees with one of those."""
    changed = run_vectors.relabel(run_vectors.FOLDER, tmp_path / "vectors")
    assert len(changed) == len({vector.parent for vector in changed}) >= 17
    assert run_vectors.unnoticed(command, tmp_path / "vectors", changed) == 0


class Cases:
    """Releases that are written as vectors of class `verdict`, with what the product says of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pool: dict[str, Any] = {}
        self.said: dict[Path, tuple[str, list[str]]] = {}

    def add(self, name: str, files: MemoryFiles, trust: bytes, now: datetime = NOW, seen: Seen | None = None) -> None:
        """Write a release, and ask the product."""
        place = self.folder / "verdict" / f"{len(self.said):04}-{re.sub('[^a-z0-9]+', '-', name.lower())}"
        place.mkdir(parents=True)
        listed = {path: self._piece(data) for path, data in files.files.items()}
        given = {
            "now": f"{now:%Y-%m-%dT%H:%M:%SZ}",
            "trust": self._piece(trust),
            "seen": None if seen is None else self._piece(encode_seen(seen)),
            "links": list(files.special),
            "files": listed,
        }
        (place / "input.json").write_text(json.dumps(given))
        self.said[place] = outcome(verify(files, trust, now=now, seen=seen))

    def disagreements(self) -> list[str]:
        """Ask the second verifier about all of them; return where it says something else."""
        (self.folder / "pieces.json").write_text(json.dumps(self.pool))
        answered = run_vectors.answers(COMMAND, self.folder, list(self.said))
        found = [(answer["value"]["verdict"], answer["value"]["codes"]) for answer in answered]
        return [f"{place.name}: {one} but {other}" for (place, one), other in zip(self.said.items(), found, strict=True) if one != other]

    def _piece(self, data: bytes) -> list[str]:
        name = hashlib.sha256(data).hexdigest()[:16]
        self.pool[name] = {"base64": base64.b64encode(data).decode()}
        return [name]


def outcome(report: Report) -> tuple[str, list[str]]:
    """Return a report's verdict and codes."""
    return report.verdict, sorted({failure.code for failure in report.failures})


@cache
def attacks(name: str = "test_verify_attacks") -> ModuleType:
    """Return a module of attacks on the product."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / "unit" / "audit_logs" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where its dataclasses look for their module
    spec.loader.exec_module(module)
    return module


def test_both_verifiers_say_the_same_of_every_attack(tmp_path: Path) -> None:
    """Whatever attack the product is tested with, the second verifier finds the same codes."""
    cases = Cases(tmp_path)
    tables = [table for name, table in vars(attacks()).items() if name.isupper() and isinstance(table, dict)]
    for table in tables:
        for name, (_, attack) in table.items():
            world = Simulator()
            order = (Simulator.finish, attack) if table is attacks().AFTER_SIGNING else (attack, Simulator.finish)
            for act in order:
                act(world)
            cases.add(name, MemoryFiles(world.files), world.trust_bytes())
    for name, (_, _, build) in attacks("test_structural_attacks").STRUCTURE.items():
        asked = build()
        cases.add(name, MemoryFiles(asked.world.files), asked.world.trust_bytes(), seen=asked.seen)
    assert len(cases.said) > 120
    assert cases.disagreements() == []


@pytest.mark.parametrize("seed", [1, 2])
def test_both_verifiers_say_the_same_of_bent_files(seed: int, tmp_path: Path) -> None:
    """One byte, one cut, one insertion, one link or one lost file in a release: verdict and codes are the same."""
    choose = random.Random(seed)  # noqa: S311 - which byte to bend is no secret
    cases, world = Cases(tmp_path), Simulator().finish()
    for number in range(BENT):
        files = MemoryFiles({**world.files, "the trust file": world.trust_bytes()})
        path = choose.choice(sorted(files.files))
        bend(files, path, choose)
        trust = files.files.pop("the trust file", world.trust_bytes())
        cases.add(f"{number} {path}", files, trust, NOW + timedelta(hours=choose.choice([0, 0, 0, -3, 48])))
    assert cases.disagreements() == []


def bend(files: MemoryFiles, path: str, choose: random.Random) -> None:
    """Change one thing about a file."""
    data = bytearray(files.files[path])
    at = choose.randrange(len(data))
    kind = choose.choice(["byte", "bit", "cut", "insertion", "link", "loss"])
    if kind == "byte":
        data[at] = choose.randrange(256)
    elif kind == "bit":
        data[at] ^= 1 << choose.randrange(8)
    elif kind == "cut":
        del data[at:]
    elif kind == "insertion":
        data[at:at] = choose.randbytes(choose.randint(1, 4))
    elif kind == "link" and path in files.files and "/" in path:
        files.special[path] = "a symbolic link"
    files.files[path] = bytes(data)
    if kind == "loss":
        del files.files[path]


def command(*arguments: str | Path) -> tuple[int, list[str], str]:
    """Run the second verifier on a folder; return its exit code, its codes and what it says of errors."""
    done = subprocess.run(["node", str(SECOND / "cli.mjs"), *map(str, arguments)], capture_output=True, text=True, check=False)
    failures = json.loads(done.stdout)["failures"] if done.stdout else []
    return done.returncode, [failure["code"] for failure in failures], done.stderr


def test_the_command_verifies_a_folder(tmp_path: Path) -> None:
    """Verified, stale, with a flipped byte, with a link of either sort, and with a shorter log than before: as the product says in a folder."""
    world = Simulator().finish()
    folder, state = tmp_path / "release", tmp_path / "seen.json"
    trust = world.write_to(folder)
    asked = ("verify", folder, "--trust", trust)
    assert command(*asked, "--now", "2026-03-01T12:00:00Z", "--state", state) == (0, [], "")
    assert command(*asked, "--now", "2026-03-04T12:00:00Z") == (3, ["stale"], "")
    state.write_bytes(state.read_bytes().replace(b'"size":8', b'"size":9'))
    assert command(*asked, "--now", "2026-03-01T12:00:00Z", "--state", state)[:2] == (1, ["log-rollback"])
    card = folder / "README.md"
    card.write_bytes(b"?" + card.read_bytes()[1:])
    assert command(*asked, "--now", "2026-03-01T12:00:00Z")[:2] == (1, ["file-digest"])
    card.unlink()
    card.symlink_to("release.json")
    assert command(*asked, "--now", "2026-03-01T12:00:00Z")[:2] == (1, ["folder-link"])
    card.unlink()
    card.write_bytes(world.files["README.md"])
    (folder / "report.html").hardlink_to(card)
    assert command(*asked, "--now", "2026-03-01T12:00:00Z")[:2] == (1, ["folder-link"])


def weakened(step: FilterStep) -> FilterStep:
    """Return what a step says whose plan keeps poor pictures, whose cap was overridden, and one of whose lists is a part."""
    lists = tuple(replace(used, partial=True) for used in step.lists)
    return replace(step, kept_low_quality=3, override="the source had doubled", lists=lists)


def test_the_command_tells_what_weakens_a_release(tmp_path: Path) -> None:
    """For every step: rows kept at low quality, an override with its reason, lists of which it had a part."""
    simulator = Simulator()
    simulator.bend[FilterStep] = weakened
    trust = simulator.finish().write_to(tmp_path / "release")
    asked = ("node", SECOND / "cli.mjs", "verify", tmp_path / "release", "--trust", trust, "--now", "2026-03-01T12:00:00Z")
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    document = json.loads(done.stdout)
    assert (done.returncode, document["separation"]) == (0, None)
    assert [(step["keptLowQuality"], step["override"]) for step in document["steps"]] == [(3, "the source had doubled")] * 2
    assert (
        done.stdout.count("3 of them with too little detail to be matched; it removed more than its cap, which was overridden because: ")
        == 2
    )
    assert done.stdout.count("lists: known of 2026-02-01 by authority.example (12 md5; a part of it only)") == 2


def test_the_state_of_one_verifier_serves_the_other(tmp_path: Path) -> None:
    """Both remember a log in the same bytes."""
    from audit_logs import seen

    world = Simulator().finish()
    trust = world.write_to(tmp_path / "release")
    state = tmp_path / "seen.json"
    command("verify", tmp_path / "release", "--trust", trust, "--now", "2026-03-01T12:00:00Z", "--state", state)
    remembered = world.verify().seen
    assert remembered is not None
    assert state.read_bytes() == seen.encode(remembered)


def test_the_second_verifier_keeps_what_it_remembers_of_another_line(tmp_path: Path) -> None:
    """One state file for each line: the other line's is left as it is, and that is said."""
    trust = Simulator().finish().write_to(tmp_path / "release")
    state = tmp_path / "seen.json"
    other = seen.encode(seen.Seen("another.example/line", "key", 9, "ab" * 32, ""))
    state.write_bytes(other)
    code, codes, said = command("verify", tmp_path / "release", "--trust", trust, "--state", state, "--now", "2026-03-01T12:00:00Z")
    assert (code, codes, state.read_bytes()) == (0, [], other)
    assert "remembers another line" in said


@pytest.mark.parametrize(
    "arguments", [[], ["verify"], ["verify", "."], ["verify", ".", "--trust", "no-such-file"], ["verify", ".", "--now", "x"]]
)
def test_wrong_usage_of_the_second_verifier_is_exit_code_2(arguments: list[str]) -> None:
    """A usage error is no verdict."""
    code, _, said = command(*arguments)
    assert code == 2
    assert said.startswith("verify: ")


def test_its_own_sha256_is_sha256() -> None:
    """Every length around a block, in one piece and in uneven ones, gives what hashlib gives."""
    script = f"""
        import {{ Sha256, sha256, hmac }} from {json.dumps((SECOND / "lib" / "sha256.mjs").as_uri())};
        const hex = (bytes) => Buffer.from(bytes).toString("hex");
        const data = Uint8Array.from({{ length: 300 }}, (_, at) => (at * 7) % 251);
        for (let size = 0; size <= 300; size++) {{
          const pieces = new Sha256();
          for (let at = 0; at < size; at += 1 + (at % 70)) pieces.update(data.subarray(at, Math.min(at + 1 + (at % 70), size)));
          console.log(hex(sha256(data.subarray(0, size))), hex(pieces.digest()), hex(hmac(data.subarray(0, 32), data.subarray(0, size))));
        }}"""
    done = subprocess.run(["node", "--input-type=module", "--eval", script], capture_output=True, text=True, check=True)
    data = bytes(at * 7 % 251 for at in range(300))
    lines = [f"{whole(data[:size])} {whole(data[:size])} {keyed(data[:32], data[:size])}" for size in range(301)]
    assert done.stdout.splitlines() == lines


def whole(data: bytes) -> str:
    """Return a SHA-256 in hex."""
    return hashlib.sha256(data).hexdigest()


def keyed(key: bytes, data: bytes) -> str:
    """Return an HMAC-SHA-256 in hex."""
    import hmac

    return hmac.digest(key, data, "sha256").hex()


def test_the_second_verifier_depends_on_nothing_and_touches_no_file_system() -> None:
    """Its modules import one another and nothing else, so that a browser can load them; only the front ends know node."""
    modules = sorted((SECOND / "lib").glob("*.mjs"))
    assert len(modules) > 20
    for module in modules:
        text = module.read_text(encoding="utf-8")
        imports = re.findall(r'from "([^"]+)"', text)
        assert all(re.fullmatch(r"\./[a-z0-9]+\.mjs", name) for name in imports), module.name
        assert not re.search(r"\b(process|Buffer)\.|\b(require|fetch|import)\(", text), module.name
        assert len(text.splitlines()) <= 220, module.name
