"""A folder that is there already: the same candidate again changes nothing; anything else is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from audit_logs import envelope, statement
from audit_logs import manifest as manifests
from audit_logs.errors import FormatError
from audit_logs.manifest import Manifest
from audit_logs.statement import FilterStep
from release.build.prepare import NO_ROOT, Prepared
from release.errors import BuildError


def existing(folder: Path, prepared: Prepared) -> tuple[Manifest, tuple[FilterStep, ...]]:
    """Return manifest and step predicates of the candidate in `folder`, if it is what this build would make.

    It is, if plan, source pin, lists (name, vintage, entries) and predecessor are the same; keys differ from build to build.

    Raises:
        BuildError: the folder holds something else.
    """
    try:
        manifest = manifests.parse((folder / manifests.PATH).read_bytes())
        steps = tuple(_steps(folder))
    except (OSError, FormatError) as error:
        raise _other(folder, "something that is no candidate") from error
    differences = [what for what, same in _comparison(manifest, steps, prepared) if not same]
    if differences:
        raise _other(folder, f"a candidate with another {' and another '.join(differences)}")
    return manifest, steps


def _steps(folder: Path) -> list[FilterStep]:
    found = []
    for path in sorted((folder / "attestations").iterdir()):
        predicate = statement.parse(envelope.parse(path.read_bytes(), where=path.name).payload, where=path.name).predicate
        if isinstance(predicate, FilterStep):
            found.append(predicate)
    return sorted(found, key=lambda step: step.step.order)


def _comparison(manifest: Manifest, steps: tuple[FilterStep, ...], prepared: Prepared) -> list[tuple[str, bool]]:
    then = [[(used.name, used.vintage, dict(used.entries)) for used in step.lists] for step in steps]
    now = [
        [(used.name, used.vintage.isoformat(), {kind: count for kind, count in used.entries.items() if count}) for used in step.lists]
        for step in prepared.steps
    ]
    return [
        ("plan", manifest.plan_digest == prepared.plan.digest),
        ("source", replace(manifest.source, root=NO_ROOT) == prepared.pin),
        ("set of lists", then == now),
        ("predecessor", manifest.previous == prepared.line.last),
    ]


def _other(folder: Path, found: str) -> BuildError:
    return BuildError(
        "the folder is not this build's",
        where=str(folder),
        expected="no folder, or the candidate of this very plan",
        found=found,
        next_step="choose another --out; a published version stays as it is",
        code="out-exists",
    )
