"""Each attack on a release is refused with its own code; the simulator makes the release, the test bends one thing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from simulator import AUDITORS, NAME, NOW, ORIGIN, Simulator, digest, later, signer_of

from audit_logs import envelope, merkle, statement
from audit_logs import keys as signing
from audit_logs.errors import FormatError, VerificationError
from audit_logs.log import sign_checkpoint
from audit_logs.manifest import Field, Manifest, Previous, StepName
from audit_logs.note import Checkpoint, parse_signed
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.statement import AuditReport, Candidate, Claim, FilterStep, Opinion, Release, SelfTest, Subject, Superseded, Tool, Unknown
from audit_logs.telling import tell
from audit_logs.trust import Trust

SHARD = "data/train-00000-of-00002.parquet"
SECOND = "data/train-00001-of-00002.parquet"

Attack = Callable[[Simulator], Any]


def codes(report: Report) -> set[str]:
    """Return the codes of a report's failures."""
    return {failure.code for failure in report.failures}


def bend(kind: type, change: Callable[[Any], Any]) -> Attack:
    """Return an attack that changes every value of a kind before it is signed."""
    return lambda world: world.bend.__setitem__(kind, change)


def bend_step(order: int, change: Callable[[FilterStep], FilterStep]) -> Attack:
    """Return an attack that changes one step's attestation before it is signed."""
    return bend(FilterStep, lambda step: change(step) if step.step.order == order else step)


def with_list(**changes: Any) -> Callable[[FilterStep], FilterStep]:
    """Return a change to the list that a step used."""
    return lambda step: replace(step, lists=(replace(step.lists[0], **changes),))


def bend_shard(**changes: Any) -> Attack:
    """Return an attack on the manifest's first shard."""
    return bend(Manifest, lambda manifest: replace(manifest, shards=(replace(manifest.shards[0], **changes), *manifest.shards[1:])))


def edit(path: str, change: Callable[[bytes], bytes]) -> Attack:
    """Return an attack on a file after everything was signed."""
    return lambda world: world.files.__setitem__(path, change(world.files[path]))


def flip(data: bytes, at: int = -1) -> bytes:
    """Return bytes with one bit of one byte flipped."""
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def first(world: Simulator, folder: str) -> str:
    """Return the first file of a folder."""
    return next(path for path in sorted(world.files) if path.startswith(folder))


def move(world: Simulator, old: str, new: str) -> None:
    """Give a file another name."""
    world.files[new] = world.files.pop(old)


def swap(world: Simulator, one: str, other: str) -> None:
    """Give two files each other's bytes."""
    world.files[one], world.files[other] = world.files[other], world.files[one]


def resize_groups(manifest: Manifest) -> Manifest:
    """Shift the border between two row groups."""
    groups = manifest.shards[0].row_groups
    moved = (replace(groups[0], end=groups[0].end - 1), *groups[1:])
    return replace(manifest, shards=(replace(manifest.shards[0], row_groups=moved), *manifest.shards[1:]))


def other_group_root(manifest: Manifest) -> Manifest:
    """Give a row group a root that its shard's root does not follow from."""
    groups = manifest.shards[0].row_groups
    return replace(
        manifest, shards=(replace(manifest.shards[0], row_groups=(replace(groups[0], root=digest("x")), *groups[1:])), *manifest.shards[1:])
    )


