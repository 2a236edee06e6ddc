"""One form for all spellings of a link, for list entries and rows alike, and the domains that a host belongs to.

A link is parsed as browsers do (WHATWG URL: case, IDNA, dot segments, default ports, IP addresses in odd spellings). Then
fragment and credentials go, `http` counts as `https`, a final dot of the host goes, an IPv4 address within IPv6 is the
IPv4 address, percent-encoded characters that need no encoding (RFC 3986 section 2.3) are written plainly, other text has
Unicode normal form C, and empty parameters go, with an empty query. Nothing else: the order of a query and a final slash stand.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Iterator, Sequence
from urllib.parse import quote, unquote_plus, unquote_to_bytes

import ada_url

MOST = 65_536  # characters; a longer link is refused
_ROUNDS = 8
_ASCII = 0x7F
_SCHEMES = ("http:", "https:")
_WHOLE = "https://"
_BARE = re.compile(r"[^\s/?#:@\\]+\.[^\s/?#:@\\]+(:[0-9]{1,5})?([/?#].*)?", re.DOTALL)
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
_ASCII_ESCAPE = re.compile(r"(%[0-7][0-9A-F])")
_MAPPED = re.compile(r"\[::ffff:[0-9a-f]{1,4}:[0-9a-f]{1,4}\]")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


def canonical(url: str, tracking: Sequence[str] = ()) -> str | None:
    """Return the one form of a link, or None if it is no web address.

    Args:
        url: a link, with its scheme: without one it may as well be the name of a file.
        tracking: names of query parameters to leave out, in lower case; a final `*` stands for any end.
    """
    text, before = _spelled(url), None
    for _ in range(_ROUNDS):  # taking one layer off can lay open another, as in %%32e
        if text is None or text == before:
            break
        before, text = text, _spelled(text)
    if text is None or text != before:
        return None
    return without(text, tracking)


def listed(text: str) -> str | None:
    """Return the one form of a link in a list, where one without a scheme is read as `https`; None if it is no web address."""
    bare = text.strip()
    return canonical(f"https://{bare}" if _BARE.fullmatch(bare) else bare)


def host(url: str) -> str | None:
    """Return the canonical host name of a link, or None if it is no web address."""
    parsed = _parsed(url)
    return None if parsed is None else parsed.hostname


def host_in(whole: str) -> str:
    """Return the host name of a link in its one form, where it stands between `https://` and a port or a slash."""
    place = whole.removeprefix(_WHOLE).partition("/")[0]
    return place[: place.index("]") + 1] if place.startswith("[") else place.partition(":")[0]


def domain(name: str) -> str | None:
    """Return the canonical form of a domain name, or None if it is none or has one label only."""
    text = name.strip()
    if not text or re.search(r"[\s/?#:@\\\[\]%*]", text):
        return None
    found = host(f"https://{text}/")
    return found if found is not None and "." in found else None


def domains(host_name: str) -> Iterator[str]:
    """Yield a host name and each domain that it lies in, down to two labels; an IP address lies in none."""
    yield host_name
    if _is_address(host_name):
        return
    labels = host_name.split(".")
    for start in range(1, len(labels) - 1):
        yield ".".join(labels[start:])


def _parsed(url: str) -> ada_url.URL | None:
    """Return a link parsed, without credentials and fragment, as https, or None."""
    text = url.strip()
    if not text or len(text) > MOST:
        return None
    try:
        parsed = ada_url.URL(text)
        if parsed.protocol not in _SCHEMES:
            return None
        if "@" in text:
            parsed.username = parsed.password = ""
        if "#" in text:
            parsed.hash = ""
        parsed.protocol = "https:"
        name = parsed.hostname
        if name.endswith("."):
            parsed.hostname = name = name.removesuffix(".")
        if _MAPPED.fullmatch(name):
            parsed.hostname = name = str(ipaddress.IPv6Address(name[1:-1]).ipv4_mapped)
    except (ValueError, UnicodeError):
        return None
    return parsed if all(name.split(".")) else None


def _spelled(url: str) -> str | None:
    parsed = _parsed(url)
    if parsed is None:
        return None
    before, mark, query = _composed(_ESCAPE.sub(_plain, parsed.href)).partition("?")
    parameters = "&".join(part for part in query.split("&") if part)
    return before + mark + parameters if parameters else before


def _composed(url: str) -> str:
    """Return a link whose escaped text is in normal form C; escapes of ASCII, and bytes that are no UTF-8, stay as they are."""
    return "".join(part if _ASCII_ESCAPE.fullmatch(part) else _normal(part) for part in _ASCII_ESCAPE.split(url))


def _normal(part: str) -> str:
    if "%" not in part:
        return part
    try:
        text = unquote_to_bytes(part).decode()
    except UnicodeDecodeError:
        return part
    composed = unicodedata.normalize("NFC", text)
    return part if composed == text else "".join(quote(character) if ord(character) > _ASCII else character for character in composed)


def _plain(escape: re.Match[str]) -> str:
    character = chr(int(escape[0][1:], 16))
    return character if character in _UNRESERVED else escape[0].upper()


def without(url: str, tracking: Sequence[str]) -> str:
    """Return a canonical link without the query parameters named."""
    if not tracking or "?" not in url:
        return url
    before, mark, query = url.partition("?")
    exact = {word for word in tracking if not word.endswith("*")}
    begun = tuple(word[:-1] for word in tracking if word.endswith("*"))
    names = ((part, unquote_plus(part.partition("=")[0]).lower()) for part in query.split("&"))
    kept = [part for part, name in names if name not in exact and not name.startswith(begun)]
    return before + mark + "&".join(kept) if kept else before


def _is_address(host_name: str) -> bool:
    return host_name.startswith("[") or re.fullmatch(r"[0-9]+(\.[0-9]+){3}", host_name) is not None
