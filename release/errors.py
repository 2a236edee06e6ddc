"""One error tree for everything that makes, audits and consumes releases; it grows from `audit_logs.errors.Problem`.

Problem
├── PlanError        the plan is not usable; carries every fault at once
├── SourceError      the source cannot be read
├── ListError        a hash list is refused, missing, empty or too old
├── StepError        a step cannot run
├── ScreeningError   a shard could not be screened: engine, decoder pool, canary
├── BuildError       a candidate cannot be made, or its rows do not balance
├── EvidenceError    a sealed tier cannot be made or opened
├── AuditError       an audit cannot be carried out
├── ExchangeError    what two institutions hand each other about a list is refused
├── GateError        the trust policy does not allow publication
├── HubError         the Hub refused or failed
└── UsageError       a command was called wrongly
"""

from __future__ import annotations

from dataclasses import dataclass

from audit_logs.errors import Problem


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a plan: its place in the file, what was expected, what was found."""

    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        """Return the fault in one line."""
        return f"{self.where}: expected {self.expected}, found {self.found}"


class PlanError(Problem):
    """The plan is not usable; every fault is reported at once."""

    code = "plan"

    def __init__(self, where: str, faults: tuple[Fault, ...]) -> None:
        super().__init__(
            f"the plan has {len(faults)} fault{'s' if len(faults) != 1 else ''}",
            where=where,
            next_step="mend the places named below and run again",
        )
        self.faults = faults

    def __str__(self) -> str:
        """Return the heading and one line for each fault."""
        return "\n".join([super().__str__(), *(f"  {fault}" for fault in self.faults)])


class SourceError(Problem):
    """The source cannot be read."""

    code = "source"


class ListError(Problem):
    """A hash list is refused, missing, empty or too old."""

    code = "list"


class StepError(Problem):
    """A step cannot run."""

    code = "step"


class ScreeningError(Problem):
    """A shard could not be screened."""

    code = "screening"


class BuildError(Problem):
    """A candidate cannot be made, or its rows do not balance."""

    code = "build"


class EvidenceError(Problem):
    """A sealed tier cannot be made or opened."""

    code = "evidence"


class AuditError(Problem):
    """An audit cannot be carried out."""

    code = "audit"


class ExchangeError(Problem):
    """A request to a list holder, or the answer to one, is refused."""

    code = "exchange"


class GateError(Problem):
    """The trust policy does not allow publication."""

    code = "gate"


class HubError(Problem):
    """The Hub refused or failed."""

    code = "hub"


class UsageError(Problem):
    """A command was called wrongly."""

    code = "usage"
