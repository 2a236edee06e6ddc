"""Measure builds and verifications on pictures cut from photographs: `python -m bench`, or `make bench`.

Everything that is made lies in bench/results: photographs and pictures (kept for the next run), the table and the JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from bench import photographs, pictures, project, results, watch
from bench.pictures import LARGE, SMALL

HERE = Path(__file__).resolve().parent
LONG = 30  # seconds; a build that takes longer is done once
UNPUBLISHED = 5  # exit code of a verification of a candidate that nobody has audited yet: "incomplete", after every check


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line asks for."""

    rows: list[int]
    workers: list[int]
    runs: int
    large: int
    photographs: Path | None
    peer: Path | None
    results: Path
    readme: bool


@dataclass(frozen=True, slots=True)
class Case:
    """A dataset to build: its name, the plan, rows, and the number of workers."""

    name: str
    plan: Path
    rows: int
    workers: int


def main() -> None:
    """Measure, print the tables, write them and the JSON."""
    options = _options()
    load = os.getloadavg()[0]
    made = _make(options)
    print(f"lists imported: {made.imports}", flush=True)
    found: dict[str, object] = {"machine": results.machine(), "load before": load, "imports": made.imports}
    builds, verifications = [], []
    for rows in options.rows:
        plan = made.plan(f"small-{rows}", f"../small-{rows}")
        builds += [_build(Case(f"{rows} of 512x512", plan, rows, workers), options.runs) for workers in options.workers]
        verifications.append(_verifications(made, builds[-1], max(options.runs, 3)))
    if options.large:
        case = Case(f"{options.large} of 4 MP", made.plan("large", "../large"), options.large, options.workers[0])
        builds.append(_build(case, options.runs))
        verifications.append(_verifications(made, builds[-1], max(options.runs, 3)))
    found |= {"builds": builds, "verifications": verifications, "stages": [_stages(made, name) for name in _stage_plans(options)]}
    if options.peer:
        found["peer"] = [_peer(options, made, rows) for rows in options.rows[:1]]
    found["load after"] = os.getloadavg()[0]
    text = results.tables(found)
    (options.results / "build.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (options.results / "build.md").write_text(text + "\n", encoding="utf-8")
    if options.readme:
        _into_readme(text)
    print(text)


def _into_readme(text: str) -> None:
    """Put the tables in the place of those of the last run."""
    path = HERE / "README.md"
    before, begin, rest = path.read_text(encoding="utf-8").partition("<!-- last run -->\n")
    _, end, after = rest.partition("<!-- end of last run -->\n")
    path.write_text(before + begin + "\n" + text + "\n\n" + end + after, encoding="utf-8")


def _options() -> Options:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[5_000, 20_000], help="sizes of the datasets of 512x512 pictures")
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2], help="numbers of workers")
    parser.add_argument("--runs", type=int, default=3, help="runs of each case but the long ones; the median is told")
    parser.add_argument("--large", type=int, default=400, help="pictures of 4 megapixels, for the peak of memory; 0: none")
    parser.add_argument("--photographs", type=Path, help="a folder of JPEG photographs, in the place of Debian's packages")
    parser.add_argument("--peer", type=Path, help="the Python of an environment with bench/peer-requirements.txt")
    parser.add_argument("--results", type=Path, default=HERE / "results")
    parser.add_argument("--readme", action="store_true", help="write the tables into bench/README.md as well")
    return Options(**vars(parser.parse_args()))


def _make(options: Options) -> project.Project:
    """Make pictures, lists and the project; pictures that are there are used again."""
    folder = options.results
    photos = photographs.usable(options.photographs) if options.photographs else photographs.fetch(folder / "photographs")
    listed = pictures.make(folder / "small", photos, max(options.rows), SMALL)
    for rows in options.rows:
        _link(folder / "small", folder / f"small-{rows}", rows)
    if options.large:
        pictures.make(folder / "large", photos, options.large, LARGE)
    shutil.rmtree(folder / "project", ignore_errors=True)
    return project.start(folder / "project", listed)


def _link(source: Path, folder: Path, rows: int) -> None:
    """Make a folder that has the first files of the dataset."""
    if rows % pictures.FILE_ROWS:
        raise SystemExit(f"--rows: a multiple of {pictures.FILE_ROWS}, please")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in sorted(source.glob("*.parquet"))[: rows // pictures.FILE_ROWS]:
        (folder / path.name).hardlink_to(path)


def _build(case: Case, runs: int) -> dict[str, object]:
    """Build a case `runs` times, or once if that takes long, and return what was seen; the last candidate stays."""
    out = case.plan.parent / "candidate"
    command = [sys.executable, "-m", "release", "--format", "json", "build", str(case.plan), "--out", str(out)]
    seen: list[watch.Watched] = []
    while len(seen) < (1 if seen and seen[0].seconds > LONG else runs):
        shutil.rmtree(out, ignore_errors=True)
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


def _verifications(made: project.Project, build: dict[str, object], runs: int) -> dict[str, object]:
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


def _stage_plans(options: Options) -> list[str]:
    return [f"small-{max(options.rows)}", *(["large"] if options.large else [])]


def _stages(made: project.Project, name: str) -> dict[str, object]:
    command = [sys.executable, "-m", "bench.stages", str(made.folder / f"{name}.toml")]
    return {"name": name, **json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)}


def _peer(options: Options, made: project.Project, rows: int) -> dict[str, object]:
    files = [str(path) for path in sorted((options.results / f"small-{rows}").glob("*.parquet"))]
    command = [
        str(options.peer),
        str(HERE / "peer.py"),
        *files,
        "--md5",
        str(made.folder / "md5.txt"),
        "--pdq",
        str(made.folder / "pdq.txt"),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    shown: dict[str, object] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout)
    print(f"peer: {shown}", flush=True)
    return shown


if __name__ == "__main__":
    main()
