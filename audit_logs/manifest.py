"""The manifest `release.json`: what a release is made of. Source: docs/SPEC.md section 6.

`parse` checks the form; `arithmetic` and `roots` check that the numbers and the Merkle roots agree with each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from itertools import groupby
from typing import Literal

from audit_logs import canonical, merkle
from audit_logs.errors import FormatError
from audit_logs.fields import (
    BASE,
    Commit,
    Count,
    FilePath,
    Label,
    Positive,
    ReleaseName,
    Sha256,
    Split,
    Text,
    Version,
    read,
    refuse,
    write,
)

TYPE = BASE + "manifest/v0.1"
PATH = "release.json"
LIMIT = 256 * 1024 * 1024
FILES = ("README.md", "croissant.json")
SEPARATE = "separate"
_SEPARATION = f"which rows a step of kind {SEPARATE} let stay, or null without such a step"
_DECLARED = {"md5", "sha1", "sha256"}
_IMAGES = {"binary", "struct<bytes:binary>", "struct<bytes:binary,path:string>", "struct<path:string,bytes:binary>"}
_TEXTS = {"string"}
_DIGESTS = {"string", "binary"}
_LARGEST_GROUP = 1 << 20
_MAGIC = 4
_TIME = r"date32|date64|time32\[(s|ms)\]|time64\[(us|ns)\]|timestamp\[(s|ms|us|ns)(,[A-Za-z0-9_+:/-]+)?\]|duration\[(s|ms|us|ns)\]"
_PLAIN_TYPE = re.compile(rf"bool|u?int(8|16|32|64)|float(16|32|64)|string|binary|{_TIME}")
_FIELD_NAME = re.compile(r"((?:[^,:<>\\]|\\[,:<>\\])*):", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Previous:
    """The line's last release before this one."""

    version: Version
    manifest: Sha256


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A source file that holds many rows."""

    path: FilePath
    bytes: Count
    sha256: Sha256
    rows: Count


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file with its size in bytes and its digest."""

    path: FilePath
    bytes: Count
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class SourcePin:
    """Which source the release was made from; `root` as in SPEC.md section 3.3."""

    kind: Literal["parquet", "imagefolder", "hub"]
    locator: ReleaseName | None
    revision: Commit | None
    parent: Literal["private", "public"]
    rows: Count
    root: Sha256
    files: tuple[SourceFile, ...]
    metadata: FileEntry | None
    file_bytes: Count


@dataclass(frozen=True, slots=True)
class Field:
    """A column: its name, and its type as text (SPEC.md section 3.1)."""

    name: Text
    type: Text


@dataclass(frozen=True, slots=True)
class Roles:
    """Which column plays which role; `declared`: type of digest -> column of digests that came with the source."""

    image: Text | None
    text: Text | None
    url: Text | None
    declared: Mapping[str, Text] = field(hash=False)

    @property
    def named(self) -> tuple[str, ...]:
        """Return the columns that have a role."""
        return tuple(name for name in (self.image, self.text, self.url, *self.declared.values()) if name is not None)


@dataclass(frozen=True, slots=True)
class KeyedRoots:
    """The keyed roots before the first step and after the last (SPEC.md section 4)."""

    first: Sha256
    last: Sha256


@dataclass(frozen=True, slots=True)
class RowGroup:
    """The half-open byte range of a row group, its digest, its rows and their root."""

    start: Count
    end: Count
    sha256: Sha256
    rows: Positive
    root: Sha256


@dataclass(frozen=True, slots=True)
class Range:
    """A half-open byte range and its digest."""

    start: Count
    end: Count
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class Shard:
    """A data file: its bytes, its rows, and both again for each row group."""

    path: FilePath
    split: Split
    bytes: Positive
    sha256: Sha256
    rows: Count
    root: Sha256
    row_groups: tuple[RowGroup, ...]
    footer: Range


@dataclass(frozen=True, slots=True)
class StepName:
    """A step of the plan."""

    name: Label
    kind: Label


@dataclass(frozen=True, slots=True)
class Writer:
    """The tool that wrote the release, and its Parquet library."""

    name: Text
    version: Text
    parquet: Text


