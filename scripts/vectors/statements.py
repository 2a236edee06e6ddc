"""Class `statement` (section 9): the payload of an envelope, for each predicate type."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

from vectors.reference import canon, digest, keyid_hex
from vectors.vector import OK, Pieces, Vector
from vectors.world import BASE, BUILD, ONE, OPINION, SIGNED, TWO, Document, make_manifest, make_opinion, make_report, make_step

_MANIFEST = ("release.json", digest("manifest"))
Change = Callable[[Document], object]


def _frame(kind: str, predicate: Document, subject: tuple[str, str] = _MANIFEST) -> Document:
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "predicate": predicate,
        "predicateType": kind if "://" in kind else BASE + kind,
        "subject": [{"digest": {"sha256": subject[1]}, "name": subject[0]}],
    }


def _withdrawal(kind: str, subject: tuple[str, str]) -> Document:
    return _frame("withdrawal/v0.1", {"kind": kind, "reason": "an error was found", "withdrawnOn": SIGNED}, subject)


def _good() -> dict[str, Document]:
    """Return a statement of every type."""
    candidate = {"auditors": [ONE, TWO], "builtOn": SIGNED, "previousManifest": None, "steps": [digest("step")], "version": "1.0.0"}
    release = {"candidate": digest("c"), "opinions": sorted((digest("a"), digest("b"))), "publishedOn": SIGNED, "version": "1.0.0"}
    superseded = {"previous": digest("trust 1"), "supersededOn": SIGNED, "version": 2}
    inputs = [(b"step", "attestations/01-known-files.00000000.sigstore.json"), (b"c", "candidate"), (b"r", "reports/x.sigstore.json")]
    return {
        "filter-step": _frame("filter-step/v0.1", make_step(make_manifest("1.0.0", None, {}), 1, 8, 6, 1, 1)),
        "filter-step-remote": _frame("filter-step/v0.1", _remote_step()),
        "candidate": _frame("candidate/v0.1", candidate),
        "audit-report": _frame("audit-report/v0.1", make_report(digest("c"), digest("t"))),
        "opinion": _frame(OPINION, make_opinion(ONE, "1.0.0", digest("t"), inputs)),
        "release": _frame("release/v0.1", release),
        "withdrawal-release": _withdrawal("release", _MANIFEST),
        "withdrawal-envelope": _withdrawal("envelope", ("envelope", digest("e"))),
        "withdrawal-key": _withdrawal("key", (BUILD.keyid, keyid_hex(BUILD.keyid))),
        "superseded": _frame("superseded/v0.1", superseded, ("trust.json", digest("trust 2"))),
    }


def _remote_step() -> Document:
    """Return a step that rests on a list holder's answer: it has no list, and names both envelopes."""
    asked = {"fingerprints": ["md5", "pdq"], "conventions": ["full"], "distance": 31, "holder": BUILD.keyid}
    named = {"request": digest("request"), "answer": digest("answer")}
    step = {"name": "partner-list", "kind": "remote", "order": 1}
    made = make_step(make_manifest("1.0.0", None, {}), 1, 8, 6, 1, 1)
    return made | {"step": step, "parameters": asked | named, "lists": [], "selfTest": {"planted": 0, "caught": 0, "beyond": 0}}


def _put(*path: str | int, to: object) -> Change:
    """Return a change that sets statement[path...]; a path that begins with no member of a statement is the predicate's."""

    def change(statement: Document) -> None:
        target: Any = statement if path[0] in statement else statement["predicate"]
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = to

    return change


def _drop(name: str) -> Change:
    return lambda statement: statement["predicate"].pop(name)


