"""The steps `neighbours`, done again on the fingerprints that tier matches seals: who was removed before, who lies near, who does not.

Hashes are compared as the step compares them. Vectors are not sealed: where a step compares them too, what it took may have had its
reason in them, and only what it left by hashes is judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from release.audit.evidence_tables import batches
from release.audit.sealed_prints import Flags, views
from release.evidence import OpenedTier
from release.ledger import PDQ_BYTES, PLACE
from release.match import NearIndex
from release.steps.neighbours import Parameters

_PLACED = [PLACE.field(name) for name in ("status", "step", "list")]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """What the sealed fingerprints say of one step.

    Attributes:
        left: how many rows it left that lie near one of them.
        taken: how many rows it took.
        far: how many of these lie near none of them.
        whole: whether hashes are all that it compared.
    """

    left: int
    taken: int
    far: int
    whole: bool

    @property
    def faults(self) -> list[str]:
        """What contradicts the attestation, in words."""
        left = f"left {self.left} rows that lie near a removed one" if self.left else ""
        far = f"took {self.far} rows that lie near no removed one" if self.far and self.whole else ""
        return [fault for fault in (left, far) if fault]

    @property
    def done(self) -> str:
        """What was found where there is no fault, in words, and without the number of hashes: reports are published."""
        took = f", and all {self.taken} that it took do" if self.whole else ""
        return f"no row that it left lies near one that was removed before it{took}, by sealed hashes"


def neighbourhood(order: int, parameters: Parameters, rows: OpenedTier, matches: OpenedTier) -> Neighbourhood:
    """Return what the sealed fingerprints say of a step that compares hashes.

    Args:
        order: the step's number.
        parameters: its attested ones.
        rows: the opened tier rows.
        matches: the opened tier matches.

    Raises:
        EvidenceError: a table is not in its form.
    """
    hashes = [pa.field(f"pdq-{convention}", pa.binary()) for convention in parameters.conventions]
    seeds = {field.name: _seeds(matches, order, parameters, field) for field in hashes}
    near = _Near({name: _index(codes) for name, codes in seeds.items() if len(codes)}, parameters.pdq or 0)
    left = sum(int(near.flags(batch, ("rows", "kept")).sum()) for batch in batches(rows, "kept", pa.schema(hashes)))
    taken = far = 0
    for batch in batches(matches, "removed", pa.schema([*_PLACED, *hashes])):
        flags, step = near.flags(batch, ("matches", "removed")), batch.column("step").to_numpy(zero_copy_only=False)
        went = pc.equal(batch.column("status"), "removed").to_numpy(zero_copy_only=False)
        own, later = (step == order) & went, (step > order) & went  # one that a later step could not screen may have been gone before
        left += int((later & flags).sum())
        taken, far = taken + int(own.sum()), far + int((own & ~flags).sum())
    return Neighbourhood(left, taken, far, whole=parameters.embedding is None)


@dataclass(frozen=True, slots=True)
class _Near:
    """The hashes that rows are compared with, by column, and the largest distance."""

    indexes: dict[str, NearIndex]
    radius: int

    def flags(self, batch: pa.RecordBatch, place: tuple[str, str]) -> Flags:
        """Return (n,) bool: which rows lie near a removed one in any frame, form and convention."""
        found = np.zeros(batch.num_rows, np.bool_)
        for name, index in self.indexes.items():
            codes, owners = views(batch.column(name), place)
            found[owners[index.any_within(codes, self.radius)]] = True
        return found


def _index(codes: np.ndarray) -> NearIndex:
    return NearIndex.build(codes, np.zeros((0, PDQ_BYTES), np.uint8))


def _seeds(matches: OpenedTier, order: int, parameters: Parameters, field: pa.Field) -> np.ndarray:
    """Return the distinct hashes (n, 32) of the rows that earlier steps removed, in the form in which their pictures are stored."""
    parts = [views(chosen.column(field.name), ("matches", "removed"))[0][:, 0] for chosen in _removed(matches, order, parameters, field)]
    return np.unique(np.concatenate([np.zeros((0, PDQ_BYTES), np.uint8), *parts]), axis=0)


def _removed(matches: OpenedTier, order: int, parameters: Parameters, field: pa.Field) -> Iterator[pa.RecordBatch]:
    for batch in batches(matches, "removed", pa.schema([*_PLACED, field])):
        chosen = pc.and_(pc.less(batch.column("step"), order), pc.equal(batch.column("status"), "removed"))
        if parameters.of == "listed":
            chosen = pc.and_(chosen, pc.not_equal(batch.column("list"), ""))
        yield batch.filter(chosen)
