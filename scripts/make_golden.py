"""Make the golden release of this format version: what `release init` starts with, published with two auditors.

python scripts/make_golden.py tests/golden/0.1

It types what people type. The keys lie in a temporary folder and are gone at its end, so no second run makes the same release,
and none can add to its log: a golden release is made once for each format version, and verifies for ever at the time in expect.json.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from release import trustfile

NAME, INSTITUTION = "example/golden", "institution.example.org"
AUDITORS = ("auditor-one.example.org", "auditor-two.example.org")
INCOMPLETE = 5
PICTURES_LEFT_OUT = 2  # of six
FRESH_SECONDS = 10 * 365 * 86_400


def type_in(*words: str | Path, code: int = 0) -> None:
    """Run a command of the product, which must end with `code`."""
    done = subprocess.run([sys.executable, "-m", "release", *map(str, words)], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode != code:
        raise SystemExit(f"release {words[0]} ended with {done.returncode}: {done.stdout}{done.stderr}")


def leave_out(source: Path, count: int) -> None:
    """Take the first pictures out of a source, so that the release stays small."""
    index = source / "metadata.jsonl"
    lines = index.read_text(encoding="utf-8").splitlines(keepends=True)
    for line in lines[:count]:
        (source / json.loads(line)["file_name"]).unlink()
    index.write_text("".join(lines[count:]), encoding="utf-8")


def people(folder: Path) -> None:
    """Let the institution and the auditors make their keys, and the trust file name them."""
    home = folder / "institution"
    type_in("init", home, "--name", NAME, "--organisation", INSTITUTION)
    leave_out(home / "source", PICTURES_LEFT_OUT)
    for auditor in AUDITORS:
        type_in("auditor", "new", folder / auditor, "--organisation", auditor)
        type_in("trust", "add-auditor", home / "trust.json", folder / auditor / "auditor.json", "--tier", "matches")


def publish(folder: Path) -> Path:
    """Build, audit, cosign and publish; return the release."""
    home, out = folder / "institution", folder / "published"
    candidate, command = home / "candidate", ("publish", home / "candidate", "--to", out, "--plan", home / "plan.toml")
    type_in("build", home / "plan.toml", "--out", candidate)
    auditors = [
        ("--key", folder / name / "auditor.pem", "--identity", folder / name / "identity.age", "--trust", home / "trust.json")
        for name in AUDITORS
    ]
    for auditor in auditors:
        type_in("audit", candidate, *auditor, "--lists", home / "lists", "--source", home / "source")
    type_in(*command, code=INCOMPLETE)
    for auditor in auditors:
        type_in("audit", candidate, *auditor, "--cosign")
    type_in(*command)
    return out


def main() -> None:
    """Make the release in the folder that the command line names."""
    place = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        people(folder)
        pinned = folder / "institution" / "trust.json"
        trust = trustfile.read(pinned)
        trustfile.write(pinned, replace(trust, policy=replace(trust.policy, fresh_seconds=FRESH_SECONDS)))
        release = publish(folder)
        place.mkdir(parents=True)
        shutil.copytree(release, place / "release")
        shutil.copyfile(pinned, place / "trust.json")
    said = {"now": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "verdict": "verified"}
    (place / "expect.json").write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
