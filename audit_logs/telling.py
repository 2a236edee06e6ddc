"""A report in plain words, each fact with who stands behind it, and what is not proven. Source: docs/SPEC.md section 14."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from audit_logs import documents
from audit_logs.case import Case, Freshness, established
from audit_logs.errors import Failure
from audit_logs.fields import version_key
from audit_logs.folder import OUTSIDE_THE_PROOF, is_tolerated
from audit_logs.manifest import Manifest
from audit_logs.replay import CandidateState, State
from audit_logs.report import Report
from audit_logs.statement import FilterStep, ListUse

PROVEN = "proven here"
# What a confirmed claim of an audit report means.
CLAIMS = {
    "signatures": "Steps and candidate are signed by keys that the trust file allows for them.",
    "log": "The log holds from its first entry on, and the candidate follows the line's last release.",
    "files": "Every file has the size and digest of the manifest, and there is no other.",
    "rows": "Every row, read and hashed anew, gives the roots of the manifest.",
    "steps": "Each step takes in what the one before gave on, caught its canaries and used lists that were fresh enough.",
    "counts": "The counts of each step are those of the rows that it took.",
    "source-files": "The source at hand is the pinned one, down to each row.",
    "source-root": "The sealed digests of all source rows give the source root.",
    "first-keyed-root": "The sealed digests of all source rows give the keyed root before the first step.",
    "last-keyed-root": "The rows that were kept give the keyed root after the last step, and are the published ones in their order.",
    "step-commitments": "What each step says that it took in and gave on follows from the sealed rows.",
    "list-entries": "As many entries of each list were used as the steps say, none of them twice.",
    "filters": "No published row would be taken by a step without lists, done again with its attested parameters.",
    "remote-request": "List holders were asked about every published row, as it is.",
    "remote-answer": "No row that a list holder matched is published.",
    "fingerprints": "Fingerprints and links of all published rows, made anew, are those that were screened.",
    "no-listed-row": "No published row matches a list of the auditor's own.",
}
# What a manifest's member `separation` means.
SEPARATIONS = {
    "none": "rows with either signal were removed",
    "minors": "rows with both signals, and those with the adult signal alone, were removed",
    "adults": "rows with both signals, and those with the signal of a minor alone, were removed",
}
_GIBIBYTE = 1 << 30


_MEANINGS = {
    "verified": "everything that can be checked here holds",
    "failed": "do not use this release",
    "withdrawn": "this was a release; it has been recalled, so do not use it",
    "incomplete": "what is here holds, but something that your trust file asks for is missing",
    "stale": "everything holds, but nobody you trust has confirmed it recently",
}


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that is so, and who stands behind it: `proven here`, `checked by ...` or `claimed by ...`."""

    label: str
    text: str


@dataclass(frozen=True, slots=True)
class OpinionSummary:
    """An engaged or trusted auditor: its verdict, its report's conclusion, and whether that counts, else why not."""

    organisation: str
    result: str
    conclusion: str
    tier: str
    counts: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Told:
    """What people and programs are told of a verification. `facts` is empty where it failed: nothing should be believed then.

    Attributes:
        release: the release's name; "" where it is not known, as all that follows.
        root: the release root in hex; rows: the number of rows.
        separation: which rows with one signal a `separate` step let stay; None without such a step.
        failures: why the verdict is not `verified`.
        not_proven: sentences in plain words.
    """

    verdict: str
    release: str
    version: str
    root: str
    rows: int
    separation: str | None
    steps: tuple[FilterStep, ...]
    opinions: tuple[OpinionSummary, ...]
    freshness: Freshness | None
    failures: tuple[Failure, ...]
    facts: tuple[Fact, ...]
    not_proven: tuple[str, ...]
    manifest: Manifest | None
    state: State | None


