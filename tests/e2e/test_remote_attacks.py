"""What institution and holder may do to each other with files, clocks and sizes, by the commands that people run."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from institutions import Pair, keyid_of, make_pair
from links import audit, publish
from project import EXACT, TODAY, Row, Wanted, in_process, picture, rows

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


def film(seed: int) -> Row:
    """Return a picture of three frames."""
    into = io.BytesIO()
    first, *others = (picture(seed + number) for number in range(3))
    first.save(into, "GIF", save_all=True, append_images=others, duration=100)
    return Row(into.getvalue(), f"film {seed}", f"https://films.example.org/{seed}")


def test_two_holders_films_rows_nobody_can_screen_and_neighbours_make_an_honest_candidate(tmp_path: Path) -> None:
    """Auditors of both tiers confirm both exchanges; a second version with the first one behind it, and two workers, too."""
    source = [*rows(COUNT), film(40), film(60), Row(b"no picture", "broken", "https://e.example.org/broken")]
    pair = make_pair(tmp_path, source)
    (tmp_path / "second").mkdir()
    other = make_pair(tmp_path / "second", rows(2), DIGESTS)
    step = '[[step]]\nname = "{}"\nkind = "remote"\nholder = "{}"\nfolder = "{}"\n{}'
    near = '[[step]]\nname = "near"\nkind = "neighbours"\npdq = 40\nconventions = ["full"]\n'
    key = keyid_of(pair.asker.folder / "trust.json")
    text = (other.holder / "admitted.toml").read_text(encoding="utf-8")
    (other.holder / "admitted.toml").write_text(text.replace(text.split('key = "')[1].split('"')[0], key), encoding="utf-8")

    def plan(version: str, digests: dict[str, dict[str, str]]) -> None:
        steps = []
        for name, who, more in (("one", pair, ""), ("two", other, DIGESTS)):
            lines = "".join(f'{kind} = "{value}"\n' for kind, value in digests.get(name, {}).items())
            steps.append(step.format(name, who.card["key"], f"{name}-{version}", more) + lines)
        pair.asker.write_plan(Wanted(version=version, steps=(EXACT, *steps, near)))

    before: list[object] = []
    for version in ("1.0.0", "1.1.0"):
        plan(version, {})
        digests: dict[str, dict[str, str]] = {}
        for name, who, lists in (("one", pair, ["known-pdq", "known-md5"]), ("two", other, ["known-md5"])):
            given, private = who.handed / version, pair.asker.folder / f"{name}-{version}"
            words = (pair.asker.plan, "--step", name, "--holder", who.holder / "keys" / "auditor.json", "--out", given)
            done = in_process("fingerprints", "export", *words)
            assert done.code == 0, done.text
            done = who.answer(version, f"answer-{version}", lists)
            assert done.code == 0, done.text
            for path in (who.handed / f"answer-{version}").iterdir():
                shutil.copy(path, private / path.name)
            digests[name] = {
                kind: hashlib.sha256((private / f"{kind}.sigstore.json").read_bytes()).hexdigest() for kind in ("request", "answer")
            }
        plan(version, digests)
        out = tmp_path / version
        built = pair.asker.build_here(out, "--workers", 2, *before, "--format", "json")
        assert built.code == 0, built.text
        if not before:
            publish(pair.asker, out, tmp_path / "published")  # both auditors pass it
            before = ["--previous", tmp_path / "published"]
    for number in (1, 2):
        answer, claims = audit(pair.asker, out, number)
        assert answer.code == 0, answer.text
        expected = ["confirmed", "confirmed" if number == 1 else "not-checkable"]
        assert [claims[f"remote-{what}"]["result"] for what in ("request", "answer")] == expected
