"""The frame of a self-contained HTML page: escaping by construction, tables, and a policy that forbids all the rest.

A page has no script, no image, no request to anywhere, and no link but to its own parts. Its content security policy allows the one
style sheet by its SHA-256 and nothing else (Content Security Policy Level 3), so text that slipped through could still not act.
"""

from __future__ import annotations

import hashlib
import html
from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path

from release.markup import visible
from release.style import STYLE

GENERATOR = "vetted-release report"
_HEAD_BYTES = 1024
_VOID_ELEMENTS = frozenset({"meta"})
_EMPTY_SHAPES = frozenset({"rect", "path", "circle", "polygon", "line"})


class Html(str):
    """Markup that may stand in a page as it is; every other text is escaped."""

    __slots__ = ()


NOTHING = Html("")


def element(tag: str, *children: str, **attributes: str) -> Html:
    """Return an element; children that are no `Html` are escaped, as are attributes (`class_` stands for `class`)."""
    written = "".join(f' {name.rstrip("_").replace("_", "-")}="{_escape(value)}"' for name, value in attributes.items())
    if tag in _VOID_ELEMENTS:
        return Html(f"<{tag}{written}>")
    if tag in _EMPTY_SHAPES:
        return Html(f"<{tag}{written}/>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[str]) -> Html:
    """Return children one after another, those escaped that are no `Html`."""
    return Html("".join(child if isinstance(child, Html) else _escape(child) for child in children))


def _escape(text: str) -> str:
    return html.escape(visible(text), quote=True)


def theirs(text: str) -> Html:
    """Return a stranger's words or name, whose direction of writing changes nothing around it."""
    return element("bdi", text)


def spoken(text: str) -> Html:
    """Return our own words, in which commands stand between backticks."""
    return join(element("code", part) if place % 2 else part for place, part in enumerate(text.split("`")))


def section(name: str, title: str, *children: str) -> Html:
    """Return a section with its heading, a region that is called by that."""
    heading = element("h2", title, id=f"{name}-title")
    return Html(f"{element('section', heading, *children, id=name, aria_labelledby=f'{name}-title')}\n")


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Html:
    """Return a table whose first column names its rows.

    On a narrow screen each row becomes a block in which each cell says its column; the roles are written out because browsers forget
    them where a table is shown as blocks (HTML-AAM).
    """
    top = element("tr", *(element("th", text, scope="col", role="columnheader") for text in heads), role="row")
    lines = []
    for first, *others in rows:
        cells = (element("td", cell, data_label=name, role="cell") for name, cell in zip(heads[1:], others, strict=True))
        lines.append(element("tr", element("th", first, scope="row", role="rowheader"), *cells, role="row"))
    body = element("tbody", *lines, role="rowgroup")
    whole = element("table", element("caption", caption), element("thead", top, role="rowgroup"), body, role="table")
    return element("div", whole, class_="wide")


def bullets(items: Iterable[str]) -> Html:
    """Return an unordered list."""
    return element("ul", *(element("li", item) for item in items))


def listing(tag: str, items: Iterable[Html], css: str) -> Html:
    """Return a list without bullets; some browsers no longer tell such a list as one unless its role says so."""
    return element(tag, *items, class_=css, role="list")


def is_page(path: Path) -> bool:
    """Tell whether a file is a page that `document` made, by its head."""
    try:
        if not path.is_file():  # a pipe would keep us waiting
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return False
    return head.startswith(b"<!DOCTYPE html>") and element("meta", name="generator", content=GENERATOR).encode() in head


def document(title: str, *body: Html) -> bytes:
    """Return a whole page in UTF-8."""
    digest = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    rules = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = (
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=rules),
        element("meta", name="generator", content=GENERATOR),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Html(STYLE)),
    )
    page = element("html", element("head", *head), Html("\n"), element("body", *body), lang="en")
    return f"<!DOCTYPE html>\n{page}\n".encode()
