"""Terms and expressions: how a text is brought to one form before anything is looked for in it, and what a list may hold.

The one form of a text: Unicode normal form KC, case folded, normal form KC again; characters that do not show (category Cf, such as soft
hyphens and joiners) left out; every run of white space one space, none at the ends. A term is a text in that form. An expression is in the syntax of
RE2, which never backtracks, and is searched in texts of that form, its own case of no account.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

WIDTH = 256
"""Bytes of an entry: the text in UTF-8, then zeros. A longer one is refused."""

TERM, REGEX = "term", "regex"
PHRASES = (TERM, REGEX)
TOO_LONG = f"longer than {WIDTH} bytes"
EMPTY = "empty"
NOT_REGEX = "not an expression of RE2, or one that needs too much memory"
ANY_TEXT = "an expression that matches the empty text, and so every text"
EXPRESSION_MEMORY = 8 << 20


def plain(text: str) -> str:
    """Return a text in its one form."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return " ".join("".join(one for one in folded if unicodedata.category(one) != "Cf").split())


def entry(kind: str, value: bytes) -> bytes | str:
    """Return the entry of a term or expression (UTF-8) without the zeros, or as text the reason why it is none."""
    text = value.decode()
    if kind == TERM:
        text = plain(text)
    elif refusal := _refusal(text := unicodedata.normalize("NFC", text)):
        return refusal
    data = text.encode()
    return EMPTY if not data or b"\0" in data else TOO_LONG if len(data) > WIDTH else data


def _refusal(expression: str) -> str:
    """Return why an expression is refused, or ""."""
    import re2

    try:
        compiled = expressions(expression, EXPRESSION_MEMORY)
    except re2.error:
        return NOT_REGEX
    return ANY_TEXT if compiled.search("") is not None else ""


@cache
def _options(memory: int) -> Any:  # noqa: ANN401  (re2 has no types for the checker)
    import re2

    options = re2.Options()
    options.log_errors = False  # they show the expression
    options.max_mem = memory
    options.never_capture = True
    options.case_sensitive = False  # texts are case folded, expressions are as their authors wrote them
    return options


def expressions(pattern: str, memory: int) -> Any:  # noqa: ANN401
    """Return a compiled expression of RE2.

    Raises:
        re2.error: it is none, or needs more memory. The error shows the expression: it must not be shown.
    """
    import re2

    return re2.compile(pattern, _options(memory))
