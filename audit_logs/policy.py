"""What a release must satisfy beside its bytes: steps, predecessor, opinions. Source: docs/SPEC.md sections 13.9 to 13.12.

The same functions judge a published release (verify) and a candidate that wants to become one (the gate).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from audit_logs.errors import Failure
from audit_logs.fields import day, instant, version_key
from audit_logs.manifest import Manifest
from audit_logs.replay import CandidateState, Entry, State
from audit_logs.statement import AuditReport, FilterStep, Opinion
from audit_logs.trust import Auditor, Trust

NO_CANDIDATE = Failure("no-candidate", "log", "a candidate statement for this manifest that stands", "none")


@dataclass(frozen=True, slots=True)
class Weighed:
    """An opinion that stands: who gave it, on which report, and why it does not count ("" if it does)."""

    entry: Entry
    opinion: Opinion
    report: AuditReport
    auditor: Auditor
    reason: str

    @property
    def counts(self) -> bool:
        """Tell whether it counts towards the policy."""
        return not self.reason

    @property
    def matches(self) -> bool:
        """Tell whether it covers tier matches, by trust file and by report."""
        return self.auditor.tier == "matches" and "matches" in self.report.scope.tiers


def policy_gaps(manifest: Manifest, state: State, trust: Trust, cosigned: Collection[str] | None = None) -> list[Failure]:
    """Return exactly what keeps a manifest's candidate from being released (13.9 to 13.11); nothing, if the policy holds.

    Args:
        manifest: the candidate's manifest.
        state: the replayed log, with the reports and opinions that are to be counted.
        trust: whose policy.
        cosigned: organisations whose witness key cosigned the checkpoint; None: do not ask for that yet.
    """
    candidate = state.candidates.get(manifest.digest)
    if candidate is None:
        return [NO_CANDIDATE]
    opinions = check_opinions(weigh(candidate, trust, cosigned), trust)
    return [*check_steps(manifest, candidate, trust), *check_previous(manifest, candidate, state), *opinions]


def check_steps(manifest: Manifest, candidate: CandidateState, trust: Trust) -> Iterator[Failure]:
    """Yield what is wrong with the steps and their attestations (13.9)."""
    attestations = [attestation for _, attestation in candidate.attestations]
    limits = {step.name: step.max_list_age_days for step in trust.steps}
    names = [(step.step.name, step.step.kind) for step in attestations]
    listed = [(step.name, step.kind) for step in manifest.steps]
    if names != listed:
        yield Failure("step-mismatch", "attestations", _names(listed), _names(names))
    for step in attestations:
        if step.plan_digest != manifest.plan_digest:
            yield Failure("step-mismatch", _place(step), f"plan digest {manifest.plan_digest}", step.plan_digest)
        yield from _check_counts(step)
        yield from _check_lists(step, limits.get(step.step.name))
    yield from _check_chain(manifest, attestations)
    missing = _missing_in_order([(step.name, step.kind) for step in trust.steps], listed)
    if missing:
        yield Failure("step-required", "steps", f"{_names([missing])} in its place", _names(listed))


def _place(step: FilterStep) -> str:
    return f"step {step.step.order}, {step.step.name}"


def _names(steps: Iterable[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in steps) or "no step"


def _check_counts(step: FilterStep) -> Iterator[Failure]:
    """Rows in must be rows out, removed and unscreenable; no other count is above those it is a part of; canaries are caught."""
    total = step.output.rows + step.removed + step.unscreenable
    if step.input.rows != total:
        yield Failure("counts", _place(step), f"{step.input.rows} rows in all", f"{total} rows")
    if any(rows > step.input.rows for rows in step.coverage.values()):
        yield Failure("counts", f"{_place(step)}, coverage", f"at most {step.input.rows} rows", "more")
    if step.kept_low_quality > step.output.rows:
        yield Failure("counts", f"{_place(step)}, keptLowQuality", f"at most {step.output.rows} rows", str(step.kept_low_quality))
    test = step.self_test
    if test.caught != test.planted or (step.lists and not test.planted):
        expected = f"all of {test.planted} canaries caught" if test.planted else "at least one canary planted"
        yield Failure("self-test", _place(step), expected, str(test.caught))


def _check_lists(step: FilterStep, limit: int | None) -> Iterator[Failure]:
    """Lists must hold something, and be neither from the future nor older, in days, than the trust file allows."""
    if limit is not None and not step.lists:
        yield Failure("list-empty", _place(step), "at least one list", "none")
    for used in step.lists:
        where = f"{_place(step)}, list {used.name}"
        if not used.entries or 0 in used.entries.values():
            yield Failure("list-empty", where, "entries of every type named", "none")
        age = (instant(step.finished_on).date() - day(used.vintage)).days
        if age < 0 or (limit is not None and age > limit):
            yield Failure("list-age", where, "0 days or more" if limit is None else f"0 to {limit} days", f"{age} days")


def _check_chain(manifest: Manifest, steps: list[FilterStep]) -> Iterator[Failure]:
    """Each step takes in what the one before gave on; the first takes the source, the last gives the release."""
    for before, after in pairwise(steps):
        if after.input != before.output:
            yield Failure("chain", _place(after), f"the commitment and {before.output.rows} rows of the step before", "others")
    if steps[0].input.rows != manifest.source.rows:
        yield Failure("counts", _place(steps[0]), f"{manifest.source.rows} source rows", f"{steps[0].input.rows} rows")
    if steps[-1].output.rows != manifest.rows:
        yield Failure("counts", _place(steps[-1]), f"{manifest.rows} released rows", f"{steps[-1].output.rows} rows")


def _missing_in_order(wanted: list[tuple[str, str]], found: list[tuple[str, str]]) -> tuple[str, str] | None:
    """Return the first wanted step that does not follow the ones before it, or None."""
    rest = iter(found)
    return next((step for step in wanted if step not in rest), None)


def check_previous(manifest: Manifest, candidate: CandidateState, state: State) -> Iterator[Failure]:
    """Yield what is wrong with the release's place in its line (13.10)."""
    last, found = state.predecessor(candidate), manifest.previous
    if (last and (last.version, last.manifest)) != (found and (found.version, found.manifest)):
        expected = "no predecessor" if last is None else f"version {last.version}, the last release in the log"
        yield Failure("previous", "release.json.previous", expected, "null" if found is None else f"version {found.version}")
    if last is not None and version_key(manifest.version) <= version_key(last.version):
        yield Failure("version-not-newer", "release.json.version", f"above {last.version}", manifest.version)
    said = candidate.candidate
    if (said.version, said.previous_manifest) != (manifest.version, None if found is None else found.manifest):
        yield Failure("candidate-mismatch", "candidate", f"version and predecessor of the manifest, {manifest.version}", said.version)


