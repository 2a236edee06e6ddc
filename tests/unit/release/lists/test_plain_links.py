"""Links that are taken as they stand: whatever is said of them is what parsing says of them."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from release import hashing
from release.lists import urls
from release.lists.entries import URL_DIGESTS, link_entry
from release.lists.links import PlainLinks, hosts, plain_links

TRACKING = ("fbclid", "ref", "utm_*", "a[]")
ODD = st.sampled_from(["", "%", "%2", "%2e", "%2E", "%41", "%7e", "%20", "%2f", "%2F", "%C3%A9", "%C3%89", "%CC%81", "%E4%B8%AD", "%ED%95%9C", "%E1%84%80%E1%85%A1", "%E1%86%A8", "%E3%81%8B", "%E3%82%99", "%D0%B9", "%D0%B8%CC%86", "%C3", "%A9", "%C0%80", "%F0%9F%98%80", "e%CC%81", "\u00e9", "e\u0301", "\u4e2d", "\uac00\u11a8", "\u304b\u3099", "\u212a", "\u0130", "&\u0130=1", "&x=\u00e4", "\U0001f600", "\u200b", "\u0344", "%E2%84%AB", "#%", "#x", "%00", "%5B", "\u00e4", "\t", " ", "\\", "//", "/.", "/..", "@", "#", "'", '"', "|", "^", "[", "]", "{", "`", "<", "&&", "&", "?", "=", "+", "&utm_x=1", "&UTM_X", "ref=1", "?ref", "&fbclid=", "&a[]=", "&a%5B%5D=1", "\u2126", "\x00", "\x7f", ";"])  # fmt: skip
CALM = st.text(st.sampled_from("abzAZ019-._~!$()*,;:+=/"), max_size=8)
TAIL = st.lists(st.one_of(CALM, CALM, ODD), max_size=6).map("".join)
SCHEME = st.sampled_from(
    ["https://", "http://", "https://", "HTTPS://", "ftp://", "https:/", "https:", "httpss://", " https://", "http:\\\\", ""]
)
LABEL = st.one_of(
    st.text(st.sampled_from("abz019-"), min_size=1, max_size=5),
    st.sampled_from(
        [
            "example",
            "xn--mnchen-3ya",
            "xn--a",
            "B",
            "0x7f",
            "127",
            "_a",
            "-",
            "-a",
            "a-",
            "a--b",
            "\u00e4",
            "",
            "%41",
            "a b",
            "a%2eb",
            "1a",
            "a" * 64,
        ]
    ),
)
HOST = st.one_of(
    st.lists(LABEL, min_size=1, max_size=5).map(".".join),
    st.sampled_from(
        ["[::1]", "[::ffff:1:2]", "1.2.3.4", "1", "example.org.", "example.org:80", "example.org:8080", "u:p@example.org", "a" * 254]
    ),
)
LINK = st.one_of(
    st.builds(
        lambda *parts: "".join(parts), SCHEME, HOST, st.sampled_from(["/", "/", "/", "", "?", "#"]), TAIL, st.sampled_from(["", "?"]), TAIL
    ),
    st.text(max_size=12),
    st.none(),
)


@pytest.fixture(autouse=True)
def compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let compiled code be used for one link, too."""
    monkeypatch.setattr(hashing, "MANY", 1)


def check(links: list[str | None], plain: PlainLinks) -> None:
    """Compare what is known of plain links with what the parser makes of them."""
    data = plain.data.tobytes()
    for place, row in enumerate(plain.rows.tolist()):
        text = links[row]
        assert text is not None
        assert data[plain.starts[place] : plain.stops[place]].decode() == text == text.strip()
        whole = urls.canonical(text)
        form = b"https" + data[plain.rest[place] : plain.ends[place]]
        assert whole == quote(form, safe="".join(map(chr, range(0x21, 0x7F)))), text
        assert plain.raw[place] == (not form.isascii()), text
        assert (urls.without(whole, plain.tracking) != whole) == plain.tracked[place], text
        assert urls.host(text) == data[plain.rest[place] + 3 : plain.host_ends[place]].decode(), text


