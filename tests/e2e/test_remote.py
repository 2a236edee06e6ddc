"""Two institutions in two folders: one asks about its rows, one holds lists. And what either may try."""

from __future__ import annotations

import base64
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyrage
import pytest
from institutions import KNOWN_PICTURE, KNOWN_THERE, STEP, Pair, make_pair, predicate
from links import attested, audit, publish, texts
from PIL import Image
from project import KNOWN_FILE, Answer, Row, encoded, in_process, picture, row, rows, write_parquet

from audit_logs import fields, keys
from release import asking, exchange, trustfile
from release.build import Request, build
from release.errors import ExchangeError
from release.evidence import load_identity
from release.exchange.folder import SEALED_ANSWER, SEALED_REQUEST
from release.holder import Request as Asked
from release.holder import answer as answer_request
from release.steps.remote import Remote

COUNT = 9
LATER = datetime.now(UTC) + timedelta(days=40)


def code_of(answer: Answer) -> str:
    """Return the code of an error."""
    found: str = json.loads(answer.out)["error"]["code"]
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return two institutions between which a request was made, answered and merged; tests copy it."""
    pair = make_pair(tmp_path_factory.mktemp("pair"), rows(COUNT))
    pair.whole()
    return pair


@pytest.fixture
def pair(done: Pair, tmp_path: Path) -> Pair:
    """Return a copy of them that a test may damage."""
    whole = tmp_path / "pair"
    shutil.copytree(done.handed.parent, whole, ignore=shutil.ignore_patterns("*.memory", "*.head", "out-*"))  # no audit was made of it
    return Pair(type(done.asker)(whole / "institution"), whole / "holder", whole / "handed", done.more)


@pytest.fixture(scope="module")
def candidate(done: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the candidate that the asking institution builds."""
    out = tmp_path_factory.mktemp("built") / "candidate"
    built = done.build(out)
    assert built.code == 0, built.text
    return out


def opened(pair: Pair, folder: str = "to-holder") -> bytes:
    """Return a request as the holder sees it."""
    into = io.BytesIO()
    exchange.open_sealed(pair.handed / folder / SEALED_REQUEST, load_identity(pair.holder / "keys" / "identity.age"), into)
    return into.read()


def forge(pair: Pair, change: Callable[[dict[str, Any], list[bytes]], list[bytes]], key: Path | None = None) -> None:
    """Let the holder sign another answer: `change` is given what its statement says, and its ids, and returns other ids."""
    request = exchange.read_signed((pair.private / "request.sigstore.json").read_bytes(), exchange.ScreeningRequest, "request")
    before = exchange.read_signed((pair.private / "answer.sigstore.json").read_bytes(), exchange.ScreeningAnswer, "answer")
    secret = exchange.Secret.read(pair.private)
    into = io.BytesIO()
    exchange.open_sealed(pair.private / SEALED_ANSWER, pyrage.x25519.Identity.from_str(secret.identity), into)
    found = exchange.read_answer(into, "answer")
    said = {name: getattr(before.said, name) for name in before.said.__dataclass_fields__}
    ids = change(said, [one.tobytes() for one in found.ids])
    array = np.frombuffer(b"".join(ids), np.uint8).reshape(-1, 32)
    answer = exchange.Answer(found.request, said["rows"], found.nonce, array)
    said["answer"] = exchange.digest_of_answer(answer)
    signed = exchange.sign(exchange.ScreeningAnswer(**said), request.subject, keys.load(key or pair.holder / "keys" / "auditor.pem"))
    (pair.private / SEALED_ANSWER).unlink()
    exchange.seal(pair.private / SEALED_ANSWER, [answer.encode()], request.said.recipient)
    (pair.private / "answer.sigstore.json").write_bytes(signed.envelope.raw)
    pair.write_plan(pair.digests())


def refused(pair: Pair, tmp_path: Path) -> str:
    """Build, which has to fail, and return the code; no candidate is there."""
    built = pair.build(tmp_path / "candidate")
    assert built.code == 1, built.text
    assert not (tmp_path / "candidate").exists()
    return code_of(built)


