"""Builds that take the neighbours of what was removed: by hashes, by vectors, and never more than one row may drag."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from links import EXACT, attested, audit, project, texts, write_plan
from project import EXACT as FILES
from project import KNOWN_FILE, KNOWN_LINK, Project, Row, Wanted, encoded, make, picture, row, rows
from scoring import again, opened, read, rows_of

from release.audit.neighbourhood import Neighbourhood
from release.errors import PlanError
from release.fingerprint import pdq
from release.steps import UNSCREENABLE
from release.steps.nearness import Hashes

VECTORS = '[[step]]\nname = "near"\nkind = "neighbours"\n{more}embedding = {{ column = "v", length = 2, distance = 0.1 }}\n'
UNSAFE = '[[step]]\nname = "unsafe"\nkind = "classifier"\ncolumn = "punsafe"\nthreshold = 0.8\n'
PIXELS = '[[step]]\nname = "near"\nkind = "neighbours"\npdq = {radius}\nconventions = ["full"]\n'


def turned(degrees: float) -> list[float]:
    """Return a vector of length 3 at an angle."""
    return [3 * math.cos(math.radians(degrees)), 3 * math.sin(math.radians(degrees))]


@pytest.fixture
def circle(tmp_path: Path) -> Project:
    """Return a project of 72 rows, five degrees apart; the row at 50 degrees is listed, that at 200 scores high."""
    urls = [f"https://pictures.example.org/all/{i}" for i in range(72)]
    urls[10] = row(KNOWN_LINK).url
    scores = [0.9 if i == 40 else 0.1 for i in range(72)]
    vectors = pa.array([turned(5 * i) for i in range(72)], pa.list_(pa.float32()))
    return project(tmp_path / "project", {"url": urls, "punsafe": scores, "v": vectors}, "")


def test_rows_near_a_removed_one_go_wherever_they_lie(circle: Project, tmp_path: Path) -> None:
    """A cosine distance of 0.1 is 25.8 degrees to either side, across shards; the attestation counts them, and the card says why."""
    write_plan(circle, EXACT + UNSAFE + VECTORS.format(more=""), shard_rows=16)
    out = tmp_path / "candidate"
    answer = circle.build_here(out)
    assert answer.code == 0, answer.text
    gone = {*range(5, 16), *range(35, 46)}
    assert texts(out) == [f"view {i}" for i in range(72) if i not in gone]
    step = attested(out)[2]
    assert (step["removed"], step["coverage"], step["covers"]) == (20, {"vector": 70}, "declared")
    assert step["parameters"]["embedding"] == {"column": "v", "length": 2, "distance": "0.1"}
    audited, claims = audit(circle, out)
    assert audited.code == 0, audited.text
    assert claims["counts"]["result"] == "confirmed"
    assert claims["filters"]["result"] == "not-checkable"


def test_only_listed_rows_may_have_neighbours(circle: Project, tmp_path: Path) -> None:
    """With `of = "listed"` the neighbours of what a score took stay."""
    write_plan(circle, EXACT + UNSAFE + VECTORS.format(more='of = "listed"\n'))
    out = tmp_path / "candidate"
    assert circle.build_here(out).code == 0
    assert texts(out) == [f"view {i}" for i in range(72) if i not in {*range(5, 16), 40}]


def test_one_row_drags_no_more_than_the_plan_says(circle: Project, tmp_path: Path) -> None:
    """Ten neighbours are one too many for nine: nothing is signed."""
    write_plan(circle, EXACT + VECTORS.format(more="drag = 9\n"))
    answer = circle.build_here(tmp_path / "candidate")
    assert (answer.code, "[cap]" in answer.err, (tmp_path / "candidate").exists()) == (1, True, False)
    write_plan(circle, EXACT + VECTORS.format(more="drag = 10\n"))
    assert circle.build_here(tmp_path / "candidate").code == 0


def test_neighbours_of_a_hit_have_to_hide_as_the_hit_does(circle: Project, tmp_path: Path) -> None:
    """A public parent would show them: they count as taken because of a list."""
    write_plan(circle, EXACT + VECTORS.format(more=""), parent="public")
    answer = circle.build_here(tmp_path / "candidate")
    assert (answer.code, "[hit-list]" in answer.err) == (1, True)


def test_pictures_near_a_removed_picture_go(tmp_path: Path) -> None:
    """A darker, mirrored copy of a listed file that no exact hash finds lies near it; the list knows nothing of the copy."""
    shown = picture(KNOWN_FILE)
    copy = shown.point(lambda value: value * 0.8).transpose(0)
    codes = [pdq.conventions(np.asarray(one), ("full",))["full"][0] for one in (shown, copy)]
    distance = int(np.bitwise_count(codes[0][0] ^ codes[1]).sum(axis=1).min())
    assert distance <= 60
    source = [*rows(), Row(encoded(copy, quality=80), "A copy", "https://pictures.example.org/copy")]
    made = make(tmp_path / "project", source, Wanted(steps=(FILES, PIXELS.format(radius=64))))
    out = tmp_path / "candidate"
    answer = made.build_here(out)
    assert answer.code == 0, answer.text
    assert "A copy" not in texts(out)
    assert len(texts(out)) == len(source) - 2
    assert attested(out)[1]["conventions"] == ["full"]
    made.write_plan(Wanted(steps=(FILES, PIXELS.format(radius=0))))
    assert made.build_here(tmp_path / "other").code == 0
    assert "A copy" in texts(tmp_path / "other")


def drawn(folder: Path, steps: str) -> Project:
    """Return a project with a darker, mirrored copy of a listed file."""
    copy = encoded(picture(KNOWN_FILE).point(lambda value: value * 0.8).transpose(0), quality=80)
    return make(folder, [*rows(), Row(copy, "A copy", "https://pictures.example.org/copy")], Wanted(steps=(FILES, steps)))


def test_an_auditor_does_it_again_on_sealed_hashes(tmp_path: Path) -> None:
    """Who has the hashes of both sides sees that no row was left near a removed one, and that each that went was near."""
    made = drawn(tmp_path / "project", PIXELS.format(radius=64))
    assert made.build_here(tmp_path / "candidate").code == 0
    audited, claims = audit(made, tmp_path / "candidate")
    assert audited.code == 0, audited.text
    assert claims["filters"]["result"] == "confirmed"
    assert "step 2: no row that it left lies near one that was removed before it" in claims["filters"]["detail"]
    assert "all 1 that it took do" in claims["filters"]["detail"]


@pytest.mark.parametrize(("found", "told"), [([], "left 1 rows that lie near"), ([0], "took 1 rows that lie near no removed one")])
def test_an_institution_cannot_say_that_it_looked_for_neighbours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[int], told: str
) -> None:
    """A step that took nothing, or a row of somebody's choice, is refuted by the sealed hashes."""
    made = drawn(tmp_path / "project", PIXELS.format(radius=64))
    with monkeypatch.context() as patched:
        patched.setattr(
            Hashes, "near", lambda self, of: iter([(row, np.zeros(1, np.int64)) for row in found if self.count and not of.unit])
        )
        assert made.build_here(tmp_path / "candidate").code == 0
    audited, claims = audit(made, tmp_path / "candidate")
    assert (audited.code, claims["filters"]["result"]) == (1, "refuted"), audited.text
    assert told in claims["filters"]["detail"]


