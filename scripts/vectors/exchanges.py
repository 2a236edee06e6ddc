"""Class `exchange` (section 20): row ids; a request with its statement; an answer with both statements."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

from vectors.reference import canon, digest, keyed, mth, padme, sha256, u64
from vectors.signing import TestKey
from vectors.vector import OK, Pieces, Vector, plain
from vectors.world import NAME, TOOL, Document, statement

_ASKER, _HOLDER, _OTHER = TestKey("asking institution"), TestKey("list holder p256"), TestKey("another")
_SALT = sha256(b"salt of a request")
_WIDTHS = {"md5": 16, "sha1": 20, "sha256": 32, "pdq-full": 256, "pdq-nearest-512": 256, "pdq-thumbnail-512": 256}
_TYPES = ["md5", "pdq-full"]
_RECIPIENT = "age1" + "q" * 58
FORM, REQUEST, ANSWER, SIGNATURE, EXPIRED = "exchange-form", "exchange-request", "exchange-answer", "exchange-signature", "exchange-expired"
Change = Callable[[Document], object]
Record = tuple[bytes, list[list[bytes]]]


def _u16(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _id(position: int) -> bytes:
    return keyed(_SALT, u64(position) + sha256(b"row %d" % position))


def _value(kind: str, position: int, number: int = 0) -> bytes:
    return (sha256(f"{kind} of {position}, {number}".encode()) * 8)[: _WIDTHS[kind]]


def _records(count: int, types: list[str] = _TYPES) -> list[Record]:
    """Return records in order: row 1 has no fingerprint, row 2 three views."""
    counts = {1: 0, 2: 3}
    made = []
    for position in range(count):
        number = {kind: counts.get(position, 1) if kind.startswith("pdq") else min(counts.get(position, 1), 1) for kind in types}
        made.append((_id(position), [[_value(kind, position, at) for at in range(number[kind])] for kind in types]))
    return sorted(made)


def _record(record: Record) -> bytes:
    row_id, values = record
    return row_id + b"".join(_u16(len(some)) + b"".join(some) for some in values)


def _file(magic: str, header: Document, body: bytes) -> bytes:
    encoded = canon(header)
    return magic.encode() + b"\n" + u64(len(encoded)) + encoded + body


def _padded(data: bytes) -> bytes:
    return data + bytes(padme(len(data)) - len(data))


def _request(records: list[Record], types: list[str] = _TYPES) -> bytes:
    return _file("vetted-release-request-v1", {"rows": len(records), "types": types}, b"".join(map(_record, records)))


def _asking(records: list[Record], file: bytes, types: list[str] = _TYPES) -> Document:
    """Return subject and predicate of a request's statement."""
    predicate = {
        "name": NAME,
        "source": {"root": digest("source"), "rows": len(records)},
        "root": mth([_record(record) for record in records]).hex(),
        "types": types,
        "distance": 31 if any(kind.startswith("pdq") for kind in types) else None,
        "holder": _HOLDER.keyid,
        "recipient": _RECIPIENT,
        "madeOn": "2026-03-01T10:00:00Z",
        "expiresOn": "2026-03-31T10:00:00Z",
    }
    return {"subject": ["request", digest(file)], "predicate": predicate, "type": "screening-request/v0.1"}


def _signed(said: Document, key: TestKey) -> bytes:
    return key.seal(statement(said["type"], said["predicate"], (said["subject"][0], said["subject"][1])))


def _changed(said: Document, change: Change) -> Document:
    said = copy.deepcopy(said)
    change(said)
    return said


def _put(name: str, to: object) -> Change:
    return lambda said: said["predicate"].update({name: to})


_THREE = _records(3)
_PLAIN = _request(_THREE)
_ASKED = _asking(_THREE, _PLAIN)


