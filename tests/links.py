"""A project whose source is links, texts and scores without images, for tests of whole builds that need many rows or columns."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from project import TODAY, Answer, Project, in_process, make, row

PLAN = """\
[release]
name = "example/street"
version = "{version}"
license = "cc0-1.0"
[source]
path = "source"
parent = "{parent}"
columns = {{ text = "caption", url = "url" }}
[lists]
store = "lists"
{steps}
[build]
row_group_rows = 64
shard_rows = {shard_rows}
[audit]
required = 2
trust = "trust.json"
"""
EXACT = '[[step]]\nname = "known-files"\nkind = "url"\nlists = ["known-urls"]\n'


def project(folder: Path, columns: Mapping[str, Sequence[object] | pa.Array], steps: str) -> Project:
    """Write a project whose source has these columns beside `caption` and `url`, where they are not among them."""
    made = make(folder, [row(0)])
    (made.source / "train.parquet").unlink()
    trust = folder / "trust.json"
    trust.write_text(trust.read_text().replace('"exact-hash"', '"url"'))  # the step that it requires: there are no images here
    write_source(made, columns)
    write_plan(made, steps)
    return made


def write_source(made: Project, columns: Mapping[str, Sequence[object] | pa.Array]) -> None:
    """Write the source anew."""
    n = len(next(iter(columns.values())))
    own = {"caption": [f"view {i}" for i in range(n)], "url": [f"https://pictures.example.org/all/{i}" for i in range(n)]}
    pq.write_table(pa.table({**own, **columns}), made.source / "train.parquet", row_group_size=64)


def write_plan(made: Project, steps: str, version: str = "1.0.0", parent: str = "private", shard_rows: int = 128) -> None:
    """Write the plan anew."""
    made.plan.write_text(PLAN.format(steps=steps, version=version, parent=parent, shard_rows=shard_rows))


def attested(candidate: Path) -> list[dict[str, Any]]:
    """Return the predicates of a candidate's attestations, in order."""
    bundles = [json.loads(path.read_bytes()) for path in sorted((candidate / "attestations").iterdir())]
    return [json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))["predicate"] for bundle in bundles]


def manifest(candidate: Path) -> dict[str, Any]:
    """Return a candidate's manifest."""
    read: dict[str, Any] = json.loads((candidate / "release.json").read_bytes())
    return read


def texts(candidate: Path, column: str = "caption") -> list[str]:
    """Return a column of the published rows."""
    return [text for path in sorted((candidate / "data").iterdir()) for text in pq.read_table(path)[column].to_pylist()]


def audit(made: Project, candidate: Path, number: int = 1) -> tuple[Answer, dict[str, dict[str, str]]]:
    """Let an auditor with its own list of one other link audit a candidate; return the answer and the claims."""
    out = made.folder / f"out-{number}"
    answer = in_process("audit", candidate, *_auditor(made, number), "--lists", _own(made, number), "--out", out, "--format", "json")
    reports = sorted(out.glob("reports/*.json"))
    assert reports, answer.text
    bundle = json.loads(reports[-1].read_bytes())
    predicate = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))["predicate"]
    return answer, {claim["claim"]: claim for claim in predicate["claims"]}


def _auditor(made: Project, number: int) -> tuple[object, ...]:
    keys = made.folder / "keys"
    trust = made.folder / "trust.json"
    return "--key", keys / f"auditor-{number}.pem", "--identity", keys / f"auditor-{number}.age", "--trust", trust


def _own(made: Project, number: int) -> Path:
    """Return an auditor's own lists: one link of somewhere else."""
    own, listed = made.folder / f"own-{number}", made.folder / "own.txt"
    listed.write_text("https://elsewhere.example.net/1\n")
    if not own.exists() or "own" not in {path.name for path in own.iterdir()}:
        words = ("--name", "own", "--type", "url", "--vintage", TODAY.isoformat(), "--store", own)
        answer = in_process("lists", "import", listed, *words)
        assert answer.code == 0, answer.text
    return own


def publish(made: Project, candidate: Path, destination: Path) -> None:
    """Let both auditors pass a candidate, and publish it."""
    for number in (1, 2):
        answer = in_process("audit", candidate, *_auditor(made, number), "--lists", _own(made, number))
        assert answer.code == 0, answer.text
    command = ("publish", candidate, "--to", destination, "--plan", made.plan)
    assert in_process(*command).code == 5
    for number in (1, 2):
        assert in_process("audit", candidate, *_auditor(made, number), "--cosign").code == 0
    answer = in_process(*command)
    assert answer.code == 0, answer.text
