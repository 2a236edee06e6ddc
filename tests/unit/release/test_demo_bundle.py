"""The bundled pictures, captions and lists of the demo: complete, small, benign by origin, and on reserved domains only."""

from __future__ import annotations

import csv
import hashlib
import json
import runpy
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from release.demo import plan
from release.demo.bundle import bundle
from release.fingerprint import Fingerprinter
from release.plan import Limits
from release.steps import BUILT_IN

RESERVED = ("example.org", "example.net", "example.com")


def records() -> list[dict[str, Any]]:
    """Return the metadata of the bundled source."""
    return [json.loads(line) for line in (bundle() / "source" / "metadata.jsonl").read_text(encoding="utf-8").splitlines()]


def listed(name: str) -> list[dict[str, str]]:
    """Return the rows of a bundled list."""
    return list(csv.DictReader((bundle() / "lists" / f"{name}.csv").read_text(encoding="utf-8").splitlines()))


def test_the_bundle_stays_small() -> None:
    """It travels in every wheel: at most 3 MB."""
    assert sum(path.stat().st_size for path in bundle().rglob("*") if path.is_file()) <= 3_000_000


def test_every_picture_has_its_line_and_every_line_its_picture() -> None:
    """The metadata and the folder name the same files."""
    files = {path.name for path in (bundle() / "source").iterdir()} - {"metadata.jsonl"}
    names = [record["file_name"] for record in records()]
    assert len(names) == len(set(names))
    assert set(names) == files


def test_every_picture_has_a_caption_and_a_link_that_leads_nowhere() -> None:
    """Links lie on domains that RFC 2606 reserves."""
    for record in records():
        assert record["caption"]
        host = urlsplit(record["url"]).hostname or ""
        assert host.endswith(RESERVED)


def test_known_files_are_in_the_source() -> None:
    """Each listed digest is that of one bundled picture."""
    pictures = [path.read_bytes() for path in (bundle() / "source").iterdir() if path.suffix != ".jsonl"]
    there = {hashlib.sha256(data).hexdigest() for data in pictures} | {
        hashlib.md5(data, usedforsecurity=False).hexdigest() for data in pictures
    }
    assert {value for row in listed("known-digests") for value in row.values() if value} <= there


def test_one_picture_ends_too_early_and_all_others_are_whole() -> None:
    """The demo shows one unscreenable row; its other pictures decode within the default limits."""
    names = [record["file_name"] for record in records()]
    with Fingerprinter(Limits()) as fingerprinter:
        found = fingerprinter.run([(bundle() / "source" / name).read_bytes() for name in names])
    assert {name: reason for name, reason in zip(names, found.reason, strict=True) if reason} == {"a-castle.jpg": "truncated"}


def test_columns_say_what_the_pictures_show() -> None:
    """What the demo's later steps look at is measured: made anew, it is what is bundled."""
    script = runpy.run_path(str(Path(__file__).resolve().parents[3] / "scripts" / "make_demo_columns.py"))
    for record in records():
        found = script["measured"](bundle() / "source" / record["file_name"])
        assert found.keys() == {"red", "blue", "embedding"}
        for name, value in found.items():
            told = record[name]
            assert (told is None) == (value is None) == (record["file_name"] == "a-castle.jpg")
            if told is not None:
                assert told == pytest.approx(value, abs=0.01), (record["file_name"], name)


def test_the_plan_has_every_kind_of_step_that_needs_no_more_than_the_bundle() -> None:
    """All built-in kinds but `thin` and `remote`, which have examples of their own; lists and trust file name the same steps."""
    made = tomllib.loads(plan.plan("1.0.0").decode())
    assert {step["kind"] for step in made["step"]} == {kind.kind for kind in BUILT_IN} - {"thin", "remote"}
    assert [(step["name"], step["kind"]) for step in made["step"]] == [(step.name, step.kind) for step in plan.required(())]
    assert {name for step in made["step"] for name in step.get("lists", ())} == set(plan.LISTS)
    assert {path.stem for path in (bundle() / "lists").iterdir()} == set(plan.LISTS)


def test_the_notice_names_where_every_picture_comes_from() -> None:
    """Each caption stands in the table of origins."""
    notice = (bundle() / "NOTICE.md").read_text(encoding="utf-8")
    assert [record["caption"] for record in records() if f"| {record['caption']} | `" not in notice] == []
