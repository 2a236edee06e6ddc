"""Links and domains: one form for all spellings, and nothing that is no link."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.lists import urls

HOSTS = st.sampled_from(
    ["example.org", "EXAMPLE.org.", "m\u00fcnchen.example", "xn--mnchen-3ya.example", "[2001:DB8::1]", "0x7f.1", "a.b.example"]
)
PATHS = st.text(st.sampled_from("abAB/.%2eE7~?&=#+ \u00e4:@;"), max_size=24)
LINKS = st.builds(
    lambda scheme, user, host, port, path: f"{scheme}{user}{host}{port}/{path}",
    st.sampled_from(["http://", "HTTPS://", "https:\\\\", ""]),
    st.sampled_from(["", "user:word@"]),
    HOSTS,
    st.sampled_from(["", ":80", ":443", ":8080"]),
    PATHS,
)


@given(LINKS)
def test_the_form_of_a_form_is_itself(link: str) -> None:
    """Bringing a link to its one form twice changes nothing, with and without tracking parameters."""
    once = urls.canonical(link)
    if once is not None:
        assert urls.canonical(once) == once
        assert urls.host_in(once) == urls.host(once) == urls.host(link)
        bare = urls.canonical(link, ("a*",))
        assert bare is not None
        assert urls.canonical(bare, ("a*",)) == bare


@given(st.text(max_size=40))
def test_any_text_is_a_link_or_none(text: str) -> None:
    """No text, however odd, ends in an error."""
    for found in (urls.canonical(text), urls.host(text), urls.domain(text)):
        assert found is None or found


@pytest.mark.parametrize(
    "spelling",
    [
        "HTTPS://Example.ORG/a/b~c?x=1",
        "http://example.org/a/b~c?x=1",
        "http://example.org:80/a/b~c?x=1",
        "https://example.org:443/a/b~c?x=1#part",
        "https://user:word@example.org./a/./z/../b%7Ec?x=1",
        "  https://example.org/a/b%7ec?x=1\n",
        "https://example.org/%61/b~c?x=1",
    ],
)
def test_spellings_of_one_link_have_one_form(spelling: str) -> None:
    """Case, scheme, default port, credentials, fragment, dot segments and needless escapes do not hide a link."""
    assert urls.canonical(spelling) == "https://example.org/a/b~c?x=1"


def test_a_list_may_leave_the_scheme_out() -> None:
    """Lists are often written without it; a relative link is still none."""
    assert urls.listed(" Example.org:443/a#b") == urls.canonical("http://example.org/a") == "https://example.org/a"
    assert [urls.listed(text) for text in ("a/b.png", "/a.b", "mailto:a@b.example", "javascript:x.y()")] == [None] * 4


def test_different_links_stay_different() -> None:
    """Query order, a final slash, reserved escapes and ports are part of a link."""
    links = ["https://example.org/a", "https://example.org/a/", "https://example.org/a?x&y", "https://example.org/a?y&x"]
    links += ["https://example.org/a%2Fb", "https://example.org/a/b", "https://example.org:8080/a", "https://example.org/A"]
    assert len({urls.canonical(link) for link in links}) == len(links)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "picture.png",
        "example.org/a",
        "not a link",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "ftp://example.org/a",
        "https://",
        "http://a..b/",
        "https://exa mple.org/",
        "https://example.org:99999/",
        "//example.org/a",
        "/a/b",
        "https://example.org/" + "a" * 70_000,
    ],
)
def test_what_is_no_web_address_is_refused(text: str) -> None:
    """Other schemes, relative links and broken hosts have no form."""
    assert urls.canonical(text) is None
    assert urls.host(text) is None


@pytest.mark.parametrize("tail", ["?", "?&", "?&&", "?utm_source=1&", "?&utm_source=1", "?#x", "?&#x"])
def test_an_empty_query_does_not_hide_a_listed_link(tail: str) -> None:
    """The server shows the same picture, so the list's entry has to match."""
    link = "https://example.org/secret/pic.jpg"
    assert urls.canonical(link + tail, ("utm_*",)) == urls.listed(link) == link


@pytest.mark.parametrize("query", ["?&id=7", "?id=7&", "?&&id=7&&", "?id=7&utm_source=1&"])
def test_empty_parameters_do_not_hide_a_listed_link(query: str) -> None:
    """Wherever they stand."""
    assert urls.canonical(f"https://example.org/a{query}", ("utm_*",)) == urls.listed("https://example.org/a?id=7")


def test_an_ipv4_address_within_ipv6_is_the_ipv4_address() -> None:
    """Both spellings lead to one host, for links and for domains."""
    for spelling in ("[::ffff:1.2.3.4]", "[::FFFF:0102:304]", "[0:0:0:0:0:ffff:1.2.3.4]"):
        assert urls.canonical(f"http://{spelling}/a") == urls.canonical("https://1.2.3.4/a")
        assert urls.host(f"https://{spelling}/") == "1.2.3.4"


@pytest.mark.parametrize("path", ["cafe\u0301", "cafe%CC%81", "caf%65%cc%81", "caf\u00e9", "caf%c3%a9"])
def test_a_decomposed_path_does_not_hide_a_listed_link(path: str) -> None:
    """Composed and decomposed letters are one text."""
    assert urls.canonical(f"https://example.org/{path}/a?{path}") == "https://example.org/caf%C3%A9/a?caf%C3%A9"


def test_tracking_parameters_go_by_name() -> None:
    """Only the parameters named go, in any case and escaped; the order of the others stands."""
    link = "https://example.org/?b=1&UTM_source=x&fbclid=2&a=2&%75tm_x=1"
    assert urls.canonical(link, ("utm_*", "fbclid")) == "https://example.org/?b=1&a=2"
    assert urls.canonical("https://example.org/?utm_source=x", ("utm_*",)) == "https://example.org/"


def test_internationalised_hosts_have_one_form() -> None:
    """Unicode and punycode name one host."""
    assert urls.host("https://M\u00dcNCHEN.example/") == urls.domain("xn--mnchen-3ya.EXAMPLE.") == "xn--mnchen-3ya.example"


def test_a_host_lies_in_its_parent_domains() -> None:
    """Every parent down to two labels; an address has none."""
    assert list(urls.domains("a.b.example.org")) == ["a.b.example.org", "b.example.org", "example.org"]
    assert list(urls.domains("127.0.0.1")) == ["127.0.0.1"]
    assert urls.host("http://0x7f.1/") == "127.0.0.1"


@pytest.mark.parametrize(
    "text", ["", "localhost", "org", "*.example.org", "example.org/a", "a b.example", "user@example.org", "example.org:80"]
)
def test_what_is_no_domain_is_refused(text: str) -> None:
    """A domain has two labels and nothing around it."""
    assert urls.domain(text) is None
