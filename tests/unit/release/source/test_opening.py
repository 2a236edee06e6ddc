"""From a plan to an open source."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from release.errors import SourceError
from release.plan import AuditSpec, BuildSpec, Columns, KeysSpec, Limits, ListsSpec, Plan, SourceSpec
from release.source import open_source


def plan(folder: Path, source: Path | None, form: str = "auto", image: str = "image") -> Plan:
    """Return a plan for a source."""
    return Plan(
        path=folder / "plan.toml",
        folder=folder,
        name="example/pictures",
        version="1.0.0",
        license="cc0-1.0",
        source=SourceSpec(path=source, hub=None, revision=None, format=form, parent="private", split=None),
        columns=Columns(image=image, text=None, url=None, declared={}),
        lists=ListsSpec(store=folder / "lists", max_age_days=None),
        steps=(),
        keys=KeysSpec(institution=folder / "a", log=folder / "b", line=folder / "c"),
        audit=AuditSpec(required=0, trust=folder / "trust.json"),
        build=BuildSpec(row_group_rows=2, shard_rows=4, limits=Limits(bytes=100)),
    )


def parquet() -> bytes:
    """Return a small Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.table({"image": [b"x"]}), file)
    return file.getvalue()


def test_the_format_is_found_out(tmp_path: Path) -> None:
    """A folder with Parquet files is Parquet, even with images beside them; one with images alone is an image folder."""
    (tmp_path / "a.png").write_bytes(b"x")
    assert open_source(plan(tmp_path, tmp_path)).kind == "imagefolder"
    (tmp_path / "a.png").unlink()
    (tmp_path / "a.parquet").write_bytes(parquet())
    assert open_source(plan(tmp_path, tmp_path)).kind == "parquet"
    assert open_source(plan(tmp_path, tmp_path / "a.parquet")).kind == "parquet"
    assert open_source(plan(tmp_path, tmp_path / "*.parquet")).kind == "parquet"


def test_images_beside_parquet_files_are_not_dropped_in_silence(tmp_path: Path) -> None:
    """Half of the folder would be no rows: the format has to be said, and Parquet may then name the images as files."""
    (tmp_path / "a.parquet").write_bytes(parquet())
    (tmp_path / ".hidden.png").write_bytes(b"x")
    assert open_source(plan(tmp_path, tmp_path)).kind == "parquet"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "B.PNG").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"Parquet files and images.*a\.parquet and in/B\.PNG"):
        open_source(plan(tmp_path, tmp_path))
    assert open_source(plan(tmp_path, tmp_path, "parquet")).kind == "parquet"
    with pytest.raises(SourceError, match=r"not images.*a\.parquet"):
        open_source(plan(tmp_path, tmp_path, "imagefolder"))


def test_a_plan_sets_units_and_the_limit_of_files(tmp_path: Path) -> None:
    """Rows of a unit, and the size above which a file is not read, are the plan's."""
    for index in range(5):
        (tmp_path / f"{index}.png").write_bytes(bytes(99 + index))
    source = open_source(plan(tmp_path, tmp_path))
    assert [unit.rows for unit in source.units] == [4, 1]
    problems = [batch.problems for unit in source.units for batch in source.read(unit, batch_bytes=1 << 20)]
    assert problems == [{2: "too-large", 3: "too-large"}, {0: "too-large"}]


@pytest.mark.parametrize("form", ["auto", "parquet", "imagefolder", "webdataset"])
def test_what_cannot_be_opened_is_one_sentence(tmp_path: Path, form: str) -> None:
    """A text file, nothing at all, and a format that there is no reader for."""
    (tmp_path / "notes.txt").write_text("x")
    for path in (tmp_path / "notes.txt", tmp_path / "nothing", None):
        with pytest.raises(SourceError) as caught:
            open_source(plan(tmp_path, path, form))
        assert "\n" not in str(caught.value)
