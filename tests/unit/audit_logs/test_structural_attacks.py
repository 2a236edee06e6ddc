"""Attacks on the structure of a release and of its line; each is refused with its code, by both verifiers.

`NAMED` says, for every attack that must be refused, which case does it: of the tables here, of those of `test_verify_attacks` and
`test_verify_replay`, or a test of its own.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import pytest
from simulator import AUDITORS, NOW, Simulator, digest, signer_of

from audit_logs import envelope, merkle, statement
from audit_logs import trust as trusts
from audit_logs.files import FolderFiles
from audit_logs.manifest import Manifest, Shard
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.statement import AuditReport, Candidate, Claim, FilterStep, Opinion, Release, Subject
from audit_logs.trust import Root, Trust, TrustKey
from audit_logs.verify import verify

HERE = Path(__file__).resolve().parent
SHARD = "data/train-00000-of-00002.parquet"

NAMED = {
    "files swapped": ["two shards swapped"],
    "files dropped": ["shard missing", "card missing", "checkpoint missing", "attestation missing", "report missing"],
    "files added": ["extra shard that a glob would read", "extra script", "evidence published", "tile too many"],
    "files renamed": ["a shard renamed", "opinion under another name"],
    "files doubled by case": ["name that differs by case", "name that differs by normalisation"],
    "two release paths that are one inode": ["test_two_paths_that_are_one_file_are_refused"],
    "symbolic links": ["test_a_link_is_refused_wherever_it_points", "test_a_link_in_the_folder_is_refused"],
    "`..` and absolute paths": ["shard leaves the folder", "absolute path in the manifest", "a name with .. in the listing"],
    "steps dropped": ["a required step dropped", "candidate that leaves a step out"],
    "steps reordered": ["required steps in another order", "candidate with steps out of order"],
    "steps repeated": ["two steps of one name", "one envelope for two steps"],
    "steps borrowed from another release": ["steps of another manifest", "attestation of another release"],
    "an old release replayed": ["old release with its old log, where the newer was seen", "old manifest in the new release"],
    "releases mixed": ["shard of another release", "opinion of another release", "log of another line"],
    "wrong keys": ["key nobody knows", "release by a step key", "log signed by another key", "candidate signed by a stranger"],
    "expired keys": ["test_an_expired_trust_file_is_refused"],
    "withdrawn keys": ["test_a_withdrawn_key_voids_what_it_signed_before"],
    "future keys": ["key of the next trust file", "test_cosignatures_from_the_future_prove_nothing"],
    "forked logs": ["test_a_fork_of_the_log_is_refused", "test_a_forked_log_is_refused"],
    "truncated logs": ["log cut back, where more was seen", "tile missing", "log cut back to before the release"],
    "opinions for another manifest": ["opinions about another manifest"],
    "an attestation swapped after the audit": ["attestation signed anew after the audit", "step and candidate signed anew after the audit"],
    "a logged FAILED left out of opinions/": ["logged FAILED left out"],
    "an opinion without its author's cosignature": ["a witness did not cosign"],
    "too few auditors": ["one auditor only", "release by fewer opinions than there must be"],
    "auditors of one organisation": ["organisation twice", "one auditor votes twice", "one organisation with two keys"],
    "a supersession below the root threshold": ["test_a_supersession_below_the_root_threshold_changes_nothing"],
    "a new trust file that names another predecessor": ["new trust file with another predecessor", "supersession of another file"],
    "statements of a withdrawn key": ["statements after the withdrawal of their key"],
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verifier is asked: a release, and what it saw before."""

    world: Simulator
    seen: Seen | None = None


def codes(report: Report) -> set[str]:
    """Return the codes of a report's failures."""
    return {failure.code for failure in report.failures}


def two() -> tuple[Simulator, Simulator]:
    """Return two releases of one line, the second with the longer log."""
    first = Simulator().finish()
    return first, first.next_version("1.1.0").write_statements().finish()


def first_of(world: Simulator, folder: str) -> str:
    """Return the first file of a folder."""
    return min(path for path in world.files if path.startswith(folder))


def after(change: Callable[[Simulator], object]) -> Callable[[], Asked]:
    """Return the case of a complete release that somebody changes afterwards."""

    def build() -> Asked:
        world = Simulator().finish()
        change(world)
        return Asked(world)

    return build


