"""What a verdict means for somebody who trains on data, and what to do next: one sentence each, told apart by code."""

from __future__ import annotations

from audit_logs.report import Report

_BY_CODE = {
    "log-rollback": "You were shown a newer state of this release before: what the Hub gives now is an old copy, or somebody hides what came since. "
    "Use nothing of it; run again later, and if it stays so, ask the auditors.",
    "log-fork": "The history of this release is another one than you were shown before: somebody rewrote it. "
    "Keep your older copy and its state file as evidence, use nothing of the new one, and ask the auditors.",
    "superseded": "There is a newer trust file. Get it from people whom you believe, compare its SHA-256 with the one above, and pin it.",
    "trust-expired": "Your trust file has expired. Get the newest one from people whom you believe.",
    "manifest-name": "The release is of another line than your trust file. Take the trust file of this line.",
}
_BY_VERDICT = {
    "verified": "",
    "stale": "Everything holds, but nobody you trust has confirmed lately that it was not withdrawn. Run again later, or, if that age is fine "
    "for you, accept it with --allow-stale, such as --allow-stale 14d.",
    "withdrawn": "The institution has withdrawn this release. Do not train on it, and delete your copies; ask for a newer version. "
    "To look at it all the same: --allow-withdrawn.",
    "incomplete": "It is not published yet, or opinions that your trust file asks for are missing. Do not use it as a vetted release; run again later.",
    "failed": "Something in it was changed, or was never true. Do not use it. Run again in case the Hub was at fault, then tell the institution.",
}


def advice(report: Report) -> str:
    """Return what to do about a report, "" where there is nothing to do."""
    codes = {failure.code for failure in report.failures}
    return next((text for code, text in _BY_CODE.items() if code in codes), _BY_VERDICT[report.verdict])


def reason(report: Report) -> str:
    """Return why a release was withdrawn, as its log says; "" if it was not."""
    manifest, state = report.manifest, report.state
    release = None if manifest is None or state is None else state.release_of(manifest.digest)
    return "" if release is None or release.withdrawn is None else release.withdrawn
