"""Whether the columns of a release can play the roles that its manifest gives them."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from audit_logs.manifest import Roles

_TEXT = (pa.string(),)
_DIGEST = (pa.string(), pa.binary())
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
