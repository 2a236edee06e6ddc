"""Builds that are interrupted, killed, out of disk or not alone: nothing half-made is shown, and the next run goes on."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from messy import Built
from project import ROOT, Answer, Project, Running, in_process, known_digest, start

WORK, RECORD = ".candidate.building", ".candidate.built"


def data_files(folder: Path) -> dict[str, bytes]:
    """Return the data files of a candidate."""
    return {path.name: path.read_bytes() for path in sorted((folder / "data").iterdir())}


def check_stopped(answer: Answer, code: str, out: Path) -> None:
    """Check that a build ended in one sentence, without a candidate, and left a work folder that is for its owner alone."""
    assert answer.code == 1, answer.text
    assert answer.out == ""
    assert len(answer.err.splitlines()) == 1, answer.err
    assert answer.err.endswith(f" [{code}]\n")
    assert not out.exists()
    work = out.with_name(WORK)
    assert work.stat().st_mode & 0o077 == 0
    for path in work.iterdir():
        assert path.is_dir() or path.stat().st_mode & 0o077 == 0, path


def receipts(out: Path) -> list[Path]:
    """Return the receipts of the shards that are done."""
    return sorted(out.with_name(WORK).glob("*.receipt.json"))


def wait_for_receipts(running: Running, out: Path, count: int = 1) -> None:
    """Wait until some shards are done."""
    running.wait_for(lambda: len(receipts(out)) >= count, f"{count} receipts")


def finished_shards(out: Path) -> dict[str, tuple[int, int]]:
    """Return inode and time of each data file whose shard has a receipt."""
    done = {int(path.name[:5]) for path in receipts(out)}
    files = sorted((out.with_name(WORK) / "tree" / "data").glob("train-*.parquet"))
    return {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in files if int(path.name[6:11]) in done}


def test_ctrl_c_stops_a_build_which_then_goes_on(built: Built, tmp_path: Path) -> None:
    """Ctrl-C reaches every process: one sentence, no candidate; the next run redoes no finished shard and ends in the same bytes."""
    out = tmp_path / "candidate"
    with start("build", built.project.plan, "--out", out, "--workers", 2) as running:
        wait_for_receipts(running, out, 2)
        running.send(signal.SIGINT)
        answer = running.end()
    check_stopped(answer, "interrupted", out)
    done = finished_shards(out)
    assert 2 <= len(done) < len(data_files(built.folder))
    assert built.project.build(out, "--workers", 2).code == 0
    after = {path.name: (path.stat().st_ino, path.stat().st_mtime_ns) for path in (out / "data").iterdir()}
    assert {name: after[name] for name in done} == done
    assert data_files(out) == data_files(built.folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == [RECORD, "candidate"]


@pytest.mark.parametrize("moment", ["as the workers start", "before anything is there"])
def test_ctrl_c_at_the_start_is_one_sentence_too(moment: str, tidy: Project, tmp_path: Path) -> None:
    """A worker that has only just been started says nothing of its own."""
    out = tmp_path / "candidate"
    with start("build", tidy.plan, "--out", out, "--workers", 2) as running:
        if moment == "as the workers start":
            running.wait_for(running.workers, "workers")
        else:
            running.wait_for(lambda: out.with_name(WORK).exists(), "a work folder")
        running.send(signal.SIGINT)
        answer = running.end()
    check_stopped(answer, "interrupted", out)


def test_a_killed_worker_stops_the_build(built: Built, tmp_path: Path) -> None:
    """The kernel ends a worker for want of memory: the build says so, and leaves no process behind."""
    out = tmp_path / "candidate"
    with start("build", built.project.plan, "--out", out, "--workers", 2) as running:
        wait_for_receipts(running, out)
        os.kill(running.workers()[0], signal.SIGKILL)
        answer = running.end()
    check_stopped(answer, "worker-died", out)
    assert receipts(out)


def test_a_killed_build_takes_its_workers_with_it_and_can_be_resumed(built: Built, tmp_path: Path) -> None:
    """Power fails, or somebody kills the build: workers end, the lock is free, damaged leftovers are done again."""
    out = tmp_path / "candidate"
    with start("build", built.project.plan, "--out", out, "--workers", 2) as running:
        wait_for_receipts(running, out, 2)
        running.process.kill()
        running.end()
    assert not out.exists()
    first, second = receipts(out)[:2]
    first.write_bytes(first.read_bytes()[:-20])
    shard = out.with_name(WORK) / "tree" / "data" / f"train-{second.name[:5]}-of-{len(data_files(built.folder)):05d}.parquet"
    shard.write_bytes(shard.read_bytes()[:-1])
    assert built.project.build_here(out, "--workers", 2).code == 0
    assert data_files(out) == data_files(built.folder)


def test_two_builds_into_one_folder_do_not_meet(built: Built, tmp_path: Path) -> None:
    """The second one is refused while the first one runs, and the first one is not disturbed."""
    out = tmp_path / "candidate"
    with start("build", built.project.plan, "--out", out, "--workers", 1) as running:
        wait_for_receipts(running, out)
        running.send(signal.SIGSTOP)
        second = in_process("build", built.project.plan, "--out", out)
        running.send(signal.SIGCONT)
        assert (second.code, len(second.err.splitlines())) == (1, 1)
        assert second.err.endswith(" [locked]\n")
        assert running.end().code == 0
    assert data_files(out) == data_files(built.folder)


def test_keys_of_a_build_that_ended_too_soon_are_swept_away(clean: Project, tmp_path: Path) -> None:
    """The candidate is there, and the work folder still is: the next run deletes the folder and changes nothing else."""
    out = tmp_path / "candidate"
    assert clean.build_here(out).code == 0
    out.with_name(WORK).mkdir(mode=0o700)
    (out.with_name(WORK) / "row.key").write_bytes(bytes(32))
    assert clean.build_here(out).code == 0
    assert not out.with_name(WORK).exists()


def test_a_file_that_cannot_be_written_stops_the_build(tidy: Project, tmp_path: Path) -> None:
    """The system refuses to let a file grow (as at a quota): one sentence that names the file, and no candidate."""
    out = tmp_path / "candidate"
    words = [sys.executable, "-m", "release", "build", str(tidy.plan), "--out", str(out), "--workers", "1"]

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))

    done = subprocess.run(
        words,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=confine,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    check_stopped(Answer(done.returncode, done.stdout, done.stderr), "store", out)
    assert "larger than the file system allows" in done.stderr


@pytest.mark.parametrize("kilobytes", [40, 420])
def test_a_full_disk_stops_the_build(kilobytes: int, tidy: Project, tmp_path: Path) -> None:
    """A disk of its own, too small: one sentence that says so, no candidate; with more room the same command goes on."""
    if shutil.which("unshare") is None:
        pytest.skip("there is no `unshare` to mount a small disk with")
    disk = tmp_path / "disk"
    disk.mkdir()
    release = f"{sys.executable} -m release build {tidy.plan} --out {disk}/candidate --workers 1"
    script = (
        f"mount -t tmpfs -o size={kilobytes}k tmpfs {disk} || exit 77\n"
        f"{release}; echo code $?; ls -A {disk}\n"
        f"mount -o remount,size=8m {disk} || exit 77\n"
        f"{release} --format quiet; echo code $?; ls -A {disk} {disk}/candidate/data | grep -v parquet\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    words = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no small disk can be mounted here")
    assert done.stdout.splitlines() == ["code 1", WORK, "code 0", f"{disk}:", RECORD, "candidate", "", f"{disk}/candidate/data:"], (
        done.stdout + done.stderr
    )
    assert "the disk is full" in done.stderr
    assert "free some space and run again" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


def test_a_full_output_device_is_one_sentence(tidy: Project) -> None:
    """What cannot be said cannot be a success: standard output on a full device ends with 1 and no traceback."""
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        words = [sys.executable, "-m", "release", "plan", "show", str(tidy.plan)]
        done = subprocess.run(
            words, stdout=full, stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_of_a_list_is_left_in_the_open_by_an_interrupted_build(tidy: Project, tmp_path: Path) -> None:
    """What a stopped build leaves is for its owner alone, and outside the private tables no hash of a removed row is in it."""
    out = tmp_path / "candidate"
    with start("build", tidy.plan, "--out", out, "--workers", 1) as running:
        wait_for_receipts(running, out, 4)
        running.send(signal.SIGINT)
        answer = running.end()
    check_stopped(answer, "interrupted", out)
    tables = ("positions.parquet", "kept.parquet", "removed.parquet")
    for path in out.with_name(WORK).rglob("*"):
        if path.is_file() and not path.name.endswith(tables) and not path.name.endswith(".tmp"):
            data = path.read_bytes()
            assert known_digest().encode() not in data
            assert bytes.fromhex(known_digest()) not in data


def test_leftovers_of_another_plan_never_enter_a_candidate(clean: Project, tmp_path: Path) -> None:
    """A build is interrupted and its plan changed: shards that were cut otherwise, and half-written ones, are not shown."""
    out = tmp_path / "candidate"
    with start("build", clean.plan, "--out", out, "--workers", 1) as running:
        wait_for_receipts(running, out, 2)
        running.process.kill()
        running.end()
    data = out.with_name(WORK) / "tree" / "data"
    (data / ".train-00009-of-00010.parquet.0123456789abcdef.tmp").write_bytes(b"half a shard")
    before = {path.name for path in data.iterdir()}
    clean.plan.write_text(clean.plan.read_text(encoding="utf-8").replace("shard_rows = 2", "shard_rows = 10"), encoding="utf-8")
    assert clean.build_here(out, "--workers", 1).code == 0
    assert set(data_files(out)) == {"train-00000-of-00002.parquet", "train-00001-of-00002.parquet"}
    assert not before & set(data_files(out))
