"""The Croissant description: valid to the reference implementation, the same bytes each time, safe with hostile text."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from audit_logs.manifest import Field
from release.build.croissant import croissant
from release.build.facts import Facts
from release.cardplan import CardSpec
from release.table import ShardWriter
from release.values import cast, normalise, schema_fields

HOSTILE = 'a"b</script>\n{"@id": "x"}|`'
_NOISE = ["ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::PendingDeprecationWarning", "ignore::UserWarning"]
foreign = pytest.mark.filterwarnings(*_NOISE)  # of mlcroissant's own dependencies


def _load(facts: Facts, folder: Path) -> Any:
    """Return the data set as the reference implementation reads it, which raises on an invalid description."""
    mlcroissant = pytest.importorskip("mlcroissant")
    path = folder / "croissant.json"
    path.write_bytes(croissant(facts))
    return mlcroissant.Dataset(str(path))


def test_same_facts_give_same_bytes_with_sorted_keys_and_a_final_newline(facts: Facts) -> None:
    """The file is hashed into the manifest, so nothing in it may depend on chance or order."""
    data = croissant(facts)
    assert data == croissant(facts)
    assert data == json.dumps(json.loads(data), indent=2, sort_keys=True).encode() + b"\n"


@foreign
def test_reference_implementation_accepts_it_without_an_error_or_an_unexpected_warning(
    facts: Facts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One thing that is recommended is absent, as a build does not know it: the date of publication."""
    with caplog.at_level(logging.WARNING):
        metadata = _load(facts, tmp_path).metadata
    assert metadata.version == "1.2.3"
    assert str(metadata.ctx.conforms_to.value).endswith("/1.1")
    assert not metadata.ctx.issues.errors
    assert all("datePublished" in warning for warning in metadata.ctx.issues.warnings)
    assert "@context" not in caplog.text


@foreign
@pytest.mark.parametrize("text", [HOSTILE, "a:b c%2F/../é", "https://example.org/x"])
def test_hostile_names_stay_text_and_the_description_stays_valid(facts: Facts, tmp_path: Path, text: str) -> None:
    """A column, an authority and a licence may be any text; ids stay free of it and readers get it back exactly."""
    first = facts.steps[0]
    bent = replace(
        facts,
        license=text,
        schema=(*facts.schema, Field(text, "string")),
        steps=(replace(first, lists=(replace(first.lists[0], authority=text),)), *facts.steps[1:]),
    )
    fields = _load(bent, tmp_path).metadata.record_sets[0].fields
    assert fields[-1].source.extract.column == text
    assert "<" not in fields[-1].id
    assert "\n" not in fields[-1].id


def test_every_file_has_digest_and_size_and_every_set_names_its_files(facts: Facts) -> None:
    """A glob would let a stranger's file in; the sets name each file of the manifest and no other."""
    distribution = json.loads(croissant(facts))["distribution"]
    files = [item for item in distribution if item["@type"] == "cr:FileObject"]
    sets = [item for item in distribution if item["@type"] == "cr:FileSet"]
    assert [(item["contentUrl"], item["sha256"], item["contentSize"]) for item in files] == [
        (shard.path, shard.sha256, f"{shard.bytes} B") for shard in facts.shards
    ]
    assert [path for item in sets for path in item["includes"]] == [shard.path for shard in facts.shards]


def test_provenance_names_the_source_and_the_steps_in_order(facts: Facts) -> None:
    """Each activity is linked to the one before it, because JSON-LD arrays have no order."""
    document = json.loads(croissant(facts))
    steps = document["prov:wasGeneratedBy"]
    assert [step["@id"] for step in steps] == ["step-1", "step-2"]
    assert steps[1]["prov:wasInformedBy"] == {"@id": "step-1"}
    assert document["prov:wasDerivedFrom"][0]["@id"] == f"urn:sha256:{facts.source.root}"
    hub = replace(facts, source=replace(facts.source, kind="hub", locator="org/parent", revision="c0" * 20))
    assert json.loads(croissant(hub))["prov:wasDerivedFrom"][0]["@id"].endswith(f"org/parent/tree/{'c0' * 20}")


def test_columns_that_croissant_cannot_name_are_named_in_words(facts: Facts) -> None:
    """A list of structs has no data type in Croissant; it is mentioned, not silently dropped."""
    record_set = json.loads(croissant(facts))["recordSet"][0]
    assert "boxes" in record_set["description"]
    types = {field["name"]: field["dataType"] for field in record_set["field"]}
    assert types == {
        "image": "sc:ImageObject",
        "caption": "sc:Text",
        "url": "sc:URL",
        "width": "cr:Int32",
        "tags": "sc:Text",
        "taken": "sc:DateTime",
    }


def _png(red: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (4, 3), (red, 0, 0)).save(file, "PNG")
    return file.getvalue()


