"""Tables of links, as LAION publishes them: `release build` and both verifiers, next to what people do today.

Usage: python -m bench.links [--quick] [--readme]

Generated rows (bench/linkrows.py), steps `exact-hash` on a declared column of MD5 with 1,000,000 entries, `url` with 100,000 links and 100,000 domains,
`classifier` on the column `punsafe`. Two sizes tell whether memory grows with the rows, and what a further row costs. Beside it, each in a
process of its own: a semi join of DuckDB on the same MD5, and `datasets` with a Python set of them.
"""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench import builds, linkrows, project, watch
from bench.builds import Case
from bench.machine import load_average
from bench.pictures import SEED
from bench.setting import HERE, Found, Setting, into_readme, parser, setting, told
from bench.tables import MIB, median, table
from release import trustfile

BEGIN, END = "<!-- last links run -->\n", "<!-- end of last links run -->\n"
LISTS = {"known-md5": ("md5", 1_000_000), "known-links": ("url", 100_000), "known-domains": ("domain", 100_000)}
PEERS = ("duckdb semi join", "datasets.map, row by row", "datasets.filter, in batches")
PEER_ROWS = 1_000_000  # one file
TARGET, TIMES = 200_000, 5
PLAN = """\
[release]
name = "example/first-release"
version = "1.0.0"
license = "cc0-1.0"

[source]
path = "../rows-{rows}"
format = "links"
parent = "private"
columns = {{ declared = {{ md5 = "md5" }} }}

[lists]
store = "lists"

[[step]]
name = "declared-files"
kind = "exact-hash"
on = "declared"
lists = ["known-md5"]

[[step]]
name = "known-links"
kind = "url"
lists = ["known-links", "known-domains"]

[[step]]
name = "unsafe"
kind = "classifier"
column = "punsafe"
threshold = 0.5

[keys]
institution = "keys/institution.pem"
log = "keys/log.pem"

[audit]
required = 2
trust = "trust.json"
"""


def measure(setting: Setting) -> Found:
    """Return what was seen of builds, verifications and peers."""
    sizes = (20_000, 50_000) if setting.quick else (1_000_000, 10_000_000)
    made = _make(setting, sizes)
    seen = []
    for rows in sizes:
        plan = made.folder / f"links-{rows}.toml"
        plan.write_text(PLAN.format(rows=rows), encoding="utf-8")
        seen += [builds.build(Case(f"{rows:,} rows of links", plan, rows, workers), 1) for workers in builds.WORKERS]
    verified = builds.verifications(made, seen[-1], 1)
    shutil.rmtree(made.folder / "candidate")
    first = made.folder.parent / f"rows-{sizes[0]}"
    return {"imports": made.imports, "builds": seen, "verification": verified, "peers": _peers(made.folder, first)}


