"""A verified release as a folder that a trainer reads, with the receipt that proves it (docs/SPEC.md section 19).

    1. verify the release, as `release.load` does
    2. read each row group once more, prove it in memory, and write the rows that are wanted from that memory
    3. write the receipt beside them: their column digests, one multiproof, manifest and log
    4. give the hidden folder its name, in one step

What was there under that name stays untouched, and a run that does not end leaves nothing visible.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from audit_logs import tiles
from audit_logs.errors import StoreError, VerificationError
from audit_logs.folder import CHECKPOINT
from audit_logs.note import MAX_CHECKPOINT, parse_signed
from release import store
from release.consume import receipts, selection, vetting
from release.consume.layouts import WRITERS, split_name
from release.consume.proven import Opened, groups
from release.consume.receipts import Receipt
from release.consume.written import Place, Run, Wanted
from release.errors import UsageError

_FILE_COLUMNS = ("file_name", "file_names", "image")


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written.

    Attributes:
        folder: the export.
        receipt: the receipt's path.
        rows: rows that were written.
        bytes: bytes of their pictures.
        left_out: reason -> rows that met the conditions and were not written.
        columns_left_out: columns that this layout cannot hold.
    """

    folder: Path
    receipt: Path
    rows: int
    bytes: int
    left_out: Mapping[str, int]
    columns_left_out: tuple[str, ...]


def export(opened: Opened, out: Path, wanted: Wanted, *, progress: Callable[[int], object] = lambda _: None) -> Exported:
    """Write rows of a verified release as a trainer reads them, with a receipt.

    Args:
        opened: the release, as `open_release` gives it.
        out: a name that nothing has yet.
        wanted: layout, columns and rows.
        progress: told the number of rows of each row group that was read.

    Raises:
        VerificationError: the release changed while it was read, or `out` lies in an export of the opposite side (`receipt-mixed`).
        UsageError: there is no such split or column, `out` is taken, or no row is left.
        StoreError: the export cannot be written; nothing of it stays.
    """
    place = out.absolute()
    if os.path.lexists(place):
        raise UsageError(
            "there is something here already", where=str(out), expected="a name that nothing has", next_step="name another --out"
        )
    if place.resolve().is_relative_to(opened.folder.resolve()):
        raise UsageError("the export would lie inside the release", where=str(out), next_step="name a place outside the release")
    vetting.check_surroundings(place, opened.manifest)
    with _staging(place) as staging:
        run, receipt, left_out = _export(opened, staging, wanted, progress)
        os.sync()  # an fsync for each of a hundred thousand pictures would take hours
        store.place_folder(staging, place)
    return Exported(out, out / receipt, len(run.rows), run.bytes, dict(sorted(run.left_out.items())), left_out)


@contextmanager
def _staging(place: Path) -> Iterator[Path]:
    """Give a hidden folder beside a place that only this run writes to, and that is gone afterwards unless it was renamed."""
    store.make_folder(place.parent)
    staging = place.parent / f".{place.name}.exporting"
    with store.lock(place.parent / f".{place.name}.lock"):
        shutil.rmtree(staging, ignore_errors=True)  # a killed run's
        try:
            staging.mkdir()
            yield staging
        except OSError as error:
            raise StoreError(
                f"could not write the export: {error.strerror or 'unknown reason'}",
                where=str(place),
                next_step="free some space and run again",
            ) from error
        finally:
            shutil.rmtree(staging, ignore_errors=True)
            (place.parent / f".{place.name}.lock").unlink(missing_ok=True)


def _export(opened: Opened, staging: Path, wanted: Wanted, progress: Callable[[int], object]) -> tuple[Run, str, tuple[str, ...]]:
    """Write rows and receipt; return what was written, the receipt's name, and the columns left out."""
    shards = [shard for split in opened.splits(wanted.split).values() for shard in split]
    run, left_out = _begin(opened, staging, wanted, opened.schema(shards[0]))
    index = {shard.path: number for number, shard in enumerate(opened.manifest.shards)}
    bases = np.cumsum([0, *(shard.rows for shard in opened.manifest.shards)]).tolist()
    with closing(run.layout):
        for shard in shards:
            number, first = index[shard.path], 0
            for group in groups(opened, shard, opened.schema(shard)):
                run.write(group, Place(number, first, bases[number], split_name(shard.split)))
                first += group.batch.num_rows
                progress(group.batch.num_rows)
    if not run.rows:
        reasons = "; ".join(f"{count} rows: {reason}" for reason, count in sorted(run.left_out.items())) or "no row meets the conditions"
        raise UsageError("no row is left to export", where=opened.manifest.name, found=reasons)
    return run, _write_receipt(run, staging), left_out


