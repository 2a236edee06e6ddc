"""Small releases of real data files, signed by the simulator's keys: whatever rows a test needs."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from PIL import Image
from simulator import Simulator

from audit_logs.card import configs
from audit_logs.manifest import Manifest, Roles, Shard, StepName
from audit_logs.statement import Boundary, FilterStep, about_manifest
from audit_logs.trust import RequiredStep, Trust
from release.rows import dataset_root, row_digests, schema_fields
from release.screen import shard_entry
from release.table import ShardWriter

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
GROUP_ROWS = 4


def picture(number: int, form: str = "PNG") -> bytes:
    """Return a small picture that no other number gives."""
    out = io.BytesIO()
    Image.new("RGB", (8, 8), (number % 256, number // 256 % 256, 77)).save(out, form)
    return out.getvalue()


def row(number: int, caption: str | None = None, **others: Any) -> dict[str, Any]:
    """Return a row with a picture and a caption."""
    image = {"bytes": others.pop("bytes", picture(number)), "path": others.pop("path", f"{number}.png")}
    return {"image": image, "caption": f"caption {number}" if caption is None else caption, **others}


@dataclass(frozen=True, slots=True)
class Made:
    """A published release and the trust file for it."""

    folder: Path
    trust: Path
    world: Simulator


@dataclass(frozen=True, slots=True)
class Line:
    """What a release is beyond its rows."""

    version: str = "1.0.0"
    columns: Mapping[str, pa.DataType] | None = None
    roles: Roles | None = None
    side: Literal["none", "minors", "adults"] | None = None
    after: Simulator | None = None
    group_rows: int = GROUP_ROWS


Maker = Callable[..., Made]


def maker(folder: Path) -> Maker:
    """Return a function that writes a release of rows by split below a folder."""

    def made(splits: Mapping[str, Sequence[Mapping[str, Any]]], line: Line = Line(), *, place: str = "release") -> Made:
        home = folder / place / "published"
        flat = [row for rows in splits.values() for row in rows]
        others = {name: pa.array([row[name] for row in flat]).type for name in flat[0] if name not in ("image", "caption")}
        schema = pa.schema(line.columns or {"image": PICTURE, "caption": pa.string(), **others})
        return published(home, tuple(_shard(home, split, list(rows), schema) for split, rows in splits.items()), schema, line)

    return made


def published(home: Path, shards: tuple[Shard, ...], schema: pa.Schema, line: Line = Line()) -> Made:
    """Sign and log a release of data files that lie in `home` already."""
    world = Simulator(line.version) if line.after is None else line.after.next_version(line.version)
    world.cosigners = dict.fromkeys(world.cosigners, int(datetime.now(UTC).timestamp()))
    _tell(world, shards, schema, line)
    world.write_statements().finish()
    for path in [path for path in world.files if path.startswith("data/")]:
        del world.files[path]  # the simulator's own
    return Made(home, world.write_to(home), world)


def withdrawn(made: Made) -> None:
    """Let the institution withdraw a release, and write its log anew."""
    world = made.world
    world.withdraw("release", about_manifest(world.manifest.digest), "publish")
    world.write_log()
    world.write_to(made.folder)
    for path in (made.folder / "log").rglob("*.p/*"):
        if path.relative_to(made.folder).as_posix() not in world.files:
            path.unlink()


def _shard(folder: Path, split: str, rows: list[Mapping[str, Any]], schema: pa.Schema) -> Shard:
    path = f"data/{split}-00000-of-00001.parquet"
    (folder / "data").mkdir(parents=True, exist_ok=True)
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    writer = ShardWriter(folder / path, schema, GROUP_ROWS, {})
    writer.append(batch)
    return shard_entry(path, split, writer.close(), row_digests(batch), GROUP_ROWS)


def _tell(world: Simulator, shards: tuple[Shard, ...], schema: pa.Schema, line: Line) -> None:
    """Let manifest, card and steps tell of these data files."""
    rows = sum(shard.rows for shard in shards)
    root = dataset_root((bytes.fromhex(shard.root), shard.rows) for shard in shards).hex()
    steps = (
        StepName("known-files", "exact-hash"),
        StepName("near-copies" if line.side is None else "apart", "near-hash" if line.side is None else "separate"),
    )

    def manifest(made: Manifest) -> Manifest:
        source = replace(made.source, rows=rows)
        roles = line.roles or Roles("image", "caption", None, {})
        described = replace(made, schema=schema_fields(schema), columns=roles, separation=line.side, steps=steps)
        return replace(described, source=source, row_group_rows=line.group_rows, rows=rows, root=root, shards=shards)

    def step(made: FilterStep) -> FilterStep:
        counts = {"input": Boundary(made.input.commitment, rows), "output": Boundary(made.output.commitment, rows)}
        return replace(made, removed=0, unscreenable=0, coverage={"md5": rows}, **counts)

    required = tuple(RequiredStep(one.name, one.kind, world.trust.steps[0].keys, 365) for one in steps)
    world.trust = replace(world.trust, steps=required)
    card = "\n".join(["---", 'license: "cc-by-4.0"', *configs(shards), "---", "# Street scenes", ""])
    world.bend |= {Manifest: manifest, FilterStep: step, str: lambda _: card, Trust: lambda same: same}
