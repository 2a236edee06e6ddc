"""What a step must have looked at: it follows from kind and parameters, and the rest of an attestation is held against that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from audit_logs.statement import FilterStep
from release.errors import Fault
from release.plan import StepParameters
from release.steps import kinds
from release.steps.base import Covers
from release.steps.classifier import Parameters as Score
from release.steps.exact_hash import Parameters as Digests
from release.steps.near_hash import Parameters as Pixels
from release.steps.neighbours import Parameters as Near
from release.steps.photodna import Parameters as PhotoDna
from release.steps.remote import Parameters as Elsewhere
from release.steps.separate import Parameters as Sides
from release.steps.text import Parameters as Captions
from release.steps.thin import Parameters as Cells
from release.steps.url import Parameters as Links


@dataclass(frozen=True, slots=True)
class Looked:
    """Which bytes a step's verdicts speak of, and the resize conventions that it used."""

    covers: Covers
    conventions: tuple[str, ...] = ()


def looked_at(step: FilterStep) -> Looked:
    """Return what a step of its kind and parameters looks at; of a kind that this program does not know, what is attested."""
    match _parsed(step):
        case Digests(on="declared") | Links() | PhotoDna() | Captions() | Cells():
            return Looked("declared")
        case Score() | Sides() as scored:
            return Looked(scored.covers)
        case Digests() | Elsewhere(distance=None):
            return Looked("stored")
        case Pixels(conventions=conventions) | Elsewhere(conventions=conventions):
            return Looked("pixels", conventions)
        case Near(pdq=radius, conventions=conventions):
            return Looked("declared" if radius is None else "pixels", conventions)
    return Looked(step.covers, step.conventions)


def low_quality(step: FilterStep) -> Pixels | None:
    """Return the parameters of a step that looks at the quality of pictures, or None of any other."""
    parsed = _parsed(step)
    return parsed if isinstance(parsed, Pixels) else None


def compared(step: FilterStep) -> frozenset[str]:
    """Return the types of list entries that a step compared with links, or with fingerprints that were made here and not declared."""
    match _parsed(step):
        case None | Digests(on="declared") | PhotoDna():
            return frozenset()
    return frozenset(kinds()[step.step.kind].needs_lists)


def contradictions(steps: Sequence[FilterStep]) -> Iterator[str]:
    """Yield where attestations are not such as their own kinds and parameters would make them."""
    for step in steps:
        parsed, looked = _parsed(step), looked_at(step)
        if step.step.kind in kinds() and (parsed is None or parsed.canonical() != step.parameters):
            yield f"the parameters of step {step.step.order} are not those of its kind"
        elif (looked.covers, looked.conventions) != (step.covers, step.conventions):
            yield f"step {step.step.order} says that it looked at something else than a step with its parameters does"


def _parsed(step: FilterStep) -> StepParameters | None:
    """Return the parameters of a known kind, or None where they are not its own."""
    kind = kinds().get(step.step.kind)
    faults: list[Fault] = []
    parsed = kind.parse(step.parameters, "", faults) if kind else None
    return None if faults else parsed
