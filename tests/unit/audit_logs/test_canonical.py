"""Documents have one byte form, and everything else is refused without a foreign exception."""

from __future__ import annotations

import base64
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_logs import canonical
from audit_logs.errors import FormatError

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers(0, canonical.MAX_INTEGER) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=20)
DOCUMENTS = st.dictionaries(TEXT, VALUES, max_size=5)


def decode(data: bytes, limit: int = 1 << 20) -> dict[str, object]:
    """Read a document under the name `document`."""
    return canonical.decode(data, where="document", limit=limit)


def nested(depth: int) -> dict[str, object]:
    """Return objects in objects, as many levels as asked for."""
    value: dict[str, object] = {}
    for _ in range(depth - 1):
        value = {"a": value}
    return value


@given(DOCUMENTS)
def test_what_is_encoded_decodes_to_itself(value: dict[str, object]) -> None:
    """Encoding and decoding are inverse on every value that has a canonical form."""
    assert decode(canonical.encode(value)) == value


@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode(errors="surrogatepass")))
def test_arbitrary_bytes_raise_nothing_but_format_errors(data: bytes) -> None:
    """Whatever a stranger sends, the reader returns a value or a FormatError."""
    with suppress(FormatError):
        assert canonical.encode(decode(data)) == data


@given(DOCUMENTS, st.data())
def test_a_changed_byte_is_another_document_or_none(value: dict[str, object], data: st.DataObject) -> None:
    """A document with one byte changed never reads as the same value."""
    raw = bytearray(canonical.encode(value))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        changed = decode(bytes(raw))
    except FormatError:
        return
    assert canonical.encode(changed) == bytes(raw) != canonical.encode(value)


@given(DOCUMENTS)
def test_spaces_are_refused(value: dict[str, object]) -> None:
    """The pretty-printed spelling of a document is not its legal form."""
    with pytest.raises(FormatError):
        decode(json.dumps({"": value}, indent=1).encode())


def test_members_stand_in_the_order_of_rfc_8785() -> None:
    """The example of RFC 8785 section 3.2.3: order is by UTF-16 code units, not by code points."""
    names = ["€", "\r", "\ufb33", "1", "😀", "\x80", "ö"]
    document = canonical.encode(dict.fromkeys(names, 0)).decode()
    assert list(json.loads(document)) == ["\r", "1", "\x80", "ö", "€", "😀", "\ufb33"]
    assert document.startswith('{"\\r":0,')


def test_text_is_escaped_as_rfc_8785_says() -> None:
    """Section 3.2.2.2: short escapes where there are some, lower-case hex for other controls, everything else as it is."""
    assert canonical.encode('\b\t\n\f\r\x00\x1f\x7f"\\/é') == '"\\b\\t\\n\\f\\r\\u0000\\u001f\x7f\\"\\\\/é"'.encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"1",
        b"null",
        b"{}\n",
        b" {}",
        b"{}{}",
        b"\xef\xbb\xbf{}",
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":-1}',
        b'{"a":-0}',
        b'{"a":01}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":9007199254740992}',
        b'{"a":' + b"9" * 100_000 + b"}",
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":2}}',
        b'{"b":1,"a":1}',
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\\u0041"}',
        b'{"a":"\\/"}',
        b'{"a":"\\u001F"}',
        b'{"a":"\x01"}',
        b'{"a":"\xff"}',
        b'{"a":undefined}',
        b"{'a':1}",
        b'{"a":1,}',
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda data: repr(data[:24]),
)
def test_another_spelling_is_refused(data: bytes) -> None:
    """Each of these has two readings somewhere, or none."""
    with pytest.raises(FormatError):
        decode(data)


def test_the_largest_integer_and_no_larger_one() -> None:
    """2^53 - 1 is legal, 2^53 is not, in both directions."""
    assert decode(b'{"a":9007199254740991}') == {"a": canonical.MAX_INTEGER}
    with pytest.raises(FormatError, match="out of range"):
        canonical.encode({"a": canonical.MAX_INTEGER + 1})
    with pytest.raises(FormatError, match="out of range"):
        canonical.encode({"a": -1})


def test_sixteen_levels_and_no_more() -> None:
    """The outermost object is level 1."""
    assert decode(canonical.encode(nested(16))) == nested(16)
    with pytest.raises(FormatError, match="too deep"):
        canonical.encode(nested(17))
    with pytest.raises(FormatError, match="too deep"):
        decode(b'{"a":' * 16 + b"{}" + b"}" * 16)


def test_a_document_over_its_limit_is_refused_unread() -> None:
    """The size is checked before the first byte is parsed."""
    data = canonical.encode({"a": 1})
    assert decode(data, limit=len(data)) == {"a": 1}
    with pytest.raises(FormatError, match="too large"):
        decode(data, limit=len(data) - 1)


@pytest.mark.parametrize("value", [1.5, b"bytes", {1: 2}, {"a": object()}, {"a": {1, 2}}, "\ud800", float("nan")])
def test_a_value_without_a_form_is_refused(value: object) -> None:
    """The writer refuses what the reader would."""
    with pytest.raises(FormatError):
        canonical.encode(value)


def test_the_first_difference_is_named() -> None:
    """The error says at which byte a document leaves its legal form."""
    with pytest.raises(FormatError, match="difference at byte 4"):
        decode(b'{"a" :1}')


@given(st.binary(max_size=40))
def test_base64_round_trips(data: bytes) -> None:
    """Every byte string has one base64 text."""
    assert canonical.decode_base64(base64.b64encode(data).decode(), where="x") == data


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QQ==\n", " QQ==", "QR==", "Q_==", "Q-==", "QQ==QQ==", "=", "Qé==", None, 5, b"QQ=="])
def test_other_base64_is_refused(text: object) -> None:
    """No missing padding, stray bits, line ends, URL alphabet or concatenation."""
    with pytest.raises(FormatError):
        canonical.decode_base64(text, where="x")
