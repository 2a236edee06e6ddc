"""Thinning: how many rows are drawn from which cells, that the draw is the line's own, and what a line remembers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from scoring import again, read, rows_of

from audit_logs.errors import StoreError
from release import lineage, table
from release.errors import BuildError, PlanError, StepError
from release.ledger import POSITIONS, removed_schema
from release.lineage import Lineage
from release.plan import Columns
from release.steps import Held, Taken, UnitResult, kinds
from release.steps.thin import NOTES, Thin

STEP = 'kind = "thin"\nleast_cell = 200\n'


def thin(folder: Path, step: str = STEP, columns: Columns | None = None) -> Thin:
    """Return a thin step."""
    (planned,) = read(folder, step).steps
    made = kinds()["thin"].build(planned, (), columns or Columns(None, None, "url", {}))
    assert isinstance(made, Thin)
    return made


def digests(rows: range) -> np.ndarray:
    """Return row digests, (n, 32)."""
    return np.frombuffer(b"".join(row.to_bytes(32, "big") for row in rows), np.uint8).reshape(-1, 32)


def shard(folder: Path, rows: range, hosts: list[str], gone: dict[int, str], unit: int = 0) -> UnitResult:
    """Write what the first pass leaves of a shard: `gone` has the list by position in the shard, "" where no list took the row."""
    cells = [bytes(digest) for digest in digests(rows)]
    kept = [row not in gone for row in range(len(rows))]
    positions = pa.table([pa.array([unit] * len(rows), pa.int32()), pa.array(cells, pa.binary()), pa.array(kept)], schema=POSITIONS)
    schema = removed_schema((), ())
    removed = pa.Table.from_pylist(
        [
            {"position": rows.start + row, "status": "removed", "step": 1, "reason": "", "list": which, "locator": ""}
            for row, which in sorted(gone.items())
        ],
        schema=schema,
    )
    notes = pa.table([["train"] * len(rows), hosts, pa.array([-1] * len(rows), pa.int16())], schema=NOTES)
    tables = {}
    for name, whole in (("positions", positions), ("removed", removed), ("notes", notes)):
        tables[name] = folder / f"{unit}.{name}.parquet"
        table.write_sealed_table(tables[name], whole.schema, whole.to_batches())
    return UnitResult(unit, len(rows), np.array([0 if one else 1 for one in kept], np.uint8), tables)


def rows_taken(taken: Taken, unit: int = 0) -> set[int]:
    """Return the positions that were taken from a shard."""
    return set(taken.rows[unit])


def test_ninety_nine_rows_of_its_cell_are_drawn_for_each_hit(tmp_path: Path) -> None:
    """Cells without a hit lose nothing; what other steps took is no cover; drawn rows name no list."""
    hosts = ["a.example"] * 400 + ["b.example"] * 400
    result = shard(tmp_path, range(800), hosts, {3: "known", 9: "known", 401: "", 402: ""})
    taken = thin(tmp_path).gather([result], Held(Lineage.new()))
    assert len(rows_taken(taken)) == 198
    assert max(rows_taken(taken)) < 400
    assert not rows_taken(taken) & {3, 9}
    assert set(taken.rows[0].values()) == {""}
    assert "198 rows taken" in taken.told[0]
    assert taken.told[1:] == (
        "who has the source and takes a missing row for a hit is right 1 time in 100 over all, in 100 in the median cell, in 100 in the worst of 1",
        "  the source, a cell of 400 rows: 2 hits and 198 drawn rows, 1 in 100",
    )


def test_the_same_line_draws_the_same_rows_and_another_line_others(tmp_path: Path) -> None:
    """The draw is a function of key and rows, whatever the order of shards; nobody without the key can repeat it."""
    hosts = ["a.example"] * 1000
    line = Lineage.new()
    whole = thin(tmp_path).gather([shard(tmp_path, range(1000), hosts, {3: "known"})], Held(line))
    parts = [shard(tmp_path, range(500), hosts[:500], {3: "known"}), shard(tmp_path, range(500, 1000), hosts[500:], {}, 1)]
    cut = thin(tmp_path).gather(parts, Held(line))
    assert rows_taken(whole) == rows_taken(cut) | {row + 500 for row in rows_taken(cut, 1)}
    other = thin(tmp_path).gather([shard(tmp_path, range(1000), hosts, {3: "known"})], Held(Lineage.new()))
    assert len(rows_taken(whole) & rows_taken(other)) < 30


def test_a_drawn_row_and_a_listed_row_never_come_back(tmp_path: Path) -> None:
    """A later version without the list entry keeps out what the first one drew, and the row that the entry took."""
    hosts = ["a.example"] * 1000
    first = thin(tmp_path).gather([shard(tmp_path, range(1000), hosts, {3: "known"})], Held(Lineage.new()))
    assert first.lineage is not None
    second = thin(tmp_path).gather([shard(tmp_path, range(1000), hosts, {})], Held(first.lineage))
    assert rows_taken(second) == rows_taken(first) | {3}
    third = thin(tmp_path).gather([shard(tmp_path, range(1000), hosts, {3: "known", 5: "known"})], Held(first.lineage))
    assert rows_taken(first) - {5} < rows_taken(third)
    assert len(rows_taken(third)) >= 198 - 1


def test_what_went_since_the_last_release_hides_among_what_it_had(tmp_path: Path) -> None:
    """A new hit that the last release had needs ninety-nine rows that it had, too, however many were drawn before."""
    hosts = ["a.example"] * 1000
    first = thin(tmp_path).gather([shard(tmp_path, range(1000), hosts, {3: "known"})], Held(Lineage.new()))
    had = np.array([row for row in range(600) if row not in rows_taken(first) | {3}])
    released = np.concatenate([digests(range(row, row + 1)) for row in had.tolist()])
    held = Held(first.lineage, lambda: iter([released]))
    second = thin(tmp_path).gather([shard(tmp_path, range(1000), hosts, {3: "known", int(had[0]): "known"})], held)
    new = rows_taken(second) - rows_taken(first)
    assert len(new & set(had.tolist())) == 99
    assert "who has the last release and takes a missing row for a hit is right 1 time in 100 over all" in second.told[3]


def test_an_attacker_is_right_no_more_often_than_is_told(tmp_path: Path) -> None:
    """Whoever has source and release, and guesses in the cell where guessing pays most, has the precision that the build told."""
    hosts = ["a.example"] * 600 + ["b.example"] * 900
    hits = {3: "known", 9: "known", 700: "known"}
    taken = thin(tmp_path, 'kind = "thin"\nleast_cell = 200\namong = 150\n').gather(
        [shard(tmp_path, range(1500), hosts, hits)], Held(Lineage.new())
    )
    missing = rows_taken(taken) | set(hits)
    best = 0.0
    for cell in (range(600), range(600, 1500)):
        gone = [row for row in cell if row in missing]
        best = max(best, sum(row in hits for row in gone) / len(gone))
    assert f"in {1 / best:.0f} in the worst of 2" in taken.told[1]
    assert 1 / best >= 150


def test_small_cells_are_put_together(tmp_path: Path) -> None:
    """Hosts with few rows share a cell, and so do splits; rows are drawn from all of it."""
    hosts = [f"h{row % 50}.example" for row in range(400)] + ["big.example"] * 300
    taken = thin(tmp_path).gather([shard(tmp_path, range(700), hosts, {0: "known"})], Held(Lineage.new()))
    assert len(rows_taken(taken)) == 99
    assert max(rows_taken(taken)) < 400
    assert len({row % 50 for row in rows_taken(taken)}) > 25


def test_a_cell_that_cannot_hide_its_hits_stops_the_build(tmp_path: Path) -> None:
    """The error names neither cell nor host."""
    result = shard(tmp_path, range(250), ["a.example"] * 250, {0: "known", 1: "known", 2: "known"})
    with pytest.raises(BuildError, match="too few rows") as stopped:
        thin(tmp_path).gather([result], Held(Lineage.new()))
    assert stopped.value.code == "hit-list"
    assert "a.example" not in str(stopped.value)
    with pytest.raises(StepError, match="memory of the dataset line"):
        thin(tmp_path).gather([result], Held())


def test_what_it_notes_of_a_row_is_host_and_size_class(tmp_path: Path) -> None:
    """Pixels where columns tell them, else stored bytes; what is missing has a class of its own."""
    sizes = {"w": [1024, 1024, None], "h": [1024.0, 2000.0, 1.0]}
    step = thin(tmp_path, STEP + 'width = "w"\nheight = "h"\n')
    rows = rows_of(url=["https://A.example/x", "no link", None], **sizes)
    assert step.note(rows, "test").to_pylist() == [
        {"split": "test", "host": "a.example", "size": 20},
        {"split": "test", "host": "", "size": 20},
        {"split": "test", "host": "", "size": -1},
    ]
    stored = thin(tmp_path, STEP + 'cells = ["size"]\n', Columns("image", None, None, {}))
    image = pa.array(
        [{"bytes": b"x" * 100, "path": None}, {"bytes": b"", "path": None}, None],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )
    assert [row["size"] for row in stored.note(rows_of(image=image), "test").to_pylist()] == [6, -1, -1]
    with pytest.raises(StepError, match="cannot use the column 'w'"):
        step.check(rows_of(url=["x"], w=["a"], h=[1]).batch.schema)


def test_its_parameters_have_one_form(tmp_path: Path) -> None:
    """What is attested can be read back; width without height is a fault."""
    step = thin(tmp_path, STEP + 'cells = ["size", "split"]\nwidth = "w"\nheight = "h"\n')
    canonical = step.parameters.canonical()
    assert canonical == {"among": 100, "least_cell": 200, "cells": ["split", "size"], "width": "w", "height": "h"}
    assert again("thin", canonical)[1] == []
    with pytest.raises(PlanError, match="width and height"):
        thin(tmp_path, STEP + 'width = "w"\n')


def test_a_line_remembers_for_its_owner_alone(tmp_path: Path) -> None:
    """The file is private, only grows, and is refused when it is damaged or others can read it."""
    path = tmp_path / "keys" / "line.key"
    line = Lineage.new().with_rows(np.array([5, 2], np.uint64), np.array([7], np.uint64))
    lineage.write(path, line)
    assert path.stat().st_mode & 0o777 == 0o600
    lineage.write(path, Lineage(line.key, np.array([9], np.uint64), np.zeros(0, np.uint64)))
    found = lineage.read(path)
    assert found is not None
    assert (found.key, found.drawn.tolist(), found.listed.tolist()) == (line.key, [2, 5, 9], [7])
    assert lineage.read(tmp_path / "none") is None
    whole = path.read_bytes()
    for damaged in (b"", whole[:-3], b"X" + whole[1:], whole[:40] + b"\xff" * 8 + whole[48:]):
        path.write_bytes(damaged)
        with pytest.raises(BuildError, match="damaged"):
            lineage.read(path)
    path.write_bytes(whole)
    path.chmod(0o644)
    with pytest.raises(StoreError):
        lineage.read(path)
