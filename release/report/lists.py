"""The lists of known material: whose, as of when, how old against what the trust file allows, and how many entries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit_logs.fields import day, instant
from audit_logs.statement import AuditorList, FilterStep, ListUse
from release.page import Html, element, join, section, table, theirs
from release.report.writing import Writing, days
from release.shapes import scale


def lists(steps: Sequence[FilterStep], limits: Mapping[str, int | None], writing: Writing) -> Html:
    """Return every list that a step compared with.

    Args:
        steps: their attestations.
        limits: the largest age in days that the trust file allows at each step, None where it names none.
        writing: when the page is written.
    """
    lines = [_line(step, used, limits.get(step.step.name), writing) for step in steps for used in step.lists]
    title = "Lists of known material and their age"
    if not lines:
        return section("lists", title, element("p", "No step used a list of known material."))
    remark = (
        "The bar is a list's age on the day when it was used; the line across is the most that the trust file allows. "
        "What was listed after the vintage was not looked for."
    )
    heads = ("List", "Step", "Authority", "Vintage", "Age", "Entries")
    return section("lists", title, element("p", remark, class_="soft"), table("As the institution attests them.", heads, lines))


def _line(step: FilterStep, used: ListUse, limit: int | None, writing: Writing) -> tuple[str, ...]:
    return (
        theirs(used.name),
        f"{step.step.order}. {step.step.name}",
        theirs(used.authority),
        vintage(used),
        _age(step, used, limit, writing),
        entries(used),
    )


def _age(step: FilterStep, used: ListUse, limit: int | None, writing: Writing) -> Html:
    then, now = ((moment - day(used.vintage)).days for moment in (instant(step.finished_on).date(), writing.today))
    words = f"{days(then)} when used, {now:,} when this page was written"
    if limit is None:
        return join((f"{words}; the trust file names no limit",))
    described = f"The line across stands for {days(limit)}, the bar for {days(then)}."
    return join((f"{words}; at most {limit:,} allowed when used", scale(max(then, 0), limit, f"{days(then)} of {days(limit)}", described)))


def vintage(used: AuditorList) -> str:
    """Return as of when a list holds, and who says so."""
    return f"{used.vintage} ({'says the list itself' if used.vintage_from == 'file' else 'declared by its user'})"


def entries(used: AuditorList) -> str:
    """Return how many entries of each type a list has."""
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(used.entries.items())) or "none"
    return counts + (" (a part only: its file was broken)" if used.partial else "")