BEFORE_SIGNING: dict[str, tuple[str, Attack]] = {
    "manifest of another line": ("manifest-name", bend(Manifest, lambda m: replace(m, name="example/other"))),
    "manifest claims more rows": ("manifest-arithmetic", bend(Manifest, lambda m: replace(m, rows=6))),
    "source has fewer rows than the release": (
        "manifest-arithmetic",
        bend(Manifest, lambda m: replace(m, source=replace(m.source, rows=4))),
    ),
    "row group border shifted": ("manifest-arithmetic", bend(Manifest, resize_groups)),
    "shard under another name": ("manifest-arithmetic", bend_shard(path="data/train-00007-of-00002.parquet")),
    "shard leaves the folder": ("manifest", bend_shard(path="../train-00000-of-00002.parquet")),
    "shards of a split apart": ("manifest-arithmetic", bend(Manifest, lambda m: replace(m, shards=(*m.shards, m.shards[0])))),
    "shard root made up": ("manifest-roots", bend_shard(root=digest("x"))),
    "row group root made up": ("manifest-roots", bend(Manifest, other_group_root)),
    "release root made up": ("manifest-roots", bend(Manifest, lambda m: replace(m, root=digest("x")))),
    "row groups of no power of two": ("manifest", bend(Manifest, lambda m: replace(m, row_group_rows=3))),
    "two steps of one name": ("manifest", bend(Manifest, lambda m: replace(m, steps=(m.steps[0], m.steps[0])))),
    "unknown column type": ("manifest", bend(Manifest, lambda m: replace(m, schema=(replace(m.schema[0], type="pickle"),)))),
    "column twice": ("manifest", bend(Manifest, lambda m: replace(m, schema=(m.schema[0], m.schema[0])))),
    "file size made up": ("file-size", bend(Manifest, lambda m: replace(m, files=(replace(m.files[0], bytes=3), m.files[1])))),
    "shard digest made up": ("file-digest", bend_shard(sha256=digest("x"))),
    "card names other data": ("card-head", bend(str, lambda card: card.replace('path: "data/train', 'path: "/elsewhere/train'))),
    "card names data twice": ("card-head", bend(str, lambda card: card.replace("---", "---\nconfigs:", 1))),
    "card names another builder": ("card-head", bend(str, lambda card: card.replace("---", '---\ndataset_info: "x"', 1))),
    "card hides a key among the gate's fields": (
        "card-head",
        bend(str, lambda card: card.replace("---", '---\nextra_gated_fields:\n  data_dir: "x"', 1)),
    ),
    "card without a head": ("card-head", bend(str, lambda card: card.replace("---", "", 1))),
    "card whose head does not end": ("card-head", bend(str, lambda card: card.replace("\n---\n", "\n"))),
    "bytes that nobody screened": (
        "manifest",
        bend(Manifest, lambda m: replace(m, schema=(*m.schema, Field("thumbnail", "struct<bytes:binary,path:string>")))),
    ),
    "plan digest of another plan": ("step-mismatch", bend_step(1, lambda s: replace(s, plan_digest=digest("other")))),
    "attested kind is not the manifest's": ("step-mismatch", bend_step(2, lambda s: replace(s, step=replace(s.step, kind="url")))),
    "commitments do not chain": ("chain", bend_step(2, lambda s: replace(s, input=replace(s.input, commitment=digest("x"))))),
    "rows vanish between steps": ("chain", bend_step(2, lambda s: replace(s, input=replace(s.input, rows=5), removed=0))),
    "rows vanish within a step": ("counts", bend_step(1, lambda s: replace(s, removed=0))),
    "first step leaves source rows out": (
        "counts",
        bend_step(1, lambda s: replace(s, input=replace(s.input, rows=7), removed=0, coverage={"md5": 7})),
    ),
    "coverage of more rows than there were": ("counts", bend_step(1, lambda s: replace(s, coverage={"md5": 9}))),
    "a canary was missed": ("self-test", bend_step(1, lambda s: replace(s, self_test=SelfTest(3, 2, 1)))),
    "no canary was planted": ("self-test", bend_step(1, lambda s: replace(s, self_test=SelfTest(0, 0, 0)))),
    "list too old": ("list-age", bend_step(1, with_list(vintage="2025-01-01"))),
    "list from the future": ("list-age", bend_step(1, with_list(vintage="2026-03-02"))),
    "empty list": ("list-empty", bend_step(1, with_list(entries={"md5": 0}))),
    "list of nothing": ("list-empty", bend_step(1, with_list(entries={}))),
    "no list at all": ("list-empty", bend_step(1, lambda s: replace(s, lists=()))),
    "required step under another name": (
        "step-required",
        lambda world: (
            world.bend.__setitem__(Manifest, lambda m: replace(m, steps=(StepName("other", "exact-hash"), m.steps[1]))),
            world.signer.__setitem__(FilterStep, "build"),
            world.__setattr__("trust", replace(world.trust, build=tuple(sorted((*world.trust.build, signer_of("step").keyid))))),
            world.signer.__setitem__(FilterStep, "step"),
        ),
    ),
    "required steps in another order": (
        "step-required",
        bend(Manifest, lambda m: replace(m, steps=(m.steps[1], m.steps[0]))),
    ),
    "a predecessor that the log does not know": (
        "previous",
        lambda world: world.__setattr__("previous", Previous("0.9.0", digest("x"))),
    ),
    "candidate of another version": (
        "candidate-mismatch",
        lambda world: (
            world.bend.__setitem__(Candidate, lambda c: replace(c, version="1.0.1")),
            world.bend.__setitem__(Opinion, lambda o: replace(o, resource_uri=statement.resource_uri(NAME, "1.0.1"))),
        ),
    ),
}


