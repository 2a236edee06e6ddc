"""The files of an exchange as a stranger may send them: what is counted is checked before it is taken."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest

from audit_logs import canonical
from audit_logs.errors import StoreError
from release import exchange
from release.errors import ExchangeError
from release.exchange.files import REQUEST_MAGIC
from release.exchange.types import asked_types

SALT = bytes(32)


def head(**header: object) -> bytes:
    """Return the beginning of a request."""
    encoded = canonical.encode(header)
    return REQUEST_MAGIC + len(encoded).to_bytes(8, "big") + encoded


def test_a_count_that_the_file_does_not_hold_costs_nothing() -> None:
    """A header that promises 2^50 rows is refused at the first one that is missing."""
    reading = exchange.read_request(io.BytesIO(head(rows=1 << 50, types=["md5"])), "request")
    with pytest.raises(ExchangeError, match="exchange-form"):
        list(reading)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        REQUEST_MAGIC,
        REQUEST_MAGIC + b"\xff" * 8,
        REQUEST_MAGIC + (4).to_bytes(8, "big") + b"{}  ",
        head(rows=1, types=[]),
        head(rows=1),
    ],
)
def test_what_is_no_request_is_refused(data: bytes) -> None:
    """Nothing, a magic alone, a length of 2^64, no JSON, no types, a member that is missing."""
    with pytest.raises(ExchangeError) as found:
        exchange.read_request(io.BytesIO(data), "request")
    assert found.value.code == "exchange-form"


def test_a_picture_with_too_many_views_is_refused() -> None:
    """A record counts views in 16 bits."""
    cells = {"pdq-full": bytes(256 * 65_536)}
    with pytest.raises(ExchangeError, match="too many frames"):
        exchange.record_of(SALT, ("pdq-full",), cells)
    assert len(exchange.record_of(SALT, ("pdq-full",), {"pdq-full": None}).encode(("pdq-full",))) == 34


def test_places_of_ids() -> None:
    """Known ids have their place, others none; in a request of no rows there is none."""
    ids = np.sort(np.frombuffer(os.urandom(32 * 100), "V32")).view(np.uint8).reshape(-1, 32)
    asked = exchange.Asked(ids, ids)
    assert asked.places(ids[::-1]).tolist() == list(range(99, -1, -1))
    assert asked.places(np.concatenate([np.zeros((1, 32), np.uint8), np.full((1, 32), 255, np.uint8)])).tolist() == [-1, -1]
    none = np.zeros((0, 32), np.uint8)
    assert exchange.Asked(none, none).places(ids[:2]).tolist() == [-1, -1]


def test_the_types_of_a_request_are_sorted() -> None:
    """Whatever the order of the plan."""
    assert asked_types(("md5", "pdq", "sha256"), ("full", "thumbnail-512")) == ("md5", "pdq-full", "pdq-thumbnail-512", "sha256")
    assert asked_types(("sha1",), ()) == ("sha1",)


def test_the_secret_of_a_request_is_for_its_owner(tmp_path: Path) -> None:
    """Salt and identity lie 0600; others' eyes, or damage, make it unusable."""
    secret = exchange.Secret("AGE-SECRET-KEY-1", SALT.hex())
    secret.write(tmp_path)
    path = tmp_path / "request.secret"
    assert path.stat().st_mode & 0o777 == 0o600
    assert exchange.Secret.read(tmp_path) == secret
    path.chmod(0o640)
    with pytest.raises(StoreError, match="others can reach"):
        exchange.Secret.read(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"{}")
    with pytest.raises(ExchangeError, match="exchange-form"):
        exchange.Secret.read(tmp_path)


def test_damaged_files_are_refused_and_nothing_else() -> None:
    """Bytes changed, cut and doubled at random: a request or an answer is read, or refused in its own words."""
    random = np.random.default_rng(1)
    ids = np.sort(np.frombuffer(random.bytes(32 * 8), "V32")).view(np.uint8).reshape(-1, 32)
    types = ("md5", "pdq-full")
    records = [exchange.record_of(one.tobytes(), types, {"md5": bytes(16), "pdq-full": bytes(512)}).encode(types) for one in ids]
    header = exchange.RequestHeader(rows=len(records), types=types)
    request = b"".join(exchange.request_bytes(header, records))
    answer = exchange.Answer("0" * 64, 8, "1" * 64, ids).encode()
    readers = {
        request: lambda file: list(exchange.read_request(file, "request")),
        answer: lambda file: [exchange.read_answer(file, "answer")],
    }
    refused = 0
    for data, read in readers.items():
        assert read(io.BytesIO(data + bytes(7)))
        for _ in range(1500):
            bent = bytearray(data)
            place, length = int(random.integers(len(data))), int(random.integers(1, 40))
            match int(random.integers(3)):
                case 0:
                    bent[place] ^= 1 << int(random.integers(8))
                case 1:
                    del bent[place : place + length]
                case _:
                    bent[place:place] = bent[place : place + length]
            try:
                read(io.BytesIO(bytes(bent)))
            except ExchangeError as error:
                assert error.code == "exchange-form"  # noqa: PT017  (most are refused, and by no other error)
                refused += 1
    assert refused > 1500