def tell(report: Report) -> Told:
    """Return what a report says."""
    case, manifest, believed = report.case, report.manifest, report.verdict != "failed"
    return Told(
        verdict=report.verdict,
        release=report.release,
        version=report.version,
        root=report.root,
        rows=report.rows,
        separation=manifest.separation if manifest else None,
        steps=tuple(step for _, step in case.candidate.attestations) if case.candidate else (),
        opinions=_opinions(case, case.candidate) if case.candidate else (),
        freshness=report.freshness,
        failures=report.failures,
        facts=tuple(_facts(case)) if believed else (),
        not_proven=tuple(_not_proven(case)) if believed else ("Nothing about this release: it failed, so believe nothing that it says.",),
        manifest=manifest,
        state=report.state,
    )


def as_json(told: Told) -> Mapping[str, Any]:
    """Return the object that `--format json` prints."""
    names = ("verdict", "release", "version", "root", "rows", "separation", "opinions", "freshness", "failures", "facts")
    members = {name: documents.write(getattr(told, name)) for name in names}
    return members | {"steps": [_step_members(documents.write(step)) for step in told.steps], "notProven": list(told.not_proven)}


def _step_members(step: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is told of a step, out of its predicate."""
    names = ("removed", "unscreenable", "keptLowQuality", "override", "covers", "lists")
    return {**step["step"], "rowsIn": step["input"]["rows"], "rowsOut": step["output"]["rows"]} | {name: step[name] for name in names}


def human(told: Told) -> str:
    """Return a verification in plain words: the verdict, who stands behind which fact, and what is not proven."""
    name = f"{told.release} {told.version}".strip() or "this release"
    lines = [f"{told.verdict.upper()}: {name}", f"  {_MEANINGS[told.verdict]}."]
    if told.failures:
        lines += ["", "Why it is not verified:", *(f"  {_plain(failure)}" for failure in told.failures)]
    label = ""
    for fact in told.facts:
        if fact.label != label:
            label = fact.label
            lines += ["", f"{label[0].upper()}{label[1:]}:"]
        lines.append(f"  {fact.text}")
    freshness = told.freshness
    if freshness is not None and freshness.age_seconds is not None:
        lines += ["", f"Freshness: {freshness.quorum} witnesses signed the log {_age(freshness.age_seconds)} ago or later."]
    lines += ["", "Not proven:", *(f"  {text}" for text in told.not_proven)]
    return "\n".join(printable(line) for line in lines)


def printable(line: str) -> str:
    """Return a line without control characters: a terminal obeys them, and some of the words are a stranger's."""
    return line if line.isprintable() else ascii(line)


def _plain(failure: Failure) -> str:
    parts = (("expected", failure.expected), ("found", failure.found))
    details = "; ".join(f"{name} {value}" for name, value in parts if value)
    return f"{failure.where or 'release'}: {details or 'a check failed'} [{failure.code}]"


def _age(seconds: int) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} seconds"


def _opinions(case: Case, candidate: CandidateState) -> tuple[OpinionSummary, ...]:
    """Return every opinion, and every engaged auditor without one, by name."""
    found = {}
    for item in case.weighed:
        name, said, tier = item.auditor.organisation, item.opinion.verification_result, "matches" if item.matches else "rows"
        found[name] = OpinionSummary(name, said, item.report.conclusion, tier, counts=item.counts, reason=item.reason)
    silent = (name for name in candidate.candidate.auditors if name not in found)
    missing = (OpinionSummary(name, "none", "", "", counts=False, reason="it was engaged; no opinion of it stands") for name in silent)
    return (*found.values(), *missing)


def _facts(case: Case) -> Iterator[Fact]:
    """Yield what is proven here, then what others checked, then what the institution claims."""
    yield from (Fact(PROVEN, text) for text in _proven(case))
    yield from _checked(case)
    yield from _claimed(case)


