"""Links that are in their one form as they stand, but perhaps for `http`, told in compiled code from those that have to be parsed.

Of a plain link every rule of `release.lists.urls` is known to change nothing but the scheme and the fragment: `http` or `https`, `://`, a host of small
ASCII letters, digits, dots and hyphens (no empty label, no `--`, its last label not begun by a digit), `/`, then characters that stay as they are
and escapes in capitals, no segment that begins with a dot, in the query no empty parameter. Escaped are ASCII characters that need it, and letters that
normal form C leaves alone whatever of these stands beside them: Latin, Cyrillic, kana, ideographs, Hangul syllables. Such letters may also
stand there as they are; the one form has them escaped, and such a link is called raw. Whatever else a link is, it is not plain, and is left
to the parser: this says nothing about it.
Arrays are flat; place and end of link i are `bounds[i]` and `bounds[i + 1]`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from release.hashing import Bytes
from release.hashing.machine import compiled, copy

LONGEST = 65_536
_LONGEST_HOST = 253
_HOST, _PATH, _QUERY, _DIGIT, _FREE = np.uint8(1), np.uint8(2), np.uint8(4), np.uint8(8), np.uint8(16)
_UPPER, _LOWER, _DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"abcdefghijklmnopqrstuvwxyz", b"0123456789"
_SEPARATOR = b"://"
_SMALL, _PERCENT, _MARK, _HASH, _AND, _EQUALS, _DOT, _SLASH, _HYPHEN = 0x20, 0x25, 0x3F, 0x23, 0x26, 0x3D, 0x2E, 0x2F, 0x2D


def _table() -> NDArray[np.uint8]:
    """Return what each byte may be part of."""
    made = np.zeros(256, np.uint8)
    for characters, use in (
        (_LOWER + _DIGITS + b"-.", _HOST),
        (_UPPER + _LOWER + _DIGITS + b"-._~!$&'()*+,;=:/", _PATH),
        (_UPPER + _LOWER + _DIGITS + b"-._~!$&()*+,;=:/", _QUERY),
        (_DIGITS, _DIGIT),
        (_UPPER + _LOWER + _DIGITS + b"-._~", _FREE),  # RFC 3986 section 2.3: never written as an escape
    ):
        made[list(characters)] |= use
    return made


TABLE = _table()


class Words(NamedTuple):
    """Names of query parameters, one after another: their bytes, where each begins and ends, and whether it stands for any end."""

    data: NDArray[np.uint8]
    bounds: NDArray[np.int64]
    open: NDArray[np.bool_]


class Places(NamedTuple):
    """Of each of n links: whether it is plain, and if so whether it is raw, whether words name a parameter, where `://` begins, where host and query end."""

    plain: NDArray[np.bool_]
    raw: NDArray[np.bool_]
    tracked: NDArray[np.bool_]
    rest: NDArray[np.int64]
    host_end: NDArray[np.int64]
    end: NDArray[np.int64]


@compiled
def find(data: Bytes, bounds: NDArray[np.int32], words: Words, out: Places) -> None:
    """Set what is known of each link."""
    for number in range(bounds.size - 1):
        start, end = int(bounds[number]), int(bounds[number + 1])
        out.plain[number] = False
        rest = _scheme(data, start, end)
        if rest < 0 or end - start > LONGEST:
            continue
        host_end = _host(data, rest + 3, end)
        if host_end < 0:
            continue
        query = _path(data, host_end, end)
        after, tracked = query, False
        if query >= 0 and query < end and data[query] == _MARK:
            after, tracked = _query(data, query + 1, end, words)
        if after < 0 or not _fragment(data, after, end):
            continue
        out.plain[number], out.tracked[number] = True, tracked
        out.raw[number] = _is_raw(data, host_end, after)
        out.rest[number], out.host_end[number], out.end[number] = rest, host_end, after


@compiled
def _scheme(data: Bytes, start: int, end: int) -> int:
    """Return where `://` begins after `http` or `https`, or -1."""
    if end - start < 8:
        return -1
    for place, wanted in enumerate(b"http"):
        if data[start + place] | _SMALL != wanted:
            return -1
    rest = start + (5 if data[start + 4] | _SMALL == 0x73 else 4)
    for place, wanted in enumerate(_SEPARATOR):
        if data[rest + place] != wanted:
            return -1
    return rest


@compiled
def _host(data: Bytes, start: int, end: int) -> int:
    """Return where the host ends, which a slash has to follow, or -1."""
    place, label = start, start
    while place < end and TABLE[data[place]] & _HOST:
        if data[place] == _DOT:
            if place == label:
                return -1
            label = place + 1
        place += 1
    return place if place < end and data[place] == _SLASH and _is_name(data, start, label, place) else -1


@compiled
def _is_name(data: Bytes, start: int, label: int, end: int) -> bool:
    """Tell whether a host is a plain name: its last label, from `label` on, is there and no number, and no label may be Punycode."""
    fits = label < end and end - start <= _LONGEST_HOST
    return fits and not TABLE[data[label]] & _DIGIT and not _twice(data, start, end, _HYPHEN)


@compiled
def _twice(data: Bytes, start: int, end: int, wanted: int) -> bool:
    """Tell whether a byte stands twice in a row."""
    for place in range(start + 1, end):  # noqa: SIM110  (compiled code has no generators)
        if data[place] == wanted and data[place - 1] == wanted:
            return True
    return False


@compiled
def _path(data: Bytes, start: int, end: int) -> int:
    """Return where the path ends: at the link's end, a question mark or the fragment; or -1."""
    place = start
    while place < end and data[place] != _MARK and data[place] != _HASH:
        size = _size(data, place, end, _PATH)
        if size == 0 or (data[place] == _DOT and data[place - 1] == _SLASH):
            return -1
        place += size
    return place


