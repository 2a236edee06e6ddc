"""Foreign text inside YAML and Markdown: nothing that a plan or a list says may become structure, a link or HTML.

The card shows such text for reading; its exact form stands in `release.json` and in the attestations.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_PLAIN = frozenset(" ,'()-")
_UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Letters and marks without a glyph (Unicode's Default_Ignorable_Code_Point, where not in the categories above), and the blank of Braille.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_MOST_MARKS = 3  # on one letter; a tower of them would cover the lines above
_LAST_ASCII = 0x7E
_LAST_OF_PLANE_0 = 0xFFFF
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
# No backtick may end a code span, no bar a table cell; both have a look-alike that does neither.
_LOOK_ALIKE = str.maketrans({"`": "\N{MODIFIER LETTER GRAVE ACCENT}", "|": "\N{BROKEN BAR}"})


def visible(text: str) -> str:
    """Return a text in one line, with a replacement character for everything that has no glyph, changes direction, or piles up on a letter."""
    return "".join(_shown(text))


def _shown(text: str) -> Iterator[str]:
    marks = 0
    for character in text:
        category = unicodedata.category(character)
        marks = marks + 1 if category.startswith("M") else 0
        if category == "Zs":
            yield " "  # a row of wider ones could part what belongs together
        else:
            yield _REPLACEMENT if category in _UNSEEN or marks > _MOST_MARKS or _BLANK.match(character) else character


def words(text: str) -> str:
    """Return a text for the middle of a Markdown line: plain words as they are, anything else as a code span."""
    shown = visible(text)
    if shown.strip() and all(character.isalnum() or character in _PLAIN for character in shown):
        return shown.strip()
    return code(shown)


def code(text: str) -> str:
    """Return a text as a Markdown code span, in which nothing is markup, HTML or a link."""
    shown = visible(text).translate(_LOOK_ALIKE).strip()
    return f"`{shown or '(empty)'}`"


def yaml_text(text: str) -> str:
    r"""Return a text as a YAML double-quoted scalar in ASCII (YAML 1.2 section 5.7: `\"`, `\\`, `\uXXXX`, `\UXXXXXXXX`)."""
    return '"' + "".join(_yaml_character(character) for character in text) + '"'


def _yaml_character(character: str) -> str:
    point = ord(character)
    if character in '"\\':
        return "\\" + character
    if ord(" ") <= point <= _LAST_ASCII:
        return character
    return f"\\u{point:04X}" if point <= _LAST_OF_PLANE_0 else f"\\U{point:08X}"
