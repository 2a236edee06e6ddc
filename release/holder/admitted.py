"""Whom a list holder serves, and how much: a TOML file that the holder writes.

    [[requester]]
    name = "institution.example.org"
    key = "SHA256:..."        # its key id, compared with the institution by another way than the request's own
    requests = 4              # at most so many requests
    rows = 1000000            # of so many rows together
    source_requests = 2       # for one source: at most so many
    source_rows = 1000000     # of so many rows together
    days = 365                # within so many days
    cluster = 32              # more near-identical pictures than this are not answered
    distance = 31             # bits of 256 within which pictures match; a request for another distance is not answered

Nobody else is served.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from release import store
from release.errors import ExchangeError, Fault, PlanError
from release.exchange import FARTHEST
from release.sections import Pattern, Range, Section

LIMIT = 1 << 20
DAYS, CLUSTER, SOURCE_REQUESTS, DISTANCE = 365, 32, 2, 31
_KEYID = Pattern("SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]", "a key id SHA256:...")
_NAME = Pattern("[a-z0-9][a-z0-9.-]{0,62}", "an organisation, normally a domain name")
_MANY = Range(0, (1 << 53) - 1)


@dataclass(frozen=True, slots=True)
class Budget:
    """At most so many requests, of so many rows together."""

    requests: int
    rows: int


@dataclass(frozen=True, slots=True)
class Requester:
    """An institution that is served.

    Attributes:
        name: who it is.
        key: its key id.
        all_sources, one_source: what it may ask within `days`, in all and for one source.
        days: the length of that time.
        cluster: how many near-identical pictures may lie around one before the holder does not answer.
        distance: the one distance in bits at which near matches are answered.
    """

    name: str
    key: str
    all_sources: Budget
    one_source: Budget
    days: int
    cluster: int
    distance: int


def read(path: Path) -> dict[str, Requester]:
    """Return the requesters in a file, by key id.

    Raises:
        PlanError: the file has faults; all of them at once.
        StoreError: it cannot be read.
    """
    data = store.read_file(path, LIMIT)
    faults: list[Fault] = []
    try:
        section = Section(tomllib.loads(data.decode()), "", faults)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise PlanError(str(path), (Fault("the file", "TOML in UTF-8", str(error)[:80]),)) from None
    found = [_requester(one) for one in section.sections("requester")]
    section.close()
    if len({one.key for one in found}) != len(found):
        faults.append(Fault("requester", "each key once", "one twice"))
    if faults:
        raise PlanError(str(path), tuple(faults))
    return {one.key: one for one in found}


def _requester(section: Section) -> Requester:
    requests, rows = section.integer("requests", _MANY, -1), section.integer("rows", _MANY, -1)
    made = Requester(
        name=section.text("name", pattern=_NAME),
        key=section.text("key", pattern=_KEYID),
        all_sources=Budget(requests, rows),
        one_source=Budget(
            section.integer("source_requests", _MANY, min(SOURCE_REQUESTS, max(requests, 0))),
            section.integer("source_rows", _MANY, max(rows, 0)),
        ),
        days=section.integer("days", Range(1, 36_500), DAYS),
        cluster=section.integer("cluster", _MANY, CLUSTER),
        distance=section.integer("distance", Range(0, FARTHEST), DISTANCE),
    )
    section.close()
    return made


def requester_of(path: Path, keyid: str) -> Requester:
    """Return the requester with this key.

    Raises:
        ExchangeError: it is not served (`not-admitted`).
        PlanError: the file has faults.
        StoreError: it cannot be read.
    """
    found = read(path).get(keyid)
    if found is None:
        raise ExchangeError(
            "this requester is not served",
            where=str(path),
            expected="the key of a [[requester]]",
            found=keyid,
            next_step="if you want to serve it, compare its key id with the institution by another way, then write it into the file",
            code="not-admitted",
        )
    return found


def wrong_distance(served: int, asked: int) -> ExchangeError:
    """Return the error for a request for another distance than the requester is served at."""
    return ExchangeError(
        "the request asks for another distance than this requester is served at",
        expected=f"distance {served}",
        found=f"{asked}",
        next_step="let it ask with the distance expected, or write another `distance` for it into the file of the admitted",
        code="exchange-request",
    )
