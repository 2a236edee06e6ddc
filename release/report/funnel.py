"""What became of the rows: from the source through every step to what is published. Counts of steps and of the whole, and no other."""

from __future__ import annotations

from collections.abc import Sequence

from audit_logs.statement import FilterStep
from release.page import NOTHING, Html, element, join, listing, section, table
from release.report.writing import rows
from release.shapes import patterns, percent, segment, stacked, swatch, with_share
from release.wording import LOW_QUALITY, UNSCREENABLE


def funnel(steps: Sequence[FilterStep], claimed_by: str) -> Html:
    """Return the rows that are left after each step, as segments of a funnel, with all numbers in words beside and below."""
    if not steps:
        return section("funnel", "Rows, step by step", element("p", "No step is attested."))
    first, last = steps[0].input.rows, steps[-1].output.rows
    removed, blind = sum(step.removed for step in steps), sum(step.unscreenable for step in steps)
    counts = ((f"{removed:,} were removed", removed), (f"{blind:,} could not be screened", blind), (f"{rows(last)} are kept", last))
    parts = [with_share(words, part, first) for words, part in counts]
    summary = f"{claimed_by} says: {rows(first)} came in, {parts[0]}, {parts[1]}, and {parts[2]}."
    longest = max(step.removed + step.unscreenable for step in steps)
    stages = [_stage(step, first, longest) for step in steps]
    start = element(
        "li",
        segment(first, first, first, "All rows of the source"),
        element("div", element("p", element("strong", "Source")), element("p", rows(first), class_="count"), class_="said"),
    )
    return section(
        "funnel",
        "Rows, step by step",
        element("p", summary),
        patterns(),
        _legend(),
        listing("ol", (start, *stages), "funnel"),
        _numbers(steps),
        *(element("p", text, class_="soft") for text in (UNSCREENABLE, LOW_QUALITY)),
    )


def _legend() -> Html:
    kinds = (("left", "rows left"), ("lines", "removed by this step"), ("dots", "unscreenable at this step"))
    entries = [element("li", swatch(kind), f" {words}") for kind, words in kinds]
    note = element("p", "The thin bar enlarges what each step took, all steps by the same measure.", class_="soft")
    return join((listing("ul", entries, "legend soft"), note))


def _stage(step: FilterStep, first: int, longest: int) -> Html:
    named = element("p", element("strong", f"{step.step.order}. {step.step.name}"), element("span", f" ({step.step.kind})", class_="soft"))
    took = f"{step.removed:,} removed, {step.unscreenable:,} unscreenable"
    said = [
        named,
        element("p", f"{rows(step.output.rows)} left", class_="count"),
        element("p", took, class_="soft"),
        stacked((("lines", step.removed), ("dots", step.unscreenable)), longest, "loss"),
    ]
    if step.override:
        said.append(_override(step))
    title = f"After step {step.step.order}: {percent(step.output.rows, first)} of the source"
    return element("li", segment(step.input.rows, step.output.rows, first, title), element("div", *said, class_="said"))


def _override(step: FilterStep) -> Html:
    remark = "It removed more than the plan's cap, and the publisher went on for this reason: "
    return element("p", remark, element("q", step.override)) if step.override else NOTHING


def _numbers(steps: Sequence[FilterStep]) -> Html:
    heads = ("Step", "Rows in", "Removed", "Unscreenable", "Rows left", "Of these kept at low quality")
    lines = [
        (
            f"{step.step.order}. {step.step.name}",
            f"{step.input.rows:,}",
            with_share(f"{step.removed:,}", step.removed, step.input.rows),
            with_share(f"{step.unscreenable:,}", step.unscreenable, step.input.rows),
            f"{step.output.rows:,}",
            f"{step.kept_low_quality:,}",
        )
        for step in steps
    ]
    return table("The same in numbers. Removal counts are not prevalence.", heads, lines)
