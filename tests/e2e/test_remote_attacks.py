"""What institution and holder may do to each other with files, clocks and sizes, by the commands that people run."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from institutions import Pair, make_pair
from project import TODAY, in_process, rows

from audit_logs import fields
from release import exchange
from release.errors import ExchangeError
from release.exchange.folder import REQUEST, SEALED_ANSWER, SEALED_REQUEST
from release.holder import Request, answer

COUNT = 9
DIGESTS = 'fingerprints = ["md5", "sha256"]\n'


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Return two institutions between which a request was handed over; tests copy it."""
    pair = make_pair(tmp_path_factory.mktemp("pair"), rows(COUNT), DIGESTS)
    done = pair.ask()
    assert done.code == 0, done.text
    return pair


@pytest.fixture
def pair(asked: Pair, tmp_path: Path) -> Pair:
    """Return a copy of them."""
    whole = tmp_path / "pair"
    shutil.copytree(asked.handed.parent, whole)
    return Pair(type(asked.asker)(whole / "institution"), whole / "holder", whole / "handed", asked.more)


def code_of(pair: Pair) -> str:
    """Let the holder answer, which has to fail, and return the code."""
    done = pair.answer(lists=["known-md5"])
    assert done.code == 1, done.text
    found: str = json.loads(done.out)["error"]["code"]
    return found


def with_header(path: Path, stanzas: int) -> None:
    """Give a sealed file so many more recipients."""
    head, rest = path.read_bytes().split(b"\n--- ", 1)
    path.write_bytes(head + b"\n-> grease abc\n" + b"\n-> grease abc\n".join([b"A" * 64 + b"\nAA"] * stanzas) + b"\n--- " + rest)


def test_a_sealed_file_for_very_many_recipients_is_refused_before_it_is_parsed(pair: Pair) -> None:
    """Parsing takes time with the square of the header: five thousand stanzas took twenty seconds, fifty thousand would take half an hour."""
    with_header(pair.handed / "to-holder" / SEALED_REQUEST, 50_000)
    assert code_of(pair) == "exchange-form"
    assert not (pair.holder / "admitted.toml.served").exists()


def test_an_answer_that_is_too_large_for_its_request_is_not_opened(pair: Pair) -> None:
    """It is decrypted in memory; what nine rows can have as an answer is known before."""
    assert pair.answer(lists=["known-md5"]).code == 0
    pair.merge()
    path = pair.private / SEALED_ANSWER
    path.unlink()
    secret = exchange.open_exchange(pair.private, pair.card["key"]).request.said.recipient
    exchange.seal(path, [bytes(1 << 20)], secret)
    with pytest.raises(ExchangeError, match="at most") as found:
        exchange.open_exchange(pair.private, pair.card["key"]).returned()
    assert found.value.code == "exchange-form"


def test_the_size_of_a_sealed_answer_does_not_tell_how_many_rows_matched(pair: Pair) -> None:
    """Whoever carries it sees the same size for none and for one."""
    (pair.holder / "none.txt").write_text("0" * 31 + "1\n", encoding="utf-8")
    words = ("--name", "none", "--type", "md5", "--vintage", TODAY, "--store", pair.holder / "lists")
    assert in_process("lists", "import", pair.holder / "none.txt", *words).code == 0
    identity = pyrage.x25519.Identity.from_str(exchange.Secret.read(pair.private).identity)
    sizes, matched = set(), set()
    for name in ("none", "known-md5"):
        done = pair.answer(out=name, lists=[name])
        matched.add(json.loads(done.out)["matched"])
        (pair.holder / "admitted.toml.served").unlink()
        sizes.add(len(pyrage.decrypt((pair.handed / name / SEALED_ANSWER).read_bytes(), [identity])))
    assert (matched, len(sizes)) == ({0, 1}, 1)


def test_a_request_from_a_clock_ahead_waits_and_uses_nothing_up(pair: Pair) -> None:
    """An answer from before its request would have to be refused by the institution, with the budget gone."""
    folder = pair.handed / "to-holder"
    asked = exchange.read_signed((folder / REQUEST).read_bytes(), exchange.ScreeningRequest, REQUEST)
    made = fields.instant(asked.said.made_on)
    names = pair.holder / "keys"
    request = Request(
        folder=folder,
        store=pair.holder / "lists",
        lists=("known-md5",),
        admitted=pair.holder / "admitted.toml",
        key=names / "auditor.pem",
        identity=names / "identity.age",
        out=pair.handed / "answer",
    )
    with pytest.raises(ExchangeError) as found:
        answer(request, made - timedelta(seconds=2))
    assert (found.value.code, "clocks" in found.value.next_step) == ("exchange-expired", True)
    assert not (pair.holder / "admitted.toml.served").exists()
    answer(request, made)
    pair.merge("answer")
    assert exchange.open_exchange(pair.private, pair.card["key"]).returned().rows == COUNT


def test_somebody_who_asks_at_several_distances_is_not_answered(tmp_path: Path) -> None:
    """Which of two distances a row matches at tells how near it is; the holder answers at one, and nothing is used up."""
    pair = make_pair(tmp_path, rows(3), 'fingerprints = ["pdq"]\nconventions = ["full"]\ndistance = 24\n')
    assert pair.ask().code == 0
    done = pair.answer(lists=["known-pdq"])
    assert (done.code, json.loads(done.out)["error"]["code"]) == (1, "exchange-request")
    assert not (pair.holder / "admitted.toml.served").exists()
    pair.admit(distance=24)
    assert pair.answer(lists=["known-pdq"]).code == 0
