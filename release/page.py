"""The frame of a self-contained HTML page: escaping by construction, one style sheet, bars, and a policy that forbids the rest.

A page has no script, no image, no link and no request to anywhere. Its content security policy allows the one style sheet by
its SHA-256 and nothing else (Content Security Policy Level 3), so text that slipped through could still not act.
"""

from __future__ import annotations

import hashlib
import html
from base64 import b64encode
from collections.abc import Iterable, Sequence

from release.markup import visible

_VOID_ELEMENTS = frozenset({"meta", "rect"})
STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --panel: #f3f5f7; --line: #d0d7de;
  --good: #1a7f37; --warn: #9a6700; --bad: #cf222e; --bar: #2f6f9f; --rest: #d5dbe1; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9da7b1; --paper: #0d1117; --panel: #161b22; --line: #30363d;
  --good: #3fb950; --warn: #d29922; --bad: #f85149; --bar: #58a6d6; --rest: #2a313a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.25rem 0 0.5rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem; padding-top: 0.75rem; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.25rem 0 0.25rem; }
p, ul, ol { margin: 0.5rem 0; }
ul, ol { padding-left: 1.4rem; }
code { font: 0.9em ui-monospace, "DejaVu Sans Mono", Consolas, monospace; background: var(--panel); padding: 0.1em 0.3em; border-radius: 3px; }
.outside { border: 2px solid var(--warn); border-radius: 6px; padding: 0.5rem 1rem; background: var(--panel); }
.verdict { font-size: 1.15rem; border-left: 0.4rem solid var(--soft); padding: 0.4rem 0.8rem; background: var(--panel); }
.verdict.verified { border-color: var(--good); } .verdict.stale, .verdict.incomplete { border-color: var(--warn); }
.verdict.failed, .verdict.withdrawn { border-color: var(--bad); }
.soft { color: var(--soft); font-size: 0.92rem; }
.funnel { list-style: none; padding: 0; } .funnel li { margin: 0.6rem 0; }
.bar { display: block; width: 100%; height: 1.1rem; margin-top: 0.15rem; }
.all { fill: var(--rest); } .left { fill: var(--bar); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: 0.35rem 0.75rem 0.35rem 0; border-bottom: 1px solid var(--line); }
@media (max-width: 40rem) { thead { display: none; } table, tbody, tr, td { display: block; }
  tr { border-bottom: 1px solid var(--line); padding: 0.4rem 0; } td { border: 0; padding: 0.1rem 0; }
  td::before { content: attr(data-label) ": "; color: var(--soft); } }
.void { color: var(--soft); }
@media print { :root { color-scheme: light; --ink: #000000; --soft: #444444; --paper: #ffffff; --panel: #ffffff; --line: #999999;
  --good: #1a7f37; --warn: #9a6700; --bad: #cf222e; --bar: #2f6f9f; --rest: #d5dbe1; } body { max-width: none; padding: 0; font-size: 10pt; }
  .wide { overflow: visible; } tr, li, .verdict, .outside { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .bar { print-color-adjust: exact; -webkit-print-color-adjust: exact; } }
"""


class Html(str):
    """Markup that may stand in a page as it is; every other text is escaped."""

    __slots__ = ()


def element(tag: str, *children: str, **attributes: str) -> Html:
    """Return an element; children that are no `Html` are escaped, as are attributes (`class_` stands for `class`)."""
    written = "".join(f' {name.rstrip("_").replace("_", "-")}="{_escape(value)}"' for name, value in attributes.items())
    if tag in _VOID_ELEMENTS:
        return Html(f"<{tag}{written}>" if tag == "meta" else f"<{tag}{written}/>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Iterable[str]) -> Html:
    """Return children one after another, those escaped that are no `Html`."""
    return Html("".join(child if isinstance(child, Html) else _escape(child) for child in children))


def _escape(text: str) -> str:
    return html.escape(visible(text), quote=True)


def section(title: str, *children: str) -> Html:
    """Return a section with its heading."""
    return Html(f"{element('section', element('h2', title), *children)}\n")


def table(heads: Sequence[str], rows: Iterable[Iterable[str]]) -> Html:
    """Return a table; on a narrow screen each row becomes a block, and each cell says which column it is."""
    head = element("thead", element("tr", *(element("th", text, scope="col") for text in heads)))
    lines = (element("tr", *(element("td", cell, data_label=name) for name, cell in zip(heads, row, strict=True))) for row in rows)
    return element("div", element("table", head, element("tbody", *lines)), class_="wide")


def bullets(items: Iterable[str]) -> Html:
    """Return an unordered list."""
    return element("ul", *(element("li", item) for item in items))


def bar(part: int, whole: int) -> Html:
    """Return a centred bar as long as `part` is of `whole`, for eyes only: the numbers stand beside it in words."""
    share = 10_000 * part // whole if whole else 0
    left = element("rect", class_="left", x=_percent((10_000 - share) // 2), y="0", width=_percent(share), height="100%")
    every = element("rect", class_="all", x="0", y="0", width="100%", height="100%")
    return element("svg", every, left, class_="bar", aria_hidden="true", focusable="false")


def _percent(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}%"


def document(title: str, body: Iterable[Html]) -> bytes:
    """Return a whole page in UTF-8."""
    digest = b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    rules = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = (
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=rules),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        element("style", Html(STYLE)),
    )
    page = element("html", element("head", *head), Html("\n"), element("body", element("main", *body)), lang="en")
    return f"<!DOCTYPE html>\n{page}\n".encode()
