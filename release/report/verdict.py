"""The top of the page: the verdict in plain words, what to do, what the page itself is worth, and why a release is not verified."""

from __future__ import annotations

from dataclasses import dataclass

from audit_logs.errors import Failure
from audit_logs.replay import CandidateState
from audit_logs.telling import Told
from release.advice import advice, meaning, newer, reason
from release.page import NOTHING, Html, element, join, listing, section, spoken, theirs
from release.report.writing import Writing, moment, rows
from release.shapes import icon

_SHORT = 40  # characters that fit beside another fact


@dataclass(frozen=True, slots=True)
class _Face:
    """How a verdict looks and what it means."""

    sign: str
    tone: str
    word: str
    means: str


_FACES = {
    "verified": _Face("check", "good", "Verified", "Every check of this verification held."),
    "stale": _Face("clock", "warn", "Stale", "Every check held, but the newest confirmation is older than the trust file allows."),
    "incomplete": _Face("gap", "warn", "Incomplete", "What is there holds, but something that the trust file asks for is missing."),
    "withdrawn": _Face("slash", "bad", "Withdrawn", "The institution has withdrawn this release. Do not use it."),
    "failed": _Face("cross", "bad", "Failed", "A check failed. Believe nothing that this release says."),
}


def candidate_of(told: Told) -> CandidateState | None:
    """Return the candidate for the manifest, None where none stands: then nobody has signed what the manifest says."""
    return None if told.state is None or told.manifest is None else told.state.candidates.get(told.manifest.digest)


def is_signed(told: Told) -> bool:
    """Tell whether what the manifest says may be shown as what the institution says."""
    return told.verdict != "failed" and candidate_of(told) is not None


def header(told: Told, writing: Writing) -> Html:
    """Return the name, and what kind of page this is."""
    name = told.release or "A release"
    version = told.version if is_signed(told) else ""
    calls = f" It calls itself version {told.version}, which is not believed." if told.version and not version else ""
    line = ("Report on a dataset release, ", moment(writing.time), f".{calls}")
    return element("header", element("h1", theirs(f"{name} {version}".strip())), element("p", *line, class_="soft"))


def verdict(told: Told, writing: Writing) -> Html:
    """Return the panel that says what was found, by whom, and what to do next."""
    face = _FACES[told.verdict]
    who = "a reader's own verification" if writing.own else "the publisher's own tool"
    said = [
        element("h2", face.word, id="verdict-title"),
        element("p", face.means, class_="meaning"),
        element("p", f"This is what {who} found on ", moment(writing.time), ".", class_="soft"),
    ]
    if told.verdict != "failed" and (version := newer(told)):
        said.append(element("p", f"The log has a newer release that stands: version {version}."))
    if following := advice(told):
        said.append(element("p", element("strong", "What to do next. "), spoken(following), class_="next"))
    if told.verdict != "failed" and (why := reason(told)):  # last, and set apart: it may be long, and speak like this page
        said += [element("p", "The reason that the institution gives, in its own words:"), element("blockquote", theirs(why))]
    panel = (icon(face.sign), element("div", *said))
    return element("section", *panel, class_=f"verdict {face.tone}", id="verdict", aria_labelledby="verdict-title")


def outside(writing: Writing) -> Html:
    """Return what the page itself is worth."""
    if writing.own:
        told = (
            " It tells what one verification found. Anybody can write such a page: believe it if you made it yourself, "
            "or trust whoever gave it to you; else verify for yourself, which takes"
        )
    else:
        told = (
            " The publisher's tool wrote it, for reading. Only a verification that you run yourself counts, with a trust file that you "
            "did not take from this folder:"
        )
    command = "one command:" if writing.own else ""
    note = element("p", element("strong", "This page lies outside the proof."), told, f" {command}" if command else "")
    return element("aside", note, _command("release verify DIR --trust trust.json"), class_="outside", aria_label="What this page is worth")


def _command(text: str) -> Html:
    return element("pre", element("code", text))


def reasons(told: Told) -> Html:
    """Return why it is not verified: for each reason what it means in plain words, then the facts for whoever looks into it."""
    if not told.failures:
        return NOTHING
    items = [element("li", *_reason(failure)) for failure in told.failures]
    return section("reasons", "Why it is not verified", listing("ul", items, "reasons"))


def _reason(failure: Failure) -> list[Html]:
    parts = (("where", failure.where), ("expected", failure.expected), ("found", failure.found))
    details = [join((f"{name}: ", theirs(value))) for name, value in parts if value]
    lines = [element("p", part, class_="soft") for part in (*details, join(("code: ", element("code", failure.code))))]
    return [element("p", spoken(meaning(failure.code))), *lines]


def key_facts(told: Told, writing: Writing) -> Html:
    """Return what people look for first; none of it where the release failed, or nobody signed its manifest."""
    facts = []
    if told.manifest is not None and is_signed(told):
        count = sum(opinion.counts for opinion in told.opinions)
        licence = told.manifest.license
        facts = [
            _fact("Size", rows(told.rows)),
            _fact("Licence, as the institution says", theirs(licence), long=len(licence) > _SHORT),
            _fact("Auditors whose opinion counts", f"{count} of {len(told.opinions)}"),
            _fact("Root of all rows (SHA-256)", element("code", told.root), long=True),
        ]
    trust = _fact("Trust file by which this was found (SHA-256)", element("code", writing.trust), long=True)
    return element("dl", *facts, trust, class_="facts")


def _fact(name: str, value: str, *, long: bool = False) -> Html:
    return element("div", element("dt", name), element("dd", value), class_="long" if long else "short")