def _requests() -> Iterator[tuple[str, str, bytes, Document, TestKey, str]]:
    """Yield name, code, file, statement, signer, why."""
    yield "request", OK, _padded(_PLAIN), _ASKED, _ASKER, "a row without fingerprints, and one with three views"
    yield "request-unpadded", OK, _PLAIN, _ASKED, _ASKER, "digest and root are over the file without padding"
    for name, types in (("digests", ["md5", "sha1", "sha256"]), ("every-type", sorted(_WIDTHS))):
        records = _records(4, types)
        file = _request(records, types)
        yield f"request-{name}", OK, _padded(file), _asking(records, file, types), _ASKER, "types in the order of the header"
    empty = _request([])
    yield "request-empty", OK, empty, _asking([], empty), _ASKER, "a source without rows"
    yield "request-other-signer", SIGNATURE, _PLAIN, _ASKED, _OTHER, "signed by another key than the requester's"
    swapped = _request(_THREE[::-1])
    yield "request-unsorted", FORM, swapped, _asking(_THREE[::-1], swapped), _ASKER, "records in another order than that of their ids"
    twice = _request([_THREE[0], _THREE[0], _THREE[1]])
    yield "request-id-twice", FORM, twice, _asking([_THREE[0], _THREE[0], _THREE[1]], twice), _ASKER, "an id stands twice"
    double = [(_THREE[0][0], [[_value("md5", 7), _value("md5", 8)], []]), *_THREE[1:]]
    yield "request-two-digests", FORM, _request(double), _asking(double, _request(double)), _ASKER, "a row has one MD5"
    yield "request-short", FORM, _PLAIN[:-1], _ASKED, _ASKER, "a byte is missing at the end"
    yield "request-more", FORM, _PLAIN + b"\x00\x01", _ASKED, _ASKER, "something follows that is not zero"
    other = b"vetted-release-request-v2" + _PLAIN[25:]
    yield (
        "request-magic",
        FORM,
        other,
        _changed(_ASKED, lambda said: said.update(subject=["request", digest(other)])),
        _ASKER,
        "another magic",
    )
    bent = bytearray(_PLAIN)
    bent[-1] ^= 1
    yield "request-changed", REQUEST, bytes(bent), _ASKED, _ASKER, "a bit of a fingerprint was changed on the way"
    yield "request-root", REQUEST, _PLAIN, _changed(_ASKED, _put("root", digest("another"))), _ASKER, "the root is not that of the records"
    fewer = _put("source", {"root": digest("source"), "rows": 2})
    yield "request-rows", REQUEST, _PLAIN, _changed(_ASKED, fewer), _ASKER, "fewer rows were signed for than the file has"
    changed = _changed(_ASKED, lambda said: said["predicate"].update(types=["md5"], distance=None))
    yield "request-types", REQUEST, _PLAIN, changed, _ASKER, "other types were signed for"
    for name, change, why in (
        ("unknown-member", _put("more", 1), "a member that is not named"),
        ("no-distance", _put("distance", None), "perceptual hashes without a distance"),
        ("far", _put("distance", 65), "no distance above 64"),
        ("unknown-type", _put("types", ["md5", "pdq-half"]), "a type that there is not"),
        ("types-unsorted", _put("types", ["pdq-full", "md5"]), "types in another order"),
        ("never-valid", _put("expiresOn", "2026-03-01T10:00:00Z"), "it expires when it is made"),
        ("subject", lambda said: said.update(subject=["release.json", said["subject"][1]]), "the subject is the request"),
        ("kind", lambda said: said.update(type="screening-answer/v0.1"), "a statement of another type"),
    ):
        yield f"request-{name}", FORM, _PLAIN, _changed(_ASKED, change), _ASKER, why


_ENVELOPE = digest(_signed(_ASKED, _ASKER))
_HITS = sorted([_id(0), _id(2)])


def _answer(ids: list[bytes], **header: int | str) -> bytes:
    told = {"matched": len(ids), "nonce": digest("nonce"), "request": _ENVELOPE, "rows": 3} | header
    return _file("vetted-release-answer-v1", told, b"".join(ids))


def _answering(file: bytes) -> Document:
    used = {
        "name": "known-pdq",
        "authority": "Example Authority",
        "vintage": "2026-02-01",
        "vintageFrom": "declared",
        "entries": {"pdq": 12},
        "partial": False,
    }
    predicate = {
        "request": _ENVELOPE,
        "answer": digest(file),
        "rows": 3,
        "lists": [used],
        "selfTest": {"planted": 32, "caught": 32, "beyond": 33},
        "tool": TOOL,
        "answeredOn": "2026-03-02T10:00:00Z",
    }
    return {"subject": _ASKED["subject"], "predicate": predicate, "type": "screening-answer/v0.1"}


