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
from typing import Annotated, Literal

from audit_logs import merkle
from audit_logs.documents import Document, Rule
from audit_logs.errors import Failure
from audit_logs.fields import BASE, Commit, Count, FilePath, Kind, Label, Positive, ReleaseName, Sha256, Split, Text, Version

TYPE = BASE + "manifest/v0.1"
PATH = "release.json"
LIMIT = 256 * 1024 * 1024
FILES = ("README.md", "croissant.json")
SEPARATE = "separate"
_DECLARED = {"md5", "photodna", "sha1", "sha256"}
_IMAGES = {"binary", "struct<bytes:binary>", "struct<bytes:binary,path:string>", "struct<path:string,bytes:binary>"}
_TEXTS = {"string"}
_DIGESTS = {"string", "binary"}
_GROUP_SIZES = {1 << power for power in range(21)}
_MAGIC = 4
_TIME = r"date32|date64|time32\[(s|ms)\]|time64\[(us|ns)\]|timestamp\[(s|ms|us|ns)(,[A-Za-z0-9_+:/-]+)?\]|duration\[(s|ms|us|ns)\]"
_PLAIN_TYPE = re.compile(rf"bool|u?int(8|16|32|64)|float(16|32|64)|string|binary|{_TIME}")
_FIELD_NAME = re.compile(r"((?:[^,:<>\\]|\\[,:<>\\])*):", re.DOTALL)


ColumnType = Annotated[str, Kind("a type of SPEC section 3.1", lambda text: isinstance(text, str) and _type_end(text, 0, 16) == len(text))]


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
    type: ColumnType


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
    rows: Count
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
    bytes: Count
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

    def rules(self) -> Iterator[Rule]:
        """Yield what section 6 says beyond the kind of each member."""
        pinned = (self.source.locator is not None, self.source.revision is not None)
        separates = any(step.kind == SEPARATE for step in self.steps)
        yield self.row_group_rows in _GROUP_SIZES, "rowGroupRows", "a power of two up to 2^20"
        yield _are_distinct(step.name for step in self.steps), "steps", "at least one step, with distinct names"
        yield (self.separation is not None) == separates, "separation", f"a word if a step is of kind {SEPARATE}, else null"
        yield tuple(entry.path for entry in self.files) == FILES, "files", " and ".join(FILES)
        yield _are_distinct(column.name for column in self.schema), "schema", "at least one column, with distinct names, not empty"
        yield _are_roles(self), "columns", "columns of the schema, each in one role, with a type that fits it"
        yield _bytes_have_roles(self), "schema", "no bytes but those of the image and of declared digests: others were not screened"
        yield pinned == (self.source.kind == "hub",) * 2, "source", "locator and revision for a Hub source, null for others"


_DOCUMENT = Document(Manifest, TYPE, LIMIT, code="manifest")


@lru_cache(maxsize=4)
def _digest(manifest: Manifest) -> str:
    """Return a manifest's digest; it is asked for often, and a large manifest takes seconds to encode."""
    return sha256(_DOCUMENT.encode(manifest)).hexdigest()


def parse(data: bytes) -> Manifest:
    """Return the manifest that `data` is the only form of.

    Raises:
        FormatError: sections 1, 2 or 6 of SPEC.md do not hold (code `manifest`).
    """
    return _DOCUMENT.parse(data, PATH)


def encode(manifest: Manifest) -> bytes:
    """Return the manifest's only form.

    Raises:
        FormatError: the value is no legal manifest (code `manifest`).
    """
    data = _DOCUMENT.encode(manifest)
    parse(data)
    return data


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


def arithmetic(manifest: Manifest) -> Iterator[Failure]:
    """Yield every count, range and shard name that contradicts another (code `manifest-arithmetic`)."""
    rows, source, paths = manifest.rows, manifest.source, list(_shard_paths(manifest.shards))
    total, listed = sum(shard.rows for shard in manifest.shards), sum(file.rows for file in source.files)
    checks = [
        (rows == total, "rows", f"{total}, the sum over the shards", rows),
        (rows <= source.rows, "rows", f"at most the {source.rows} rows of the source", rows),
        (not source.files or listed == source.rows, "source.rows", f"{listed}, the sum over its files", source.rows),
        (len(set(paths)) == len(paths), "shards", "the shards of a split one after another", "a split that comes twice"),
    ]
    for index, (shard, path) in enumerate(zip(manifest.shards, paths, strict=True)):
        where = f"shards[{index}]"
        checks += [(shard.path == path, f"{where}.path", path, shard.path), *_shard_arithmetic(where, shard, manifest.row_group_rows)]
    return (Failure("manifest-arithmetic", f"{PATH}.{where}", wanted, str(found)) for holds, where, wanted, found in checks if not holds)


def _shard_paths(shards: tuple[Shard, ...]) -> Iterator[str]:
    """Yield the path that each shard must have; a split that comes twice gives its paths twice."""
    for split, members in groupby(shards, key=lambda shard: shard.split):
        count = len(list(members))
        yield from (f"data/{split}-{index:05d}-of-{count:05d}.parquet" for index in range(count))


def _shard_arithmetic(where: str, shard: Shard, full: int) -> Iterator[tuple[bool, str, str, object]]:
    """Yield, of one shard's rows and ranges, whether each is right, its place, what is expected, and what was found."""
    total, position = sum(group.rows for group in shard.row_groups), _MAGIC
    yield shard.rows == total, f"{where}.rows", f"{total}, the sum over its row groups", shard.rows
    for index, group in enumerate(shard.row_groups, 1):
        place, found = f"{where}.rowGroups[{index - 1}]", f"{group.start} to {group.end}"
        yield 1 <= group.rows <= full, f"{place}.rows", f"1 to {full}", group.rows
        yield group.rows >= full or index == len(shard.row_groups), f"{place}.rows", f"{full}, before the last", group.rows
        yield group.start == position < group.end, place, f"a range that starts at {position}", found
        position = group.end
    start, end = shard.footer.start, shard.footer.end
    yield position == start < end == shard.bytes, f"{where}.footer", f"the range {position} to {shard.bytes}", f"{start} to {end}"


def roots(manifest: Manifest) -> Iterator[Failure]:
    """Yield every root that does not follow from the roots below it (code `manifest-roots`)."""
    leaves = [merkle.leaf_hash(bytes.fromhex(shard.root) + shard.rows.to_bytes(8, "big")) for shard in manifest.shards]
    above = [("root", manifest.root, leaves)]
    for index, shard in enumerate(manifest.shards):
        above.append((f"shards[{index}].root", shard.root, [bytes.fromhex(group.root) for group in shard.row_groups]))
    for where, found, below in above:
        root = merkle.root(below).hex()
        if root != found:
            yield Failure("manifest-roots", f"{PATH}.{where}", root, found)
