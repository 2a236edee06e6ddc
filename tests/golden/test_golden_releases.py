"""Releases that were published once verify for ever, and a format from the future is refused by its name."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from audit_logs import manifest, seen, trust
from audit_logs.errors import FormatError
from audit_logs.fields import instant
from audit_logs.files import FolderFiles
from audit_logs.report import EXIT_CODES
from audit_logs.verify import verify as light
from release.consume.verify import verify as full

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "scripts"))
import run_vectors  # noqa: E402 - the path comes first

VERSIONS = sorted(path.parent for path in HERE.glob("*/expect.json"))

every_version = pytest.mark.parametrize("golden", VERSIONS, ids=[path.name for path in VERSIONS])


def expected(golden: Path) -> tuple[str, datetime]:
    """Return a golden release's verdict, and the time at which it is asked for."""
    said = json.loads((golden / "expect.json").read_text(encoding="utf-8"))
    return said["verdict"], instant(said["now"])


def second(golden: Path) -> tuple[int, dict[str, Any]]:
    """Ask the JavaScript verifier; return its exit code and its report."""
    if reason := run_vectors.missing_node():
        pytest.skip(reason)
    now = f"{expected(golden)[1]:%Y-%m-%dT%H:%M:%SZ}"
    command = ("node", ROOT / "verifier-js" / "cli.mjs", "verify", golden / "release", "--trust", golden / "trust.json", "--now", now)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout)


def test_every_format_version_has_a_golden_release() -> None:
    """The version of today's formats is among them."""
    assert manifest.TYPE.rpartition("/v")[2] in [golden.name for golden in VERSIONS]


@every_version
def test_the_light_verifier_says_what_it_said_then(golden: Path) -> None:
    """From the standard library alone."""
    verdict, now = expected(golden)
    report = light(FolderFiles(golden / "release"), (golden / "trust.json").read_bytes(), now=now)
    assert (report.verdict, report.failures) == (verdict, ())


@every_version
def test_the_full_verifier_says_what_it_said_then(golden: Path) -> None:
    """Down to the rows."""
    verdict, now = expected(golden)
    report = full(golden / "release", golden / "trust.json", now=now)
    assert (report.verdict, report.failures) == (verdict, ())


@every_version
def test_the_second_verifier_says_the_same(golden: Path) -> None:
    """In JavaScript, where node is there."""
    code, report = second(golden)
    assert (code, report["failures"]) == (EXIT_CODES[expected(golden)[0]], [])


@every_version
def test_a_golden_release_holds_no_private_key(golden: Path) -> None:
    """The keys that made it are gone."""
    files = [path.read_bytes() for path in golden.rglob("*") if path.is_file()]
    assert len(files) > 10
    assert not any(b"PRIVATE KEY" in data or b"AGE-SECRET-KEY" in data for data in files)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the newest golden release."""
    return shutil.copytree(VERSIONS[-1], tmp_path / "golden")


@pytest.mark.parametrize(
    ("file", "kind", "where"),
    [("release/release.json", manifest.TYPE, "release.json._type"), ("trust.json", trust.TYPE, "trust file._type")],
    ids=["manifest", "trust file"],
)
def test_a_newer_format_is_refused_by_name(file: str, kind: str, where: str, copy: Path) -> None:
    """Both verifiers point to the format's name, and say which they know, whatever else the file may hold."""
    path = copy / file
    newer = kind.replace("/v0.1", "/v0.2")
    path.write_bytes(path.read_bytes().replace(kind.encode(), newer.encode())[:-1] + b',"zenith":1}')
    report = light(FolderFiles(copy / "release"), (copy / "trust.json").read_bytes(), now=expected(copy)[1])
    assert [(failure.where, failure.expected) for failure in report.failures] == [(where, kind)]
    code, said = second(copy)
    assert (code, [failure["code"] for failure in said["failures"]]) == (1, [failure.code for failure in report.failures])


def test_a_newer_state_file_is_refused_by_name(copy: Path) -> None:
    """What a newer program remembered is not taken for what this one would have."""
    report = light(FolderFiles(copy / "release"), (copy / "trust.json").read_bytes(), now=expected(copy)[1])
    assert report.seen is not None
    newer = seen.encode(report.seen).replace(b"/seen/v0.1", b"/seen/v0.2")
    with pytest.raises(FormatError) as caught:
        seen.parse(newer)
    assert caught.value.where.endswith("_type")
    assert caught.value.expected.endswith("/seen/v0.1")
