"""The changes that recall is counted for: each gives a picture that decodes, and is what its name says."""

from __future__ import annotations

import importlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return the changes by name."""
    monkeypatch.syspath_prepend(str(ROOT))
    made: dict[str, Any] = importlib.import_module("bench.changes").CHANGES
    return made


def test_every_change_gives_another_file_that_decodes(changes: dict[str, Any]) -> None:
    """No line of the table counts originals, or files that cannot be read."""
    small = np.random.default_rng(3).integers(0, 256, (24, 24, 3), dtype=np.uint8)
    picture = Image.fromarray(small).resize((320, 200), Image.Resampling.BICUBIC)
    files = {name: change(picture) for name, change in changes.items()}
    assert len(set(files.values())) == len(files)
    sizes = {}
    for name, data in files.items():
        with Image.open(io.BytesIO(data)) as copy:
            copy.load()
            sizes[name] = copy.size
    assert sizes["resized to 50%"] == (160, 100)
    assert sizes["turned by 90 degrees"] == (200, 320)
    assert sizes["crop of 5% per side"] == (288, 180)
    assert sizes["white frame of 2%"] == (328, 208)


def test_changes_are_the_same_at_every_run(changes: dict[str, Any]) -> None:
    """Nothing is drawn anew, so that a table can be made again."""
    picture = Image.linear_gradient("L").convert("RGB")
    assert {name: change(picture) for name, change in changes.items()} == {name: change(picture) for name, change in changes.items()}
