"""`release plan check` and `release plan explain`: what is there, what is missing, and what a build may come to."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from links import EXACT, project, write_plan
from project import KNOWN_LINK, Project, in_process, row

from release.build.explain import sample
from release.source import Unit

UNSAFE = '[[step]]\nname = "unsafe"\nkind = "classifier"\ncolumn = "punsafe"\nthreshold = 0.8\n'
THIN = '[[step]]\nname = "cover"\nkind = "thin"\nleast_cell = 300\n'


@pytest.fixture
def scored(tmp_path: Path) -> Project:
    """Return a project of 1,000 rows in shards of 100, of which a fifth scores high and one is listed."""
    links = [f"https://pictures.example.org/all/{i}" for i in range(1000)]
    links[5] = row(KNOWN_LINK).url
    scores = pa.array([(i % 10) / 10 for i in range(1000)], pa.float32())
    made = project(tmp_path / "project", {"url": links, "punsafe": scores}, "")
    write_plan(made, EXACT + UNSAFE + THIN, shard_rows=64)
    return made


def test_every_need_of_a_good_plan_is_there(scored: Project) -> None:
    """Steps are told in words, lists by counts and age, never by value."""
    answer = in_process("plan", "check", scored.plan)
    assert answer.code == 0, answer.text
    for told in (
        "1. known-files (url) takes rows whose link stands in a list of links, or leads to a listed domain",
        "2. unsafe (classifier) takes rows that score at or beyond a threshold",
        "3. cover (thin) takes rows drawn so that rows which a list took are hidden among them",
        "the list known-urls: 1 url; of ",
        "the memory of the line: the line's first build makes it",
        "Everything is there.",
    ):
        assert told in answer.out
    assert "MISSING" not in answer.out
    assert row(KNOWN_LINK).url not in answer.text


@pytest.mark.parametrize(
    ("step", "told"),
    [
        (UNSAFE.replace('"punsafe"', '"caption"'), "MISSING  its columns in the source: the step cannot use the column 'caption'"),
        (EXACT.replace("known-urls", "no-such-list"), "MISSING  the list no-such-list: there is no list"),
        (EXACT.replace("known-urls", "known-pdq"), "MISSING  what it works with: a url step can use no entry of the list"),
        (
            (
                '[[step]]\nname = "p"\nkind = "classifier"\nthreshold = 1\n'
                'plugin = { name = "none", version = "1", license = "x", columns = ["caption"] }\n'
            ),
            "MISSING  what it works with: there is no such classifier",
        ),
    ],
)
def test_what_is_missing_is_named_all_at_once(scored: Project, step: str, told: str) -> None:
    """A missing list, column or plug-in is told with its next step; the exit code is 1."""
    write_plan(scored, step + '[[step]]\nname = "also"\nkind = "classifier"\ncolumn = "gone"\nthreshold = 1\n')
    (scored.folder / "keys" / "log.pem").unlink()
    answer = in_process("plan", "check", scored.plan)
    assert answer.code == 1
    assert told in answer.out
    assert "MISSING  the log's key" in answer.out
    assert "no column 'gone'" in answer.out
    said = json.loads(in_process("plan", "check", scored.plan, "--format", "json").out)
    assert said["complete"] is False


def test_what_readers_will_miss_in_the_card_is_told_and_stops_nothing(scored: Project) -> None:
    """A plan without a contact and a policy on withdrawals is complete, and what the card will say instead is told."""
    write_plan(scored, EXACT)
    answer = in_process("plan", "check", scored.plan)
    assert answer.code == 0, answer.text
    assert "not said card.contact: the card will say that no contact is named" in answer.out
    scored.plan.write_text(scored.plan.read_text() + '[card]\ncontact = "data@example.org"\nwithdrawal = "At once."\nlanguage = ["en"]\n')
    said = json.loads(in_process("plan", "check", scored.plan, "--format", "json").out)
    assert (said["complete"], said["notes"]) == (True, [])


def test_a_build_is_estimated_from_a_few_shards(scored: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Counts scale with the rows of the sample; nothing that was screened is left."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    answer = in_process("plan", "explain", scored.plan, "--shards", 5, "--format", "json")
    assert answer.code == 0, answer.text
    found = json.loads(answer.out)
    assert (found["rows"], found["sampled_shards"]) == (1000, 5)
    assert found["sampled_rows"] < 500
    assert 180 <= found["removed"]["unsafe"] <= 220
    assert found["later"] == ["cover"]
    assert abs(found["kept"] + sum(found["removed"].values()) + found["unscreenable"] - 1000) <= 3
    assert min(found["seconds"], found["memory"], found["bytes"]) > 0
    assert list((tmp_path / "temporary").iterdir()) == []
    told = in_process("plan", "explain", scored.plan, "--shards", 100)
    assert "by cover (not tried: it needs every shard)" in told.out
    assert "kept                     799" in told.out


def test_a_sample_is_spread_over_the_source() -> None:
    """Neither only the first shards nor one twice."""
    units = tuple(Unit(index, "train", 1, None) for index in range(10))
    assert [unit.index for unit in sample(units, 3)] == [1, 5, 8]
    assert [unit.index for unit in sample(units, 1)] == [5]
    assert sample(units, 10) == list(units)
    assert sample(units, 99) == list(units)
