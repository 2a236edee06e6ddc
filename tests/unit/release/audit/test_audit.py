"""The auditor's workbench against candidates and evidence that somebody bent."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pyrage
import pytest

from audit_logs import keys
from audit_logs import trust as trusts
from audit_logs.errors import Problem, VerificationError
from audit_logs.log import Log
from audit_logs.replay import replay
from release import evidence
from release.audit import Audited, Request, audit, cosign
from release.audit.claims import FILTERS, ORDER, REMOTE_ANSWER, REMOTE_REQUEST
from release.cli import run
from release.errors import AuditError, EvidenceError
from release.evidence import OpenedTier, Tier
from release.lists import ImportRequest, ListStore

MATCHES, ROWS = "auditor-1", "auditor-2"
QUICK = frozenset({"fingerprints", "no-listed-row"})


def request(world: Any, auditor: str = MATCHES, **changes: Any) -> Request:
    """Return the request of an auditor with lists and, if not changed, without the source."""
    home = world.home / auditor
    told = {
        "folder": world.candidate,
        "key": home / "auditor.pem",
        "trust": home / "trust.json",
        "identity": home / "identity.age",
        "lists": home / "lists",
        "work": home / "work",
    }
    return Request(**(told | changes))


def results(done: Audited) -> dict[str, str]:
    """Return the result of each claim."""
    return {claim.claim: claim.result for claim in done.claims}


def reseal(world: Any, tier: str, bend: Callable[[OpenedTier], tuple[Tier, dict[str, pa.Table]]], folder: Path) -> None:
    """Put a bent tier in the place of the institution's, sealed to the same recipients."""
    folder.mkdir()
    path = world.candidate / "evidence" / f"{tier}.age"
    opened = evidence.open_tier(path, world.home / MATCHES / "identity.age", folder)
    changed, bent = bend(opened)
    tables = []
    for name, old in opened.tables.items():
        if name in bent:
            pq.write_table(bent[name], folder / f"{name}.bent")
        tables.append((name, folder / f"{name}.bent" if name in bent else old))
    trust = trusts.parse(world.trust.read_bytes())
    path.unlink()
    evidence.seal(path, changed, tables, [*(auditor.recipient for auditor in trust.auditors), trust.officer])


def table_of(opened: OpenedTier, name: str) -> pa.Table:
    """Return a table of an opened tier."""
    return pq.read_table(opened.tables[name])