def _answers() -> Iterator[tuple[str, str, bytes, Document, TestKey, str]]:
    """Yield name, code, file, statement, signer, why."""
    file = _answer(_HITS)
    said = _answering(file)
    yield "answer", OK, _padded(file), said, _HOLDER, "two rows matched"
    yield "answer-none", OK, _answer([]), _answering(_answer([])), _HOLDER, "no row matched"
    yield "answer-other-holder", SIGNATURE, file, said, _OTHER, "signed by another key than the one that is pinned"
    yield "answer-tampered", ANSWER, _answer(_HITS[:1]), said, _HOLDER, "an id was taken out on the way"
    for name, bad, code, why in (
        ("unsorted", _answer(_HITS[::-1]), FORM, "ids in another order"),
        ("id-twice", _answer([_HITS[0]] * 2), FORM, "an id stands twice"),
        ("short", _answer(_HITS)[:-1], FORM, "a byte is missing at the end"),
        ("count", _answer(_HITS, matched=1), FORM, "an id follows that was not counted"),
        ("more-than-rows", _answer(sorted(_id(at) for at in range(4))), FORM, "more rows matched than were compared"),
        ("other-request", _answer(_HITS, request=digest("another")), ANSWER, "to another request"),
        ("fewer-rows", _answer(_HITS, rows=2), ANSWER, "on fewer rows than the statement says"),
    ):
        yield f"answer-{name}", code, bad, _answering(bad), _HOLDER, why
    for name, change, code, why in (
        ("said-request", _put("request", digest("another")), ANSWER, "the statement is about another envelope"),
        ("said-subject", lambda one: one.update(subject=["request", digest("another")]), ANSWER, "the statement is about another request"),
        ("said-rows", _put("rows", 2), ANSWER, "shorter than what was asked"),
        ("canary", _put("selfTest", {"planted": 32, "caught": 31, "beyond": 33}), ANSWER, "a canary was missed"),
        ("no-canary", _put("selfTest", {"planted": 0, "caught": 0, "beyond": 0}), ANSWER, "no canary was planted"),
        ("late", _put("answeredOn", "2026-04-01T10:00:00Z"), EXPIRED, "answered when the request had expired"),
        ("early", _put("answeredOn", "2026-02-01T10:00:00Z"), EXPIRED, "answered before it was asked"),
        ("no-list", _put("lists", []), FORM, "compared with nothing"),
        ("empty-list", lambda one: one["predicate"]["lists"][0].update(entries={"pdq": 0}), FORM, "a list without entries"),
        ("unknown-member", _put("distances", [3]), FORM, "an answer tells no distance"),
    ):
        yield f"answer-{name}", code, file, _changed(said, change), _HOLDER, why


def exchange_vectors(pieces: Pieces) -> Iterator[Vector]:
    """Row ids, requests and answers, each with one fault at most."""
    digests = [sha256(b"row %d" % position) for position in range(3)]
    for name, first, why in (("ids", 0, "positions count from 0"), ("ids-later", 1 << 33, "a position has 64 bits")):
        ids = [keyed(_SALT, u64(first + at) + one).hex() for at, one in enumerate(digests)]
        given = {"what": "ids", "salt": _SALT.hex(), "first": first, "digests": [one.hex() for one in digests]}
        yield Vector("exchange", name, {"input.json": plain(given)}, OK, why, ids)
    for name, code, file, said, key, why in _requests():
        given = {"what": "request", "key": _ASKER.pem, "request": [pieces.name(_signed(said, key))], "file": [pieces.name(file)]}
        predicate = said["predicate"]
        value = {"digest": said["subject"][1], "root": predicate["root"], "ids": _ids_of(predicate["source"]["rows"])}
        yield Vector("exchange", name, {"input.json": plain(given)}, code, why, value if code == OK else None)
    asked = pieces.name(_signed(_ASKED, _ASKER))
    for name, code, file, said, key, why in _answers():
        given = {
            "what": "answer",
            "key": _HOLDER.pem,
            "request": [asked],
            "answer": [pieces.name(_signed(said, key))],
            "file": [pieces.name(file)],
        }
        hits = [one.hex() for one in _HITS] if name == "answer" else []
        value = {"digest": said["predicate"]["answer"], "ids": hits} if code == OK else None
        yield Vector("exchange", name, {"input.json": plain(given)}, code, why, value)


def _ids_of(rows: int) -> list[str]:
    return sorted(_id(position).hex() for position in range(rows))