def test_a_row_that_a_later_step_cannot_screen_accuses_nobody(tmp_path: Path) -> None:
    """A copy without a vector is gone before anything is compared: the step that would have taken it by its hash left nothing."""
    vectors = '[[step]]\nname = "vectors"\nkind = "neighbours"\nembedding = { column = "v", length = 2, distance = 0 }\n'
    made = drawn(tmp_path / "project", PIXELS.format(radius=64) + vectors)
    file = made.source / "train.parquet"
    source = pq.read_table(file)
    cells = [turned(float(i)) for i in range(source.num_rows - 1)]
    pq.write_table(source.append_column("v", pa.array([*cells, None], pa.list_(pa.float32()))), file, row_group_size=2)
    out = tmp_path / "candidate"
    assert made.build_here(out).code == 0
    assert [(step["removed"], step["unscreenable"]) for step in attested(out)] == [(1, 0), (0, 0), (0, 1)]
    audited, claims = audit(made, out)
    assert (audited.code, claims["filters"]["result"]) == (0, "not-checkable"), audited.text
    assert "step 2: no row that it left lies near" in claims["filters"]["detail"]


def test_neighbours_of_neighbours_are_counted_among_the_rows_that_came_in(tmp_path: Path) -> None:
    """What the first of two such steps takes was no row of the second: its coverage is not above its rows, and the candidate stands."""
    made = drawn(tmp_path / "project", PIXELS.format(radius=64) + PIXELS.format(radius=31).replace('"near"', '"nearer"'))
    out = tmp_path / "candidate"
    assert made.build_here(out).code == 0
    _, near, nearer = attested(out)
    assert (near["removed"], near["coverage"], nearer["coverage"]) == (1, {"pdq-full": 20}, {"pdq-full": nearer["input"]["rows"]})
    audited, claims = audit(made, out)
    assert (audited.code, claims["counts"]["result"], claims["filters"]["result"]) == (0, "confirmed", "confirmed"), audited.text


def test_where_vectors_count_too_what_went_is_not_judged_by_hashes() -> None:
    """Vectors are not sealed: what went may have had its reason in them, and what stayed near a removed row by its hash has none."""
    assert Neighbourhood(left=0, taken=3, far=2, whole=False).faults == []
    assert Neighbourhood(left=1, taken=3, far=2, whole=False).faults == ["left 1 rows that lie near a removed one"]


def test_a_row_without_a_vector_is_unscreenable(tmp_path: Path) -> None:
    """Null, another length, zeros and numbers that are not finite have no direction."""
    step = opened(tmp_path, 'kind = "neighbours"\nembedding = { column = "v", length = 2, distance = 0.1 }\n')
    vectors = [[1, 2], None, [1], [0, 0], [1, float("nan")], [None, 1]]
    found = step.screen(rows_of(v=pa.array(vectors, pa.list_(pa.float64()))), np.ones(6, np.bool_))
    assert found.status.tolist() == [0, *[UNSCREENABLE] * 5]
    assert found.reason[1:] == ["no-vector", *["bad-vector"] * 4]
    assert again("neighbours", step.parameters.canonical())[1] == []


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("", "pdq, embedding or both"),
        ("pdq = 65\n", "from 0 to 64"),
        ('embedding = { column = "v", length = 2, distance = 2.5 }\n', "from 0 to 2"),
        ('embedding = { column = "v", distance = 0.5 }\n', "how many numbers"),
        ('pdq = 3\nof = "all"\n', "one of removed, listed"),
    ],
)
def test_what_a_plan_cannot_say_of_neighbours(tmp_path: Path, step: str, told: str) -> None:
    """Each fault names its key and what may stand there."""
    with pytest.raises(PlanError, match=told):
        read(tmp_path, 'kind = "neighbours"\n' + step)
