"""The root of every error that this project raises on purpose.

Every leaf has a stable code. A message says what, where, expected, found and what to do next, in one sentence each.

    Problem
    ├── FormatError        bytes that are not in their one legal form
    ├── KeyProblem         a key file that cannot or must not be used
    ├── LogError           a log that cannot be read, continued or trusted
    ├── StoreError         a file that could not be written durably
    │   └── Locked         somebody else is writing
    ├── TrustError         a trust file that is refused
    └── VerificationError  a check of SPEC.md section 13 that failed
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

P = TypeVar("P", bound="Problem")


class Problem(Exception):  # noqa: N818  (the field's word is "problem"; leaves end in Error)
    """Something is wrong, and a person has to know what, where, and what to do.

    Attributes:
        code: stable, lower-case, hyphenated; part of the interface.
        where: file and member, never a value from a hash list or a removed row.
        expected: what would have been right.
        found: what was there instead.
        next_step: what to do about it, or "".
    """

    code = "problem"

    def __init__(  # noqa: PLR0913  (the five parts of a message, and its code)
        self, what: str, *, where: str = "", expected: str = "", found: str = "", next_step: str = "", code: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.next_step = next_step
        if code:
            self.code = code

    def __str__(self) -> str:
        """Return the whole story in one line."""
        parts = (("where", self.where), ("expected", self.expected), ("found", self.found), ("next", self.next_step))
        return "; ".join([self.what, *(f"{name}: {value}" for name, value in parts if value)]) + f" [{self.code}]"

    def recast(self, kind: type[P], *, what: str = "", where: str = "", code: str = "", next_step: str = "") -> P:
        """Return the same story as another kind of problem, with the parts that are given in the place of its own."""
        place, then = where or self.where, next_step or self.next_step
        return kind(what or self.what, where=place, expected=self.expected, found=self.found, next_step=then, code=code or self.code)


@dataclass(frozen=True, slots=True)
class Failure:
    """A reason why something is refused: a stable code, a place, what was expected there and what was found."""

    code: str
    where: str = ""
    expected: str = ""
    found: str = ""

    @classmethod
    def of(cls, problem: Problem) -> Failure:
        """Return the reason that a problem gives."""
        return cls(problem.code, problem.where, problem.expected or problem.what, problem.found)

    def __str__(self) -> str:
        """Return the reason in one line."""
        parts = (("at", self.where), ("expected", self.expected), ("found", self.found))
        return "; ".join([self.code, *(f"{name} {value}" for name, value in parts if value)])

    def problem(self, kind: type[P], what: str, next_step: str = "") -> P:
        """Return the reason as a problem that can be raised."""
        return kind(what, where=self.where, expected=self.expected, found=self.found, next_step=next_step, code=self.code)


class FormatError(Problem):
    """Bytes are not in their one legal form."""

    code = "format"


class KeyProblem(Problem):
    """A key file cannot, or must not, be used."""

    code = "key"


class LogError(Problem):
    """A log cannot be read, continued or trusted."""

    code = "log"


class StoreError(Problem):
    """A file could not be written durably."""

    code = "store"


class Locked(StoreError):  # noqa: N818  (the state has this name everywhere)
    """Somebody else is writing here."""

    code = "locked"


class TrustError(Problem):
    """A trust file is refused."""

    code = "trust"


class VerificationError(Problem):
    """A check of SPEC.md section 13 failed."""

    code = "verification"
