"""What is known when a candidate is built, gathered for its card and its Croissant description.

Public counts only: per step and for the whole. Nothing here is per shard, per reason or per row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from audit_logs.manifest import Field, Shard, SourcePin
from audit_logs.statement import ListUse, Tool
from audit_logs.trust import Policy
from release.cardplan import CardSpec
from release.plan import Columns, HubSpec


@dataclass(frozen=True, slots=True)
class StepFacts:
    """One step: its name and kind, what its verdicts cover, its canonical parameters, its lists, and its public counts.

    `override` is the institution's reason for going on although the step removed more rows than the plan's cap.
    """

    name: str
    kind: str
    covers: str
    parameters: Mapping[str, object]
    lists: tuple[ListUse, ...]
    removed: int
    unscreenable: int
    kept_low_quality: int = 0
    override: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the card and the Croissant description tell; `separation` as in the manifest, `card` and `hub` as in the plan."""

    name: str
    version: str
    license: str
    source: SourcePin
    schema: tuple[Field, ...]
    columns: Columns
    shards: tuple[Shard, ...]
    rows: int
    steps: tuple[StepFacts, ...]
    policy: Policy
    auditors: tuple[str, ...]
    tool: Tool
    separation: Literal["none", "minors", "adults"] | None = None
    card: CardSpec = field(default_factory=CardSpec)
    hub: HubSpec = field(default_factory=HubSpec)
