"""What a verdict means for somebody who trains on data, and what to do next, told apart by code.

    withdrawn    the institution itself says: do not use it
    stale        nothing is wrong, but the news is old
    rolled back  an older state than the one that was seen before
    forked       another history than the one that was seen before
    incomplete   not, or no longer, all that the trust file asks for
    damaged      files did not arrive as they were signed
    false        what was signed contradicts itself, or a trusted auditor says that it is wrong

Every code of SPEC.md section 13 has its words here; a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from audit_logs.errors import Failure, VerificationError
from audit_logs.fields import version_key
from audit_logs.report import INCOMPLETE_CODES, NOT_FATAL, STALE_CODES, WITHDRAWN_CODE, Report
from audit_logs.telling import Told

_REFUSE = "Do not use it, and tell the institution which check failed; another copy will not help."
_AGAIN = (
    "Do not use this copy. Get it again (`release get` fetches only what is not whole). "
    "If that does not help, do not use the release, and tell the institution."
)
_LOG_AGAIN = (
    "Do not use this copy. Get the newest `log/` whole, together with attestations/, reports/ and opinions/ (`release get` does), and verify again. "
    "If that does not help, tell the institution."
)
_EVIDENCE = (
    "Use nothing of the new copy. Keep both copies, and the state file beside your trust file: together they are evidence. "
    "Ask the auditors that your trust file names, over a way that does not lead through the institution."
)
_PINNED = "Get the newest trust file from people whom you believe, compare its SHA-256 with what they say, and verify by that one."


@dataclass(frozen=True, slots=True)
class Words:
    """What a code means in plain words, and what to do next."""

    means: str
    next: str


class Outcome(Protocol):
    """A verdict and its reasons: a report, or what is told of one."""

    @property
    def verdict(self) -> str:
        """Return the verdict."""

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Return why it is not `verified`."""


def _same(codes: Iterable[str], means: str, following: str) -> Mapping[str, Words]:
    return {code: Words(means, following) for code in codes}


# The first one that applies is what to do: what threatens the reader most stands first.
_FALSE: Mapping[str, Words] = {
    "opinion-failed": Words(
        "An auditor that your trust file names examined this very release and says that it must not be used.",
        "Do not use it, whatever the others say. Wait for a version that passes.",
    ),
    "log-fork": Words(
        "Its history is another one than you were shown before: somebody has rewritten the past, or shows different people different pasts.",
        _EVIDENCE,
    ),
    "trust-fork": Words(
        "Two trust files with the same number differ: somebody gives different people different rules.",
        "Find out who gave you which, and use neither until you know.",
    ),
    "log-rollback": Words(
        "You were shown a newer state of this history before: this is an old copy, or somebody hides what came since, such as a withdrawal.",
        "Use nothing of it. Get the newest copy; if that is as old as this one, keep both and ask the auditors that your trust file names.",
    ),
    "trust-rollback": Words(
        "You used a newer trust file for this dataset before; this one is out of date.", "Verify by the newest trust file that you have."
    ),
    "trust-expired": Words("Your trust file is past the day until which it holds.", _PINNED),
    "manifest-name": Words(
        "Release and trust file belong to two different datasets.",
        "Take the trust file of this dataset, from people whom you believe.",
    ),
    "checkpoint-origin": Words(
        "The history that lies beside the data is another dataset's.",
        "Check that release and trust file belong together, then get the release again.",
    ),
    "checkpoint-unknown-key": Words(
        "The history is signed by somebody whom your trust file does not know: the file is out of date, or a stranger signed.",
        "Ask people whom you believe whether there is a newer trust file. If there is none, do not use this copy, and tell the institution.",
    ),
    "manifest-version": Words("The name of a version leads to another version.", _REFUSE),
    **_same(
        ("row-root", "row-image", "parquet-layout", "parquet-schema", "card-head"),
        "What a program would read from it is not what was signed and screened.",
        _REFUSE,
    ),
    "folder-name": Words("Two of its file names would be one file on some computers, so that one could stand for the other.", _REFUSE),
    **_same(
        ("candidate-mismatch", "chain", "counts", "manifest-arithmetic", "manifest-roots", "step-mismatch"),
        "What the institution signed contradicts itself.",
        _REFUSE,
    ),
    "step-required": Words("A filtering step that your trust file asks for was not done, or not in its place.", _REFUSE),
    "self-test": Words("A filtering step did not find the rows that were planted to test it.", _REFUSE),
    **_same(
        ("list-age", "list-empty"),
        "A step compared with a list that was empty, too old, or dated later than its use.",
        _REFUSE,
    ),
    **_same(
        ("previous", "version-not-newer"),
        "It does not follow the version that was released before it, so something may have been left out.",
        "Do not use it. Ask the institution which version is the newest, and get that one.",
    ),
    "folder-extra": Words(
        "There is a file that does not belong to the release; a program might read it together with the data.",
        "Remove the file if it is yours. If it is not, do not use this copy, and get it again.",
    ),
    "folder-link": Words(
        "Some of it is not plain files but links to files elsewhere, which may change at any time.",
        "Copy the files themselves into the folder, or get the release again.",
    ),
    **_same(
        ("file-digest", "range-digest"),
        "A file has other bytes than those that were signed: it was damaged on its way, or somebody changed it.",
        _AGAIN,
    ),
    **_same(("file-size", "folder-missing"), "A file is missing, or not as long as it was when it was signed.", _AGAIN),
    "manifest": Words("Its table of contents, release.json, is damaged.", _AGAIN),
    "folder-entries": Words("The signed statements in the folder are not those that stand in its history.", _LOG_AGAIN),
    **_same(
        ("checkpoint-form", "checkpoint-signature", "log-entry", "log-files", "log-root", "log-tile"),
        "Its history is damaged, mixed from two copies, or changed.",
        _LOG_AGAIN,
    ),
    "unreadable": Words("A file cannot be read on this computer.", "Check the disk and the file's permissions, and verify again."),
}
_INCOMPLETE: Mapping[str, Words] = {
    "superseded": Words(
        "There is a newer trust file: who may sign, or what must be checked, has changed since yours.",
        "Do not use the release before you have read the new rules. Get that file from people whom you believe, compare its SHA-256 with the one that is shown here, and verify by it.",
    ),
    "unknown-type": Words(
        "Its history says something that this program is too old to understand; it might be a warning.",
        "Install the newest version of this program, and verify again.",
    ),
    "no-candidate": Words(
        "Nobody stands behind it: the institution has not signed it, or has taken that back.",
        "Do not use it as a vetted release. Look for another version.",
    ),
    **_same(
        ("opinions-missing", "opinions-tier"),
        "Fewer auditors than your trust file asks for have passed it and confirmed its history.",
        "Do not use it as a vetted release. Get the newest copy and verify again; if it stays so, ask the auditors that are named.",
    ),
    "not-released": Words(
        "It is a candidate that has not been released yet, or its release has been taken back.",
        "Do not use it as a vetted release. Wait until it is published, then get it again.",
    ),
}
_WITHDRAWN: Mapping[str, Words] = {
    "withdrawn": Words(
        "The institution has withdrawn this release: it was published, and must not be used any more.",
        "Do not train on it. Delete your copies and what you exported from them, and get a newer version. "
        "Who must look at it all the same can: `release get --allow-withdrawn`.",
    )
}
_STALE: Mapping[str, Words] = {
    "cosignature-future": Words(
        "Its newest confirmations lie in the future.",
        "Check this computer's clock, and verify again. If the clock is right, tell the auditors that your trust file names.",
    ),
    "stale": Words(
        "All checks hold, but nobody whom your trust file names has confirmed lately that it was not withdrawn.",
        "Get the newest copy (`release get`), or its newest `log/`, and verify again. If it stays so, ask the institution why. "
        "If an age is fine for you, say so: `release get` and `release export` take `--allow-stale 14d`.",
    ),
}
WORDS: Mapping[str, Words] = {**_FALSE, **_WITHDRAWN, **_INCOMPLETE, **_STALE}
_UNKNOWN = Words("A check failed.", _REFUSE)
_ALSO_WITHDRAWN = " And do not look for a whole copy of this version: the institution has withdrawn it."
_DECIDING: Mapping[str, AbstractSet[str]] = {"incomplete": INCOMPLETE_CODES, "stale": STALE_CODES, "withdrawn": {WITHDRAWN_CODE}}


