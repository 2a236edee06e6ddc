"""The demo as a whole, and what stock readers make of the release that it publishes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey

from audit_logs import trust as trusts
from audit_logs.errors import VerificationError
from audit_logs.verify import FolderFiles, verify
from release.demo.bundle import bundle


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module as a person would."""
    return subprocess.run([sys.executable, "-m", *arguments], capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a demo that was told once."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    told = run("release", "demo", str(folder))
    assert told.returncode == 0, told.stdout + told.stderr
    return folder


def test_the_demo_leaves_what_it_says(demo: Path) -> None:
    """After the demo there are the institution, two auditors, the pinned trust file and the release, and no tampered copy."""
    left = {path.name for path in demo.iterdir()} - {"trust.seen.json"}  # what the verifier remembers of the log
    assert left == {"institution", "auditor-1", "auditor-2", "trust.json", "published"}
    assert not (demo / "published" / "evidence").exists()


@pytest.mark.parametrize("verifier", [("release", "verify"), ("audit_logs", "verify")])
def test_both_verifiers_call_it_verified(demo: Path, verifier: tuple[str, str]) -> None:
    """The full and the light verifier both end with `verified`, and label their facts."""
    said = run(*verifier, str(demo / "published"), "--trust", str(demo / "trust.json"), "--format", "json")
    report = json.loads(said.stdout)
    assert (said.returncode, report["verdict"], report["failures"]) == (0, "verified", [])
    labels = {fact["label"].split(" by ")[0] for fact in report["facts"]}
    assert labels >= {"proven here", "checked", "claimed"}
    assert [opinion["result"] for opinion in report["opinions"]] == ["PASSED", "PASSED"]


def test_a_flipped_byte_is_noticed(demo: Path, tmp_path: Path) -> None:
    """One flipped bit in any data file, card or description ends in `failed` and exit code 1."""
    published = demo / "published"
    names = [path.relative_to(published) for path in (*published.glob("data/*"), published / "README.md", published / "croissant.json")]
    subprocess.run(["cp", "-r", str(published), str(tmp_path / "copy")], check=True)
    trust = (demo / "trust.json").read_bytes()
    for name in names:
        path = tmp_path / "copy" / name
        data = path.read_bytes()
        path.write_bytes(data[:100] + bytes([data[100] ^ 1]) + data[101:])
        report = verify(FolderFiles(tmp_path / "copy"), trust, now=datetime.now(UTC))
        assert (report.verdict, report.exit_code) == ("failed", 1), name
        path.write_bytes(data)


def test_datasets_reads_the_published_folder(demo: Path, tmp_path: Path) -> None:
    """`datasets.load_dataset` on the folder gives every kept row with a picture that decodes."""
    import datasets

    manifest = json.loads((demo / "published" / "release.json").read_text())
    loaded: Any = datasets.load_dataset(str(demo / "published"), split="train", cache_dir=str(tmp_path))
    assert loaded.num_rows == manifest["rows"]
    assert loaded[0]["image"].size[0] > 0
    assert set(loaded.column_names) >= {"image", "caption", "url"}


def test_release_load_gives_data_only_after_verification(demo: Path, tmp_path: Path) -> None:
    """`release.load` returns the rows of a verified folder and raises on a tampered one."""
    import release

    loaded: Any = release.load(demo / "published", trust=demo / "trust.json")
    rows = loaded["train"] if "train" in getattr(loaded, "keys", list)() else loaded
    assert rows.num_rows == json.loads((demo / "published" / "release.json").read_text())["rows"]
    subprocess.run(["cp", "-r", str(demo / "published"), str(tmp_path / "copy")], check=True)
    shard = next((tmp_path / "copy" / "data").iterdir())
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(VerificationError):
        release.load(tmp_path / "copy", trust=demo / "trust.json")


def test_parquet_readers_agree_on_the_rows(demo: Path) -> None:
    """DuckDB and pyarrow read as many rows as the manifest says, with bytes that are those of the source."""
    published = demo / "published"
    manifest = json.loads((published / "release.json").read_text())
    counted = duckdb.read_parquet(f"{published}/data/*.parquet").aggregate("count(*)").fetchall()
    assert counted == [(manifest["rows"],)]
    for shard in sorted(published.glob("data/*.parquet")):
        for row in pq.read_table(shard).to_pylist():
            assert row["image"]["bytes"] == (bundle() / "source" / row["image"]["path"]).read_bytes()


def test_securesystemslib_verifies_every_envelope(demo: Path) -> None:
    """A stock DSSE client accepts each attestation, report and opinion with the key that the trust file names."""
    trust = trusts.parse((demo / "trust.json").read_bytes())
    bundles = [path for folder in ("attestations", "reports", "opinions") for path in (demo / "published" / folder).iterdir()]
    assert len(bundles) == 7
    for path in bundles:
        dsse = json.loads(path.read_bytes())["dsseEnvelope"]
        keyid = dsse["signatures"][0]["keyid"]
        key = SSlibKey(keyid, "ed25519", "ed25519", {"public": trust.public_key(keyid).raw.hex()})  # type: ignore[union-attr]
        envelope = Envelope.from_dict(dsse)
        assert set(envelope.verify([key], 1)) == {keyid}
        assert json.loads(base64.b64decode(dsse["payload"]))["subject"][0]["name"] == "release.json"


def test_croissant_is_valid(demo: Path) -> None:
    """`mlcroissant` accepts the description that lies in the release."""
    said = run("mlcroissant.scripts.validate", "--jsonld", str(demo / "published" / "croissant.json"))
    assert said.returncode == 0, said.stderr[-2000:]


def test_recalling_again_changes_nothing_of_the_release(demo: Path) -> None:
    """A repeated `release recall` neither doubles an entry nor changes a file of the proof."""
    published = demo / "published"
    before = {path: path.read_bytes() for path in published.rglob("*") if path.is_file() and path.name != "report.html"}
    home = demo / "institution"
    options = ("--reason", "again", "--to", str(published), "--plan", str(home / "plan.toml"))
    said = run("release", "recall", str(home / "candidate"), *options)
    assert said.returncode == 0, said.stderr
    assert {path: path.read_bytes() for path in published.rglob("*") if path.is_file() and path.name != "report.html"} == before


def test_the_demo_ends_with_the_second_version_and_the_first_one_recalled(demo: Path, tmp_path: Path) -> None:
    """`published` is 1.1.0 after 1.0.0, of which a copy with today's log is withdrawn, exit code 4, in both verifiers."""
    manifest = json.loads((demo / "published" / "release.json").read_text())
    assert (manifest["version"], manifest["previous"]["version"]) == ("1.1.0", "1.0.0")
    old = tmp_path / "old"
    subprocess.run(["cp", "-r", str(demo / "institution" / "candidate"), str(old)], check=True)
    subprocess.run(["rm", "-r", str(old / "evidence")], check=True)
    for verifier in (("release", "verify"), ("audit_logs", "verify")):
        said = run(*verifier, str(old), "--trust", str(demo / "trust.json"), "--format", "json")
        assert (said.returncode, json.loads(said.stdout)["verdict"]) == (4, "withdrawn")


def test_an_older_candidate_cannot_be_published_after_a_recall(demo: Path) -> None:
    """Its log is no longer the newest, and the log's own key knows."""
    home = demo / "institution"
    options = ("--to", str(demo / "published"), "--plan", str(home / "plan.toml"), "--format", "json")
    said = run("release", "publish", str(home / "candidate-2"), *options)
    assert (said.returncode, json.loads(said.stdout)["error"]["code"]) == (1, "log-behind")


def test_nothing_of_a_removed_row_is_published(demo: Path) -> None:
    """No file name, caption, link or picture of a row that was taken out stands in the published folder."""
    published = demo / "published"
    kept = {row["image"]["path"] for shard in published.glob("data/*.parquet") for row in pq.read_table(shard).to_pylist()}
    everything = b"".join(path.read_bytes() for path in published.rglob("*") if path.is_file())
    gone = [
        row for row in map(json.loads, (bundle() / "source" / "metadata.jsonl").read_text().splitlines()) if row["file_name"] not in kept
    ]
    assert gone
    for row in gone:
        assert row["file_name"].encode() not in everything
        assert row["url"].encode() not in everything
        picture = (bundle() / "source" / row["file_name"]).read_bytes()
        assert picture[100:200] not in everything or any(picture[100:200] in (bundle() / "source" / name).read_bytes() for name in kept)
