"""A dataset on the Hub, read at a commit through unmodified `huggingface_hub` from a server of our own."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

_SPEC = importlib.util.spec_from_file_location("hub_server", Path(__file__).resolve().parents[3] / "hub_server.py")
assert _SPEC is not None
assert _SPEC.loader is not None
hub_server = importlib.util.module_from_spec(_SPEC)
sys.modules["hub_server"] = hub_server
_SPEC.loader.exec_module(hub_server)

NAME = "example/pictures"
COMMIT = "a" * 40
CLIENT = textwrap.dedent(
    """
    import json, pickle, sys
    from audit_logs.errors import Problem
    from release.plan import Columns
    from release.source.base import Request
    from release.source.hubsource import open_hub

    name, revision, read = sys.argv[1], sys.argv[2] or None, sys.argv[3] == "read"
    columns = Columns(image="image", text=None, url=None, declared={})
    try:
        source = open_hub(name, revision, Request(columns, None, 4, 1 << 20))
        source = pickle.loads(pickle.dumps(source))
        pin = source.pin
        out = {"kind": pin.kind, "locator": pin.locator, "revision": pin.revision, "units": [(u.split, u.rows) for u in source.units]}
        out["files"] = [(file.path, file.bytes, file.sha256, file.rows) for file in pin.files]
        if read:
            batches = [b for unit in source.units for b in source.read(unit, batch_bytes=1 << 20)]
            out["images"] = [row["bytes"].decode() if row["bytes"] else None for b in batches for row in b.batch.column("image").to_pylist()]
            out["problems"] = [reason for b in batches for reason in b.problems.values()]
    except Problem as problem:
        out = {"code": problem.code, "error": str(problem)}
    print(json.dumps(out))
    """
)


def parquet(texts: list[str]) -> bytes:
    """Return a Parquet file with small images and row groups of two rows; an empty text is an image by path."""
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": text.encode() or None, "path": "elsewhere.png"} for text in texts]
    file = io.BytesIO()
    pq.write_table(pa.table({"image": pa.array(images, kind), "pad": [os.urandom(64).hex() for _ in texts]}), file, row_group_size=2)
    return file.getvalue()


@pytest.fixture
def repository() -> Any:
    """Return a repository with two splits and files of other kinds."""
    content = {
        "README.md": b"# Pictures",
        "data/train-00001-of-00002.parquet": parquet(["c", "d", ""]),
        "data/train-00000-of-00002.parquet": parquet(["a", "b"]),
        "data/test-00000-of-00001.parquet": parquet(["e"]),
        ".hidden/x.parquet": b"not read",
    }
    return hub_server.Repository(NAME, {"main": COMMIT, "v1": COMMIT, COMMIT: COMMIT}, content)


def client(repository: Any, home: Path, revision: str, what: str, name: str = NAME) -> dict[str, Any]:
    """Run a client process against the repository and return what it found."""
    with hub_server.serving(repository) as endpoint:
        command = [sys.executable, "-W", "error::ResourceWarning", "-c", CLIENT, name, revision, what]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=hub_server.environment(endpoint, home), timeout=60)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_branch_becomes_a_commit_and_rows_come_in_order(repository: Any, tmp_path: Path) -> None:
    """The pin names the commit, every Parquet file, its digest and rows; rows are read split by split, in order of names."""
    found = client(repository, tmp_path, "v1", "read")
    assert (found["kind"], found["locator"], found["revision"]) == ("hub", NAME, COMMIT)
    names = ["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/test-00000-of-00001.parquet"]
    contents = [repository.content[name] for name in names]
    digests = [hashlib.sha256(data).hexdigest() for data in contents]
    assert found["files"] == [[name, len(data), sha, n] for name, data, sha, n in zip(names, contents, digests, (2, 3, 1), strict=True)]
    assert found["units"] == [["train", 4], ["train", 1], ["test", 1]]
    assert found["images"] == ["a", "b", "c", "d", None, "e"]
    assert found["problems"] == ["bad-path"]


def test_opening_reads_footers_only(repository: Any, tmp_path: Path) -> None:
    """No file is fetched whole before a unit needs it: each is asked for by range, and the cache holds none."""
    found = client(repository, tmp_path, "", "open")
    assert found["revision"] == COMMIT
    fetched = [request for request in repository.requests if request.startswith("GET") and "/resolve/" in request]
    assert fetched
    assert all("bytes=" in request for request in fetched)
    assert list(tmp_path.rglob("*.parquet")) == []


def test_other_bytes_than_listed_are_refused(repository: Any, tmp_path: Path) -> None:
    """A host that delivers one flipped byte is found out by the digest, before the file is read."""
    name = "data/train-00000-of-00002.parquet"
    data = bytearray(repository.content[name])
    repository.listed[name] = hashlib.sha256(bytes(data)).hexdigest()
    data[40] ^= 1
    repository.content[name] = bytes(data)
    found = client(repository, tmp_path, "main", "read")
    assert found["code"] == "source"
    assert "the Hub delivered other bytes than it listed" in found["error"]
    assert name in found["error"]


def test_a_commit_is_not_exchanged_for_another(repository: Any, tmp_path: Path) -> None:
    """A host that answers another commit than the plan's is refused."""
    repository.commits["b" * 40] = COMMIT
    found = client(repository, tmp_path, "b" * 40, "open")
    assert found["code"] == "hub"
    assert "no usable commit" in found["error"]


@pytest.mark.parametrize(
    ("name", "revision", "words"),
    [
        ("example/nothing", "", "no such dataset"),
        (NAME, "v9", "no such revision"),
        ("no/such/name", "", "cannot be the name"),
    ],
)
def test_what_is_not_there_is_one_sentence(repository: Any, tmp_path: Path, name: str, revision: str, words: str) -> None:
    """A missing repository, a missing revision and an impossible name are a HubError each."""
    found = client(repository, tmp_path, revision, "open", name)
    assert found["code"] == "hub"
    assert words in found["error"]
    assert "\n" not in found["error"]


def test_a_repository_without_parquet_is_refused(repository: Any, tmp_path: Path) -> None:
    """Nothing to read is a SourceError that says what was looked for."""
    repository.content = {"README.md": b"# Pictures", "train/a.png": b"x" * 999}
    found = client(repository, tmp_path, "main", "open")
    assert found["code"] == "source"
    assert "no Parquet files" in found["error"]


def test_a_broken_footer_is_one_sentence(repository: Any, tmp_path: Path) -> None:
    """A file that is no Parquet is named."""
    repository.content["data/train-00000-of-00002.parquet"] = b"x" * 999
    found = client(repository, tmp_path, "main", "open")
    assert found["code"] == "source"
    assert "data/train-00000-of-00002.parquet" in found["error"]


def test_a_hub_that_cannot_be_reached_is_one_sentence(repository: Any, tmp_path: Path) -> None:
    """Nobody listens at the address: a HubError with the next step, and no traceback."""
    with hub_server.serving(repository) as endpoint:
        gone = hub_server.environment(endpoint, tmp_path)
    command = [sys.executable, "-c", CLIENT, NAME, "", "open"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=gone, timeout=60)
    found = json.loads(done.stdout)
    assert found["code"] == "hub"
    assert "could not be reached" in found["error"]
