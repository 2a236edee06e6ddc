"""The footer of a data file, read once: the bytes that are hashed are the bytes that are parsed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from audit_logs.errors import FormatError, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.manifest import Shard

MAGIC = b"PAR1"


def read(path: Path, shard: Shard) -> bytes:
    """Return the bytes of a data file's footer, as the manifest has them.

    Raises:
        VerificationError: they are others (`range-digest`): the file changed after it was hashed.
        StoreError: the file cannot be read.
    """
    with FolderFiles(path.parent).open(path.name) as file:
        file.seek(shard.footer.start)
        data = file.read(shard.footer.end - shard.footer.start) or b""
    if hashlib.sha256(data).hexdigest() != shard.footer.sha256:
        raise VerificationError(
            "a data file changed while it was read", where=shard.path, expected=shard.footer.sha256, code="range-digest"
        )
    return data


def schema(data: bytes) -> pa.Schema:
    """Return the Arrow schema, with its metadata, that a footer's bytes hold.

    Raises:
        FormatError: it is no Parquet footer.
    """
    with _parsed(data) as file:
        return file.schema_arrow


def metadata(data: bytes) -> pq.FileMetaData:
    """Return what a footer's bytes say of the file's row groups.

    Raises:
        FormatError: it is no Parquet footer.
    """
    with _parsed(data) as file:
        return file.metadata


@contextmanager
def _parsed(data: bytes) -> Iterator[pq.ParquetFile]:
    try:
        # What is asked for stands in the last part of a file and refers to nothing before it.
        with pq.ParquetFile(pa.BufferReader(MAGIC + data), arrow_extensions_enabled=False) as file:
            yield file
    except (pa.ArrowException, OSError) as error:
        raise FormatError("the footer of a data file cannot be read", found=str(error).splitlines()[0]) from error
