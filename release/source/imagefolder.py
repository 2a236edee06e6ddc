"""Rows from a folder of images: one row for each image file, with columns from one metadata file or sibling captions.

A row's image is `struct<bytes, path>` with the path relative to the folder. Files that are neither images nor usual
companions of images are refused rather than passed over: a row must never be missing because of its file's name.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path, PurePosixPath

import pyarrow as pa

from audit_logs.errors import Problem
from audit_logs.manifest import FileEntry, SourcePin
from release import store
from release.errors import SourceError
from release.source.base import (
    DEFAULT_SPLIT,
    ImageColumn,
    Request,
    SourceBatch,
    Unit,
    check_path,
    empty_source,
    gather,
    in_reading_order,
)
from release.source.columns import check_columns
from release.source.files import IMAGES, NotRead, has_ending, inside, read_inside
from release.source.metadata import METADATA_NAMES, read_metadata

_COMPANIONS = "caption cff csv db html ini json jsonl md npz pdf rst toml txt xml yaml yml"
COMPANIONS = frozenset(["", *(f".{word}" for word in _COMPANIONS.split())])
IMAGE_TYPE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
CAPTIONS = frozenset([".txt"])
CAPTION_BYTES = 1 << 20
PLANTED = "planted.png"
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Stretch:
    """Images `start` to `end` of the listing; `listing` is a digest of their names, sizes, times and metadata."""

    start: int
    end: int
    listing: str


@dataclass(frozen=True, slots=True)
class ImageFolder:
    """Images of a folder; see `release.source.base.Source`.

    Attributes:
        root: the folder.
        paths: relative path of each image, in reading order.
        metadata: the columns beside the image, one row for each path; without captions that lie beside the images.
        captions: name of the column that is read from `<image>.txt`, or None.
        image: the image column.
        units: see `Source`.
        file_bytes: a larger file is not read.
        pinned: the metadata file.
        stored_bytes: of all images.
    """

    root: Path
    paths: pa.Array
    metadata: pa.Table
    captions: str | None
    image: ImageColumn
    units: tuple[Unit, ...]
    file_bytes: int
    pinned: FileEntry | None
    stored_bytes: int

    @property
    def kind(self) -> str:
        """Return `imagefolder`."""
        return "imagefolder"

    @property
    def schema(self) -> pa.Schema:
        """Return image, metadata columns, caption: the schema of every batch."""
        captions = [pa.field(self.captions, pa.string())] if self.captions else []
        return pa.schema([pa.field(self.image.name, IMAGE_TYPE), *self.metadata.schema, *captions])

    @property
    def features(self) -> Mapping[str, object]:
        """Return that the image column is one."""
        return {self.image.name: {"_type": "Image"}}

    @property
    def pin(self) -> SourcePin:
        """Return the source as the manifest has it: no file by name, only the metadata file's digest."""
        return SourcePin("imagefolder", None, None, "public", len(self.paths), "", (), self.pinned, self.file_bytes)

    def locator(self, unit: Unit, position: int) -> str:
        """Return the path of an image in the folder."""
        name: str = self.paths[_stretch(unit).start + position].as_py()
        return name

    def read(self, unit: Unit, *, batch_bytes: int) -> Iterator[SourceBatch]:
        """Yield a unit's rows; see `release.source.base.Source.read`.

        Raises:
            SourceError: a caption cannot be read.
        """
        stretch, schema = _stretch(unit), self.schema
        return gather((self._row(index, schema) for index in range(stretch.start, stretch.end)), batch_bytes)

    def planted(self, row: pa.RecordBatch, folder: Path) -> ImageFolder:
        """Return this source with one row, whose image is a file of its own; see `release.source.base.Source.planted`.

        Raises:
            StoreError: the row cannot be written.
        """
        (image,) = row.column(self.image.name).field("bytes").to_pylist()
        store.write_file(folder / PLANTED, image, private=True)
        metadata = pa.Table.from_batches([row]).select(self.metadata.column_names)
        if self.captions and (caption := row.column(self.captions)[0].as_py()) is not None:
            store.write_file(folder / f"{PurePosixPath(PLANTED).stem}.txt", caption.encode(), private=True)
        unit = Unit(0, DEFAULT_SPLIT, 1, Stretch(0, 1, ""))
        return replace(self, root=folder, paths=pa.array([PLANTED]), metadata=metadata.combine_chunks(), units=(unit,))

    def _row(self, index: int, schema: pa.Schema) -> tuple[pa.RecordBatch, dict[int, str]]:
        path = self.paths[index].as_py()
        problems = {}
        data: bytes | None = None
        try:
            data = read_inside(self.root, path, self.file_bytes)
        except NotRead as reason:
            problems[0] = reason.reason
        columns = [pa.array([{"bytes": data, "path": path}], IMAGE_TYPE)]
        columns += [column.chunk(0).slice(index, 1) for column in self.metadata.columns]
        if self.captions:
            columns.append(pa.array([self._caption(path)], pa.string()))
        return pa.record_batch(columns, schema=schema), problems

    def _caption(self, path: str) -> str | None:
        name = str(PurePosixPath(path).with_suffix(".txt"))
        try:
            return read_inside(self.root, name, CAPTION_BYTES, CAPTIONS).decode("utf-8-sig").strip()
        except NotRead as error:
            if error.reason == "missing-file":
                return None
            raise SourceError("a caption cannot be read", where=name, found=error.reason, expected="a text file below 1 MiB") from error
        except UnicodeDecodeError as error:
            raise SourceError("a caption cannot be read", where=name, expected="UTF-8", found="other bytes") from error


