"""Classes `list` and `url` (section 17) and `padme` (section 15)."""

from __future__ import annotations

from collections.abc import Iterator

from vectors.reference import keyed, list_commitment, padme, sha256
from vectors.rows import MATCH_KEY
from vectors.vector import OK, REFUSED, Pieces, Vector, plain

_SIZES = {"md5": 16, "sha1": 20, "sha256": 32, "pdq": 32, "photodna": 144, "video-md5": 16, "url": 32, "domain": 32}


def _entries(kind: str, count: int) -> list[bytes]:
    return [(sha256(f"{kind} entry {number}".encode()) * 5)[: _SIZES[kind]] for number in range(count)]


def _texts(kind: str, count: int) -> list[str]:
    """Return what stands in a list file: links and domains in their canonical form, everything else as hex."""
    if kind in ("url", "domain"):
        return [f"https://example.org/picture-{n}.jpg" if kind == "url" else f"host-{n}.example.org" for n in range(count)]
    return [entry.hex() for entry in _entries(kind, count)]


_LISTS: dict[str, tuple[dict[str, list[str]], str]] = {
    "one-md5": ({"md5": _texts("md5", 1)}, "one type, one entry"),
    "sorted-as-bytes": ({"sha1": ["ff" * 20, "00" * 19 + "01", "7f" * 20]}, "entries are sorted as unsigned bytes"),
    "duplicates": ({"sha256": _texts("sha256", 2) * 2}, "an entry counts once"),
    "every-type": ({kind: _texts(kind, 2) for kind in _SIZES}, "types in alphabetical order, each with its own length and count"),
    "prefix-types": ({"sha256": _texts("sha256", 1), "sha1": _texts("sha1", 1)}, "sha1 comes before sha256"),
    "links": ({"url": _texts("url", 3)}, "a link enters by its SHA-256, and is sorted by that"),
}


def list_vectors(_: Pieces) -> Iterator[Vector]:
    """Lists with their commitment, and each entry as it stands in the evidence table `lists`."""
    for name, (texts, why) in _LISTS.items():
        entries = {kind: [_entry(kind, text) for text in items] for kind, items in texts.items()}
        sealed = {
            kind: [keyed(MATCH_KEY, kind.encode() + b"\x00" + entry).hex() for entry in sorted(set(items))]
            for kind, items in entries.items()
        }
        value = {"commitment": list_commitment(MATCH_KEY, entries).hex(), "keyedEntries": sealed}
        yield Vector("list", name, {"input.json": plain({"matchKey": MATCH_KEY.hex(), "entries": texts})}, OK, why, value)


def _entry(kind: str, text: str) -> bytes:
    return sha256(text.encode()) if kind in ("url", "domain") else bytes.fromhex(text)


