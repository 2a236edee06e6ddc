"""The Croissant description: valid to the reference implementation, the same bytes each time, safe with hostile text."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audit_logs.manifest import Field, Shard
from release.build.croissant import croissant
from release.build.facts import Facts

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
    """Only the two facts that a build does not know are recommended and absent: date of publication and citation."""
    with caplog.at_level(logging.WARNING):
        metadata = _load(facts, tmp_path).metadata
    assert metadata.version == "1.2.3"
    assert str(metadata.ctx.conforms_to.value).endswith("/1.1")
    assert not metadata.ctx.issues.errors
    assert all("date_published" in warning or "citeAs" in warning or "datePublished" in warning for warning in metadata.ctx.issues.warnings)
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
    assert document["prov:wasDerivedFrom"]["@id"] == f"urn:sha256:{facts.source.root}"
    hub = replace(facts, source=replace(facts.source, kind="hub", locator="org/parent", revision="c0" * 20))
    assert json.loads(croissant(hub))["prov:wasDerivedFrom"]["@id"].endswith(f"org/parent/tree/{'c0' * 20}")


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


@foreign
def test_reference_implementation_reads_the_rows_of_a_split(facts: Facts, tmp_path: Path) -> None:
    """The description is no ornament: records come out of local Parquet files."""
    (tmp_path / "data").mkdir()
    shards: list[Shard] = []
    for number, shard in enumerate(facts.shards):
        pq.write_table(pa.table({"caption": [f"caption {number}"], "width": pa.array([number], pa.int32())}), tmp_path / shard.path)
        data = (tmp_path / shard.path).read_bytes()
        shards.append(replace(shard, bytes=len(data), sha256=hashlib.sha256(data).hexdigest(), rows=1))
    small = replace(facts, schema=(Field("caption", "string"), Field("width", "int32")), shards=tuple(shards), rows=3)
    records = list(_load(small, tmp_path).records("split-train"))
    assert [record["split-train/caption"] for record in records] == [b"caption 0", b"caption 1"]
