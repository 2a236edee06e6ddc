"""`release build` and both verifiers, as commands, on datasets of pictures cut from photographs.

Usage: python -m bench.builds [--quick]

Each build with n workers may use n cores. Datasets of two sizes tell what a further row costs. Plans: the defaults, and the first line of
the table (exact and near match against a million entries, convention `full`, one form).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import pictures, project, results, watch
from bench.contest import pinned
from bench.pictures import LARGE, SMALL
from bench.setting import HERE, Found, Setting, alone

LONG = 30  # seconds; a build that takes longer is done once
UNPUBLISHED = 5  # exit code of a verification of a candidate that nobody has audited yet: "incomplete", after every check
FIRST_LINE = "first line"
WORKERS = (1, 2)


@dataclass(frozen=True, slots=True)
class Case:
    """A dataset to build: its name, the plan, rows, and the number of workers."""

    name: str
    plan: Path
    rows: int
    workers: int


def measure(setting: Setting) -> Found:
    """Return what was seen of builds, verifications and the parts of a worker's time."""
    sizes = (200,) if setting.quick else (5_000, 20_000)
    large = setting.scaled(400, 4)
    made = _make(setting, sizes, large)
    builds, verifications = [], []
    for rows in sizes:
        for kind, steps in (("", project.DEFAULTS), (f", {FIRST_LINE}", project.FIRST_LINE)):
            plan = made.plan(f"small-{rows}{kind and '-first'}", f"../small-{rows}", steps)
            cases = [Case(f"{rows} of 512x512{kind}", plan, rows, workers) for workers in WORKERS]
            builds += [build(case, setting.rounds) for case in cases]
        verifications.append(verifications(made, builds[-1], setting.rounds))
    builds.append(build(Case(f"{large} of 4 MP", made.plan("large", "../large"), large, 1), setting.rounds))
    verifications.append(verifications(made, builds[-1], setting.rounds))
    stages = [_stages(made, name) for name in (f"small-{sizes[-1]}", "large")]
    return {"imports": made.imports, "builds": builds, "verifications": verifications, "stages": stages}


def _make(setting: Setting, sizes: Sequence[int], large: int) -> project.Project:
    """Make pictures, lists and the project; pictures that are there are used again."""
    folder = setting.results / ("quick" if setting.quick else "full")
    photos = setting.photos()
    listed = pictures.make(folder / "small", photos, max(sizes), SMALL)
    for rows in sizes:
        _link(folder / "small", folder / f"small-{rows}", rows)
    pictures.make(folder / "large", photos, large, LARGE)
    shutil.rmtree(folder / "project", ignore_errors=True)
    return project.start(folder / "project", listed, setting.scaled(1, 100))


def _link(source: Path, folder: Path, rows: int) -> None:
    """Make a folder that has the first files of the dataset."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in sorted(source.glob("*.parquet"))[: -(-rows // pictures.FILE_ROWS)]:
        (folder / path.name).hardlink_to(path)


def build(case: Case, runs: int) -> Found:
    """Build a case `runs` times, or once if that takes long, and return what was seen; the last candidate stays."""
    out = case.plan.parent / "candidate"
    command = [sys.executable, "-m", "release", "--format", "json", "build", str(case.plan), "--out", str(out)]
    seen: list[watch.Watched] = []
    while len(seen) < (1 if seen and seen[0].seconds > LONG else runs):
        shutil.rmtree(out, ignore_errors=True)
        with pinned(set(sorted(os.sched_getaffinity(0))[: case.workers])):
            seen.append(watch.run([*command, "--workers", str(case.workers)]))
        print(f"{case.name}, {case.workers} worker(s): {seen[-1].seconds:.1f} s", flush=True)
    roles = {role: [asdict(run.worst(role)) for run in seen] for role in ("parent", "worker", "decoder")}
    files = [path.stat().st_size for path in out.rglob("*") if path.is_file() and path.parent.name != "evidence"]
    return {
        "name": case.name,
        "rows": case.rows,
        "workers": case.workers,
        "seconds": [run.seconds for run in seen],
        "processor": [run.processor for run in seen],
        "memory": roles,
        "bytes": sum(files),
        "outcome": json.loads(seen[-1].output)["rows"],
    }


def verifications(made: project.Project, build: Found, runs: int) -> Found:
    """Return the seconds of plain SHA-256 and of both verifiers over the candidate that was built last, run by turns."""
    candidate, trust = str(made.folder / "candidate"), str(made.folder / "trust.json")
    tail = ["verify", candidate, "--trust", trust]
    commands = {
        "plain": ([sys.executable, str(HERE / "plain.py"), candidate], (0,)),
        "light": ([sys.executable, "-m", "audit_logs", *tail, "--format", "quiet"], (UNPUBLISHED,)),
        "full": ([sys.executable, "-m", "release", "--format", "quiet", *tail], (UNPUBLISHED,)),
    }
    seen: dict[str, list[watch.Watched]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, (command, expected) in commands.items():
            seen[name].append(watch.run(command, expected))
    seconds = {name: [run.seconds for run in those] for name, those in seen.items()}
    peaks = {name: max(run.worst("parent").peak for run in those) for name, those in seen.items()}
    print(f"verify {build['name']}: {seconds}", flush=True)
    return {"name": build["name"], "rows": build["rows"], "bytes": build["bytes"], "seconds": seconds, "peak": peaks}


def _stages(made: project.Project, name: str) -> Found:
    command = [sys.executable, "-m", "bench.stages", str(made.folder / f"{name}.toml")]
    return {"name": name, **json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)}


if __name__ == "__main__":
    alone("builds", __doc__, measure, results.tables)
