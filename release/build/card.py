"""The dataset card `README.md`: a header for the Hub, then plain words for a reader.

It tells only what is known at build. Verdict, auditors' words and freshness come later and stand in report.html and in what
the verifier prints. Counts are for each step and for the whole; nothing is said per shard, per reason or per row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from audit_logs.manifest import SourcePin
from audit_logs.statement import ListUse
from audit_logs.telling import SEPARATIONS
from release.build.facts import Facts, StepFacts
from release.build.frontmatter import front_matter
from release.build.safety import ELSEWHERE, child_safety
from release.markup import code, words
from release.wording import LOW_QUALITY, NOT_PROVEN, UNSCREENABLE, WITHDRAWAL

_COVERS = {
    "stored": "the bytes as they are stored in this release",
    "declared": "values (hashes, links, texts or scores) that came with the source; nobody tied them to the stored bytes",
    "pixels": "the pixels that the stored bytes decode to",
}
_KINDS = {
    "exact-hash": "cryptographic digests (MD5, SHA-1 or SHA-256), found only where they are equal",
    "near-hash": "perceptual hashes, found within a declared distance",
    "classifier": "a score, and takes rows at or beyond a threshold",
    "separate": "a score for depictions of minors and one for adult sexual content, each with a threshold",
    "text": "captions with the terms and expressions of a confidential list, after both are brought to one form",
    "remote": "nothing here: the holder of lists that do not leave it compared fingerprints, and its signed answer says which rows matched",
    "neighbours": "kept rows with removed ones, by perceptual hashes or by vectors that came with the source",
    "thin": "nothing: it draws rows so that those which a list took are hidden among them",
    "url": "web addresses and host names after canonicalisation, found only where they are equal",
}


def card(facts: Facts) -> bytes:
    """Return the card as UTF-8 with a final newline; the same facts give the same bytes."""
    parts = (_intro, _removed, _compared, _lists, _audit, _verify, _not_proven, child_safety, _problems, _withdrawal)
    body = "\n".join(line for part in parts for line in (*part(facts), ""))
    return f"{front_matter(facts)}\n{body}".encode()


def _intro(facts: Facts) -> Iterator[str]:
    yield f"# {words(facts.name)} {code(facts.version)}"
    yield ""
    yield (
        f"This dataset is a filtered derivative of {_source(facts.source)}. "
        f"Of {facts.source.rows:,} source rows, {facts.rows:,} are left after {_count(len(facts.steps), 'filtering step')}, "
        "each of which has its own signed attestation. "
        "Do not take this card's word for it: you can verify the whole folder with one command, given below."
    )
    yield ""
    columns = ", ".join(f"{words(field.name)} ({code(field.type)})" for field in facts.schema)
    yield f"Licence: {words(facts.license)}. {_language(facts)}Columns: {columns}."


def _language(facts: Facts) -> str:
    if facts.card.language:
        return f"Language of the texts: {', '.join(map(code, facts.card.language))}. "
    return "Language of the texts: not stated. " if facts.columns.text else ""


def _source(source: SourcePin) -> str:
    if source.locator and source.revision:
        return f"the Hub dataset {code(source.locator)} at commit {code(source.revision)}"
    return {"imagefolder": "a folder of images", "parquet": "a set of Parquet files"}.get(
        source.kind, "a source"
    ) + " held by its publisher"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(heads)
    yield f"| {' | '.join(names)} |"
    yield "|" + " --- |" * len(names)
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _removed(facts: Facts) -> Iterator[str]:
    yield "## What was removed"
    yield ""
    yield from _table(("step", "kind", "rows in", "removed", "unscreenable", "rows left", "of these kept at low quality"), _flow(facts))
    yield ""
    yield f"{UNSCREENABLE} No list of removed rows exists outside sealed evidence, and none will be published."
    yield ""
    yield f"{LOW_QUALITY}"
    for step in facts.steps:
        if step.override:
            yield ""
            yield f"Step {words(step.name)} removed more rows than the plan's cap. The publisher went on for this reason: {words(step.override)}"
    for step in facts.steps:
        if step.kind == "thin":
            yield ""
            yield f"Step {words(step.name)} removed {_count(step.removed, 'row')} to hide others among them. They say nothing of what they show."
    if facts.separation is not None:
        yield ""
        yield f"Separation of depictions of minors from adult sexual content: {SEPARATIONS[facts.separation]}."


def _flow(facts: Facts) -> Iterator[tuple[str, ...]]:
    rows = facts.source.rows
    for number, step in enumerate(facts.steps, 1):
        left = rows - step.removed - step.unscreenable
        counts = (rows, step.removed, step.unscreenable, left, step.kept_low_quality)
        yield (f"{number}. {words(step.name)}", words(step.kind), *(f"{count:,}" for count in counts))
        rows = left
    whole = (facts.source.rows, sum(step.removed for step in facts.steps), sum(step.unscreenable for step in facts.steps), facts.rows)
    yield ("**whole**", "", *(f"**{count:,}**" for count in whole), "")


def _lists(facts: Facts) -> Iterator[str]:
    yield "## Lists of known material"
    yield ""
    rows = [(step, used) for step in facts.steps for used in step.lists]
    elsewhere = [step for step in facts.steps if step.kind == ELSEWHERE]
    for step in elsewhere:
        holder = code(str(step.parameters.get("holder", "")))
        yield f"Step {words(step.name)} rests on the word of a list holder, key {holder}: its lists never left it, and nobody else can check them."
        yield ""
    if not rows:
        if not elsewhere:
            yield "No step used a list of known material."
        return
    rows.sort(key=lambda row: (row[1].authority, row[1].vintage))
    yield from _table(
        ("authority", "vintage", "vintage from", "list", "entries", "used by step"),
        (
            (
                words(used.authority),
                used.vintage,
                {"file": "the list itself", "declared": "the institution's word"}[used.vintage_from],
                words(used.name),
                ", ".join(f"{count:,} {words(kind)}" for kind, count in sorted(used.entries.items())) + _part(used),
                words(step.name),
            )
            for step, used in rows
        ),
    )
    yield ""
    yield "The lists are no part of this release; each attestation carries a keyed commitment to what was used."


def _part(used: ListUse) -> str:
    return " (only a part of the list: its file was broken)" if used.partial else ""


def _compared(facts: Facts) -> Iterator[str]:
    yield "### What each step compares, and of which bytes"
    yield ""
    for number, step in enumerate(facts.steps, 1):
        yield f"{number}. {words(step.name)} compares {_compares(step)}, over {_COVERS.get(step.covers, words(step.covers))}."
        yield f"   Parameters: {code(json.dumps(step.parameters, ensure_ascii=False, sort_keys=True, default=str))}"
    if facts.columns.image:
        yield ""
        yield "Images stand here byte for byte as in the source. Nothing was re-encoded, so what was screened is what you get."


def _compares(step: StepFacts) -> str:
    return _KINDS.get(step.kind, f"by the rules of kind {words(step.kind)}")


def _audit(facts: Facts) -> Iterator[str]:
    policy, engaged = facts.policy, len(facts.auditors)
    yield "## The audit that the policy requires"
    yield ""
    yield (
        f"At least {policy.opinions} of {_count(engaged, 'engaged organisation')} must have passed this version and cosigned the log before it "
        f"counts as released; at least {policy.matches} of them must have had the sealed evidence on matches. "
        f"An opinion that rests on a qualified report {'counts' if policy.qualified else 'does not count'}. "
        f"The newest proof of {policy.quorum:,} {'witness' if policy.quorum == 1 else 'witnesses'} may be {_age(policy.fresh_seconds)} old."
    )
    yield ""
    yield "Engaged: " + (", ".join(code(name) for name in facts.auditors) or "nobody") + "."
    yield ""
    yield "This card was written before any of them spoke. What they said stands in `reports/` and `opinions/`, and the verifier weighs it."


def _age(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    return f"{_count(days, 'day')}" if days and not rest else f"{_count(seconds, 'second')}"


def _verify(_: Facts) -> Iterator[str]:
    yield "## How to verify"
    yield ""
    yield "```sh"
    yield "release verify DIR --trust trust.json"
    yield "```"
    yield ""
    yield "checks everything down to the rows; the light verifier needs Python and `cryptography` only and goes down to the files:"
    yield ""
    yield "```sh"
    yield "python -m audit_logs verify DIR --trust trust.json"
    yield "```"
    yield ""
    yield (
        "`DIR` is this folder. **The trust file must not come from this folder**: whoever can change the folder can change the copy in it. "
        "Get it, or its SHA-256, from the publisher or an auditor by another way, and keep it. "
        "The verdict is `verified`, `stale`, `incomplete`, `withdrawn` or `failed`; only the first says that all of it holds today."
    )


def _not_proven(_: Facts) -> Iterator[str]:
    yield "## What this does not prove"
    yield ""
    yield from (f"- {sentence}" for sentence in NOT_PROVEN)


def _problems(facts: Facts) -> Iterator[str]:
    contact = facts.card.contact
    yield "## How to report a problem"
    yield ""
    yield (
        f"Contact: {words(contact)}."
        if contact
        else "The publisher named no contact for this release; write to it where you got this dataset."
    )
    yield ""
    yield (
        "If you believe that an image here shows the abuse of a child: stop, do not copy or forward it, and do not post it, its address, "
        "its hash or its row anywhere public. Report it to the police or to the hotline of your country, and tell the publisher privately "
        "the version, the file and the row number. For anything else (a verification that fails, a wrong caption, a right of yours), "
        "tell the publisher the version and the verifier's output."
    )


def _withdrawal(facts: Facts) -> Iterator[str]:
    policy = facts.card.withdrawal
    yield "## Withdrawal policy"
    yield ""
    yield f"In the publisher's words: {words(policy)}" if policy else "The publisher stated no policy on when it withdraws a version."
    yield ""
    yield f"{WITHDRAWAL} So verify again before each use, with a fresh copy of `log/`."