def before(change: Callable[[Simulator], object]) -> Callable[[], Asked]:
    """Return the case of a release whose statements are bent before they are signed."""

    def build() -> Asked:
        world = Simulator()
        change(world)
        return Asked(world.finish())

    return build


def from_other(folder: str) -> Callable[[], Asked]:
    """Return the case of the second release with a file of the first one in the place of its own."""

    def build() -> Asked:
        old, new = two()
        path = first_of(new, folder)
        new.files[path] = old.files[path]
        return Asked(new)

    return build


def old_replayed() -> Asked:
    """Serve the first release, complete and genuine, to a reader who has seen the second."""
    old, new = two()
    return Asked(old, new.verify().seen)


def shard_path(path: str) -> Callable[[], Asked]:
    """Return the case of a manifest that calls its first shard so."""

    def bent(manifest: Manifest) -> Manifest:
        shards: tuple[Shard, ...] = (replace(manifest.shards[0], path=path), *manifest.shards[1:])
        return replace(manifest, shards=shards)

    return before(lambda world: world.bend.__setitem__(Manifest, bent))


class OneStep(Simulator):
    """A release whose institution left the second step out, everywhere."""

    def _manifest(self) -> Manifest:
        manifest = super()._manifest()
        return replace(manifest, steps=manifest.steps[:1])

    def _steps(self, manifest: Manifest) -> list[FilterStep]:
        return [self._step(manifest, 1, (8, 5, 2, 1))]


def cut_back(size: int) -> Callable[[Simulator], object]:
    """Return what the log's owner does who signs a shorter log."""

    def cut(world: Simulator) -> None:
        del world.entries[size:]
        world.write_log()

    return cut


def log_cut_back() -> Asked:
    """Take the log back by one entry, with all signatures, where the whole of it was seen."""
    world = Simulator().write_statements()
    world.supersede()
    longer = world.finish().verify()
    assert longer.state is not None
    seen = Seen(world.trust.log.origin, world.trust.log.key, 9, "0" * 64, "")
    cut_back(8)(world)
    return Asked(world, seen)


def signed_anew(world: Simulator, *, candidate: bool) -> None:
    """After the audit, attest the first step anew, put it into the folder, and (perhaps) name it in another candidate."""
    said = statement.parse(world.steps[0].payload)
    assert isinstance(said.predicate, FilterStep)
    other = world.seal(replace(said.predicate, finished_on="2026-03-01T09:00:01Z"), said.subject, "step")
    world.entries.append(other.raw)
    if candidate:
        named = Candidate("1.0.0", None, (other.digest, world.steps[1].digest), AUDITORS, "2026-03-01T09:30:00Z")
        world.entries.append(world.seal(named, said.subject, "build").raw)
    world.finish()
    world.files[first_of(world, "attestations/")] = other.raw


def adverse_first(world: Simulator) -> None:
    """Have the first auditor refute a claim."""
    conclusions = iter(("adverse", "unqualified"))

    def bent(report: AuditReport) -> AuditReport:
        if next(conclusions) == "unqualified":
            return report
        return replace(report, conclusion="adverse", claims=(Claim("roots", "refuted", ""),))

    world.bend[AuditReport] = bent


def failed_left_out() -> Asked:
    """Log a FAILED, and leave it out of the folder."""
    world = Simulator()
    adverse_first(world)
    world.finish()
    failed = next(path for path, data in world.files.items() if path.startswith("opinions/") and data == world.opinions[0].raw)
    del world.files[failed]
    return Asked(world)


def withdrawn_before() -> Asked:
    """Withdraw the step key first of all, then go on as if it were good."""
    world = Simulator()
    world.withdraw("key", statement.about_key(world.keys["step"].keyid), "root")
    return Asked(world.write_statements().finish())


def other_predecessor() -> Asked:
    """Pin a version 2 that is not the successor of the version 1 that was seen."""
    world = Simulator().finish()
    seen = world.verify().seen
    world.bend[Trust] = lambda trust: replace(trust, version=2, previous=digest("another predecessor"))
    return Asked(world, seen)


