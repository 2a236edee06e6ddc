"""The benchmark runs without pictures, peers or a network as far as it can, and takes no figure from a search that is not exact."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PARTS = ("near", "exact", "delta")


def test_quick_run_of_the_searches_tells_figures_and_writes_them(tmp_path: Path) -> None:
    """Whoever has no photographs and no peers can still measure the searches."""
    command = [sys.executable, "-m", "bench", *PARTS, "--quick", "--rounds", "1", "--results", str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    for size in ("2000", "20000"):
        seen = found["near"][size]["contestants"]["ours"]
        assert seen["rate"] > 0
        assert len(seen["seconds"]) == len(seen["processor"]) == 1
    assert found["delta"]["count"] == 50_000
    assert (tmp_path / "bench.md").read_text(encoding="utf-8").strip() == run.stdout[run.stdout.rindex("| queries/s, near match") :].strip()


def test_search_that_misses_one_query_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A contestant whose answers are not exactly the planted ones has no figure."""
    monkeypatch.syspath_prepend(str(ROOT))
    from bench import material, near

    hits = [at for at in material.within(near.QUERIES, 31) if at < 400]
    near._check("whole", {"count": 400, "hits": hits})
    for wrong in (hits[1:], [*hits, 399]):
        with pytest.raises(SystemExit, match="exactly"):
            near._check("lossy", {"count": 400, "hits": wrong})


def test_quick_run_of_getting_tells_figures_and_writes_them(tmp_path: Path) -> None:
    """A release of a few megabytes is served, fetched in four ways, exported in every layout, and its receipt checked."""
    command = [sys.executable, "-m", "bench.get", "--mb", "8", "--files", "300", "--rounds", "1", "--results", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    found = json.loads((tmp_path / "get.json").read_text(encoding="utf-8"))
    runs = [*found["downloads"].values(), *found["exports"].values(), found["receipt"]["check"]]
    assert [len(one) for one in runs] == [1] * 9
    assert all(one[0]["seconds"] > 0 and one[0]["peak"] > 0 for one in runs)
    assert (tmp_path / "get.md").read_text(encoding="utf-8") == run.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["get.json", "get.md"]
