"""What a kind of step says of itself beside its docstring: its keys in a plan, its reasons, its auditor's side. docs/steps.md is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a `[[step]]` table: its name, what may stand there, what stands there if nothing is said, and what it means."""

    name: str
    form: str
    default: str
    meaning: str


@dataclass(frozen=True, slots=True)
class About:
    """What the page of steps tells of a kind.

    Attributes:
        covers: which bytes its verdicts speak of, in words.
        keys: its own keys in a plan; a key of a table within is written `table.key`.
        reasons: why a row is unscreenable -> what that means.
        audit: what an auditor can check of it, in words.
    """

    covers: str
    keys: tuple[Key, ...]
    reasons: Mapping[str, str]
    audit: str
