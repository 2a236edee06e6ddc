"""`near-hash` on declared PhotoDNA values: hits go, rows without a usable value are unscreenable, the self-test notices blindness."""

from __future__ import annotations

import base64
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from release import canary
from release.errors import ListError, PlanError, StepError
from release.fingerprint import Fingerprints
from release.lists import ImportRequest, ListStore
from release.match import VectorIndex
from release.plan import load
from release.steps import KEPT, REMOVED, UNSCREENABLE, Rows, Step, build_steps, kinds

TODAY = date(2026, 3, 1)
PLAN = """\
[release]
name = "a/b"
version = "1.0.0"
license = "x"
[source]
path = "source"
columns = {{ {columns} }}
[[step]]
name = "one"
kind = "near-hash"
lists = ["known"]
{step}
"""
ON = 'on = "declared"\ndistance = 30'
COLUMN = 'declared = { photodna = "pdna" }'
VALUE = bytes(range(100, 244))


def near(distance: int) -> bytes:
    """Return a value at this Euclidean distance, up to 100, from `VALUE`."""
    return bytes([100 - distance]) + VALUE[1:]


def keep_list(folder: Path, *lines: str, kind: str | None = None) -> None:
    """Import a text list."""
    (folder / "known.txt").write_text("\n".join(lines))
    ListStore(folder / "lists").import_file(folder / "known.txt", ImportRequest("known", TODAY, type=kind), TODAY)


def one_step(folder: Path, step: str = ON, columns: str = COLUMN) -> Step:
    """Return the one step of a plan."""
    (folder / "plan.toml").write_text(PLAN.format(step=step, columns=columns))
    (found,) = build_steps(load(folder / "plan.toml", kinds()), ListStore(folder / "lists"), TODAY)
    return found


def rows_of(values: list[str | None] | list[bytes | None]) -> Rows:
    """Return rows with these values and no images."""
    n = len(values)
    none = {name: np.zeros((n, width), np.uint8) for name, width in (("md5", 16), ("sha1", 20), ("sha256", 32))}
    prints = Fingerprints(
        **none,
        has_bytes=np.zeros(n, np.bool_),
        reason=["no-image"] * n,
        pdq={},
        frame_row=np.zeros(0, np.int64),
        quality=np.full(n, -1, np.int32),
    )
    return Rows(n=n, batch=pa.record_batch({"pdna": pa.array(values)}), fingerprints=prints, problems={})


def test_values_within_the_distance_go_in_every_spelling(tmp_path: Path) -> None:
    """Hex in either case and base64 match list entries in either form; missing and ill-formed values are unscreenable."""
    keep_list(tmp_path, base64.b64encode(VALUE).decode())
    step = one_step(tmp_path)
    text = [near(30).hex().upper(), near(31).hex(), base64.b64encode(near(1)).decode(), None, " ", "xyz", "0" * 288, "A" * 192, "!" * 192]
    verdicts = step.screen(rows_of(text), np.ones(len(text), np.bool_))
    assert verdicts.status.tolist() == [REMOVED, KEPT, REMOVED, *[UNSCREENABLE] * 6]
    assert verdicts.reason == ["", "", "", "no-photodna", "no-photodna", *["bad-photodna"] * 4]
    assert verdicts.which_list[0] == "known"
    assert verdicts.coverage == {"photodna": 3}
    assert (step.covers, step.needs_pixels, step.conventions, step.decoder) == ("declared", False, (), "")


def test_values_stored_as_bytes_match_and_rows_that_are_gone_are_not_counted(tmp_path: Path) -> None:
    """A binary column of 144 bytes is as good; a row that an earlier step took has no coverage."""
    keep_list(tmp_path, VALUE.hex())
    verdicts = one_step(tmp_path).screen(rows_of([near(5), near(90), b"short", VALUE]), np.array([True, True, True, False]))
    assert verdicts.status[:3].tolist() == [REMOVED, KEPT, UNSCREENABLE]
    assert verdicts.coverage == {"photodna": 2}