def _begin(opened: Opened, staging: Path, wanted: Wanted, schema: pa.Schema) -> tuple[Run, tuple[str, ...]]:
    roles = opened.manifest.columns
    if roles.image is None and wanted.layout != receipts.WITHOUT_PICTURES:
        raise UsageError("the release has no pictures", where=opened.manifest.name, expected="--as jsonl", found=f"--as {wanted.layout}")
    names, unfit = selection.columns(wanted.columns, schema, roles.image)
    if wanted.layout == "kohya":
        names, unfit = _only_caption(names, roles.text, wanted), []
    if wanted.layout == "imagefolder":
        names, unfit = _without_file_columns(names, unfit, wanted)
    if not names and wanted.layout == receipts.WITHOUT_PICTURES:
        raise UsageError("no column is left to export", where="--columns", expected="a column other than the picture")
    kind = "kohya-metadata" if (wanted.layout, wanted.captions) == ("kohya", "json") else wanted.layout
    conditions = [selection.parse(text, schema) for text in wanted.where]
    return Run(opened, WRITERS[kind](staging), wanted, names, conditions), tuple(unfit)


def _only_caption(names: list[str], text: str | None, wanted: Wanted) -> list[str]:
    """The trainer reads pictures and captions, and no other column."""
    if wanted.captions == "json" and text not in names:
        raise UsageError("metadata needs captions", where="--captions json", expected="a release with a text column, among --columns")
    return [name for name in names if name == text]


def _without_file_columns(names: list[str], unfit: list[str], wanted: Wanted) -> tuple[list[str], list[str]]:
    """`datasets` takes these columns of `metadata.jsonl` for names of files, and would open them."""
    taken = [name for name in names if name in _FILE_COLUMNS or name.endswith(("_file_name", "_file_names"))]
    if taken and wanted.columns is not None:
        raise UsageError(
            "readers of an image folder would take a column for names of files", where=f"--columns {taken[0]}", next_step="leave it out"
        )
    return [name for name in names if name not in taken], unfit + taken


def _write_receipt(run: Run, staging: Path) -> str:
    """Write the receipt, check it as a reader would, and return its name."""
    manifest, folder = run.opened.manifest, run.opened.folder
    columns = tuple(column.name for column in manifest.schema if column.name in run.columns or column.name == run.image)
    checkpoint = store.read_file(folder / CHECKPOINT, MAX_CHECKPOINT)
    entries = tuple(_entries(folder, checkpoint))
    receipt = Receipt(manifest, checkpoint, entries, run.wanted.layout, columns, tuple(run.rows), tuple(run.proof))
    data = receipt.encode()
    receipts.check_rows(receipt)
    for failure in receipts.record(receipt, run.opened.chosen.data, now=datetime.now(UTC)).failures:
        raise failure.problem(VerificationError, "the receipt does not hold: the log was changed since it was verified")
    name = f"{hashlib.sha256(data).hexdigest()[:16]}{receipts.SUFFIX}"
    store.write_file(staging / name, data)
    return name


def _entries(folder: Path, checkpoint: bytes) -> Iterator[bytes]:
    """Yield the log's entries, read with the checkpoint that was read."""
    size = parse_signed(checkpoint).checkpoint.size
    for start in range(0, size, tiles.WIDTH):
        path = tiles.tile_path(tiles.ENTRIES, start // tiles.WIDTH, min(tiles.WIDTH, size - start))
        yield from tiles.decode_bundle(store.read_file(folder / "log" / path, tiles.MAX_BUNDLE_FILE))


def as_json(exported: Exported) -> dict[str, object]:
    """Return the object that `--format json` prints."""
    return {
        "folder": str(exported.folder),
        "receipt": str(exported.receipt),
        "rows": exported.rows,
        "bytes": exported.bytes,
        "leftOut": dict(exported.left_out),
        "columnsLeftOut": list(exported.columns_left_out),
    }
