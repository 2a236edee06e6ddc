"""Whether the columns of a release can play the roles that its manifest gives them, and tell readers nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

import pyarrow as pa

from audit_logs.manifest import Roles
from release import table

_TEXT = (pa.string(),)
_DIGEST = (pa.string(), pa.binary())
_FIELD_ID = b"PARQUET:field_id"
_IMAGE = ({"bytes": pa.binary()}, {"bytes": pa.binary(), "path": pa.string()})


def role_fault(schema: pa.Schema, roles: Roles) -> str:
    """Return which column cannot play the role that a manifest gives it, or "" if each can.

    Images are binary or `struct<bytes, path>`; captions and links are text; declared digests are text or binary.
    """
    wanted: list[tuple[str | None, Sequence[pa.DataType]]] = [(roles.text, _TEXT), (roles.url, _TEXT)]
    wanted += [(name, _DIGEST) for name in roles.declared.values()]
    faults = [name for name, kinds in wanted if name is not None and schema.field(name).type not in kinds]
    if roles.image is not None and not _holds_images(schema.field(roles.image).type):
        faults.append(roles.image)
    return f"the manifest gives a role to a column that cannot play it: {', '.join(map(ascii, faults))}" if faults else ""


def _holds_images(kind: pa.DataType) -> bool:
    if not pa.types.is_struct(kind):
        return bool(kind == pa.binary())
    fields = [kind.field(index) for index in range(kind.num_fields)]
    return {field.name: field.type for field in fields} in _IMAGE and len({field.name for field in fields}) == len(fields)


def metadata_fault(schema: pa.Schema, roles: Roles) -> str:
    """Return what a data file tells readers of its columns beyond what section 6 of docs/SPEC.md allows, or "".

    Stock readers take from it which column to open as images, by path too; so it may not say anything else than the manifest.
    """
    told = dict(schema.metadata or {})
    text = told.pop(b"huggingface", None)
    if told or any((field.metadata or {}).keys() - {_FIELD_ID} for field in _fields(schema)):
        return "metadata other than huggingface"
    return "" if text is None or _is_written(text, schema, roles) else "metadata huggingface that is not the manifest's"


def _fields(parent: pa.Schema | pa.DataType) -> Iterator[pa.Field]:
    for field in parent if isinstance(parent, pa.Schema) else [parent.field(index) for index in range(parent.num_fields)]:
        yield field
        yield from _fields(field.type)


def _is_written(text: bytes, schema: pa.Schema, roles: Roles) -> bool:
    """Tell whether a text is the one form of features that a release may have."""
    try:
        features = json.loads(text)["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return False
    if not isinstance(features, dict) or not all(_is_legal(name, feature, roles) for name, feature in features.items()):
        return False
    return features.keys() <= set(schema.names) and table.features_metadata(features).get("huggingface", "").encode() == text


def _is_legal(name: str, feature: object, roles: Roles) -> bool:
    match feature:
        case {"_type": "Image", **others}:
            return name == roles.image and not others
        case {"_type": "ClassLabel", "names": [*names], **others}:
            return name != roles.image and all(isinstance(label, str) for label in names) and not others
    return False


def without_bytes(batch: pa.RecordBatch, image: str | None) -> int:
    """Return how many rows have an image struct without bytes: a reader would open its path instead."""
    if image is None or not pa.types.is_struct(kind := batch.schema.field(image).type):
        return 0
    missing: int = batch.column(image).flatten()[kind.get_field_index("bytes")].null_count
    return missing