@pytest.mark.parametrize(("code", "attack"), BEFORE_SIGNING.values(), ids=BEFORE_SIGNING.keys())
def test_a_lie_that_the_institution_signs_is_refused(code: str, attack: Attack) -> None:
    """What the institution signs is checked as if a stranger had: the code of the rule decides, and the verdict is failed."""
    world = Simulator()
    attack(world)
    report = world.finish().verify()
    assert (report.verdict, report.exit_code) == ("failed", 1)
    assert code in codes(report)
    assert tell(report).facts == ()


AFTER_SIGNING: dict[str, tuple[str, Attack]] = {
    "flipped byte in a shard": ("file-digest", edit(SHARD, flip)),
    "flipped byte in a row group": ("file-digest", edit(SHARD, lambda data: flip(data, 10))),
    "truncated shard": ("file-size", edit(SHARD, lambda data: data[:-1])),
    "lengthened shard": ("file-size", edit(SHARD, lambda data: data + b"x")),
    "two shards swapped": ("file-digest", lambda world: swap(world, SHARD, SECOND)),
    "card rewritten": ("file-digest", edit("README.md", flip)),
    "shard missing": ("folder-missing", lambda world: world.files.pop(SHARD)),
    "card missing": ("folder-missing", lambda world: world.files.pop("README.md")),
    "manifest missing": ("folder-missing", lambda world: world.files.pop("release.json")),
    "checkpoint missing": ("folder-missing", lambda world: world.files.pop("log/checkpoint")),
    "manifest with a space more": ("manifest", edit("release.json", lambda data: data + b" ")),
    "manifest with a member more": ("manifest", edit("release.json", lambda data: data.replace(b'{"_type"', b'{"_a":1,"_type"', 1))),
    "extra shard that a glob would read": ("folder-extra", lambda world: world.files.__setitem__("data/zzz.parquet", b"PAR1")),
    "extra script": ("folder-extra", lambda world: world.files.__setitem__("street-scenes.py", b"import os")),
    "evidence published": ("folder-extra", lambda world: world.files.__setitem__("evidence/rows.age", b"age")),
    "empty tolerated copy": ("folder-extra", lambda world: world.files.__setitem__("trust.json", b"")),
    "name that differs by case": ("folder-name", lambda world: world.files.__setitem__("readme.MD", b"# another\n")),
    "name that differs by normalisation": (
        "folder-name",
        lambda world: world.files.update({".cache/huggingface/\u00e9": b"1", ".cache/huggingface/e\u0301": b"2"}),
    ),
    "attestation missing": ("folder-entries", lambda world: world.files.pop(first(world, "attestations/"))),
    "report missing": ("folder-entries", lambda world: world.files.pop(first(world, "reports/"))),
    "opinion changed": ("folder-entries", lambda world: edit(first(world, "opinions/"), flip)(world)),
    "opinion under another name": (
        "folder-entries",
        lambda world: move(world, first(world, "opinions/"), "opinions/somebody.00000000.sigstore.json"),
    ),
    "attestation more than the candidate has": (
        "folder-entries",
        lambda world: world.files.__setitem__("attestations/03-x.00000000.sigstore.json", world.entries[0]),
    ),
    "tile missing": ("log-files", lambda world: world.files.pop("log/tile/0/000.p/8")),
    "tile too many": ("log-files", lambda world: world.files.__setitem__("log/tile/0/001.p/1", bytes(32))),
    "tile changed": ("log-entry", edit("log/tile/0/000.p/8", flip)),
    "entry changed": ("log-entry", edit("log/tile/entries/000.p/8", flip)),
    "checkpoint no note": ("checkpoint-form", edit("log/checkpoint", lambda data: data.replace(b"\n\n", b"\n"))),
    "checkpoint too large": ("file-size", edit("log/checkpoint", lambda data: data + bytes(70_000))),
    "log signature changed": (
        "checkpoint-signature",
        edit("log/checkpoint", lambda data: data.replace(b"\n\n", b"\n\n" + data.split(b"\n\n")[1].split(b"\n")[1] + b"\n", 1)),
    ),
    "cosignature twice": (
        "checkpoint-signature",
        edit("log/checkpoint", lambda data: data + data.split(b"\n")[-2] + b"\n"),
    ),
    "log of another origin": ("checkpoint-origin", lambda world: sign_as(world, "institution.example/other", "log")),
    "log signed by another key": ("checkpoint-signature", lambda world: sign_as(world, ORIGIN, "stranger")),
}


