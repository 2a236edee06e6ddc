"""A build with a sealed list store: nothing without the passphrase; with it, workers included, the same release."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from project import Project, command

from release.lists import ListStore

WORDS = "a long passphrase"


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory on this system")
def test_a_sealed_store_builds_the_same_release(clean: Project, tmp_path: Path) -> None:
    """Worker processes open the lists in the memory of the build; a wrong passphrase, or none, builds nothing."""
    plain = clean.build(tmp_path / "plain", "--workers", 2, "--format", "json")
    assert plain.code == 0, plain.text
    ListStore(clean.folder / "lists").seal(lambda: WORDS)
    out = tmp_path / "sealed"
    refused = clean.build(out, "--workers", 2)
    assert refused.code == 1
    assert "--lists-passphrase-fd" in refused.text
    assert not out.exists()
    (tmp_path / "words").write_text(WORDS)
    with (tmp_path / "words").open("rb") as file:
        words = ["--workers", 2, "--format", "json", "--lists-passphrase-fd", file.fileno()]
        built = command("build", clean.plan, "--out", out, *words, pass_fds=[file.fileno()])
    assert built.code == 0, built.text
    assert json.loads(built.out)["root"] == json.loads(plain.out)["root"]
    assert not [path for path in (clean.folder / "lists").rglob("*.index") if path.is_file()]