@dataclass(frozen=True, slots=True)
class Manifest:
    """All that a release says of its own bytes; `separation`: which rows with one signal a `separate` step let stay, None without one."""

    name: ReleaseName
    version: Version
    previous: Previous | None
    license: Text
    source: SourcePin
    schema: tuple[Field, ...]
    columns: Roles
    row_group_rows: Positive
    rows: Count
    root: Sha256
    keyed_roots: KeyedRoots
    shards: tuple[Shard, ...]
    plan_digest: Sha256
    steps: tuple[StepName, ...]
    separation: Literal["none", "minors", "adults"] | None
    files: tuple[FileEntry, ...]
    writer: Writer

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the manifest's only form, in hex."""
        return _digest(self)


@lru_cache(maxsize=4)
def _digest(manifest: Manifest) -> str:
    """Return a manifest's digest; it is asked for often, and a large manifest takes seconds to encode."""
    return sha256(_bytes(manifest)).hexdigest()


def _bytes(manifest: Manifest) -> bytes:
    return canonical.encode({"_type": TYPE, **write(manifest)})


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two statements of a manifest that cannot both be true."""

    where: str
    expected: str
    found: str


def parse(data: bytes) -> Manifest:
    """Return the manifest that `data` is the only form of.

    Raises:
        FormatError: sections 1, 2 or 6 of SPEC.md do not hold (code `manifest`).
    """
    try:
        value = canonical.decode(data, where=PATH, limit=LIMIT)
        if value.pop("_type", None) != TYPE:
            raise refuse(f"{PATH}._type", TYPE, "another type")
        manifest = read(Manifest, value, PATH)
        _check_form(manifest)
    except FormatError as error:
        raise FormatError(
            "the manifest has not its legal form", where=error.where, expected=error.expected, found=error.found, code="manifest"
        ) from error
    return manifest


def encode(manifest: Manifest) -> bytes:
    """Return the manifest's only form.

    Raises:
        FormatError: the value is no legal manifest (code `manifest`).
    """
    data = _bytes(manifest)
    parse(data)
    return data


def _check_form(manifest: Manifest) -> None:
    """Check what section 6 says beyond the kind of each member."""
    rows, source = manifest.row_group_rows, manifest.source
    pinned = (source.locator is not None, source.revision is not None)
    rules = (
        (rows & (rows - 1) == 0 and rows <= _LARGEST_GROUP, "rowGroupRows", "a power of two up to 2^20"),
        (_are_distinct(step.name for step in manifest.steps), "steps", "at least one step, with distinct names"),
        ((manifest.separation is not None) == any(step.kind == SEPARATE for step in manifest.steps), "separation", _SEPARATION),
        (tuple(entry.path for entry in manifest.files) == FILES, "files", " and ".join(FILES)),
        (_are_distinct(column.name for column in manifest.schema), "schema", "at least one column, with distinct names, not empty"),
        (all(_is_type(column.type) for column in manifest.schema), "schema", "types of SPEC section 3.1"),
        (_are_roles(manifest), "columns", "columns of the schema, each in one role, with a type that fits it"),
        (_bytes_have_roles(manifest), "schema", "no bytes but those of the image and of declared digests: others were not screened"),
        (pinned == ((source.kind == "hub"),) * 2, "source", "locator and revision for a Hub source, null for others"),
    )
    for holds, member, expected in rules:
        if not holds:
            raise refuse(f"{PATH}.{member}", expected, "something else")


def _are_roles(manifest: Manifest) -> bool:
    """Tell whether the roles name columns that there are, each once, with types that fit."""
    roles, types = manifest.columns, {column.name: column.type for column in manifest.schema}
    fits = [(roles.image, _IMAGES), (roles.text, _TEXTS), (roles.url, _TEXTS), *((name, _DIGESTS) for name in roles.declared.values())]
    distinct = len(set(roles.named)) == len(roles.named) and roles.declared.keys() <= _DECLARED
    return distinct and all(name is None or types.get(name) in allowed for name, allowed in fits)


def _bytes_have_roles(manifest: Manifest) -> bool:
    """Tell whether every column that holds bytes is the image or declared digests."""
    seen = {manifest.columns.image, *manifest.columns.declared.values()}
    return all(column.name in seen or "binary" not in _type_words(column.type) for column in manifest.schema)


def _type_words(text: str) -> list[str]:
    """Return the plain types within a type's text, names of fields left out."""
    return re.split(r"[<>,]", _FIELD_NAME.sub("", text.replace("struct<", "<")))


def _are_distinct(names: Iterable[str]) -> bool:
    """Tell whether there are names, none of them empty, none of them twice."""
    listed = list(names)
    return bool(listed) and all(listed) and len(set(listed)) == len(listed)


