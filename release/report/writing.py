"""When a page is written, by whose verification, and in what words that is said."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from audit_logs.fields import time_text
from release.page import Html, element


@dataclass(frozen=True, slots=True)
class Writing:
    """The circumstances of a page.

    Attributes:
        now: the time of the verification that it tells of, aware.
        trust: the SHA-256 of the trust file by which it was made, in hex.
        own: whether a reader made it by a verification of his or her own; else the publisher's tool did.
    """

    now: datetime
    trust: str
    own: bool = False

    @property
    def time(self) -> str:
        """Return the time as statements have it."""
        return time_text(self.now)

    @property
    def today(self) -> date:
        """Return the day."""
        return self.now.date()


def moment(time: str) -> Html:
    """Return a time that stands in a statement as people read it."""
    return element("time", f"{time[:10]}, {time[11:16]} UTC", datetime=time)


def days(number: int) -> str:
    """Return a number of days in words."""
    return f"{number:,} day{'' if number == 1 else 's'}"


def rows(number: int) -> str:
    """Return a number of rows in words."""
    return f"{number:,} row{'' if number == 1 else 's'}"


def span(seconds: int) -> str:
    """Return a length of time in words, in the one or two units that matter."""
    if seconds >= 2 * 86_400 or seconds == 86_400:
        return days(seconds // 86_400)
    if seconds >= 3_600:
        return f"{seconds // 3_600} h {seconds % 3_600 // 60} min"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
