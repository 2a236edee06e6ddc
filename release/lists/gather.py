"""From the batches of one file or several to a list: which statements count, which entries stay, and what came of every value.

Of all statements on one name the newest counts; at one time the one that was read last. What was read before (older pages, the list
that is extended) comes first. An entry stays while a statement that counts, and takes nothing back, owns it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from release.lists.columns import Column, distinct, only
from release.lists.entries import WIDTHS, Entries, convert
from release.lists.origins import KEY, UNNAMED, Origins, Pairs
from release.lists.reading import Aside, Batch, Continued, Dated, Refused, Statements, Values
from release.lists.records import OTHER
from release.lists.report import MOST_LINES, Rejection
from release.lists.stored import StoredList

_NOBODY = -1
_MOST_NAMES = 200  # of classes, over all files; their places fit a byte


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a list will hold.

    Attributes:
        entries: by type, (k, w) uint8, distinct, in the order of their bytes, k > 0.
        origins: the statements behind them; None where the files make none.
        duplicates: values that another one gives already.
        tombstones: names that are taken back, and were there before.
        superseded: statements that a newer one replaces.
    """

    entries: dict[str, Entries]
    origins: Origins | None
    duplicates: int
    tombstones: int
    superseded: int

    def classes(self) -> dict[str, dict[str, int]]:
        """Return the number of entries of each class by type; nothing where no entry has a class."""
        origins = self.origins
        if origins is None or not any(origins.names):
            return {}
        counted = {}
        for kind, entries in self.entries.items():
            counts = np.bincount(origins.classes_of(kind, len(entries)), minlength=len(origins.names)).tolist()
            counted[kind] = {name: count for name, count in zip(origins.names, counts, strict=True) if count}
        return counted


@dataclass(slots=True)
class _Said:
    """All statements so far, in columns; classes by their place in `names`."""

    keys: Column[np.uint8] = field(default_factory=lambda: Column(np.uint8, KEY))
    times: Column[np.int64] = field(default_factory=lambda: Column(np.int64))
    deleted: Column[np.bool_] = field(default_factory=lambda: Column(np.bool_))
    classes: Column[np.uint8] = field(default_factory=lambda: Column(np.uint8))
    names: dict[str, int] = field(default_factory=lambda: {"": 0})
    count: int = 0

    def add(self, batch: Statements) -> None:
        """Take up statements."""
        codes = [self._code(group) for group in batch.classes]
        self.keys.add(np.frombuffer(b"".join(key or UNNAMED for key in batch.keys), np.uint8))
        self.times.add(np.array(batch.times, np.int64))
        self.deleted.add(np.array(batch.deleted, np.bool_))
        self.classes.add(np.array(codes, np.uint8))
        self.count += len(codes)

    def seed(self, origins: Origins) -> None:
        """Take up the statements of a list that is there."""
        codes = np.array([self._code(group) for group in origins.names], np.uint8)
        self.keys.add(origins.keys)
        self.times.add(origins.times)
        self.deleted.add(origins.deleted)
        self.classes.add(codes[origins.classes])
        self.count += len(origins.keys)

    def _code(self, group: str) -> int:
        if group not in self.names and len(self.names) >= _MOST_NAMES:
            group = OTHER
        return self.names.setdefault(group, len(self.names))


