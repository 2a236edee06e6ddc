"""How many rows a row group has where the plan does not say, and that a line keeps the number."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from audit_logs import manifest as manifests
from audit_logs.manifest import Previous
from release.build.groups import by_size, of_line
from release.build.line import Line
from release.source import Source

GOLDEN = Path(__file__).parents[3] / "golden" / "0.1" / "release"


def _source(rows: int, mean: int, *, images: bool = True) -> Source:
    made = SimpleNamespace(stored_bytes=rows * mean, units=[SimpleNamespace(rows=rows)], image="image" if images else None)
    return cast("Source", made)


@pytest.mark.parametrize(
    ("mean", "rows"),
    [(38_000, 512), (65_536, 512), (65_537, 256), (1_700_000, 16), (5_000_000, 16), (50_000_000, 16), (1_024, 512), (1_023, 128), (0, 128)],
)
def test_a_row_group_holds_about_so_many_bytes(mean: int, rows: int) -> None:
    """32 MiB, within 16 and 512 rows; rows that only name their pictures say nothing of these, and get 128."""
    assert by_size(_source(1000, mean)) == rows


@pytest.mark.parametrize(("mean", "rows"), [(100, 8192), (40_000, 512), (0, 8192)])
def test_rows_without_pictures_stand_in_larger_groups(mean: int, rows: int) -> None:
    """Texts are small."""
    assert by_size(_source(1000, mean, images=False)) == rows


def test_a_source_without_rows_is_no_division_by_zero() -> None:
    """It is refused elsewhere, in words."""
    assert by_size(_source(0, 0)) == 128


def test_a_line_keeps_the_row_groups_of_its_last_release() -> None:
    """Else the mean size of a changed source could move every border, and nothing of the version before could be used again."""
    manifest = manifests.parse((GOLDEN / "release.json").read_bytes())
    last = Previous(version=manifest.version, manifest="ab" * 32)
    other = 5_000_000 if manifest.row_group_rows != 16 else 38_000
    assert by_size(_source(1000, other)) != manifest.row_group_rows
    assert of_line(Line(GOLDEN / "log", last, GOLDEN), _source(1000, other)) == manifest.row_group_rows
    assert of_line(Line(None, None, None), _source(1000, other)) == by_size(_source(1000, other))