def entries(links: list[str | None], plain: PlainLinks, kind: str) -> dict[int, set[bytes]]:
    """Return what plain links should be looked up by, one at a time."""
    made: dict[int, set[bytes]] = {}
    for row in plain.rows.tolist():
        text = links[row] or ""
        whole = urls.canonical(text) or ""
        if kind == "domain":
            made[row] = {link_entry(domain) for domain in urls.domains(urls.host(whole) or "")}
        elif kind == "url":
            made[row] = {link_entry(form) for form in (whole, urls.without(whole, TRACKING))}
        else:
            forms = (text, whole, urls.without(whole, TRACKING))
            made[row] = {hashlib.new(URL_DIGESTS[kind], form.encode(), usedforsecurity=False).digest() for form in forms}
    return made


@given(links=st.lists(LINK, min_size=1, max_size=30))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_a_plain_link_parsing_changes_nothing(links: list[str | None]) -> None:
    """Its one form is itself with https, no parameter is left out of it, its host is where it was found, its entries are those of the parsed link."""
    column = pa.array(links, pa.string())
    plain = plain_links(column, TRACKING)
    check(links, plain)
    for kind in ("url", "domain", *URL_DIGESTS):
        found, owners = plain.entries(kind)
        by_row: dict[int, set[bytes]] = {}
        for entry, row in zip(found, owners.tolist(), strict=True):
            by_row.setdefault(row, set()).add(entry.tobytes())
        assert by_row == entries(links, plain, kind)
    assert hosts(column).to_pylist() == [urls.host(link) if link else None for link in links]
    assert hosts(column.slice(1)).to_pylist() == [urls.host(link) if link else None for link in links[1:]]


@pytest.mark.parametrize(
    ("link", "plain"),
    [
        ("https://a.example.org/", True),
        ("http://a.example.org/B/c%20d.jpg", True),
        ("https://a.example.org/x?w=600&h=4%2B4", True),
        ("https://a.example.org/x?utm_source=1", True),
        ("https://a.example.org/x?w=1&Ref=2#part", True),
        ("HTTPs://a.example.org/%C3%A9%E4%B8%AD%ED%95%9C#a%zz@", True),
        ("http://a.example.org/\u00e4\u4e2d?x=\u00e4", True),
        ("http://a.example.org/?\u00e4=x", False),
        ("https://a.example.org/e\u0301", False),
        ("https://a.example.org/\U0001f600", False),
        ("https://a.example.org/%CC%81", False),
        ("https://a.example.org/%C3", False),
        ("https://a.example.org/%C0%80", False),
        ("https://a.example.org/%E0%80%80", False),
        ("https://a.example.org/%F0%9F%98%80", False),
        ("https://a.example.org/x#a b", False),
        ("https://a.example.org/x#\u00e4", False),
        ("https://a.example.org/x?reference=2", True),
        ("https://a.example.org/x?", False),
        ("https://a.example.org/x?a&&b", False),
        ("https://a.example.org", False),
        ("https://A.example.org/", False),
        ("https://a.example.org/%7E", False),
        ("https://a.example.org/%2f", False),
        ("https://a.example.org/a/../b", False),
        ("https://1.2.3.4/", False),
        ("https://a..example/", False),
        ("https://xn--mnchen-3ya.example/", False),
        ("https://a.example.org/%", False),
        ("https://a.example.org/?a='", False),
    ],
)
def test_which_links_are_plain(link: str, plain: bool) -> None:
    """What needs no parsing is told from what does; without that, everything would be right and slow."""
    assert plain_links(pa.array([link]), TRACKING).flags.tolist() == [plain]


@given(column=st.lists(LINK, max_size=8), chosen=st.data())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_chosen_rows_are_looked_up(column: list[str | None], chosen: st.DataObject) -> None:
    """Rows that an earlier step took are not among them."""
    flags = np.array(chosen.draw(st.lists(st.booleans(), min_size=len(column), max_size=len(column))), np.bool_)
    plain: Any = plain_links(pa.array(column, pa.string()))
    some = plain.among(flags)
    assert set(some.rows.tolist()) == {row for row in plain.rows.tolist() if flags[row]}
    check(column, some)