# name -> (where the text stands, the text, its canonical form and host, written by hand; why)
_URLS: dict[str, tuple[str, str, tuple[str, str] | None, str]] = {
    "plain": ("row", "https://example.org/a?b=c", ("https://example.org/a?b=c", "example.org"), "in its canonical form already"),
    "http": ("row", "http://example.org/", ("https://example.org/", "example.org"), "http counts as https"),
    "upper-case": (
        "row",
        "HTTPS://EXAMPLE.org/A",
        ("https://example.org/A", "example.org"),
        "scheme and host lose their case, paths do not",
    ),
    "no-path": ("row", "https://example.org", ("https://example.org/", "example.org"), "the empty path is a slash"),
    "default-port": ("row", "http://example.org:80/", ("https://example.org/", "example.org"), "the port of http goes with http"),
    "https-port-of-http": (
        "row",
        "http://example.org:443/",
        ("https://example.org/", "example.org"),
        "443 is no port worth naming once it is https",
    ),
    "other-port": ("row", "https://example.org:8443/", ("https://example.org:8443/", "example.org"), "another port stays"),
    "credentials": ("row", "https://user:word@example.org/", ("https://example.org/", "example.org"), "credentials go"),
    "fragment": ("row", "https://example.org/a#b", ("https://example.org/a", "example.org"), "the fragment goes"),
    "final-dot": ("row", "https://example.org./a", ("https://example.org/a", "example.org"), "the host's final dot goes"),
    "dot-segments": ("row", "https://example.org/a/./../b", ("https://example.org/b", "example.org"), "dot segments are resolved"),
    "escaped-dots": (
        "row",
        "https://example.org/a/%2e%2E/b",
        ("https://example.org/b", "example.org"),
        "dot segments are resolved, escaped ones too",
    ),
    "escaped-letter": ("row", "https://example.org/%41%7e", ("https://example.org/A~", "example.org"), "what needs no escape has none"),
    "escaped-solidus": (
        "row",
        "https://example.org/a%2fb",
        ("https://example.org/a%2Fb", "example.org"),
        "other escapes stay, in upper case",
    ),
    "escape-of-an-escape": (
        "row",
        "https://example.org/%2541",
        ("https://example.org/%2541", "example.org"),
        "an escaped percent sign stays",
    ),
    "hidden-escape": (
        "row",
        "https://example.org/a%%32eb",
        ("https://example.org/a.b", "example.org"),
        "taking one escape away lays open another",
    ),
    "international": ("row", "https://m\u00fcnchen.example/", ("https://xn--mnchen-3ya.example/", "xn--mnchen-3ya.example"), "IDNA"),
    "address": ("row", "http://0x7f.1/", ("https://127.0.0.1/", "127.0.0.1"), "an IP address in an odd spelling"),
    "query-order": ("row", "https://example.org/?b=1&a=2", ("https://example.org/?b=1&a=2", "example.org"), "the query's order stands"),
    "empty-query": ("row", "https://example.org/a?", ("https://example.org/a", "example.org"), "an empty query goes with its mark"),
    "empty-parameter-alone": ("row", "https://example.org/a?&", ("https://example.org/a", "example.org"), "a query of empty parameters"),
    "empty-parameters": (
        "row",
        "https://example.org/a?&id=7&&b=1&",
        ("https://example.org/a?id=7&b=1", "example.org"),
        "empty parameters go, wherever they stand",
    ),
    "empty-value": (
        "row",
        "https://example.org/a?id=&=",
        ("https://example.org/a?id=&=", "example.org"),
        "an empty value is no empty parameter",
    ),
    "mapped-address": ("row", "http://[::ffff:1.2.3.4]/", ("https://1.2.3.4/", "1.2.3.4"), "an IPv4 address within IPv6 is that address"),
    "ipv6-address": ("row", "http://[2001:DB8::1]/", ("https://[2001:db8::1]/", "[2001:db8::1]"), "another IPv6 address stays"),
    "decomposed": (
        "row",
        "https://example.org/cafe\u0301?e=e%CC%81",
        ("https://example.org/caf%C3%A9?e=%C3%A9", "example.org"),
        "text is composed, however it was escaped",
    ),
    "decomposed-after-an-escape": (
        "row",
        "https://example.org/%2fe%cc%81%FF",
        ("https://example.org/%2Fe%CC%81%FF", "example.org"),
        "what is no UTF-8 is left as it is, an escaped solidus too",
    ),
    "mark-after-an-escape": (
        "row",
        "https://example.org/%3C%CC%B8",
        ("https://example.org/%3C%CC%B8", "example.org"),
        "an escape of ASCII composes with nothing",
    ),
    "bare-in-a-list": ("list", "example.org/a", ("https://example.org/a", "example.org"), "in a list a link may lack its scheme"),
    "bare-in-a-row": ("row", "example.org/a", None, "in a row it may as well be the name of a file"),
    "ftp": ("row", "ftp://example.org/a", None, "neither http nor https"),
    "mailto": ("list", "mailto:someone@example.org", None, "no link to a host"),
    "no-host": ("row", "https:///", None, "no host"),
    "bad-port": ("row", "https://example.org:99999/", None, "a port that does not exist"),
    "empty": ("row", "", None, "nothing"),
}


def url_vectors(_: Pieces) -> Iterator[Vector]:
    """Links with their canonical form, and texts that are no links."""
    for name, (place, text, found, why) in _URLS.items():
        given = {"input.json": plain({"in": place, "text": text})}
        if found is None:
            yield Vector("url", f"bad-{name}", given, REFUSED, why)
        else:
            yield Vector("url", name, given, OK, why, {"url": found[0], "host": found[1], "entry": sha256(found[0].encode()).hex()})


_LENGTHS: dict[str, tuple[list[int], str]] = {
    "tiny": ([0, 1, 2, 3, 4, 5, 6, 7, 8], "short lengths stay as they are"),
    "first-padded": ([9, 10, 11, 15, 16, 17], "9 is the first that grows"),
    "around-power": ([255, 256, 257, 65_535, 65_536, 65_537], "one below, at and above a power of two"),
    "exact-multiple": ([1_000, 1_024, 1_088, 1_152], "a length that is a multiple already stays"),
    "large": (
        [999_999, 10**7, 10**9, 2**40 + 1, 2**52 - 1, 2**52 + 1],
        "more than 32 bits, and a logarithm in floating point is not exact",
    ),
}


def padme_vectors(_: Pieces) -> Iterator[Vector]:
    """Lengths and what they are padded to."""
    for name, (lengths, why) in _LENGTHS.items():
        yield Vector("padme", name, {"input.json": plain({"lengths": lengths})}, OK, why, [padme(length) for length in lengths])
