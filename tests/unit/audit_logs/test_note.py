"""Checkpoints and their lines: strict forms, one log key, known witnesses."""

from __future__ import annotations

from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit_logs import note
from audit_logs.errors import FormatError, VerificationError
from audit_logs.note import Checkpoint, SignatureLine, SignedCheckpoint, VerifierKey

ORIGIN = "example.org/pictures"
LOG_SECRET = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\x01")
LOG = VerifierKey(ORIGIN, note.LOG_KEY, LOG_SECRET.public_key().public_bytes_raw())
CHECKPOINT = Checkpoint(ORIGIN, 7, bytes(range(32)))
SECRETS = [Ed25519PrivateKey.from_private_bytes(bytes(31) + bytes([number])) for number in (2, 3)]
WITNESSES = [
    VerifierKey(f"auditor-{number}.example.org/witness", note.WITNESS_KEY, secret.public_key().public_bytes_raw())
    for number, secret in enumerate(SECRETS, 1)
]


def log_line(checkpoint: Checkpoint = CHECKPOINT) -> SignatureLine:
    """Return the log's line for a checkpoint."""
    return SignatureLine(LOG.name, LOG.key_id, LOG_SECRET.sign(checkpoint.text().encode()))


def cosignature(number: int, timestamp: int = 1_700_000_000) -> SignatureLine:
    """Return a witness's line for the checkpoint."""
    key = WITNESSES[number]
    message = note.cosigned_message(timestamp, CHECKPOINT.text())
    return SignatureLine(key.name, key.key_id, timestamp.to_bytes(8) + SECRETS[number].sign(message))


def signed(*lines: SignatureLine) -> SignedCheckpoint:
    """Return the checkpoint with the log's line and others."""
    return SignedCheckpoint(CHECKPOINT, (log_line(), *lines))


def test_a_signed_checkpoint_round_trips() -> None:
    """Text and lines are read back as they were written."""
    value = signed(cosignature(0), cosignature(1))
    assert note.parse_signed(value.encode()) == value
    assert note.parse_signed(value.encode()).encode() == value.encode()


def test_cosignatures_give_their_times() -> None:
    """Each witness that cosigned is returned with its own time, others are not."""
    assert note.verify_signed(signed(cosignature(1, 5)), LOG, WITNESSES) == {WITNESSES[1]: 5}
    assert note.verify_cosignature(signed(cosignature(1, 5)), WITNESSES[0]) is None


def code_of(value: SignedCheckpoint, log: VerifierKey = LOG, witnesses: list[VerifierKey] = WITNESSES) -> str:
    """Return the code with which a checkpoint is refused."""
    with pytest.raises(VerificationError) as caught:
        note.verify_signed(value, log, witnesses)
    return caught.value.code


def test_another_logs_checkpoint_is_refused() -> None:
    """The origin is the key's name."""
    other = Checkpoint("example.org/other", 7, bytes(32))
    assert code_of(SignedCheckpoint(other, (log_line(other),))) == "checkpoint-origin"


def test_a_changed_checkpoint_is_refused() -> None:
    """A line signed for another size does not hold."""
    grown = Checkpoint(ORIGIN, 8, CHECKPOINT.root)
    assert code_of(SignedCheckpoint(grown, (log_line(),))) == "checkpoint-signature"


def test_the_logs_line_comes_first() -> None:
    """A checkpoint that starts with a cosignature, or has none of the log's, is refused."""
    assert code_of(SignedCheckpoint(CHECKPOINT, (cosignature(0), log_line()))) == "checkpoint-signature"
    assert code_of(SignedCheckpoint(CHECKPOINT, (cosignature(0),))) == "checkpoint-signature"


def test_a_line_by_an_unknown_key_is_refused() -> None:
    """A witness that the reader does not know cannot ride along."""
    assert code_of(signed(cosignature(0), cosignature(1)), witnesses=WITNESSES[:1]) == "checkpoint-unknown-key"


def test_a_known_name_with_another_key_is_refused() -> None:
    """A line counts by name and key id together."""
    line = cosignature(0)
    assert code_of(signed(SignatureLine(line.name, bytes(4), line.signature))) == "checkpoint-unknown-key"
    assert code_of(signed(SignatureLine("else.example.org", line.key_id, line.signature))) == "checkpoint-unknown-key"


def test_two_lines_by_one_key_are_refused() -> None:
    """Neither a witness nor the log may have two lines, even if both hold."""
    assert code_of(signed(cosignature(0, 1), cosignature(0, 2))) == "checkpoint-signature"
    assert code_of(signed(log_line())) == "checkpoint-signature"


def test_a_cosignature_with_another_time_is_refused() -> None:
    """The time is signed: making an old cosignature young breaks it."""
    line = cosignature(0, 1)
    forged = SignatureLine(line.name, line.key_id, (2_000_000_000).to_bytes(8) + line.signature[8:])
    assert code_of(signed(forged)) == "checkpoint-signature"


def test_a_time_that_no_clock_has_is_refused() -> None:
    """The largest time is 2^63 - 1, as tlog-cosignature says."""
    assert code_of(signed(cosignature(0, 2**63))) == "checkpoint-signature"
    assert note.verify_cosignature(signed(cosignature(0, 2**63 - 1)), WITNESSES[0]) == 2**63 - 1


