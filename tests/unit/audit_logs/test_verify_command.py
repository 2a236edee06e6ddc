"""The light verifier as a stranger runs it: `python -m audit_logs`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from simulator import AUDITORS, NOW, Simulator, digest

from audit_logs import note, seen, statement
from audit_logs.cli import main
from audit_logs.errors import TrustError
from audit_logs.fields import time_text
from audit_logs.keys import generate
from audit_logs.manifest import Manifest, StepName
from audit_logs.statement import FilterStep, Subject
from audit_logs.trust import Trust

ROOT = Path(__file__).resolve().parents[3]
CLOCK = ["--now", time_text(NOW)]


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """Return a folder with a release, beside its trust file."""
    folder = tmp_path / "release"
    Simulator().finish().write_to(folder)
    return folder


def run(command: str, folder: Path, *options: str) -> int:
    """Run a command in this process, at the simulator's time."""
    return main([command, str(folder), "--trust", str(folder.parent / "trust.json"), *CLOCK, *options])


def test_a_release_is_verified_in_plain_words(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verdict comes first, then who stands behind what, then what is not proven."""
    assert run("verify", released) == 0
    out = capsys.readouterr().out
    assert out.startswith("VERIFIED: example/street-scenes 1.0.0\n")
    places = [
        out.index(text) for text in ("Proven here:", "Checked by auditor-one.example", "Claimed by institution.example:", "Not proven:")
    ]
    assert places == sorted(places)


def test_json_has_the_documented_members(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object with the members that other programs read."""
    (released / "README.md").write_bytes(b"# Another\n")
    assert run("verify", released, "--format", "json") == 1
    document = json.loads(capsys.readouterr().out)
    expected = {"verdict", "release", "version", "root", "rows", "steps", "opinions", "freshness", "failures"}
    assert expected <= document.keys()
    assert document["verdict"] == "failed"
    assert {failure["code"] for failure in document["failures"]} == {"file-size", "file-digest"}
    assert set(document["failures"][0]) == {"code", "where", "expected", "found"}


def weakened(step: FilterStep) -> FilterStep:
    """Return what a step says whose plan keeps poor pictures, whose cap was overridden, and one of whose lists is a part."""
    lists = tuple(replace(used, partial=True) for used in step.lists)
    return replace(step, kept_low_quality=3, override="the source had doubled", lists=lists)


def separated(manifest: Manifest) -> Manifest:
    """Return a manifest whose second step separates, and let rows of minors alone stay."""
    return replace(manifest, steps=(manifest.steps[0], StepName("apart", "separate")), separation="minors")


def _one_step(trust: Trust) -> Trust:
    """Return a trust file that requires the first step alone, and lets its key sign others."""
    return replace(trust, steps=trust.steps[:1], build=tuple(sorted({*trust.build, *trust.steps[0].keys})))


def test_what_weakens_a_release_is_told_with_its_verdict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rows kept at low quality, a cap that was overridden, a list of which only a part could be read: for each step, in words and in JSON."""
    simulator = Simulator()
    simulator.trust = _one_step(simulator.trust)
    simulator.bend |= {FilterStep: weakened, Manifest: separated}
    simulator.finish().write_to(tmp_path / "release")
    assert run("verify", tmp_path / "release") == 0
    out = capsys.readouterr().out
    assert out.count("3 of these with too little detail to be matched") == 2
    assert out.count("went on for this reason: the source had doubled") == 2
    assert out.count("12 md5; only a part of it could be read") == 2
    assert "rows with both signals, and those with the adult signal alone, were removed" in out
    assert run("verify", tmp_path / "release", "--format", "json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["separation"] == "minors"
    assert [(step["keptLowQuality"], step["override"], step["lists"][0]["partial"]) for step in document["steps"]] == [
        (3, "the source had doubled", True)
    ] * 2


def test_quiet_says_nothing(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit code is the answer."""
    assert run("verify", released, "--format", "quiet") == 0
    assert capsys.readouterr().out == ""


def test_what_was_seen_is_remembered_and_a_rollback_refused(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A verified run leaves a state file beside the trust file; an older log is then refused."""
    assert run("verify", released) == 0
    state = released.parent / "trust.seen.json"
    remembered = seen.parse(state.read_bytes())
    assert remembered.size == 8
    state.write_bytes(seen.encode(seen.Seen(remembered.origin, remembered.log_key, 9, digest("x"), "")))
    assert run("verify", released) == 1
    assert "[log-rollback]" in capsys.readouterr().out


def test_what_is_remembered_of_one_line_is_not_lost_to_another(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who verifies another dataset with the same state file is told, and the memory stays."""
    state = released.parent / "trust.seen.json"
    other = seen.encode(seen.Seen("another.example/line", "key", 9, digest("x"), ""))
    state.write_bytes(other)
    assert run("verify", released) == 0
    assert "[state-other]" in capsys.readouterr().err
    assert state.read_bytes() == other


def test_nothing_is_remembered_of_a_failure(released: Path) -> None:
    """Only a verified log may bind later runs."""
    (released / "extra.txt").write_bytes(b"x")
    assert run("verify", released) == 1
    assert not (released.parent / "trust.seen.json").exists()


def test_the_release_gets_no_state_file(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A trust file inside the release leaves the release as it is."""
    (released / "trust.json").write_bytes((released.parent / "trust.json").read_bytes())
    assert main(["verify", str(released), "--trust", str(released / "trust.json"), *CLOCK]) == 0
    assert not (released / "trust.seen.json").exists()
    assert "keep your trust file outside" in capsys.readouterr().err


def test_a_link_in_the_folder_is_refused(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A link is not followed, be its target the right file."""
    (released / "README.md").rename(released.parent / "README.md")
    (released / "README.md").symlink_to(released.parent / "README.md")
    assert run("verify", released) == 1
    assert "[folder-link]" in capsys.readouterr().out


def test_a_pipe_in_the_folder_is_refused(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What is neither file nor folder is refused without opening it."""
    os.mkfifo(released / "data" / "pipe")
    assert run("verify", released) == 1
    assert "[folder-link]" in capsys.readouterr().out


def test_control_characters_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A reason or a file name from a stranger is shown, not obeyed."""
    world = Simulator().write_statements()
    world.entries.append(
        world.seal(
            statement.Withdrawal("release", "\x1b[2J all is well", "2026-03-01T10:00:00Z"),
            statement.about_manifest(digest(world.files["release.json"])),
            "publish",
        ).raw
    )
    world.finish().write_to(tmp_path / "release")
    (tmp_path / "release" / "\x1b]0;x").write_bytes(b"x")
    run("verify", tmp_path / "release")
    run("show", tmp_path / "release")
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["verify"], ["verify", "x"], ["verify", "x", "--trust", "y", "--format", "xml"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """No trust file, no verification: nothing is trusted on first contact."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "usage" in capsys.readouterr().err


def test_a_missing_folder_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A problem is told in one line, without a traceback."""
    Simulator().finish().write_to(tmp_path / "release")
    assert main(["verify", str(tmp_path / "nothing"), "--trust", str(tmp_path / "trust.json"), *CLOCK]) == 1
    assert main(["verify", str(tmp_path / "release"), "--trust", str(tmp_path / "none.json"), *CLOCK]) == 1
    assert capsys.readouterr().err.count("\n") == 2


def test_show_tells_the_history(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each entry: when, who, what, about which release."""
    assert run("show", released) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 8
    assert lines[0].split()[:2] == ["0", "2026-03-01T09:00:00Z"]
    assert "of version 1.0.0 (manifest " in lines[0]
    assert "institution.example: attested step 1, known-files" in lines[0]
    assert "released version 1.0.0" in lines[-1]


def test_show_tells_withdrawals_and_voids(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was taken back later says so where it stands; what is void says why, and whose key signed it, or that nobody knows."""
    world = Simulator().write_statements()
    world.withdraw("envelope", Subject("envelope", world.opinions[0].digest), AUDITORS[0])
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "build")
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "stranger")
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "publish")
    world.finish().write_to(tmp_path / "release")
    run("show", tmp_path / "release")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 12
    taken = next(line for line in lines if f"{AUDITORS[0]}: gave its opinion" in line)
    assert taken.endswith("(withdrawn later)")
    assert f"{AUDITORS[0]}: withdrew the statement {world.opinions[0].digest[:16]}: an error was found" in lines[8]
    assert "institution.example: void: " in lines[9]
    assert lines[9].endswith("[withdrawal-target]")
    assert "unknown: void: its key is not in the trust file [unknown-key]" in lines[10]
    assert "institution.example: withdrew version 1.0.0 (manifest " in lines[11]


def test_show_refuses_a_log_that_does_not_hold(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A history is told only of a log whose root is signed."""
    path = released / "log" / "tile" / "entries" / "000.p" / "8"
    path.write_bytes(path.read_bytes()[:-1])
    assert run("show", released) == 1
    assert "[log-entry]" in capsys.readouterr().err


def test_cosign_adds_the_witness_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A witness's key signs the checkpoint; a key that is no witness's is refused."""
    key = generate(tmp_path / "witness.pem")
    world = Simulator()
    world.keys[f"witness {AUDITORS[0]}"] = key
    world.trust = world.make_trust()
    del world.cosigners[AUDITORS[0]]
    world.finish().write_to(tmp_path / "release")
    assert run("verify", tmp_path / "release", "--format", "quiet") == 5
    assert run("cosign", tmp_path / "release", "--key", str(tmp_path / "witness.pem")) == 0
    assert AUDITORS[0] in capsys.readouterr().out
    assert run("verify", tmp_path / "release", "--format", "quiet") == 0
    assert len(note.parse_signed((tmp_path / "release" / "log" / "checkpoint").read_bytes()).lines) == 3
    generate(tmp_path / "other.pem")
    assert run("cosign", tmp_path / "release", "--key", str(tmp_path / "other.pem")) == 1


@pytest.mark.parametrize("form", ["json", "quiet"])
def test_show_and_cosign_speak_to_programs_too(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One object, or nothing."""
    world = Simulator()
    world.keys[f"witness {AUDITORS[0]}"] = generate(tmp_path / "witness.pem")
    world.trust = world.make_trust()
    world.finish().write_to(tmp_path / "release")
    assert run("show", tmp_path / "release", "--format", form) == 0
    shown = capsys.readouterr().out
    assert run("cosign", tmp_path / "release", "--key", str(tmp_path / "witness.pem"), "--format", form) == 0
    signed = capsys.readouterr().out
    if form == "json":
        assert [entry["index"] for entry in json.loads(shown)["entries"]] == list(range(8))
        assert json.loads(signed)["line"].startswith("\u2014 ")
    else:
        assert (shown, signed) == ("", "")


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), TrustError("bad", code="trust")])
def test_a_traceback_is_shown_to_those_who_ask(
    trouble: BaseException, monkeypatch: pytest.MonkeyPatch, released: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without `--debug` an interrupt and a problem are one line."""

    def stop(*_: object, **__: object) -> None:
        raise trouble

    monkeypatch.setattr("audit_logs.cli.verify", stop)
    assert run("verify", released) == 1
    assert capsys.readouterr().err.count("\n") == 1
    with pytest.raises(type(trouble)):
        run("verify", released, "--debug")


def test_a_verdict_stands_though_nothing_can_be_remembered(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A state file that cannot be written is said, and changes nothing; one that cannot be read ends the command."""
    assert run("verify", released, "--state", str(released.parent / "trust.json" / "state")) == 0
    assert "nothing is remembered" in capsys.readouterr().err
    assert run("verify", released, "--state", str(released)) == 1
    assert "the state file cannot be read" in capsys.readouterr().err


def test_verifying_imports_neither_the_writing_side_nor_anything_heavy(released: Path) -> None:
    """The light verifier is the standard library, `cryptography` and the verifying path; nothing of `release`."""
    script = (
        "import sys, audit_logs.cli as cli; before = set(sys.modules);"
        f"code = cli.main(['verify', {str(released)!r}, '--trust', {str(released.parent / 'trust.json')!r}, '--format', 'quiet',"
        f" '--state', {str(released.parent / 'none' / 'state')!r}, '--now', '2027-01-01T00:00:00Z']);"
        "print(code, *sorted({name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)));"
        "print(*sorted(name for name in sys.modules if name.startswith('audit_logs.')))"
    )
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); {script}"]
    unmeasured = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}  # else it loads `coverage`
    ran = subprocess.run(command, capture_output=True, text=True, check=True, env=unmeasured)
    first, modules = ran.stdout.splitlines()
    code, *roots = first.split()
    assert code == "3"
    assert {name for name in roots if not name.startswith("_")} <= {"audit_logs", "cryptography"}
    assert not {"audit_logs.store", "audit_logs.keys", "audit_logs.log", "audit_logs.witness"} & set(modules.split())


def test_the_module_runs(released: Path) -> None:
    """`python -m audit_logs` ends with the verdict's code: stale, as nobody has cosigned these bytes lately."""
    command = [sys.executable, "-m", "audit_logs", "verify", str(released), "--trust", str(released.parent / "trust.json")]
    ran = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert ran.returncode == 3
    assert ran.stdout.startswith("STALE: ")
    assert ran.stderr == ""
