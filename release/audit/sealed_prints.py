"""Fingerprints that were sealed with a candidate, matched with list entries batch by batch, as the steps of a build match rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.statement import SelfTest
from release import canary
from release.audit.evidence_tables import fixed, malformed
from release.errors import AuditError
from release.fingerprint import CONVENTIONS
from release.ledger import FORMS, PDQ_BYTES
from release.lists import urls
from release.lists.entries import WIDTHS, Entries, link_entry, reserved
from release.lists.stored import Index
from release.match import DigestIndex, NearIndex
from release.steps.url import TRACKING

LINKS: Final = ("url", "domain")
Flags = npt.NDArray[np.bool_]
Owners = npt.NDArray[np.int64]


def is_sealed(kind: str, schema: pa.Schema) -> bool:
    """Tell whether a table of kept rows has what entries of a type are matched with."""
    return bool(_conventions(schema)) if kind == "pdq" else kind in schema.names


def _conventions(schema: pa.Schema) -> list[str]:
    return [f"pdq-{name}" for name in CONVENTIONS if f"pdq-{name}" in schema.names]


def hits(batch: pa.RecordBatch, kind: str, index: Index, distance: int) -> Flags:
    """Return which rows of a batch an entry of one type matches."""
    if isinstance(index, NearIndex):
        return _near(batch, index, distance)
    entries, owners = _links(batch, kind) if kind in LINKS else _digests(batch, kind)
    found = np.zeros(batch.num_rows, np.bool_)
    if isinstance(index, DigestIndex):
        found[owners[index.contains(entries)]] = True
    return found


def check_canaries(name: str, indexes: Mapping[str, Index], distance: int) -> SelfTest:
    """Find a list's reserved entries in its indexes by type, without which a count of zero would say nothing, and return how many.

    Raises:
        AuditError: one was missed, or one beyond the distance was found.
    """
    planted = beyond = 0
    for kind, index in indexes.items():
        wanted = [number for number in canary.DISTANCES if number <= distance] if isinstance(index, NearIndex) else list(reserved(kind))
        if isinstance(index, NearIndex):
            fine = index.reserved_within(canary.picture_forms(), distance) == wanted
            beyond += len(canary.DISTANCES) - len(wanted)
        else:
            fine = isinstance(index, DigestIndex) and bool((index.find(reserved(kind)) >= 0).all())
        if not fine:
            raise AuditError(
                "the self-test failed, so the counts could not be believed",
                where=f"list {name}, type {kind}",
                next_step="import the list again; if that does not help, report this as a bug",
                code="canary",
            )
        planted += len(wanted)
    return SelfTest(planted=planted, caught=planted, beyond=beyond)


def _digests(batch: pa.RecordBatch, kind: str) -> tuple[Entries, Owners]:
    column = batch.column(kind)
    values = fixed(column.drop_null(), WIDTHS[kind])
    if values is None:
        raise malformed("rows", "kept", f"digests of {WIDTHS[kind]} bytes", "others")
    return values, np.flatnonzero(column.is_valid().to_numpy(zero_copy_only=False))


def _links(batch: pa.RecordBatch, kind: str) -> tuple[Entries, Owners]:
    """Return what the links of a batch may be listed under, and the row of each."""
    entries: list[bytes] = []
    owners: list[int] = []
    for row, link in enumerate(batch.column("url").to_pylist()):
        whole = urls.canonical(link) if link else None
        if whole is None:
            continue
        texts = {whole, urls.without(whole, TRACKING)} if kind == "url" else set(urls.domains(urls.host(whole) or ""))
        entries += map(link_entry, texts)
        owners += [row] * len(texts)
    return np.frombuffer(b"".join(entries), np.uint8).reshape(-1, 32), np.array(owners, np.int64)


def _near(batch: pa.RecordBatch, index: NearIndex, distance: int) -> Flags:
    """Return which rows have a hash near an entry, in any view, form and convention."""
    found = np.zeros(batch.num_rows, np.bool_)
    for name in _conventions(batch.schema):
        codes, owners = views(batch.column(name), ("rows", "kept"))
        waiting = ~found[owners]
        found[owners[waiting][index.any_within(codes[waiting], distance)]] = True
    return found


def views(column: pa.Array, place: tuple[str, str]) -> tuple[Entries, Owners]:
    """Return the hashes of a column, (views, 8, 32), and the row of each view; the column's own memory is read.

    Args:
        column: `pdq-` cells.
        place: tier and table that they stand in.

    Raises:
        EvidenceError: a cell does not hold whole views.
    """
    size = FORMS * PDQ_BYTES
    _, places, data = column.buffers()
    ends = np.frombuffer(places, np.int32, len(column) + 1 + column.offset)[column.offset :].astype(np.int64)
    lengths = np.diff(ends)
    if (lengths % size).any():
        raise malformed(*place, f"hashes in groups of {size} bytes", "others")
    whole = np.frombuffer(data, np.uint8)[ends[0] : ends[-1]] if data is not None and data.size else np.zeros(0, np.uint8)
    return whole.reshape(-1, FORMS, PDQ_BYTES), np.repeat(np.arange(len(column)), lengths // size)