def with_column(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    """Return a table with other values in one column."""
    index = table.schema.get_field_index(name)
    return table.set_column(index, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def same(opened: OpenedTier) -> Tier:
    """Return the header of an opened tier."""
    return Tier(opened.tier, opened.manifest, opened.key)


def test_an_honest_candidate_is_confirmed_whole(world: Any) -> None:
    """With tier matches, source and lists, every claim is confirmed but for what is not sealed; the opinion is PASSED, and the log would take both."""
    done = audit(request(world, source=world.source))
    assert {claim for claim, result in results(done).items() if result != "confirmed"} == {FILTERS}
    (filters,) = (claim for claim in done.claims if claim.claim == FILTERS)
    assert filters.result == "not-checkable"
    assert "steps 5, 6 keep all" in filters.detail
    assert "step 7: its vectors are not sealed" in filters.detail
    assert (done.conclusion, done.result, done.finding) == ("unqualified", "PASSED", None)
    trust = trusts.parse(world.trust.read_bytes())
    entries = [*Log.open(world.candidate / "log", trust.log.key).entries(), done.report.read_bytes(), done.opinion.read_bytes()]
    assert replay(entries, trust).voids == []


def test_what_tier_or_source_do_not_allow_does_not_qualify(world: Any) -> None:
    """An auditor of tier rows without the source says so as not checkable, and stays unqualified."""
    done = audit(request(world, ROWS))
    unchecked = {claim for claim, result in results(done).items() if result == "not-checkable"}
    assert unchecked == {"counts", "source-files", "step-commitments", "list-entries", FILTERS}
    assert done.conclusion == "unqualified"


def test_a_skipped_check_qualifies(world: Any) -> None:
    """A check that was possible and left out is named, and the report is qualified."""
    done = audit(request(world, ROWS, skip=frozenset({"fingerprints"})))
    assert results(done)["fingerprints"] == "skipped"
    assert (done.conclusion, done.result) == ("qualified", "PASSED")


def test_an_audit_without_lists_is_never_unqualified(world: Any) -> None:
    """Nothing was matched, so the report does not say that nothing is listed."""
    done = audit(request(world, ROWS, lists=None))
    assert results(done)["no-listed-row"] == "skipped"
    assert done.conclusion == "qualified"


def test_a_second_auditor_is_not_disturbed_by_what_is_not_logged_yet(world: Any) -> None:
    """Report and opinion of the first auditor lie in the folder, outside the log; the second one's audit passes."""
    audit(request(world, MATCHES, skip=QUICK))
    assert audit(request(world, ROWS, skip=QUICK)).result == "PASSED"


def test_no_second_report_while_the_first_waits(world: Any) -> None:
    """A second report would leave the first one missing in the log for ever."""
    audit(request(world, ROWS, skip=QUICK))
    with pytest.raises(AuditError, match="there already"):
        audit(request(world, ROWS, skip=QUICK))


def test_a_withheld_opinion_stops_the_cosignature(world: Any) -> None:
    """An auditor does not cosign a log that lacks what it submitted."""
    audit(request(world, ROWS, skip=QUICK))
    with pytest.raises(VerificationError) as caught:
        cosign(request(world, ROWS))
    assert caught.value.code == "entry-missing"


def _flip_kept(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    table = table_of(opened, "positions")
    kept = table["kept"].to_pylist()
    first = kept.index(False)
    kept[first] = True
    return same(opened), {"positions": with_column(table, "kept", kept)}


def _other_key(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    return Tier(opened.tier, opened.manifest, bytes(32)), {}


def _falsified_fingerprint(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    table = table_of(opened, "kept")
    name = next(name for name in table.schema.names if name.startswith("pdq-"))
    values = table[name].to_pylist()
    values[7] = bytes([values[7][0] ^ 1]) + values[7][1:]
    return same(opened), {"kept": with_column(table, name, values)}


def _falsified_digest(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    table = table_of(opened, "positions")
    digests = table["digest"].to_pylist()
    digests[3] = bytes(32)
    return same(opened), {"positions": with_column(table, "digest", digests)}


def _other_link(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    table = table_of(opened, "kept")
    return same(opened), {"kept": with_column(table, "url", ["https://example.org/harmless"] * table.num_rows)}


def _one_other_link(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    table = table_of(opened, "kept")
    urls = table["url"].to_pylist()
    urls[4] = urls[4] + "?"
    return same(opened), {"kept": with_column(table, "url", urls)}


def _missing_fingerprint(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    return same(opened), {"kept": table_of(opened, "kept").slice(1)}


@pytest.mark.parametrize(
    ("bend", "refuted"),
    [
        (_flip_kept, {"last-keyed-root"}),
        (_other_key, {"first-keyed-root", "last-keyed-root"}),
        (_falsified_digest, {"source-root", "first-keyed-root", "last-keyed-root"}),
        (_falsified_fingerprint, {"fingerprints"}),
        (_other_link, {"fingerprints"}),
        (_one_other_link, {"fingerprints"}),
        (_missing_fingerprint, {"fingerprints"}),
    ],
)
def test_bent_rows_evidence_is_refuted(world: Any, tmp_path: Path, bend: Any, refuted: set[str]) -> None:
    """Whatever is bent in tier rows, the claims that rest on it are refuted, and the opinion is FAILED."""
    reseal(world, "rows", bend, tmp_path / "bending")
    done = audit(request(world, ROWS, skip=frozenset({"no-listed-row"}) if "fingerprints" in refuted else QUICK))
    found = {claim for claim, result in results(done).items() if result == "refuted"}
    assert refuted <= found
    assert (done.conclusion, done.result) == ("adverse", "FAILED")


def _moved_to_another_step(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    table = table_of(opened, "removed")
    steps = table["step"].to_pylist()
    steps[0] = steps[0] % 3 + 1
    return same(opened), {"removed": with_column(table, "step", steps)}


def _wrong_sum(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    table = table_of(opened, "counts")
    return same(opened), {"counts": with_column(table, "rows", [rows + 1 for rows in table["rows"].to_pylist()])}


def _fewer_entries(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
    return same(opened), {"lists": table_of(opened, "lists").slice(1)}


def _of_unknown_lists(names: list[str]) -> Callable[[OpenedTier], tuple[Tier, dict[str, pa.Table]]]:
    def bend(opened: OpenedTier) -> tuple[Tier, dict[str, pa.Table]]:
        table = table_of(opened, "lists")
        rows = [{"step": 1, "list": name, "type": "md5", "entry": bytes(32)} for name in names]
        return same(opened), {"lists": pa.concat_tables([table, pa.Table.from_pylist(rows, table.schema)])}

    return bend


@pytest.mark.parametrize("names", [[f"list-{number}" for number in range(1500)], ["x" * 70_000], ["a\x1b[2J\nPASSED"]])
def test_no_name_that_was_sealed_keeps_an_auditor_from_failing_a_candidate(world: Any, tmp_path: Path, names: list[str]) -> None:
    """Only attested names are told: the report fits into the log, and carries nothing of what the institution sealed besides."""
    reseal(world, "matches", _of_unknown_lists(names), tmp_path / "bending")
    done = audit(request(world, MATCHES, skip=QUICK))
    (told,) = [claim for claim in done.claims if claim.claim == "list-entries"]
    assert (told.result, done.result) == ("refuted", "FAILED")
    assert told.detail == f"the evidence has {len(names)} entries of lists that no attestation names"


@pytest.mark.parametrize(
    ("bend", "refuted"),
    [
        (_other_key, {"step-commitments"}),
        (_moved_to_another_step, {"step-commitments", "counts"}),
        (_wrong_sum, {"counts"}),
        (_fewer_entries, {"list-entries"}),
    ],
)
def test_bent_matches_evidence_is_refuted(world: Any, tmp_path: Path, bend: Any, refuted: set[str]) -> None:
    """Whatever is bent in tier matches, the claims that rest on it are refuted, and no others."""
    reseal(world, "matches", bend, tmp_path / "bending")
    done = audit(request(world, MATCHES, skip=QUICK))
    assert {claim for claim, result in results(done).items() if result == "refuted"} == refuted
    assert done.result == "FAILED"


def test_another_source_is_refuted(world: Any) -> None:
    """A source of which one caption was changed is not the pinned one."""
    metadata = world.source / "metadata.jsonl"
    first, *rest = metadata.read_text().splitlines()
    changed = json.dumps(json.loads(first) | {"caption": "Something else"})
    metadata.write_text("\n".join([changed, *rest]) + "\n")
    done = audit(request(world, ROWS, source=world.source, skip=QUICK))
    assert results(done)["source-files"] == "refuted"


def test_evidence_of_another_manifest_gets_no_opinion(world: Any, tmp_path: Path) -> None:
    """Evidence is not signed, so a mix-up must not turn into a FAILED; nothing is written."""
    reseal(world, "rows", lambda opened: (Tier(opened.tier, "0" * 64, opened.key), {}), tmp_path / "bending")
    with pytest.raises(EvidenceError) as caught:
        audit(request(world, ROWS))
    assert caught.value.code == "evidence-manifest"
    assert not (world.candidate / "reports").exists()


@pytest.mark.parametrize("content", [b"x", b"age-encryption.org/v1\n", b"garbage" * 1000])
def test_garbage_for_evidence_gets_no_opinion(world: Any, content: bytes) -> None:
    """What is no age file is named, and nothing of it stays."""
    (world.candidate / "evidence" / "rows.age").write_bytes(content)
    with pytest.raises(Problem):
        audit(request(world, ROWS))
    assert not list((world.home / ROWS / "work").glob("*"))


def test_a_strange_identity_opens_nothing(world: Any, tmp_path: Path) -> None:
    """An identity that the institution did not seal to is refused."""
    strange = tmp_path / "strange.age"
    strange.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    strange.chmod(0o600)
    with pytest.raises(EvidenceError):
        audit(request(world, ROWS, identity=strange))
    assert list((world.home / ROWS / "work").glob("*")) == []


def test_a_flipped_byte_of_data_is_refuted_and_read_no_further(world: Any) -> None:
    """Data that is not what was signed refutes `files`; nothing that rests on it is looked at."""
    path = next((world.candidate / "data").glob("*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    done = audit(request(world, ROWS))
    found = results(done)
    assert (found["files"], found["fingerprints"], done.result) == ("refuted", "not-checkable", "FAILED")


def test_a_key_that_is_no_auditors_is_refused(world: Any, tmp_path: Path) -> None:
    """Whoever is not in the trust file gives no opinion."""
    keys.generate(tmp_path / "stranger.pem")
    with pytest.raises(Problem) as caught:
        audit(request(world, ROWS, key=tmp_path / "stranger.pem"))
    assert caught.value.code == "audit-key"


def _list_a_kept_row(world: Any, tmp_path: Path) -> tuple[str, ...]:
    """Put a published picture into auditor-2's lists, and return the words that must never be shown."""
    row = pq.read_table(min((world.candidate / "data").glob("*.parquet"))).to_pylist()[5]
    data = row["image"]["bytes"]
    digest = hashlib.sha256(data).hexdigest()
    (tmp_path / "own.txt").write_text(digest + "\n")
    wanted = ImportRequest(name="own-list", vintage=datetime.now(UTC).date(), authority="Own", type="sha256")
    ListStore(world.home / ROWS / "lists").import_file(tmp_path / "own.txt", wanted, datetime.now(UTC).date())
    return digest, hashlib.md5(data, usedforsecurity=False).hexdigest(), row["image"]["path"], row["caption"]


def test_a_listed_row_is_a_sealed_finding_and_never_shown(world: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A hit fails the candidate; screen, report and opinion tell neither hash nor path nor caption; officer and auditor can open it."""
    secrets = _list_a_kept_row(world, tmp_path)
    home = world.home / ROWS
    names = ("--key", "auditor.pem", "--identity", "identity.age", "--trust", "trust.json", "--lists", "lists", "--work", "work")
    options = [name if name.startswith("--") else str(home / name) for name in names]
    assert run(["audit", str(world.candidate), *options]) == 1
    shown = capsys.readouterr()
    assert "1 finding sealed in" in shown.out
    told = [shown.out, shown.err]
    for folder in ("reports", "opinions"):
        for path in (world.candidate / folder).glob("*"):
            told += [base64.b64decode(json.loads(path.read_bytes())["dsseEnvelope"]["payload"]).decode()]
    assert not [word for word in secrets for text in told if word in text]
    (found,) = (home / "work").glob("*")
    assert found.stat().st_mode & 0o077 == 0
    assert not [word for word in secrets if word.encode() in found.read_bytes()]
    for identity in (home / "identity.age", world.home / "institution" / "keys" / "officer.age"):
        secret = next(line for line in identity.read_text().splitlines() if line.startswith("AGE-SECRET"))
        opened = json.loads(pyrage.decrypt(found.read_bytes(), [pyrage.x25519.Identity.from_str(secret)]))
        assert [(row["list"], row["rowInFile"]) for row in opened["rows"]] == [("own-list", 5)]


def test_a_candidate_without_its_log_gets_no_opinion(world: Any) -> None:
    """Where the log does not hold there is nothing that an opinion could speak of."""
    (world.candidate / "log" / "checkpoint").unlink()
    with pytest.raises(Problem):
        audit(request(world, ROWS))
    assert not (world.candidate / "reports").exists()


def test_json_is_one_object_and_nothing_opened_stays(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The claims in their order, the exit code of PASSED, and an empty work folder."""
    home = world.home / ROWS
    options = ["--key", str(home / "auditor.pem"), "--identity", str(home / "identity.age"), "--trust", str(home / "trust.json")]
    skip = ["--skip", "fingerprints", "--skip", "no-listed-row", "--work", str(home / "work")]
    assert run(["audit", str(world.candidate), *options, *skip, "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    asked = (REMOTE_REQUEST, REMOTE_ANSWER)  # no step of this plan asks a list holder
    assert [claim["claim"] for claim in told["claims"]] == [name for name in ORDER if name not in asked]
    assert (told["result"], told["conclusion"], told["finding"]) == ("PASSED", "qualified", None)
    assert not list((home / "work").iterdir())
    assert (home / "work").stat().st_mode & 0o077 == 0