@dataclass(slots=True)
class Gathered:
    """What files have given so far."""

    entries: dict[str, Column[np.uint8]] = field(default_factory=dict)
    owners: dict[str, Column[np.int32]] = field(default_factory=dict)
    rejected: list[Rejection] = field(default_factory=list)
    rejected_count: int = 0
    aside: Counter[str] = field(default_factory=Counter)
    day: date | None = None
    continued: int = 0
    _said: _Said = field(default_factory=_Said)
    _base: int = 0
    _file: str = ""

    def begin(self, file_name: str) -> None:
        """Go on with another file, whose statements are numbered from 0 again."""
        self._base, self._file = self._said.count, file_name

    def seed(self, old: StoredList) -> None:
        """Take up everything in a list that is there."""
        origins = old.origins()
        if origins is not None:
            self._said.seed(origins)
        for kind in old.entries:
            entries = old.all_entries(kind)
            if origins is None or kind not in origins.pairs:
                self._keep(kind, entries, np.full(len(entries), _NOBODY, np.int32))
            else:
                pairs = origins.pairs[kind]
                self._keep(kind, entries[pairs.entry], pairs.statement.astype(np.int32))

    def add(self, batch: Batch) -> int:
        """Take up a batch and return how many values it has."""
        match batch:
            case Values():
                return self._values(batch)
            case Refused(lines):
                self._reject(lines)
                return len(lines)
            case Statements():
                self._said.add(batch)
            case Aside(counts):
                self.aside.update(counts)
            case Dated(day):
                self.day = max(day, self.day or day)
            case Continued():
                self.continued += 1
        return 0

    def _values(self, batch: Values) -> int:
        converted = convert(batch.kind, batch.values)
        if len(converted.entries):
            if batch.owners is None:
                owners = np.full(len(converted.entries), _NOBODY, np.int32)
            else:
                owners = np.array(batch.owners, np.int32)[converted.kept] + np.int32(self._base)
            self._keep(batch.kind, converted.entries, owners)
        self._reject([(batch.lines[index], f"{batch.kind}: {reason}") for index, reason in sorted(converted.refused.items())])
        return len(batch.values)

    def _keep(self, kind: str, entries: Entries, owners: NDArray[np.int32]) -> None:
        if kind not in self.entries:
            self.entries[kind], self.owners[kind] = Column(np.uint8, WIDTHS[kind]), Column(np.int32)
        self.entries[kind].add(entries)
        self.owners[kind].add(owners)

    def _reject(self, lines: Sequence[tuple[int, str]]) -> None:
        self.rejected_count += len(lines)
        self.rejected += [Rejection(line, reason, self._file) for line, reason in lines[: MOST_LINES - len(self.rejected)]]

    def resolve(self, only: Collection[str] = ()) -> Resolved:
        """Return the list that all of this makes, and give up what was gathered.

        Args:
            only: the classes whose entries are wanted; none named: all.
        """
        if not self._said.count:
            entries, duplicates = self._distinct()
            return Resolved(entries, None, duplicates, 0, 0)
        return _Settling(self._said, only).settle(self._take())

    def _distinct(self) -> tuple[dict[str, Entries], int]:
        found, total = {}, 0
        for kind, raw, _ in self._take():
            found[kind], _ = distinct(raw)
            total += len(raw) - len(found[kind])
        return found, total

    def _take(self) -> Iterator[tuple[str, Entries, NDArray[np.int32]]]:
        """Yield the types with their entries and owners, and keep none of it."""
        for kind in sorted(self.entries):
            yield kind, self.entries.pop(kind).take(), self.owners.pop(kind).take()


class _Settling:
    """Which statements count, and what is left of the entries then."""

    def __init__(self, said: _Said, only: Collection[str]) -> None:
        said.add(Statements([b""], [0], [False], [""]))  # a last one without name or class owns what nobody owns
        self.keys, self.times, self.deleted, codes = said.keys.take(), said.times.take(), said.deleted.take(), said.classes.take()
        self.names = tuple(sorted(said.names))
        place = np.array([self.names.index(name) for name in said.names], np.uint8)
        self.classes = place[codes]
        self.newest, self.tombstones = self._newest()
        self.alive = self.newest & ~self.deleted
        if only:
            wanted = np.array([name in only for name in self.names])
            self.alive &= wanted[self.classes]

    def _newest(self) -> tuple[NDArray[np.bool_], int]:
        """Return which statements are the newest on their name, and how many of those take back what there was."""
        columns = np.ascontiguousarray(self.keys).view(np.uint64)
        order = np.lexsort((self.times, columns[:, 1], columns[:, 0]))  # stable: at one time the later one is last
        first = np.ones(len(order), np.bool_)
        first[1:] = (columns[order][1:] != columns[order][:-1]).any(axis=1)
        last = np.append(first[1:], True)
        group = np.cumsum(first) - 1
        deleted = self.deleted[order]
        held = np.bincount(group, weights=~deleted) > 0
        named: NDArray[np.bool_] = self.keys.astype(np.bool_).any(axis=1).reshape(-1)
        newest: NDArray[np.bool_] = np.logical_not(named)
        newest[order[last]] = True
        return newest, int((deleted & last & held[group] & named[order]).sum())

    def settle(self, parts: Iterator[tuple[str, Entries, NDArray[np.int32]]]) -> Resolved:
        """Return the list."""
        number = (np.cumsum(self.newest) - 1).astype(np.uint32)
        entries, pairs, duplicates = {}, {}, 0
        for kind, raw, owners in parts:
            kept = self.alive[owners]  # nobody is -1, the last statement
            found, places = distinct(raw if kept.all() else only(raw, kept))
            if not len(found):
                continue
            duplicates += len(places) - len(found)
            owned = np.unique(places.astype(np.uint64) << np.uint64(32) | number[owners[kept]].astype(np.uint64))
            entries[kind] = found
            pairs[kind] = Pairs((owned >> np.uint64(32)).astype(np.uint32), owned.astype(np.uint32))
        left = Origins(
            self.keys[self.newest], self.times[self.newest], self.deleted[self.newest], self.classes[self.newest], self.names, pairs
        )
        return Resolved(entries, left, duplicates, self.tombstones, int((~self.newest).sum()))


def rows(entries: Entries) -> NDArray[np.void]:
    """Return entries (n, w) as n values that are ordered as their bytes are; nothing is copied that lies in one piece."""
    return np.ascontiguousarray(entries).view(f"V{entries.shape[1]}")[:, 0]
