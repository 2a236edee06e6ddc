"""A table of links and captions as LAION publishes them: built, audited, published and verified like a source with pictures."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from links import attested, manifest, project, publish
from project import KNOWN_LINK, TODAY, in_process, row

from release.lists import ImportRequest, ListStore

PLAN = """\
[release]
name = "example/street"
version = "1.0.0"
license = "cc-by-4.0"
[source]
path = "source"
format = "links"
parent = "private"
columns = { declared = { md5 = "md5" } }
[[step]]
name = "known-files"
kind = "url"
lists = ["known-urls", "digests"]
[[step]]
name = "declared-files"
kind = "exact-hash"
on = "declared"
lists = ["files"]
[[step]]
name = "unsafe"
kind = "classifier"
column = "punsafe"
threshold = 0.9
[audit]
required = 2
trust = "trust.json"
"""


def md5(text: str) -> str:
    """Return an MD5 in hex."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def test_a_table_of_links_goes_all_the_way(tmp_path: Path) -> None:
    """Listed links, digests of links, declared hashes and scores decide; both verifiers call the published release verified."""
    made = project(tmp_path / "project", {"x": [1]}, "")
    n = 500
    links = [f"https://pictures.example.org/{i}.jpg" for i in range(n)]
    links[3] = row(KNOWN_LINK).url
    table = pa.table(
        {
            "URL": links,
            "TEXT": [f"view {i}" for i in range(n)],
            "WIDTH": pa.array([1024] * n, pa.int32()),
            "HEIGHT": pa.array([768] * n, pa.int32()),
            "punsafe": pa.array([i / n for i in range(n)], pa.float32()),
            "md5": [md5(f"file {i}") for i in range(n)],
        }
    )
    pq.write_table(table, made.source / "train.parquet")
    for name, kind, value in (("digests", "url-sha256", hashlib.sha256(links[5].encode()).hexdigest()), ("files", "md5", md5("file 7"))):
        path = made.folder / f"{name}.txt"
        path.write_text(value)
        ListStore(made.folder / "lists").import_file(path, ImportRequest(name, TODAY, type=kind, format="text"), TODAY)
    made.plan.write_text(PLAN)
    candidate, published = tmp_path / "candidate", tmp_path / "published"
    answer = made.build_here(candidate)
    assert answer.code == 0, answer.text
    listed, declared, unsafe = attested(candidate)
    assert [step["removed"] for step in (listed, declared, unsafe)] == [2, 1, 50]
    assert [step["covers"] for step in (listed, declared, unsafe)] == ["declared"] * 3
    described = manifest(candidate)
    assert (described["rows"], described["columns"]["image"], described["columns"]["url"]) == (447, None, "URL")
    assert (described["source"]["kind"], described["rowGroupRows"]) == ("parquet", 8192)
    publish(made, candidate, published)
    said = in_process("verify", published, "--trust", made.folder / "trust.json", "--format", "json")
    assert (said.code, json.loads(said.out)["verdict"]) == (0, "verified"), said.text
    light = [sys.executable, "-m", "audit_logs", "verify", published, "--trust", made.folder / "trust.json"]
    assert subprocess.run(light, capture_output=True, check=False).returncode == 0


def test_a_table_without_the_named_columns_is_refused(tmp_path: Path) -> None:
    """The error names the column that the format expects."""
    made = project(tmp_path / "project", {"x": [1]}, "")
    pq.write_table(pa.table({"href": ["https://a.example.org/"]}), made.source / "train.parquet")
    made.plan.write_text(PLAN)
    path = made.folder / "d.txt"
    for name, kind in (("digests", "url-md5"), ("files", "md5")):
        path.write_text(md5("x"))
        ListStore(made.folder / "lists").import_file(path, ImportRequest(name, TODAY, type=kind, format="text"), TODAY)
    answer = made.build_here(tmp_path / "candidate")
    assert answer.code == 1
    assert "no column 'TEXT'" in answer.err or "no column 'URL'" in answer.err
