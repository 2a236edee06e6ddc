"""The card's section on child safety: the terms of Safety by Design, and under each what this release has evidence of.

Facts come from the steps and their public counts, the source pin and the trust policy. What no evidence shows is said to be unknown.
Source of the terms: Thorn and All Tech Is Human, Safety by Design for Generative AI (2024), its principles develop, deploy and maintain.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit_logs.telling import SEPARATIONS
from release.build.facts import Facts, StepFacts
from release.markup import code, words

ELSEWHERE = "remote"  # the kind whose lists stay with their holder
_TERMS = (
    "The terms in the left column are those of Safety by Design for Generative AI by Thorn and All Tech Is Human; to use them is no word of "
    "theirs for this release. The right column says what the release's evidence shows, and no more."
)


def child_safety(facts: Facts) -> Iterator[str]:
    """Yield the lines of the section."""
    yield "## Child safety"
    yield ""
    yield (
        "The screening is there to keep known child sexual abuse and exploitation material (CSAM, CSEM) and intimate images shared without "
        "consent out of training data. This release carries no record of a removed row (no image, hash, address or position), and links to no list. "
        "Nobody should try to find out which rows were removed, or to recover them."
    )
    yield ""
    yield _TERMS
    yield ""
    yield "| term | in this release |"
    yield "| --- | --- |"
    yield from (f"| {term} | {' '.join(sentences)} |" for term, sentences in _rows(facts))


def _rows(facts: Facts) -> Iterator[tuple[str, list[str]]]:
    yield (
        "Develop: responsibly source training datasets, and safeguard them from CSAM and CSEM",
        [_known(facts), _scored(facts), _apart(facts)],
    )
    yield "Develop: detect, remove and report", [_reported(facts)]
    yield "Develop: content provenance", [_origin(facts)]
    yield "Deploy: release after evaluation for child safety", [_evaluated(facts)]
    yield "Maintain: respond to child safety risks", [_maintained(facts)]


def _known(facts: Facts) -> str:
    return " ".join([*_matched(facts), *_elsewhere(facts)]) or "No step compared rows with a list of known material."


def _elsewhere(facts: Facts) -> Iterator[str]:
    for step in facts.steps:
        if step.kind == ELSEWHERE:
            took = f"removed {step.removed:,} {'row' if step.removed == 1 else 'rows'}"
            yield f"{_named([step])} {took} on the signed word of a list holder; nobody else can check those lists."


def _matched(facts: Facts) -> Iterator[str]:
    steps = [step for step in facts.steps if step.lists]
    if not steps:
        return
    lists = dict.fromkeys((used.authority, used.name) for step in steps for used in step.lists)
    authorities = ", ".join(words(name) for name in dict.fromkeys(authority for authority, _ in lists))
    removed = sum(step.removed for step in steps)
    yield (
        f"{_named(steps)} compared rows with {len(lists):,} {'list' if len(lists) == 1 else 'lists'} of {authorities} and removed {removed:,} "
        f"{'row' if removed == 1 else 'rows'}. This counts matches under stated parameters, not material that anyone confirmed."
    )


def _scored(facts: Facts) -> str:
    steps = [step for step in facts.steps if step.kind == "classifier"]
    return f"{_named(steps)} took rows by a score." if steps else "No step took rows by the score of a classifier."


def _apart(facts: Facts) -> str:
    if facts.separation is None:
        return "No step separated depictions of minors from adult sexual content."
    return f"Depictions of minors and adult sexual content were separated by scores: {SEPARATIONS[facts.separation]}."


def _named(steps: list[StepFacts]) -> str:
    return f"{'Step' if len(steps) == 1 else 'Steps'} {', '.join(words(step.name) for step in steps)}"


def _reported(facts: Facts) -> str:
    if not any(step.lists or step.kind == ELSEWHERE for step in facts.steps):
        return "There is no evidence of a match, as no list was used."
    return (
        "What a report of a match needs (where the row came from, step, list) is sealed to the institution's reporting officer. "
        "Whether anything was reported is no part of this release's evidence, so this card does not say."
    )


def _origin(facts: Facts) -> str:
    source = facts.source
    pinned = f"at commit {code(source.revision)}" if source.revision else f"by its root {code(source.root)}"
    return f"The source is pinned {pinned}, the rows by the release root, and each of {len(facts.steps):,} steps by a signed attestation."


def _evaluated(facts: Facts) -> str:
    policy = facts.policy
    return (
        f"The policy lets no version count as released before {policy.opinions:,} of {len(facts.auditors):,} engaged organisations passed it, "
        f"{policy.matches:,} with the sealed evidence on matches."
    )


def _maintained(facts: Facts) -> str:
    vintages = [used.vintage for step in facts.steps for used in step.lists]
    lists = f"The newest list is of {max(vintages)}; what was listed later was not looked for. " if vintages else ""
    return f"{lists}A version can be withdrawn in the log, and every later verification with a fresh log then says so."
