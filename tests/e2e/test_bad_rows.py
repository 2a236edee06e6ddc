"""Rows that are damaged, hostile or empty: each is removed, kept, or unscreenable with its reason, and none stops a build."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from messy import OUTSIDE, Built, bomb

from audit_logs.cli import main
from release import evidence, table


@pytest.fixture(scope="module")
def ledger(built: Built, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pa.Table]:
    """Return the tables of both sealed tiers, opened with the officer's identity."""
    identity = built.project.folder / "keys" / "officer.age"
    tables = {}
    for tier in ("rows", "matches"):
        folder = tmp_path_factory.mktemp(tier)
        opened = evidence.open_tier(built.folder / "evidence" / f"{tier}.age", identity, folder)
        tables |= {name: pa.Table.from_batches(table.read_sealed_table(path)) for name, path in opened.tables.items()}
    return tables


def published(folder: Path) -> pa.Table:
    """Return the rows of a candidate."""
    return pa.concat_tables(pq.read_table(path) for path in sorted((folder / "data").glob("*.parquet")))


def test_every_row_meets_the_fate_that_its_picture_deserves(built: Built, ledger: dict[str, pa.Table]) -> None:
    """A truncated or animated copy of a listed picture is a hit; what cannot be screened is set aside with its reason."""
    found = ["kept"] * len(built.rows)
    for gone in ledger["removed"].to_pylist():
        found[gone["position"]] = gone["reason"] or gone["status"]
    assert dict(zip([row.caption for row in built.rows], found, strict=True)) == {row.caption: row.fate for row in built.rows}


def test_the_answer_counts_every_row_once(built: Built) -> None:
    """Rows in are kept, removed or unscreenable, by step and by reason."""
    fates = Counter(row.fate for row in built.rows)
    counts = json.loads(built.answer.out)["rows"]
    assert counts["in"] == len(built.rows)
    assert (counts["kept"], sum(counts["removed"].values())) == (fates.pop("kept"), fates.pop("removed"))
    assert counts["unscreenable"] == fates
    assert counts["removed"] == {"known-files": 2, "near-copies": 3, "known-links": 1}
    assert built.answer.err == ""


def test_kept_rows_are_published_as_they_are_stored(built: Built) -> None:
    """Bytes are never encoded again, duplicates stay duplicates, and a row that names a file carries its bytes."""
    rows = published(built.folder)
    kept = [row for row in built.rows if row.fate == "kept"]
    assert rows["caption"].to_pylist() == [row.caption for row in kept]
    stored = {"inside.jpg": (built.project.source / "inside.jpg").read_bytes()}
    wanted = [stored[str(row.path)] if row.data is None else row.data for row in kept]
    assert pc.struct_field(rows["image"], "bytes").to_pylist() == wanted


def test_duplicate_rows_are_judged_alike(built: Built, ledger: dict[str, pa.Table]) -> None:
    """The same row twice is kept twice, under one digest, and a listed file is removed as often as it comes."""
    digests = ledger["positions"]["digest"].to_pylist()
    first, again = 0, len(built.rows) - 2
    assert digests[first] == digests[again]
    assert published(built.folder)["caption"].to_pylist().count(built.rows[0].caption) == 3


def test_a_file_outside_the_source_is_never_read(built: Built) -> None:
    """Paths that lead out of the source, directly or by a link, bring nothing of the file into the candidate."""
    for path in built.folder.rglob("*"):
        assert path.is_dir() or OUTSIDE.encode() not in path.read_bytes()


def test_a_small_file_of_many_pixels_is_never_decoded(ledger: dict[str, pa.Table]) -> None:
    """169 million pixels in 20 KB are seen in the header; the row has its digests and no perceptual hash."""
    assert len(bomb()) < 21_000
    (row,) = [row for row in ledger["removed"].to_pylist() if row["reason"] == "pixels"]
    assert row["sha256"] is not None
    assert row["pdq-thumbnail-512"] is None


def test_the_light_verifier_finds_nothing_wrong(built: Built, capsys: pytest.CaptureFixture[str]) -> None:
    """A candidate is whole and its log in order; it is incomplete for want of opinions and a release, and of nothing else."""
    assert main(["verify", str(built.folder), "--trust", str(built.project.folder / "trust.json"), "--format", "json"]) == 5
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "incomplete"
    assert {failure["code"] for failure in found["failures"]} <= {"not-released", "opinions-missing", "opinions-tier", "stale"}
