"""What auditors give back: report, opinion and cosignature on their way from wherever they lie into the candidate's folder.

    1. every file of reports/ and opinions/ of a folder, of a repository and of its open pull requests, and each log/checkpoint
    2. a bundle counts by what it says and who signed it, never by its name: it has to apply to the candidate's log, after what is
       there. A report comes with its opinion or not at all
    3. a cosignature counts on the very checkpoint of the candidate's log; one on an older checkpoint is told, one on another history
       stops everything

What was added before is not added again. Nothing is logged here: that is what `publish` does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit_logs import envelope, merkle, note, statement
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.errors import FormatError, StoreError, VerificationError
from audit_logs.folder import entry_files
from audit_logs.log import Log
from audit_logs.note import SignedCheckpoint, VerifierKey
from audit_logs.replay import CandidateState, replay
from audit_logs.statement import AuditReport, Opinion
from audit_logs.trust import Trust
from release import store
from release.delivery import Contents, change, listed
from release.destination import keep_cosignatures
from release.errors import GateError, UsageError
from release.hub import Change, HubDataset
from release.hubplace import HubDestination, check_private, standing_of, temporary, unmoved
from release.shelves import LOG, manifest_of

_CHECKPOINT = f"{LOG}/checkpoint"
_SUBMITTED = ("reports/", "opinions/")  # in this order they are logged
_MOST_FILES = 1000
_UNUSABLE = "opinion-void"


@dataclass(frozen=True, slots=True)
class Piece:
    """A file that an auditor gave back: where it came from, its path there, its bytes, and why it cannot be used if it cannot be read."""

    source: str
    path: str
    data: bytes
    fault: str = ""

    def __str__(self) -> str:
        """Return its place."""
        return f"{self.source}: {self.path!a}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A file that cannot be used, and why: a code of docs/errors.md, or of the log."""

    piece: Piece
    code: str


@dataclass(slots=True)
class Added:
    """What was brought back.

    Attributes:
        opinions: organisation -> PASSED or FAILED, for each opinion that is new in the folder.
        cosigned: organisations whose cosignature is new on the folder's checkpoint.
        older: organisations that cosigned an older checkpoint, which has to be cosigned again.
        refused: files that cannot be used.
    """

    opinions: dict[str, str] = field(default_factory=dict)
    cosigned: list[str] = field(default_factory=list)
    older: list[str] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def add(folder: Path, sources: Iterable[Path | HubDestination], trust: Trust) -> Added:
    """Bring what auditors gave back into a candidate's folder.

    Args:
        folder: the candidate.
        sources: folders, files, or repositories for candidates.
        trust: the institution's trust file.

    Raises:
        UsageError: a source is not there.
        GateError: a checkpoint is of another history of this log, or ahead of it (`log-fork`, `log-behind`).
        HubError: the Hub refused or failed.
        StoreError: a file cannot be read or written.
    """
    found = [piece for source in sources for piece in _found(source)]
    pieces = [piece for piece in found if not piece.fault]
    added = Added(refused=[Refused(piece, piece.fault) for piece in found if piece.fault])
    with store.lock(folder):
        log = Log.open(folder / LOG, trust.log.key)
        entries = log.entries()
        for piece in pieces:
            if piece.path == _CHECKPOINT:
                _cosignatures(piece, (log, entries), trust, added)
        _bundles(folder, [piece for piece in pieces if piece.path != _CHECKPOINT], (entries, trust), added)
    return added


def _found(source: Path | HubDestination) -> Iterator[Piece]:
    if isinstance(source, HubDestination):
        yield from _on_hub(source)
    elif source.is_dir():
        for path in (source / _CHECKPOINT, *(path for place in _SUBMITTED for path in sorted((source / place).glob("*.sigstore.json")))):
            if path.exists():
                yield _read(str(source), path.relative_to(source).as_posix(), path)
    elif source.exists():
        data = store.read_file(source, MAX_BUNDLE)
        yield Piece(str(source.parent), source.name if data.startswith(b"{") else _CHECKPOINT, data)
    else:
        raise UsageError("there is nothing to take an opinion from", where=str(source), expected="a folder, a file or hub:owner/name")


def _read(source: str, path: str, file: Path) -> Piece:
    """Return a file as it is, or that it cannot be used: whoever gives one that is too large keeps no other from being read."""
    try:
        return Piece(source, path, store.read_file(file, MAX_BUNDLE))
    except StoreError:
        return Piece(source, path, b"", _UNUSABLE)


def _laid(folder: Path) -> list[Piece]:
    """Return what lies in a folder of one's own.

    Raises:
        StoreError: a file cannot be read.
    """
    pieces = list(_found(folder))
    for piece in pieces:
        if piece.fault:
            store.read_file(folder / piece.path, MAX_BUNDLE)
    return pieces


def _on_hub(place: HubDestination) -> Iterator[Piece]:
    """Yield the files of the default branch, then those of each pull request that are others."""
    heads = {str(place): standing_of(place.repository).head}
    heads |= {f"{place}, {ref}": HubDataset(place.name, commit) for ref, commit in place.repository.refs().requests.items()}
    seen = set()
    with temporary() as folder:
        for name, head in heads.items():
            try:
                files = {path: file for path, file in listed(head).items() if _is_wanted(path)}
            except VerificationError as problem:
                yield Piece(name, problem.where, b"", problem.code)
                continue
            if len(files) > _MOST_FILES:
                yield Piece(name, f"{len(files)} files", b"", _UNUSABLE)
                continue
            for path, file in files.items():
                if (path, file.git, file.sha256) not in seen:
                    seen.add((path, file.git, file.sha256))
                    too_large = file.bytes > MAX_BUNDLE
                    yield Piece(name, path, b"", _UNUSABLE) if too_large else _read(name, path, head.fetch(path, folder / head.commit))


