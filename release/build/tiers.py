"""The two evidence tiers of a candidate, put together from the private tables of its shards (SPEC.md section 15)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pyarrow as pa

from release import evidence, store, table
from release.build.prepare import Prepared
from release.evidence import Tier
from release.ledger import COUNTS, LISTS, POSITIONS, binary, kept_schema, removed_schema
from release.receipt import Receipt
from release.screen import conventions_of
from release.steps import Testifies


@dataclass(frozen=True, slots=True)
class Sealing:
    """What the tiers carry beside tables: the two keys, and the sha256 of the manifest they speak of."""

    row_key: bytes
    match_key: bytes
    manifest: str


def seal_all(prepared: Prepared, receipts: Sequence[Receipt], sealing: Sealing, work: Path) -> None:
    """Write `evidence/rows.age` and `evidence/matches.age` below `work/tree`.

    The first is for every auditor of the trust file, the second for those with tier matches; both for the reporting officer.
    """
    conventions = conventions_of(prepared.steps)
    links = ("url", "domain") if prepared.plan.columns.url else ()
    schemas = {"positions": POSITIONS, "kept": kept_schema(conventions, links), "removed": removed_schema(conventions, links)}
    tables = {name: _gather(work, name, schema, receipts) for name, schema in schemas.items()}
    tables["counts"] = _write(work / "counts.parquet", COUNTS, [_counts(receipts)])
    tables["lists"] = _write(work / "lists.parquet", LISTS, _entries(prepared, sealing.match_key))
    more = _of_steps(prepared, work, tables["positions"])
    officer = prepared.trust.officer
    everyone = [auditor.recipient for auditor in prepared.trust.auditors]
    trusted = [auditor.recipient for auditor in prepared.trust.auditors if auditor.tier == "matches"]
    folder = work / "tree" / "evidence"
    store.make_folder(folder)
    rows = Tier("rows", sealing.manifest, sealing.row_key)
    matches = Tier("matches", sealing.manifest, sealing.match_key)
    evidence.seal(
        folder / "rows.age", rows, [*((name, tables[name]) for name in ("positions", "kept")), *more["rows"]], [*everyone, officer]
    )
    evidence.seal(
        folder / "matches.age",
        matches,
        [*((name, tables[name]) for name in ("removed", "counts", "lists")), *more["matches"]],
        [*trusted, officer],
    )


def _of_steps(prepared: Prepared, work: Path, positions: Path) -> dict[str, list[tuple[str, Path]]]:
    """Return by tier the tables that steps testify with; what several steps say under one name is one table."""
    said: dict[str, dict[str, list[Iterator[pa.RecordBatch]]]] = {"rows": {}, "matches": {}}
    for number, step in enumerate(prepared.steps, 1):
        if isinstance(step, Testifies):
            for tier, named in step.evidence(number, table.read_sealed_table(positions)).items():
                for name, batches in named.items():
                    said[tier].setdefault(name, []).append(batches)
    return {tier: [(name, _joined(work / f"{name}.parquet", parts)) for name, parts in named.items()] for tier, named in said.items()}


def _joined(path: Path, parts: Sequence[Iterator[pa.RecordBatch]]) -> Path:
    batches = chain.from_iterable(parts)
    first = next(batches)
    return _write(path, first.schema, chain([first], batches))


def _gather(work: Path, name: str, schema: pa.Schema, receipts: Sequence[Receipt]) -> Path:
    shards = (work / f"{receipt.unit:05d}.{name}.parquet" for receipt in receipts)
    return _write(work / f"{name}.parquet", schema, (batch for path in shards for batch in table.read_sealed_table(path)))


def _write(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Path:
    table.write_sealed_table(path, schema, batches)
    return path


def _counts(receipts: Sequence[Receipt]) -> pa.RecordBatch:
    rows = [
        (receipt.unit, number, reason, count)
        for receipt in receipts
        for number, tally in enumerate(receipt.tallies, 1)
        for reason, count in (("", tally.removed), *tally.unscreenable.items())
    ]
    return pa.RecordBatch.from_pylist([dict(zip(COUNTS.names, row, strict=True)) for row in rows], schema=COUNTS)


def _entries(prepared: Prepared, match_key: bytes) -> Iterator[pa.RecordBatch]:
    for number, step in enumerate(prepared.steps, 1):
        for used in step.lists:
            for kind in sorted(used.entries):
                for entries in used.keyed_chunks(match_key, kind):
                    words = [
                        pa.repeat(pa.scalar(value, LISTS.field(i).type), len(entries)) for i, value in enumerate((number, used.name, kind))
                    ]
                    yield pa.record_batch([*words, binary(entries)], schema=LISTS)
