"""The columns of a source against the roles that a plan gives them: what is there, usable, and screened.

Released bytes are screened bytes. A second column of images, a thumbnail or an attachment would be published beside the
screened image without any step having looked at it; so a source may hold bytes in its image column and in the columns of
declared digests, and nowhere else.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping

import pyarrow as pa

from release.errors import SourceError
from release.source.base import ColumnRoles, ImageColumn, image_column


def check_columns(schema: pa.Schema, features: Mapping[str, object], roles: ColumnRoles, where: str) -> ImageColumn | None:
    """Check a source's columns and the plan's roles against each other, and return the image column.

    Args:
        schema: the source's normalised schema.
        features: by column, what the source says of it, as `datasets` writes it.
        roles: the plan's.
        where: the source, for an error.

    Raises:
        SourceError: a column that the plan names is not there or holds something else, a column holds bytes or images and is neither
            the image column nor one of declared digests, or a name would break a line or be taken for another.
    """
    _check_names(schema, where)
    image = image_column(schema, roles, where)
    if image is not None and image.nested and image.leaf in schema.names:
        raise SourceError(
            "two columns of the source would be taken for one",
            where=where,
            expected=f"no column beside {image.name!r} with the name of its bytes",
            found=f"a column {image.leaf!r}",
            next_step="drop or rename that column in the source",
        )
    others = [field for field in schema if image is None or field.name != image.name]
    for field in others:
        _check_screened(field, features, roles, where)
    return image


def _check_names(schema: pa.Schema, where: str) -> None:
    for field in schema:
        for path in (field.name, *(leaf for leaf, _ in _leaves(field.name, field.type))):
            if any(unicodedata.category(character) == "Cc" for character in path):
                raise SourceError(
                    "a column of the source has a name with control characters",
                    where=where,
                    expected="names without control characters",
                    found=ascii(path)[:120],
                    next_step="rename the column in the source",
                )


def _check_screened(field: pa.Field, features: Mapping[str, object], roles: ColumnRoles, where: str) -> None:
    """Refuse a column other than the image column that holds images, or bytes that are no declared digests."""
    binary = [leaf for leaf, kind in _leaves(field.name, field.type) if kind == pa.binary()]
    marked = _is_marked(features.get(field.name))
    if marked or (binary and field.name not in roles.declared.values()):
        raise _unscreened(field.name, [*binary, field.name][0], where, "images" if marked else "bytes")


def _is_marked(feature: object) -> bool:
    """Tell whether `datasets` would read a column as images."""
    return isinstance(feature, Mapping) and feature.get("_type") == "Image"


def _unscreened(column: str, leaf: str, where: str, what: str) -> SourceError:
    return SourceError(
        f"the source's column {column!r} holds {what} that no step would screen",
        where=where,
        expected="bytes in the plan's image column and in its columns of declared digests, and nowhere else",
        found=f"{what} in {leaf}",
        next_step="drop the column from the source, or name it in the plan under source.columns",
    )


def _leaves(name: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    """Yield path and type of every value in a column of a normalised schema; the elements of a list are named `item`."""
    if pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from _leaves(f"{name}.{kind.field(index).name}", kind.field(index).type)
    elif pa.types.is_list(kind):
        yield from _leaves(f"{name}.item", kind.value_type)
    else:
        yield name, kind