def sign_as(world: Simulator, origin: str, role: str) -> None:
    """Put a checkpoint of the right root under another origin or key."""
    root = merkle.root([merkle.leaf_hash(entry) for entry in world.entries])
    world.files["log/checkpoint"] = sign_checkpoint(Checkpoint(origin, len(world.entries), root), world.keys[role]).encode()


@pytest.mark.parametrize(("code", "attack"), AFTER_SIGNING.values(), ids=AFTER_SIGNING.keys())
def test_a_host_that_changes_what_it_serves_is_refused(code: str, attack: Attack) -> None:
    """Whoever holds the files but no key cannot change, drop, add or rename anything unseen."""
    world = Simulator().finish()
    attack(world)
    report = world.verify()
    assert (report.verdict, report.exit_code) == ("failed", 1)
    assert code in codes(report)


def test_a_link_is_refused_wherever_it_points() -> None:
    """A symbolic link to the right bytes is still a link."""
    from simulator import MemoryFiles

    from audit_logs.verify import verify

    world = Simulator().finish()
    files = MemoryFiles(world.files)
    files.special["README.md"] = "a symbolic link"
    assert "folder-link" in codes(verify(files, world.trust_bytes(), now=NOW))


def test_a_witness_that_nobody_trusts_is_refused() -> None:
    """A checkpoint line by an unknown key fails: a reader who ignored it could be told that it counts."""
    world = Simulator().finish()
    signed = parse_signed(world.files["log/checkpoint"])
    world.trust = replace(world.trust, auditors=world.trust.auditors[:1], policy=replace(world.trust.policy, opinions=1, quorum=1))
    assert len(signed.lines) == 3
    assert codes(world.verify()) == {"checkpoint-unknown-key"}


def test_rollback_to_an_older_log_is_refused() -> None:
    """A log that is smaller than the one seen before hides what came after."""
    world = Simulator().finish()
    seen = world.verify().seen
    assert seen is not None
    report = world.verify(seen=replace(seen, size=seen.size + 1))
    assert (report.verdict, codes(report), report.seen) == ("failed", {"log-rollback"}, None)


def test_a_fork_of_the_log_is_refused() -> None:
    """A log that has grown, but not from the one seen before, is another log under the same name."""
    world = Simulator().finish()
    seen = Seen(ORIGIN, world.trust.log.key, 3, digest("another history"), "")
    assert codes(world.verify(seen=seen)) == {"log-fork"}


def test_a_log_that_only_grew_is_accepted() -> None:
    """Continuity holds for the release's own earlier state, and says nothing about another log."""
    world = Simulator().finish()
    root = merkle.root([merkle.leaf_hash(entry) for entry in world.entries[:3]]).hex()
    assert world.verify(seen=Seen(ORIGIN, world.trust.log.key, 3, root, "")).verdict == "verified"
    assert world.verify(seen=Seen("another.example/log", world.trust.log.key, 99, root, "")).verdict == "verified"


