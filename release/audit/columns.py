"""Which column of a release plays which role. A manifest does not say, so it is found from types and from the sealed evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from audit_logs.manifest import Manifest
from release import rows
from release.checks import footer
from release.errors import AuditError
from release.plan import Columns


@dataclass(frozen=True, slots=True)
class Roles:
    """The columns of a release.

    Attributes:
        schema: its normalised Arrow schema.
        image: the column with images, or None.
        links: the text columns, of which one may hold links.
    """

    schema: pa.Schema
    image: str | None
    links: tuple[str, ...]

    @property
    def columns(self) -> Columns:
        """The roles, as a source and a step know them, without text and links."""
        return Columns(image=self.image, text=None, url=None, declared={})

    def with_url(self, column: str | None) -> Columns:
        """Return the roles with this column of links."""
        return Columns(image=self.image, text=None, url=column, declared={})


def roles_of(folder: Path, manifest: Manifest, image: str | None) -> Roles:
    """Return the roles of a release's columns.

    Args:
        folder: the release, whose files hold.
        manifest: its manifest.
        image: the image column, if the auditor knows it; else it is the one column that can hold images.

    Raises:
        AuditError: there is no such column, or more than one that can hold images.
    """
    first = manifest.shards[0]
    schema = rows.normalise(footer.schema(footer.read(folder / first.path, first)))
    found = tuple(_image_columns(schema))
    if (image is None and len(found) > 1) or (image is not None and image not in found):
        raise AuditError(
            "it is not clear which column holds the images",
            where=manifest.name,
            expected="one of " + ", ".join(found) if found else "a column of images",
            found=image or f"{len(found)} columns",
            next_step="name it with --image",
            code="audit-image",
        )
    texts = tuple(field.name for field in schema if pa.types.is_string(field.type))
    return Roles(schema, image or next(iter(found), None), texts)


def _image_columns(schema: pa.Schema) -> Iterator[str]:
    """Yield structs of bytes and path; where there are none, plain binary columns."""
    structs = [field.name for field in schema if pa.types.is_struct(field.type) and _is_image(field.type)]
    yield from structs or [field.name for field in schema if pa.types.is_binary(field.type)]


def _is_image(kind: pa.DataType) -> bool:
    fields = {kind.field(index).name: kind.field(index).type for index in range(kind.num_fields)}
    return fields.get("bytes") == pa.binary() and fields.get("path", pa.string()) == pa.string() and fields.keys() <= {"bytes", "path"}


def equal_columns(batch: pa.RecordBatch, names: Sequence[str], values: Sequence[str | None]) -> tuple[str, ...]:
    """Return those of the named columns whose values are exactly these."""
    wanted = list(values)
    return tuple(name for name in names if batch.column(name).to_pylist() == wanted)
