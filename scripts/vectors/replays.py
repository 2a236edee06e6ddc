"""Class `replay` (section 11): the entries of a log under a trust file, what is void with which code, and what stands."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from vectors.reference import Json, bundle, canon, digest, keyid_hex, pae
from vectors.signing import TestKey
from vectors.vector import OK, Pieces, Vector, plain
from vectors.world import (
    AUDITOR_KEYS,
    BASE,
    BUILD,
    INSTITUTION,
    NAME,
    ONE,
    PUBLISH,
    ROOT,
    SIGNED,
    STEP,
    STRANGER,
    TWO,
    Document,
    World,
    statement,
)

# Where the entries of a release by one auditor stand.
STEP_1, STEP_2, CANDIDATE, REPORT, OPINED, RELEASED = range(6)
_ROOT_TWO = TestKey("root two")


@dataclass(slots=True)
class Expected:
    """What replay must give, as said by hand; by default the whole release stands."""

    voids: list[list[Any]] = field(default_factory=list)
    candidates: int = 1
    reports: int = 1
    opinions: int = 1
    releases: list[list[Any]] = field(default_factory=lambda: [["1.0.0", False]])
    withdrawn_keys: list[str] = field(default_factory=list)
    superseded_by: str = ""

    def value(self) -> Document:
        """Return it as JSON."""
        return {
            "voids": self.voids,
            "candidates": self.candidates,
            "reports": self.reports,
            "opinions": self.opinions,
            "releases": self.releases,
            "withdrawnKeys": sorted(self.withdrawn_keys),
            "supersededBy": self.superseded_by,
        }


Recipe = Callable[[], tuple[World, Expected]]


def small_world(**bends: Callable[[Document], Any]) -> World:
    """Return a release by one auditor in the making."""
    return World("1.0.0", (ONE,), **bends)


def _bent(code: str, at: int, **bends: Callable[[Document], Any]) -> Recipe:
    """Return a recipe that bends statements before they are signed: entry `at`, the log's last, is void with `code`."""
    return lambda: (_cut(small_world(**bends), at), _until(code, at))


def _cut(world: World, at: int) -> World:
    """Return a log that ends with entry `at`."""
    world.write()
    del world.entries[at + 1 :]
    return world


def _until(code: str, at: int) -> Expected:
    """Return what stands when entry `at` is void and the log ends there."""
    return Expected([[at, code]], int(at > CANDIDATE), int(at > REPORT), int(at > OPINED), [])


def _lost(voids: list[list[Any]], **left: Json) -> Expected:
    """Return what is left of a whole release whose candidate fell: what rested on it is void, each with its own code."""
    later = [[REPORT, "report-candidate"], [OPINED, "opinion-inputs"], [RELEASED, "release-candidate"]]
    return Expected(voids + later, 0, 0, 0, [], **left)


def _signed_by(code: str, at: int, role: str, key: TestKey) -> Recipe:
    """Return a recipe that has another key sign one role's statement, the log's last."""

    def recipe() -> tuple[World, Expected]:
        world = small_world()
        world.signers[role] = key
        return _cut(world, at), _until(code, at)

    return recipe


def _appended(code: str, add: Callable[[World], Any], **left: Json) -> Recipe:
    """Return a recipe that appends one entry to a whole release; `left` is what differs then (code "": it applies)."""

    def recipe() -> tuple[World, Expected]:
        world = small_world().write()
        add(world)
        return world, Expected([[6, code]] if code else [], **left)

    return recipe


def _entry(kind: str, predicate: Document, key: TestKey, subject: tuple[str, str] | None = None) -> Callable[[World], None]:
    return lambda world: world.entries.append(key.seal(statement(kind, predicate, subject or world.subject)))


def _envelope(world: World, index: int) -> tuple[str, str]:
    return ("envelope", digest(world.entries[index]))


def of_key(key: TestKey) -> tuple[str, str]:
    """Return the subject of a key's withdrawal."""
    return (key.keyid, keyid_hex(key.keyid))


def again(index: int, key: TestKey, **changes: Json) -> Callable[[World], None]:
    """Return the addition of an earlier entry's statement, changed and signed anew."""

    def add(world: World) -> None:
        payload = json.loads(base64.b64decode(json.loads(world.entries[index])["dsseEnvelope"]["payload"]))
        payload["predicate"] |= changes
        world.entries.append(key.seal(canon(payload)))

    return add


_WITHDRAWAL = {"kind": "release", "reason": "an error was found", "withdrawnOn": SIGNED}


