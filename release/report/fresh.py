"""How fresh the proof is: the age of the newest confirmations against what the trust file allows, in words and on a scale."""

from __future__ import annotations

from datetime import timedelta

from audit_logs.case import Freshness
from audit_logs.fields import time_text
from release.page import Html, element, section
from release.report.writing import Writing, moment, span
from release.shapes import scale

_WHAT = (
    "Auditors sign the newest state of the log again and again. A release that is withdrawn stays verified for whoever sees no newer log, "
    "so an old confirmation says little."
)


def freshness(found: Freshness, writing: Writing) -> Html:
    """Return how old the newest proof is."""
    what = element("p", _WHAT, class_="soft")
    if found.age_seconds is None:
        return section("freshness", "Freshness", element("p", element("strong", _unknown(found))), what)
    age, limit = found.age_seconds, found.limit_seconds
    over = age > limit
    room = f"{span(age - limit)} more than allowed" if over else f"{span(limit - age)} are left"
    said = (
        f"When this page was written, the cosignatures of {found.quorum} witnesses were {span(age)} old; "
        f"the trust file allows {span(limit)}: {room}."
    )
    later = _later(limit - age, writing)
    described = f"{said} The line across stands for the most that is allowed."
    ends = element(
        "div",
        element("span", "just confirmed"),
        element("span", f"most allowed: {span(limit)}" if not over else f"{span(age)} old"),
        class_="ends",
        aria_hidden="true",
    )
    picture = scale(age, limit, f"{span(age)} of {span(limit)}", described)
    return section("freshness", "Freshness", element("p", said), picture, ends, element("p", *later), what)


def _unknown(found: Freshness) -> str:
    """Return why the age is not known."""
    if found.witnesses >= found.quorum:
        return "Age unknown: by the clock of this verification, the newest confirmations lie in the future."
    return "Age unknown: no quorum of witnesses has confirmed the newest state of the log."


def _later(seconds: int, writing: Writing) -> tuple[str, ...]:
    """Return from when on it is stale, in so many seconds, or before so many."""
    try:
        due = moment(time_text(writing.now + timedelta(seconds=seconds)))
    except OverflowError:  # a trust file may allow more than a calendar holds
        return ("The trust file allows so long a time that it never goes stale, so a withdrawal may never be heard of.",)
    if seconds < 0:
        return ("It is stale since ", due, ", until witnesses sign again.")
    return ("Unless witnesses sign again, a verification after ", due, " says stale. Your own verification tells how old they are then.")
