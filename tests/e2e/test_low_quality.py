"""Pictures with little in them, from the plan to the verdict: left out by default, or kept, counted and shown."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from project import EXACT, LINKS, NEAR, Project, Row, Wanted, encoded, in_process, make, rows

BLANK = np.full((192, 256), 90, np.uint8)
BLANK[60:110, 40:150] = 130


@pytest.fixture(scope="module")
def source() -> list[Row]:
    """Return four clean rows and one whose picture is one grey patch on another."""
    blank = Row(encoded(Image.fromarray(BLANK), "PNG"), "A wall", "https://pictures.example.org/wall", "wall.png")
    return [*rows(3), blank, *rows(5)[4:]]


def attested(folder: Path, step: str) -> dict[str, Any]:
    """Return the predicate of a step's attestation."""
    (path,) = (folder / "attestations").glob(f"*-{step}.*")
    payload = json.loads(path.read_bytes())["dsseEnvelope"]["payload"]
    predicate: dict[str, Any] = json.loads(base64.b64decode(payload))["predicate"]
    return predicate


def built(project: Project, out: Path) -> dict[str, Any]:
    """Return the counts of a build."""
    answer = in_process("build", project.plan, "--out", out, "--format", "json")
    assert answer.code == 0, answer.text
    counts: dict[str, Any] = json.loads(answer.out)["rows"]
    return counts


def test_a_picture_of_low_quality_is_left_out_by_default(tmp_path: Path, source: list[Row]) -> None:
    """It is unscreenable with its reason, and the attestation says that none was kept."""
    counts = built(make(tmp_path / "project", source), tmp_path / "candidate")
    assert (counts["kept"], counts["unscreenable"]) == (4, {"low-quality": 1})
    predicate = attested(tmp_path / "candidate", "near-copies")
    assert (predicate["unscreenable"], predicate["keptLowQuality"]) == (1, 0)


def test_a_picture_of_low_quality_that_the_plan_keeps_is_counted_and_shown(tmp_path: Path, source: list[Row]) -> None:
    """Attestation, card and verdict tell the number; the parameters that let it stay are attested."""
    steps = (EXACT, NEAR + 'low_quality = "keep"\n', LINKS)
    project = make(tmp_path / "project", source, Wanted(steps=steps))
    out = tmp_path / "candidate"
    counts = built(project, out)
    assert (counts["kept"], counts["unscreenable"]) == (5, {})
    predicate = attested(out, "near-copies")
    assert (predicate["keptLowQuality"], predicate["parameters"]["low_quality"], predicate["parameters"]["quality"]) == (1, "keep", 50)
    assert "| 2. near-copies | near-hash | 5 | 0 | 0 | 5 | 1 |" in (out / "README.md").read_text(encoding="utf-8")
    verdict = json.loads(in_process("verify", out, "--trust", project.folder / "trust.json", "--format", "json").out)
    assert [step["keptLowQuality"] for step in verdict["steps"]] == [0, 1, 0]
