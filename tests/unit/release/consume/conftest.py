"""Small releases of real data files."""

from __future__ import annotations

from pathlib import Path

import pytest
from made import Maker, maker


@pytest.fixture
def make(tmp_path: Path) -> Maker:
    """Return a function that writes a release of rows by split."""
    return maker(tmp_path)
