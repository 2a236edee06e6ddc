"""The source at hand against the pinned one: its files, and every row digest in order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from audit_logs.manifest import Manifest, SourceFile
from audit_logs.statement import Claim
from release.audit import claims
from release.audit.claims import decide
from release.audit.columns import Roles
from release.audit.evidence_tables import source_shards
from release.errors import SourceError
from release.evidence import OpenedTier
from release.plan import Limits
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


def check_source(path: Path, manifest: Manifest, roles: Roles, rows: OpenedTier, tick: Callable[[int], object]) -> Claim:
    """Return the claim on source files.

    Args:
        path: the source.
        manifest: the candidate's.
        roles: the columns of the release.
        rows: the opened tier rows.
        tick: told the number of source rows after each batch.

    Raises:
        SourceError: the source cannot be read.
    """
    source = _open(path, manifest, roles)
    if source is None:
        return claims.refuted(claims.SOURCE_FILES, "the source at hand has other columns than the release")
    pinned = manifest.source
    faults = []
    if _contents(source.pin.files) != _contents(pinned.files):
        faults.append("the source files at hand are not the pinned ones")
    if (source.pin.metadata is None, _metadata(source)) != (pinned.metadata is None, pinned.metadata and pinned.metadata.sha256):
        faults.append("the metadata file at hand is not the pinned one")
    differ = _differing_rows(source, rows, tick)
    if differ:
        faults.append(f"{differ} rows of the source at hand are not those of the sealed evidence")
    return decide(claims.SOURCE_FILES, faults, f"all {pinned.rows} rows of the source at hand have the sealed digests, in order")


def _open(path: Path, manifest: Manifest, roles: Roles) -> Source | None:
    """Return the source with the release's columns; which of them holds captions from files beside the images, has to be tried."""
    splits = {shard.split for shard in manifest.shards}
    split = splits.pop() if len(splits) == 1 else None
    form = _FORMATS[manifest.source.kind]
    for text in (None, *roles.links) if form == "imagefolder" else (None,):
        columns = replace(roles.columns, text=text)
        try:
            source = open_path(path, form, Request(columns, split, SHARD_ROWS, Limits().bytes))
        except SourceError:
            if text is None:
                raise
            continue
        if schema_fields(source.schema) == manifest.schema:
            return source
    return None


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
