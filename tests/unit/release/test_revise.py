"""The second pass: what a step that has seen every shard takes out afterwards, and what the accounts then say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest

from audit_logs.statement import SelfTest
from release import store, table
from release.account import add_up, check_balance
from release.errors import StepError
from release.plan import Columns, Limits
from release.receipt import Receipt
from release.revise import second_pass
from release.rows import dataset_root, row_digests, tree_root
from release.screen import Job, Screening
from release.source import SourceBatch, Unit
from release.steps import Held, Rows, Taken, UnitResult, Verdicts

SCHEMA = pa.schema([("text", pa.string())])


@dataclass(frozen=True)
class Words:
    """A source of two shards of texts."""

    units: tuple[Unit, ...] = (Unit(0, "train", 5, None), Unit(1, "train", 4, None))
    schema: pa.Schema = SCHEMA
    features: Mapping[str, object] = None  # type: ignore[assignment]

    def read(self, unit: Unit, *, batch_bytes: int) -> Iterator[SourceBatch]:  # noqa: ARG002  (the protocol's)
        """Yield the unit in batches of two rows."""
        texts = [f"{unit.index}-{row}" for row in range(unit.rows)]
        for first in range(0, unit.rows, 2):
            yield SourceBatch(pa.record_batch([pa.array(texts[first : first + 2])], schema=SCHEMA), first, {})

    def planted(self, row: pa.RecordBatch, folder: Path) -> Any:  # noqa: ARG002  (the protocol's)
        """Return a source of one row."""
        return replace(self, units=(Unit(0, "train", 1, None),))

    def locator(self, unit: Unit, position: int) -> str:
        """Return a place."""
        return f"{unit.index}:{position}"


class Plain:
    """A step that removes texts ending in 1."""

    name, kind, lists, conventions, needs_pixels = "plain", "plain", (), (), False

    def screen(self, rows: Rows, alive: Any) -> Verdicts:
        """Remove by the last character."""
        status = np.array([text.as_py().endswith("1") for text in rows.batch["text"]], np.uint8)
        return Verdicts(status, [""] * rows.n, ["" for _ in status], {"text": int(alive.sum())})

    def self_test(self, canary: Rows) -> SelfTest:  # noqa: ARG002  (the protocol's)
        """Plant nothing."""
        return SelfTest(0, 0, 0)


class Seeing(Plain):
    """A step that takes what it is told, once it has seen all shards."""

    name = "seeing"

    def __init__(self, taken: dict[int, dict[int, str]], unjudged: dict[int, dict[int, str]] | None = None) -> None:
        self.taken, self.unjudged = taken, unjudged or {}
        self.seen: list[list[int]] = []

    def screen(self, rows: Rows, alive: Any) -> Verdicts:  # noqa: ARG002  (the protocol's)
        """Let every row pass."""
        return Verdicts(np.zeros(rows.n, np.uint8), [""] * rows.n, [""] * rows.n, {})

    def gather(self, results: Sequence[UnitResult], held: Held) -> Taken:  # noqa: ARG002  (the protocol's)
        """Remember what is shown, and name rows."""
        self.seen = [result.status.tolist() for result in results]
        self.notes = [table.read_whole(result.tables["notes"])["text"].to_pylist() for result in results if "notes" in result.tables]
        return Taken(self.taken, told=(f"{self.name} was here",), unscreenable=self.unjudged)


class Remembering(Seeing):
    """A step that remembers a column, for later."""

    name = "remembering"
    note_schema = SCHEMA

    def note(self, rows: Rows, split: str) -> pa.RecordBatch:
        """Remember texts."""
        assert split == "train"
        return rows.batch


@pytest.fixture
def screened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that screens both shards with a plain step and the given gathering ones."""
    monkeypatch.setattr("release.screen.canary_batch", lambda schema, _: pa.record_batch([pa.array(["x"])], schema=schema))
    plan: Any = SimpleNamespace(
        columns=Columns(None, None, None, {}),
        build=SimpleNamespace(row_group_rows=2, limits=Limits()),
        lists=SimpleNamespace(store=tmp_path / "lists"),
    )

    def run(*gathering: Seeing) -> tuple[Job, tuple[Any, ...], list[Receipt]]:
        steps = (Plain(), *gathering)
        monkeypatch.setattr("release.screen.build_steps", lambda *_: steps)
        store.make_private_folder(tmp_path / "work")
        job = Job(plan, cast("Any", replace(Words(), features={})), tmp_path / "work", bytes(32), "00" * 32, {})
        with Screening(job) as screening:
            return job, steps, [screening.run(unit, lambda _: None) for unit in job.source.units]

    return run


