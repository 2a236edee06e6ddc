"""What a candidate was built from, in a private record beside it, so that a second run can tell the same build from another.

    .<name of the candidate>.built     mode 0600; digests of plan, source, lists, manifest and evidence files

The manifest alone cannot tell: it has no digest of single pictures, and nothing of a list but name, vintage and count. The
record is written before the candidate appears, so no candidate is without one; it is never given to anybody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from audit_logs import canonical, documents
from audit_logs.errors import FormatError
from audit_logs.fields import BASE, Sha256
from release import store
from release.build.prepare import Prepared, units_digest
from release.errors import BuildError

EVIDENCE = ("evidence/matches.age", "evidence/rows.age")
_TYPE = BASE + "built/v0.1"
_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Inputs:
    """The digests (hex) that decide whether two builds are the same.

    Attributes:
        plan: of the plan.
        source: of the source's pin and units: every Parquet file by sha256, every image of a folder by name, size and time.
        lists: of each list in use, by name: its record, and so every entry.
        manifest: of the candidate's manifest.
        evidence: of each sealed file, by path.
    """

    plan: Sha256
    source: Sha256
    lists: Mapping[str, Sha256]
    manifest: Sha256
    evidence: Mapping[str, Sha256]

    def differences(self, other: Inputs) -> Iterator[str]:
        """Yield what another build differs in, in words."""
        if self.plan != other.plan:
            yield "the plan"
        if self.source != other.source:
            yield "the source"
        for name in sorted(self.lists.keys() | other.lists.keys()):
            if self.lists.get(name) != other.lists.get(name):
                yield f"list {name}"
        if self.manifest != other.manifest:
            yield "file release.json"
        for path in EVIDENCE:
            if self.evidence.get(path) != other.evidence.get(path):
                yield f"file {path}"


def inputs(prepared: Prepared, manifest: str, tree: Path) -> Inputs:
    """Return the digests of a build whose candidate lies in `tree`; a sealed file that is not there has none.

    Raises:
        StoreError: a sealed file cannot be read.
    """
    source = canonical.encode({"pin": documents.write(prepared.pin), "units": units_digest(prepared)})
    evidence = {path: store.file_sha256(tree / path) for path in EVIDENCE if (tree / path).is_file()}
    return Inputs(prepared.plan.digest, hashlib.sha256(source).hexdigest(), prepared.list_digests, manifest, evidence)


def remember(out: Path, built_from: Inputs) -> None:
    """Write the record of the candidate that is about to appear at `out`.

    Raises:
        StoreError: it could not be written.
    """
    store.write_file(_record(out), canonical.encode({"_type": _TYPE, **documents.write(built_from)}), private=True)


def remembered(out: Path) -> Inputs:
    """Return what the candidate at `out` was built from.

    Raises:
        BuildError: there is no record, or it is damaged.
        StoreError: it cannot be read, or others can.
    """
    path = _record(out)
    if not path.exists():
        raise BuildError(
            "nothing says what the candidate was built from",
            where=str(out),
            expected=f"the record {path.name} beside it",
            found="none",
            next_step="choose another --out, or move the folder away and build again",
            code="out-exists",
        )
    try:
        value = canonical.decode(store.read_file(path, _LIMIT, private=True), where=str(path), limit=_LIMIT)
        kind = value.pop("_type", None)
        found = documents.read(Inputs, value, str(path))
    except FormatError as error:
        raise _damaged(path, error.what) from error
    if kind != _TYPE:
        raise _damaged(path, "another document")
    return found


def _record(out: Path) -> Path:
    return out.with_name(f".{out.name}.built")


def _damaged(path: Path, found: str) -> BuildError:
    step = "choose another --out, or move the candidate away and build again"
    return BuildError("the record of a build is damaged", where=str(path), found=found, next_step=step, code="out-exists")
