"""Lists against sealed fingerprints: what a newer list says of an older release, in counts, without an image."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from project import EXACT, LINKS, NEAR, TODAY, Project, Wanted, encoded, in_process, make, picture, row, rows

from audit_logs.errors import FormatError
from release import evidence
from release.audit.rescreen import Request, rescreen
from release.errors import AuditError, EvidenceError, ListError
from release.evidence import Tier
from release.fingerprint import pdq
from release.lists import ImportRequest, ListStore
from release.match import DigestIndex, NearIndex


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return a project with a candidate that was screened by digest, picture and link."""
    made = make(tmp_path_factory.mktemp("rescreen") / "project", rows(), Wanted(steps=(EXACT, NEAR, LINKS)))
    answer = made.build_here(made.folder / "candidate")
    assert answer.code == 0, answer.text
    return made


def keep(project: Project, name: str, kind: str, *values: str) -> None:
    """Import a list, or add to it."""
    path = project.folder / f"{name}.txt"
    path.write_text("\n".join(values) + "\n")
    store, wanted = ListStore(project.folder / "lists"), ImportRequest(name, TODAY, format="text", type=kind, replace=True)
    (store.extend if name in store.names() else store.import_file)(path, wanted, TODAY)


def hash_of(seed: int, turned: int) -> str:
    """Return the PDQ hash of a picture with so many bits turned."""
    code, _ = pdq.hash_array(np.asarray(picture(seed)))
    return (int.from_bytes(code) ^ ((1 << turned) - 1)).to_bytes(32).hex()


def asked(project: Project, name: str, identity: str = "officer", **changes: object) -> Request:
    """Return the request of a reader of the evidence."""
    told = {"folder": project.folder / "candidate", "identity": project.folder / "keys" / f"{identity}.age"}
    return Request(**(told | {"store": project.folder / "lists", "name": name} | changes))  # type: ignore[arg-type]


def test_newer_entries_of_every_type_are_counted(project: Project) -> None:
    """A digest, a near picture, a link and a domain each find their rows; rows that are gone are not there to be found."""
    keep(project, "newer", "sha256", hashlib.sha256(encoded(picture(0))).hexdigest(), "ab" * 32)
    keep(project, "newer", "pdq", hash_of(1, 20), hash_of(2, 60))
    keep(project, "newer", "url", row(4).url + "?utm_source=x", row(11).url)
    keep(project, "newer", "photodna", bytes(range(144)).hex())
    done = rescreen(asked(project, "newer"))
    assert done.matched == {"pdq": 1, "sha256": 1, "url": 0}
    assert (done.rows, done.rows_matched, done.unused) == (17, 2, ("photodna",))
    keep(project, "hosts", "domain", "example.org")
    assert rescreen(asked(project, "hosts", "auditor-2")).matched == {"domain": 17}


def test_distance_is_the_one_that_was_asked_for(project: Project) -> None:
    """One bit less finds nothing; the nearest of all conventions and forms counts."""
    keep(project, "wide", "pdq", hash_of(5, 40))
    nearest = [distance for distance in range(30, 50) if rescreen(asked(project, "wide", distance=distance)).rows_matched]
    assert nearest == list(range(nearest[0], 50))
    assert 30 < nearest[0] <= 44


def test_only_entries_that_the_release_was_not_screened_with(project: Project) -> None:
    """The old entries are told by the sealed tier; what is left is what came new."""
    keep(project, "known-pdq", "pdq", hash_of(6, 3))
    done = rescreen(asked(project, "known-pdq", new_only=True))
    assert (done.entries, done.matched) == ({"pdq": 1}, {"pdq": 1})
    assert rescreen(asked(project, "known-pdq")).entries == {"pdq": 2}
    assert rescreen(asked(project, "known-urls", new_only=True)).entries == {"url": 0}
    with pytest.raises(EvidenceError):
        rescreen(asked(project, "known-pdq", "auditor-2", new_only=True))


def test_entries_of_a_type_that_no_step_matched_are_new(tmp_path: Path) -> None:
    """A list whose digests alone were matched does not make its pictures known, though the evidence tells all of its entries."""
    made = make(tmp_path / "project", rows(), Wanted(steps=(EXACT.replace("known-digests", "mixed"), NEAR, LINKS)))
    keep(made, "mixed", "sha256", "ab" * 32)
    keep(made, "mixed", "pdq", hash_of(5, 0))
    answer = made.build_here(made.folder / "candidate")
    assert answer.code == 0, answer.text
    done = rescreen(asked(made, "mixed", new_only=True))
    assert (done.entries, done.matched) == ({"pdq": 1, "sha256": 0}, {"pdq": 1, "sha256": 0})


