"""The history of the log as a line of events: releases, withdrawals, new trust files, opinions, and what is void and why."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from audit_logs.replay import State
from release.history import Event, history
from release.page import Html, element, listing, section
from release.report.writing import moment
from release.shapes import icon

# Kind -> sign, tone, and what the sign is called.
_SIGNS = {
    "step": ("dot", "plain", "Steps"),
    "candidate": ("box", "plain", "Candidate"),
    "report": ("pencil", "plain", "Report"),
    "passed": ("check", "good", "Passed"),
    "failed": ("cross", "bad", "Failed"),
    "release": ("flag", "good", "Release"),
    "withdrawal": ("slash", "bad", "Withdrawal"),
    "key": ("key", "bad", "Key withdrawn"),
    "superseded": ("arrow", "warn", "New trust file"),
    "void": ("dash", "plain", "Void"),
}
_LOUD = ("release", "withdrawal", "key", "superseded", "failed")


def past(state: State) -> Html:
    """Return every entry of the log, in order; the attestations of one build's steps in one item."""
    events = history(state)
    count = {kind: sum(event.kind == kind for event in events) for kind in _SIGNS}
    summary = (
        f"{len(events):,} entries: {_many(count['release'], 'release')}, {_many(count['withdrawal'] + count['key'], 'withdrawal')}, "
        f"{_many(count['superseded'], 'announcement')} of a trust file, {count['void']:,} void."
    )
    remark = "Times are those that the authors wrote. Entries are never removed; what is void or withdrawn stays visible."
    grouped = groupby(events, key=lambda event: ("step" if event.kind == "step" else str(event.index), event.applies))
    items = [_item(list(group)) for _, group in grouped]
    return section("log", "History of the log", element("p", summary), element("p", remark, class_="soft"), listing("ol", items, "log"))


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _item(events: list[Event]) -> Html:
    first, last = events[0], events[-1]
    sign, tone, name = _SIGNS[first.kind]
    places = f"entry {first.index}" if first is last else f"entries {first.index} to {last.index}"
    where = (f"{name} · {places} · ", moment(last.time) if last.time else "no time")
    told = element("div", element("p", *where, class_="soft"), *_texts(events), class_="event")
    return element("li", element("div", icon(sign), class_="rail"), told, class_=tone if first.applies else "plain")


def _texts(events: list[Event]) -> Iterator[Html]:
    for event in events:
        if event.kind in _LOUD and event.applies:
            yield element("p", event.text, class_="key")
        else:
            yield element("p", event.text, **({} if event.applies else {"class_": "soft"}))
