"""What a list says of a release that was built before it: its entries against the fingerprints that were sealed then.

No image is read, and no row is named: only counts come out. Digests, PDQ hashes under every convention that was sealed, links
and domains are matched as the steps of a build do; digests of links are not, and PhotoDNA values are not sealed and cannot be. With
`new_only` the entries that the release was screened with are left out: the sealed tier `matches` tells them, each under the match
key. It tells all entries of a list; those of a type that the list's step did not compare with what was sealed, by its attestation,
are not left out, and neither are those of a step that no attestation speaks of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from audit_logs import envelope, statement
from audit_logs import manifest as manifests
from audit_logs.envelope import MAX_BUNDLE
from audit_logs.manifest import Manifest
from audit_logs.statement import FilterStep
from release import store
from release.audit.attested import compared
from release.audit.evidence_tables import batches, columns, fixed, malformed
from release.audit.opened import opened_folder
from release.audit.sealed_prints import check_canaries, hits, is_sealed
from release.errors import EvidenceError, ListError
from release.evidence import OpenedTier, open_tier
from release.ledger import LISTS
from release.lists import ListStore, StoredList
from release.lists.entries import WIDTHS, reserved
from release.lists.stored import Index, new_index
from release.match import DigestIndex
from release.steps.near_hash import DISTANCE


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked.

    Attributes:
        folder: the candidate, with its sealed evidence.
        identity: file of an age identity that opens tier `rows`, and for `new_only` tier `matches` as well.
        store: the list store.
        name: the list.
        distance: largest distance in bits of a near match.
        new_only: whether only entries count that the release was not screened with.
    """

    folder: Path
    identity: Path
    store: Path
    name: str
    distance: int = DISTANCE
    new_only: bool = False

    @property
    def private(self) -> Path:
        """The private folder beside the candidate in which evidence lies open meanwhile."""
        return self.folder.absolute().with_name(f"{self.folder.absolute().name}.rescreen")


@dataclass(slots=True)
class Rescreened:
    """What came of it: counts.

    Attributes:
        release: name and version.
        rows: kept rows of the release.
        entries: entries that were matched, by type.
        unused: types of entries that no sealed fingerprint can be matched with.
        matched: rows that an entry of each type matches.
        rows_matched: rows that any entry matches.
    """

    release: str
    rows: int
    entries: dict[str, int]
    unused: tuple[str, ...]
    matched: dict[str, int] = field(default_factory=dict)
    rows_matched: int = 0


def rescreen(request: Request, tick: Callable[[int], object] = lambda _: None) -> Rescreened:
    """Match a list with a candidate's sealed fingerprints; `tick` is told the number of rows after each batch.

    Raises:
        EvidenceError: the evidence cannot be opened, is of another manifest, or is not in its form.
        ListError: the list is missing, damaged, or has no entry that could be matched; or its self-test failed.
        FormatError: with `new_only`, a file of attestations/ is none.
    """
    manifest = _manifest(request.folder)
    used = ListStore(request.store).open(request.name)
    with opened_folder(request.private) as folder:
        tier = _open(request, "rows", manifest, folder)
        schema = columns(tier, "kept")
        known = _known(request, manifest, folder)
        indexes = {kind: _index(used, kind, known) for kind in sorted(used.entries) if used.entries[kind] and is_sealed(kind, schema)}
        check_canaries(used.name, indexes, request.distance)
        done = Rescreened(
            release=f"{manifest.name} {manifest.version}",
            rows=manifest.rows,
            entries={kind: len(index) for kind, index in indexes.items()},
            unused=tuple(sorted(kind for kind, count in used.entries.items() if count and kind not in indexes)),
            matched=dict.fromkeys(indexes, 0),
        )
        if not indexes:
            raise ListError("no entry of the list can be matched with what was sealed", where=f"list {used.name}", code="list-type")
        _count(batches(tier, "kept", schema), indexes, request.distance, (done, tick))
    return done


def _count(
    stream: Iterator[pa.RecordBatch], indexes: Mapping[str, Index], distance: int, into: tuple[Rescreened, Callable[[int], object]]
) -> None:
    done, tick = into
    seen = 0
    for batch in stream:
        found = {kind: hits(batch, kind, index, distance) for kind, index in indexes.items()}
        for kind, rows_of_kind in found.items():
            done.matched[kind] += int(rows_of_kind.sum())
        done.rows_matched += int(np.logical_or.reduce(list(found.values())).sum())
        seen += batch.num_rows
        tick(batch.num_rows)
    if seen != done.rows:
        raise malformed("rows", "kept", f"{done.rows} rows, as in the manifest", f"{seen}")


def _manifest(folder: Path) -> Manifest:
    data = store.read_file(folder / "release.json", manifests.LIMIT)
    return manifests.parse(data)


def _open(request: Request, name: str, manifest: Manifest, folder: Path) -> OpenedTier:
    """Return an opened tier of this manifest."""
    tier = open_tier(request.folder / "evidence" / f"{name}.age", request.identity, folder)
    if tier.tier != name or tier.manifest != manifest.digest:
        raise EvidenceError(
            "the sealed evidence is of another candidate", where=f"tier {name}", expected="the manifest of this folder", found="another"
        )
    return tier


def _known(request: Request, manifest: Manifest, folder: Path) -> tuple[bytes, DigestIndex] | None:
    """Return the match key and the keyed entries that the release was screened with, or None where all entries count."""
    if not request.new_only:
        return None
    tier = _open(request, "matches", manifest, folder)
    used = set(_uses(request.folder, manifest))
    parts = [fixed(_used(batch, used), 32) for batch in batches(tier, "lists", LISTS)]
    if any(part is None for part in parts):
        raise malformed("matches", "lists", "entries of 32 bytes", "others")
    none = np.zeros((0, 32), np.uint8)
    return tier.key, DigestIndex.build(np.concatenate([none, *(part for part in parts if part is not None)]), none)


def _uses(folder: Path, manifest: Manifest) -> Iterator[tuple[int, str]]:
    """Yield the number of each step of this manifest with the types of entries that its attestation says it compared."""
    for path in sorted((folder / "attestations").glob("*")):
        said = statement.parse(envelope.parse(store.read_file(path, MAX_BUNDLE), where=path.name).payload, where=path.name)
        if isinstance(said.predicate, FilterStep) and said.subject.sha256 == manifest.digest:
            yield from ((said.predicate.step.order, kind) for kind in compared(said.predicate))


def _used(batch: pa.RecordBatch, used: set[tuple[int, str]]) -> pa.Array:
    """Return the keyed entries of a batch that a step matched rows with."""
    pairs = zip(batch.column("step").to_pylist(), batch.column("type").to_pylist(), strict=True)
    return batch.column("entry").filter(pa.array([pair in used for pair in pairs], pa.bool_()))


def _index(used: StoredList, kind: str, known: tuple[bytes, DigestIndex] | None) -> Index:
    """Return the index of one type: the stored one, or one of the entries that are new."""
    if known is None:
        return used.index(kind)
    key, index = known
    fresh = [np.zeros((0, WIDTHS[kind]), np.uint8)]
    keyed = used.keyed_entries(key, kind)
    for chunk in used.raw_entries(kind):
        marks = np.frombuffer(b"".join(next(keyed) for _ in range(len(chunk))), np.uint8).reshape(-1, 32)
        fresh.append(chunk[~index.contains(marks)])
    return new_index(kind, np.concatenate(fresh), reserved(kind))
