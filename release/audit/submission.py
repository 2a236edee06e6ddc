"""Report and opinion on their way into a candidate: both or none, and remembered by the witness before anybody can have them.

A signed pair is first written into the private work folder, then remembered, then laid out: the opinion first, so that a report
never lies there alone, and is never logged alone. Who is killed in between loses nothing: the next audit lays the same pair out.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from audit_logs import canonical, witness
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.note import VerifierKey
from release import store
from release.audit.statements import Signed

_NAME = "submission.json"
_LIMIT = 8 * MAX_BUNDLE
_MEMBERS = ("log", "opinion", "opinionPath", "report", "reportPath")


@dataclass(frozen=True, slots=True)
class Desk:
    """Where an auditor keeps what it has signed and not yet given away: a private folder; and its witness's memory."""

    private: Path
    memory: Path

    def submit(self, out: Path, signed: Signed, log_key: VerifierKey) -> None:
        """Lay report and opinion out below `out`, for the log of this key.

        Raises:
            StoreError: they could not be written; the next audit tries again.
        """
        paths = ((out / path).absolute() for path in (signed.opinion_path, signed.report_path))
        texts = (log_key.text, signed.opinion.raw.decode(), str(next(paths)), signed.report.raw.decode(), str(next(paths)))
        store.make_private_folder(self.private)
        store.write_file(self.private / _NAME, canonical.encode(dict(zip(_MEMBERS, texts, strict=True))), private=True)
        self.resume()

    def resume(self) -> None:
        """Finish what was begun, if there is something.

        Raises:
            FormatError: what lies in the private folder is no submission.
            StoreError: it could not be read or written.
        """
        waiting = self.private / _NAME
        if not waiting.exists():
            return
        found = canonical.decode(store.read_file(waiting, _LIMIT, private=True), where=str(waiting), limit=_LIMIT)
        log, opinion, opinion_path, report, report_path = (
            str(canonical.members(found, _MEMBERS, where=str(waiting))[name]) for name in _MEMBERS
        )
        digests = [sha256(text.encode()).hexdigest() for text in (report, opinion)]
        witness.remember_submitted(self.memory, VerifierKey.parse(log), digests)
        for path, text in ((Path(opinion_path), opinion), (Path(report_path), report)):
            store.make_folder(path.parent)
            store.write_file(path, text.encode())
        waiting.unlink()