@compiled
def _query(data: Bytes, start: int, end: int, words: Words) -> tuple[int, bool]:
    """Return where the query ends, at the link's end or the fragment, or -1 if it would not stay as it is; and whether words name a parameter."""
    place, tracked = start, False
    while True:
        name = _name(data, place, end)
        after = _value(data, name, end)
        if after <= place:  # an empty parameter, or none that stays
            return -1, False
        tracked = tracked or _is_left_out(data, place, name, words)
        if after == end or data[after] == _HASH:
            return after, tracked
        place = after + 1


@compiled
def _name(data: Bytes, start: int, end: int) -> int:
    """Return where the name of a parameter ends, or what of it is written plainly."""
    place = start
    while place < end and data[place] != _EQUALS and data[place] != _AND and TABLE[data[place]] & _QUERY:
        place += 1
    return place


@compiled
def _value(data: Bytes, start: int, end: int) -> int:
    """Return where the parameter ends whose name ends at `start`, or -1 if it would not stay as it is, or the name goes on."""
    if start < end and data[start] != _EQUALS and data[start] != _AND and data[start] != _HASH:
        return -1
    place = start
    while place < end and data[place] != _AND and data[place] != _HASH:
        size = _size(data, place, end, _QUERY)
        if size == 0:
            return -1
        place += size
    return place


@compiled
def _size(data: Bytes, place: int, end: int, use: np.uint8) -> int:
    """Return the length of the character at `place` if it stays as it is, or does once it is escaped, else 0."""
    here = data[place]
    if here == _PERCENT:
        return _escaped(data, place, end)
    if here >= 0x80:
        return _letter(data, place, end)
    return 1 if TABLE[here] & use else 0


@compiled
def _fragment(data: Bytes, start: int, end: int) -> bool:
    """Tell whether the fragment, if there is one, is of ASCII characters that show: others might end the link elsewhere."""
    for place in range(start, end):  # noqa: SIM110  (compiled code has no generators)
        if not 0x21 <= data[place] <= 0x7E:
            return False
    return True


@compiled
def _byte(data: Bytes, place: int, end: int) -> int:
    """Return the value of the escape, in capitals, at `place`, or -1."""
    if place + 2 >= end or data[place] != _PERCENT:
        return -1
    value = 0
    for digit in (data[place + 1], data[place + 2]):
        if 0x30 <= digit <= 0x39:
            value = 16 * value + int(digit) - 0x30
        elif 0x41 <= digit <= 0x46:
            value = 16 * value + int(digit) - 0x37
        else:
            return -1
    return value


