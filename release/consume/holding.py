"""What a folder holds, as trainers read it: pictures, and what captions and metadata say of each (docs/SPEC.md section 19.4).

Names decide only what a file is read as. A file that cannot be read, that is a link, or that says a thing twice is a fault.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn

from audit_logs.errors import StoreError
from audit_logs.files import FileInfo, FolderFiles
from release.consume.receipts import SUFFIX

CAPTION, MEMBERS, LINES, ARCHIVE = ".txt", ".json", ".jsonl", ".tar"
METADATA = "metadata.jsonl"
TEXT_LIMIT = 512 << 20
INSIDE = "!"
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Saying:
    """What a caption or metadata says of a picture, or a row without one: a text, or values by column; and where it stands."""

    where: str
    text: str | None = None
    values: Mapping[str, object] | None = None


@dataclass(slots=True)
class Holding:
    """What was found in a folder. Paths have `/`; a member of a tar is `TAR!MEMBER`.

    Attributes:
        pictures: path -> length and SHA-256 in hex.
        by_stem: path without extension -> what caption, members and entries say of a picture there.
        by_path: path -> what lines of metadata say of it.
        rows: lines of other `.jsonl` files.
        receipts: paths of receipts.
        faults: path -> why it counts for nothing.
    """

    pictures: dict[str, tuple[int, str]] = field(default_factory=dict)
    by_stem: dict[str, list[Saying]] = field(default_factory=lambda: defaultdict(list))
    by_path: dict[str, list[Saying]] = field(default_factory=lambda: defaultdict(list))
    rows: list[Saying] = field(default_factory=list)
    receipts: list[str] = field(default_factory=list)
    faults: dict[str, str] = field(default_factory=dict)

    def of(self, picture: str) -> list[Saying]:
        """Return all that is said of a picture."""
        return [*self.by_stem.get(stem(picture), ()), *self.by_path.get(picture, ())]


class _DoubtError(Exception):
    """A file is not what it is read as; the text says why."""


def read(folder: Path) -> Holding:
    """Return what a folder holds, every picture hashed.

    Raises:
        StoreError: there is no such folder, or it cannot be listed.
    """
    if not folder.is_dir():
        found_there = "something else" if folder.exists() else "nothing"
        raise StoreError("there is no such folder", where=str(folder), expected="a folder made of exports", found=found_there)
    files, found = FolderFiles(folder), Holding()
    documents: dict[str, bytes] = {}
    for info in files.names():
        try:
            documents |= _read_file(found, files, info)
        except (_DoubtError, StoreError, OSError, tarfile.TarError) as doubt:
            found.faults[info.path] = str(doubt) if isinstance(doubt, _DoubtError) else "it cannot be read"
    _read_documents(found, documents)
    return found


def _read_file(found: Holding, files: FolderFiles, info: FileInfo) -> dict[str, bytes]:
    if info.special:
        raise _DoubtError(info.special)
    if info.path.endswith(SUFFIX):
        found.receipts.append(info.path)
        return {}
    if _suffix(info.path) == ARCHIVE:
        return _read_archive(found, info.path, files)
    with files.open(info.path) as file:
        return _take(found, info.path, file)


def _suffix(path: str) -> str:
    return posixpath.splitext(path)[1]


def stem(path: str) -> str:
    """Return a path without its last extension."""
    return posixpath.splitext(path)[0]


def _take(found: Holding, path: str, file: IO[bytes] | io.RawIOBase) -> dict[str, bytes]:
    """Hash a picture, or return the bytes of a file that says something of pictures."""
    if _suffix(path) in (CAPTION, MEMBERS, LINES):
        return {path: _whole(file)}
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    found.pictures[path] = size, digest.hexdigest()
    return {}


def _whole(file: IO[bytes] | io.RawIOBase) -> bytes:
    """Return all bytes of a file; asked for at once, the room for the most that there might be would be taken first."""
    data = bytearray()
    while chunk := file.read(_CHUNK):
        data += chunk
        if len(data) > TEXT_LIMIT:
            raise _DoubtError(f"it is larger than {TEXT_LIMIT} bytes")
    return bytes(data)


def _read_archive(found: Holding, path: str, files: FolderFiles) -> dict[str, bytes]:
    """Read the members of a tar, to its very end: bytes behind it would be nobody's."""
    documents: dict[str, bytes] = {}
    seen: set[str] = set()
    with io.BufferedReader(files.open(path)) as raw, tarfile.open(fileobj=raw, mode="r:") as tar:
        for member in tar:
            if member.isdir():
                continue
            name = f"{path}{INSIDE}{member.name}"
            data = tar.extractfile(member) if member.isreg() and not member.issparse() else None
            if data is None or name in seen:
                found.faults[name] = "a name that comes twice" if name in seen else "no plain file"
                found.pictures.pop(name, None)
                documents.pop(name, None)
            else:
                documents |= _take(found, name, data)
            seen.add(name)
        raw.seek(tar.offset)
        while chunk := raw.read(_CHUNK):
            if chunk.strip(b"\x00"):
                raise _DoubtError("there are bytes behind its end")
    return documents


def _read_documents(found: Holding, documents: Mapping[str, bytes]) -> None:
    """Let each caption and metadata file say what it says; whether a `.json` is of one picture is known once all are listed."""
    stems = {stem(path) for path in found.pictures}
    readers = {CAPTION: _caption, MEMBERS: _members, LINES: _lines}
    for path, data in documents.items():
        try:
            for of, target, saying in readers[_suffix(path)](path, data, stems):
                if of:
                    found.by_stem[of].append(saying)
                elif target:
                    found.by_path[target].append(saying)
                else:
                    found.rows.append(saying)
        except (_DoubtError, ValueError, RecursionError) as doubt:
            found.faults[path] = str(doubt) if isinstance(doubt, _DoubtError) else "it is not what its name says"


_Told = Iterator[tuple[str, str, Saying]]  # the stem, or the path, of the picture that it is about; neither for a row


def _caption(path: str, data: bytes, _: set[str]) -> _Told:
    yield stem(path), "", Saying(path, text=data.decode())


def _members(path: str, data: bytes, stems: set[str]) -> _Told:
    value = _object(data.decode())
    if stem(path) in stems:
        yield stem(path), "", Saying(path, values=value)
        return
    told = []
    for name, said in value.items():
        if not isinstance(said, dict) or said.keys() != {"caption"} or not isinstance(said["caption"], str):
            raise _DoubtError("it is metadata of no picture here")
        told.append((posixpath.join(posixpath.dirname(path), name), "", Saying(f"{path}: {name}", text=said["caption"])))
    yield from told


def _lines(path: str, data: bytes, _: set[str]) -> _Told:
    folder = posixpath.dirname(path)
    told = []
    for number, line in enumerate(data.decode().split("\n"), 1):
        if not line:
            continue
        value, where = _object(line), f"{path}: line {number}"
        if posixpath.basename(path) != METADATA:
            told.append(("", "", Saying(where, values=value)))
            continue
        name = value.pop("file_name", None)
        if not isinstance(name, str) or not name:
            raise _DoubtError(f"line {number} names no file")
        told.append(("", posixpath.join(folder, name), Saying(where, values=value)))
    yield from told


def _object(text: str) -> dict[str, object]:
    value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_no_number)
    if not isinstance(value, dict):
        raise _DoubtError("it holds no object")
    return value


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _DoubtError("an object names a member twice")
    return value


def _no_number(text: str) -> NoReturn:
    raise _DoubtError(f"{text} is no number")
