"""The kinds of values that stand in documents: their forms, in words and as a test. Source: docs/SPEC.md sections 1 and 2.

Values stay what they are in JSON (times and versions are text of a checked form); helpers turn them into instants and numbers
where they are compared. `documents` reads a document by a dataclass whose annotations are these kinds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any

BASE = "https://vetted-release.example.org/"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value must be, in words and as a test."""

    expected: str
    accepts: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class DigestSet:
    """Marks a sha256 that in-toto writes as member `digest` with the value `{"sha256": ...}`."""


def _matching(pattern: str, expected: str) -> Kind:
    compiled = re.compile(pattern)
    return Kind(expected, lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None)


def _calendar(pattern: str, form: str, expected: str) -> Kind:
    """Return the kind of texts that match a pattern and name a day, or a time, that there is."""

    def accepts(value: Any) -> bool:  # noqa: ANN401  (whatever JSON holds)
        try:
            return re.fullmatch(pattern, value) is not None and bool(datetime.strptime(value, form))  # noqa: DTZ007  (only whether it can be read)
        except (TypeError, ValueError):
            return False

    return Kind(expected, accepts)


def _is_version(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch(r"(0|[1-9][0-9]{0,9})(\.(0|[1-9][0-9]{0,9})){2}", value):
        return False
    return max(version_key(value)) < 1 << 31


def is_path(value: object) -> bool:
    """Tell whether a value is a path in the sense of SPEC.md section 2."""
    if not isinstance(value, str) or len(value.encode("utf-8", "surrogatepass")) > 1024 or "\\" in value:
        return False
    if any(unicodedata.category(character) == "Cc" for character in value) or not unicodedata.is_normalized("NFC", value):
        return False
    return all(part not in ("", ".", "..") for part in value.split("/"))


def _number(least: int) -> Kind:
    return Kind(f"a whole number from {least} on", lambda value: type(value) is int and value >= least)


_OWNER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
KEYID = "SHA256:[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]"
_CLOCK = r"[2-9][0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z"
_TIME_FORM = "%Y-%m-%dT%H:%M:%SZ"

Sha256 = Annotated[str, _matching("[0-9a-f]{64}", "64 lower-case hexadecimal characters")]
Digest = Annotated[str, DigestSet()]
Commit = Annotated[str, _matching("[0-9a-f]{40}", "a commit of 40 lower-case hexadecimal characters")]
Time = Annotated[str, _calendar(_CLOCK, _TIME_FORM, "a UTC time YYYY-MM-DDTHH:MM:SSZ")]
Date = Annotated[str, _calendar("[0-9]{4}-[0-9]{2}-[0-9]{2}", "%Y-%m-%d", "a date YYYY-MM-DD")]
Version = Annotated[str, Kind("a version MAJOR.MINOR.PATCH", _is_version)]
Count = Annotated[int, _number(0)]
Positive = Annotated[int, _number(1)]
Text = Annotated[str, Kind("text", lambda value: isinstance(value, str))]
Flag = Annotated[bool, Kind("true or false", lambda value: isinstance(value, bool))]
ReleaseName = Annotated[str, _matching(f"{_OWNER}/{_OWNER}", "a release name owner/name")]
Label = Annotated[str, _matching("[a-z0-9][a-z0-9-]{0,62}", "a name of lower-case letters, digits and hyphens")]
Organisation = Annotated[str, _matching("[a-z0-9][a-z0-9.-]{0,62}", "an organisation, normally a domain name")]
Address = Annotated[str, _matching("https://[a-z0-9][a-z0-9.-]{0,62}", "https://<organisation>")]
Split = Annotated[str, _matching("[A-Za-z0-9_]{1,64}", "a split of letters, digits and underscores")]
KeyId = Annotated[str, _matching(KEYID, "a key id SHA256:...")]
FilePath = Annotated[str, Kind("a relative path with / between its parts", is_path)]
SORTED = Kind("a sorted list without repetition", lambda values: list(values) == sorted(set(values)))
FILLED = Kind("at least one", bool)


def instant(text: str) -> datetime:
    """Return the moment that a time names, in UTC."""
    return datetime.strptime(text, _TIME_FORM).replace(tzinfo=UTC)


def time_text(moment: datetime) -> str:
    """Return a moment as a time, cut to whole seconds."""
    return moment.astimezone(UTC).strftime(_TIME_FORM)


def day(text: str) -> date:
    """Return the day that a date names."""
    return date.fromisoformat(text)


def version_key(text: str) -> tuple[int, ...]:
    """Return a version as the triple of numbers by which versions are ordered."""
    return tuple(int(part) for part in text.split("."))
