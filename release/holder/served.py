"""What was asked of a list holder: the private, durable record that budgets are counted by.

A request is written down before it is looked at, so that whoever breaks off, or is refused for what the request holds, has used it up
all the same. Only digests, counts and times are in it: no fingerprint, no id, and nothing of what was matched.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from audit_logs import fields
from audit_logs.documents import Document
from audit_logs.fields import BASE, Count, KeyId, Organisation, ReleaseName, Sha256, Time, instant
from release import store
from release.errors import ExchangeError
from release.exchange import ScreeningRequest, Signed
from release.holder.admitted import Budget, Requester


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was served or refused: by whom, about which line and source, its digest, its rows (each picture of a row is one), when."""

    key: KeyId
    requester: Organisation
    name: ReleaseName
    source: Sha256
    request: Sha256
    rows: Count
    on: Time


@dataclass(frozen=True, slots=True)
class Served:
    """All requests so far."""

    requests: tuple[Request, ...]


_DOCUMENT = Document(Served, BASE + "served/v0.1", 64 << 20, ExchangeError, "exchange-form")


def charge(path: Path, requester: Requester, asked: Signed[ScreeningRequest], at: tuple[int, datetime]) -> None:
    """Write a request down, if it was not asked before and the requester's budgets allow it; `at`: its pictures, and when.

    A requester is known by its key and by its name: one that changes its key, or has two, has one budget all the same.

    Raises:
        ExchangeError: it was (`answered-before`), or they do not (`over-budget`).
        StoreError: the record cannot be read or written, or others can reach it.
    """
    said, (pictures, now) = asked.said, at
    rows = max(said.source.rows, pictures)
    new = Request(requester.key, requester.name, said.name, said.source.root, asked.subject, rows, fields.time_text(now))
    with store.lock(path.with_name(f"{path.name}.lock")):
        before = _read(path)
        if any(one.request == new.request for one in before.requests):
            raise ExchangeError(
                "this request was asked before",
                where=said.name,
                found=new.request,
                next_step="send the answer that was given; if there is none, let the institution make a new request",
                code="answered-before",
            )
        since = now - timedelta(days=requester.days)
        who = [one for one in before.requests if one.key == requester.key or one.requester == requester.name]
        own = [one for one in who if instant(one.on) > since]
        _check([*own, new], requester.all_sources, f"{requester.name}, all sources, {requester.days} days")
        same = [one for one in own if one.name == new.name or one.source == new.source]
        _check([*same, new], requester.one_source, f"{requester.name}, {new.name}, {requester.days} days")
        store.write_file(path, _DOCUMENT.encode(replace(before, requests=(*before.requests, new))), private=True)


def _read(path: Path) -> Served:
    if not path.exists():
        return Served(())
    return _DOCUMENT.parse(store.read_file(path, _DOCUMENT.limit, private=True), str(path))


def _check(asked: Iterable[Request], budget: Budget, whose: str) -> None:
    rows = [one.rows for one in asked]
    if len(rows) > budget.requests or sum(rows) > budget.rows:
        raise ExchangeError(
            "the requester has asked for more than it may",
            where=whose,
            expected=f"at most {budget.requests} requests of {budget.rows} rows together",
            found=f"{len(rows)} requests of {sum(rows)} rows with this one",
            next_step="let it wait, or raise its budget if you know why it asks so much",
            code="over-budget",
        )
