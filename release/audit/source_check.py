"""The source at hand against the pinned one: its files, and every row digest in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audit_logs.manifest import SourceFile
from audit_logs.statement import Claim
from release.audit import claims
from release.audit.candidate import Examined
from release.audit.claims import decide
from release.audit.evidence_tables import source_shards
from release.evidence import OpenedTier
from release.rows import row_digests, schema_fields
from release.source import Source
from release.source.base import Request
from release.source.opening import open_path

BATCH_BYTES = 32 << 20
SHARD_ROWS = 4096  # digests are compared as one sequence, so where they are cut does not matter
_FORMATS = {"parquet": "parquet", "hub": "parquet", "imagefolder": "imagefolder"}


@dataclass(slots=True)
class _Stream:
    """The sealed row digests as a stream of which any number can be taken."""

    chunks: Iterator[npt.NDArray[np.uint8]]
    waiting: npt.NDArray[np.uint8]

    def take(self, count: int) -> npt.NDArray[np.uint8]:
        """Return the next digests, fewer at the end."""
        while len(self.waiting) < count and (chunk := next(self.chunks, None)) is not None:
            self.waiting = np.concatenate([self.waiting, chunk])
        taken, self.waiting = self.waiting[:count], self.waiting[count:]
        return taken


def check_source(path: Path, case: Examined, rows: OpenedTier, tick: Callable[[int], object]) -> Claim:
    """Return the claim on source files.

    Args:
        path: the source.
        case: the candidate.
        rows: the opened tier rows.
        tick: told the number of source rows after each batch.

    Raises:
        SourceError: the source cannot be read, or lacks a column that has a role.
    """
    source = _open(path, case)
    if schema_fields(source.schema) != case.manifest.schema:
        return claims.refuted(claims.SOURCE_FILES, "the source at hand has other columns than the release")
    pinned = case.manifest.source
    faults = []
    if _contents(source.pin.files) != _contents(pinned.files):
        faults.append("the source files at hand are not the pinned ones")
    if (source.pin.metadata is None, _metadata(source)) != (pinned.metadata is None, pinned.metadata and pinned.metadata.sha256):
        faults.append("the metadata file at hand is not the pinned one")
    differ = _differing_rows(source, rows, tick)
    if differ:
        faults.append(f"{differ} rows of the source at hand are not those of the sealed evidence")
    return decide(claims.SOURCE_FILES, faults, f"all {pinned.rows} rows of the source at hand have the sealed digests, in order")


def _open(path: Path, case: Examined) -> Source:
    """Open the source as the build did: the columns, and the largest file that was read, stand in the manifest."""
    manifest = case.manifest
    splits = {shard.split for shard in manifest.shards}
    split = splits.pop() if len(splits) == 1 else None
    return open_path(path, _FORMATS[manifest.source.kind], Request(case.columns, split, SHARD_ROWS, manifest.source.file_bytes))


def _contents(files: Sequence[SourceFile]) -> list[tuple[int, str, int]]:
    return [(file.bytes, file.sha256, file.rows) for file in files]


def _metadata(source: Source) -> str | None:
    return None if source.pin.metadata is None else source.pin.metadata.sha256


def _differing_rows(source: Source, rows: OpenedTier, tick: Callable[[int], object]) -> int:
    sealed = _Stream((shard.digests for shard in source_shards(rows)), np.zeros((0, 32), np.uint8))
    differ = 0
    for unit in source.units:
        for batch in source.read(unit, batch_bytes=BATCH_BYTES):
            digests = row_digests(batch.batch)
            expected = sealed.take(len(digests))
            common = len(expected)
            differ += int((digests[:common] != expected).any(axis=1).sum()) + len(digests) - common
            tick(len(digests))
    while len(rest := sealed.take(SHARD_ROWS)):
        differ += len(rest)
    return differ
