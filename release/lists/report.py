"""What an import is asked to do, and what came of it: counts, and the lines that were left out. Never a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

MOST_LINES = 1000


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """How to read a list file, and what to call the list.

    Attributes:
        name: the list's name in plans.
        vintage: the day as of which the list holds.
        authority: who vouches for it.
        format: `text` or `csv`; None goes by the file's ending.
        type: type of the values; None goes by length (text) or header (csv).
        columns: csv only: the header of the column of each type.
        replace: whether a list of this name may be there; it is then replaced.
    """

    name: str
    vintage: date
    authority: str = ""
    format: str | None = None
    type: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    replace: bool = False


@dataclass(frozen=True, slots=True)
class Rejection:
    """A line that was left out, and why."""

    line: int
    reason: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import stored.

    Attributes:
        name: the list.
        entries: distinct entries by type.
        duplicates: values that another line has already.
        rejected: the first thousand values that were left out, by line.
        rejected_count: how many were left out.
        vintage_from: `file` or `declared`.
    """

    name: str
    entries: Mapping[str, int]
    duplicates: int
    rejected: tuple[Rejection, ...]
    rejected_count: int
    vintage_from: str
