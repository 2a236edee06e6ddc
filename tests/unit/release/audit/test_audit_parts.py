"""The parts of an audit by themselves: keyed trees, fingerprints under another decoder, conclusions."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scoring import again, picture_model

from audit_logs.manifest import KeyedRoots
from audit_logs.statement import AuditorList, Claim
from release.audit import claims
from release.audit.candidate import Examined
from release.audit.commitments import check_commitments
from release.audit.evidence_tables import source_shards
from release.audit.filters import filters
from release.audit.fingerprints import _alike
from release.errors import EvidenceError
from release.evidence import OpenedTier
from release.ledger import POSITIONS
from release.plan import Columns
from release.rows import KeyedTree, dataset_root, tree_root

KEY = bytes(range(32))
LISTS = (AuditorList("a-list", "Somebody", "2026-01-01", "declared", {"md5": 1}, partial=False),)


def tier(tmp_path: Any, rows: list[tuple[int, bytes, bool]]) -> OpenedTier:
    """Return an opened tier with a table of positions."""
    path = tmp_path / "positions.parquet"
    pq.write_table(pa.Table.from_pylist([dict(zip(POSITIONS.names, row, strict=True)) for row in rows], POSITIONS), path)
    return OpenedTier("rows", "0" * 64, KEY, {"positions": path})


def case(rows: list[tuple[int, bytes, bool]]) -> Any:
    """Return a candidate with these source rows in two shards, one row group of kept rows for each, and one step."""
    source, first, last, shards = [], [], [], []
    for number in (0, 1):
        here = [row for row in rows if row[0] == number]
        digests = np.frombuffer(b"".join(row[1] for row in here), np.uint8).reshape(-1, 32)
        kept = np.array([row[2] for row in here])
        source.append((tree_root(digests), len(here)))
        tree = KeyedTree(KEY, digests)
        first.append((tree.root(), len(here)))
        tree.remove(np.flatnonzero(~kept).tolist())
        last.append((tree.root(), len(here)))
        shards.append(SimpleNamespace(row_groups=[SimpleNamespace(rows=int(kept.sum()), root=tree_root(digests[kept]).hex())]))
    keyed = KeyedRoots(dataset_root(first).hex(), dataset_root(last).hex())
    pin = SimpleNamespace(rows=len(rows), root=dataset_root(source).hex())
    manifest = SimpleNamespace(source=pin, keyed_roots=keyed, shards=shards)
    return SimpleNamespace(manifest=manifest, steps=(SimpleNamespace(),))


ROWS = [(0, bytes([i]) * 32, i != 1) for i in range(4)] + [(1, bytes([9 + i]) * 32, i != 0) for i in range(3)]


def outcome(found: Any, opened: OpenedTier) -> list[str]:
    """Return the results of the claims on source root, first and last keyed root, and commitments."""
    return [claim.result for claim in check_commitments(found, opened, None, lambda _: None)]


def test_roots_follow_from_sealed_rows(tmp_path: Any) -> None:
    """Source root and both keyed roots are confirmed; commitments need the other tier."""
    assert outcome(case(ROWS), tier(tmp_path, ROWS)) == ["confirmed"] * 3 + ["not-checkable"]


def test_swapped_keyed_roots_are_refuted(tmp_path: Any) -> None:
    """A manifest with first and last keyed root exchanged claims another history."""
    bent = case(ROWS)
    keyed = bent.manifest.keyed_roots
    bent.manifest.keyed_roots = replace(keyed, first=keyed.last, last=keyed.first)
    assert outcome(bent, tier(tmp_path, ROWS))[:3] == ["confirmed", "refuted", "refuted"]


def test_kept_rows_in_another_order_are_refuted(tmp_path: Any) -> None:
    """Two published rows that changed places are other published rows, also if the keyed root is made to fit."""
    other = [ROWS[2], *ROWS[1:2], ROWS[0], *ROWS[3:]]
    bent = case(other)
    bent.manifest.shards = case(ROWS).manifest.shards
    assert outcome(bent, tier(tmp_path, other))[2] == "refuted"


@pytest.mark.parametrize(
    "rows",
    [
        [(1, bytes(32), True)],
        [(0, bytes(32), True), (2, bytes(32), True)],
        [(0, bytes(31), True)],
        [(0, None, True)],
        [(0, bytes(32), None)],
    ],
)
def test_positions_in_another_form_are_refused(tmp_path: Any, rows: list[tuple[int, Any, Any]]) -> None:
    """A gap in the shards, a short digest or a null is no evidence."""
    with pytest.raises(EvidenceError):
        list(source_shards(tier(tmp_path, rows)))


def test_another_decoder_may_turn_a_few_bits_and_no_more() -> None:
    """With the attested decoder every bit counts; with another, ten bits of a frame may differ."""
    one = bytes(64)
    few, many = bytes([255, 3]) + bytes(62), bytes([255, 7]) + bytes(62)
    assert not _alike(one, few, 0)
    assert _alike(one, few, 10)
    assert not _alike(one, many, 10)
    assert not _alike(one, bytes(96), 10)
    assert not _alike(one, None, 10)


@pytest.mark.parametrize(
    ("results", "lists", "expected"),
    [
        (["confirmed"], LISTS, "unqualified"),
        (["confirmed", "not-checkable"], LISTS, "unqualified"),
        (["confirmed", "skipped"], LISTS, "qualified"),
        (["confirmed"], (), "qualified"),
        (["skipped", "refuted"], (), "adverse"),
    ],
)
def test_the_conclusion_follows_from_the_claims(results: list[Any], lists: Any, expected: str) -> None:
    """As SPEC.md section 9.3 has it."""
    assert claims.conclude([Claim("rows", result, "") for result in results], lists) == expected


def test_an_attested_path_opens_no_file_of_the_auditors(tmp_path: Path) -> None:
    """A path is the plan's and never attested: one in an attestation would have an auditor run the institution's model, or read any file."""
    data = picture_model(["rows", 3, 8, 8])
    (tmp_path / "model.onnx").write_bytes(data)
    model = {"path": str(tmp_path / "model.onnx"), "sha256": sha256(data).hexdigest(), "license": "MIT", "input": {"width": 8, "height": 8}}
    planned, _ = again("classifier", {"model": model, "threshold": "1"})
    canonical = json.loads(json.dumps(planned.parameters.canonical()))
    for parameters in ({"model": model, "threshold": "1"}, canonical | {"model": canonical["model"] | model}):
        attested = SimpleNamespace(step=SimpleNamespace(kind="classifier", name="one", order=1), parameters=parameters, lists=())
        examined = SimpleNamespace(steps=[attested], columns=Columns("image", None, None, {}))
        found = filters(cast("Examined", examined), OpenedTier("rows", "0" * 64, KEY, {}), None)
        assert found is not None
        assert found.open_steps == {1: "its parameters are not those of its kind"}
