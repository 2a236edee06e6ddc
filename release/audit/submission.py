"""Report and opinion on their way into a candidate: both or none, and remembered by the witness before anybody can have them.

A signed pair is first written into the private work folder, then remembered, then laid out: the opinion first, so that a report
never lies there alone, and is never logged alone. Who is killed in between loses nothing: the next audit lays the same pair out.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from audit_logs import canonical, documents, witness
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.fields import Text
from audit_logs.note import VerifierKey
from release import store
from release.audit.statements import Signed

_NAME = "submission.json"
_LIMIT = 8 * MAX_BUNDLE


@dataclass(frozen=True, slots=True)
class _Pair:
    """What waits to be given away: the log that it is meant for (vkey), and each bundle with the path that it goes to."""

    log: Text
    opinion: Text
    opinion_path: Text
    report: Text
    report_path: Text


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
        opinion_path, report_path = (str((out / path).absolute()) for path in (signed.opinion_path, signed.report_path))
        pair = _Pair(log_key.text, signed.opinion.raw.decode(), opinion_path, signed.report.raw.decode(), report_path)
        store.make_private_folder(self.private)
        store.write_file(self.private / _NAME, canonical.encode(documents.write(pair)), private=True)
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
        pair = documents.read(_Pair, found, str(waiting))
        digests = [sha256(text.encode()).hexdigest() for text in (pair.report, pair.opinion)]
        witness.remember_submitted(self.memory, VerifierKey.parse(pair.log), digests)
        for path, text in ((Path(pair.opinion_path), pair.opinion), (Path(pair.report_path), pair.report)):
            store.make_folder(path.parent)
            store.write_file(path, text.encode())
        waiting.unlink()