def two_keys(trust: Trust) -> Trust:
    """Give the first auditor's organisation a second auditor with keys of its own."""
    other = signer_of("stranger")
    first = trust.auditors[0]
    extra = replace(first, key=other.keyid, witness=trust.auditors[1].witness)
    return replace(trust, keys={**trust.keys, other.keyid: TrustKey(first.organisation, other.public.pem)}, auditors=(first, extra))


STRUCTURE: dict[str, tuple[str, str, Callable[[], Asked]]] = {
    "a shard renamed": (
        "failed",
        "folder-missing",
        after(lambda w: w.files.__setitem__("data/train-00002-of-00002.parquet", w.files.pop(SHARD))),
    ),
    "absolute path in the manifest": ("failed", "manifest", shard_path("/data/train-00000-of-00002.parquet")),
    "backslashes in the manifest": ("failed", "manifest", shard_path("data\\train-00000-of-00002.parquet")),
    "path with a dot in the manifest": ("failed", "manifest", shard_path("data/./train-00000-of-00002.parquet")),
    "a name with .. in the listing": ("failed", "folder-extra", after(lambda w: w.files.__setitem__("../outside.parquet", b"PAR1"))),
    "an absolute name in the listing": ("failed", "folder-extra", after(lambda w: w.files.__setitem__("/data/train.parquet", b"PAR1"))),
    "a required step dropped": ("failed", "step-required", lambda: Asked(OneStep().finish())),
    "one envelope for two steps": (
        "incomplete",
        "no-candidate",
        before(lambda w: w.bend.__setitem__(Candidate, lambda c: replace(c, steps=(c.steps[0], c.steps[0])))),
    ),
    "attestation of another release": ("failed", "folder-entries", from_other("attestations/")),
    "opinion of another release": ("failed", "folder-entries", from_other("opinions/")),
    "shard of another release": ("failed", "file-digest", from_other("data/")),
    "old manifest in the new release": ("failed", "folder-entries", from_other("release.json")),
    "old release with its old log, where the newer was seen": ("failed", "log-rollback", old_replayed),
    "log of another line": (
        "failed",
        "checkpoint-origin",
        after(
            lambda w: w.files.__setitem__(
                "log/checkpoint", w.files["log/checkpoint"].replace(b"institution.example/", b"institution.test/")
            )
        ),
    ),
    "key of the next trust file": ("incomplete", "no-candidate", before(lambda w: w.signer.__setitem__(Candidate, "stranger"))),
    "log cut back, where more was seen": ("failed", "log-rollback", log_cut_back),
    "log cut back to before the release": ("incomplete", "not-released", after(cut_back(7))),
    "opinions about another manifest": (
        "incomplete",
        "opinions-missing",
        before(lambda w: w.subject.__setitem__(Opinion, statement.about_manifest(digest("another manifest")))),
    ),
    "release statement about another manifest": (
        "incomplete",
        "not-released",
        before(lambda w: w.subject.__setitem__(Release, statement.about_manifest(digest("another manifest")))),
    ),
    "attestation signed anew after the audit": (
        "failed",
        "folder-entries",
        after(lambda w: signed_anew(w, candidate=False)),
    ),
    "step and candidate signed anew after the audit": (
        "failed",
        "folder-entries",
        after(lambda w: signed_anew(w, candidate=True)),
    ),
    "logged FAILED left out": ("failed", "folder-entries", failed_left_out),
    "logged FAILED left in": ("failed", "opinion-failed", before(adverse_first)),
    "one organisation with two keys": (
        "failed",
        "trust-organisation-twice",
        after(lambda w: w.bend.__setitem__(Trust, two_keys)),
    ),
    "new trust file with another predecessor": ("failed", "trust-fork", other_predecessor),
    "statements after the withdrawal of their key": ("incomplete", "no-candidate", withdrawn_before),
}


@pytest.mark.parametrize(("verdict", "code", "build"), STRUCTURE.values(), ids=STRUCTURE.keys())
def test_an_attack_on_the_structure_is_refused(verdict: str, code: str, build: Callable[[], Asked]) -> None:
    """Never verified, and the code of the rule that was broken is among those that the report names."""
    asked = build()
    report = asked.world.verify(seen=asked.seen)
    assert (report.verdict, code in codes(report)) == (verdict, True), codes(report)


