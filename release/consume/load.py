"""A release as a `datasets.Dataset`, and never a row that was not verified.

Rows are read once more after the verdict (`proven`): each row group is hashed row by row as it stands in memory, and only if it
gives the root of the signed manifest is that very memory written to a private Arrow file, which the dataset then maps. The manifest
also says which column holds images, and each of them has bytes, so that no path is ever opened; names of labels come from footer
bytes that were hashed in memory, too, and say nothing else. Nothing is fetched unless the release is named on the Hub, and nothing
else is written but that Arrow file, and what was seen of the log beside the trust file.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from audit_logs import contact
from audit_logs.errors import VerificationError
from audit_logs.manifest import Manifest, Shard
from release import advice, store
from release.checks import trust_bytes
from release.consume.address import is_on_hub, parse
from release.consume.fetch import Wish
from release.consume.get import get
from release.consume.proven import Opened, groups, open_release

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
        path: the release's folder, or `hub:owner/name[@version]`: then its newest state is fetched first (`release.consume.get`), into
            `cache_dir`, or the user's cache folder, where the next call finds it.
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
    opened = open_release(_fetched(path, trust, accept_stale, cache_dir) if is_on_hub(path) else path, trust, accept_stale)
    wanted = opened.splits(split)
    cache = _cache(opened.manifest, cache_dir)
    loaded = {name: _dataset(opened, shards, cache / f"{name}.arrow") for name, shards in wanted.items()}
    opened.remember()
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    from datasets import DatasetDict

    return DatasetDict(loaded)


def _fetched(path: Path | str, trust: Path | str | bytes, accept_stale: timedelta | None, cache_dir: Path | str | None) -> Path:
    """Return the folder of a release on the Hub after fetching its newest state."""
    address = parse(str(path))
    chosen = contact.Chosen(trust_bytes(trust), None if isinstance(trust, bytes) else Path(trust))
    own = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vetted-release"
    folder = (own if cache_dir is None else Path(cache_dir)) / "hub" / address.folder_name
    got = get(Wish(address, lambda _: chosen, accept_stale), folder)
    if got.folder is None:
        advice.require(got.report, accept_stale)
        raise VerificationError("the release was not accepted", where=str(path), found=got.report.verdict)
    return folder


def _cache(manifest: Manifest, folder: Path | str | None) -> Path:
    if folder is None:
        temporary = tempfile.mkdtemp(prefix="vetted-release-")
        atexit.register(shutil.rmtree, temporary, ignore_errors=True)
        return Path(temporary)
    name = re.sub("[^A-Za-z0-9._-]", "-", f"{manifest.name}-{manifest.version}-{manifest.digest[:16]}")
    cache = Path(folder) / name
    store.make_private_folder(cache)
    return cache


def _dataset(opened: Opened, shards: list[Shard], target: Path) -> Dataset:
    """Write the rows of a split, each proven, to an Arrow file, and map it with its images as images."""
    from datasets import Dataset, Image

    carried = opened.schema(shards[0])
    image = opened.manifest.columns.image
    with store.open_new(target, private=True) as file, pa.ipc.new_stream(file, carried) as writer:
        for shard in shards:
            for group in groups(opened, shard, carried):
                writer.write_batch(group.batch.replace_schema_metadata(carried.metadata))
    loaded = Dataset.from_file(str(target), split=shards[0].split)
    return loaded if image is None else loaded.cast_column(image, Image())
