"""What the auditors say, quoted as theirs: result, scope, each claim, limitations; and who is silent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from audit_logs.replay import CandidateState
from audit_logs.statement import AuditReport, Scope
from audit_logs.telling import CLAIMS, OpinionSummary
from release.page import Html, bullets, element, join, section, table, theirs
from release.report.lists import entries, vintage
from release.report.writing import moment
from release.shapes import icon

_RESULTS = {
    "confirmed": ("check", "good", "confirmed"),
    "refuted": ("cross", "bad", "refuted"),
    "not-checkable": ("dash", "plain", "not checkable"),
    "skipped": ("gap", "warn", "skipped"),
}
_TIERS = {"matches": "tier matches: also what was removed", "rows": "tier rows: kept rows only"}
_SOURCE = {"full": "the whole source was at hand", "none": "the source was not at hand"}
_DRAW = {"all": "every published row was computed anew", "none": "no published row was computed anew"}


def reports_of(candidate: CandidateState) -> list[tuple[str, AuditReport]]:
    """Return each report that stands, with its author."""
    return [(entry.organisation, entry.predicate) for entry in candidate.reports if isinstance(entry.predicate, AuditReport)]


def auditors(opinions: tuple[OpinionSummary, ...], candidate: CandidateState) -> Html:
    """Return every engaged or trusted auditor with what it says."""
    reports = dict(reports_of(candidate))
    parts = [_auditor(opinion, reports.pop(opinion.organisation, None)) for opinion in opinions]
    parts += [_auditor(_without_opinion(organisation), said) for organisation, said in reports.items()]
    return section("auditors", "Auditors and their words", *(parts or [element("p", "No auditor is engaged.")]))


def _without_opinion(organisation: str) -> OpinionSummary:
    return OpinionSummary(organisation, "none", "", "", counts=False, reason="its report has no opinion that stands")


def _auditor(opinion: OpinionSummary, said: AuditReport | None) -> Html:
    words = [element("p", *_opinion(opinion))]
    if said is not None:
        words.append(element("blockquote", *_words(opinion.organisation, said)))
    return element("article", element("h3", theirs(opinion.organisation)), *words, class_="auditor")


def _opinion(opinion: OpinionSummary) -> Iterator[Html]:
    if opinion.result == "none":
        yield _badge("dash", "plain", "No opinion")
        yield join((f": {opinion.reason}.",))
        return
    passed = opinion.result == "PASSED"
    yield _badge("check" if passed else "cross", "good" if passed else "bad", opinion.result)
    yield join((f", on a report that is {opinion.conclusion}; evidence: {_TIERS.get(opinion.tier, opinion.tier)}. ",))
    weight = ("check", "good", "It counts") if opinion.counts else ("gap", "warn", "It does not count")
    yield _badge(*weight)
    yield join(("." if opinion.counts else f": {opinion.reason}.",))


def _badge(sign: str, tone: str, word: str) -> Html:
    return element("span", icon(sign), " ", element("span", word, class_="word"), class_=f"badge {tone}")


def _words(organisation: str, said: AuditReport) -> Iterator[Html]:
    times = (", who audited from ", moment(said.started_on), " to ", moment(said.finished_on), ":")
    yield element("p", "In the words of ", theirs(organisation), *times, class_="soft")
    yield element("p", _scope(said.scope))
    yield element("p", _tally(said))
    lines = [
        (_claim(claim.claim), _badge(*_RESULTS[claim.result]), element("q", claim.detail) if claim.detail else "none given")
        for claim in said.claims
    ]
    yield table("Each claim of the institution, and what the auditor found.", ("Claim", "Result", "Detail"), lines)
    if said.limitations:
        yield join((element("p", "Limitations that it names:"), bullets(element("q", text) for text in said.limitations)))
    if said.scope.lists:
        listed = [(theirs(used.name), theirs(used.authority), vintage(used), entries(used)) for used in said.scope.lists]
        yield table("Lists of its own that it compared with.", ("List", "Authority", "Vintage", "Entries"), listed)


def _claim(name: str) -> Html:
    """Return what a claim is, for the names that this program knows; a name of the auditor's own as it stands."""
    return join((theirs(name), element("span", CLAIMS[name], class_="gloss"))) if name in CLAIMS else theirs(name)


def _tally(said: AuditReport) -> str:
    """Return how many claims had which result, the bad news too where there is none."""
    counts: Counter[str] = Counter(claim.result for claim in said.claims)
    return f"{len(said.claims)} claims: " + ", ".join(f"{counts[result]} {word}" for result, (_, _, word) in _RESULTS.items()) + "."


def _scope(scope: Scope) -> str:
    tiers = " and ".join(scope.tiers) or "none"
    own = f"{len(scope.lists)} of its own" if scope.lists else "none of its own"
    return (
        f"Scope: sealed evidence: {tiers}; {_SOURCE[scope.source]}; {_DRAW[scope.draw]}; lists: {own}; blind canaries: {scope.canaries:,}."
    )
