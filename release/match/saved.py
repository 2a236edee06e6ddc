"""The saved form of an index: a few arrays in one file that is mapped into memory and shared between workers.

    bytes 0..7     magic "VRINDEX1"
    bytes 8..39    SHA-256 of everything from byte 40 on
    bytes 40..47   length of the header, little-endian
    header         JSON: {"kind": text, "arrays": [{"name", "dtype", "shape"}]}, padded with spaces
    arrays         little-endian, C order, each at the next multiple of 64 from the start of the file

The digest is checked at every load, before an array is used: a damaged index finds nothing, and would say so of every row.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from release.errors import ListError
from release.store import open_new

MAGIC = b"VRINDEX1"
_ALIGN = 64
_FIXED = 48
_Scalar = TypeVar("_Scalar", bound=np.generic)


def save(path: Path, kind: str, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write `arrays` to `path`, readable by the owner alone.

    Raises:
        StoreError: it could not be written; what was there before is unchanged.
    """
    parts = _parts(kind, arrays)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    with open_new(path, private=True) as file:
        for part in (MAGIC, digest.digest(), *parts):
            file.write(part)


def load(path: Path, kind: str, sha256: str | None = None) -> dict[str, NDArray[Any]]:
    """Return the arrays of a saved index of this kind, mapped into memory, after checking every byte.

    Args:
        path: the file.
        kind: what it has to hold.
        sha256: digest (hex) of the whole file, where it is known: it is then checked in the place of the file's own.

    Raises:
        ListError: it is missing, damaged, or another kind of index.
    """
    try:
        data: NDArray[np.uint8] = np.memmap(path, dtype=np.uint8, mode="r")
    except (OSError, ValueError) as error:
        raise ListError("an index cannot be read", where=str(path), next_step="import the list again", code="index-missing") from error
    if data.size < _FIXED or bytes(data[:8]) != MAGIC or not _is_whole(data, sha256):
        raise ListError("an index is damaged", where=str(path), next_step="import the list again", code="index-damaged")
    length = int.from_bytes(bytes(data[40:_FIXED]), "little")
    header = json.loads(bytes(data[_FIXED : _FIXED + length]))
    if header["kind"] != kind:
        raise ListError("an index is of another kind", where=str(path), expected=kind, found=header["kind"], code="index-kind")
    return _views(data, _FIXED + length, header["arrays"])


def frozen(array: NDArray[_Scalar]) -> NDArray[_Scalar]:
    """Return a view of an array that cannot be written, as mapped ones cannot: compiled code takes the two for two types."""
    view = array.view()
    view.flags.writeable = False
    return view


def _is_whole(data: NDArray[np.uint8], sha256: str | None) -> bool:
    """Return whether the bytes are those that were written."""
    if sha256 is not None:
        return hashlib.sha256(data.data).hexdigest() == sha256
    return hashlib.sha256(data[40:].data).digest() == bytes(data[8:40])


def _parts(kind: str, arrays: Mapping[str, NDArray[Any]]) -> list[bytes | memoryview]:
    """Return everything from byte 40 on, in pieces."""
    described = [{"name": name, "dtype": array.dtype.str, "shape": list(array.shape)} for name, array in arrays.items()]
    header = json.dumps({"kind": kind, "arrays": described}).encode()
    header += b" " * _gap(_FIXED + len(header))
    parts: list[bytes | memoryview] = [len(header).to_bytes(8, "little"), header]
    for array in arrays.values():
        parts += [np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, bytes(_gap(array.nbytes))]
    return parts


def _views(data: NDArray[np.uint8], start: int, described: list[dict[str, Any]]) -> dict[str, NDArray[Any]]:
    """Return each array as a view of the mapped file."""
    views = {}
    for entry in described:
        dtype, shape = np.dtype(entry["dtype"]), tuple(entry["shape"])
        size = math.prod(shape) * dtype.itemsize
        views[entry["name"]] = np.asarray(data[start : start + size]).view(dtype).reshape(shape)
        start += size + _gap(size)
    return views


def _gap(size: int) -> int:
    """Return how many bytes are missing to the next multiple of 64."""
    return -size % _ALIGN