def test_a_log_signature_is_no_cosignature_and_the_reverse() -> None:
    """One Ed25519 key in both roles cannot have one kind of line pass for the other."""
    twin = VerifierKey(ORIGIN, note.WITNESS_KEY, LOG.public)
    as_cosignature = SignatureLine(twin.name, twin.key_id, bytes(8) + log_line().signature)
    assert code_of(signed(as_cosignature), witnesses=[twin]) == "checkpoint-signature"
    message = note.cosigned_message(0, CHECKPOINT.text())
    as_log = SignatureLine(LOG.name, LOG.key_id, LOG_SECRET.sign(message))
    assert code_of(SignedCheckpoint(CHECKPOINT, (as_log,))) == "checkpoint-signature"


@pytest.mark.parametrize("length", [1, 63, 65, 72])
def test_a_signature_of_another_length_is_refused(length: int) -> None:
    """A log signature has 64 bytes."""
    line = SignatureLine(LOG.name, LOG.key_id, bytes(length))
    assert code_of(SignedCheckpoint(CHECKPOINT, (line,))) == "checkpoint-signature"


GOOD = signed(cosignature(0)).encode().decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n",
        GOOD[:-1],
        GOOD + "\n",
        GOOD + "x\n",
        GOOD.replace("\n\n", "\n"),
        GOOD.replace("\n\n", "\n\n\n"),
        GOOD.replace("\n\n", "\nextension\n\n"),
        GOOD.replace("\n", "\r\n"),
        GOOD.replace("\n7\n", "\n07\n"),
        GOOD.replace("\n7\n", "\n+7\n"),
        GOOD.replace("\n7\n", "\n-7\n"),
        GOOD.replace("\n7\n", "\n7 \n"),
        GOOD.replace("\n7\n", "\n\u0667\n"),
        GOOD.replace("\n7\n", "\n" + "9" * 5000 + "\n"),
        GOOD.replace("AAECAwQFBg", "AAECAwQFB!"),
        GOOD.replace("Hh8=", "Hh9="),
        GOOD.replace("AAEC", "", 1),
        GOOD.replace("— ", "- ", 1),
        GOOD.replace("— ", "—  ", 1),
        GOOD.replace("— ", "—", 1),
        GOOD.replace(ORIGIN, "two words", 1),
        GOOD.replace(ORIGIN, "plus+sign", 1),
        GOOD.replace(ORIGIN, "no\u00a0break", 1),
        GOOD.replace(ORIGIN, "tab\there", 1),
        GOOD.replace(ORIGIN, "", 1),
        GOOD.replace("=\n", "\n"),
        GOOD + "— name AAAA\n",
        GOOD + "— name AAAAAA==\n",
        "x" * (note.MAX_CHECKPOINT + 1),
    ],
    ids=lambda text: repr(text[-30:]),
)
def test_another_form_is_refused(text: str) -> None:
    """Each of these is one fault away from a legal checkpoint."""
    with pytest.raises(FormatError):
        note.parse_signed(text.encode())


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: text.encode(errors="replace")))
def test_arbitrary_bytes_raise_nothing_but_format_errors(data: bytes) -> None:
    """A stranger's checkpoint gives a value or a FormatError."""
    with suppress(FormatError):
        assert note.parse_signed(data).encode() == data


@given(st.integers(0, len(GOOD.encode()) - 1), st.integers(1, 255))
def test_a_flipped_byte_never_verifies(at: int, flip: int) -> None:
    """There is no byte of a checkpoint that is not bound."""
    data = bytearray(GOOD.encode())
    data[at] ^= flip
    with pytest.raises((FormatError, VerificationError)):
        note.verify_signed(note.parse_signed(bytes(data)), LOG, WITNESSES)


@given(st.text(max_size=80))
def test_arbitrary_vkeys_raise_nothing_but_format_errors(text: str) -> None:
    """A vkey is read or refused."""
    with suppress(FormatError):
        assert VerifierKey.parse(text).text == text


def test_vkeys_round_trip_and_are_refused_when_bent() -> None:
    """Name, id and key material depend on each other; other types are refused."""
    for key in (LOG, *WITNESSES):
        assert VerifierKey.parse(key.text) == key
        bent = [key.text.replace("example", "exbmple"), key.text[:-1], key.text + "=", key.text.upper(), "a" + key.text]
        bent += [VerifierKey(key.name, kind, key.public).text for kind in (2, 5, 255)]
        bent += [VerifierKey(key.name, key.kind, key.public[:31]).text, VerifierKey("", key.kind, key.public).text]
        for text in bent:
            with pytest.raises(FormatError):
                VerifierKey.parse(text)


@pytest.mark.parametrize("name", ["", "two words", "plus+sign", "no\u00a0break", "line\u2028end", "nul\x00", "tab\t", "lone\ud800"])
def test_names_that_no_key_has_are_refused(name: str) -> None:
    """Spaces, plus signs, control characters and text that has no UTF-8."""
    with pytest.raises(FormatError):
        VerifierKey.parse(f"{name}+00000000+{LOG.text.rpartition('+')[2]}")
    with pytest.raises(FormatError):
        Checkpoint.parse(f"{name}\n{CHECKPOINT.text().partition(chr(10))[2]}")
