"""The Croissant description `croissant.json`: files, columns and provenance, for tools that search and load datasets.

Source: the Croissant 1.1 specification (http://mlcommons.org/croissant/1.1), its appendix 1 for the context, its section on
provenance for PROV-O, and the RAI vocabulary 1.0. Tells only what is known at build; the date of publication is not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any
from urllib.parse import quote

from audit_logs.manifest import Field, Shard, SourcePin
from audit_logs.statement import resource_uri
from release.build.facts import Facts, StepFacts
from release.build.frontmatter import source_datasets
from release.wording import NOT_PROVEN, UNSCREENABLE, WITHDRAWAL

_VERSIONS = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]
_PARQUET = "application/x-parquet"
_TERMS = (
    "annotation arrayShape citeAs column containedIn equivalentProperty excludes extract field fileObject fileProperty fileSet format "
    "includes isArray isLiveDataset jsonPath key md5 parentField path readLines recordSet references regex repeated replace samplingRate "
    "sdVersion separator source subField transform unArchive value"
)
_JSON_TERMS = ("data", "examples")
# schema.org's https form and the language containers are those of the reference implementation, mlcroissant.
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "name": {"@container": "@language"},
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "sc": "https://schema.org/",
    **{term: f"cr:{term}" for term in _TERMS.split()},
    **{term: {"@id": f"cr:{term}", "@type": "@json"} for term in _JSON_TERMS},
}
_TYPES = {
    "bool": "sc:Boolean",
    "string": "sc:Text",
    "binary": "sc:Text",
    "date32": "sc:Date",
    "date64": "sc:Date",
    **{f"int{bits}": f"cr:Int{bits}" for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": f"cr:UInt{bits}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"cr:Float{bits}" for bits in (16, 32, 64)},
}
_LIST = re.compile(r"list<(.*)>", re.DOTALL)
_ONE_DIMENSION = "-1"


def croissant(facts: Facts) -> bytes:
    """Return the description as JSON with sorted keys and a final newline; the same facts give the same bytes."""
    document = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": _VERSIONS,
        "name": facts.name,
        "version": facts.version,
        "description": _description(facts),
        "license": _license(facts.license),
        "url": resource_uri(facts.name, facts.version),
        "citeAs": _citation(facts),
        "creator": {"@type": "sc:Organization", "name": _owner(facts)},
        "publisher": {"@type": "sc:Organization", "name": _owner(facts)},
        **({"inLanguage": list(facts.card.language)} if facts.card.language else {}),
        "keywords": ["hash-screened", "vetted-release"],
        "isLiveDataset": False,
        "distribution": [*map(_file, facts.shards), *(_file_set(split, shards) for split, shards in _splits(facts))],
        "recordSet": [_record_set(facts, split) for split, _ in _splits(facts)],
        "prov:wasDerivedFrom": [_derived_from(facts.source), *_older(facts)],
        "prov:wasGeneratedBy": _generated_by(facts),
        **_responsible(facts),
    }
    return json.dumps(document, ensure_ascii=True, indent=2, sort_keys=True).encode() + b"\n"


def _responsible(facts: Facts) -> dict[str, object]:
    """Return the members of the RAI vocabulary for which there is a fact; how the source was collected is not among them."""
    return {
        "rai:dataCollection": "Nothing was collected for this release: its rows are rows of its source, stored as they were there.",
        "rai:dataCollectionMissingData": UNSCREENABLE,
        "rai:dataCollectionRawData": f"{_derived_from(facts.source)['prov:label']}.",
        "rai:dataCollectionType": "Secondary Data analysis",
        "rai:dataLimitations": list(NOT_PROVEN),
        "rai:dataPreprocessingProtocol": [_sentence(number, step) for number, step in enumerate(facts.steps, 1)],
        "rai:dataReleaseMaintenancePlan": f"{facts.card.withdrawal} {WITHDRAWAL}" if facts.card.withdrawal else WITHDRAWAL,
    }


def _owner(facts: Facts) -> str:
    return facts.name.split("/")[0]


def _citation(facts: Facts) -> str:
    """Return how to cite the release, as BibTeX: a release name has no character that has a meaning there but `_`."""
    key = re.sub(r"[^a-z0-9]+", "-", f"{facts.name}-{facts.version}".lower())
    title, owner = (text.replace("_", r"\_") for text in (facts.name, _owner(facts)))
    return f"@misc{{{key}, title = {{{title}}}, author = {{{{{owner}}}}}, version = {{{facts.version}}}}}"


def _description(facts: Facts) -> str:
    return (
        f"Version {facts.version} of {facts.name}: {facts.rows} rows, derived from a source of {facts.source.rows} rows by {len(facts.steps)} "
        "filtering steps, each with a signed attestation. README.md says what was removed, how to verify it and what this does not prove."
    )


def _license(text: str) -> object:
    """Return a licence as its URL, or as a named work where the plan names no URL."""
    return text if re.fullmatch(r"https?://[!-~]+", text) else {"@type": "sc:CreativeWork", "name": text}


def _splits(facts: Facts) -> Iterator[tuple[str, tuple[Shard, ...]]]:
    for split, shards in groupby(facts.shards, key=lambda shard: shard.split):
        yield split, tuple(shards)


def _file(shard: Shard) -> dict[str, object]:
    return {
        "@type": "cr:FileObject",
        "@id": shard.path,
        "name": shard.path.rsplit("/", 1)[-1],
        "contentUrl": shard.path,
        "contentSize": f"{shard.bytes} B",
        "encodingFormat": _PARQUET,
        "sha256": shard.sha256,
    }


def _file_set(split: str, shards: tuple[Shard, ...]) -> dict[str, object]:
    """Return the files of a split, each by its own path: a pattern would let in a file that the manifest does not have."""
    return {
        "@type": "cr:FileSet",
        "@id": _file_set_id(split),
        "name": _file_set_id(split),
        "encodingFormat": _PARQUET,
        "includes": [shard.path for shard in shards],
    }


def _file_set_id(split: str) -> str:
    return f"files-of-{split}"


def _record_set(facts: Facts, split: str) -> dict[str, object]:
    fields, nested = [], []
    for column in facts.schema:
        typed = _typed(facts, column)
        fields += [_field(split, column, typed)] if typed else []
        nested += [] if typed else [column.name]
    others = f" Columns with types that Croissant cannot name, see release.json: {', '.join(nested)}." if nested else ""
    return {
        "@type": "cr:RecordSet",
        "@id": f"split-{split}",
        "name": split,
        "description": f"The rows of split {split}.{others}",
        "field": fields,
    }


def _field(split: str, column: Field, typed: Mapping[str, object]) -> dict[str, object]:
    """Return a column; its id holds no character that has a meaning in an IRI."""
    source: dict[str, object] = {"fileSet": {"@id": _file_set_id(split)}, "extract": {"column": column.name}}
    if typed["dataType"] == "sc:ImageObject" and column.type != "binary":
        source["transform"] = {"jsonPath": "bytes"}
    return {
        "@type": "cr:Field",
        "@id": f"split-{split}/{quote(column.name, safe='')}",
        "name": column.name,
        "description": f"Parquet column of type {column.type}.",
        "source": source,
        **typed,
    }


def _typed(facts: Facts, column: Field) -> dict[str, object]:
    """Return a column's data type, or nothing where Croissant has no word for it."""
    if column.name == facts.columns.image:
        return {"dataType": "sc:ImageObject"}
    if column.name == facts.columns.url and column.type == "string":
        return {"dataType": "sc:URL"}
    if inner := _LIST.fullmatch(column.type):
        element = _plain_type(inner[1])
        return {"dataType": element, "isArray": True, "arrayShape": _ONE_DIMENSION} if element else {}
    plain = _plain_type(column.type)
    return {"dataType": plain} if plain else {}


