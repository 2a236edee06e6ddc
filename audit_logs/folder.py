"""What the folder of a release may hold, and must. Source: docs/SPEC.md sections 5 and 13.6."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from audit_logs import envelope, statement, tiles
from audit_logs import manifest as manifests
from audit_logs.case import Case, established
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.errors import Failure, FormatError
from audit_logs.files import FileInfo
from audit_logs.replay import CandidateState

CHECKPOINT = "log/checkpoint"
OUTSIDE_THE_PROOF = ("report.html", "trust.json")
_EVIDENCE = ("evidence/matches.age", "evidence/rows.age")
_ENTRY_FOLDERS = ("attestations/", "opinions/", "reports/")
_TOLERATED_FILE = ".gitattributes"
_TOLERATED_FOLDER = ".cache/huggingface/"


def is_tolerated(path: str) -> bool:
    """Tell whether a file is none of the release's and yet no fault; the verifier names it."""
    return path == _TOLERATED_FILE or path.startswith(_TOLERATED_FOLDER)


def entry_files(candidate: CandidateState) -> dict[str, bytes]:
    """Return the files of attestations/, reports/ and opinions/ that a candidate must have: path -> bytes of the log entry."""
    files = {statement.attestation_path(step.step, entry.keyid): entry for entry, step in candidate.attestations}
    files |= {statement.report_path(entry.organisation, entry.keyid): entry for entry in candidate.reports}
    files |= {statement.opinion_path(entry.organisation, entry.keyid): entry for entry in candidate.opinions}
    return {path: entry.envelope.raw for path, entry in files.items()}


def check_folder(case: Case) -> Iterator[Failure]:
    """Yield everything that the folder holds and must not, or lacks (13.6)."""
    for info in case.listing.values():
        yield from _check_kind(info)
    yield from _check_names(case)
    yield from _check_set(case)
    found = {path for path in case.listing if path.startswith(_ENTRY_FOLDERS)}
    manifest = established(case.manifest).digest
    yield from _check_subjects(case, found, manifest) if case.candidate is None else _check_entries(case, found, case.candidate)


def _check_set(case: Case) -> Iterator[Failure]:
    """The manifest and its files, the checkpoint and its tiles have to be there; little else may, entries apart."""
    manifest, size = established(case.manifest), established(case.signed).checkpoint.size
    expected = {manifests.PATH, CHECKPOINT, *(f"log/{path}" for path in tiles.tile_paths(size))}
    expected |= {shard.path for shard in manifest.shards} | {entry.path for entry in manifest.files}
    is_released = established(case.state).release_of(manifest.digest) is not None
    optional = {*OUTSIDE_THE_PROOF, *(() if is_released else _EVIDENCE)}
    for path in sorted(expected - case.listing.keys()):
        yield Failure("folder-missing", path, "a file", "none")
    for path in sorted(case.listing.keys() - expected - optional):
        if not is_tolerated(path) and not path.startswith(_ENTRY_FOLDERS):
            yield Failure("folder-extra", _shown(path), "no such file", "a file that does not belong to the release")


def _shown(path: str) -> str:
    """Return a name as it can be printed: a host chooses names, and a terminal obeys control characters."""
    return path if path.isprintable() else ascii(path)


def _check_kind(info: FileInfo) -> Iterator[Failure]:
    if info.special:
        yield Failure("folder-link", _shown(info.path), "a file", info.special)
    elif info.size == 0 and not is_tolerated(info.path):
        yield Failure("folder-extra", _shown(info.path), "no empty file", "an empty file")


def _check_names(case: Case) -> Iterator[Failure]:
    """Two names that some file systems take for one would let a reader open another file than the one that was checked."""
    folded: dict[str, str] = {}
    for path in case.listing:
        other = folded.setdefault(unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).lower().upper()), path)
        if any("\ud800" <= character <= "\udfff" for character in path):
            yield Failure("folder-name", _shown(path), "a name in UTF-8", "other bytes")
        if other != path:
            yield Failure("folder-name", _shown(path), "names that differ by more than case or normalisation", _shown(other))


def _check_entries(case: Case, found: set[str], candidate: CandidateState) -> Iterator[Failure]:
    expected = entry_files(candidate)
    for path in sorted(found | expected.keys()):
        if path not in expected:
            yield Failure("folder-entries", _shown(path), "no such file", "a file that is no standing entry of this candidate")
        elif path not in found:
            yield Failure("folder-entries", path, "the log's entry", "none")
        elif case.listing[path].special or case.read(path, MAX_BUNDLE) != expected[path]:
            yield Failure("folder-entries", path, "the log's entry, byte for byte", "other bytes")


def _check_subjects(case: Case, found: set[str], manifest: str) -> Iterator[Failure]:
    """Where no candidate stands, statements about another manifest show that this one was exchanged."""
    for path in sorted(found):
        if case.listing[path].special or not _speaks_of(manifest, case.read(path, MAX_BUNDLE)):
            yield Failure("folder-entries", _shown(path), f"a statement about manifest {manifest}", "something else")


def _speaks_of(manifest: str, data: bytes) -> bool:
    """Tell whether these are the bytes of a bundle with a statement about a manifest."""
    try:
        return statement.parse(envelope.parse(data, where="bundle").payload).subject == statement.about_manifest(manifest)
    except FormatError:
        return False
