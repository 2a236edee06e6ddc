"""`report.html`: one page that tells a person what a verification found, without a script, an image or a request to anywhere.

It lies outside the proof and says so. It shows what the verifier tells and what the log's state holds, nothing per row. Where the
verification failed, it shows the reasons, and no claim of the release.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby

from audit_logs.telling import Told
from release.page import NOTHING, Html, bullets, document, element, join, listing, section, spoken, theirs
from release.report.auditors import auditors, reports_of
from release.report.checked import canaries, coverage
from release.report.fresh import freshness
from release.report.funnel import funnel
from release.report.lists import lists
from release.report.past import past
from release.report.verdict import candidate_of, header, is_signed, key_facts, outside, reasons, verdict
from release.report.writing import Writing
from release.wording import NOT_PROVEN

__all__ = ["Writing", "of_record", "report"]

_CONTENTS = {
    "reasons": "Why it is not verified",
    "funnel": "Rows, step by step",
    "lists": "Lists",
    "coverage": "Coverage",
    "canaries": "Canaries",
    "auditors": "Auditors",
    "freshness": "Freshness",
    "facts": "Who stands behind what",
    "limits": "What is not proven",
    "verifying": "How to verify",
    "log": "History",
}
_LABELS = {
    "proven here": "The verifier computed it from the bytes, the signatures and the trust file.",
    "checked by": "Auditors looked, and signed.",
    "claimed by": "The institution says so, and signed.",
}


def report(told: Told, writing: Writing) -> bytes:
    """Return the page; the same findings and circumstances give the same bytes.

    Args:
        told: what the verifier tells.
        writing: when, and by whose verification.
    """
    parts = {"reasons": reasons(told)}
    if told.verdict != "failed":
        parts |= _claims(told, writing)
    parts |= {"limits": _limits(told), "verifying": _verifying()}
    if told.verdict != "failed" and told.state is not None:
        parts["log"] = past(told.state)
    shown = {name: part for name, part in parts.items() if part}
    skip = element("a", "Skip to the verdict", href="#verdict", class_="skip")
    main = element("main", verdict(told, writing), outside(writing), key_facts(told, writing), _contents(shown), *shown.values())
    foot = element(
        "footer",
        element("p", "Made by vetted-release, from signed statements. No script runs here, and nothing is fetched."),
        class_="soft",
    )
    name = told.release or "A release"
    title = f"{told.verdict}: {name}" + (f" {told.version}" if is_signed(told) else "")
    return document(title, skip, header(told, writing), main, foot)


def of_record(told: Told) -> Told:
    """Return what can be told where the record alone was looked at, because it refused the data before that was fetched."""
    remark = "Anything about its data: they were not fetched, because its record alone already tells that it is not verified."
    return replace(told, facts=(), not_proven=(remark, *told.not_proven))


def _contents(shown: dict[str, Html]) -> Html:
    links = [element("li", element("a", _CONTENTS[name], href=f"#{name}")) for name in shown]
    return element("nav", listing("ul", links, "links"), aria_label="Contents")


def _claims(told: Told, writing: Writing) -> dict[str, Html]:
    """Return what can be shown of a release that did not fail; without a candidate that stands there are no claims."""
    candidate = candidate_of(told)
    parts: dict[str, Html] = {}
    if candidate is not None:
        steps = [step for _, step in candidate.attestations]
        limits = {} if told.state is None else {step.name: step.max_list_age_days for step in told.state.trust.steps}
        parts = {
            "funnel": funnel(steps, candidate.entry.organisation),
            "lists": lists(steps, limits, writing),
            "coverage": coverage(steps),
            "canaries": canaries(steps, reports_of(candidate)),
            "auditors": auditors(told.opinions, candidate),
        }
    if told.freshness is not None:  # else nobody looked
        parts["freshness"] = freshness(told.freshness, writing)
    return parts | {"facts": _facts(told)}


def _facts(told: Told) -> Html:
    if not told.facts:
        return NOTHING
    blocks = []
    for label, facts in groupby(told.facts, key=lambda fact: fact.label):
        kind = next((words for start, words in _LABELS.items() if label.startswith(start)), "")
        listed = bullets(theirs(fact.text) for fact in facts)
        blocks.append(join((element("h3", theirs(label[:1].upper() + label[1:])), element("p", kind, class_="soft"), listed)))
    return section("facts", "Who stands behind what", *blocks)


def _limits(told: Told) -> Html:
    more = NOT_PROVEN if told.verdict != "failed" else ()
    return section("limits", "What is not proven", bullets(theirs(spoken(text)) for text in (*told.not_proven, *more)))


def _verifying() -> Html:
    steps = (
        join(
            (
                "Get the trust file of this dataset from people whom you believe, never from the folder with the data. Ask them for its SHA-256.",
            )
        ),
        join(
            (
                "Get the release, which verifies it before you see it, or verify the folder that you have:",
                _commands(
                    "release get hub:OWNER/NAME --out DIR --trust trust.json",
                    "release verify DIR --trust trust.json --report my-report.html",
                ),
            )
        ),
        join(
            (
                "Or use the light verifier, which needs Python and one package, and is short enough to read:",
                _commands("python -m audit_logs verify DIR --trust trust.json"),
            )
        ),
        join(("Verify again from time to time with the newest log: only that tells whether the release was withdrawn since.",)),
    )
    return section("verifying", "How to verify", element("ol", *(element("li", step) for step in steps)))


def _commands(*lines: str) -> Html:
    return join(element("pre", element("code", line)) for line in lines)