def _plain_type(text: str) -> str:
    if text.startswith("timestamp"):
        return "sc:DateTime"
    return "sc:Time" if text.startswith("time") else _TYPES.get(text, "")


def _derived_from(source: SourcePin) -> dict[str, object]:
    """Return the source: a dataset repository at a commit, or what can be said of files that stay with the institution."""
    if source.locator and source.revision:
        return {
            "@id": f"https://huggingface.co/datasets/{source.locator}/tree/{source.revision}",
            "@type": "prov:Entity",
            "prov:label": f"Hub dataset {source.locator} at commit {source.revision}, {source.rows} rows",
        }
    return {
        "@id": f"urn:sha256:{source.root}",
        "@type": "prov:Entity",
        "prov:label": f"{source.kind} source of {source.rows} rows, named by its root; how to get it is not stated",
    }


def _older(facts: Facts) -> Iterator[dict[str, object]]:
    """Yield the datasets of the Hub that the plan names as where the rows come from, beside the pinned source."""
    for name in source_datasets(facts):
        if name != facts.source.locator:
            where = f"https://huggingface.co/datasets/{name}"
            yield {"@id": where, "@type": "prov:Entity", "prov:label": f"Hub dataset {name}, named by the publisher"}


def _generated_by(facts: Facts) -> list[dict[str, object]]:
    """Return one activity for each step; JSON-LD arrays are sets, so each also says its place and whom it follows."""
    return [
        {
            "@id": f"step-{number}",
            "@type": "prov:Activity",
            "prov:label": _sentence(number, step),
            "prov:wasAssociatedWith": {"@type": "prov:SoftwareAgent", "prov:label": f"{facts.tool.name} {facts.tool.version}"},
            **({"prov:wasInformedBy": {"@id": f"step-{number - 1}"}} if number > 1 else {}),
        }
        for number, step in enumerate(facts.steps, 1)
    ]


def _sentence(number: int, step: StepFacts) -> str:
    lists = ", ".join(f"{used.name} ({used.authority}, {used.vintage})" for used in step.lists)
    against = f" against {lists}" if lists else ""
    return (
        f"Step {number}, {step.name}: {step.kind}{against}, verdicts cover: {step.covers}; "
        f"{step.removed} rows removed, {step.unscreenable} unscreenable."
    )