def _make(setting: Setting, sizes: tuple[int, ...]) -> project.Project:
    """Make rows, which are used again, and the project with its lists."""
    folder = setting.results / "links"
    for rows in sizes:
        linkrows.make(folder / f"rows-{rows}", rows)
    shutil.rmtree(folder / "project", ignore_errors=True)
    project.begin(folder / "project")
    _require(folder / "project" / "trust.json")
    planted = linkrows.planted(-(-sizes[-1] // linkrows.FILE_ROWS), min(sizes[-1], linkrows.FILE_ROWS))
    imports = {}
    for name, (kind, count) in LISTS.items():
        path = folder / "project" / f"{name}.txt"
        lines = [*planted[kind], *_others(kind, count)][: max(count, len(planted[kind]))]
        path.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
        imports[name] = project.import_list(folder / "project", path, kind)
    return project.Project(folder / "project", imports)


def _require(path: Path) -> None:
    """Let the trust file require the step on declared hashes, in the place of those on pictures."""
    trust = trustfile.read(path)
    (required, *_) = trust.steps
    trustfile.write(path, replace(trust, steps=(replace(required, name="declared-files", kind="exact-hash"),)))


def _others(kind: str, count: int) -> list[str]:
    """Return entries that no row matches."""
    if kind != "md5":
        return [f"{'https://' * (kind == 'url')}listed-{number}.example.com{'/a.jpg' * (kind == 'url')}" for number in range(count)]
    text = np.random.default_rng(SEED + 1).bytes(16 * count).hex()
    return [text[at : at + 32] for at in range(0, len(text), 32)]


def _peers(folder: Path, rows: Path) -> dict[str, Any]:
    """Let each peer find the rows with a listed MD5, and check that all find as many."""
    found = {}
    for name in PEERS:
        command = [sys.executable, "-m", "bench.peers.links", "--by", name, "--rows", str(rows), "--entries", str(folder / "known-md5.txt")]
        run = watch.run(command)
        found[name] = json.loads(run.output) | {"peak": run.worst("parent").peak}
        print(f"{name}: {found[name]['seconds']:.1f} s", flush=True)
    if len({one["hits"] for one in found.values()}) != 1:
        raise SystemExit("the peers do not find the same rows")
    return found


def tables(found: Found) -> str:
    """Return everything as Markdown."""
    rows = [_line(build) for build in found["builds"]]
    rows += [_peer_line(name, one) for name, one in found["peers"].items()]
    head = ["links", "workers", "seconds", "rows/s", "rows/s by processor time", "parent, MiB", "worker, MiB"]
    return "\n\n".join([table(head, rows), "\n".join(_growth(found)), _verify_table(found["verification"])])


def _line(build: Found) -> list[object]:
    seconds, spent = median(build["seconds"]), median(build["processor"])
    peaks = [max(one["peak"] for one in build["memory"][role]) / MIB for role in ("parent", "worker")]
    return [f"release build, {build['name']}", build["workers"], seconds, build["rows"] / seconds, build["rows"] / spent, *peaks]


def _peer_line(name: str, one: Found) -> list[object]:
    return [
        f"{name}, {one['rows']:,} rows",
        1,
        one["seconds"],
        one["rows"] / one["seconds"],
        one["rows"] / one["processor"],
        one["peak"] / MIB,
        "",
    ]


def _growth(found: Found) -> list[str]:
    """Return what a further row costs, and how ours stands to the target and to people's own way."""
    lines = []
    for workers in builds.WORKERS:
        first, *_, last = [build for build in found["builds"] if build["workers"] == workers]
        more = last["rows"] - first["rows"]
        spent = (median(last["processor"]) - median(first["processor"])) / more
        lines.append(f"A further row, {workers} worker(s): {1e6 * spent:.2f} microseconds of processor, {1 / spent:,.0f} rows/s/core.\n")
    ours, peer = _whole_rate(found), found["peers"][PEERS[1]]
    rate = peer["rows"] / peer["processor"]
    lines.append(
        f"The largest build with one worker, whole, by processor time: {ours:,.0f} rows/s/core (target {TARGET:,}), "
        f"{ours / rate:.1f} times `{PEERS[1]}` (target {TIMES}).\n"
    )
    return lines


def _whole_rate(found: Found) -> float:
    last = [build for build in found["builds"] if build["workers"] == 1][-1]
    return float(last["rows"] / median(last["processor"]))


def _verify_table(seen: Found) -> str:
    rows = []
    for name, seconds in seen["seconds"].items():
        rows.append(
            [name, median(seconds), seen["bytes"] / MIB / median(seconds), seen["rows"] / median(seconds), seen["peak"][name] / MIB]
        )
    return table([f"verify, {seen['name']}", "seconds", "MiB/s", "rows/s", "peak, MiB"], rows)


def main() -> None:
    """Measure, print the tables, write them and the JSON."""
    options = parser(__doc__)
    options.add_argument("--readme", action="store_true", help="write the tables into bench/README.md as well")
    given = options.parse_args()
    chosen = setting(given)
    before = load_average()
    found = measure(chosen)
    text = told("links", chosen, found, before, tables(found))
    if given.readme:
        into_readme(HERE / "README.md", text, BEGIN, END)


if __name__ == "__main__":
    main()