def _is_type(text: str) -> bool:
    """Tell whether a text is a type of section 3.1, nested at most 16 deep."""
    return _type_end(text, 0, 16) == len(text)


def _type_end(text: str, start: int, depth: int) -> int:
    """Return where the type that begins at `start` ends, or -1."""
    if depth == 0:
        return -1
    if plain := _PLAIN_TYPE.match(text, start):
        return plain.end()
    if text.startswith("list<", start):
        end = _type_end(text, start + 5, depth - 1)
        return end + 1 if end > 0 and text[end : end + 1] == ">" else -1
    if not text.startswith("struct<", start):
        return -1
    return _struct_end(text, start + 7, depth - 1)


def _struct_end(text: str, position: int, depth: int) -> int:
    """Return where the struct type ends whose fields begin at `position`, or -1."""
    while name := _FIELD_NAME.match(text, position):
        position = _type_end(text, name.end(), depth)
        closing = text[position : position + 1] if position > 0 else ""
        if closing != ",":
            return position + 1 if closing == ">" else -1
        position += 1
    return -1


def arithmetic(manifest: Manifest) -> Iterator[Disagreement]:
    """Yield every count, range and shard name that contradicts another (code `manifest-arithmetic`)."""
    total = sum(shard.rows for shard in manifest.shards)
    if total != manifest.rows:
        yield Disagreement("rows", f"{total}, the sum over the shards", str(manifest.rows))
    if manifest.rows > manifest.source.rows:
        yield Disagreement("rows", f"at most the {manifest.source.rows} rows of the source", str(manifest.rows))
    source = sum(file.rows for file in manifest.source.files)
    if manifest.source.files and source != manifest.source.rows:
        yield Disagreement("source.rows", f"{source}, the sum over its files", str(manifest.source.rows))
    expected_paths = list(_shard_paths(manifest.shards))
    if len(set(expected_paths)) != len(expected_paths):
        yield Disagreement("shards", "the shards of a split one after another", "a split that comes twice")
    for index, shard in enumerate(manifest.shards):
        if shard.path != expected_paths[index]:
            yield Disagreement(f"shards[{index}].path", expected_paths[index], shard.path)
        yield from _shard_arithmetic(f"shards[{index}]", shard, manifest.row_group_rows)


def _shard_paths(shards: tuple[Shard, ...]) -> Iterator[str]:
    """Yield the path that each shard must have; a split that comes twice gives its paths twice."""
    for split, members in groupby(shards, key=lambda shard: shard.split):
        count = len(list(members))
        for index in range(count):
            yield f"data/{split}-{index:05d}-of-{count:05d}.parquet"


def _shard_arithmetic(where: str, shard: Shard, full: int) -> Iterator[Disagreement]:
    """Yield what is wrong with one shard's rows and ranges."""
    total = sum(group.rows for group in shard.row_groups)
    if total != shard.rows:
        yield Disagreement(f"{where}.rows", f"{total}, the sum over its row groups", str(shard.rows))
    position = _MAGIC
    for index, group in enumerate(shard.row_groups):
        last = index == len(shard.row_groups) - 1
        if not (group.rows <= full if last else group.rows == full):
            yield Disagreement(f"{where}.rowGroups[{index}].rows", f"{'at most ' if last else ''}{full}", str(group.rows))
        if group.start != position or group.end <= group.start:
            yield Disagreement(f"{where}.rowGroups[{index}]", f"a range that starts at {position}", f"{group.start} to {group.end}")
        position = group.end
    footer = shard.footer
    if (footer.start, footer.end) != (position, shard.bytes) or footer.end <= footer.start:
        yield Disagreement(f"{where}.footer", f"the range {position} to {shard.bytes}", f"{footer.start} to {footer.end}")


def roots(manifest: Manifest) -> Iterator[Disagreement]:
    """Yield every root that does not follow from the roots below it (code `manifest-roots`)."""
    for index, shard in enumerate(manifest.shards):
        root = merkle.root([bytes.fromhex(group.root) for group in shard.row_groups]).hex()
        if root != shard.root:
            yield Disagreement(f"shards[{index}].root", root, shard.root)
    leaves = [merkle.leaf_hash(bytes.fromhex(shard.root) + shard.rows.to_bytes(8, "big")) for shard in manifest.shards]
    root = merkle.root(leaves).hex()
    if root != manifest.root:
        yield Disagreement("root", root, manifest.root)