def test_list_file_refuses_what_is_no_value(tmp_path: Path) -> None:
    """Zeros, the self-test's own, wrong characters and lengths are left out by line and reason."""
    (tmp_path / "known.txt").write_text("\n".join([VALUE.hex(), "0" * 288, canary.photodna().hex(), "!" * 192, "zz" * 144, "ab"]))
    report = ListStore(tmp_path / "lists").import_file(tmp_path / "known.txt", ImportRequest("known", TODAY, type="photodna"), TODAY)
    assert report.entries == {"photodna": 1}
    reasons = [(one.line, one.reason) for one in report.rejected]
    assert reasons == [
        (2, "photodna: all zero"),
        (3, "photodna: reserved for the self-test"),
        (4, "photodna: not base64"),
        (5, "photodna: not hexadecimal"),
        (6, "photodna: 2 characters instead of 288 (hexadecimal) or 192 (base64)"),
    ]


def test_list_of_values_is_told_by_length_and_listed_in_the_order_of_bytes(tmp_path: Path) -> None:
    """288 hexadecimal digits and 192 characters of base64 are PhotoDNA; entries come out distinct and sorted, without the self-test's."""
    keep_list(tmp_path, VALUE.hex(), base64.b64encode(near(7)).decode(), VALUE.hex())
    stored = ListStore(tmp_path / "lists").open("known")
    assert stored.entries == {"photodna": 2}
    assert b"".join(chunk.tobytes() for chunk in stored.raw_entries("photodna")) == near(7) + VALUE


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("distance", [0, 3, 30, 1024])
def test_every_canary_up_to_the_distance_is_caught_and_none_beyond(tmp_path: Path, distance: int, as_bytes: bool) -> None:
    """The self-test row of a source with text or bytes finds the reserved entries, and matches no entry of the list."""
    keep_list(tmp_path, VALUE.hex())
    step = one_step(tmp_path, f'on = "declared"\ndistance = {distance}')
    value = canary.photodna() if as_bytes else canary.photodna().hex()
    found = step.self_test(rows_of([value]))  # type: ignore[list-item]
    planted = len({0, distance // 4, distance // 2, 3 * distance // 4, distance})
    assert (found.planted, found.caught, found.beyond) == (planted, planted, 1)


@pytest.mark.parametrize("found", [[], list(range(30)), list(range(32))])
def test_step_whose_index_misses_or_invents_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: list[int]) -> None:
    """An index that lost its canaries, looks less far or further than the distance would judge rows wrongly."""
    keep_list(tmp_path, VALUE.hex())
    step = one_step(tmp_path)
    monkeypatch.setattr(VectorIndex, "reserved_within", lambda *_: found)
    with pytest.raises(StepError, match="self-test"):
        step.self_test(rows_of([canary.photodna().hex()]))


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ('on = "declared"', "largest Euclidean distance"),
        ('on = "declared"\ndistance = 1025', "from 0 to 1024"),
        ('on = "declared"\ndistance = 3\nconventions = ["full"]', "unknown key"),
        ('on = "stored"', "pixels, declared"),
    ],
)
def test_plan_that_declares_no_usable_distance_is_refused(tmp_path: Path, step: str, told: str) -> None:
    """No default distance is invented, and what belongs to pixels is no parameter."""
    keep_list(tmp_path, VALUE.hex())
    with pytest.raises(PlanError) as caught:
        one_step(tmp_path, step)
    assert told in str(caught.value.faults)


def test_step_without_its_column_or_its_entries_is_refused(tmp_path: Path) -> None:
    """Values that no column could match, or a list that has none, stop the build before a row is read."""
    keep_list(tmp_path, VALUE.hex())
    with pytest.raises(StepError, match=r"source\.columns\.declared\.photodna"):
        one_step(tmp_path, columns='declared = { md5 = "pdna" }')
    with pytest.raises(StepError, match="can use no entry"):
        one_step(tmp_path, "distance = 31", 'image = "image"')
    ListStore(tmp_path / "lists").remove("known")
    with pytest.raises(ListError, match="no usable entry"):
        keep_list(tmp_path, "ab", kind="photodna")
