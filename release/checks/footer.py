"""The footer of a data file, read once: the bytes that are hashed are the bytes that are parsed."""

from __future__ import annotations

import hashlib
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
    try:
        # A schema stands in the last part of a file and refers to nothing before it.
        with pq.ParquetFile(pa.BufferReader(MAGIC + data), arrow_extensions_enabled=False) as file:
            return file.schema_arrow
    except (pa.ArrowException, OSError) as error:
        raise FormatError("the footer of a data file cannot be read", found=str(error).splitlines()[0]) from error
