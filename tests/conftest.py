"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

CONFORMANCE = Path(__file__).resolve().parents[1].parent / "shared" / "conformance"


@pytest.fixture(scope="session")
def conformance() -> Path:
    """Return the folder of foreign test data, or skip where it is absent."""
    if not CONFORMANCE.is_dir():
        pytest.skip("foreign test data is not beside this checkout")
    return CONFORMANCE