def send(folder: Path, place: HubDestination) -> str | None:
    """Give what an auditor has laid into a copy of the candidate back, as a pull request; return its reference, None if it is there.

    Args:
        folder: the auditor's copy, with report and opinion, or only a cosigned log.
        place: the repository for candidates.

    Raises:
        UsageError: the folder holds nothing of that kind.
        HubError: the repository is not private (`hub-public`), or the Hub refused or failed.
    """
    standing = standing_of(place.repository)
    check_private(place.repository, standing)
    contents = Contents({piece.path: folder / piece.path for piece in _laid(folder)} if folder.is_dir() else {})
    if not contents.files:
        raise UsageError("there is no report, opinion or log here", where=str(folder), expected="the candidate that was audited")
    heads = [standing.head, *(HubDataset(place.name, commit) for commit in place.repository.refs().requests.values())]
    if not all(_missing(contents, head) for head in heads):
        return None
    made = _missing(contents, standing.head)
    check_private(place.repository, unmoved(place.repository, standing.head))
    return place.repository.commit(standing.head, made, "Report, opinion and cosignature", request=True)


def _missing(contents: Contents, head: HubDataset) -> Change:
    """Return which files a commit has not, or has otherwise; of one that lists what is no path, nothing is believed."""
    try:
        there = listed(head)
    except VerificationError:
        there = {}
    return change(contents, {path: there[path] for path in there if path in contents.files})


def _is_wanted(path: str) -> bool:
    return path == _CHECKPOINT or (path.startswith(_SUBMITTED) and path.endswith(".sigstore.json"))


def _cosignatures(piece: Piece, ours: tuple[Log, Sequence[bytes]], trust: Trust, added: Added) -> None:
    """Add the cosignatures of a checkpoint that is the log's own.

    Raises:
        GateError: it is of another history (`log-fork`), or of a newer state (`log-behind`).
    """
    log, entries = ours
    try:
        signed = note.parse_signed(piece.data)
        witnesses = [VerifierKey.parse(auditor.witness) for auditor in trust.auditors]
        times = note.verify_signed(signed, log.key, witnesses)
    except (FormatError, VerificationError) as problem:
        added.refused.append(Refused(piece, problem.code))
        return
    _check_history(piece, signed, entries)
    if signed.checkpoint == log.signed.checkpoint:
        added.cosigned += keep_cosignatures(log, signed, trust)
    else:
        added.older += [key.name for key in times if key.name not in added.older]


def _check_history(piece: Piece, signed: SignedCheckpoint, entries: Sequence[bytes]) -> None:
    size, root = signed.checkpoint.size, signed.checkpoint.root
    if size > len(entries):
        raise GateError(
            "the auditor has a newer log than this folder",
            where=str(piece),
            expected=f"at most {len(entries)} entries",
            found=f"{size} entries",
            next_step="take the folder with the newest log",
            code="log-behind",
        )
    if merkle.root([merkle.leaf_hash(entry) for entry in entries[:size]]) != root:
        raise GateError(
            "the auditor has another history of this log",
            where=str(piece),
            expected="a beginning of the log in this folder",
            found=f"root {root.hex()} at size {size}",
            next_step="keep both copies; one line has one log, and no command goes on while there are two",
            code="log-fork",
        )


def _bundles(folder: Path, pieces: Sequence[Piece], ours: tuple[Sequence[bytes], Trust], added: Added) -> None:
    """Write the reports and opinions that would apply to the log, after those that lie in the folder already."""
    entries, trust = ours
    here = [piece.data for piece in _laid(folder) if piece.path != _CHECKPOINT]
    new: dict[bytes, Piece] = {}
    for piece in pieces:
        if piece.data not in here and piece.data not in entries:
            new.setdefault(piece.data, piece)
    order = sorted((raw for raw in (*here, *new) if raw not in entries), key=lambda raw: not _is_report(raw))
    state = replay([*entries, *order], trust)
    voids = {order[void.index - len(entries)]: void.code for void in state.voids if void.index >= len(entries)}
    candidate = state.candidates.get(manifest_of(folder).digest)
    due = _paths(candidate)
    added.refused += [Refused(piece, voids.get(raw, _UNUSABLE)) for raw, piece in new.items() if raw not in due]
    for raw in sorted(new.keys() & due.keys(), key=lambda raw: due[raw]):  # opinions first: a report never lies there alone
        store.make_folder((folder / due[raw]).parent)
        store.write_file(folder / due[raw], raw)
    added.opinions |= _results(candidate, new)


def _paths(candidate: CandidateState | None) -> dict[bytes, str]:
    """Return the path of each report and opinion on a candidate that has its partner."""
    files = {} if candidate is None else entry_files(candidate)
    return {raw: path for path, raw in files.items() if path.startswith(_SUBMITTED) and _partner(path) in files}


def _results(candidate: CandidateState | None, new: Collection[bytes]) -> dict[str, str]:
    """Return organisation -> result of the opinions among some bundles."""
    opinions = () if candidate is None else candidate.opinions
    said = {entry.organisation: entry.predicate for entry in opinions if entry.envelope.raw in new}
    return {organisation: opinion.verification_result for organisation, opinion in said.items() if isinstance(opinion, Opinion)}


def _is_report(raw: bytes) -> bool:
    """Tell whether a bundle says that it is a report; what is none of ours is no report."""
    try:
        return isinstance(statement.parse(envelope.parse(raw, where="bundle").payload).predicate, AuditReport)
    except FormatError:
        return False


def _partner(path: str) -> str:
    """Return the path of the opinion to a report, and of the report to an opinion: they have one name."""
    place, _, name = path.partition("/")
    return f"{'opinions' if place == 'reports' else 'reports'}/{name}"