def weigh(candidate: CandidateState, trust: Trust, cosigned: Collection[str] | None = None) -> tuple[Weighed, ...]:
    """Return every opinion that stands on a candidate, and whether it counts; `cosigned` as in `policy_gaps`."""
    reports = {report.digest: report.predicate for report in candidate.reports}
    return tuple(
        Weighed(entry, said, report, auditor, _reason(said, report, trust, heard=cosigned is None or auditor.organisation in cosigned))
        for entry in candidate.opinions
        if isinstance(said := entry.predicate, Opinion)
        and isinstance(report := reports.get(said.input_attestations[-1].sha256), AuditReport)
        and (auditor := trust.auditor(entry.keyid)) is not None
    )


def _reason(opinion: Opinion, report: AuditReport, trust: Trust, *, heard: bool) -> str:
    """Return why an opinion does not count, or ""."""
    if opinion.verification_result != "PASSED":
        return "it is not PASSED"
    if report.conclusion != "unqualified" and not trust.policy.qualified:
        return "its report is qualified, which the trust file does not accept"
    return "" if heard else "its author has not cosigned this checkpoint"


def check_opinions(weighed: Iterable[Weighed], trust: Trust) -> Iterator[Failure]:
    """Yield what the opinions lack (13.11)."""
    opinions = list(weighed)
    for item in opinions:
        if item.opinion.verification_result == "FAILED":
            yield Failure("opinion-failed", f"the opinion of {item.auditor.organisation}", "PASSED", "FAILED")
    counted = [item for item in opinions if item.counts]
    reasons = "".join(f"; {item.auditor.organisation}'s does not count: {item.reason}" for item in opinions if not item.counts)
    policy = trust.policy
    if len(counted) < policy.opinions:
        expected = f"{policy.opinions} organisations that passed it"
        yield Failure("opinions-missing", "opinions", expected, f"{_organisations(counted)}{reasons}")
    holders = [item for item in counted if item.matches]
    if len(holders) < policy.matches:
        expected = f"{policy.matches} of them with tier matches, in trust file and report"
        yield Failure("opinions-tier", "opinions", expected, f"{_organisations(holders)}{reasons}")


def _organisations(items: list[Weighed]) -> str:
    return f"{len(items)}" + (f" ({', '.join(item.auditor.organisation for item in items)})" if items else "")


def check_release(manifest: Manifest, state: State, weighed: Iterable[Weighed], trust: Trust) -> Iterator[Failure]:
    """Yield why a candidate is not a release, or no longer one (13.12)."""
    digest = manifest.digest
    for release in state.releases:
        if release.manifest == digest and release.withdrawn is not None:
            yield Failure("withdrawn", "log", "a release that was not withdrawn", f"withdrawn: {release.withdrawn}")
    found = state.release_of(digest)
    if found is None:
        yield Failure("not-released", "log", "a release statement for this manifest", "none")
        return
    named = [item for item in weighed if item.entry.digest in found.release.opinions]
    if any(failure.code != "opinion-failed" for failure in check_opinions(named, trust)):
        yield Failure("not-released", "log", "a release statement whose own opinions meet the policy", "one that rests on fewer")
