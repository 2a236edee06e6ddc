"""What tier matches lets an auditor add up: the counts of each step, and the entries of the lists in use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from audit_logs.statement import Claim, FilterStep
from release.audit import claims
from release.audit.claims import decide
from release.audit.evidence_tables import Gone, batches, fixed, malformed
from release.evidence import OpenedTier
from release.ledger import COUNTS, LISTS
from release.lists import StoredList

Use = tuple[int, str, str]  # step, list, type of entry
Prefixes = npt.NDArray[np.uint64]
WIDTH = 32
_USE = ("step", "list", "type")


def check_counts(steps: Sequence[FilterStep], matches: OpenedTier, gone: Gone, starts: Sequence[int]) -> Claim:
    """Return the claim on counts: rows that are gone, one by one, against the table `counts` and the attestations.

    Args:
        steps: the attestations.
        matches: the opened tier matches.
        gone: the rows of its table `removed`.
        starts: position of the first row of each source shard.
    """
    removed = Counter(gone.step[gone.removed].tolist())
    unscreenable = Counter(gone.step[~gone.removed].tolist())
    faults = [
        f"step {step.step.order} took other numbers of rows than its attestation says"
        for step in steps
        if (removed[step.step.order], unscreenable[step.step.order]) != (step.removed, step.unscreenable)
    ]
    shards = (np.searchsorted(np.array(starts, np.int64), gone.position, "right") - 1).tolist()
    reasons = ["" if out else reason for out, reason in zip(gone.removed.tolist(), gone.reason, strict=True)]
    if Counter(zip(shards, gone.step.tolist(), reasons, strict=True)) != _counted(matches):
        faults.append("the sealed counts are not those of the sealed rows")
    return decide(claims.COUNTS, faults, f"the counts of all {len(steps)} steps are those of the rows that each one took, shard by shard")


def _counted(matches: OpenedTier) -> Counter[tuple[int, int, str]]:
    total: Counter[tuple[int, int, str]] = Counter()
    for batch in batches(matches, "counts", COUNTS):
        for row in batch.to_pylist():
            if any(value is None for value in row.values()) or row["rows"] < 0:
                raise malformed(matches.tier, "counts", "no null, and no negative number", "one")
            total[row["shard"], row["step"], row["reason"]] += row["rows"]
    return +total


def check_lists(steps: Sequence[FilterStep], matches: OpenedTier, own: Sequence[StoredList]) -> Claim:
    """Return the claim on list entries: as many as attested, none twice; and how many are in the auditor's lists, too.

    A commitment to a list cannot be computed without the list.
    """
    attested = {(step.step.order, item.name, kind): count for step in steps for item in step.lists for kind, count in item.entries.items()}
    used, strays = _used(matches, attested.keys())
    faults = [f"the evidence has {strays} entries of lists that no attestation names"] if strays else []
    faults += [
        f"step {step}, list {name}: the evidence has other numbers of {kind} entries than the attestation"
        for (step, name, kind), count in sorted(attested.items())
        if len(used.get((step, name, kind), ())) != count
    ]
    total = sum(attested.values())
    shared = "" if faults else _overlap(used, matches.key, own)
    return decide(
        claims.LIST_ENTRIES, faults, f"all {total} entries attested are there{shared}; list commitments need the lists themselves"
    )


def _used(matches: OpenedTier, attested: Collection[Use]) -> tuple[dict[Use, Prefixes], int]:
    """Return the entries of the uses that are attested, and how many others there are: of those nothing is kept or told."""
    parts: dict[Use, list[Prefixes]] = {}
    strays = 0
    for batch in batches(matches, "lists", LISTS):
        if any(batch.column(name).null_count for name in _USE):
            raise malformed(matches.tier, "lists", "no null", "one")
        keys = zip(*(batch.column(name).to_pylist() for name in _USE), strict=True)
        rows: dict[Use, list[int]] = {}
        for row, use in enumerate(keys):
            if use in attested:
                rows.setdefault(use, []).append(row)
            else:
                strays += 1
        prefixes = _prefixes(matches, batch.column("entry"))
        for use, own in rows.items():
            parts.setdefault(use, []).append(prefixes[own])
    return {use: np.unique(np.concatenate(chunks)) for use, chunks in parts.items()}, strays


def _prefixes(matches: OpenedTier, entries: pa.Array) -> Prefixes:
    """Return the first 8 bytes of each keyed entry: enough to tell them apart, at a quarter of the memory."""
    whole = fixed(entries, WIDTH)
    if whole is None:
        raise malformed(matches.tier, "lists", "entries of 32 bytes", "others")
    return np.ascontiguousarray(whole[:, :8]).view(">u8").ravel().astype(np.uint64)


def _overlap(used: dict[Use, Prefixes], match_key: bytes, own: Sequence[StoredList]) -> str:
    """Tell how many of the entries used are also in lists of the auditor's own, by type."""
    told = []
    for kind in sorted({use[2] for use in used}):
        theirs = np.unique(np.concatenate([prefixes for use, prefixes in used.items() if use[2] == kind]))
        ours = [entry for stored in own if stored.entries.get(kind) for entry in _keyed(stored, match_key, kind)]
        if ours:
            shared = int(np.isin(np.unique(np.array(ours, np.uint64)), theirs).sum())
            told.append(f"{shared} of {len(set(ours))} own {kind} entries were among them")
    return "".join(f"; {text}" for text in told)


def _keyed(stored: StoredList, match_key: bytes, kind: str) -> Iterator[int]:
    return (int.from_bytes(entry[:8], "big") for entry in stored.keyed_entries(match_key, kind))
