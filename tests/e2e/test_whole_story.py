"""The demo as a whole, and what stock readers make of the release that it publishes."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
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

ROOT = Path(__file__).resolve().parents[2]
AUDITORS_PAGE = (ROOT / "docs" / "auditor.md").read_text(encoding="utf-8")
FOREIGN = ROOT / "tests" / "foreign"
CLIENT = shutil.which("node") is not None and (FOREIGN / "node_modules" / "@sigstore" / "verify").is_dir()
NO_CLIENT = "@sigstore/verify is not installed: make foreign"


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
    assert len(bundles) == 11
    for path in bundles:
        dsse = json.loads(path.read_bytes())["dsseEnvelope"]
        keyid = dsse["signatures"][0]["keyid"]
        key = SSlibKey(keyid, "ed25519", "ed25519", {"public": trust.public_key(keyid).raw.hex()})  # type: ignore[union-attr]
        envelope = Envelope.from_dict(dsse)
        assert set(envelope.verify([key], 1)) == {keyid}
        assert json.loads(base64.b64decode(dsse["payload"]))["subject"][0]["name"] == "release.json"


@pytest.mark.skipif(not CLIENT, reason=NO_CLIENT)
def test_the_sigstore_client_accepts_every_bundle(demo: Path, tmp_path: Path) -> None:
    """`@sigstore/verify` from npm accepts each attestation, report and opinion with the key that the trust file names, and no other key."""
    trust = trusts.parse((demo / "trust.json").read_bytes())
    bundles = [path for folder in ("attestations", "reports", "opinions") for path in sorted((demo / "published" / folder).iterdir())]
    pems = []
    for path in bundles:
        said = json.loads(path.read_bytes())["dsseEnvelope"]
        pems.append(trust.keys[said["signatures"][0]["keyid"]].pem)
        done = sigstore(path, pems[-1], tmp_path)
        kind = json.loads(base64.b64decode(said["payload"]))["predicateType"]
        assert (done.returncode, done.stdout.strip()) == (0, kind), done.stderr
    assert len(bundles) == 11
    other = next(pem for pem in pems if pem != pems[0])
    assert "SIGNATURE_ERROR" in sigstore(bundles[0], other, tmp_path).stderr


def sigstore(bundle: Path, pem: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Ask the client about a bundle."""
    (folder / "key.pem").write_text(pem)
    command = ["node", str(FOREIGN / "verify_bundle.mjs"), str(bundle), str(folder / "key.pem")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_page_for_auditors_prepares_an_opinion_for_stock_clients(demo: Path, tmp_path: Path) -> None:
    """The lines of Python of docs/auditor.md run as they stand but for the opinion's name, and give the key and the envelope alone."""
    opinion = next((demo / "published" / "opinions").iterdir())
    lines = re.search(r"```python\n(import json\n\nbundle = .*?)```", AUDITORS_PAGE, re.DOTALL)
    assert lines is not None
    shutil.copy(demo / "trust.json", tmp_path)
    (tmp_path / "published").symlink_to(demo / "published")
    program = re.sub(r"published/opinions/[^\"]+", f"published/opinions/{opinion.name}", lines[1])
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, opinion.name.rpartition(".sigstore")[0].rpartition(".")[0]), done.stderr
    envelope = json.loads((tmp_path / "envelope.json").read_bytes())
    assert envelope == json.loads(opinion.read_bytes())["dsseEnvelope"]
    assert (tmp_path / "key.pem").read_text() == trusts.parse((demo / "trust.json").read_bytes()).keys[
        envelope["signatures"][0]["keyid"]
    ].pem


def test_what_slsa_verifier_and_cosign_compare_stands_in_an_opinion(demo: Path) -> None:
    """Each value that the commands of docs/auditor.md give is what the statement has, in the form that the command has it."""
    page = " ".join(AUDITORS_PAGE.split())
    opinion = next((demo / "published" / "opinions").iterdir())
    said = json.loads(base64.b64decode(json.loads(opinion.read_bytes())["dsseEnvelope"]["payload"]))
    organisation = opinion.name.rpartition(".sigstore")[0].rpartition(".")[0]
    manifest = json.loads((demo / "published" / "release.json").read_bytes())
    predicate = said["predicate"]
    assert f"--type {said['predicateType']}" in page
    assert "--verifier-id https://watchdog.example " in page
    assert predicate["verifier"]["id"] == f"https://{organisation}"
    assert "--resource-uri pkg:generic/example/street-scenes@1.0.0 " in page
    assert predicate["resourceUri"] == f"pkg:generic/{manifest['name']}@{manifest['version']}"
    assert f"--verified-level {predicate['verifiedLevels'][0]} " in page
    assert (predicate["verificationResult"], len(predicate["verifiedLevels"])) == ("PASSED", 1)
    digest = hashlib.sha256((demo / "published" / "release.json").read_bytes()).hexdigest()
    assert "--subject-digest sha256:$(sha256sum published/release.json" in page
    assert said["subject"] == [{"digest": {"sha256": digest}, "name": "release.json"}]


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