def _unsigned(world: World) -> None:
    """Append the release statement once more, under the publish key's id but signed by a stranger."""
    payload = statement("withdrawal/v0.1", _WITHDRAWAL, world.subject)
    world.entries.append(canon(bundle(payload, PUBLISH.keyid, STRANGER.sign(pae(payload)))))


def _withdraw_twice(world: World) -> None:
    world.withdraw("release", world.subject, PUBLISH)
    world.withdraw("envelope", _envelope(world, 6), ROOT)


def _key_by_itself() -> tuple[World, Expected]:
    """Return a log in which the build key withdraws itself."""
    world = small_world().write()
    world.withdraw("key", of_key(BUILD), BUILD)
    return world, _lost([[CANDIDATE, "key-withdrawn"]], withdrawn_keys=[BUILD.keyid])


def _second_version(version: str, code: str, first: str = "1.0.0") -> Recipe:
    def recipe() -> tuple[World, Expected]:
        world = World(first, (ONE,)).write().following(version).write()
        expected = Expected([[11, code]] if code else [], candidates=2, reports=2, opinions=2)
        expected.releases = [[first, False]] if code else [[first, False], [version, False]]
        return world, expected

    return recipe


def _two_roots(*keys: TestKey) -> Recipe:
    """Return a recipe with two root keys that must both announce the next trust file."""

    def bend(trust: Document) -> None:
        trust["keys"][_ROOT_TWO.keyid] = {"organisation": INSTITUTION, "pem": _ROOT_TWO.pem}
        trust["root"] = {"keys": sorted((ROOT.keyid, _ROOT_TWO.keyid)), "threshold": 2}

    def recipe() -> tuple[World, Expected]:
        world = small_world(trust=bend).write()
        for number, key in enumerate(keys):
            world.supersede(key, supersededOn=f"2026-03-01T10:00:0{number}Z")
        return world, Expected(superseded_by=digest("the next trust file") if len(set(keys)) == 2 else "")

    return recipe


def _adverse(report: Document) -> None:
    report |= {"conclusion": "adverse", "claims": [{"claim": "roots", "detail": "", "result": "refuted"}]}


def _failed() -> tuple[World, Expected]:
    return small_world(report_one=_adverse).write(), Expected()


def _inputs(change: Callable[[list[Any]], Any]) -> Callable[[Document], Any]:
    return lambda opinion: change(opinion["inputAttestations"])


_SUPERSEDED = {"previous": digest("another trust file"), "supersededOn": SIGNED, "version": 2}
_GONE_CANDIDATE: dict[str, Any] = {"candidates": 0, "reports": 0, "opinions": 0}


def _fallen(first: int, by: TestKey, second: int, auditor: str) -> Recipe:
    """Return a recipe in which an entry is withdrawn, and then what rested on it."""

    def recipe() -> tuple[World, Expected]:
        world = small_world().write()
        world.withdraw("envelope", _envelope(world, first), by)
        world.withdraw("envelope", _envelope(world, second), AUDITOR_KEYS[auditor])
        lost: dict[str, Any] = _GONE_CANDIDATE if first == CANDIDATE else {"reports": 0, "opinions": 0}
        return world, Expected([[7, "withdrawal-target"]], **lost)

    return recipe