@pytest.mark.parametrize(("size", "code"), [(9, "log-rollback"), (3, "log-fork")])
def test_a_shorter_and_a_different_log_are_shown_beside_what_was_seen(size: int, code: str) -> None:
    """The report has size and root of both checkpoints, so that the reader holds a proof of what happened."""
    world = Simulator().finish()
    seen = Seen(world.trust.log.origin, world.trust.log.key, size, digest("what was seen"), "")
    (failure,) = world.verify(seen=seen).failures
    assert failure.code == code
    assert f"{size} entries with root {digest('what was seen')}" in failure.expected
    root = merkle.root([merkle.leaf_hash(entry) for entry in world.entries]).hex()
    assert f"8 entries with root {root}" in failure.found


def test_two_paths_that_are_one_file_are_refused(tmp_path: Path) -> None:
    """A hard link within the release, even to a file outside the proof; a second name elsewhere is no fault."""
    world = Simulator().finish()
    world.files["report.html"] = b"<!doctype html>"
    trust = world.write_to(tmp_path / "release")

    def said() -> set[str]:
        return codes(verify(FolderFiles(tmp_path / "release"), trust.read_bytes(), now=NOW))

    (tmp_path / "elsewhere.html").hardlink_to(tmp_path / "release" / "report.html")
    assert said() == set()
    (tmp_path / "release" / "report.html").unlink()
    os.link(tmp_path / "release" / "README.md", tmp_path / "release" / "report.html")
    assert said() == {"folder-link"}


def test_a_supersession_below_the_root_threshold_changes_nothing() -> None:
    """One of two root keys is not enough: the release stays verified, and what one key said is kept apart."""
    world = Simulator()
    other = signer_of("second root")
    roots = tuple(sorted((*world.trust.root.keys, other.keyid)))
    world.trust = replace(
        world.trust,
        keys={**world.trust.keys, other.keyid: TrustKey(world.trust.keys[world.trust.build[0]].organisation, other.public.pem)},
        root=Root(roots, 2),
    )
    world.write_statements().supersede()
    report = world.finish().verify()
    assert report.verdict == "verified"
    assert report.state is not None
    assert (len(report.state.superseded), report.state.superseded_by) == (1, "")
    world.keys["second root"] = other
    said = statement.Superseded(2, world.trust.digest, "2026-03-01T10:00:00Z")
    world.entries.append(world.seal(said, Subject("trust.json", digest("new trust")), "second root").raw)
    assert codes(world.finish().verify()) == {"superseded"}


def test_a_key_of_the_next_trust_file_counts_once_that_is_pinned() -> None:
    """The same log, read by who has pinned the file that has the key, is good: it was the reader's own trust that was missing."""
    world = Simulator()
    new = signer_of("stranger")
    world.signer[Candidate] = "stranger"
    old = world.trust
    keys = {**old.keys, new.keyid: old.keys[old.build[0]]}
    following = replace(old, version=2, previous=old.digest, keys={**keys, new.keyid: TrustKey("institution.example", new.public.pem)})
    following = replace(following, build=tuple(sorted((*old.build, new.keyid))))
    assert "no-candidate" in codes(world.finish().verify())
    again = Simulator()
    again.trust = following
    again.signer[Candidate] = "stranger"
    assert not list(trusts.faults(following))
    assert again.finish().verify().verdict == "verified"


def test_a_second_candidate_for_one_manifest_is_void() -> None:
    """What was signed anew after the audit does not take the place of what was audited, also where the folder is left as it was."""
    world = Simulator().write_statements()
    signed_anew(world, candidate=True)
    audited = envelope.parse(world.entries[0], where="entry")
    world.files[first_of(world, "attestations/")] = audited.raw
    report = world.verify()
    assert report.verdict == "verified"
    assert report.state is not None
    assert [void.code for void in report.state.voids] == ["candidate-again"]


@cache
def cases() -> set[str]:
    """Return the names of all cases: keys of tables of attacks, and functions, of the tests of `audit_logs`."""
    found: set[str] = set()
    for file in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Dict):
                found |= {key.value for key in node.value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    return found


def test_every_attack_that_must_be_refused_has_a_case() -> None:
    """Nothing in the list of attacks stands there without a test that carries it out."""
    assert {case for those in NAMED.values() for case in those} - cases() == set()
    assert sum(map(len, NAMED.values())) >= 40