# name -> (the good statement that is bent, the change, why)
_MALFORMED: dict[str, tuple[str, Change, str]] = {
    "frame-type": ("release", _put("_type", to="https://in-toto.io/Statement/v0.1"), "another kind of statement"),
    "frame-unknown-member": ("release", lambda s: s.update(comment=""), "a member beside those of a statement"),
    "frame-no-predicate": ("release", lambda s: s.pop("predicate"), "no predicate"),
    "frame-predicate-list": ("release", lambda s: s.update(predicate=[]), "a predicate that is no object"),
    "subject-none": ("release", _put("subject", to=[]), "no subject"),
    "subject-two": ("release", lambda s: s["subject"].append(s["subject"][0]), "two subjects"),
    "subject-second-digest": ("release", lambda s: s["subject"][0]["digest"].update(sha512="ab" * 64), "another digest beside sha256"),
    "subject-other-name": ("release", _put("subject", 0, "name", to="README.md"), "a statement about another file"),
    "subject-short-digest": ("release", _put("subject", 0, "digest", "sha256", to="ab" * 31), "a digest of 62 characters"),
    "step-missing-member": ("filter-step", _drop("unscreenable"), "a member is missing"),
    "step-unknown-member": ("filter-step", _put("note", to="x"), "a member that 9.1 does not name"),
    "step-order-zero": ("filter-step", _put("step", "order", to=0), "order counts from 1"),
    "step-order-text": ("filter-step", _put("step", "order", to="1"), "a number as text"),
    "step-name": ("filter-step", _put("step", "name", to="Known"), "a step's name in upper case"),
    "step-kind": ("filter-step", _put("step", "kind", to="Exact hash"), "a step's kind with a space and a capital"),
    "opinion-verifier": ("opinion", _put("verifier", "id", to=ONE), "a verifier that is no address of an organisation"),
    "step-covers": ("filter-step", _put("covers", to="all"), "bytes that the verdicts cannot speak of"),
    "step-parameters-list": ("filter-step", _put("parameters", to=[]), "parameters that are no object"),
    "step-coverage-text": ("filter-step", _put("coverage", "md5", to="8"), "a count as text"),
    "step-entries-true": ("filter-step", _put("lists", 0, "entries", "md5", to=True), "true is no count"),
    "step-lists-null": ("filter-step", _put("lists", to=None), "null where a list stands"),
    "step-vintage-no-day": ("filter-step", _put("lists", 0, "vintage", to="2026-02-30"), "a date that does not exist"),
    "step-vintage-from": ("filter-step", _put("lists", 0, "vintageFrom", to="guess"), "an origin of the vintage that 9.1 does not name"),
    "step-list-name": ("filter-step", _put("lists", 0, "name", to="-known"), "a list's name that begins with a hyphen"),
    "step-low-quality-missing": ("filter-step", _drop("keptLowQuality"), "0 must be said"),
    "step-low-quality-null": ("filter-step", _put("keptLowQuality", to=None), "null where a count stands"),
    "step-low-quality-text": ("filter-step", _put("keptLowQuality", to="0"), "a count as text"),
    "step-override-missing": ("filter-step", _drop("override"), "that nothing was overridden must be said"),
    "step-override-null": ("filter-step", _put("override", to=None), "null where text stands"),
    "step-override-true": ("filter-step", _put("override", to=True), "an override without its reason"),
    "step-partial-missing": ("filter-step", lambda s: s["predicate"]["lists"][0].pop("partial"), "that a list is whole must be said"),
    "step-partial-number": ("filter-step", _put("lists", 0, "partial", to=1), "1 is not true"),
    "report-partial-missing": (
        "audit-report",
        lambda s: s["predicate"]["scope"]["lists"][0].pop("partial"),
        "that an auditor's list is whole must be said",
    ),
    "step-conventions-text": ("filter-step", _put("conventions", to="full"), "text where a list of text stands"),
    "step-tool-digest": ("filter-step", _put("tool", "codeDigest", to=""), "no digest of the code"),
    "time-offset": ("filter-step", _put("startedOn", to="2026-03-01T08:00:00+00:00"), "a time with an offset"),
    "time-fraction": ("filter-step", _put("startedOn", to="2026-03-01T08:00:00.0Z"), "a time with a fraction"),
    "time-lower-case": ("filter-step", _put("startedOn", to="2026-03-01t08:00:00z"), "a time in lower case"),
    "time-leap-second": ("filter-step", _put("startedOn", to="2016-12-31T23:59:60Z"), "a second that is no real time here"),
    "time-hour-24": ("filter-step", _put("startedOn", to="2026-03-01T24:00:00Z"), "hour 24"),
    "time-no-day": ("filter-step", _put("startedOn", to="2025-02-29T08:00:00Z"), "a day that does not exist"),
    "time-before-2000": ("filter-step", _put("startedOn", to="1999-12-31T23:59:59Z"), "a year before 2000"),
    "candidate-no-steps": ("candidate", _put("steps", to=[]), "no step"),
    "candidate-auditors-unsorted": ("candidate", _put("auditors", to=[TWO, ONE]), "auditors out of order"),
    "candidate-auditor-twice": ("candidate", _put("auditors", to=[ONE, ONE]), "an auditor twice"),
    "candidate-no-previous": ("candidate", _drop("previousManifest"), "null must be said"),
    "candidate-version": ("candidate", _put("version", to="1.0"), "a version of two numbers"),
    "report-tiers-unsorted": ("audit-report", _put("scope", "tiers", to=["rows", "matches"]), "tiers out of order"),
    "report-tier-unknown": ("audit-report", _put("scope", "tiers", to=["all"]), "a tier that does not exist"),
    "report-source": ("audit-report", _put("scope", "source", to="some"), "source is full or none"),
    "report-result": ("audit-report", _put("claims", 0, "result", to="ok"), "a result that 9.3 does not name"),
    "report-conclusion": ("audit-report", _put("conclusion", to="good"), "a conclusion that 9.3 does not name"),
    "report-list-commitment": (
        "audit-report",
        _put("scope", "lists", 0, "commitment", to=digest("x")),
        "an auditor's list has no commitment",
    ),
    "opinion-result": ("opinion", _put("verificationResult", to="passed"), "a result in lower case"),
    "opinion-level": ("opinion", _put("verifiedLevels", to=["SLSA_BUILD_LEVEL_3"]), "a level that 9.4 does not name"),
    "opinion-level-contradicts": ("opinion", _put("verifiedLevels", to=["FAILED"]), "PASSED with the level of FAILED"),
    "opinion-two-levels": ("opinion", _put("verifiedLevels", to=["VETTED_RELEASE_AUDITED", "FAILED"]), "two levels"),
    "opinion-slsa-version": ("opinion", _put("slsaVersion", to="1.1"), "another version of the summary"),
    "opinion-policy-uri": ("opinion", _put("policy", "uri", to="policy.json"), "a policy under another name"),
    "opinion-input-uri": ("opinion", _put("inputAttestations", 0, "uri", to="../step.json"), "a uri that leaves the release"),
    "opinion-digest-text": ("opinion", _put("policy", "digest", to=digest("t")), "a digest that is no object"),
    "release-opinions-unsorted": (
        "release",
        _put("opinions", to=sorted((digest("a"), digest("b")), reverse=True)),
        "digests out of order",
    ),
    "release-opinion-twice": ("release", _put("opinions", to=[digest("a"), digest("a")]), "a digest twice"),
    "withdrawal-kind": ("withdrawal-release", _put("kind", to="step"), "a kind that 9.6 does not name"),
    "withdrawal-envelope-name": ("withdrawal-envelope", _put("subject", 0, "name", to="release.json"), "an envelope under another name"),
    "withdrawal-key-name": ("withdrawal-key", _put("subject", 0, "name", to="build"), "a key that is not named by its id"),
    "withdrawal-key-digest": (
        "withdrawal-key",
        _put("subject", 0, "digest", "sha256", to=digest("x")),
        "a digest that is not in the key id",
    ),
    "superseded-subject": ("superseded", _put("subject", 0, "name", to="release.json"), "not about the trust file"),
    "superseded-version-zero": ("superseded", _put("version", to=0), "versions count from 1"),
}