_REPLAYS: dict[str, tuple[str, Recipe, str]] = {
    "whole-release": (OK, lambda: (small_world().write(), Expected()), "two steps, candidate, report, opinion, release: all apply"),
    "empty-log": (OK, lambda: (small_world(), Expected([], 0, 0, 0, [])), "a log of no entries says nothing"),
    "second-release": (OK, _second_version("1.1.0", ""), "the line's next version"),
    "failed-opinion": (OK, _failed, "an adverse report with FAILED applies as PASSED does"),
    "malformed": ("malformed", _appended("malformed", lambda w: w.entries.append(b"{}")), "an entry that is no bundle"),
    "malformed-payload": (
        "malformed",
        _appended("malformed", lambda w: w.entries.append(PUBLISH.seal(b" {}"))),
        "a bundle whose payload is no statement, though its key is right",
    ),
    "duplicate": ("duplicate", _appended("duplicate", lambda w: w.entries.append(w.entries[RELEASED])), "the same bytes twice"),
    "unknown-key": ("unknown-key", _signed_by("unknown-key", CANDIDATE, "candidate", STRANGER), "a key that nobody named"),
    "bad-signature": ("bad-signature", _appended("bad-signature", _unsigned), "a known key's id, a stranger's signature"),
    "unknown-type": ("unknown-type", _appended("unknown-type", _entry(BASE + "recall/v0.1", {}, PUBLISH)), "a type of a newer reader"),
    "step-wrong-role": ("wrong-role", _signed_by("wrong-role", STEP_1, "step1", BUILD), "a required step by another key"),
    "step-void-takes-all-along": (
        "wrong-role",
        lambda: (_by_build().write(), _lost([[STEP_1, "wrong-role"], [CANDIDATE, "candidate-steps"]])),
        "a step is void, and with it all that rests on it, each entry with its own code",
    ),
    "unlisted-step-by-build": (
        OK,
        _appended("", again(STEP_1, BUILD, step={"kind": "thin", "name": "thinning", "order": 3})),
        "a step that the trust file does not name is the build key's",
    ),
    "unlisted-step-by-step-key": (
        "wrong-role",
        _appended("wrong-role", again(STEP_1, STEP, step={"kind": "thin", "name": "thinning", "order": 3})),
        "a step that the trust file does not name, by a step key",
    ),
    "candidate-wrong-role": ("wrong-role", _signed_by("wrong-role", CANDIDATE, "candidate", PUBLISH), "not a build key"),
    "report-wrong-role": ("wrong-role", _signed_by("wrong-role", REPORT, "report_one", ROOT), "not an auditor"),
    "opinion-wrong-role": ("wrong-role", _signed_by("wrong-role", OPINED, "opinion_one", PUBLISH), "not an auditor"),
    "release-wrong-role": ("wrong-role", _signed_by("wrong-role", RELEASED, "release", ROOT), "a root key releases nothing"),
    "supersession-wrong-role": (
        "wrong-role",
        _appended("wrong-role", lambda w: w.supersede(PUBLISH)),
        "a supersession by a key that is no root key",
    ),
    "candidate-orders": (
        "candidate-steps",
        _bent("candidate-steps", CANDIDATE, candidate=lambda c: c["steps"].reverse()),
        "step envelopes in another order",
    ),
    "candidate-step-missing": (
        "candidate-steps",
        _bent("candidate-steps", CANDIDATE, candidate=lambda c: c["steps"].pop(0)),
        "orders do not begin at 1",
    ),
    "candidate-unlogged-step": (
        "candidate-steps",
        _bent("candidate-steps", CANDIDATE, candidate=lambda c: c["steps"].__setitem__(1, digest("x"))),
        "a step that is not in the log",
    ),
    "candidate-again": (
        "candidate-again",
        _appended("candidate-again", again(CANDIDATE, BUILD, builtOn="2026-03-01T11:00:00Z")),
        "a second candidate for one manifest",
    ),
    "report-on-unknown-candidate": (
        "report-candidate",
        _bent("report-candidate", REPORT, report_one=lambda r: r.update(candidate=digest("x"))),
        "a report on a candidate that is not in the log",
    ),
    "report-refuted-not-adverse": (
        "report-contradiction",
        _bent("report-contradiction", REPORT, report_one=lambda r: r["claims"][0].update(result="refuted")),
        "a refuted claim in an unqualified report",
    ),
    "report-adverse-without-refutation": (
        "report-contradiction",
        _bent("report-contradiction", REPORT, report_one=lambda r: r.update(conclusion="adverse")),
        "an adverse report that refutes nothing",
    ),
    "report-skipped-unqualified": (
        "report-contradiction",
        _bent("report-contradiction", REPORT, report_one=lambda r: r["claims"][0].update(result="skipped")),
        "a skipped claim in an unqualified report",
    ),
    "report-without-lists": (
        "report-contradiction",
        _bent("report-contradiction", REPORT, report_one=lambda r: r["scope"].update(lists=[])),
        "an unqualified report without a list of the auditor's own",
    ),
    "report-again": (
        "report-again",
        _appended("report-again", again(REPORT, AUDITOR_KEYS[ONE], finishedOn="2026-03-01T11:00:00Z")),
        "a second report by one organisation",
    ),
    "opinion-step-missing": (
        "opinion-inputs",
        _bent("opinion-inputs", OPINED, opinion_one=_inputs(lambda i: i.pop(0))),
        "an opinion that leaves a step out",
    ),
    "opinion-inputs-reordered": (
        "opinion-inputs",
        _bent("opinion-inputs", OPINED, opinion_one=_inputs(lambda i: i.insert(0, i.pop(1)))),
        "inputs in another order",
    ),
    "opinion-input-uri": (
        "opinion-inputs",
        _bent("opinion-inputs", OPINED, opinion_one=_inputs(lambda i: i[2].update(uri="release.json"))),
        "an input under another uri",
    ),
    "opinion-input-added": (
        "opinion-inputs",
        _bent("opinion-inputs", OPINED, opinion_one=_inputs(lambda i: i.insert(0, i[0]))),
        "an input more",
    ),
    "opinion-on-another-release": (
        "opinion-inputs",
        _bent("opinion-inputs", OPINED, opinion_one=lambda o: o.update(resourceUri=f"pkg:generic/{NAME}@1.0.1")),
        "a package URL of another version",
    ),
    "opinion-in-another-name": (
        "opinion-organisation",
        _bent("opinion-organisation", OPINED, opinion_one=lambda o: o["verifier"].update(id=f"https://{TWO}")),
        "another organisation's name",
    ),
    "opinion-failed-on-clean-report": (
        "opinion-contradiction",
        _bent(
            "opinion-contradiction",
            OPINED,
            opinion_one=lambda o: o.update(verificationResult="FAILED", verifiedLevels=["FAILED"]),
        ),
        "FAILED on a report that is not adverse",
    ),
    "opinion-passed-on-adverse-report": (
        "opinion-contradiction",
        _bent(
            "opinion-contradiction",
            OPINED,
            report_one=_adverse,
            opinion_one=lambda o: o.update(verificationResult="PASSED", verifiedLevels=["VETTED_RELEASE_AUDITED"]),
        ),
        "PASSED on an adverse report",
    ),
    "opinion-again": (
        "opinion-again",
        _appended("opinion-again", again(OPINED, AUDITOR_KEYS[ONE], timeVerified="2026-03-01T11:00:00Z")),
        "a second opinion by one organisation",
    ),
    "release-of-unknown-candidate": (
        "release-candidate",
        _bent("release-candidate", RELEASED, release=lambda r: r.update(candidate=digest("x"))),
        "a candidate that is not in the log",
    ),
    "release-of-another-version": (
        "release-candidate",
        _bent("release-candidate", RELEASED, release=lambda r: r.update(version="1.0.1")),
        "another version than the candidate's",
    ),
    "release-by-unknown-opinion": (
        "release-opinions",
        _bent("release-opinions", RELEASED, release=lambda r: r.update(opinions=[digest("x")])),
        "an opinion that nobody gave",
    ),
    "version-equal": (
        "version-not-newer",
        _appended("version-not-newer", again(RELEASED, PUBLISH, publishedOn="2026-03-01T11:00:00Z")),
        "a second release of one version",
    ),
    "version-lower": ("version-not-newer", _second_version("0.10.0", "version-not-newer"), "a lower version"),
    "version-by-number": (OK, _second_version("10.0.0", "", "9.0.0"), "versions are compared as numbers"),
    "release-withdrawn": (
        OK,
        _appended("", lambda w: w.withdraw("release", w.subject, PUBLISH), releases=[["1.0.0", True]]),
        "a recall by the publish key",
    ),
    "release-withdrawn-by-root": (
        OK,
        _appended("", lambda w: w.withdraw("release", w.subject, ROOT), releases=[["1.0.0", True]]),
        "a recall by a root key",
    ),
    "recall-by-build": (
        "withdrawal-target",
        _appended("withdrawal-target", lambda w: w.withdraw("release", w.subject, BUILD)),
        "a recall by a key without the right",
    ),
    "recall-of-unknown": (
        "withdrawal-target",
        _appended("withdrawal-target", lambda w: w.withdraw("release", ("release.json", digest("x")), PUBLISH)),
        "a recall of what was never released",
    ),
    "recall-undone": (
        "withdrawal-target",
        lambda: (_recalled(), Expected([[7, "withdrawal-target"]], releases=[["1.0.0", True]])),
        "a withdrawal cannot be withdrawn",
    ),
    "opinion-withdrawn": (
        OK,
        _appended("", lambda w: w.withdraw("envelope", _envelope(w, OPINED), AUDITOR_KEYS[ONE]), opinions=0),
        "an auditor takes its opinion back; the release statement stays",
    ),
    "report-withdrawn": (
        OK,
        _appended("", lambda w: w.withdraw("envelope", _envelope(w, REPORT), AUDITOR_KEYS[ONE]), reports=0, opinions=0),
        "an opinion falls with its report",
    ),
    "step-withdrawn": (
        OK,
        _appended("", lambda w: w.withdraw("envelope", _envelope(w, STEP_1), STEP), **_GONE_CANDIDATE),
        "a candidate falls with a step, and takes reports and opinions along",
    ),
    "report-withdrawn-after-its-candidate": (
        "withdrawal-target",
        _fallen(CANDIDATE, BUILD, REPORT, ONE),
        "a report that fell with its candidate does not stand, so it cannot be withdrawn",
    ),
    "opinion-withdrawn-after-its-report": (
        "withdrawal-target",
        _fallen(REPORT, AUDITOR_KEYS[ONE], OPINED, ONE),
        "an opinion that fell with its report does not stand, so it cannot be withdrawn",
    ),
    "opinion-withdrawn-by-another": (
        "withdrawal-target",
        _appended("withdrawal-target", lambda w: w.withdraw("envelope", _envelope(w, OPINED), AUDITOR_KEYS[TWO])),
        "another's opinion",
    ),
    "envelope-unknown": (
        "withdrawal-target",
        _appended("withdrawal-target", lambda w: w.withdraw("envelope", ("envelope", digest("x")), ROOT)),
        "an envelope that is not in the log",
    ),
    "candidate-after-withdrawal": (
        "candidate-again",
        lambda: (_renewed(), Expected([[7, "candidate-again"]], **_GONE_CANDIDATE)),
        "a manifest whose candidate was withdrawn gets no second one",
    ),
    "key-withdrawn-by-itself": ("key-withdrawn", _key_by_itself, "a key withdraws itself: all that it signed is void, but that withdrawal"),
    "step-key-withdrawn": ("key-withdrawn", lambda: _key_gone(STEP, ROOT), "root withdraws the step key: earlier entries are void too"),
    "key-withdrawn-by-another": (
        "withdrawal-target",
        _appended("withdrawal-target", lambda w: w.withdraw("key", of_key(STEP), PUBLISH)),
        "a key is withdrawn by itself or by root alone",
    ),
    "unknown-key-withdrawn": (
        "withdrawal-target",
        _appended("withdrawal-target", lambda w: w.withdraw("key", of_key(STRANGER), ROOT)),
        "a key that the trust file does not name",
    ),
    "superseded": (
        OK,
        _appended("", World.supersede, superseded_by=digest("the next trust file")),
        "one root key is the threshold",
    ),
    "superseded-by-one-of-two": (OK, _two_roots(ROOT), "one of two root keys does not suffice"),
    "superseded-by-one-twice": (OK, _two_roots(ROOT, ROOT), "one root key twice is one"),
    "superseded-by-both": (OK, _two_roots(ROOT, _ROOT_TWO), "both root keys"),
    "supersession-of-another": (
        "supersession-target",
        _appended("supersession-target", _entry("superseded/v0.1", _SUPERSEDED, ROOT, ("trust.json", digest("next")))),
        "another trust file's successor",
    ),
    "supersession-skips-a-version": (
        "supersession-target",
        _appended("supersession-target", lambda w: w.supersede(version=3)),
        "version 3",
    ),
}