# The story


def test_rows_that_the_holder_knows_are_removed(candidate: Path, done: Pair) -> None:
    """One by its bytes and one by what it shows; the attestation has no list, but the digests of both statements."""
    gone = {KNOWN_FILE, KNOWN_THERE, KNOWN_PICTURE}
    assert texts(candidate) == [row(seed).caption for seed in range(COUNT) if seed not in gone]
    step = attested(candidate)[1]
    assert (step["removed"], step["unscreenable"], step["lists"], step["covers"]) == (2, 0, [], "pixels")
    assert {name: step["parameters"][name] for name in ("request", "answer")} == done.digests()
    assert step["parameters"]["holder"] == done.card["key"]
    assert str(done.private) not in json.dumps(step)
    assert f"`{done.card['key']}`" in (candidate / "README.md").read_text(encoding="utf-8")


def test_an_auditor_rebuilds_what_was_asked_about_published_rows(candidate: Path, done: Pair) -> None:
    """Tier `rows` sees that each published row was asked about as it is, tier `matches` that no row of the answer is published."""
    answer, with_matches = audit(done.asker, candidate, 1)
    assert answer.code == 0, answer.text
    _, with_rows = audit(done.asker, candidate, 2)
    assert [found["remote-request"]["result"] for found in (with_matches, with_rows)] == ["confirmed"] * 2
    assert [found["remote-answer"]["result"] for found in (with_matches, with_rows)] == ["confirmed", "not-checkable"]
    assert with_matches["filters"]["result"] == "not-checkable"
    limits = [text for text in json.loads(answer.out)["limitations"] if "word of the list holder" in text]
    assert len(limits) == 1
    assert done.card["key"] in limits[0]
    assert "known-pdq of" in limits[0]


def test_the_release_is_published_and_verified(pair: Pair, tmp_path: Path) -> None:
    """What rests on a holder's answer is published like any other release; the light verifier knows nothing of holders, and needs not."""
    assert pair.build(tmp_path / "candidate").code == 0
    publish(pair.asker, tmp_path / "candidate", tmp_path / "published")
    assert in_process("verify", tmp_path / "published", "--trust", pair.asker.folder / "trust.json").code == 0


def test_a_second_build_finds_its_candidate(candidate: Path, done: Pair) -> None:
    """The same plan, source and exchange: nothing is done again."""
    assert json.loads(done.build(candidate).out)["again"] is True


# What each side learns


def test_a_request_tells_fingerprints_and_nothing_else(done: Pair) -> None:
    """No caption, link, path, image or row digest; the records are in the order of ids that say nothing of the source."""
    data = opened(done)
    known = [one for seed in range(COUNT) for one in (row(seed).caption, row(seed).url, row(seed).path or "?")]
    assert not any(text.encode() in data for text in known)
    assert not any((row(seed).data or b"?")[100:140] in data for seed in range(COUNT))
    said = predicate(done.handed / "to-holder" / "request.sigstore.json")
    assert sorted(said) == sorted(["name", "source", "root", "types", "distance", "holder", "recipient", "madeOn", "expiresOn"])


def test_ids_are_salted_for_each_request(done: Pair, pair: Pair) -> None:
    """Two requests about one source have no id in common."""
    for path in (pair.private, pair.handed / "to-holder"):
        shutil.rmtree(path)
    pair.write_plan()
    assert pair.ask().code == 0
    first, second = ({one.id for one in exchange.read_request(io.BytesIO(opened(each)), "request")} for each in (done, pair))
    assert len(first) == len(second) == COUNT
    assert not first & second