def _proven(case: Case) -> Iterator[str]:
    manifest, state, checkpoint = established(case.manifest), established(case.state), established(case.signed).checkpoint
    size = sum(shard.bytes for shard in manifest.shards) / _GIBIBYTE
    yield f"All {len(manifest.shards)} data files ({size:.2f} GiB) and the card have the bytes of the {'signed ' * (case.candidate is not None)}manifest."
    if case.extra_checks is not None:
        yield f"All {manifest.rows} rows hash to the release root {manifest.root}."
    yield f"The audit log {checkpoint.origin} is whole: {checkpoint.size} entries, each replayed; {len(state.voids)} of them are void."
    if case.candidate is not None:
        yield f"All {len(case.candidate.steps)} filtering steps are signed by keys that your trust file allows for them, in its order."
    for item in case.weighed:
        said = f"signed {item.opinion.verification_result}, on a report that is {item.report.conclusion}"
        yield f"{item.auditor.organisation} {said}{f'; it does not count: {item.reason}' if item.reason else ''}."
    new = max((r.version for r in state.releases if r.withdrawn is None and r == state.release_of(r.manifest)), key=version_key, default="")
    if new and version_key(new) > version_key(manifest.version):
        yield f"This is not the newest release: the log also has version {new}."


def _checked(case: Case) -> Iterator[Fact]:
    """Yield the claims that counted reports confirm, those together that the same organisations confirm."""
    confirmed: dict[str, set[str]] = {}
    for item in case.weighed:
        for claim in item.report.claims if item.counts else ():
            if claim.result == "confirmed":
                confirmed.setdefault(claim.claim, set()).add(item.auditor.organisation)
    blocks: dict[str, list[str]] = {}
    for name, organisations in confirmed.items():
        blocks.setdefault(f"checked by {', '.join(sorted(organisations))}", []).append(name)
    for label, names in blocks.items():
        yield from (Fact(label, CLAIMS.get(name) or (name if name.isprintable() else ascii(name))) for name in names)


def _claimed(case: Case) -> Iterator[Fact]:
    candidate = case.candidate
    if candidate is None:
        return
    label = f"claimed by {candidate.entry.organisation}"
    for _, step in candidate.attestations:
        yield Fact(label, f"Step {step.step.order}, {step.step.name} ({step.step.kind}, {step.covers}): {'; '.join(_step(step))}.")
    separation = established(case.manifest).separation
    if separation is not None:
        yield Fact(label, f"Separation of depictions of minors from adult sexual content: {SEPARATIONS[separation]}.")


def _step(step: FilterStep) -> Iterator[str]:
    """Yield what the institution claims of a step."""
    counts = f"{step.input.rows} rows in, {step.removed} removed, {step.unscreenable} not screenable, {step.output.rows} out"
    yield f"{counts}, {step.kept_low_quality} of these with too little detail to be matched"
    if step.override:
        yield f"it removed more rows than the plan's cap, and the institution went on for this reason: {step.override}"
    if step.lists:
        yield "lists: " + ", ".join(map(_list, step.lists))


def _list(used: ListUse) -> str:
    entries = ", ".join(f"{count} {name}" for name, count in sorted(used.entries.items()))
    return f"{used.name} of {used.vintage} by {used.authority} ({entries}{'; only a part of it could be read' if used.partial else ''})"


def _not_proven(case: Case) -> Iterator[str]:
    """Yield what a reader might think is shown and is not."""
    institution = case.candidate.entry.organisation if case.candidate else "the institution"
    yield "That nothing unlawful or harmful is left: a list finds only what it holds, and near matching only what is near to it."
    yield f"The counts of each step and the chain between the steps: {institution} claims them, and only the auditors named can have checked them."
    yield "That the lists were genuine and complete, or that the rows removed were rightly removed; counts of removed rows are not prevalence."
    if case.extra_checks is None:
        yield "That the rows inside the data files hash to the roots: this light verifier compared whole files and ranges; `release verify` does that."
    for opinion in _opinions(case, case.candidate) if case.candidate else ():
        if opinion.result == "none":
            yield f"What {opinion.organisation} thinks: it was engaged as an auditor; no opinion of it stands."
    outside = [path for path in OUTSIDE_THE_PROOF if path in case.listing]
    if outside:
        yield f"What {' and '.join(outside)} in the folder say: they lie outside the proof."
    tolerated = [path for path in case.listing if is_tolerated(path)]
    if tolerated:
        yield f"What these files say, which are tolerated and not part of the release: {', '.join(map(ascii, tolerated))}."