@compiled
def _escaped(data: Bytes, place: int, end: int) -> int:
    """Return the length of the escaped character at `place` if it stays as it is, else 0."""
    first = _byte(data, place, end)
    if 0 <= first < 0x80:
        return 0 if TABLE[first] & _FREE else 3
    second, third = _byte(data, place + 3, end), _byte(data, place + 6, end)
    if not 0xC2 <= first <= 0xEF or second & 0xC0 != 0x80:
        return 0
    if first <= 0xDF:
        return 6 if _stays((first & 0x1F) << 6 | (second & 0x3F)) else 0
    character = (first & 0x0F) << 12 | (second & 0x3F) << 6 | (third & 0x3F)
    return 9 if third & 0xC0 == 0x80 and _stays(character) and character >= 0x800 else 0


@compiled
def _letter(data: Bytes, place: int, end: int) -> int:
    """Return the length of the letter beyond ASCII at `place` if it stays as it is once escaped, else 0. The text is UTF-8 throughout."""
    first = int(data[place])
    if first < 0xE0 and place + 1 < end:
        return 2 if _stays((first & 0x1F) << 6 | (data[place + 1] & 0x3F)) else 0
    if first < 0xF0 and place + 2 < end:
        return 3 if _stays((first & 0x0F) << 12 | int(data[place + 1] & 0x3F) << 6 | (data[place + 2] & 0x3F)) else 0
    return 0


@compiled
def _is_raw(data: Bytes, start: int, end: int) -> bool:
    for place in range(start, end):  # noqa: SIM110  (compiled code has no generators)
        if data[place] >= 0x80:
            return True
    return False


@compiled
def _stays(character: int) -> bool:
    """Tell whether normal form C leaves a character alone among others of which this is true: none of them is a mark or composes."""
    latin = 0x80 <= character < 0x300
    cyrillic = 0x400 <= character < 0x483 or 0x48A <= character < 0x530
    kana = 0x3041 <= character < 0x3097 or 0x30A1 <= character < 0x30FB
    return latin or cyrillic or kana or 0x4E00 <= character < 0xA000 or 0xAC00 <= character < 0xD7A4


@compiled
def _is_left_out(data: Bytes, start: int, end: int, words: Words) -> bool:
    """Tell whether a parameter's name, in small letters, is one of the words."""
    for word in range(words.open.size):
        first, size = words.bounds[word], words.bounds[word + 1] - words.bounds[word]
        fits = end - start >= size if words.open[word] else end - start == size
        if fits and _begins(data, start, words.data[first : first + size]):
            return True
    return False


@compiled
def _begins(data: Bytes, start: int, word: Bytes) -> bool:
    """Tell whether what begins at `start`, in small letters, begins with the word."""
    for place in range(word.size):
        here = data[start + place]
        if (here + 0x20 if 0x41 <= here <= 0x5A else here) != word[place]:
            return False
    return True


@compiled
def count_dots(data: Bytes, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> int:
    """Return the number of domains of all hosts together: of each itself, and all above it down to two labels."""
    total = 0
    for number in range(starts.size):
        dots = 0
        for place in range(starts[number], ends[number]):
            dots += data[place] == _DOT
        total += max(dots, 1)
    return total


@compiled
def domains(data: Bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], out: NDArray[np.int64], owners: NDArray[np.int64]) -> None:
    """Set where the domains of each host begin, the host itself first, and which host they are of."""
    count = 0
    for number in range(starts.size):
        out[count], owners[count] = starts[number], number
        count += 1
        after = -1
        for place in range(starts[number], ends[number]):
            if data[place] == _DOT:
                if after >= 0:
                    out[count], owners[count] = after, number
                    count += 1
                after = place + 1


@compiled
def put_together(data: Bytes, starts: NDArray[np.int64], ends: NDArray[np.int64], out: Bytes) -> None:
    """Write slices one after another."""
    at = 0
    for number in range(starts.size):
        copy(out, at, data, starts[number], ends[number] - starts[number])
        at += ends[number] - starts[number]
