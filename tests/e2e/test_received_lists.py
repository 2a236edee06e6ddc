"""A build with a list as it came from a holder: of more types than a step uses, and of a file that broke off."""

from __future__ import annotations

import json
from datetime import UTC, datetime, time
from pathlib import Path

from list_files import media, tat_record, value, vics
from project import TODAY, Project, command, known_digest

from audit_logs import envelope


def _steps(candidate: Path) -> list[dict[str, object]]:
    """Return the predicates of the candidate's steps."""
    paths = sorted((candidate / "attestations").iterdir())
    return [json.loads(envelope.parse(path.read_bytes(), where=path.name).payload)["predicate"] for path in paths]


def test_a_partial_list_of_many_types_is_attested_as_what_it_is(clean: Project, tmp_path: Path) -> None:
    """Record, attestation, card and audit agree; types that no step uses are counted, committed to and opened by the auditor."""
    moment = datetime.combine(TODAY, time(), UTC).timestamp()
    records = [
        {**tat_record(1, "sha256", "SHA256"), "hash_digest": known_digest()},
        tat_record(2, "video-md5", "MD5", file_type="mp4"),
        tat_record(3, "photodna", "PhotoDNA"),
    ]
    path = clean.folder / "received.json"
    path.write_text(json.dumps([{**record, "updated_on": moment} for record in records])[:-1] + ', {"hash_digest": "', encoding="utf-8")
    words = ["lists", "import", path, "--name", "known-digests", "--store", clean.folder / "lists", "--replace"]
    assert command(*words).code == 1
    assert command(*words, "--accept-partial").code == 0
    built = clean.build(tmp_path / "candidate", "--workers", 1, "--format", "json")
    assert built.code == 0, built.text
    assert next(iter(json.loads(built.out)["rows"]["removed"].values())) == 1
    (used,) = _steps(tmp_path / "candidate")[0]["lists"]  # type: ignore[misc]
    assert used["partial"] is True
    assert used["entries"] == {"photodna": 1, "sha256": 1, "video-md5": 1}
    assert (used["vintageFrom"], used["vintage"]) == ("file", TODAY.isoformat())
    assert "only a part" in (tmp_path / "candidate" / "README.md").read_text(encoding="utf-8")
    own = tmp_path / "own"
    (tmp_path / "vic.json").write_text(vics([media(5, 1), media(6, 2, MimeType="video/mp4")]), encoding="utf-8")
    assert command("lists", "import", tmp_path / "vic.json", "--name", "own", "--vintage", TODAY, "--store", own).code == 0
    keys = clean.folder / "keys"
    audited = command(
        *("audit", tmp_path / "candidate", "--key", keys / "auditor-1.pem", "--identity", keys / "auditor-1.age"),
        *("--trust", clean.folder / "trust.json", "--lists", own, "--format", "json"),
    )
    assert audited.code == 0, audited.text
    assert value(2, "video-md5") not in audited.text