def _rows(number: int) -> dict[str, object]:
    """Return the rows of a file: two of each type that Croissant can name."""
    return {
        "image": [{"bytes": _png(20 * number + row), "path": f"{row}.png"} for row in range(2)],
        "caption": [f"caption {number}", "\u00e9"],
        "url": [f"https://example.org/{number}", "https://example.org/b"],
        "width": pa.array([number, 2], pa.int32()),
        "tags": [["x", "y"], ["z"]],
        "scores": pa.array([[0.5, 1.5], [2.5]], pa.list_(pa.float32())),
        "taken": pa.array([datetime(2026, 1, 2, tzinfo=UTC), None], pa.timestamp("us", "UTC")),
    }


def _written(facts: Facts, folder: Path, *without: str, binary: bool = False) -> Facts:
    """Write rows into the data files of a folder, as a build does, and return facts of them."""
    (folder / "data").mkdir()
    shards = []
    for number, shard in enumerate(facts.shards):
        columns = {name: values for name, values in _rows(number).items() if name not in without}
        if binary:
            columns["image"] = [_png(20 * number + row) for row in range(2)]
        rows = pa.table(columns).combine_chunks().to_batches()[0]
        schema = normalise(rows.schema)
        writer = ShardWriter(folder / shard.path, schema, 128, {} if "image" in without else {"image": {"_type": "Image"}})
        writer.append(cast(rows, schema))
        made = writer.close()
        shards.append(replace(shard, bytes=made.bytes, sha256=made.sha256, rows=2))
    columns_of = replace(facts.columns, image=None if "image" in without else "image")
    return replace(facts, schema=tuple(schema_fields(schema)), columns=columns_of, shards=tuple(shards), rows=6)


def _plain(value: Any) -> Any:
    """Return what the reference implementation yields for a text, a list or a missing value in Python's own types."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.decode() if isinstance(value, bytes) else value


@foreign
@pytest.mark.parametrize(("without", "binary"), [((), False), ((), True), (("image",), False)], ids=["struct", "binary", "links"])
def test_reference_implementation_reads_the_rows_of_every_split(
    facts: Facts, tmp_path: Path, without: tuple[str, ...], *, binary: bool
) -> None:
    """The description is no ornament: all rows of two splits in three files come out of it, pictures as pictures."""
    dataset = _load(_written(facts, tmp_path, *without, binary=binary), tmp_path)
    for split, numbers in (("train", (0, 1)), ("test", (2,))):
        records = [{key.split("/")[1]: value for key, value in record.items()} for record in dataset.records(f"split-{split}")]
        assert [_plain(record["caption"]) for record in records] == [text for number in numbers for text in (f"caption {number}", "\u00e9")]
        assert [record["width"] for record in records] == [width for number in numbers for width in (number, 2)]
        assert [_plain(record["tags"]) for record in records] == [["x", "y"], ["z"]] * len(numbers)
        assert [record["taken"] and record["taken"].year for record in records] == [2026, None] * len(numbers)
        if "image" not in without:
            seen = [record["image"].getpixel((0, 0)) for record in records]
            assert seen == [(20 * number + row, 0, 0) for number in numbers for row in range(2)]


@foreign
def test_the_command_of_the_reference_implementation_validates_it(facts: Facts, tmp_path: Path) -> None:
    """`mlcroissant validate` ends well, and finds one thing to recommend: the date of publication, which no build knows."""
    pytest.importorskip("mlcroissant")
    said = replace(facts, card=CardSpec(language=("en", "cy"), source_datasets=("example/older",), withdrawal="Within a week."))
    (tmp_path / "croissant.json").write_bytes(croissant(_written(said, tmp_path)))
    program = "from mlcroissant.scripts.cli import main; main()"
    command = [sys.executable, "-W", "ignore", "-c", program, "validate", "--jsonld", str(tmp_path / "croissant.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Found the following 1 warning(s)" in done.stderr
    assert "datePublished" in done.stderr


def test_responsible_ai_members_have_facts_behind_them(facts: Facts) -> None:
    """What was done with the source is told; how the source was collected, its biases and its uses are not made up."""
    said = replace(facts, card=CardSpec(withdrawal="Within a week.", language=("en",), source_datasets=("example/older",)))
    document = json.loads(croissant(said))
    assert {name for name in document if name.startswith("rai:")} == {
        "rai:dataCollection",
        "rai:dataCollectionMissingData",
        "rai:dataCollectionRawData",
        "rai:dataCollectionType",
        "rai:dataLimitations",
        "rai:dataPreprocessingProtocol",
        "rai:dataReleaseMaintenancePlan",
    }
    assert document["rai:dataReleaseMaintenancePlan"].startswith("Within a week. A version is never changed.")
    assert document["rai:dataCollectionRawData"].startswith("parquet source of 160 rows")
    assert document["inLanguage"] == ["en"]
    assert [entity["@id"] for entity in document["prov:wasDerivedFrom"]][1:] == ["https://huggingface.co/datasets/example/older"]
    assert "inLanguage" not in json.loads(croissant(facts))
