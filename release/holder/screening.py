"""A request's records against the holder's lists, by the matching of a build; what comes out is ids and counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.statement import AuditorList, SelfTest
from release.audit.sealed_prints import check_canaries, hits
from release.errors import ListError
from release.exchange import PDQ, Record
from release.exchange.types import is_perceptual
from release.lists import ListStore, StoredList
from release.lists.stored import Index

BATCH = 4096  # records
BATCH_BYTES = 32 << 20  # of fingerprints: one record may have tens of thousands of views
Ids = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Opened:
    """A list with the indexes, by type, that a request can be compared with."""

    stored: StoredList
    indexes: Mapping[str, Index]

    @property
    def told(self) -> AuditorList:
        """What the answer's statement says of it."""
        return AuditorList(
            name=self.stored.name,
            authority=self.stored.authority,
            vintage=self.stored.vintage.isoformat(),
            vintage_from="file" if self.stored.vintage_from == "file" else "declared",
            entries={kind: self.stored.entries[kind] for kind in sorted(self.indexes)},
            partial=self.stored.partial,
        )


@dataclass(slots=True)
class Lists:
    """The holder's lists, ready to be compared.

    Attributes:
        opened: the lists.
        types: of the request's fingerprints, in order.
        distance: largest distance in bits of a near match.
        self_test: what became of the canaries in all indexes.
    """

    opened: tuple[Opened, ...]
    types: tuple[str, ...]
    distance: int
    self_test: SelfTest = field(init=False)

    def __post_init__(self) -> None:
        """Find every canary.

        Raises:
            AuditError: one was missed.
        """
        tests = [check_canaries(one.stored.name, one.indexes, self.distance) for one in self.opened]
        self.self_test = SelfTest(*(sum(getattr(test, name) for test in tests) for name in ("planted", "caught", "beyond")))

    def matched(self, records: Iterable[Record], tick: Callable[[int], object]) -> Ids:
        """Return the ids (m, 32) of the records that any list matches, in the order in which they came."""
        found = [np.zeros((0, 32), np.uint8)]
        for some in _in_batches(records):
            batch = self._batch(some)
            flags = np.zeros(len(some), np.bool_)
            for one in self.opened:
                for kind, index in one.indexes.items():
                    flags |= hits(batch, kind, index, self.distance)
            ids = np.frombuffer(b"".join(record.id for record in some), np.uint8).reshape(-1, 32)
            found.append(ids[flags])
            tick(len(some))
        return np.concatenate(found)

    def _batch(self, some: Sequence[Record]) -> pa.RecordBatch:
        columns = zip(*(record.cells for record in some), strict=True)
        return pa.record_batch([pa.array([cell or None for cell in cells], pa.binary()) for cells in columns], names=list(self.types))


def _in_batches(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Yield records in lists of `BATCH`, or of fewer that have `BATCH_BYTES` together."""
    some: list[Record] = []
    size = 0
    for record in records:
        some.append(record)
        size += sum(map(len, record.cells))
        if len(some) == BATCH or size >= BATCH_BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def open_lists(store: ListStore, names: Sequence[str], asked: tuple[tuple[str, ...], int | None], today: date) -> Lists:
    """Return the lists of these names, each with every type of fingerprints that is asked about; `asked`: types and distance.

    Raises:
        ListError: one is missing, damaged, from the future, or has no entry that the request could be compared with.
        AuditError: a canary was missed.
    """
    types, distance = asked
    usable = {PDQ if is_perceptual(kind) else kind for kind in types}
    return Lists(tuple(_opened(store, names, usable, today)), types, distance or 0)


def _opened(store: ListStore, names: Sequence[str], usable: set[str], today: date) -> Iterator[Opened]:
    for name in dict.fromkeys(names):
        stored = store.open(name)
        stored.check_age(today, None)
        kinds = [kind for kind, count in sorted(stored.entries.items()) if count and kind in usable]
        if not kinds:
            raise ListError(
                "the request has nothing that the list could be compared with",
                where=f"list {name}",
                expected="entries of type " + " or ".join(sorted(usable)),
                found=", ".join(sorted(stored.entries)),
                next_step="leave this list out, or tell the institution which fingerprints it takes",
                code="list-type",
            )
        yield Opened(stored, {kind: stored.index(kind) for kind in kinds})
