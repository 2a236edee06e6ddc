"""Many digests at once against `hashlib`, one at a time, for both ways in which the compiled code hashes a block."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from release import hashing
from release.hashing import machine, many

Digest = Callable[..., None]
DATA = np.random.default_rng(5).integers(0, 256, 400_000, np.uint8)
LACKING = pytest.mark.skipif(not machine.has_instructions(), reason="this processor has no instructions for SHA-256")
WAYS = [pytest.param(machine.by_arithmetic, id="arithmetic"), pytest.param(machine.by_instructions, id="instructions", marks=LACKING)]
TWO = [
    pytest.param(machine.two_by_arithmetic, id="arithmetic"),
    pytest.param(machine.two_by_instructions, id="instructions", marks=LACKING),
]


def padded(message: bytes) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a message with the padding of FIPS 180-4 section 5.1.1."""
    ended = message + b"\x80" + bytes(-(len(message) + 9) % 64) + (8 * len(message)).to_bytes(8, "big")
    return many.frozen(np.frombuffer(ended, np.uint8))


def test_constants_are_those_of_the_standard() -> None:
    """Fractions of roots of primes: the first and the last of FIPS 180-4 sections 4.2.2 and 5.3.3."""
    assert (machine.ROUNDS[0], machine.ROUNDS[63]) == (0x428A2F98, 0xC67178F2)
    assert (int(machine.INITIAL[0]), int(machine.INITIAL[7])) == (0x6A09E667, 0x5BE0CD19)


@pytest.mark.parametrize("way", WAYS)
def test_every_length_has_the_digest_of_the_standard(way: Digest) -> None:
    """Messages of 0 to 200 bytes, in one to four blocks, anywhere in an array."""
    for length in range(201):
        message = DATA[length : 2 * length].tobytes()
        data = padded(message)
        out = np.zeros(40, np.uint8)
        way(many.frozen(machine.INITIAL), data, 0, len(data) // 64, out, 3)
        assert out[3:35].tobytes() == hashlib.sha256(message).digest()
        assert not out[:3].any()
        assert not out[35:].any()


@pytest.mark.parametrize("two", TWO)
def test_two_messages_at_once_are_those_of_the_standard(two: Digest) -> None:
    """Each gets its own digest at its own place, whatever the other says."""
    for length in (0, 55, 56, 64, 150):
        messages = DATA[:length].tobytes(), DATA[length : 2 * length].tobytes()
        data = many.frozen(np.concatenate([padded(message) for message in messages]))
        size, out = len(data) // 2, np.zeros(100, np.uint8)
        two(many.frozen(machine.INITIAL), data, 0, size, size // 64, out, 1, 40)
        assert [out[at : at + 32].tobytes() for at in (1, 41)] == [hashlib.sha256(message).digest() for message in messages]


@pytest.mark.parametrize("width", [1, 16, 20, 32, 54, 55, 64, 144, 256])
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 200])
def test_values_of_one_width(count: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain and keyed digests are those of `hashlib` and `hmac`, below the number from which compiled code is used and above it."""
    values = DATA[: count * width].reshape(count, width)
    plain = [hashlib.sha256(b"ab" + row.tobytes()).digest() for row in values]
    for key in (b"k" * 32, b"", b"long" * 40):
        keyed = [hmac.digest(key, b"md5\0" + row.tobytes(), "sha256") for row in values]
        for many_from in (1, 10_000):
            monkeypatch.setattr(hashing, "MANY", many_from)
            assert hashing.equal(b"ab", values).tobytes() == b"".join(plain)
            assert hashing.keyed(key, b"md5\0", values).tobytes() == b"".join(keyed)


def test_slices_of_any_length() -> None:
    """Empty slices, long ones, more than fit into the room at once, overlapping and out of order."""
    lengths = [0, 1, 55, 56, 63, 64, 70_000, 200_000, 3] + [int(value) for value in DATA[:500]]
    starts = np.array([(31 * place) % 1000 for place in range(len(lengths))], np.int64)
    ends = starts + np.array(lengths, np.int64)
    found = many.of_slices(b"https", DATA, starts, ends)
    for row, start, end in zip(found, starts, ends, strict=True):
        assert row.tobytes() == hashlib.sha256(b"https" + DATA[start:end].tobytes()).digest()


def test_texts_and_numbers_go_to_their_column_and_nowhere_else() -> None:
    """A column of cells is written, its neighbours are not."""
    bounds = np.array([7, 7, 80, 100_080, 100_081], np.int32)
    cells = np.zeros((4, 3, 32), np.uint8)
    many.put_texts(b"T", (DATA, bounds), cells, 1)
    for row, (start, end) in enumerate(pairwise(bounds.tolist())):
        text = DATA[start:end].tobytes()
        assert cells[row, 1].tobytes() == hashlib.sha256(b"T" + len(text).to_bytes(8, "big") + text).digest()
    assert not cells[:, [0, 2]].any()
    numbers = np.array([0, 1, 1 << 63, (1 << 64) - 1], np.uint64)
    many.put_numbers(b"N", numbers, cells, 2)
    assert [cells[row, 2].tobytes() for row in range(4)] == [hashlib.sha256(b"N" + int(n).to_bytes(8, "big")).digest() for n in numbers]
    assert not cells[:, 0].any()
