"""Replay is total: every entry applies or is void with its code, and nothing that is void changes the state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from simulator import AUDITORS, SIGNED, Simulator, digest, signer_of

from audit_logs import canonical, envelope, statement
from audit_logs import keys as signing
from audit_logs.replay import State, replay
from audit_logs.statement import AuditReport, Candidate, Claim, FilterStep, Opinion, Release, Subject, Superseded
from audit_logs.trust import Root, TrustKey

ONE, TWO = AUDITORS
WORLD = Simulator().write_statements()


def again(world: Simulator, kind: type, role: str, **changes: Any) -> None:
    """Log another statement like the last of its kind."""
    said = statement.parse(world.last[kind][-1].payload)
    assert not isinstance(said.predicate, statement.Unknown)
    world.entries.append(world.seal(replace(said.predicate, **changes), said.subject, role).raw)


def broken_signature(world: Simulator) -> None:
    """Log an envelope whose signature is of other bytes."""
    sealed = world.last[Release][0]
    other = signing.seal(sealed.payload, world.keys["stranger"])
    world.entries.append(envelope.bundle(sealed.payload, sealed.keyid, other.signature))


VOIDS: dict[str, tuple[str, Callable[[Simulator], Any]]] = {
    "garbage": ("malformed", lambda world: world.entries.append(b"\x00garbage")),
    "statement about another name": (
        "malformed",
        lambda world: world.entries.append(world.seal(parsed(world, Release), Subject("other.json", digest("x")), "publish").raw),
    ),
    "same bytes": ("duplicate", lambda world: world.entries.append(world.entries[2])),
    "key nobody knows": ("unknown-key", lambda world: again(world, Release, "stranger")),
    "signature of somebody else": ("bad-signature", broken_signature),
    "release by a step key": ("wrong-role", lambda world: again(world, Release, "step")),
    "candidate by an auditor": ("wrong-role", lambda world: again(world, Candidate, ONE)),
    "report by the institution": ("wrong-role", lambda world: again(world, AuditReport, "build")),
    "superseded by the publish key": (
        "wrong-role",
        lambda world: world.entries.append(
            world.seal(Superseded(2, world.trust.digest, SIGNED), Subject("trust.json", digest("n")), "publish").raw
        ),
    ),
    "candidate of unknown steps": ("candidate-steps", lambda world: again(world, Candidate, "build", steps=(digest("x"),))),
    "candidate with steps out of order": (
        "candidate-steps",
        lambda world: again(world, Candidate, "build", steps=tuple(reversed([step.digest for step in world.steps]))),
    ),
    "candidate that leaves a step out": ("candidate-steps", lambda world: again(world, Candidate, "build", steps=(world.steps[1].digest,))),
    "second candidate": ("candidate-again", lambda world: again(world, Candidate, "build", built_on="2026-03-01T09:00:01Z")),
    "report on no candidate": ("report-candidate", lambda world: again(world, AuditReport, TWO, candidate=digest("x"))),
    "report that contradicts itself": (
        "report-contradiction",
        lambda world: again(world, AuditReport, TWO, claims=(Claim("x", "refuted", ""),)),
    ),
    "second report": ("report-again", lambda world: again(world, AuditReport, TWO, limitations=("seen twice",))),
    "opinion on another's report": ("opinion-inputs", lambda world: again(world, Opinion, ONE)),
    "opinion for another organisation": (
        "opinion-organisation",
        lambda world: again(world, Opinion, TWO, verifier=statement.Verifier(f"https://{ONE}")),
    ),
    "FAILED on a clean report": (
        "opinion-contradiction",
        lambda world: again(world, Opinion, TWO, verification_result="FAILED", verified_levels=("FAILED",)),
    ),
    "second opinion": ("opinion-again", lambda world: again(world, Opinion, TWO, time_verified="2026-03-01T10:00:01Z")),
    "release of no candidate": ("release-candidate", lambda world: again(world, Release, "publish", candidate=digest("x"))),
    "release by unknown opinions": ("release-opinions", lambda world: again(world, Release, "publish", opinions=(digest("x"),))),
    "released twice": ("version-not-newer", lambda world: again(world, Release, "publish", published_on="2026-03-01T10:00:01Z")),
    "recall of what was never released": (
        "withdrawal-target",
        lambda world: world.withdraw("release", statement.about_manifest(digest("x")), "publish"),
    ),
    "withdrawal of an unknown envelope": (
        "withdrawal-target",
        lambda world: world.withdraw("envelope", Subject("envelope", digest("x")), "root"),
    ),
    "withdrawal of another's envelope": (
        "withdrawal-target",
        lambda world: world.withdraw("envelope", Subject("envelope", world.opinions[0].digest), "build"),
    ),
    "withdrawal of a key that is not trusted": (
        "withdrawal-target",
        lambda world: world.withdraw("key", statement.about_key(signer_of("stranger").keyid), "root"),
    ),
    "withdrawal of another's key": (
        "withdrawal-target",
        lambda world: world.withdraw("key", statement.about_key(signer_of(ONE).keyid), TWO),
    ),
    "supersession of another file": ("supersession-target", lambda world: world.supersede(previous=digest("x"))),
    "supersession that skips a version": ("supersession-target", lambda world: world.supersede(version=3)),
}


def parsed(world: Simulator, kind: type) -> Any:
    """Return the last predicate of a kind."""
    return statement.parse(world.last[kind][-1].payload).predicate


@pytest.mark.parametrize(("code", "attack"), VOIDS.values(), ids=VOIDS.keys())
def test_an_entry_that_does_not_fit_is_void_and_changes_nothing(code: str, attack: Callable[[Simulator], Any]) -> None:
    """Each void has its code, and the state is as if the entry were not there."""
    world = Simulator().write_statements()
    before = replay(world.entries, world.trust)
    attack(world)
    after = replay(world.entries, world.trust)
    assert [void.code for void in after.voids] == [code]
    assert replace(after, voids=[], items=before.items) == before


def test_a_key_that_withdraws_itself_stays_withdrawn() -> None:
    """The withdrawal is the one statement of a withdrawn key that is still heard."""
    world = Simulator().write_statements()
    world.withdraw("key", statement.about_key(world.keys["build"].keyid), "build")
    state = replay(world.entries, world.trust)
    assert state.key_withdrawals.keys() == {world.keys["build"].keyid}
    assert not state.candidates
    assert state.voids[0].code == "key-withdrawn"


def test_who_withdrew_a_key_may_be_withdrawn_later() -> None:
    """A root key's withdrawals of keys outlive the root key: replay ends, and both are gone."""
    world = Simulator().write_statements()
    world.withdraw("key", statement.about_key(world.keys["build"].keyid), "root")
    world.withdraw("key", statement.about_key(world.keys["root"].keyid), "root")
    state = replay(world.entries, world.trust)
    assert state.key_withdrawals.keys() == {world.keys["build"].keyid, world.keys["root"].keyid}