_OTHERS: dict[str, tuple[str, Change, str]] = {
    "step-many": (
        "filter-step",
        lambda s: s["predicate"].update(lists=[], parameters={"distance": "31", "deep": {"x": [1, None, True]}}),
        "",
    ),
    "step-weakened": (
        "filter-step",
        lambda s: (
            s["predicate"].update(keptLowQuality=6, override="a known change of the source"),
            s["predicate"]["lists"][0].update(partial=True),
        ),
        "",
    ),
    "candidate-previous": ("candidate", _put("previousManifest", to=digest("before")), ""),
    "candidate-no-auditor": ("candidate", _put("auditors", to=[]), ""),
    "report-empty-scope": ("audit-report", lambda s: s["predicate"]["scope"].update(tiers=[], lists=[], source="none", draw="none"), ""),
    "release-no-opinions": ("release", _put("opinions", to=[]), ""),
}

_UNKNOWN = {
    "newer-step": (BASE + "filter-step/v0.2", "a newer version of a known type"),
    "recall": (BASE + "recall/v0.1", "a type that only a newer reader knows"),
    "provenance": ("https://slsa.dev/provenance/v1", "somebody else's type"),
}


def statement_vectors(_: Pieces) -> Iterator[Vector]:
    """Payloads of every predicate type, and payloads with one fault each."""
    good = _good()
    for name, statement in good.items():
        yield _accepted(name, statement, f"a {name.replace('-', ' ')} statement")
    for name, (base, change, _why) in _OTHERS.items():
        yield _accepted(name, _bent(good[base], change), "legal, though unusual")
    for name, (base, change, why) in _MALFORMED.items():
        yield Vector("statement", f"bad-{name}", {"payload": canon(_bent(good[base], change))}, "malformed", why)
    yield Vector("statement", "bad-not-canonical", {"payload": b" " + canon(good["release"])}, "malformed", "a space before the document")
    yield Vector("statement", "bad-no-json", {"payload": b"in-toto"}, "malformed", "no JSON")
    for name, (kind, why) in _UNKNOWN.items():
        statement = _frame(kind, {"anything": [1]})
        yield Vector("statement", f"unknown-{name}", {"payload": canon(statement)}, "unknown-type", why, {"predicateType": kind})


def _bent(statement: Document, change: Change) -> Document:
    bent = copy.deepcopy(statement)
    change(bent)
    return bent


def _accepted(name: str, statement: Document, why: str) -> Vector:
    subject = statement["subject"][0]
    value = {"predicateType": statement["predicateType"], "subject": [subject["name"], subject["digest"]["sha256"]]}
    return Vector("statement", name, {"payload": canon(statement)}, OK, why, value)
