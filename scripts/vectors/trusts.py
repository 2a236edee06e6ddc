"""Class `trust` (section 12): trust files with one fault each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vectors.reference import canon, digest
from vectors.signing import LOG, WITNESS, TestKey
from vectors.vector import OK, Pieces, Vector, plain
from vectors.world import (
    AUDITOR_KEYS,
    BUILD,
    INSTITUTION,
    LOG_KEY,
    ONE,
    ORIGIN,
    PUBLISH,
    ROOT,
    STRANGER,
    TWO,
    WITNESS_KEYS,
    Document,
    make_trust,
)

Change = Callable[[Document], object]
_ROOT_TWO = TestKey("root two")


def _policy(**members: object) -> Change:
    return lambda trust: trust["policy"].update(members)


def _first(**members: object) -> Change:
    return lambda trust: trust["auditors"][0].update(members)


def _witness(key: TestKey) -> Change:
    return _first(witness=key.vkey(ONE, WITNESS))


def _two_roots(trust: Document) -> None:
    trust["keys"][_ROOT_TWO.keyid] = {"organisation": INSTITUTION, "pem": _ROOT_TWO.pem}
    trust["root"] = {"keys": sorted((ROOT.keyid, _ROOT_TWO.keyid)), "threshold": 2}


def _reorder(trust: Document) -> None:
    _two_roots(trust)
    trust["root"]["keys"].reverse()


def _second_of_one(trust: Document) -> None:
    """Let the second auditor be the first organisation's too, with keys of its own."""
    trust["keys"][AUDITOR_KEYS[TWO].keyid]["organisation"] = ONE
    trust["auditors"][1]["organisation"] = ONE


def _more_matches(trust: Document) -> None:
    trust["auditors"][1]["tier"] = "matches"
    trust["policy"] |= {"opinions": 1, "matches": 2}


def _institution_audits(trust: Document) -> None:
    trust["keys"][AUDITOR_KEYS[ONE].keyid]["organisation"] = INSTITUTION
    trust["auditors"][0]["organisation"] = INSTITUTION


def _foreign_key(trust: Document) -> None:
    trust["keys"][STRANGER.keyid] = {"organisation": INSTITUTION, "pem": trust["keys"][BUILD.keyid]["pem"]}
    del trust["keys"][BUILD.keyid]
    trust["build"] = [STRANGER.keyid]


