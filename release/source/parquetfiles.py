"""Parquet files before a row of them is read: found, described by their footers, and pinned to what they were."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from audit_logs.errors import Problem
from release import store
from release.errors import SourceError
from release.values import normalise

BUFFER = 1 << 20


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A Parquet file as it was when the source was opened; `stamp` is its modification time, or 0 where a commit fixes it."""

    path: str
    bytes: int
    sha256: str
    stamp: int
    split: str
    group_rows: tuple[int, ...]


class Files(Protocol):
    """Where Parquet files lie; it can be pickled."""

    def local(self, file: PinnedFile) -> Path:
        """Return the path of a file that is still what it was when it was pinned.

        Raises:
            SourceError: it is not, or cannot be read.
        """

    @property
    def root(self) -> Path | None:
        """The folder in which rows may name files, or None where there is none."""

    @property
    def place(self) -> str:
        """Where they lie, for an error."""


@dataclass(frozen=True, slots=True)
class LocalFiles:
    """Parquet files of this machine.

    Attributes:
        folder: where their paths begin.
        root: the folder in which rows may name files: the same for a source that is a folder. One file, or a glob, has no folder
            of its own: what lies beside it is none of the source's, and may be a key.
    """

    folder: Path
    root: Path | None

    @property
    def place(self) -> str:
        """Return the folder."""
        return str(self.folder)

    def local(self, file: PinnedFile) -> Path:
        """Return the path of a file after a look at its size and modification time.

        Raises:
            SourceError: the file changed since it was pinned.
        """
        path = self.folder / file.path
        if _stamp(path) != (file.bytes, file.stamp):
            raise SourceError(
                "a source file changed while the build was running",
                where=str(path),
                expected=f"{file.bytes} bytes, as when it was hashed",
                next_step="let nobody write to the source, and run again",
            )
        return path


@dataclass(frozen=True, slots=True)
class Described:
    """What a Parquet file's footer says: row groups, normalised schema, and how `datasets` is to read it."""

    group_rows: tuple[int, ...]
    schema: pa.Schema
    features: dict[str, object]


def find(path: Path) -> tuple[Path, list[str]]:
    """Return the source's folder and the paths of its Parquet files relative to it, for a file, a folder or a glob.

    Raises:
        SourceError: there is none, or one is a link that leads out of the folder.
    """
    if path.is_file():
        return path.parent, [path.name]
    root, found = _below(path)
    names = [file.relative_to(root).as_posix() for file in found if file.is_file()]
    names = [name for name in names if not hidden(name)]
    if not names:
        raise SourceError("the source has no Parquet files", where=str(path), expected="*.parquet", next_step="check the path in the plan")
    for name in names:
        if not Path(os.path.realpath(root / name)).is_relative_to(os.path.realpath(root)):
            raise SourceError("a source file is a link that leads out of the source", where=name, next_step="copy the file into the folder")
    return root, names


def _below(path: Path) -> tuple[Path, list[Path]]:
    """Return the folder and the files that a folder or a glob means."""
    if path.is_dir():
        return path, sorted(path.rglob("*.parquet"))
    if glob.has_magic(str(path)):
        root = next(parent for parent in path.parents if not glob.has_magic(str(parent)))
        return root, sorted(Path(name) for name in glob.glob(str(path), recursive=True))  # noqa: PTH207  (the pattern is a whole path)
    raise SourceError("the source is not there", where=str(path), expected="a file, a folder or a glob", next_step="check the plan")


def hidden(path: str) -> bool:
    """Tell whether a relative path has a part that begins with a dot."""
    return any(part.startswith(".") for part in path.split("/"))


def pin_file(where: LocalFiles, name: str, split: str) -> tuple[PinnedFile, Described]:
    """Return a file as it is now, hashed, and what its footer says.

    Raises:
        SourceError: it cannot be read, is no Parquet file, or changed meanwhile.
    """
    path = where.folder / name
    before = _stamp(path)
    described = describe(path, name)
    try:
        sha256 = store.file_sha256(path)
    except Problem as error:
        raise SourceError("a source file cannot be read", where=str(path), found=error.what) from error
    pinned = PinnedFile(name, before[0], sha256, before[1], split, described.group_rows)
    where.local(pinned)
    return pinned, described


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise SourceError("a source file cannot be read", where=str(path), found=error.strerror or "") from error
    return status.st_size, status.st_mtime_ns


def describe(file: Path | pa.NativeFile, name: str) -> Described:
    """Return what a Parquet file's footer says; nothing else of the file is read.

    Raises:
        SourceError: it is not a Parquet file, or has columns that a release cannot carry.
    """
    with explained(name), open_parquet(file) as parquet:
        schema = parquet.schema_arrow
        return Described(group_rows_of(parquet.metadata), normalise(schema), _features(schema))


def _features(schema: pa.Schema) -> dict[str, object]:
    """Return what `datasets` left in a file's metadata and Arrow's types do not tell: images, and the names of labels.

    Nothing else is passed on: a feature that a reader does not know would keep it from loading the release.
    """
    try:
        features = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return {}
    found = {name: _feature(features.get(name)) for name in schema.names} if isinstance(features, dict) else {}
    return {name: feature for name, feature in found.items() if feature is not None}


def _feature(value: object) -> dict[str, object] | None:
    match value:
        case {"_type": "Image"}:
            return {"_type": "Image"}
        case {"_type": "ClassLabel", "names": [*names]} if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
            return {"_type": "ClassLabel", "names": names}
    return None


def open_parquet(file: Path | pa.NativeFile) -> pq.ParquetFile:
    """Open a Parquet file to be read through a small buffer; extension types show as what they are stored as."""
    return pq.ParquetFile(file, pre_buffer=False, buffer_size=BUFFER, arrow_extensions_enabled=False)


def group_rows_of(metadata: pq.FileMetaData) -> tuple[int, ...]:
    """Return the number of rows of each row group."""
    return tuple(metadata.row_group(index).num_rows for index in range(metadata.num_row_groups))


@contextmanager
def explained(name: str) -> Iterator[None]:
    """Name the file in what went wrong with it, and turn what the Parquet library says into one sentence."""
    try:
        yield
    except SourceError as error:
        place = f"{name}, {error.where}" if error.where else name
        raise SourceError(error.what, where=place, expected=error.expected, found=error.found, next_step=error.next_step) from error
    except (pa.ArrowException, OSError) as error:
        raise SourceError(
            "a source file cannot be read as Parquet",
            where=name,
            found=str(error).splitlines()[0][:200] if str(error) else type(error).__name__,
            next_step="fetch or write the file again",
        ) from error