def test_entries_compared_with_declared_values_alone_are_new(tmp_path: Path) -> None:
    """A step on values that came with the source says nothing of the pictures themselves."""
    declared = EXACT.replace('kind = "exact-hash"', 'kind = "exact-hash"\non = "declared"').replace("known-digests", "mixed")
    made = make(tmp_path / "project", rows(), Wanted(steps=(declared, LINKS)))
    plan = made.plan.read_text()
    made.plan.write_text(plan.replace('url = "url"', 'url = "url", declared = { sha256 = "sha256" }'))
    table = pq.read_table(made.source / "train.parquet")
    pq.write_table(
        table.append_column("sha256", pa.array([f"{number + 1:064x}" for number in range(len(table))])), made.source / "train.parquet"
    )
    keep(made, "mixed", "sha256", hashlib.sha256(encoded(picture(5))).hexdigest())
    answer = made.build_here(made.folder / "candidate")
    assert answer.code == 0, answer.text
    done = rescreen(asked(made, "mixed", new_only=True))
    assert (done.entries, done.matched) == ({"sha256": 1}, {"sha256": 1})


def test_step_that_no_attestation_speaks_of_makes_nothing_known(project: Project, tmp_path: Path) -> None:
    """What cannot be shown to have been matched counts as new; what is no attestation is refused by name."""
    copy = tmp_path / "candidate"
    shutil.copytree(project.folder / "candidate", copy)
    (first, *_) = sorted((copy / "attestations").iterdir())
    name = "known-digests"
    assert set(rescreen(asked(project, name, new_only=True, folder=copy)).entries.values()) == {0}
    whole = first.read_bytes()
    first.unlink()
    assert rescreen(asked(project, name, new_only=True, folder=copy)).entries == rescreen(asked(project, name)).entries
    first.write_bytes(whole[:-1])
    with pytest.raises(FormatError, match=first.name):
        rescreen(asked(project, name, new_only=True, folder=copy))


def test_command_tells_counts_and_the_next_step_and_no_row(project: Project) -> None:
    """Neither link, caption, hash nor position comes out; nothing opened stays behind."""
    keep(project, "told", "sha256", hashlib.sha256(encoded(picture(8))).hexdigest())
    options = ("--identity", project.folder / "keys" / "officer.age", "--lists", project.folder / "lists", "--list", "told")
    answer = in_process("rescreen", project.folder / "candidate", *options)
    assert answer.code == 1
    assert "1 of the 17 kept rows of example/street 1.0.0" in answer.out
    assert "release recall" in answer.out
    assert not [word for word in ("quarter", "pictures.example", "view-", "row 8") if word in answer.text]
    told = json.loads(in_process("rescreen", project.folder / "candidate", *options, "--format", "json").out)
    assert (told["rowsMatched"], told["matched"], told["rows"]) == (1, {"sha256": 1}, 17)
    assert not list((project.folder / "candidate.rescreen").glob("opened-*"))
    keep(project, "nothing", "sha256", "cd" * 32)
    assert in_process("rescreen", project.folder / "candidate", *options[:-1], "nothing").code == 0


def test_list_that_nothing_sealed_tells_of_is_refused(project: Project) -> None:
    """A count of zero would look like an answer."""
    keep(project, "values", "photodna", bytes(range(144)).hex())
    with pytest.raises(ListError, match="can be matched"):
        rescreen(asked(project, "values"))


@pytest.mark.parametrize(("name", "kind"), [("dead-digests", "sha256"), ("dead-pictures", "pdq")])
def test_index_that_lost_its_canaries_is_refused(project: Project, monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    """A search that finds nothing tells nothing of the rows."""
    keep(project, name, kind, "12" * 32)
    monkeypatch.setattr(DigestIndex, "find", lambda _, queries: np.full(len(queries), -1, np.int64))
    monkeypatch.setattr(NearIndex, "reserved_within", lambda *_: [])
    with pytest.raises(AuditError, match="self-test"):
        rescreen(asked(project, name))


@pytest.mark.parametrize("fault", ["manifest", "rows", "hashes"])
def test_evidence_that_is_not_this_candidates_or_not_in_its_form_is_refused(project: Project, tmp_path: Path, fault: str) -> None:
    """Another manifest, rows left out, or hashes of another length: no count."""
    keep(project, "any", "pdq", "34" * 32)
    bent = project.copy(tmp_path / "project")
    sealed, folder = bent.folder / "candidate" / "evidence" / "rows.age", tmp_path / "opened"
    folder.mkdir()
    opened = evidence.open_tier(sealed, bent.folder / "keys" / "officer.age", folder)
    kept = pq.read_table(opened.tables["kept"])
    if fault == "rows":
        kept = kept.slice(1)
    if fault == "hashes":
        at = kept.schema.get_field_index("pdq-thumbnail-512")
        kept = kept.set_column(at, "pdq-thumbnail-512", pa.array([b"short"] * len(kept), pa.binary()))
    pq.write_table(kept, folder / "kept.bent")
    sealed.unlink()
    recipient = str(evidence.load_identity(bent.folder / "keys" / "officer.age").to_public())
    tables = [(name, folder / "kept.bent" if name == "kept" else path) for name, path in opened.tables.items()]
    manifest = "0" * 64 if fault == "manifest" else opened.manifest
    evidence.seal(sealed, Tier("rows", manifest, opened.key), tables, [recipient])
    with pytest.raises(EvidenceError):
        rescreen(asked(bent, "any"))