def test_an_answer_tells_ids_and_nothing_of_lists(done: Pair) -> None:
    """Its statement names lists by name and vintage, and says of no row why it matched."""
    said = predicate(done.handed / "to-institution" / "answer.sigstore.json")
    assert sorted(said) == sorted(["request", "answer", "rows", "lists", "selfTest", "tool", "answeredOn"])
    assert [one["name"] for one in said["lists"]] == ["known-pdq", "known-md5"]
    into = io.BytesIO()
    identity = pyrage.x25519.Identity.from_str(exchange.Secret.read(done.private).identity)
    exchange.open_sealed(done.handed / "to-institution" / SEALED_ANSWER, identity, into)
    assert exchange.read_answer(into, "answer").ids.shape == (2, 32)


def test_only_the_requester_opens_an_answer(done: Pair) -> None:
    """It is sealed to an identity that was made for this request."""
    with pytest.raises(ExchangeError, match="cannot be opened"):
        exchange.open_sealed(
            done.handed / "to-institution" / SEALED_ANSWER, load_identity(done.holder / "keys" / "identity.age"), io.BytesIO()
        )


def test_the_holder_keeps_counts_alone(done: Pair) -> None:
    """The record of what was asked has digests, counts and times; nothing of the opened request stays."""
    record = json.loads((done.holder / "admitted.toml.served").read_bytes())["requests"]
    assert [(sorted(one), one["rows"]) for one in record] == [(["key", "name", "on", "request", "requester", "rows", "source"], COUNT)]
    assert (done.holder / "admitted.toml.served").stat().st_mode & 0o077 == 0
    assert sorted(path.name for path in done.handed.iterdir()) == ["to-holder", "to-institution"]


# What a requester may try


def test_a_request_is_answered_once(pair: Pair) -> None:
    """Asked again, with whatever lists, it is refused: the answer is there already."""
    assert code_of(pair.answer(out="again")) == "answered-before"
    assert not (pair.handed / "again").exists()


def test_walking_the_edge_uses_up_the_budget_of_a_source(pair: Pair) -> None:
    """A source that changes a little from request to request is one line all the same: the third request is one too many."""
    for number in (2, 3):
        shutil.rmtree(pair.private)
        write_parquet(pair.asker.source / "train.parquet", rows(COUNT + number))
        pair.write_plan()
        assert pair.ask(f"request-{number}").code == 0
        answer = pair.answer(f"request-{number}", f"answer-{number}")
        assert (answer.code == 0) == (number == 2), answer.text
    assert code_of(answer) == "over-budget"


def test_a_request_of_too_many_rows_is_refused(pair: Pair) -> None:
    """Rows count as requests do; what was answered before counts along."""
    shutil.rmtree(pair.private)
    pair.write_plan()
    pair.admit(rows=2 * COUNT - 1)
    assert pair.ask("more").code == 0
    assert code_of(pair.answer("more", "answer")) == "over-budget"
    pair.admit(rows=2 * COUNT)
    assert pair.answer("more", "answer").code == 0


def test_nobody_is_served_who_was_not_admitted(pair: Pair) -> None:
    """A key that the file does not name gets no answer, and no budget is touched."""
    (pair.holder / "admitted.toml.served").unlink()
    text = (pair.holder / "admitted.toml").read_text()
    (pair.holder / "admitted.toml").write_text(text.replace(predicate_key(text), pair.card["key"]))
    assert code_of(pair.answer(out="answer")) == "not-admitted"
    assert not (pair.holder / "admitted.toml.served").exists()


def predicate_key(text: str) -> str:
    """Return the key in a file of the admitted."""
    return text.split('key = "')[1].split('"', maxsplit=1)[0]


