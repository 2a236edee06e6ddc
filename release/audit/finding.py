"""A sealed finding: what an auditor knows of listed rows, for itself and the institution's reporting officer, and nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyrage

from audit_logs import canonical
from audit_logs.fields import BASE
from audit_logs.manifest import Manifest
from release import store
from release.audit.candidate import Auditing
from release.audit.matching import Hit
from release.evidence import recipient

TYPE = BASE + "finding/v0.1"


def seal(folder: Path, auditing: Auditing, manifest: Manifest, hits: Sequence[Hit]) -> Path:
    """Write the finding on a release into a private folder, and return its path.

    The plaintext is one object: release, version, manifest, organisation, and for each listed row its place in the release (row,
    file, row in that file, counted from 0), the kind of match, what matched (`stored` bytes, `declared` digest or link, `pixels`) and the list.

    Raises:
        EvidenceError: auditor or officer have no usable age recipient.
        StoreError: it could not be written.
    """
    trust = auditing.trust
    texts = (auditing.auditor.recipient, trust.officer)
    keys = [recipient(text, where) for text, where in zip(texts, ("the auditor", "the officer"), strict=True)]
    plain = canonical.encode(
        {
            "_type": TYPE,
            "manifest": manifest.digest,
            "organisation": auditing.auditor.organisation,
            "release": manifest.name,
            "rows": [_row(manifest, hit) for hit in hits],
            "version": manifest.version,
        }
    )
    path = folder / f"finding-{manifest.digest[:8]}.age"
    store.write_file(path, pyrage.encrypt(plain, keys), private=True)
    return path


def _row(manifest: Manifest, hit: Hit) -> dict[str, object]:
    what: dict[str, object] = {"covers": hit.covers, "kind": hit.kind, "list": hit.which_list, "row": hit.row}
    first = 0
    for shard in manifest.shards:
        if hit.row < first + shard.rows:
            return what | {"file": shard.path, "rowInFile": hit.row - first}
        first += shard.rows
    return what
