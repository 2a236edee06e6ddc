"""Which format a source has, and opening it."""

from __future__ import annotations

import glob
from pathlib import Path

from release.errors import SourceError
from release.plan import Plan
from release.source import imagefolder, parquet
from release.source.base import Request, Source

FORMATS = ("parquet", "imagefolder")


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


def open_path(path: Path, form: str, request: Request) -> Source:
    """Open a source on this machine; `form` is `parquet`, `imagefolder` or `auto`.

    Raises:
        SourceError: see `open_source`.
    """
    found = detect(path) if form == "auto" else form
    if found == "parquet":
        return parquet.open_local(path, request)
    if found == "imagefolder":
        return imagefolder.open_folder(path, request)
    raise SourceError(f"sources of format {form!r} cannot be read", where=str(path), expected=" or ".join(FORMATS))


def detect(path: Path) -> str:
    """Return the format of a file, folder or glob: a folder with any Parquet file is Parquet, else it holds images.

    Raises:
        SourceError: there is nothing, or a file that is not Parquet.
    """
    if path.is_dir():
        return "parquet" if any(file.is_file() for file in path.rglob("*.parquet")) else "imagefolder"
    if path.suffix == ".parquet" or (glob.has_magic(str(path)) and not path.is_file()):
        return "parquet"
    found = "another file" if path.exists() else "nothing"
    raise SourceError("the source cannot be read", where=str(path), expected="a Parquet file, a glob, or a folder", found=found)
