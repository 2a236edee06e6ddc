"""Where a build reads and writes: neither its output nor its secrets may lie in its source, nor its source among them."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from audit_logs import manifest as manifests
from audit_logs.store import exists
from release.errors import BuildError, SourceError
from release.plan import Plan

LONGEST_NAME = 200  # bytes: names beside the candidate are longer, and a file system takes 255
_MANIFEST_START = b'{"_type":"' + manifests.TYPE.encode() + b'"'


def check_out(out: Path) -> None:
    """Refuse a place where no candidate could appear, before anything is read.

    Raises:
        BuildError: it is a link to nowhere, or has a name that is too long.
        StoreError: one may not look.
    """
    if len(os.fsencode(out.name)) > LONGEST_NAME:
        expected = f"at most {LONGEST_NAME} bytes"
        raise BuildError("the candidate's folder has a name that is too long", where="--out", expected=expected, code="out-name")
    if exists(out) and not out.exists():
        raise BuildError(
            "the candidate's folder is a link to nowhere",
            where=str(out),
            expected="no folder, or the candidate of this very plan, source and lists",
            next_step="choose another --out, or remove the link",
            code="out-exists",
        )


def check_places(plan: Plan, out: Path) -> None:
    """Refuse a source that holds, or lies in, what the build writes or keeps secret.

    In a source that is a folder that is the list store, the key files' folders, `out` and any release; each file of another source
    must lie outside the list store and `out`.

    Raises:
        SourceError: it does.
    """
    source = plan.source.path
    if source is None:
        return
    apart = {"the list store": _real(plan.lists.store), "the candidate's folder": _real(out)}
    if not source.is_dir():
        files = [str(source)] if source.is_file() else glob.glob(str(source), recursive=True)  # noqa: PTH207  (the pattern is a whole path)
        for file in files:
            _check_outside(_real(Path(file)), apart)
        return
    root = _real(source)
    _check_outside(root, apart)
    keys = {f"the folder of the {name} key": _real(path).parent for name, path in _keys(plan)}
    for what, place in {**apart, **keys}.items():
        if place.is_relative_to(root):
            raise _entangled(f"the source holds {what}", str(place))
    for path in _releases(root):
        raise _entangled("the source holds a release of this tool", path)


def _keys(plan: Plan) -> tuple[tuple[str, Path], ...]:
    return ("institution", plan.keys.institution), ("log", plan.keys.log), ("line", plan.keys.line)


def _check_outside(path: Path, apart: dict[str, Path]) -> None:
    for what, place in apart.items():
        if path.is_relative_to(place):
            raise _entangled(f"the source lies in {what}", str(path))


def _releases(root: Path) -> Iterator[str]:
    """Yield every manifest of a release below a folder."""
    for folder, _, names in os.walk(root):
        path = Path(folder, manifests.PATH)
        if manifests.PATH in names and path.is_file() and _starts_as_manifest(path):
            yield str(path)


def _starts_as_manifest(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_MANIFEST_START)) == _MANIFEST_START
    except OSError:
        return False  # what cannot be read is nobody's manifest, and no row


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _entangled(what: str, where: str) -> SourceError:
    return SourceError(
        what,
        where=where,
        expected="a source apart from lists, keys, candidates and releases",
        next_step="move one of the two elsewhere, or name the folder that has nothing but the rows",
        code="source-place",
    )
