"""What an import is asked to do, and what came of it: counts, and the places that were left out. Never a value."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date

MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """How to read a list file, and what to call the list.

    Attributes:
        name: the list's name in plans.
        vintage: the day as of which the list holds; None where the file says it.
        authority: who vouches for it.
        format: how the file is written; None goes by what it begins with.
        type: type of the values; None goes by length (text) or header (csv).
        columns: csv and parquet only: the header of the column of each type, and of `class`.
        replace: whether a list of this name may be there; it is then replaced.
        accept_partial: whether what stands before a place where the file is broken is taken.
        classes: the classes whose entries are wanted; none named: all.
        not_before: a vintage may not lie before this day.
        fetched_on: the day on which an exchange gave all that it has; it is the vintage then, whatever the files say.
    """

    name: str
    vintage: date | None = None
    authority: str = ""
    format: str | None = None
    type: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False
    accept_partial: bool = False
    classes: Collection[str] = ()
    not_before: date | None = None
    fetched_on: date | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A place in a file that was left out (a line, an entry or a row, as its format counts), and why."""

    line: int
    reason: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What an update adds to the entries of one type and removes from them, in all and by class."""

    added: int
    removed: int
    added_by_class: Mapping[str, int]
    removed_by_class: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import stored.

    Attributes:
        name: the list.
        format: how its files were read.
        unit: what the numbers of rejected places count: `line`, `entry` or `row`.
        entries: distinct entries by type.
        classes: of those the number of each class, by type; empty where no entry has one.
        duplicates: values that another place has already.
        tombstones: names of records that were taken back.
        superseded: records that a newer one replaced.
        aside: what is rightly no entry, counted by what it is.
        rejected: the first thousand values that were left out, by line.
        rejected_count: how many were left out.
        vintage: the day as of which the list holds.
        vintage_from: `file` or `declared`.
        partial: whether something of a file is missing.
        broken: where and how files were broken, if that was accepted.
        changes: by type, what became of a list that was there; None without one.
    """

    name: str
    format: str
    unit: str
    entries: Mapping[str, int]
    classes: Mapping[str, Mapping[str, int]]
    duplicates: int
    tombstones: int
    superseded: int
    aside: Mapping[str, int]
    rejected: tuple[Rejection, ...]
    rejected_count: int
    vintage: date
    vintage_from: str
    partial: bool
    broken: tuple[str, ...]
    changes: Mapping[str, Change] | None
