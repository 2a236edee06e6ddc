"""Loading and streaming from a Hub, and verifying what lies there: what it fails at and lies about never becomes a row."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hub_lies import LIES
from hub_server import environment
from made import Made, Maker, withdrawn
from on_hub import FIRST, NAME, ROWS, SECOND, SHARD, Hub, files_of

CAPTIONS = [row["caption"] for row in ROWS]
NOT_READ = {"another card"}  # by a stream
IN_PARTS = {"file-digest": "range-digest"}  # how a stream tells other bytes


def test_a_stream_fetches_the_record_and_what_it_reads(hub: Hub) -> None:
    """Ranges of the commit that was resolved, in order, each once; nothing else of the data, and no file of it stays."""
    assert hub.read(["stream"]) == [CAPTIONS]
    asked = [request for request in hub.repository.requests if SHARD in request]
    assert all(f"/resolve/{FIRST}/" in request and "bytes=" in request for request in asked)
    assert len(asked) == 1 + 5  # the footer, and five row groups
    assert not [request for request in hub.repository.requests if "README.md" in request or "opinions/" in request]
    assert not list(hub.home.rglob("*.parquet")) or all("release" in path.parts for path in hub.home.rglob("*.parquet"))


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_of_the_hub_never_becomes_a_row(hub: Hub, first: Made, make: Maker, lie: str) -> None:
    """Verifying, loading and streaming tell each lie by its code; what a stream does not read cannot deceive it."""
    tell, version, code = LIES[lie]
    tell(hub, first, make)
    found = hub.run("verify", f"hub:{NAME}{version}", "--trust", str(hub.trust), code=5 if code == "no-candidate" else 1)
    codes = [failure["code"] for failure in found["failures"]] if "failures" in found else [found["error"]["code"]]
    assert code in codes
    streamed: Any = CAPTIONS if lie in NOT_READ else IN_PARTS.get(code, code)
    assert hub.read(version=version) == [code, streamed]


@pytest.mark.parametrize("faults", [[500], [429], [412], ["cut"], ["truncate"], ["flip"], ["whole"], ["", "flip"], ["cut", 500, "flip"]])
def test_every_read_ends_well_or_not_at_all(hub: Hub, faults: Sequence[int | str]) -> None:
    """Whatever goes wrong on the way: true rows in the end, and no others before."""
    for way in ("load", "stream"):
        hub.repository.faults[SHARD] = list(faults)
        assert hub.read([way], times=len(faults) + 1) == [CAPTIONS]
        assert way == "load" or not hub.repository.faults[SHARD]  # which asks once


@pytest.mark.parametrize("faults", [[500], [429], [412], ["cut"], ["truncate"], ["flip"]])
def test_verifying_what_lies_there_survives_the_way(hub: Hub, faults: Sequence[int | str]) -> None:
    """A fault on the way is told as one, or mended; the next run says `verified`, and nothing stays of either."""
    hub.repository.faults[SHARD] = list(faults)
    words = ["verify", f"hub:{NAME}", "--trust", str(hub.trust)]
    mended = faults[0] in (500, 429, "cut")
    found = hub.run(*words, code=0 if mended else 1)
    assert mended or found["error"]["code"].partition("-")[0] in ("hub", "file")
    assert hub.run(*words)["verdict"] == "verified"


def test_a_withdrawn_release_gives_no_rows(hub: Hub, first: Made) -> None:
    """Neither loaded nor streamed, by the tag of its version either."""
    withdrawn(first)
    hub.repository.at[SECOND] = files_of(first)
    hub.repository.commits |= {"main": SECOND, SECOND: SECOND}
    assert hub.read() == ["withdrawn", "withdrawn"]
    assert hub.read(version="@1.0.0") == ["withdrawn", "withdrawn"]
    assert not [request for request in hub.repository.requests if SHARD in request]


def test_the_guide_s_example_streams(hub: Hub) -> None:
    """The program of docs/hobbyist.md runs as it stands, reads every row once, and its positions lead to the end."""
    text = (Path(__file__).resolve().parents[2] / "docs" / "hobbyist.md").read_text(encoding="utf-8")
    program = next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "release.stream" in block)
    told = "\n        print(caption)\n"
    printing = (
        program.replace("  # the picture's file, as it was screened\n", told) + "\nprint(list(stream.shard(2, part).after(position)))\n"
    )
    assert told in printing
    env = environment(hub.endpoint, hub.home / "hf")
    (hub.home / "trust.json").write_bytes(hub.trust.read_bytes())
    command = [sys.executable, "-c", printing]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=env, cwd=hub.home)
    assert done.returncode == 0, done.stderr
    *found, rest = done.stdout.splitlines()
    assert sorted(found) == sorted(CAPTIONS)
    assert rest == "[]"
