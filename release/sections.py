"""Reading the tables of a plan so that every fault is found at once, each with its place.

A `Section` wraps one TOML table. Each reading method notes a fault and gives a neutral value where something is wrong, so
that reading goes on; whoever collected the faults must refuse the whole before a value is used. `close` notes every key
that nobody asked for.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import get_close_matches

from release.errors import Fault

_SHOWN = 60
_NUMBER = r"-?[0-9]{1,15}(\.[0-9]{1,20})?(e-?[0-9]{1,2})?"
_HEADER = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.\s-]+?)\s*\]\]?\s*(?:#.*)?")
_KEY = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*=")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What a text must look like, as a regular expression for the whole of it and in words."""

    regex: str
    expected: str


@dataclass(frozen=True, slots=True)
class Range:
    """The whole numbers that are allowed, both ends included."""

    low: int
    high: int

    def __str__(self) -> str:
        """Return the range in words."""
        return f"a whole number from {self.low} to {self.high}"


def decimal_text(value: Decimal) -> str:
    """Return a number without exponent, needless zeros or a minus before zero."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


ANY_TEXT = Pattern(r"[^\x00-\x1f\x7f]+", "text that is not empty")


def shown(value: object) -> str:
    """Return a value as a fault shows it: short, and by its kind where it is no scalar."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list):
        return "a list"
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def nearest(name: str, known: Collection[str]) -> str:
    """Return the known name that looks most like `name` as a question, or ""."""
    close = get_close_matches(name, sorted(known), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""


@dataclass(slots=True)
class Section:
    """One table of a plan.

    Attributes:
        table: what stands in it.
        where: its place, as `step[2]`; "" for the whole file.
        faults: where faults are collected; shared by all sections of a plan.
    """

    table: Mapping[str, object]
    where: str
    faults: list[Fault]
    _known: set[str] = field(default_factory=set)

    def place(self, key: str) -> str:
        """Return the place of a key."""
        return f"{self.where}.{key}" if self.where else key

    def fault(self, key: str, expected: str, found: str) -> None:
        """Note that something is wrong with a key."""
        self.faults.append(Fault(self.place(key), expected, found))

    def has(self, key: str) -> bool:
        """Say whether a key is there."""
        self._known.add(key)
        return key in self.table

    def text(self, key: str, default: str | None = None, pattern: Pattern = ANY_TEXT) -> str:
        """Return a text of the given form; without a default it must be there."""
        if not self.has(key):
            return self._absent(key, pattern.expected) if default is None else default
        value = self.table[key]
        if isinstance(value, str) and re.fullmatch(pattern.regex, value):
            return value
        self.fault(key, pattern.expected, shown(value))
        return ""

    def optional_text(self, key: str, pattern: Pattern = ANY_TEXT) -> str | None:
        """Return a text of the given form, or None where there is none."""
        return self.text(key, None, pattern) if self.has(key) else None

    def choice(self, key: str, choices: Sequence[str], default: str) -> str:
        """Return one of some words."""
        value = self.table[key] if self.has(key) else default
        if isinstance(value, str) and value in choices:
            return value
        self.fault(key, "one of " + ", ".join(choices), shown(value) + (nearest(value, choices) if isinstance(value, str) else ""))
        return default

    def integer(self, key: str, allowed: Range, default: int) -> int:
        """Return a whole number in a range."""
        value = self.table[key] if self.has(key) else default
        if isinstance(value, int) and not isinstance(value, bool) and allowed.low <= value <= allowed.high:
            return value
        self.fault(key, str(allowed), shown(value))
        return default

    def number(self, key: str, default: str | None = None) -> str:
        """Return a number as decimal text in its one form, as 0.5 or -2; it may stand in a plan as a number or as such text."""
        if not self.has(key):
            return self._absent(key, "a number") if default is None else default
        value = self.table[key]
        if isinstance(value, bool) or not isinstance(value, int | float | str) or not re.fullmatch(_NUMBER, str(value)):
            self.fault(key, "a number such as 0.5", shown(value))
            return "0"
        return decimal_text(Decimal(str(value)))

    def numbers(self, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return a list of as many numbers as the default has, as decimal texts in their one form."""
        value = self.table[key] if self.has(key) else list(default)
        if not isinstance(value, list) or len(value) != len(default):
            self.fault(key, f"a list of {len(default)} numbers", f"a list of {len(value)}" if isinstance(value, list) else shown(value))
            return default
        return tuple(Section({key: item}, self.where, self.faults).number(key) for item in value)

    def texts(self, key: str, default: Sequence[str], pattern: Pattern = ANY_TEXT) -> tuple[str, ...]:
        """Return a list of distinct texts of the given form, at least one, in the order of the plan."""
        value = self.table[key] if self.has(key) else list(default)
        if not isinstance(value, list) or (not value and key in self.table):
            self.fault(key, f"a list of {pattern.expected}, at least one", shown(value) if value else "an empty list")
            return tuple(default)
        good = []
        for item in value:
            if not isinstance(item, str) or not re.fullmatch(pattern.regex, item):
                self.fault(key, pattern.expected, shown(item))
            elif item in good:
                self.fault(key, "every entry once", f"{shown(item)} twice")
            else:
                good.append(item)
        return tuple(good)

    def section(self, key: str, *, required: bool = False) -> Section:
        """Return the section below a key; an empty one where there is none."""
        value = self.table[key] if self.has(key) else {}
        if not isinstance(value, Mapping):
            self.fault(key, "a table", shown(value))
            value = {}
        elif required and key not in self.table:
            self._absent(key, f"a table [{self.place(key)}]")
        return Section(value, self.place(key), self.faults)

    def sections(self, key: str) -> list[Section]:
        """Return the sections of an array of tables, counted from 1."""
        value = self.table[key] if self.has(key) else []
        if not isinstance(value, list) or not value or not all(isinstance(item, Mapping) for item in value):
            self.fault(key, f"one table [[{key}]] or more", shown(value) if value else "none")
            return []
        return [Section(item, f"{self.place(key)}[{number}]", self.faults) for number, item in enumerate(value, 1)]

    def rest(self) -> dict[str, object]:
        """Return what nobody has asked for so far, for another reader of the same table."""
        rest = {key: value for key, value in self.table.items() if key not in self._known}
        self._known.update(rest)
        return rest

    def close(self) -> None:
        """Note every key that nobody has asked for."""
        for key in self.table:
            if key not in self._known:
                self.fault(key, "a key that plans have: " + ", ".join(sorted(self._known)), f"an unknown key{nearest(key, self._known)}")

    def _absent(self, key: str, expected: str) -> str:
        self.fault(key, expected, "nothing")
        return ""


def line_numbers(text: str) -> dict[str, int]:
    """Return the line of each place in a plan, as far as headers and keys at the start of a line tell it."""
    lines: dict[str, int] = {}
    counts: dict[str, int] = {}
    prefix = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.fullmatch(line):
            prefix = re.sub(r"\s", "", header[2])
            if header[1] == "[[":
                counts[prefix] = counts.get(prefix, 0) + 1
                prefix = f"{prefix}[{counts[prefix]}]"
            lines.setdefault(prefix, number)
        elif key := _KEY.match(line):
            lines.setdefault(f"{prefix}.{key[1]}" if prefix else key[1], number)
    return lines


def with_line(fault: Fault, lines: Mapping[str, int]) -> Fault:
    """Return a fault whose place names a line: its own, or that of the table around it."""
    place = fault.where
    while place and place not in lines:
        place = place.rpartition(".")[0]
    return Fault(f"{fault.where} (line {lines[place]})", fault.expected, fault.found) if place else fault
