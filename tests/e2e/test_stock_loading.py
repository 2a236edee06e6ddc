"""What `datasets.load_dataset("owner/name")`, unmodified, makes of what was published: the same rows, with pictures of the stored bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hub_server import Repository, environment, serving
from made import PICTURE, Line, maker, row
from project import Project, Wanted, make, rows

from audit_logs.manifest import Roles

NAME = "example/street"
COMMIT = "d" * 40
# Loads every split twice: pictures as bytes, and decoded, with or without being `told` by the files that they are pictures. Prints, by split, the other columns, and digests of bytes and of pixels.
PROGRAM = """
import hashlib, json, sys
import datasets
from datasets import Image, load_dataset
datasets.disable_progress_bars()
name, image, revision, told = sys.argv[1:]
found = {}
for split, loaded in load_dataset(name, revision=revision or None).items():
    rows = [{key: value for key, value in row.items() if key != image} for row in (loaded.remove_columns(image) if image else loaded)]
    if image:
        if not told:
            loaded = loaded.cast_column(image, Image())
        assert isinstance(loaded.features[image], Image), loaded.features
        stored = [row[image]["bytes"] for row in loaded.cast_column(image, Image(decode=False))]
        for row, data, picture in zip(rows, stored, loaded[image]):
            row["bytes"] = hashlib.sha256(data).hexdigest()
            row["pixels"] = hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()
            row["size"] = list(picture.size)
    found[split] = rows
print(json.dumps(found))
"""


def loaded(folder: Path, home: Path, *, image: str = "image", revision: str = "", told: str = "") -> dict[str, list[dict[str, Any]]]:
    """Return what a process that knows no Hub but ours loads from a folder that is served as a repository."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    content = {path: data for path, data in files.items() if not path.startswith("evidence/")} | {
        ".gitattributes": b"*.parquet filter=lfs\n"
    }
    with serving(Repository(NAME, {"main": COMMIT, "v1.0.0": COMMIT, COMMIT: COMMIT}, content)) as endpoint:
        command = [sys.executable, "-W", "ignore", "-c", PROGRAM, NAME, image, revision, told]
        env = environment(endpoint, home / "hf") | {"HF_DATASETS_CACHE": str(home / "datasets")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=env)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
    return found


def stored(folder: Path, *, image: str = "image") -> dict[str, list[dict[str, Any]]]:
    """Return the rows of a release as its data files hold them, split by split in the manifest's order."""
    import io

    from PIL import Image

    found: dict[str, list[dict[str, Any]]] = {}
    for shard in json.loads((folder / "release.json").read_bytes())["shards"]:
        for line in pq.read_table(folder / shard["path"]).to_pylist():
            if image:
                value = line.pop(image)
                data = value["bytes"] if isinstance(value, Mapping) else value
                with Image.open(io.BytesIO(data)) as picture:
                    pixels = hashlib.sha256(picture.convert("RGB").tobytes()).hexdigest()
                    line |= {"bytes": hashlib.sha256(data).hexdigest(), "pixels": pixels, "size": list(picture.size)}
            found.setdefault(shard["split"], []).append(line)
    return found


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return an institution whose source has rows that its lists know."""
    return make(tmp_path_factory.mktemp("project") / "project", rows(8))


@pytest.mark.parametrize("parent", ["private", "public"])
def test_a_built_release_loads_with_the_rows_that_were_kept(project: Project, tmp_path: Path, parent: str) -> None:
    """Whoever holds the source, every kept row comes back with its own bytes and pixels, and none that a list took."""
    mine = project.copy(tmp_path / "project")
    if parent == "public":  # hits of a public source would have to hide: here the lists know none of its rows
        clean = [line for line in rows(20) if line.fate == "kept"]
        mine = make(tmp_path / "clean", clean)
    mine.write_plan(Wanted(parent=parent))
    mine.plan.write_text(mine.plan.read_text() + '[hub]\ngated = "auto"\nprompt = "Say: \\"yes\\""\nprompt_fields = { Who = "text" }\n')
    answer = mine.build_here(tmp_path / "candidate")
    assert answer.code == 0, answer.text
    wanted = stored(tmp_path / "candidate")
    assert loaded(tmp_path / "candidate", tmp_path, told="told") == wanted
    source = {hashlib.sha256(line.data or b"").hexdigest() for line in (rows(8) if parent == "private" else clean)}
    assert (
        {line["bytes"] for line in wanted["train"]} < source
        if parent == "private"
        else source == {line["bytes"] for line in wanted["train"]}
    )


def test_splits_and_a_tag_load_as_they_were_published(tmp_path: Path) -> None:
    """Three splits in the manifest's order, by the tag of the version, each with its own rows and further columns."""
    splits = {
        name: [row(number, weight=number / 2) for number in range(10 * at, 10 * at + 7)] for at, name in enumerate(("train", "no", "test"))
    }
    made = maker(tmp_path)(splits)
    found = loaded(made.folder, tmp_path, revision="v1.0.0")
    assert found == stored(made.folder)
    assert list(found) == ["train", "no", "test"]
    assert [line["caption"] for line in found["no"]] == [f"caption {number}" for number in range(10, 17)]


def test_links_without_pictures_load(tmp_path: Path) -> None:
    """Rows of links and texts come back as they are, missing values and all scripts included."""
    import pyarrow as pa

    lines = [{"url": f"https://pictures.example.org/{number}", "caption": text} for number, text in enumerate(["one", "\u732b", None, ""])]
    roles = Roles(None, "caption", "url", {})
    made = maker(tmp_path)({"train": lines}, Line(columns={"url": pa.string(), "caption": pa.string()}, roles=roles))
    assert loaded(made.folder, tmp_path, image="") == {"train": lines}
    assert PICTURE not in pq.read_schema(next((made.folder / "data").iterdir())).types
