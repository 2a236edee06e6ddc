"""`report.html`: one page that tells a person what a verification found, without a script, an image or a link.

It lies outside the proof and says so first. It shows what the verifier tells and what the log's state holds, nothing per row.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import groupby

from audit_logs.case import Freshness
from audit_logs.fields import day, instant, time_text
from audit_logs.replay import CandidateState
from audit_logs.statement import AuditReport, FilterStep, ListUse
from audit_logs.telling import OpinionSummary, Told
from release.history import history
from release.page import Html, bar, bullets, document, element, join, section, table
from release.wording import LOW_QUALITY, NOT_PROVEN, UNSCREENABLE

_VERDICTS = {
    "verified": "every check that the publisher's tool made held",
    "stale": "all held, but the newest proof is older than the policy allows",
    "incomplete": "something that the policy asks for is not there",
    "withdrawn": "the publisher withdrew this release; do not use it",
    "failed": "a check failed; believe nothing that this release says",
}


def report(report: Told, now: datetime) -> bytes:
    """Return the page; the same report and time give the same bytes.

    Args:
        report: what the verifier tells. Where it failed, the page shows the reasons and no claim.
        now: the time of that verification, aware.
    """
    candidate = _candidate(report)
    parts = [_outside(report, now), _verdict(report, now), _reasons(report)]
    if report.verdict != "failed":
        parts += [_facts(report)]
        if candidate is not None:
            steps = [step for _, step in candidate.attestations]
            parts += [_funnel(report), _lists(steps, now), _coverage(steps), _auditors(report, candidate)]
        parts += [_freshness(report.freshness), _log(report)]
    parts.append(_not_proven(report))
    return document(f"{report.release} {report.version}: report", parts)


def _candidate(report: Told) -> CandidateState | None:
    if report.state is None or report.manifest is None:
        return None
    return report.state.candidates.get(report.manifest.digest)


def _outside(report: Told, now: datetime) -> Html:
    remark = (
        f" The publisher's tool wrote it on {time_text(now)}, for reading. "
        "Only a verification that you run yourself counts, with a trust file that you did not take from this folder:"
    )
    command = element("p", element("code", "release verify DIR --trust trust.json"))
    note = element("aside", element("p", element("strong", "This page lies outside the proof."), remark), command, class_="outside")
    return join((note, element("h1", f"{report.release or 'A release'} {report.version}")))


def _verdict(report: Told, now: datetime) -> Html:
    meaning = f" on {time_text(now)}: {_VERDICTS[report.verdict]}."
    parts = [element("p", element("strong", report.verdict), meaning, class_=f"verdict {report.verdict}")]
    if report.manifest is not None and report.verdict != "failed":
        parts.append(element("p", f"{report.rows:,} rows; licence: {report.manifest.license}"))
        parts.append(element("p", "Release root ", element("code", report.root), class_="soft"))
    return join(parts)


def _reasons(report: Told) -> Html:
    return section("Why it is not verified", bullets(map(str, report.failures))) if report.failures else Html("")


def _facts(report: Told) -> Html:
    groups = groupby(report.facts, key=lambda fact: fact.label)
    return section(
        "Who stands behind what", *(join((element("h3", label), bullets(fact.text for fact in facts))) for label, facts in groups)
    )


def _funnel(report: Told) -> Html:
    """Return the rows that are left after each step, as bars of the source's length, with all numbers in words."""
    first = report.steps[0].input.rows if report.steps else 0
    items = [element("li", f"Source: {first:,} rows", bar(first, first))]
    for step in report.steps:
        gone = f"{step.removed:,} removed, {step.unscreenable:,} unscreenable"
        left = f"{step.output.rows:,} rows left, {step.kept_low_quality:,} of these kept at low quality"
        over = f"; it removed more than the plan's cap, and the publisher went on for this reason: {step.override}" if step.override else ""
        items.append(
            element("li", f"{step.step.order}. {step.step.name} ({step.step.kind}): {gone}; {left}{over}", bar(step.output.rows, first))
        )
    remarks = (element("p", UNSCREENABLE, class_="soft"), element("p", LOW_QUALITY, class_="soft"))
    return section("Rows by step", element("ol", *items, class_="funnel"), *remarks)


def _lists(steps: list[FilterStep], now: datetime) -> Html:
    rows = [(step.step.name, *_list(used, step, now)) for step in steps for used in step.lists]
    if not rows:
        return section("Lists of known material", element("p", "No step used a list of known material."))
    return section("Lists of known material and their age", table(("step", "list", "authority", "vintage", "age", "entries"), rows))


