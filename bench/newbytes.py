"""The new bytes of the next version: what the Hub's client has to send when a longer list takes 0.1 % and 1 % of the rows out.

Usage: python -m bench.newbytes [--quick]

Version n is built, then version n+1 of the same source with a list more, and the data files of both are cut into content-defined chunks.
Pictures of 512x512 under the default row groups and larger ones; then rows of links and texts without pictures.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import pictures, project
from bench.chunks import ChunkStore
from bench.pictures import SEED, SMALL
from bench.setting import Found, Setting, alone
from bench.tables import MIB, table

SHARES = {0.001: "2 %", 0.01: "12 %"}  # of the rows: the target
GROUPS = (None, 256, 128)  # None: what a build takes by itself
LINK_GROUPS = (None,)
CAPTION = "a view of the old harbour at dawn with two boats near grey stones under low clouds some birds and one long pier by night"
PLAN = """\
[release]
name = "example/first-release"
version = "{version}"
license = "cc0-1.0"

[source]
path = "{source}"
{form}
parent = "private"

[lists]
store = "lists"

[[step]]
name = "known"
kind = "{kind}"
lists = [{lists}]

{build}
[keys]
institution = "keys/institution.pem"
log = "keys/log.pem"

[audit]
required = 1
trust = "trust.json"
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """A source: its folder, how a plan reads it, the step that knows its rows, the type and the values of a list of them, row groups to try."""

    name: str
    folder: Path
    form: str
    kind: str
    type: str
    values: Sequence[str]
    groups: Sequence[int | None]


def measure(setting: Setting) -> Found:
    """Return, for each source, size of row groups and share of rows, what version n+1 came to."""
    home = setting.results / ("quick" if setting.quick else "full")
    sources = (_pictures(setting, home), _links(setting, home))
    place = home / "newbytes"
    shutil.rmtree(place, ignore_errors=True)
    project.release("init", str(place))
    return {rows.name: [found for group in rows.groups for found in _versions(place, rows, group)] for rows in sources}


def _versions(place: Path, rows: Rows, group: int | None) -> list[Found]:
    """Build version n, and for each share a version n+1; return what these came to."""
    none = _import(place, rows, "none", [_unlisted(rows)])
    first = _build(place, rows, group, [none])
    found = []
    for number, (share, target) in enumerate(SHARES.items(), 1):
        draw = np.random.default_rng([SEED, 3, number])
        gone = sorted(draw.choice(len(rows.values), round(len(rows.values) * share), replace=False).tolist())
        newer = _import(place, rows, f"newer-{number}", [rows.values[row] for row in gone])
        second = _build(place, rows, group, [none, newer])
        store = ChunkStore(place / "chunks")
        store.send(_data(first))
        sent = store.send(_data(second))
        shutil.rmtree(place / "chunks")
        seen = {"group": _groups(second), "default": group is None, "removed": len(gone), "share": share, "target": target}
        found.append(seen | {"files": len(_data(second))} | asdict(sent))
        print(f"{rows.name}, {seen['group']} rows, {share:.1%}: {sent.new_bytes / sent.bytes:.2%} new", flush=True)
    return found


def _build(place: Path, rows: Rows, group: int | None, lists: Sequence[str]) -> Path:
    """Build a version and return its folder; a version is the number of lists in use."""
    plan, out = place / "bench.toml", place / f"candidate-{len(lists)}"
    shutil.rmtree(out, ignore_errors=True)
    names = ", ".join(f'"{name}"' for name in lists)
    build = f"[build]\nrow_group_rows = {group}\n" if group else ""
    text = PLAN.format(version=f"1.{len(lists)}.0", source=rows.folder, form=rows.form, kind=rows.kind, lists=names, build=build)
    plan.write_text(text, encoding="utf-8")
    project.release("build", str(plan), "--out", str(out), "--workers", str(len(os.sched_getaffinity(0))))
    return out