def released(job: Job, receipt: Receipt) -> list[str]:
    """Return the texts in a data file, after checking it against its receipt."""
    path = job.work / "tree" / receipt.shard.path
    assert store.file_sha256(path) == receipt.shard.sha256
    batches = list(table.read_groups(path))
    digests = np.concatenate([row_digests(batch) for batch in batches])
    assert tree_root(digests).hex() == receipt.shard.root
    return [text for batch in batches for text in batch["text"].to_pylist()]


def test_rows_move_from_the_kept_to_the_removed_side(screened: Any) -> None:
    """After the second pass data, tables, counts and roots are those of a build in which the row had been removed at once."""
    job, steps, receipts = screened(Seeing({1: {0: "a-rule", 3: "a-rule"}}))
    first, second = second_pass(job, steps, receipts, Held()).receipts
    assert first == receipts[0]
    assert released(job, second) == ["1-2"]
    tallies = add_up([first.tallies, second.tallies])
    check_balance(9, tallies, first.shard.rows + second.shard.rows)
    assert [(tally.entered, tally.removed) for tally in tallies] == [(9, 2), (7, 2)]
    assert second.keyed_roots[:2] == receipts[1].keyed_roots[:2]
    assert second.keyed_roots[2] != receipts[1].keyed_roots[2]
    removed = table.read_whole(job.work / "00001.removed.parquet").to_pylist()
    assert [(row["position"], row["step"], row["list"], row["locator"]) for row in removed] == [
        (5, 2, "a-rule", "1:0"),
        (6, 1, "", "1:1"),
        (8, 2, "a-rule", "1:3"),
    ]
    assert table.read_whole(job.work / "00001.positions.parquet")["kept"].to_pylist() == [False, False, True, False]
    assert table.read_whole(job.work / "00001.kept.parquet").num_rows == 1
    assert {name: store.file_sha256(job.work / f"00001.{name}.parquet") for name in second.tables} == second.tables


def test_a_step_sees_what_is_left_and_the_next_one_sees_less(screened: Any) -> None:
    """Each gathering step is shown the statuses after the one before it."""
    one, two = Seeing({0: {0: "x"}}), Seeing({0: {2: "y"}})
    job, steps, receipts = screened(one, two)
    first, _ = second_pass(job, steps, receipts, Held()).receipts
    assert one.seen[0] == [0, 1, 0, 0, 0]
    assert two.seen[0] == [1, 1, 0, 0, 0]
    assert released(job, first) == ["0-3", "0-4"]
    assert [tally.entered for tally in first.tallies] == [5, 4, 3]


def test_a_later_step_of_the_first_pass_covers_no_more_rows_than_it_takes_in(screened: Any) -> None:
    """It counted the fingerprints of rows that the second pass takes before it: whoever verifies would refuse the release (`counts`)."""
    job, steps, receipts = screened(Seeing({0: {0: "x", 3: "x"}}, {0: {2: "y"}}), Plain())
    first, _ = second_pass(job, steps, receipts, Held()).receipts
    assert [(tally.entered, dict(tally.coverage)) for tally in first.tallies] == [(5, {"text": 5}), (4, {}), (1, {"text": 1})]