def _list(used: ListUse, step: FilterStep, now: datetime) -> tuple[str, ...]:
    vintage = day(used.vintage)
    at_use, today = (instant(step.finished_on).date() - vintage).days, (now.date() - vintage).days
    entries = ", ".join(f"{count:,} {name}" for name, count in sorted(used.entries.items())) + (" (a part only)" if used.partial else "")
    source = "from the list" if used.vintage_from == "file" else "declared"
    return used.name, used.authority, f"{used.vintage} ({source})", f"{at_use} days when used, {today} when this page was written", entries


def _coverage(steps: list[FilterStep]) -> Html:
    """Return what each step looked at, how many rows had it, and how its self-test went."""
    rows = []
    for step in steps:
        had = ", ".join(f"{name}: {count:,} of {step.input.rows:,}" for name, count in sorted(step.coverage.items())) or "none needed"
        test = step.self_test
        found = f"{test.caught} of {test.planted} planted rows found; {test.beyond} beyond the distance rightly not found"
        how = "; ".join(part for part in (step.covers, ", ".join(step.conventions), step.decoder) if part)
        rows.append((step.step.name, had, how, found if test.planted or test.beyond else "no list, no self-test"))
    remark = (
        "The self-test shows that the machinery worked on the institution's own planted rows. It supports no figure for what was missed."
    )
    return section(
        "Coverage and self-test",
        table(("step", "rows that had the fingerprint", "bytes, conventions, decoder", "self-test"), rows),
        element("p", remark, class_="soft"),
    )


def _auditors(report: Told, candidate: CandidateState) -> Html:
    reports = {entry.organisation: entry.predicate for entry in candidate.reports}
    parts = []
    for opinion in report.opinions:
        said = reports.get(opinion.organisation)
        parts += [element("h3", opinion.organisation), element("p", _opinion(opinion))]
        parts += list(_words(said)) if isinstance(said, AuditReport) else []
    return section("Auditors and their words", *(parts or [element("p", "No auditor is engaged.")]))


def _opinion(opinion: OpinionSummary) -> str:
    if opinion.result == "none":
        return f"No opinion: {opinion.reason}."
    weight = "It counts." if opinion.counts else f"It does not count: {opinion.reason}."
    return f"{opinion.result}, on a report that is {opinion.conclusion}; evidence: tier {opinion.tier}. {weight}"


def _words(said: AuditReport) -> Iterator[Html]:
    scope = said.scope
    lists = ", ".join(f"{used.name} ({used.authority}, {used.vintage})" for used in scope.lists) or "none of its own"
    yield element(
        "p",
        f"Audited from {said.started_on} to {said.finished_on}. Source: {scope.source}; published rows recomputed: {scope.draw}; "
        f"lists: {lists}; blind canaries: {scope.canaries}.",
        class_="soft",
    )
    yield table(("claim", "result", "detail"), ((claim.claim, claim.result, claim.detail) for claim in said.claims))
    if said.limitations:
        yield join((element("p", "Limitations that it names:"), bullets(said.limitations)))


def _freshness(freshness: Freshness | None) -> Html:
    if freshness is None or freshness.age_seconds is None:
        return section("Freshness", element("p", "Age unknown: no quorum of witnesses has cosigned the newest checkpoint."))
    age, limit = timedelta(seconds=freshness.age_seconds), timedelta(seconds=freshness.limit_seconds)
    text = (
        f"When this page was written, the cosignatures of {freshness.quorum} witnesses were {_span(age)} old; the policy allows {_span(limit)}. "
        "Your own verification tells how old they are now."
    )
    return section("Freshness", element("p", text))


def _span(length: timedelta) -> str:
    if length.days:
        return f"{length.days:,} day{'' if length.days == 1 else 's'}"
    return f"{length.seconds // 3600} h {length.seconds % 3600 // 60} min"


def _log(report: Told) -> Html:
    if report.state is None:
        return Html("")
    rows = [
        (str(event.index), event.time or "no time", event.text if event.applies else element("span", event.text, class_="void"))
        for event in history(report.state)
    ]
    remark = "Times are those that the authors wrote. Entries are never removed; what is void or withdrawn stays visible."
    return section("History of the log", table(("entry", "time", "what it says"), rows), element("p", remark, class_="soft"))


def _not_proven(report: Told) -> Html:
    return section("What is not proven", bullets((*report.not_proven, *(NOT_PROVEN if report.verdict != "failed" else ()))))
