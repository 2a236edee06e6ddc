"""A folder that is there already: the same candidate again changes nothing; anything else is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from audit_logs import envelope, statement
from audit_logs import manifest as manifests
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.errors import FormatError, Problem, StoreError
from audit_logs.files import FolderFiles
from audit_logs.hashing import check_files
from audit_logs.log import Log
from audit_logs.manifest import Manifest
from audit_logs.statement import FilterStep
from release import store
from release.build.inputs import inputs, remembered
from release.build.prepare import Prepared
from release.errors import BuildError


def existing(folder: Path, prepared: Prepared) -> tuple[Manifest, tuple[FilterStep, ...]]:
    """Return manifest and step predicates of the candidate in `folder`, if it is what this build would make, and whole.

    It is, if plan, source, lists and predecessor are the same, and every file of it is what was built; keys differ from build to build.

    Raises:
        BuildError: the folder holds something else, or nothing tells what it was built from.
    """
    try:
        data = store.read_file(folder / manifests.PATH, manifests.LIMIT)
        manifest = manifests.parse(data)
    except (StoreError, FormatError) as error:
        raise _other(folder, "something that is no candidate") from error
    now = inputs(prepared, hashlib.sha256(data).hexdigest(), folder)
    differences = [*remembered(folder).differences(now)]
    if manifest.previous != prepared.line.last:
        differences.append("the predecessor")
    if not differences:
        differences = [f"file {path}" for path in _bent_files(folder, manifest)]
    if differences:
        raise _other(folder, f"a candidate that differs in {', '.join(differences)}")
    return manifest, _steps(folder, prepared)


def _bent_files(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield the path of each file of the manifest that is not there, or not what it was."""
    files = FolderFiles(folder)
    named = [*(file.path for file in manifest.files), *(shard.path for shard in manifest.shards)]
    missing = [path for path in named if (folder / path).is_symlink() or not (folder / path).is_file()]
    yield from missing or dict.fromkeys(failure.where for failure in check_files(manifest, files))


def _steps(folder: Path, prepared: Prepared) -> tuple[FilterStep, ...]:
    """Return what the attestations say, each of which must stand in the folder's log."""
    try:
        logged = set(Log.open(folder / "log", prepared.trust.log.key).entries())
    except Problem as error:
        raise _other(folder, f"a candidate with a log that cannot be used: {error.what}") from error
    found = []
    for path in sorted((folder / "attestations").glob("*")):
        try:
            raw = store.read_file(path, MAX_BUNDLE)
            predicate = statement.parse(envelope.parse(raw, where=path.name).payload, where=path.name).predicate
        except (StoreError, FormatError) as error:
            raise _other(folder, f"a candidate that differs in file attestations/{path.name}") from error
        if raw not in logged or not isinstance(predicate, FilterStep):
            raise _other(folder, f"a candidate that differs in file attestations/{path.name}")
        found.append(predicate)
    found.sort(key=lambda step: step.step.order)
    if [step.step.name for step in found] != [step.name for step in prepared.steps]:
        raise _other(folder, "a candidate that lacks attestations")
    return tuple(found)


def _other(folder: Path, found: str) -> BuildError:
    return BuildError(
        "the folder is not this build's",
        where=str(folder),
        expected="no folder, or the candidate of this very plan, source and lists",
        found=found,
        next_step="choose another --out; a published version stays as it is",
        code="out-exists",
    )