_TRUST: dict[str, tuple[str, Change, str]] = {
    "plain": (OK, lambda _: None, "an institution and two auditors"),
    "second-version": (OK, lambda t: t.update(version=2, previous=digest("trust 1")), "a later version names the one before"),
    "two-roots": (OK, _two_roots, "two root keys, both of which it takes"),
    "no-required-steps": (OK, lambda t: t.update(steps=[]), "no step is required"),
    "list-age-null": (OK, lambda t: t["steps"][0].update(maxListAgeDays=None), "lists of any age"),
    "witness-is-auditor-key": (OK, lambda t: t["auditors"][0].update(witness=AUDITOR_KEYS[ONE].vkey(ONE, WITNESS)), "one key for both"),
    "spare-key": (OK, lambda t: t["keys"].update({STRANGER.keyid: {"organisation": "x.example", "pem": STRANGER.pem}}), "a key in no role"),
    "matches-zero": (OK, _policy(matches=0), "nobody needs tier matches"),
    "verify-page": (OK, lambda t: t.update(verifyPage=digest("verify.html")), "the optional member: the digest of a page that verifies"),
    "verify-page-null": ("trust", lambda t: t.update(verifyPage=None), "an optional member is absent, and never null"),
    "verify-page-empty": ("trust", lambda t: t.update(verifyPage=""), "an optional member is absent, and never empty"),
    "verify-page-upper-case": ("trust", lambda t: t.update(verifyPage=digest("verify.html").upper()), "a sha256 in upper case"),
    "first-version-with-previous": ("trust", lambda t: t.update(previous=digest("trust 0")), "version 1 has no predecessor"),
    "second-version-without-previous": ("trust", lambda t: t.update(version=2), "a later version names no predecessor"),
    "version-zero": ("trust", lambda t: t.update(version=0), "versions count from 1"),
    "newer-type": ("trust", lambda t: t.update(_type="https://vetted-release.example.org/trust/v0.2"), "a format of another version"),
    "unknown-member": ("trust", lambda t: t.update(comment=""), "a member that section 12 does not name"),
    "missing-member": ("trust", lambda t: t.pop("officer"), "a member is missing"),
    "expires-no-time": ("trust", lambda t: t.update(expires="2030-01-01"), "a date where a time stands"),
    "key-ids-unsorted": ("trust", _reorder, "key ids out of order"),
    "key-id-twice": ("trust", lambda t: t.update(build=[BUILD.keyid, BUILD.keyid]), "a key id twice in one role"),
    "key-id-form": ("trust", lambda t: t.update(build=["build"]), "a role that names no key id"),
    "key-id-loose-bits": ("trust", lambda t: t.update(build=[BUILD.keyid[:-1] + "B"]), "a key id whose unused bits are not zero"),
    "steps-of-one-name": ("trust", lambda t: t["steps"][1].update(name="known-files"), "two required steps of one name"),
    "tier-unknown": ("trust", _first(tier="all"), "a tier that does not exist"),
    "organisation-upper-case": ("trust", lambda t: t["keys"][BUILD.keyid].update(organisation="Institution"), "upper case"),
    "qualified-number": ("trust", _policy(qualified=1), "1 is not true"),
    "log-key-of-a-witness": ("trust", lambda t: t["log"].update(key=LOG_KEY.vkey(ORIGIN, WITNESS)), "a log key of type 04"),
    "log-key-of-another-origin": ("trust", lambda t: t["log"].update(origin="other.example/log"), "a log key under another name"),
    "witness-of-type-01": ("trust", _first(witness=WITNESS_KEYS[ONE].vkey(ONE, LOG)), "a witness key of type 01"),
    "key-under-another-id": ("trust-key-id", _foreign_key, "a key id that is not its PEM's"),
    "pem-no-key": ("trust-key-id", lambda t: t["keys"][BUILD.keyid].update(pem="build"), "a PEM that is no key"),
    "pem-crlf": ("trust-key-id", lambda t: t["keys"][BUILD.keyid].update(pem=BUILD.pem.replace("\n", "\r\n")), "a PEM in another form"),
    "witness-key-twice": (
        "trust-key-twice",
        lambda t: t["auditors"][1].update(witness=WITNESS_KEYS[ONE].vkey(TWO, WITNESS)),
        "two auditors with one witness key, under two names",
    ),
    "witness-is-other-auditor": (
        "trust-key-twice",
        lambda t: t["auditors"][1].update(witness=AUDITOR_KEYS[ONE].vkey(TWO, WITNESS)),
        "one auditor's key is the other's witness key",
    ),
    "unknown-publish-key": ("trust-unknown-key", lambda t: t.update(publish=[STRANGER.keyid]), "a role that names an unknown key"),
    "unknown-step-key": ("trust-unknown-key", lambda t: t["steps"][0].update(keys=[STRANGER.keyid]), "a step by an unknown key"),
    "witness-is-log-key": ("trust-auditor-key", _witness(LOG_KEY), "an auditor's witness key is the log's"),
    "witness-is-root-key": ("trust-auditor-key", _witness(ROOT), "an auditor's witness key is a root key"),
    "witness-is-build-key": ("trust-auditor-key", _witness(BUILD), "an auditor's witness key is a build key"),
    "witness-is-publish-key": ("trust-auditor-key", _witness(PUBLISH), "an auditor's witness key is a publish key"),
    "auditor-of-another-name": ("trust-auditor-organisation", _first(organisation="x.example"), "an organisation that is not its key's"),
    "auditor-is-institution": ("trust-auditor-organisation", _institution_audits, "the institution audits itself"),
    "organisation-twice": ("trust-organisation-twice", _second_of_one, "one organisation with two entries"),
    "opinions-zero": ("trust-threshold", _policy(opinions=0, matches=0), "no opinion is needed"),
    "opinions-unreachable": ("trust-threshold", _policy(opinions=3), "more opinions than auditors"),
    "matches-unreachable": ("trust-threshold", _policy(matches=2), "more with tier matches than hold it"),
    "matches-above-opinions": ("trust-threshold", _more_matches, "more opinions with tier matches than opinions"),
    "quorum-zero": ("trust-threshold", _policy(quorum=0), "no witness is needed"),
    "quorum-unreachable": ("trust-threshold", _policy(quorum=3), "more witnesses than there are"),
    "threshold-zero": ("trust-threshold", lambda t: t["root"].update(threshold=0), "no root key is needed"),
    "threshold-unreachable": ("trust-threshold", lambda t: t["root"].update(threshold=2), "more root keys than there are"),
}


def trust_vectors(pieces: Pieces) -> Iterator[Vector]:
    """Trust files that all rules allow, and others."""
    for name, (code, change, why) in _TRUST.items():
        trust = make_trust()
        change(trust)
        data = canon(trust)
        yield Vector("trust", name, _trust(pieces, data), code, why, {"digest": digest(data)} if code == OK else None)
    yield Vector("trust", "final-newline", _trust(pieces, canon(make_trust()) + b"\n"), "trust", "a newline after the document")


def _trust(pieces: Pieces, data: bytes) -> dict[str, bytes]:
    return {"input.json": plain({"trust.json": pieces.document(data)})}