def test_near_identical_pictures_are_not_answered(tmp_path: Path) -> None:
    """Forty slight changes of one picture look like somebody who seeks the edge of a match; the holder is told counts, and they count as asked."""
    shown = picture(KNOWN_PICTURE)
    source = [
        Row(encoded(shown.point(lambda value, k=k: min(255, value * (100 + k) // 100)), "PNG"), "c", "https://e.example.org/")
        for k in range(40)
    ]
    pair = make_pair(tmp_path, source, 'fingerprints = ["pdq"]\nconventions = ["full"]\n')
    assert pair.ask().code == 0
    pair.admit(cluster=4)
    answer = pair.answer(lists=["known-pdq"])
    assert code_of(answer) == "dense-cluster"
    assert "distinct pictures" in json.loads(answer.out)["error"]["found"]
    assert not (pair.handed / "to-institution").exists()
    pair.admit(cluster=40)
    assert code_of(pair.answer(lists=["known-pdq"])) == "answered-before"


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        (lambda data: data[:-1] + bytes([data[-1] ^ 1]), "exchange-form"),
        (lambda data: data[: len(data) // 2], "exchange-form"),
        (lambda _: b"no age file", "exchange-form"),
    ],
)
def test_a_tampered_request_is_refused(pair: Pair, damage: Callable[[bytes], bytes], code: str) -> None:
    """A flipped bit, an early end, other bytes: nothing is compared, and nothing is charged."""
    path = pair.handed / "to-holder" / SEALED_REQUEST
    path.write_bytes(damage(path.read_bytes()))
    (pair.holder / "admitted.toml.served").unlink()
    assert code_of(pair.answer(out="answer")) == code
    assert not (pair.holder / "admitted.toml.served").exists()
    assert not list(pair.handed.glob(".*"))


def test_other_records_under_a_signed_statement_are_refused(pair: Pair) -> None:
    """Whoever knows the holder's recipient can seal to it; digest and root of the statement tell."""
    data = bytearray(opened(pair))
    data[-len(data) // 3] ^= 1
    path = pair.handed / "to-holder" / SEALED_REQUEST
    path.unlink()
    exchange.seal(path, [bytes(data)], pair.card["recipient"])
    assert code_of(pair.answer(out="answer")) in ("exchange-request", "exchange-form")


def test_a_statement_that_was_changed_does_not_hold(pair: Pair) -> None:
    """More days, another recipient: the signature is over all of it."""
    path = pair.handed / "to-holder" / "request.sigstore.json"
    bundle = json.loads(path.read_bytes())
    payload = base64.b64decode(bundle["dsseEnvelope"]["payload"]).replace(b'"distance":31', b'"distance":64')
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    path.write_bytes(json.dumps(bundle, separators=(",", ":"), sort_keys=True).encode())
    assert code_of(pair.answer(out="answer")) == "exchange-signature"


def test_an_answer_that_nobody_could_open_is_not_made(pair: Pair) -> None:
    """A recipient that is none is seen before anything is compared or charged."""
    path = pair.handed / "to-holder" / "request.sigstore.json"
    before = exchange.read_signed(path.read_bytes(), exchange.ScreeningRequest, "request")
    said = replace(before.said, recipient="age1nobody")
    path.write_bytes(exchange.sign(said, before.subject, keys.load(pair.asker.folder / "keys" / "institution.pem")).envelope.raw)
    (pair.holder / "admitted.toml.served").unlink()
    assert code_of(pair.answer(out="answer")) == "evidence"
    assert not (pair.holder / "admitted.toml.served").exists()


def holder_answers(pair: Pair, now: datetime, **others: Any) -> None:
    """Let the holder answer at a time."""
    keys_folder = pair.holder / "keys"
    answer_request(
        Asked(
            folder=pair.handed / "to-holder",
            store=pair.holder / "lists",
            lists=("known-pdq",),
            admitted=pair.holder / "admitted.toml",
            key=others.get("key", keys_folder / "auditor.pem"),
            identity=keys_folder / "identity.age",
            out=pair.handed / "answer",
        ),
        now,
    )


@pytest.mark.parametrize("now", [LATER, datetime.now(UTC) - timedelta(days=1)])
def test_an_expired_or_early_request_is_refused(pair: Pair, now: datetime) -> None:
    """By the holder's own clock."""
    with pytest.raises(ExchangeError) as found:
        holder_answers(pair, now)
    assert found.value.code == "exchange-expired"


def test_a_request_to_another_holder_is_not_answered(pair: Pair) -> None:
    """What was meant for one holder is no other's to answer, though it can open it."""
    keys.generate(pair.holder / "other.pem")
    with pytest.raises(ExchangeError) as found:
        holder_answers(pair, datetime.now(UTC), key=pair.holder / "other.pem")
    assert found.value.code == "exchange-request"


# What a holder, or the way between, may do to an answer


def test_an_answer_of_another_holder_is_refused(pair: Pair, tmp_path: Path) -> None:
    """The plan pins one key; neither another signature nor another card passes."""
    other = tmp_path / "other"
    assert in_process("auditor", "new", other, "--organisation", "other.example.org").code == 0
    forge(pair, lambda _, ids: ids, other / "auditor.pem")
    assert refused(pair, tmp_path) == "exchange-signature"
    shutil.copy(other / "auditor.json", pair.private / "holder.json")
    assert refused(pair, tmp_path) == "exchange-signature"


def test_an_answer_to_another_request_is_refused(pair: Pair, tmp_path: Path) -> None:
    """As one from an earlier request of the same source, laid in the place of the new one's."""
    shutil.rmtree(pair.private)
    pair.write_plan()
    assert pair.ask("second").code == 0
    pair.merge("to-institution")
    assert refused(pair, tmp_path) == "exchange-answer"


def test_a_tampered_answer_is_refused(pair: Pair, tmp_path: Path) -> None:
    """A flipped bit in the sealed file, or another file that was sealed to the same recipient."""
    path = pair.private / SEALED_ANSWER
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert refused(pair, tmp_path) == "exchange-form"
    said = predicate(pair.private / "request.sigstore.json")
    path.unlink()
    none = exchange.Answer(pair.digests()["request"], COUNT, "0" * 64, np.zeros((0, 32), np.uint8))
    exchange.seal(path, [none.encode()], said["recipient"])
    assert refused(pair, tmp_path) == "exchange-answer"


def test_ids_that_were_never_asked_about_are_refused(pair: Pair, tmp_path: Path) -> None:
    """A holder who makes ids up has not answered this request."""
    forge(pair, lambda _, ids: sorted([*ids, b"\x55" * 32]))
    assert refused(pair, tmp_path) == "exchange-answer"


def fewer(said: dict[str, Any], ids: list[bytes]) -> list[bytes]:
    """Compare one row less."""
    said["rows"] -= 1
    return ids


def missed(said: dict[str, Any], ids: list[bytes]) -> list[bytes]:
    """Miss a canary."""
    said["self_test"] = type(said["self_test"])(planted=3, caught=2, beyond=0)
    return ids


def late(said: dict[str, Any], ids: list[bytes]) -> list[bytes]:
    """Answer too late."""
    said["answered_on"] = fields.time_text(LATER)
    return ids


def old(said: dict[str, Any], ids: list[bytes]) -> list[bytes]:
    """Compare with an old list."""
    said["lists"] = (replace(said["lists"][0], vintage="2020-01-01"),)
    return ids


@pytest.mark.parametrize(
    ("change", "code"), [(fewer, "exchange-answer"), (missed, "exchange-answer"), (late, "exchange-expired"), (old, "list-age")]
)
def test_an_answer_that_is_less_than_was_asked_is_refused(pair: Pair, tmp_path: Path, change: Any, code: str) -> None:
    """Fewer rows, a missed canary, a late answer, an old list: nothing is built on it, though the holder signed it."""
    forge(pair, change)
    assert refused(pair, tmp_path) == code


def test_an_answer_does_not_count_once_the_request_has_expired(pair: Pair, tmp_path: Path) -> None:
    """A build that begins too late is refused before it reads a row."""
    with pytest.raises(ExchangeError) as found:
        build(Request(pair.asker.plan, tmp_path / "candidate"), clock=lambda: LATER)
    assert found.value.code == "exchange-expired"


def test_a_plan_names_both_statements(pair: Pair, tmp_path: Path) -> None:
    """Without them, or with other digests, whatever lies in the folder is not merged; the error says what to write."""
    digests = pair.digests()
    pair.write_plan()
    assert refused(pair, tmp_path) == "exchange-request"
    pair.write_plan({"request": digests["request"], "answer": digests["request"]})
    built = pair.build(tmp_path / "candidate")
    assert code_of(built) == "exchange-answer"
    assert digests["answer"] in json.loads(built.out)["error"]["next"]


def test_a_source_that_changed_since_it_was_asked_about_is_not_built(pair: Pair, tmp_path: Path) -> None:
    """With as many rows, it is found when all are read; with more, before."""
    changed = [*rows(COUNT - 1), row(COUNT + 5)]
    write_parquet(pair.asker.source / "train.parquet", changed)
    assert refused(pair, tmp_path) == "exchange-request"
    write_parquet(pair.asker.source / "train.parquet", [*rows(COUNT), row(COUNT)])
    assert refused(pair, tmp_path) == "exchange-request"


def test_a_request_about_another_line_is_refused(pair: Pair, tmp_path: Path) -> None:
    """It was asked within another line's budget."""
    text = pair.asker.plan.read_text(encoding="utf-8")
    pair.asker.plan.write_text(text.replace('name = "example/street"', 'name = "example/other"'), encoding="utf-8")
    assert refused(pair, tmp_path) == "exchange-request"


def test_rows_that_a_holder_matched_have_to_hide_as_other_hits_do(pair: Pair, tmp_path: Path) -> None:
    """With a public parent they would be the difference; they count as taken because of a list."""
    text = pair.asker.plan.read_text(encoding="utf-8")
    pair.asker.plan.write_text(text.replace('parent = "private"', 'parent = "public"'), encoding="utf-8")
    assert refused(pair, tmp_path) == "hit-list"


def test_a_request_of_another_institution_is_refused(pair: Pair, tmp_path: Path) -> None:
    """The request is signed by the key that signs the candidate."""
    keys.generate(pair.asker.folder / "keys" / "other.pem")
    with pair.asker.plan.open("a", encoding="utf-8") as file:
        file.write('[keys]\ninstitution = "keys/other.pem"\n')
    assert refused(pair, tmp_path) == "exchange-signature"


# Rows that nobody compared


def test_rows_that_were_not_asked_about_as_they_are_are_unscreenable(tmp_path: Path) -> None:
    """A picture that is no picture has no hash; one that was too large when the holder was asked was not compared, whatever it shows now."""
    large = Row(encoded(Image.effect_noise((300, 300), 90).convert("RGB"), "PNG"), "large", "https://e.example.org/large")
    assert len(large.data or b"") > 70_000
    broken = Row(b"no picture", "broken", "https://e.example.org/broken")
    pair = make_pair(tmp_path, [*rows(COUNT), large, broken])
    plan = pair.asker.plan.read_text(encoding="utf-8")
    pair.asker.plan.write_text(plan + "[limits]\nbytes = 70000\n", encoding="utf-8")
    assert pair.ask().code == 0
    assert pair.answer().code == 0
    pair.merge()
    built = pair.build(tmp_path / "candidate")
    assert built.code == 0, built.text
    counts = json.loads(built.out)["rows"]
    assert counts["removed"] == {"known-files": 1, STEP: 2}
    assert counts["unscreenable"] == {"not-asked": 1, "undecodable": 1}
    answer, claims = audit(pair.asker, tmp_path / "candidate", 1)
    assert answer.code == 0, answer.text
    assert [claims[name]["result"] for name in ("counts", "remote-request", "remote-answer")] == ["confirmed"] * 3


# What an institution may try


def test_asking_about_something_else_is_found_by_every_auditor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An institution that gives the holder other hashes, and signs a candidate all the same: the root does not follow from what it publishes."""
    real = asking.record_of
    monkeypatch.setattr(
        asking,
        "record_of",
        lambda row_id, types, cells: real(row_id, types, {kind: bytes(len(cell or b"")) for kind, cell in cells.items()}),
    )
    pair = make_pair(tmp_path, rows(COUNT))
    pair.whole()
    monkeypatch.setattr(Remote, "_differ", lambda _self, _result, ids, _leaves: np.zeros(len(ids), np.bool_))
    assert pair.build(tmp_path / "candidate").code == 0
    for number in (1, 2):
        answer, claims = audit(pair.asker, tmp_path / "candidate", number)
        assert answer.code == 1
        assert claims["remote-request"]["result"] == "refuted"


def test_keeping_a_row_that_the_holder_matched_is_found(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An institution that leaves the answer out: who opens tier `matches` sees an id of a published row in it."""
    monkeypatch.setattr(Remote, "_matched", lambda _self, _asked, _answer: np.zeros(0, np.int64))
    assert pair.build(tmp_path / "candidate").code == 0
    answer, claims = audit(pair.asker, tmp_path / "candidate", 1)
    assert (answer.code, claims["remote-answer"]["result"], claims["remote-request"]["result"]) == (1, "refuted", "confirmed")
    assert "published" in claims["remote-answer"]["detail"]


def test_an_institution_that_answers_itself_is_found(tmp_path: Path) -> None:
    """A holder's key that is one of the institution's own, by the trust file, is nobody else's word."""
    pair = make_pair(tmp_path, rows(4), 'fingerprints = ["sha256", "md5"]\n')
    own = keys.load(pair.asker.folder / "keys" / "institution.pem")
    shutil.copy(pair.asker.folder / "keys" / "institution.pem", pair.holder / "keys" / "auditor.pem")
    card = trustfile.card("lists.example.org", own, pair.card["recipient"])
    (pair.holder / "keys" / "auditor.json").write_bytes(card.encode())
    pair.write_plan()
    assert pair.ask().code == 0
    assert pair.answer(lists=["known-md5"]).code == 0
    pair.merge()
    assert pair.build(tmp_path / "candidate").code == 0
    answer, claims = audit(pair.asker, tmp_path / "candidate", 2)
    assert (answer.code, claims["remote-request"]["result"]) == (1, "refuted")
    assert "own" in claims["remote-request"]["detail"]


# Calls that are wrong


def test_what_a_plan_needs_for_an_export(pair: Pair) -> None:
    """A request that is there already, a step that is none, another holder's card: one error each, nothing written."""
    assert code_of(pair.ask("again")) == "exchange-request"
    words = ("fingerprints", "export", pair.asker.plan, "--holder", pair.holder / "keys" / "auditor.json", "--out", pair.handed / "x")
    assert code_of(in_process(*words, "--step", "known-files", "--format", "json")) == "exchange-request"
    shutil.rmtree(pair.private)
    other = pair.holder / "other"
    assert in_process("auditor", "new", other, "--organisation", "other.example.org").code == 0
    wrong = (*words[:4], other / "auditor.json", *words[5:], "--step", STEP, "--format", "json")
    assert code_of(in_process(*wrong)) == "exchange-signature"
    assert not (pair.handed / "x").exists()
    assert not pair.private.exists()


def test_plan_check_tells_whether_request_and_answer_are_there(pair: Pair) -> None:
    """Before a build, in the words in which it would be refused."""
    there = in_process("plan", "check", pair.asker.plan)
    assert there.code == 0, there.text
    assert "request and answer: there, and those that the plan names" in there.out
    (pair.private / "answer.sigstore.json").unlink()
    missing = in_process("plan", "check", pair.asker.plan)
    assert (missing.code, "MISSING  request and answer" in missing.out) == (1, True)


def test_a_list_that_cannot_be_compared_is_said(pair: Pair) -> None:
    """A list of links has nothing for a request of fingerprints; nothing is charged."""
    (pair.holder / "links.txt").write_text("https://elsewhere.example.net/1\n", encoding="utf-8")
    words = ("--name", "links", "--type", "url", "--vintage", "2026-01-31", "--store", pair.holder / "lists")
    assert in_process("lists", "import", pair.holder / "links.txt", *words).code == 0
    (pair.holder / "admitted.toml.served").unlink()
    assert code_of(pair.answer(out="answer", lists=["links"])) == "list-type"
    assert not (pair.holder / "admitted.toml.served").exists()
