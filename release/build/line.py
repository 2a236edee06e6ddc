"""The dataset line that a build continues: its log so far, and its last release.

One line has one log. A second log with the same origin would be a fork, which every witness of the line refuses; so a build
of a later version takes the log from the last release, or from a candidate that was never published.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from audit_logs import fields
from audit_logs import manifest as manifests
from audit_logs.log import Log
from audit_logs.manifest import Manifest, Previous
from audit_logs.replay import replay
from audit_logs.trust import Trust
from release import store, table
from release.errors import BuildError
from release.rows import row_digests


@dataclass(frozen=True, slots=True)
class Line:
    """Where a build starts from.

    Attributes:
        log: the log folder to continue, or None for the first version.
        last: the release that last applied in that log, or None.
        folder: where that release lies, or None.
    """

    log: Path | None
    last: Previous | None
    folder: Path | None


def open_line(previous: Path | None, released: Path | None, trust: Trust) -> Line:
    """Return the line that a build continues.

    Args:
        previous: the line's last release, or a candidate of the line that was never published; None for the first version.
        released: the line's last release, where `previous` is a candidate.
        trust: the institution's own trust file.

    Raises:
        BuildError: a release was logged that neither folder holds.
        LogError: the log cannot be read or is not this line's.
    """
    if previous is None:
        return Line(None, None, None)
    entries = Log.open(previous / "log", trust.log.key).entries()
    releases = replay(entries, trust).releases
    if not releases:
        return Line(previous / "log", None, None)
    last = Previous(version=releases[-1].version, manifest=releases[-1].manifest)
    for folder in (previous, released):
        if folder is not None and _digest(folder / manifests.PATH) == last.manifest:
            return Line(previous / "log", last, folder)
    raise BuildError(
        "the line's last release is needed to check what has gone since",
        where=str(previous),
        expected=f"version {last.version} as --previous, or as --released beside a candidate",
        found="another folder",
        next_step="name the folder of the last published version",
        code="previous",
    )


def check_version(line: Line, version: str) -> None:
    """Refuse to build what could not be published.

    Raises:
        BuildError: the version is not above that of the line's last release (`version-not-newer`).
    """
    if line.last is not None and fields.version_key(version) <= fields.version_key(line.last.version):
        raise BuildError(
            "a version has to be higher than every released one",
            where=f"release.version {version}",
            expected=f"above {line.last.version}",
            found=version,
            next_step="raise `version` in the plan and build again",
            code="version-not-newer",
        )


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def released_digests(line: Line) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the row digests of the last release, (n, 32) uint8, one row group at a time, from files that are what they were.

    Raises:
        BuildError: a file is not the one that was published.
    """
    if line.folder is None:
        return
    manifest: Manifest = manifests.parse((line.folder / manifests.PATH).read_bytes())
    for shard in manifest.shards:
        path = line.folder / shard.path
        if store.file_sha256(path) != shard.sha256:
            raise BuildError("a file of the last release is not what was published", where=str(path), next_step="fetch the release again")
        for batch in table.read_groups(path):
            yield row_digests(batch, {})


def missing_since(line: Line, kept: pa.Array, by_lists: pa.Array) -> tuple[int, int]:
    """Return how many rows of the last release this one lacks, and how many of those a list step took.

    Args:
        line: the line, with its last release.
        kept: binary, row digests of this release.
        by_lists: binary, digests of source rows that list steps removed.
    """
    missing = listed = 0
    for digests in released_digests(line):
        cells = pa.array([row.tobytes() for row in digests], pa.binary())
        gone = cells.filter(pc.invert(pc.is_in(cells, kept)))
        missing += len(gone)
        listed += pc.sum(pc.is_in(gone, by_lists)).as_py() or 0
    return missing, listed