INCOMPLETE: dict[str, tuple[str, Attack]] = {
    "step signed by a key without the role": ("no-candidate", lambda world: world.signer.__setitem__(FilterStep, "publish")),
    "candidate signed by a stranger": ("no-candidate", lambda world: world.signer.__setitem__(Candidate, "stranger")),
    "steps of another manifest": (
        "no-candidate",
        lambda world: world.subject.__setitem__(FilterStep, statement.about_manifest(digest("other"))),
    ),
    "no candidate statement": ("no-candidate", lambda world: world.skip.add(Candidate)),
    "no release statement": ("not-released", lambda world: world.skip.add(Release)),
    "release signed by the build key": ("not-released", lambda world: world.signer.__setitem__(Release, "build")),
    "release of another version": ("not-released", bend(Release, lambda r: replace(r, version="9.9.9"))),
    "release by opinions that nobody gave": ("not-released", bend(Release, lambda r: replace(r, opinions=(digest("x"),)))),
    "release by fewer opinions than there must be": ("not-released", bend(Release, lambda r: replace(r, opinions=r.opinions[:1]))),
    "one auditor only": ("opinions-missing", lambda world: world.__setattr__("auditors", AUDITORS[:1])),
    "one auditor votes twice": ("opinions-missing", lambda world: world.__setattr__("auditors", (AUDITORS[0], AUDITORS[0]))),
    "opinions without reports": ("opinions-missing", lambda world: world.skip.add(AuditReport)),
    "opinions signed by the institution": ("opinions-missing", lambda world: world.signer.__setitem__(Opinion, "build")),
    "opinion in another organisation's name": (
        "opinions-missing",
        bend(Opinion, lambda o: replace(o, verifier=replace(o.verifier, id="https://famous.example"))),
    ),
    "opinion on other inputs": ("opinions-missing", bend(Opinion, lambda o: replace(o, input_attestations=o.input_attestations[1:]))),
    "opinion that skips a step": (
        "opinions-missing",
        bend(Opinion, lambda o: replace(o, input_attestations=(o.input_attestations[1], *o.input_attestations[1:]))),
    ),
    "opinion on another release": ("opinions-missing", bend(Opinion, lambda o: replace(o, resource_uri="pkg:generic/a/b@1.0.0"))),
    "qualified reports": (
        "opinions-missing",
        bend(AuditReport, lambda r: replace(r, conclusion="qualified", claims=(Claim("draw", "skipped", ""),))),
    ),
    "unqualified report without a list": ("opinions-missing", bend(AuditReport, lambda r: replace(r, scope=replace(r.scope, lists=())))),
    "refuted claim in a report that is not adverse": (
        "opinions-missing",
        bend(AuditReport, lambda r: replace(r, claims=(Claim("roots", "refuted", ""),))),
    ),
    "a witness did not cosign": ("opinions-missing", lambda world: world.cosigners.pop(AUDITORS[1])),
    "no auditor opened tier matches": ("opinions-tier", bend(AuditReport, lambda r: replace(r, scope=replace(r.scope, tiers=("rows",))))),
    "newer trust file": ("superseded", lambda world: world.write_statements().supersede()),
}


@pytest.mark.parametrize(("code", "attack"), INCOMPLETE.values(), ids=INCOMPLETE.keys())
def test_a_release_that_lacks_what_the_trust_file_asks_for_is_incomplete(code: str, attack: Attack) -> None:
    """A missing or void statement counts for nothing: never verified, and the report says what is missing."""
    world = Simulator()
    attack(world)
    report = world.finish().verify()
    assert (report.verdict, report.exit_code) == ("incomplete", 5)
    assert code in codes(report)


def test_a_candidate_folder_is_incomplete_and_may_hold_evidence() -> None:
    """Before it is audited and released, a candidate is checked as far as it goes, and its silent auditors are named."""
    world = Simulator()
    world.skip |= {AuditReport, Opinion, Release}
    world.cosigners.clear()
    world.finish()
    world.files |= {"evidence/rows.age": b"age", "evidence/matches.age": b"age"}
    report = world.verify()
    assert (report.verdict, report.exit_code) == ("incomplete", 5)
    assert codes(report) == {"opinions-missing", "opinions-tier", "not-released", "stale"}
    assert [(opinion.organisation, opinion.result) for opinion in tell(report).opinions] == [(name, "none") for name in AUDITORS]
    assert sum(name in text for name in AUDITORS for text in tell(report).not_proven) == 2
    world.files["README.md"] = b"# other\n"
    assert world.verify().verdict == "failed"


def test_a_stale_release_is_accepted_only_on_request() -> None:
    """`require` raises for every verdict but verified, and for stale unless an age is allowed that covers it."""
    report = Simulator().finish().verify(now=later(days=2))
    report.require(timedelta(days=3))
    for limit in (None, timedelta(days=1)):
        with pytest.raises(VerificationError, match="stale"):
            report.require(limit)