def _stretch(unit: Unit) -> Stretch:
    if not isinstance(unit.spec, Stretch):
        raise SourceError("this unit is of another source", where=f"source shard {unit.index}")
    return unit.spec


@dataclass(frozen=True, slots=True)
class _Listing:
    """The files of a folder by what they are; sizes and times tell one state of the folder from another."""

    images: dict[str, tuple[int, int]]
    captions: frozenset[str]
    metadata: tuple[str, ...]


def open_folder(path: Path, request: Request) -> ImageFolder:
    """List a folder of images and read its metadata file.

    Raises:
        SourceError: there are no images, files of unknown kind, links that lead out, captions that belong to two images, two metadata
            files, or a metadata file that names a missing image, names one twice, or mixes types in a column.
    """
    if not path.is_dir():
        raise SourceError("the source is not there", where=str(path), expected="a folder of images", next_step="check the path in the plan")
    listing = _list(path)
    if not listing.images:
        raise empty_source(str(path))
    if request.columns.image is None:
        raise SourceError("the plan names no image column", where=str(path), expected="source.columns.image, a name for it")
    files = in_reading_order(listing.images, request, str(path))
    order = [name for name, _ in files]
    metadata, pinned = _metadata(path, listing, order)
    image = ImageColumn(request.columns.image, nested=True)
    if image.name in metadata.column_names:
        raise SourceError("the metadata file has a column with the name of the image column", where=listing.metadata[0], found=image.name)
    captions = _caption_column(listing, metadata, request)
    units = tuple(_units(listing, files, metadata, request.shard_rows))
    stored = sum(size for size, _ in listing.images.values())
    source = ImageFolder(path, pa.array(order, pa.string()), metadata, captions, image, units, request.file_bytes, pinned, stored)
    check_columns(source.schema, {}, request.columns, str(path))
    return source


def _list(root: Path) -> _Listing:
    images: dict[str, tuple[int, int]] = {}
    captions, metadata, unknown = set(), [], []
    for name in _walk(root, root):
        check_path(name, str(root))
        suffix = PurePosixPath(name).suffix.lower()
        if suffix in IMAGES:
            status = _real(root, name).stat()
            images[name] = (status.st_size, status.st_mtime_ns)
        elif PurePosixPath(name).name in METADATA_NAMES:
            metadata.append(name)
        elif suffix == ".txt":
            captions.add(name)
        elif suffix not in COMPANIONS:
            unknown.append(name)
    if unknown:
        shown = ", ".join(sorted(unknown)[:_SHOWN])
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        step = "rename images to their usual extension, and move other files away"
        raise SourceError("the folder holds files that are not images", where=str(root), found=shown + more, next_step=step)
    return _Listing(images, frozenset(captions), tuple(sorted(metadata)))


