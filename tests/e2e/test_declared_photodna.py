"""PhotoDNA values that came with a source, in whole builds and audits: removed, unscreenable, attested, verified, matched anew."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from project import EXACT, TODAY, Project, Wanted, in_process, make, rows

from audit_logs import manifest as manifests
from release.lists import ImportRequest, ListStore

STEP = '[[step]]\nname = "known-values"\nkind = "near-hash"\non = "declared"\ndistance = 40\nlists = ["known-photodna"]\n'
KNOWN = bytes(range(20, 164))
FAR = bytes(range(60, 204))


def near(value: bytes, distance: int) -> bytes:
    """Return a value at this distance."""
    return bytes([value[0] + distance]) + value[1:]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project whose source has a column of PhotoDNA values, and its candidate."""
    made = make(tmp_path_factory.mktemp("photodna") / "project", rows(8), Wanted(steps=(EXACT, STEP)))
    path = made.source / "train.parquet"
    values = [near(KNOWN, 40).hex(), base64.b64encode(near(KNOWN, 41)).decode(), None, FAR.hex(), "nothing", *[FAR.hex().upper()] * 3]
    table = pq.read_table(path)
    pq.write_table(table.append_column("pdna", pa.array(values)), path, row_group_size=2)
    plan = made.plan.read_text().replace('url = "url" }', 'url = "url", declared = { photodna = "pdna" } }')
    made.plan.write_text(plan)
    keep_csv(made.folder / "lists", "known-photodna", KNOWN)
    answer = made.build_here(made.folder / "candidate", "--format", "json")
    assert answer.code == 0, answer.text
    assert json.loads(answer.out)["rows"] == {
        "in": 8,
        "kept": 4,
        "removed": {"known-files": 1, "known-values": 1},
        "unscreenable": {"bad-photodna": 1, "no-photodna": 1},
    }
    return made


def keep_csv(store: Path, name: str, value: bytes) -> None:
    """Import a CSV list as exchanges write them, with a column that is named after the type."""
    file = store.parent / f"{name}.csv"
    file.write_text(f"MD5;PhotoDNA\n;{base64.b64encode(value).decode()}\n")
    report = ListStore(store).import_file(file, ImportRequest(name, TODAY, authority="Example Authority"), TODAY)
    assert report.entries == {"photodna": 1}


def audited(project: Project, value: bytes, work: Path) -> dict[str, object]:
    """Return what an auditor with a list of this one value says."""
    keep_csv(work / "lists", "own", value)
    keys = project.folder / "keys"
    told = {"--key": keys / "auditor-1.pem", "--identity": keys / "auditor-1.age", "--trust": project.folder / "trust.json"}
    places = {"--lists": work / "lists", "--out": work / "out", "--work": work / "work", "--memory": work / "memory"}
    options = [word for pair in (told | places).items() for word in pair]
    answer = in_process("audit", project.folder / "candidate", *options, "--format", "json")
    found: dict[str, object] = json.loads(answer.out)
    return found


def test_attestation_tells_what_was_compared(project: Project) -> None:
    """Declared values, their coverage, the self-test; the manifest gives the column its role."""
    (path,) = (project.folder / "candidate" / "attestations").glob("02-*")
    envelope = json.loads(path.read_bytes())["dsseEnvelope"]
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert (predicate["covers"], predicate["coverage"]) == ("declared", {"photodna": 5})
    assert predicate["parameters"] == {"on": "declared", "distance": 40}
    assert predicate["selfTest"]["planted"] == predicate["selfTest"]["caught"] > 0 < predicate["selfTest"]["beyond"]
    manifest = manifests.parse((project.folder / "candidate" / "release.json").read_bytes())
    assert dict(manifest.columns.declared) == {"photodna": "pdna"}


@pytest.mark.parametrize(("value", "result"), [(near(FAR, 30), "refuted"), (near(FAR, 45), "confirmed")])
def test_auditor_matches_the_values_anew(project: Project, tmp_path: Path, value: bytes, result: str) -> None:
    """By the distance that the release attests, against a list of its own; nothing of a hit is shown."""
    said = audited(project, value, tmp_path)
    claims = {claim["claim"]: claim["result"] for claim in said["claims"]}  # type: ignore[attr-defined]
    assert claims["no-listed-row"] == result, said
    assert claims["steps"] == "confirmed", said
    assert FAR.hex() not in json.dumps(said)
