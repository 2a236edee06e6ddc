"""The walk-through of docs/remote.md, run as it stands: two folders that stand for two institutions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from project import ROOT


def test_the_page_on_asking_a_holder_can_be_followed(tmp_path: Path) -> None:
    """Every command of the page, one after another, in an empty folder: the row that the holder knows is not in the candidate."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "remote.md").read_text(encoding="utf-8"), re.DOTALL)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "release").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m release "$@"\n', encoding="utf-8")
    (programs / "release").chmod(0o755)
    place = tmp_path / "place"
    place.mkdir()
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "".join(blocks)], cwd=place, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"removed +1 +by partner", done.stdout)
    released = json.loads((place / "candidate" / "release.json").read_bytes())
    assert [step["kind"] for step in released["steps"]] == ["exact-hash", "near-hash", "remote"]
