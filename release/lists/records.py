"""What readers of records collect until it is worth handing on: statements, values that they own, refusals.

A class is a short word of the holder's own (`A1`, `2`, `Active`). What does not look like one is `other`, so that nothing else of a
file can come into the store's record, and from there on a screen, under the name of a class.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

from release.errors import ListError
from release.lists.reading import Aside, Batch, Dated, Refused, Statements, Values

T = TypeVar("T")

FULL = 65_536
OTHER = "other"
MOST_CLASSES = 64
_CLASS = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,23}")
_SECOND = 1_000_000  # microseconds
_LATEST = 32_503_680_000  # the year 3000, in seconds


@dataclass(frozen=True, slots=True)
class Statement:
    """What one record says; see `reading.Statements`."""

    key: bytes = b""
    time: int = 0
    deleted: bool = False
    group: str = ""


def name_of(*parts: str) -> bytes:
    """Return 16 bytes that stand for a record's name, such as its member and number."""
    return hashlib.blake2b("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def time_of(value: object) -> int | None:
    """Return a time in microseconds since 1970 from seconds or an ISO 8601 text, UTC where it names no zone; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return int(value * _SECOND) if 0 <= value < _LATEST else None
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if not moment.tzinfo:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * _SECOND)


def day_of(time: int) -> date:
    """Return the day (UTC) of a time in microseconds."""
    return datetime.fromtimestamp(time // _SECOND, UTC).date()


class Records:
    """Collects what the records of a file say; `dated` if the newest of their times is the day as of which it holds."""

    def __init__(self, *, dated: bool = False) -> None:
        self.newest = 0
        self._dated = dated
        self._next = 0
        self._pending = 0
        self._classes: set[str] = set()
        self._unnamed: dict[str, int] = {}
        self._clear()

    def _clear(self) -> None:
        self._pending = 0
        self._statements = Statements([], [], [], [])
        self._values: dict[str, Values] = {}
        self._refused: list[tuple[int, str]] = []
        self._aside: Counter[str] = Counter()

    def state(self, said: Statement) -> int:
        """Take up a statement and return its number; those without a name are one for each class."""
        group = self._group(said.group)
        if not said.key and group in self._unnamed:
            return self._unnamed[group]
        if not said.key:
            self._unnamed[group] = self._next
        made = self._statements
        made.keys.append(said.key)
        made.times.append(said.time)
        made.deleted.append(said.deleted)
        made.classes.append(group)
        self.newest = max(self.newest, said.time)
        self._pending += 1
        self._next += 1
        return self._next - 1

    def value(self, kind: str, place: int, value: str | bytes, owner: int | None) -> None:
        """Take up a value of a type that a statement owns; or that none owns, in a file that makes none."""
        batch = self._values.get(kind)
        if batch is None:
            batch = self._values[kind] = Values(kind, [], [], None if owner is None else [])
        batch.lines.append(place)
        batch.values.append(value if isinstance(value, bytes) else value.strip().encode("utf-8", "surrogatepass"))
        if batch.owners is not None and owner is not None:
            batch.owners.append(owner)
        self._pending += 1

    def refuse(self, place: int, reason: str) -> None:
        """Take up a place that holds nothing usable; the reason names no value."""
        self._refused.append((place, reason))
        self._pending += 1

    def leave(self, what: str) -> None:
        """Count something that is rightly no entry."""
        self._aside[what] += 1

    def take(self) -> Iterator[Batch]:
        """Yield what was collected since the last time, statements first."""
        statements, values, refused, aside = self._statements, self._values, self._refused, self._aside
        self._clear()
        if statements.keys:
            yield statements
        yield from values.values()
        if refused:
            yield Refused(refused)
        if aside:
            yield Aside(aside)

    def flow(self, found: Iterable[T], take: Callable[[T], None] = lambda _: None) -> Iterator[Batch]:
        """Yield what is collected while `take` takes up what is found; where finding breaks off, first what came before."""
        try:
            for one in found:
                take(one)
                if self._pending >= FULL:
                    yield from self.take()
        except ListError:
            yield from self._last()
            raise
        yield from self._last()

    def _last(self) -> Iterator[Batch]:
        yield from self.take()
        if self._dated and self.newest:
            yield Dated(day_of(self.newest))

    def _group(self, text: str) -> str:
        text = text.strip()
        if not text:
            return ""
        if text not in self._classes:
            if not _CLASS.fullmatch(text) or len(self._classes) >= MOST_CLASSES:
                return OTHER
            self._classes.add(text)
        return text