def meaning(code: str) -> str:
    """Return in plain words what it means that a check failed."""
    return WORDS.get(code, _UNKNOWN).means


def advice(outcome: Outcome) -> str:
    """Return what to do next, "" where there is nothing to do."""
    if outcome.verdict == "verified":
        return ""
    codes = {failure.code for failure in outcome.failures}
    deciding = _DECIDING.get(outcome.verdict, codes - NOT_FATAL)
    following = next((words.next for code, words in WORDS.items() if code in codes & deciding), _UNKNOWN.next)
    return following + (_ALSO_WITHDRAWN if outcome.verdict == "failed" and WITHDRAWN_CODE in codes else "")


def explained(report: Report | Told) -> list[str]:
    """Return the lines that a person is told after a verdict: what each reason means, then what to do; none if it is verified."""
    if report.verdict == "verified":
        return []
    means = dict.fromkeys(meaning(failure.code) for failure in report.failures)
    version = newer(report) if report.verdict != "failed" else ""
    following = [f"  {advice(report)}"] + ([f"  The log has a newer release that stands: version {version}."] if version else [])
    return ["", "What that means:", *(f"  {text}" for text in means), "", "What to do next:", *following]


class RefusedError(VerificationError):
    """A release may not be used, for what its verification said.

    Attributes:
        report: what it said.
    """

    report: Report


def require(report: Report, accept_stale: timedelta | None = None) -> None:
    """Return if a release may be used, as `Report.require` does.

    Raises:
        RefusedError: it may not; the next step is what a reader can do about it.
    """
    try:
        report.require(accept_stale)
    except VerificationError as error:
        refused = error.recast(RefusedError, next_step=advice(report))
        refused.report = report
        raise refused from error


def newer(report: Report | Told) -> str:
    """Return the highest version that the log has above this one and that was not withdrawn, "" if there is none."""
    if report.state is None or report.manifest is None:
        return ""
    standing = [
        found.version for found in report.state.releases if found == report.state.release_of(found.manifest) and found.withdrawn is None
    ]
    highest = max(standing, key=version_key, default="")
    return highest if highest and version_key(highest) > version_key(report.manifest.version) else ""


def reason(report: Report | Told) -> str:
    """Return why a release was withdrawn, as its log says; "" if it was not."""
    manifest, state = report.manifest, report.state
    release = None if manifest is None or state is None else state.release_of(manifest.digest)
    return "" if release is None or release.withdrawn is None else release.withdrawn
