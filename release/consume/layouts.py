"""The folders that trainers read, written row by row into a hidden folder.

imagefolder   <split>/<name>.<ext> and <split>/metadata.jsonl, as `datasets` reads an image folder
kohya         <split>/<name>.<ext> with <name>.txt, or with one metadata.json ({stem: {"caption": text}}): the two forms that the
              configuration of sd-scripts calls a DreamBooth and a fine-tuning subset (`image_dir`, `metadata_file`)
webdataset    <split>-<nnnnn>.tar with <name>.<ext>, <name>.txt and <name>.json; the same rows give the same bytes
jsonl         <split>.jsonl: rows without pictures

Names are made here, from the release and a row's place in it, and never from data: nothing in a row can name a file. They hold no
underscore (sd-scripts takes parts of a name between underscores for a face's place) and no dot (WebDataset ends a key at it).
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

from audit_logs.errors import StoreError

TAR_BYTES = 1 << 28
_RESERVED = {"con", "prn", "aux", "nul", *(f"{name}{digit}" for name in ("com", "lpt") for digit in range(10))}


@dataclass(frozen=True, slots=True)
class Item:
    """One row as it is written.

    Attributes:
        name: without an extension; no other row has it.
        split: the split's folder or file name, as `split_name` gives it.
        picture: its bytes; None in a layout without pictures.
        extension: of the picture's file.
        caption: for layouts that keep it in a file of its own; None for none.
        values: the other exported columns as JSON has them, in schema order.
    """

    name: str
    split: str
    picture: memoryview | None
    extension: str
    caption: str | None
    values: Mapping[str, object]


class Layout(Protocol):
    """Writes rows below a folder."""

    def add(self, item: Item) -> None:
        """Write a row.

        Raises:
            OSError: the disk did not take it.
        """

    def close(self) -> None:
        """Finish all files.

        Raises:
            OSError: the disk did not take it.
        """


def split_name(split: str) -> str:
    """Return a split's name, or one that no system takes for a device; a release has no two that differ by case, and none with a hyphen."""
    return split + "-" if split.lower() in _RESERVED else split


@dataclass(slots=True)
class _Open:
    """Files that stay open while rows are written."""

    stack: ExitStack = field(default_factory=ExitStack)
    files: dict[Path, BinaryIO] = field(default_factory=dict)

    def get(self, path: Path) -> BinaryIO:
        """Return a file, made when it is first asked for."""
        if path not in self.files:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.files[path] = self.stack.enter_context(path.open("xb"))
        return self.files[path]


class ImageFolder:
    """Pictures with one `metadata.jsonl` in each split's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._open = folder, _Open()

    def add(self, item: Item) -> None:
        """Write a row."""
        file = self._open.get(self._folder / item.split / "metadata.jsonl")
        name = _write_picture(self._folder / item.split, item)
        file.write(_line({"file_name": name, **item.values}))

    def close(self) -> None:
        """Finish the metadata."""
        self._open.stack.close()


class KohyaText:
    """Pictures with captions in `.txt` files; one without a caption has none: sd-scripts stops at an empty file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, item: Item) -> None:
        """Write a row."""
        folder = self._folder / item.split
        folder.mkdir(exist_ok=True)
        _write_picture(folder, item)
        if item.caption:
            _write(folder / f"{item.name}.txt", item.caption.encode())

    def close(self) -> None:
        """Nothing is open."""


class KohyaMetadata:
    """Pictures with one `metadata.json` in each split's folder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._open = folder, _Open()

    def add(self, item: Item) -> None:
        """Write a row."""
        path = self._folder / item.split / "metadata.json"
        start = b",\n" if path in self._open.files else b"{"
        file = self._open.get(path)
        _write_picture(path.parent, item)
        file.write(start + _text(item.name) + b": " + _line({"caption": item.caption}).rstrip())

    def close(self) -> None:
        """End each object."""
        with self._open.stack:
            for file in self._open.files.values():
                file.write(b"}\n")


class WebDataset:
    """Tars of at most `TAR_BYTES`, or of one row, with members in the order of rows; no time, owner or mode enters."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tars: dict[str, tarfile.TarFile] = {}
        self._counts: dict[str, int] = {}

    def add(self, item: Item) -> None:
        """Write a row."""
        tar = self._tar(item.split)
        if item.picture is not None:
            _add_member(tar, f"{item.name}.{item.extension}", item.picture)
        if item.caption is not None:
            _add_member(tar, f"{item.name}.txt", item.caption.encode())
        if item.values:
            _add_member(tar, f"{item.name}.json", _line(item.values))

    def _tar(self, split: str) -> tarfile.TarFile:
        tar = self._tars.get(split)
        if tar is not None and tar.offset < TAR_BYTES:
            return tar
        if tar is not None:
            tar.close()
        number = self._counts[split] = self._counts.get(split, -1) + 1
        self._tars[split] = tarfile.open(self._folder / f"{split}-{number:05d}.tar", "x", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed above or in close
        return self._tars[split]

    def close(self) -> None:
        """End each tar."""
        for tar in self._tars.values():
            tar.close()


class Lines:
    """Rows without pictures, one JSON object on a line."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._open = folder, _Open()

    def add(self, item: Item) -> None:
        """Write a row."""
        self._open.get(self._folder / f"{item.split}.jsonl").write(_line(item.values))

    def close(self) -> None:
        """Finish the files."""
        self._open.stack.close()


WRITERS: Mapping[str, Callable[[Path], Layout]] = {
    "imagefolder": ImageFolder,
    "kohya": KohyaText,
    "kohya-metadata": KohyaMetadata,
    "webdataset": WebDataset,
    "jsonl": Lines,
}


def _write_picture(folder: Path, item: Item) -> str:
    """Write a row's picture and return its file name."""
    name = f"{item.name}.{item.extension}"
    _write(folder / name, item.picture if item.picture is not None else b"")
    return name


def _write(path: Path, data: bytes | memoryview) -> None:
    with path.open("xb", buffering=0) as file:
        written = 0
        while written < len(data):  # a raw file may take a part
            step = file.write(data[written:])
            if not step:
                raise StoreError("the disk did not take a file", where=str(path))
            written += step


def _add_member(tar: tarfile.TarFile, name: str, data: bytes | memoryview) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _text(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode()


def _line(value: Mapping[str, object]) -> bytes:
    """Return an object on one line: every line end in it is an escape, also those that only some readers take for one."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    return text.replace("\x85", "\\u0085").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode() + b"\n"
