"""The columns of a release as its manifest names them, held against its data files and against what its steps say they did."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from audit_logs.manifest import Manifest
from audit_logs.statement import FilterStep
from release import rows
from release.audit.attested import looked_at
from release.checks import footer, role_fault


def schema_of(folder: Path, manifest: Manifest) -> pa.Schema:
    """Return the normalised Arrow schema of a release whose files hold; of one without data files, that of no column."""
    if not manifest.shards:
        return pa.schema([])
    first = manifest.shards[0]
    return rows.normalise(footer.schema(footer.read(folder / first.path, first)))


def misfits(manifest: Manifest, schema: pa.Schema, steps: Sequence[FilterStep]) -> Iterator[str]:
    """Yield why the roles cannot be those of these data files, or of what these steps looked at."""
    if not manifest.shards:
        yield "there is no data file"
    elif fault := role_fault(schema, manifest.columns):
        yield fault
    columns = manifest.columns
    for step in steps:
        declared = looked_at(step).covers == "declared"
        needed, role = (
            (columns.url or columns.text or columns.declared, "links, texts or digests") if declared else (columns.image, "images")
        )
        if step.lists and not needed:
            yield f"step {step.step.order} matched {role}, and the manifest names no column of them"