def test_a_failed_opinion_fails_the_release() -> None:
    """One FAILED by a trusted auditor outweighs every PASSED."""
    world = Simulator()
    reports = iter(("adverse", "unqualified"))
    world.bend[AuditReport] = lambda report: (
        replace(report, conclusion="adverse", claims=(Claim("roots", "refuted", ""),)) if next(reports) == "adverse" else report
    )
    report = world.finish().verify()
    assert report.verdict == "failed"
    assert "opinion-failed" in codes(report)


def test_an_unknown_predicate_type_makes_the_verdict_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement that a newer program would understand might be a recall."""
    world = Simulator().write_statements()
    monkeypatch.setitem(statement._NAMES, Tool, "https://vetted-release.example.org/recall/v9")
    sealed = world.seal(Tool("x", "1", "ab" * 32), statement.about_manifest(digest("x")), "publish")  # type: ignore[arg-type]
    world.entries.append(sealed.raw)
    report = world.finish().verify()
    assert (report.verdict, codes(report)) == ("incomplete", {"unknown-type"})
    assert isinstance(statement.parse(sealed.payload).predicate, Unknown)


def test_a_recalled_release_is_withdrawn() -> None:
    """The recall outranks everything but a failure."""
    world = Simulator().write_statements()
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "publish")
    report = world.finish().verify()
    assert (report.verdict, report.exit_code) == ("withdrawn", 4)
    assert "an error was found" in str(report.failures[0])


def test_a_recall_cannot_be_undone() -> None:
    """Withdrawing the withdrawal does not apply, by whichever key."""
    world = Simulator().write_statements()
    world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), "publish")
    for role in ("publish", "root"):
        world.withdraw("envelope", Subject("envelope", digest(world.entries[8])), role)
    report = world.finish().verify()
    assert report.verdict == "withdrawn"
    assert report.state is not None
    assert [void.code for void in report.state.voids] == ["withdrawal-target"] * 2


def test_a_stranger_cannot_recall() -> None:
    """A withdrawal by a key without the right is void and changes nothing."""
    world = Simulator().write_statements()
    for role in ("build", AUDITORS[0], "stranger"):
        world.withdraw("release", statement.about_manifest(digest(world.files["release.json"])), role)
    report = world.finish().verify()
    assert report.verdict == "verified"
    assert report.state is not None
    assert [void.code for void in report.state.voids] == ["withdrawal-target", "withdrawal-target", "unknown-key"]


@pytest.mark.parametrize(
    ("role", "code"), [("step", "no-candidate"), ("build", "no-candidate"), ("publish", "not-released"), (AUDITORS[0], "opinions-missing")]
)
def test_a_withdrawn_key_voids_what_it_signed_before(role: str, code: str) -> None:
    """A key that was stolen may have been stolen earlier: all its statements go, and what rests on them."""
    world = Simulator().write_statements()
    world.withdraw("key", statement.about_key(world.keys[role].keyid), "root")
    report = world.finish().verify()
    assert report.verdict == "incomplete"
    assert code in codes(report)
    assert report.state is not None
    assert report.state.key_withdrawals.keys() == {world.keys[role].keyid}


def test_a_withdrawn_opinion_no_longer_counts() -> None:
    """An auditor that takes its opinion back is missing from then on."""
    world = Simulator().write_statements()
    world.withdraw("envelope", Subject("envelope", world.opinions[0].digest), AUDITORS[0])
    report = world.finish().verify()
    assert (report.verdict, codes(report)) == ("incomplete", {"opinions-missing", "not-released"})


def test_old_cosignatures_make_a_release_stale() -> None:
    """A frozen copy is told by its age, not by its author."""
    world = Simulator().finish()
    report = world.verify(now=later(days=2))
    assert (report.verdict, report.exit_code) == ("stale", 3)
    assert report.freshness is not None
    assert report.freshness.age_seconds == 2 * 86_400 + 3600


def test_one_fresh_witness_does_not_hide_an_old_quorum() -> None:
    """The quorum's age is that of its oldest needed member."""
    world = Simulator()
    world.cosigners[AUDITORS[0]] -= 30 * 86_400
    assert world.finish().verify().verdict == "stale"


def test_cosignatures_from_the_future_prove_nothing() -> None:
    """A quorum that is ahead of the clock has no age: at best stale."""
    world = Simulator().finish()
    report = world.verify(now=datetime(2026, 3, 1, 10, 0, tzinfo=UTC))
    assert (report.verdict, codes(report)) == ("stale", {"cosignature-future"})