def _by_build() -> World:
    """Return a world whose first step is signed by the build key."""
    world = small_world()
    world.signers["step1"] = BUILD
    return world


def _recalled() -> World:
    world = small_world().write()
    _withdraw_twice(world)
    return world


def _renewed() -> World:
    """Return a log whose candidate was withdrawn and is stated once more."""
    world = small_world().write()
    world.withdraw("envelope", _envelope(world, CANDIDATE), BUILD)
    again(CANDIDATE, BUILD, builtOn="2026-03-01T11:00:00Z")(world)
    return world


def _key_gone(key: TestKey, by: TestKey) -> tuple[World, Expected]:
    """Return a log in which root withdrew the key that signed both steps."""
    world = small_world().write()
    world.withdraw("key", of_key(key), by)
    voids: list[list[Any]] = [[STEP_1, "key-withdrawn"], [STEP_2, "key-withdrawn"], [CANDIDATE, "candidate-steps"]]
    return world, _lost(voids, withdrawn_keys=[key.keyid])


def replay_vectors(pieces: Pieces, recipes: Mapping[str, tuple[str, Recipe, str]] | None = None) -> Iterator[Vector]:
    """Logs that are read from entry 0 on."""
    for name, (code, recipe, why) in (recipes or _REPLAYS).items():
        world, expected = recipe()
        given = {"trust": [pieces.name(canon(world.trust))], "entries": [pieces.name(entry) for entry in world.entries]}
        yield Vector("replay", name, {"input.json": plain(given)}, code, why, expected.value())
