"""What the steps looked at, and what shows that they look: coverage, the institution's self-test, and auditors' blind canaries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from audit_logs.statement import AuditReport, FilterStep
from release.page import Html, element, join, section, table, theirs
from release.shapes import stacked, with_share

_COVERS = {
    "stored": "the bytes as they are stored",
    "declared": "values that came with the source, not computed here",
    "pixels": "the decoded pixels",
}


def coverage(steps: Sequence[FilterStep]) -> Html:
    """Return what each step looked at, and how many of its rows had that."""
    lines = [line for step in steps for line in _covered(step)]
    remark = "A row without a fingerprint that a step needs is unscreenable, and is never kept."
    heads = ("Step", "Fingerprint", "Rows that had it", "Taken from", "How")
    return section(
        "coverage", "Coverage", element("p", remark, class_="soft"), table("Rows that each step could look at, as attested.", heads, lines)
    )


def _covered(step: FilterStep) -> Iterator[tuple[str, ...]]:
    name = f"{step.step.order}. {step.step.name}"
    how = "; ".join(part for part in (", ".join(step.conventions), step.decoder) if part) or "as it is"
    if not step.coverage:
        yield name, "none needed", "all that came in", _COVERS[step.covers], how
    for kind, count in sorted(step.coverage.items()):
        words = with_share(f"{count:,} of {step.input.rows:,}", count, step.input.rows)
        bar = stacked((("left", count),), step.input.rows, "bar")
        yield name, kind, join((words, bar)), _COVERS[step.covers], how


def canaries(steps: Sequence[FilterStep], reports: Sequence[tuple[str, AuditReport]]) -> Html:
    """Return the self-test and the blind canaries, apart: only the second can say how much a step misses."""
    tested = [step for step in steps if step.self_test.planted or step.self_test.beyond]
    lines = [
        (
            f"{step.step.order}. {step.step.name}",
            f"{step.self_test.caught:,} of {step.self_test.planted:,} planted rows found",
            f"{step.self_test.beyond:,} beyond the distance rightly not found",
        )
        for step in tested
    ]
    heads = ("Step", "Must be found", "Must not be found")
    remark = (
        "The institution planted rows of its own to see that the machinery runs. It knew where they were, so this supports no figure for "
        "what was missed."
    )
    own = table("Self-test, as attested.", heads, lines) if lines else element("p", "No step has a self-test, because none uses a list.")
    return section(
        "canaries",
        "Canaries",
        element("h3", "Self-test, by the institution"),
        element("p", remark, class_="soft"),
        own,
        element("h3", "Blind canaries, by auditors"),
        _blind(reports),
    )


def _blind(reports: Sequence[tuple[str, AuditReport]]) -> Html:
    placed = [(organisation, said.scope.canaries) for organisation, said in reports if said.scope.canaries]
    if not placed:
        text = "No auditor placed rows that the institution did not know of, so nobody measured how many listed rows the steps miss."
        return element("p", text)
    lines = [(theirs(organisation), f"{count:,}") for organisation, count in placed]
    remark = element("p", "What was found of them stands in the auditors' words below.", class_="soft")
    return join((table("Rows that an auditor placed unknown to the institution.", ("Auditor", "Placed"), lines), remark))