def _groups(candidate: Path) -> int:
    """Return the rows of a row group."""
    return int(json.loads((candidate / "release.json").read_bytes())["rowGroupRows"])


def _data(candidate: Path) -> list[Path]:
    return sorted((candidate / "data").iterdir())


def _import(place: Path, rows: Rows, name: str, values: Sequence[str]) -> str:
    """Import a list and return its name in the store."""
    name = f"{rows.type}-{name}"
    path = place / f"{name}.txt"
    path.write_text("".join(f"{value}\n" for value in values), encoding="ascii")
    project.release(
        *("lists", "import", str(path), "--name", name, "--vintage", datetime.now(UTC).date().isoformat()),
        *("--authority", "Example Authority", "--type", rows.type, "--store", str(place / "lists"), "--replace"),
    )
    return name


def _unlisted(rows: Rows) -> str:
    """Return an entry that no row has."""
    return "ab" * 16 if rows.type == "md5" else "https://nothing.example.net/"


def _pictures(setting: Setting, home: Path) -> Rows:
    """Return a folder of pictures as the builds have them, in whole files."""
    count = setting.scaled(10_000, 1_000)
    pictures.make(home / "small", setting.photos(), count, SMALL)
    folder = home / f"newbytes-{count}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path in sorted((home / "small").glob("*.parquet"))[: -(-count // pictures.FILE_ROWS)]:
        (folder / path.name).hardlink_to(path)
    files = [image["bytes"] for path in sorted(folder.iterdir()) for image in pq.read_table(path, columns=["image"])["image"].to_pylist()]
    digests = [hashlib.md5(data, usedforsecurity=False).hexdigest() for data in files]
    form = 'columns = { image = "image", text = "caption", url = "url" }'
    return Rows("512x512", folder, form, "exact-hash", "md5", digests, GROUPS)


def _links(setting: Setting, home: Path) -> Rows:
    """Return a folder with one file of links and captions as LAION's: addresses with drawn parts, sizes, a score."""
    count = setting.scaled(500_000, 20_000)
    folder = home / f"newbytes-links-{count}"
    draw = np.random.default_rng([SEED, 4])
    parts, hosts = draw.bytes(10 * count).hex(), draw.zipf(1.4, count) % 9973
    links = [f"https://host-{hosts[row]}.example.net/images/{parts[20 * row : 20 * row + 20]}.jpg" for row in range(count)]
    texts = _texts(draw.integers(0, len(CAPTION.split()), (count, 9)).tolist(), draw.integers(3, 10, count).tolist())
    columns = {
        "URL": links,
        "TEXT": texts,
        "WIDTH": pa.array(draw.integers(200, 4000, count), pa.int32()),
        "HEIGHT": pa.array(draw.integers(200, 4000, count), pa.int32()),
        "similarity": pa.array(draw.normal(0.32, 0.03, count), pa.float32()),
    }
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.table(columns), folder / "links.parquet", row_group_size=1 << 16)
    return Rows("links", folder, 'format = "links"', "url", "url", links, LINK_GROUPS)


def _texts(drawn: list[list[int]], lengths: list[int]) -> list[str]:
    known = CAPTION.split()
    return [" ".join(known[word] for word in words[:length]) for words, length in zip(drawn, lengths, strict=True)]


def tables(found: Found) -> str:
    """Return the table of this part."""
    head = ["version n+1, rows of a row group", "rows removed", "data, MiB", "new, MiB", "new, %", "target", "chunks", "new chunks"]
    lines = [
        [
            f"{name}, {seen['group']:,}{' (the default)' if seen['default'] else ''}, {seen['share']:.1%}",
            seen["removed"],
            seen["bytes"] / MIB,
            seen["new_bytes"] / MIB,
            100 * seen["new_bytes"] / seen["bytes"],
            seen["target"],
            seen["chunks"],
            seen["new_chunks"],
        ]
        for name, those in found.items()
        for seen in those
    ]
    return table(head, lines)


if __name__ == "__main__":
    alone("newbytes", __doc__, measure, tables)