def test_an_expired_trust_file_is_refused() -> None:
    """Whom to believe is a question that has to be asked again."""
    report = Simulator().finish().verify(now=datetime(2031, 1, 1, tzinfo=UTC))
    assert codes(report) == {"trust-expired"}


def test_the_second_version_names_the_first() -> None:
    """A line grows release by release, in one log; a version that skips its predecessor fails."""
    first_release = Simulator().finish()
    second = first_release.next_version("1.1.0")
    assert second.write_statements().finish().verify().verdict == "verified"
    orphan = first_release.next_version("1.1.0")
    orphan.previous = None
    assert "previous" in codes(orphan.write_statements().finish().verify())
    backwards = first_release.next_version("0.9.0")
    assert "version-not-newer" in codes(backwards.write_statements().finish().verify())


def test_the_first_version_still_verifies_with_the_longer_log() -> None:
    """An old copy takes the newer log, and is told that it is not the newest."""
    first_release = Simulator().finish()
    second = first_release.next_version("1.1.0").write_statements().finish()
    first_release.entries = second.entries
    report = first_release.finish().verify()
    assert report.verdict == "verified"
    assert any("not the newest" in fact.text for fact in tell(report).facts)


def test_a_newer_version_that_was_withdrawn_is_recommended_to_nobody() -> None:
    """What is told as newer is what stands, as the second verifier has it."""
    first_release = Simulator().finish()
    second = first_release.next_version("1.1.0").write_statements()
    second.withdraw("release", statement.about_manifest(digest(second.files["release.json"])), "publish")
    first_release.entries = second.finish().entries
    report = first_release.finish().verify()
    assert report.verdict == "verified"
    assert not any("1.1.0" in fact.text for fact in tell(report).facts)


def test_a_failing_extra_check_fails_the_release() -> None:
    """The full verifier's row checks stand at their place in the order."""
    from audit_logs.errors import Failure

    report = Simulator().finish().verify(extra_checks=lambda manifest, _: [Failure("row-root", manifest.shards[0].path)])
    assert (report.verdict, codes(report)) == ("failed", {"row-root"})


@pytest.mark.parametrize("seed", range(60))
def test_no_single_byte_can_be_changed_anywhere(seed: int) -> None:
    """A flipped bit in any file of a release is seen: sampled over files and places."""
    world = Simulator().finish()
    paths = sorted(world.files)
    path = paths[seed % len(paths)]
    data = world.files[path]
    world.files[path] = flip(data, (seed * 7919) % len(data))
    assert world.verify().verdict == "failed"


def test_a_statement_in_other_json_is_void() -> None:
    """The same claim in another byte form, though signed, does not apply."""
    world = Simulator().write_statements()
    said = envelope.parse(world.entries[0], where="entry").payload
    world.entries.append(signing.seal(b" " + said, world.keys["step"]).raw)
    world.entries.append(world.entries[0])
    report = world.finish().verify()
    assert report.state is not None
    assert [void.code for void in report.state.voids] == ["malformed", "duplicate"]


def bent_trust(**changes: Any) -> Attack:
    """Return an attack on the trust file."""
    return bend(Trust, lambda trust: replace(trust, **changes))


def auditors_of(change: Callable[[Trust], Any]) -> Attack:
    """Return an attack on the first auditor of the trust file."""
    return bend(Trust, lambda trust: replace(trust, auditors=(replace(trust.auditors[0], **change(trust)), *trust.auditors[1:])))


def rename_key(trust: Trust) -> Trust:
    """Put a key under another key's id."""
    keys = dict(trust.keys)
    keys[signer_of("stranger").keyid] = keys.pop(trust.build[0])
    return replace(trust, keys=keys, build=(signer_of("stranger").keyid,))


