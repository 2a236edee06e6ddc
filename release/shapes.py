"""Shapes in pages: bars, the segments of a funnel, scales and signs, as inline SVG.

Every length is a whole hundredth of a percent, so that the same numbers give the same bytes anywhere. A shape whose numbers stand
beside it in words is hidden from screen readers; one that says more than the words has a title, and where needed a description.
"""

from __future__ import annotations

from collections.abc import Sequence

from release.page import Html, element, join

WHOLE = 10_000
_SCALE = 9_900  # leaves room for the whole line at the end

# On a ground of 24 by 24. Each differs in its outline, so that none rests on its colour.
_SIGNS = {
    "check": ("circle", "M7.5 12.5l3 3 6-7"),
    "clock": ("circle", "M12 6.5V12l3.5 2.5"),
    "gap": ("", "M12 3l9.5 17.5h-19zM12 10v4.5M12 17.5v.2"),
    "slash": ("circle", "M5.5 5.5l13 13"),
    "cross": ("", "M8 2.5h8L21.5 8v8L16 21.5H8L2.5 16V8zM8.5 8.5l7 7M15.5 8.5l-7 7"),
    "dash": ("circle", "M7.5 12h9"),
    "dot": ("", "M12 9.5a2.5 2.5 0 1 0 0 5a2.5 2.5 0 1 0 0-5"),
    "pencil": ("", "M4 20l1-4.5L16 4.5l3.5 3.5L8.5 19z"),
    "box": ("", "M4 4h16v16H4z"),
    "flag": ("", "M6 21.5V3.5M6 4h13l-3.5 4.5L19 13H6"),
    "key": ("", "M10.5 12a4.2 4.2 0 1 0-8.4 0a4.2 4.2 0 1 0 8.4 0h11.4v4.5M16.5 12v3.5"),
    "arrow": ("", "M4 12h15M13 6l6 6-6 6"),
}


def icon(name: str, says: str = "") -> Html:
    """Return a sign; `says` is its name for screen readers, "" where words beside it say the same."""
    outline, path = _SIGNS[name]
    parts = [element("title", says)] if says else []
    parts += [element("circle", cx="12", cy="12", r="9.5")] if outline else []
    parts.append(element("path", d=path))
    told = {"role": "img"} if says else {"aria_hidden": "true"}
    return element("svg", *parts, class_="icon", viewBox="0 0 24 24", focusable="false", **told)


def share(part: int, whole: int) -> int:
    """Return a part of a whole in hundredths of a percent, 0 to 10,000; 0 of an empty whole."""
    return min(WHOLE, max(0, WHOLE * part // whole)) if whole else 0


def percent(part: int, whole: int) -> str:
    """Return a part of a whole in words that never call a part nothing, or all, if it is not."""
    found = share(part, whole)
    if part and not found:
        return "less than 0.01 %"
    return f"{found // 100} %" if found % 100 == 0 else f"{found / 100:.2f} %"


def with_share(count: str, part: int, whole: int) -> str:
    """Return a count with its share of a whole; of an empty whole there is none."""
    return f"{count} ({percent(part, whole)})" if whole else count


def patterns() -> Html:
    """Return the patterns that tell removed (lines) from unscreenable (dots) without a colour; once in each page."""
    lines = element("path", d="M-2 2L2 -2M0 8L8 0M6 10L10 6", class_="grain", stroke_width="1.6")
    dots = element("path", d="M2 2h2v2h-2zM6 6h2v2h-2z", class_="grain", stroke_width="1")
    both = [
        element("pattern", fill, mark, id=name, width="8", height="8", patternUnits="userSpaceOnUse")
        for name, mark in (("lines", lines), ("dots", dots))
        for fill in [element("rect", width="8", height="8", class_="gone" if name == "lines" else "blind")]
    ]
    return element("svg", element("defs", *both), class_="hidden", width="0", height="0", aria_hidden="true", focusable="false")


def segment(before: int, after: int, whole: int, title: str) -> Html:
    """Return one segment of a funnel, as wide at its top as `before` is of `whole`, and at its bottom as `after`."""
    top, bottom = share(before, whole), share(after, whole)
    corners = ((WHOLE - top, 0), (WHOLE + top, 0), (WHOLE + bottom, 200), (WHOLE - bottom, 200))
    every = element("rect", class_="all", x="0", y="0", width=str(2 * WHOLE), height="200")
    left = element("polygon", class_="left", points=" ".join(f"{x},{y}" for x, y in corners))
    return _picture(title, every, left, class_="shape", viewBox=f"0 0 {2 * WHOLE} 200", preserveAspectRatio="none")


def stacked(parts: Sequence[tuple[str, int]], whole: int, css: str) -> Html:
    """Return parts of a whole side by side, each by its class or pattern (`lines`, `dots`), for eyes only."""
    shapes, at = [], 0
    for kind, part in parts:
        width = share(part, whole)
        shapes.append(_rect(kind, at, width))
        at += width
    return element("svg", _rect("all", 0, WHOLE), *shapes, class_=css, aria_hidden="true", focusable="false")


def swatch(kind: str) -> Html:
    """Return a sample of what a kind of bar looks like."""
    return element("svg", _rect(kind, 0, WHOLE), class_="swatch", aria_hidden="true", focusable="false")


def scale(value: int, limit: int, title: str, description: str) -> Html:
    """Return how far a value is towards its limit, and beyond it; the limit is a line across."""
    longest = max(value, limit, 1)
    room, inside = (_SCALE * share(part, longest) // WHOLE for part in (limit, min(value, limit)))
    beyond = _SCALE * share(value - limit, longest) // WHOLE if value > limit else 0
    line = element("line", x1=_length(room), x2=_length(room), y1="0", y2="100%", class_="mark")
    parts = (_rect("all", 0, room), _rect("left", 0, inside), _rect("over", inside, beyond), line)
    return _picture(title, element("desc", description), *parts, class_="scale")


def _picture(title: str, *parts: Html, **attributes: str) -> Html:
    return element("svg", element("title", title), join(parts), role="img", focusable="false", **attributes)


def _rect(kind: str, at: int, width: int) -> Html:
    look = {"fill": f"url(#{kind})"} if kind in ("lines", "dots") else {"class_": kind}
    return element("rect", x=_length(at), y="0", width=_length(width), height="100%", **look)


def _length(hundredths: int) -> str:
    return f"{hundredths // 100}.{hundredths % 100:02d}%"