def _walk(root: Path, folder: Path) -> Iterator[str]:
    """Yield the relative path of every file that is not hidden.

    Raises:
        SourceError: a folder cannot be listed, or is a symbolic link.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise SourceError("a folder of the source cannot be listed", where=str(folder), found=error.strerror or "") from error
    for entry in found:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, Path(entry.path))
        elif entry.is_dir():
            raise SourceError("a folder of the source is a symbolic link", where=entry.path, next_step="put the folder itself there")
        else:
            yield Path(entry.path).relative_to(root).as_posix()


def _real(root: Path, name: str) -> Path:
    try:
        real = inside(root, name)
    except NotRead as error:
        found = "a symbolic link that leads out of the folder, or nowhere"
        raise SourceError("an image is not in the folder", where=name, found=found, next_step="put the file itself there") from error
    if not has_ending(real, IMAGES):
        found = "a symbolic link to a file of another kind"
        raise SourceError("an image is no image file", where=name, found=found, next_step="put the file itself there")
    return real


def _metadata(root: Path, listing: _Listing, order: Sequence[str]) -> tuple[pa.Table, FileEntry | None]:
    if not listing.metadata:
        return pa.table({}), None
    if len(listing.metadata) > 1:
        raise SourceError("the folder has more than one metadata file", where=str(root), found=", ".join(listing.metadata[:_SHOWN]))
    (name,) = listing.metadata
    try:
        path = inside(root, name)
        before = store.file_sha256(path)
        table = read_metadata(path, name, order, listing.images.keys())
        after = store.file_sha256(path)
    except NotRead as error:
        raise SourceError("the metadata file is not in the folder", where=name, found="a symbolic link that leads out of it") from error
    except Problem as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError("the metadata file cannot be read", where=name, found=error.what) from error
    if before != after:
        raise SourceError("the metadata file changed while it was read", where=name, next_step="run again")
    return table, FileEntry(path=name, bytes=path.stat().st_size, sha256=before)


def _caption_column(listing: _Listing, metadata: pa.Table, request: Request) -> str | None:
    """Return the name of the column for captions beside the images, if the plan names a text column and there are any."""
    owners = sorted((str(PurePosixPath(name).with_suffix(".txt")), name) for name in listing.images)
    captioned = [(caption, name) for caption, name in owners if caption in listing.captions]
    column = request.columns.text
    if column is None or not captioned:
        return None
    for caption, group in groupby(captioned, key=lambda pair: pair[0]):
        names = [name for _, name in group]
        if len(names) > 1:
            raise SourceError("a caption belongs to two images", where=caption, found=" and ".join(names), next_step="rename one image")
    if column in metadata.column_names:
        found = f"{listing.metadata[0]} and {captioned[0][0]}"
        raise SourceError("captions come from two places", where=f"column {column}", found=found, next_step="remove one of the two")
    return column


def _units(listing: _Listing, files: Sequence[tuple[str, str]], metadata: pa.Table, shard_rows: int) -> Iterator[Unit]:
    """Yield units of exactly `shard_rows` images, the last of a split smaller."""
    index = start = 0
    for split, group in groupby(files, key=lambda file: file[1]):
        end = start + len(list(group))
        while start < end:
            stop = min(start + shard_rows, end)
            digest = hashlib.sha256(repr([(name, listing.images[name]) for name, _ in files[start:stop]]).encode())
            digest.update(repr(metadata.slice(start, stop - start).to_pylist()).encode())
            yield Unit(index, split, stop - start, Stretch(start, stop, digest.hexdigest()))
            index, start = index + 1, stop