TRUST: dict[str, tuple[str, Attack]] = {
    "key under another id": ("trust-key-id", bend(Trust, rename_key)),
    "key that is no key": (
        "trust-key-id",
        bend(Trust, lambda t: replace(t, keys=t.keys | {t.build[0]: replace(t.keys[t.build[0]], pem="x")})),
    ),
    "one key under two ids": (
        "trust-key-twice",
        bend(Trust, lambda t: replace(t, keys={**t.keys, signer_of("stranger").keyid: t.keys[t.build[0]]})),
    ),
    "two auditors with one witness key": (
        "trust-key-twice",
        bend(Trust, lambda t: replace(t, auditors=(t.auditors[0], replace(t.auditors[1], witness=t.auditors[0].witness)))),
    ),
    "role without a key": ("trust-unknown-key", bent_trust(publish=(signer_of("stranger").keyid,))),
    "auditor holds the build key": ("trust-auditor-key", auditors_of(lambda t: {"key": t.build[0]})),
    "auditor of the institution": ("trust-auditor-organisation", auditors_of(lambda _: {"organisation": "somebody.example"})),
    "organisation twice": (
        "trust-organisation-twice",
        bend(Trust, lambda t: replace(t, auditors=(t.auditors[0], t.auditors[0]))),
    ),
    "no opinion needed": ("trust-threshold", bend(Trust, lambda t: replace(t, policy=replace(t.policy, opinions=0)))),
    "quorum beyond reach": ("trust-threshold", bend(Trust, lambda t: replace(t, policy=replace(t.policy, quorum=3)))),
    "threshold beyond reach": ("trust-threshold", bend(Trust, lambda t: replace(t, root=replace(t.root, threshold=2)))),
    "version without predecessor": ("trust", bent_trust(version=2)),
    "key ids out of order": ("trust", bent_trust(build=tuple(sorted((signer_of("step").keyid, signer_of("build").keyid), reverse=True)))),
    "log key of a witness": ("trust", bend(Trust, lambda t: replace(t, log=replace(t.log, key=t.auditors[0].witness)))),
}


@pytest.mark.parametrize(("code", "attack"), TRUST.values(), ids=TRUST.keys())
def test_a_trust_file_that_could_not_mean_what_it_says_is_refused(code: str, attack: Attack) -> None:
    """Every rule of section 12 has its code; nothing but the trust file is looked at."""
    world = Simulator().finish()
    attack(world)
    report = world.verify()
    assert report.verdict == "failed"
    assert code in codes(report)
    assert all(found.startswith("trust") for found in codes(report))


def test_a_report_names_all_faults_of_a_trust_file() -> None:
    """One key under two ids is a fault twice over; that the file expired is told as well."""
    world = Simulator().finish()
    TRUST["one key under two ids"][1](world)
    assert codes(world.verify(now=later(days=9999))) == {"trust-key-twice", "trust-key-id", "trust-expired"}


@pytest.mark.parametrize("data", [b"no bundle", b""], ids=["junk", "nothing"])
def test_an_unreadable_statement_about_no_candidate_belongs_to_the_folder(data: bytes) -> None:
    """Where no candidate stands, a file of reports/ that is no statement about this manifest is a fault of the folder."""
    world = Simulator()
    world.skip.add(Candidate)
    world.finish().files["reports/somebody.00000000.sigstore.json"] = data
    assert codes(world.verify()) == {"folder-entries", "no-candidate"} | ({"folder-extra"} if not data else set())


def test_what_comes_after_a_failed_section_is_not_looked_at() -> None:
    """A manifest that the log does not know and that does not hold is refused for what it is, not for lacking a release."""
    world = Simulator().finish()
    world.files["release.json"] = world.files["release.json"].replace(b'"rows":5,"schema"', b'"rows":4,"schema"')
    assert codes(world.verify()) == {"manifest-arithmetic", "no-candidate"}


def test_trust_faults_are_listed_all_at_once() -> None:
    """Whoever writes a trust file learns of every fault."""
    from audit_logs import trust as trusts

    trust = Simulator().trust
    bad = replace(trust, policy=replace(trust.policy, opinions=0, matches=0, quorum=9), root=replace(trust.root, threshold=5))
    assert [fault.code for fault in trusts.faults(bad)] == ["trust-threshold"] * 3


def test_statements_survive_writing_and_reading() -> None:
    """Parsing is the inverse of encoding, for every type that a release has."""
    world = Simulator().write_statements()
    for raw in world.entries:
        payload = envelope.parse(raw, where="entry").payload
        said = statement.parse(payload)
        assert statement.encode(said) == payload


def test_encoding_refuses_what_reading_would() -> None:
    """No illegal statement can be made by mistake."""
    with pytest.raises(FormatError, match="malformed"):
        statement.encode(statement.Statement(Subject("trust.json", digest("x")), Superseded(0, digest("y"), "2026-02-30T00:00:00Z")))
