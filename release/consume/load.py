"""A release as a `datasets.Dataset`, and never a row that was not verified.

Between verifying a file and reading it somebody could put another one in its place. So rows are not read from the release
after the verdict; they are read once more, each row group is hashed row by row as it stands in memory, and only if it gives
the root of the signed manifest is that very memory written to a private Arrow file, which the dataset then maps. The manifest
also says which column holds images, and each of them has bytes, so that no path is ever opened; names of labels come from footer
bytes that were hashed in memory, too, and say nothing else. Nothing is fetched from a network, and nothing is written but that
Arrow file, and what was seen of the log beside the trust file.
"""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from audit_logs import contact
from audit_logs.errors import StoreError, VerificationError
from audit_logs.files import FolderFiles
from audit_logs.manifest import Manifest, Shard
from audit_logs.verify import verify as verify_light
from release import rows, store, table
from release.checks import footer, local_folder, metadata_fault, outside, remembered, role_fault, trust_bytes, without_bytes
from release.errors import UsageError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def load(
    path: Path | str,
    trust: Path | str | bytes,
    *,
    accept_stale: timedelta | None = None,
    split: str | None = None,
    cache_dir: Path | str | None = None,
) -> Dataset | DatasetDict:
    """Verify a release and return its rows.

    Args:
        path: the release's folder.
        trust: the pinned trust file or its bytes; never the copy that lies in the release. Beside a file the log is remembered, as
            `release verify` does.
        accept_stale: accept a release whose newest proof is older than the trust file allows, up to this age.
        split: the one split to return.
        cache_dir: where the Arrow files go and stay; without it they lie in a temporary folder until this process ends.

    Returns:
        A `Dataset` if `split` is given or the release has one split, else a `DatasetDict`.

    Raises:
        VerificationError: the release is not verified, or changed while it was read; the code says why.
        UsageError: there is no such split.
        Problem: folder or trust file cannot be read.
    """
    folder = local_folder(path)
    chosen = contact.Chosen(trust_bytes(trust), None if isinstance(trust, bytes) else Path(trust))
    seen = remembered.read(chosen.state)
    report = verify_light(FolderFiles(folder), chosen.data, now=datetime.now(UTC), seen=seen)
    report.require(accept_stale)
    manifest = report.manifest
    if manifest is None:
        raise VerificationError("the release has no manifest", where=str(folder), code="manifest")
    wanted = _splits(manifest, split)
    cache = _cache(manifest, cache_dir)
    loaded = {name: _dataset(folder, manifest, shards, cache / f"{name}.arrow") for name, shards in wanted.items()}
    try:
        remembered.write(chosen.state and outside(chosen.state, folder, "the state file"), report, seen)
    except (StoreError, UsageError) as problem:  # the rows are proven all the same
        warnings.warn(f"nothing is remembered of the log: {problem}", stacklevel=2)
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    from datasets import DatasetDict

    return DatasetDict(loaded)


def _splits(manifest: Manifest, split: str | None) -> dict[str, list[Shard]]:
    found = {name: list(shards) for name, shards in groupby(manifest.shards, key=lambda shard: shard.split)}
    if split is None:
        return found
    if split not in found:
        raise UsageError("the release has no such split", where=manifest.name, expected=" or ".join(found), found=split)
    return {split: found[split]}


def _cache(manifest: Manifest, folder: Path | str | None) -> Path:
    if folder is None:
        temporary = tempfile.mkdtemp(prefix="vetted-release-")
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return Path(temporary)
    name = re.sub("[^A-Za-z0-9._-]", "-", f"{manifest.name}-{manifest.version}-{manifest.digest[:16]}")
    cache = Path(folder) / name
    store.make_private_folder(cache)
    return cache


def _dataset(folder: Path, manifest: Manifest, shards: list[Shard], target: Path) -> Dataset:
    """Write the rows of a split, each proven, to an Arrow file, and map it with its images as images."""
    from datasets import Dataset, Image

    schema = footer.schema(footer.read(folder / shards[0].path, shards[0]))
    plain = rows.normalise(schema)
    if rows.schema_fields(plain) != manifest.schema:
        raise VerificationError("a data file has other columns than the manifest", where=shards[0].path, code="parquet-schema")
    if fault := role_fault(plain, manifest.columns) or metadata_fault(schema, manifest.columns):
        raise VerificationError("the manifest contradicts itself", where=shards[0].path, found=fault, code="parquet-schema")
    carried = plain.with_metadata({key: value for key, value in (schema.metadata or {}).items() if key == b"huggingface"})
    with store.open_new(target, private=True) as file, pa.ipc.new_stream(file, carried) as writer:
        for shard in shards:
            for batch in _proven(folder, shard, plain, manifest.columns.image):
                writer.write_batch(batch.replace_schema_metadata(carried.metadata))
    loaded = Dataset.from_file(str(target), split=shards[0].split)
    return loaded if manifest.columns.image is None else loaded.cast_column(manifest.columns.image, Image())


def _proven(folder: Path, shard: Shard, schema: pa.Schema, image: str | None) -> Iterator[pa.RecordBatch]:
    """Yield the row groups of a data file, each after its rows gave the manifest's root, and images that all have bytes."""
    groups = iter(shard.row_groups)
    for batch in table.read_groups(folder / shard.path, schema):
        group = next(groups, None)
        if group is None or rows.tree_root(rows.row_digests(batch)).hex() != group.root:
            raise _changed(shard)
        if missing := without_bytes(batch, image):
            raise VerificationError(
                "a row has a path in the place of its image", where=shard.path, found=f"{missing} rows", code="row-image"
            )
        yield batch
    if next(groups, None) is not None:
        raise _changed(shard)


def _changed(shard: Shard) -> VerificationError:
    return VerificationError(
        "the rows of a data file are not those of the manifest",
        where=shard.path,
        next_step="do not use this folder; fetch the release again",
        code="row-root",
    )