def test_an_interrupted_second_pass_screens_its_shards_anew(screened: Any) -> None:
    """A shard that was touched has no receipt any more, so the next run does not take it for finished."""
    job, steps, receipts = screened(Seeing({0: {0: "x"}}))
    assert job.finished(job.source.units[0]) == receipts[0]
    second_pass(job, steps, receipts, Held())
    assert job.finished(job.source.units[0]) is None
    assert job.finished(job.source.units[1]) == receipts[1]


def test_rows_that_a_step_could_not_judge_are_unscreenable(screened: Any) -> None:
    """They are not kept, have their reason and no list, and the accounts tell them from removed ones."""
    job, steps, receipts = screened(Seeing({1: {0: "a-rule"}}, {1: {3: "no-word"}, 0: {2: "no-word"}}))
    first, second = second_pass(job, steps, receipts, Held()).receipts
    assert (released(job, first), released(job, second)) == (["0-0", "0-3", "0-4"], ["1-2"])
    tallies = add_up([first.tallies, second.tallies])
    check_balance(9, tallies, first.shard.rows + second.shard.rows)
    assert (tallies[1].removed, dict(tallies[1].unscreenable), dict(tallies[1].by_list)) == (1, {"no-word": 2}, {"a-rule": 1})
    gone = table.read_whole(job.work / "00001.removed.parquet").to_pylist()
    assert [(row["position"], row["status"], row["reason"], row["list"]) for row in gone] == [
        (5, "removed", "", "a-rule"),
        (6, "removed", "", ""),
        (8, "unscreenable", "no-word", ""),
    ]


def test_a_row_cannot_have_two_fates(screened: Any) -> None:
    """A step that removes a row and cannot judge it is refused, as is one that cannot judge a row that is gone."""
    job, steps, receipts = screened(Seeing({1: {0: "x"}}, {1: {0: "why"}}))
    with pytest.raises(StepError, match="both removes"):
        second_pass(job, steps, receipts, Held())
    job, steps, receipts = screened(Seeing({}, {1: {1: "why"}}))
    with pytest.raises(StepError, match="names a row"):
        second_pass(job, steps, receipts, Held())


@pytest.mark.parametrize("taken", [{0: {1: "gone already"}}, {0: {5: "not there"}}, {7: {0: "no such shard"}}])
def test_a_step_cannot_take_what_is_not_kept(screened: Any, taken: dict[int, dict[int, str]]) -> None:
    """A gathering step that names a removed row, a row beyond the shard or an unknown shard stops the build."""
    job, steps, receipts = screened(Seeing(taken))
    with pytest.raises(StepError, match="names a"):
        second_pass(job, steps, receipts, Held())


def test_roots_of_the_whole_follow(screened: Any) -> None:
    """The release root is that of the rows that are left."""
    job, steps, receipts = screened(Seeing({0: {0: "x"}}))
    done = second_pass(job, steps, receipts, Held()).receipts
    texts = [released(job, receipt) for receipt in done]
    roots = [(tree_root(row_digests(pa.record_batch([pa.array(part)], schema=SCHEMA))), len(part)) for part in texts]
    assert dataset_root(roots) == dataset_root([(bytes.fromhex(receipt.shard.root), receipt.shard.rows) for receipt in done])


def test_a_step_sees_what_it_remembered_of_every_row_and_nobody_elses(screened: Any) -> None:
    """Notes are private tables of their own: of all source rows, also of those that a step before took."""
    seeing, remembering = Seeing({}), Remembering({1: {0: "x"}})
    job, steps, receipts = screened(seeing, remembering)
    revised = second_pass(job, steps, receipts, Held())
    assert remembering.notes == [["0-0", "0-1", "0-2", "0-3", "0-4"], ["1-0", "1-1", "1-2", "1-3"]]
    assert seeing.notes == []
    assert revised.told == ("seeing was here", "remembering was here")
    assert (job.work / "00000.notes-3.parquet").stat().st_mode & 0o777 == 0o600
    assert job.finished(job.source.units[0]) == receipts[0]