def test_what_rests_on_a_withdrawn_report_falls_with_it() -> None:
    """An opinion without its report says nothing."""
    world = Simulator().write_statements()
    world.withdraw("envelope", Subject("envelope", world.last[AuditReport][0].digest), ONE)
    candidate = replay(world.entries, world.trust).candidates[digest(world.files["release.json"])]
    assert [entry.organisation for entry in candidate.opinions] == [TWO]


def test_a_withdrawn_step_takes_its_candidate_along_for_good() -> None:
    """The manifest of a withdrawn candidate gets no other one: a FAILED cannot be shaken off so."""
    world = Simulator().write_statements()
    world.withdraw("envelope", Subject("envelope", world.steps[0].digest), "step")
    again(world, FilterStep, "step", decoder="another")
    again(world, Candidate, "build", built_on="2026-03-01T09:00:01Z")
    state = replay(world.entries, world.trust)
    assert not state.candidates
    assert [void.code for void in state.voids] == ["candidate-steps"]


def test_a_supersession_counts_from_the_root_threshold_on() -> None:
    """Two root keys must say it where two must; one key that says it twice is one."""
    world = Simulator()
    keys = tuple(sorted((world.keys["root"].keyid, world.keys["stranger"].keyid)))
    known = world.trust.keys | {world.keys["stranger"].keyid: TrustKey("institution.example", world.keys["stranger"].public.pem)}
    world.trust = replace(world.trust, root=Root(keys, 2), keys=known)
    said = Superseded(2, world.trust.digest, SIGNED)
    newer = Subject("trust.json", digest("new"))
    world.entries += [world.seal(replace(said, superseded_on=f"2026-03-01T10:00:0{at}Z"), newer, "root").raw for at in range(2)]
    assert replay(world.entries, world.trust).superseded_by == ""
    world.entries.append(world.seal(said, newer, "stranger").raw)
    assert replay(world.entries, world.trust).superseded_by == digest("new")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order=st.permutations(range(8)), junk=st.lists(st.binary(min_size=1, max_size=40), max_size=3))
def test_replay_ends_for_any_order_and_any_bytes(order: list[int], junk: list[bytes]) -> None:
    """Every entry is accounted for exactly once, whatever a log holds."""
    entries = [WORLD.entries[index] for index in order] + junk
    state: State = replay(entries, WORLD.trust)
    places = sorted([entry.index for entry in state.applied] + [void.index for void in state.voids])
    assert places == list(range(len(entries)))


def test_a_step_of_no_candidate_can_be_withdrawn() -> None:
    """It is gone, and nothing rested on it."""
    world = Simulator()
    world.skip = {Candidate, AuditReport, Opinion, Release}
    world.write_statements()
    world.withdraw("envelope", Subject("envelope", world.steps[0].digest), "step")
    state = replay(world.entries, world.trust)
    assert state.withdrawn_envelopes == {world.steps[0].digest}
    assert state.standing.keys() == {world.steps[1].digest, state.applied[-1].digest}


def test_a_withdrawn_key_says_nothing_new_either() -> None:
    """An entry of an unknown type by a withdrawn key is void for its key, and leaves nobody in doubt."""
    world = Simulator().write_statements()
    payload = canonical.encode(
        {
            "_type": statement.FRAME,
            "predicate": {},
            "predicateType": "https://example.org/newer",
            "subject": [{"digest": {"sha256": digest("x")}, "name": "release.json"}],
        }
    )
    world.entries.append(signing.seal(payload, world.keys["build"]).raw)
    assert replay(world.entries, world.trust).unknown_types == [(8, "https://example.org/newer")]
    world.withdraw("key", statement.about_key(world.keys["build"].keyid), "root")
    state = replay(world.entries, world.trust)
    assert state.unknown_types == []
    assert (8, "key-withdrawn") in [(void.index, void.code) for void in state.voids]
