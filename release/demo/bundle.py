"""The bundled data of the demo: `source/` (an image folder), `lists/` (four known lists as CSV) and NOTICE.md."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def bundle() -> Path:
    """Return the folder of the bundled data. It is read-only: a demo works on a copy."""
    return Path(str(files("release.demo"))) / "data"
