"""Which format a source has, and opening it."""

from __future__ import annotations

import glob
from pathlib import Path, PurePath

import pyarrow as pa

from release.errors import SourceError
from release.plan import LINKS, Plan
from release.source import imagefolder, parquet
from release.source.base import Request, Source
from release.source.files import IMAGES, has_ending
from release.source.parquetfiles import hidden

FORMATS = ("parquet", "imagefolder", LINKS)


def open_source(plan: Plan) -> Source:
    """Open the source of a plan: find its files, pin them by digest, check its columns, cut it into units.

    Raises:
        SourceError: it is not there, is empty, cannot be read, or does not have the plan's columns.
        HubError: the Hub refused or failed.
    """
    spec, build = plan.source, plan.build
    request = Request(plan.columns, spec.split, build.shard_rows, build.limits.bytes)
    if spec.hub is not None:
        from release.source.hubsource import open_hub

        return open_hub(spec.hub, spec.revision, request)
    if spec.path is None:
        raise SourceError("the plan names no source", where=str(plan.path), expected="source.path or source.hub")
    return open_path(spec.path, spec.format, request)


def look(plan: Plan) -> pa.Schema | None:
    """Return the schema of a plan's source without reading its rows; None where it lies on the Hub, which is not asked.

    Raises:
        SourceError: see `open_source`.
    """
    spec, build = plan.source, plan.build
    if spec.path is None:
        return None
    request = Request(plan.columns, spec.split, build.shard_rows, build.limits.bytes)
    found = detect(spec.path) if spec.format == "auto" else spec.format
    return parquet.look(spec.path, request) if found in ("parquet", LINKS) else open_path(spec.path, found, request).schema


def open_path(path: Path, form: str, request: Request) -> Source:
    """Open a source on this machine; `form` is `parquet`, `imagefolder`, `links` (Parquet without images) or `auto`.

    Raises:
        SourceError: see `open_source`.
    """
    found = detect(path) if form == "auto" else form
    if found in ("parquet", LINKS):
        return parquet.open_local(path, request)
    if found == "imagefolder":
        return imagefolder.open_folder(path, request)
    raise SourceError(f"sources of format {form!r} cannot be read", where=str(path), expected=" or ".join(FORMATS))


def detect(path: Path) -> str:
    """Return the format of a file, folder or glob: a folder with a Parquet file is Parquet, else it holds images.

    Raises:
        SourceError: there is nothing, a file that is not Parquet, or a folder with Parquet files and images, half of which would
            silently be no rows.
    """
    if path.is_dir():
        return _detect_in(path)
    if path.suffix == ".parquet" or (glob.has_magic(str(path)) and not path.is_file()):
        return "parquet"
    found = "another file" if path.exists() else "nothing"
    raise SourceError("the source cannot be read", where=str(path), expected="a Parquet file, a glob, or a folder", found=found)


def _detect_in(folder: Path) -> str:
    there = (file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file())
    shown = sorted(name for name in there if not hidden(name))
    parquet_files = [name for name in shown if name.endswith(".parquet")]
    images = [name for name in shown if has_ending(PurePath(name), IMAGES)]
    if parquet_files and images:
        raise SourceError(
            "the folder holds Parquet files and images",
            where=str(folder),
            expected="one of the two",
            found=f"{parquet_files[0]} and {images[0]}",
            next_step='move one of the two away, or, if rows name the images as files, set source.format = "parquet"',
        )
    return "parquet" if parquet_files else "imagefolder"
