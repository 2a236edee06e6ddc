"""Whether the columns of a release can play the roles that its manifest gives them."""

from __future__ import annotations

import pyarrow as pa

from audit_logs.manifest import Roles
from release.errors import SourceError
from release.source.base import image_column


def role_fault(schema: pa.Schema, roles: Roles) -> str:
    """Return what is wrong with the types of the columns that have a role, or "" if each can play it.

    Images are binary or `struct<bytes, path>`; captions and links are text; declared digests are text or binary.
    """
    try:
        image_column(schema, roles, "")
    except SourceError as error:
        return f"a column cannot play the role that the manifest gives it: expected {error.expected or 'the column'}, found {error.found}"
    return ""
