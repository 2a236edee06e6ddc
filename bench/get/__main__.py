"""Measure what a reader waits for, and print tables; single runs go to bench/results/get.json.

Usage: PYTHONPATH=tests python -m bench.get [--mb 2000] [--files 100000] [--rounds 3] [--results DIR] [--readme]

`make bench-get` does that. A release of made-up pictures is served on the loopback interface from files, by a process that hands
them to the kernel. By turns it is downloaded by huggingface_hub alone, fetched and verified, verified without being kept,
and streamed; then exported in every layout; then a receipt for many small files is checked. Needs Linux, and four times
the size of the release on disk.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from made import Made
from simulator import NAME

from bench import watch
from bench.get import made
from bench.machine import load_average, machine
from bench.setting import HERE, into_readme
from bench.tables import MIB, median, table

SHARDS, PICTURE, SMALL = 8, 100_000, 2_000  # data files; bytes of a picture, and of one of many
LAYOUTS = ("imagefolder", "kohya", "webdataset", "jsonl")
TARGET = 1.15
BEGIN, END = "<!-- last run of bench-get -->\n", "<!-- end of last run of bench-get -->\n"
_SNAPSHOT = "import sys; from huggingface_hub import snapshot_download as get; get(sys.argv[1], repo_type='dataset', local_dir=sys.argv[2])"
_STREAM = "import sys, release; print(sum(len(row['image']['bytes']) for row in release.stream(sys.argv[1], sys.argv[2])))"
Found = dict[str, Any]  # as in the JSON


def main() -> None:
    """Measure everything."""
    asked = argparse.ArgumentParser(prog="bench.get", description="Measure getting, streaming, exporting and receipts.")
    asked.add_argument("--mb", type=int, default=2000, help="megabytes of pictures to fetch")
    asked.add_argument("--files", type=int, default=100_000, help="pictures of the receipt that is checked")
    asked.add_argument("--rounds", type=int, default=3, help="rounds of each; the median is told")
    asked.add_argument("--results", type=Path, default=Path("bench/results"))
    asked.add_argument("--readme", action="store_true", help="write the tables into bench/README.md as well")
    options = asked.parse_args()
    options.results.mkdir(parents=True, exist_ok=True)
    found: Found = {"machine": machine(), "load": [load_average()]}
    with tempfile.TemporaryDirectory(dir=options.results, prefix="get") as folder:
        place = Path(folder).absolute()
        release = made.make(place / "large", SHARDS, options.mb * 1_000_000 // SHARDS // PICTURE, PICTURE)
        found["bytes"] = sum(path.stat().st_size for path in release.folder.rglob("*") if path.is_file())
        found["downloads"] = downloads(release, place, options.rounds)
        found["exports"] = exports(release, place, options.rounds)
        found["pictures"] = options.mb * 1_000_000 // SHARDS // PICTURE * SHARDS
        shutil.rmtree(place / "large")
        found["receipt"] = receipt(place, options.files, options.rounds)
    found["load"].append(load_average())
    (options.results / "get.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    text = tables(found)
    (options.results / "get.md").write_text(text + "\n", encoding="utf-8")
    if options.readme:
        into_readme(HERE / "README.md", text, BEGIN, END)
    print(text)


def downloads(release: Made, place: Path, rounds: int) -> Found:
    """Return what each way to have the release takes, by turns; the first round does not count."""
    out, hub = place / "out", f"hub:{NAME}"
    trusting = ["--trust", str(release.trust), "--format", "quiet"]
    ways = {
        "snapshot_download": [sys.executable, "-c", _SNAPSHOT, NAME, str(out)],
        "release get": [sys.executable, "-m", "release", "get", hub, "--out", str(out), *trusting],
        "release verify hub:": [sys.executable, "-m", "release", "verify", hub, *trusting],
        "release.stream": [sys.executable, "-c", _STREAM, hub, str(release.trust)],
    }
    found: Found = {name: [] for name in ways}
    with _served(release, place):
        for number in range(rounds + 1):
            for name, command in ways.items():
                run = _run(command, place)
                shutil.rmtree(out, ignore_errors=True)
                found[name] += [run] if number else []
    return found


@contextmanager
def _served(release: Made, place: Path) -> Iterator[None]:
    """Serve a release in a process of its own, and let the processes that are started know no other Hub."""
    command = [sys.executable, "-m", "bench.get.serving", str(release.folder), NAME]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        if server.stdout is None or server.stdin is None:
            raise SystemExit("the server has no pipes")
        mine = {"HF_ENDPOINT": server.stdout.readline().strip(), "HF_HOME": str(place / "home"), "NO_PROXY": "127.0.0.1"}
        os.environ.update(mine | {f"HF_HUB_DISABLE_{what}": "1" for what in ("XET", "TELEMETRY", "PROGRESS_BARS")})
        try:
            yield
        finally:
            server.stdin.close()


def _run(command: Sequence[str], place: Path) -> Found:
    """Run a command with a temporary folder on the disk that is measured; return seconds, processor seconds and peak memory."""
    os.environ["TMPDIR"] = str(place)
    run = watch.run(command)
    return {"seconds": run.seconds, "processor": run.processor, "peak": max(memory.peak for memory in run.processes)}


def exports(release: Made, place: Path, rounds: int) -> Found:
    """Return what each layout takes."""
    found: Found = {layout: [] for layout in LAYOUTS}
    for _ in range(rounds):
        for layout in LAYOUTS:
            found[layout].append(_run(_export(release, place / "export", layout), place))
            shutil.rmtree(place / "export")
    return found


def _export(release: Made, out: Path, layout: str) -> list[str]:
    words = ["export", str(release.folder), "--as", layout, "--out", str(out), "--trust", str(release.trust), "--format", "quiet"]
    return [sys.executable, "-m", "release", *words]


def receipt(place: Path, files: int, rounds: int) -> Found:
    """Return what the export of many small pictures takes, and the check of its receipt."""
    release, out = made.make(place / "small", 1, files, SMALL), place / "many"
    found: Found = {"files": files, "export": [_run(_export(release, out, "imagefolder"), place)], "check": []}
    paper = next(out.glob("*.receipt.json"))
    found["bytes"] = paper.stat().st_size
    words = ["receipt", "check", str(paper), str(out), "--trust", str(release.trust), "--format", "quiet"]
    found["check"] = [_run([sys.executable, "-m", "release", *words], place) for _ in range(rounds)]
    return found


def tables(found: Found) -> str:
    """Return everything as Markdown."""
    gigabytes = found["bytes"] / 1e9
    plain = _median(found["downloads"]["snapshot_download"], "seconds")
    fetched = []
    for name, runs in found["downloads"].items():
        seconds = _median(runs, "seconds")
        target = TARGET if name == "release get" else ""
        costs = _median(runs, "processor"), _median(runs, "peak") / MIB
        fetched.append([name, seconds, seconds / plain, target, gigabytes / seconds, *costs])
    written = []
    for name, runs in found["exports"].items():
        seconds = _median(runs, "seconds")
        rate = gigabytes / seconds if name != "jsonl" else ""
        written.append([name, seconds, rate, found["pictures"] / seconds, _median(runs, "processor"), _median(runs, "peak") / MIB])
    paper, many = found["receipt"], []
    for name in ("export", "check"):
        seconds = _median(paper[name], "seconds")
        many.append([name, seconds, paper["files"] / seconds, _median(paper[name], "processor"), _median(paper[name], "peak") / MIB])
    head = f"{gigabytes:.2f} GB in {SHARDS} files"
    parts = [
        table([head, "seconds", "times snapshot_download", "target", "GB/s", "processor s", "peak MiB of one process"], fetched),
        table(["release export, the same release", "seconds", "GB/s", "rows/s", "processor s", "peak MiB"], written),
        table(
            [f"{paper['files']:,} pictures, receipt of {paper['bytes'] / MIB:.0f} MiB", "seconds", "rows/s", "processor s", "peak MiB"],
            many,
        ),
    ]
    about = [f"- {name}: {value}" for name, value in found["machine"].items()]
    about.append(f"- processes that wanted a core, before and after: {found['load'][0]:.2f}, {found['load'][1]:.2f}")
    return "\n\n".join([*parts, "\n".join(about)])


def _median(runs: Sequence[Found], what: str) -> float:
    return median([run[what] for run in runs])


if __name__ == "__main__":
    main()
