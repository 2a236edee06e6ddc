"""The keyed trees, computed anew from the sealed row digests (docs/SPEC.md sections 3.3 and 4).

Tier rows ties the first and the last keyed root to source and release; tier matches every boundary between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from audit_logs.manifest import Manifest
from audit_logs.statement import Claim
from release.audit import claims
from release.audit.candidate import Examined
from release.audit.claims import decide
from release.audit.evidence_tables import Gone, SourceShard, source_shards
from release.evidence import OpenedTier
from release.rows import KeyedTree, commitment, dataset_root, tree_root

Roots = list[tuple[bytes, int]]


@dataclass(slots=True)
class _Trees:
    """What the source's shards have given so far; `between` holds the keyed shard roots at boundaries 0 to n."""

    source: Roots = field(default_factory=list)
    first: Roots = field(default_factory=list)
    last: Roots = field(default_factory=list)
    between: list[Roots] = field(default_factory=list)
    rows: int = 0
    flags_differ: int = 0


@dataclass(slots=True)
class Published:
    """Compares a stream of row digests with the row group roots of the manifest, which the published bytes were found to give."""

    manifest: Manifest
    faults: int = 0
    _pending: npt.NDArray[np.uint8] = field(default_factory=lambda: np.zeros((0, 32), np.uint8))
    _next: int = 0
    _expected: list[tuple[int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """List the row groups that are to come."""
        self._expected = [(group.rows, group.root) for shard in self.manifest.shards for group in shard.row_groups]

    def add(self, digests: npt.NDArray[np.uint8]) -> None:
        """Take the next digests, (n, 32)."""
        self._pending = np.concatenate([self._pending, digests])
        while self._next < len(self._expected) and len(self._pending) >= self._expected[self._next][0]:
            rows, root = self._expected[self._next]
            self.faults += tree_root(self._pending[:rows]).hex() != root
            self._pending, self._next = self._pending[rows:], self._next + 1

    @property
    def holds(self) -> bool:
        """Tell whether the digests were those of the published rows, in order, all of them and no others."""
        return not self.faults and not len(self._pending) and self._next == len(self._expected)


def check_commitments(
    case: Examined, rows: OpenedTier, sealed: tuple[OpenedTier, Gone] | None, tick: Callable[[int], object]
) -> list[Claim]:
    """Return the claims on source root, keyed roots and step commitments.

    Args:
        case: the candidate.
        rows: the opened tier rows.
        sealed: the opened tier matches, and the rows of its table `removed`; None where the auditor has not that tier.
        tick: told the number of source rows after each shard.
    """
    trees, published = _Trees(between=[[] for _ in range(len(case.steps) + 1)]), Published(case.manifest)
    for shard in source_shards(rows):
        _grow(trees, shard, rows.key, None if sealed is None else sealed[1])
        published.add(shard.digests[shard.kept])
        tick(len(shard.kept))
    manifest = case.manifest
    made = [
        decide(
            claims.SOURCE_ROOT, _source_faults(trees, manifest), f"the sealed digests of all {trees.rows} source rows give the source root"
        ),
        decide(
            claims.FIRST_KEYED_ROOT,
            _unlike(dataset_root(trees.first), manifest.keyed_roots.first, "the sealed row digests give another first keyed root"),
            "the sealed digests of all source rows give it",
        ),
        decide(
            claims.LAST_KEYED_ROOT,
            _last_faults(trees, published, manifest),
            "the rows marked kept give it, and are the published rows, in order",
        ),
    ]
    if sealed is None:
        return [*made, claims.not_checkable(claims.STEP_COMMITMENTS, claims.NEED_MATCHES)]
    return [*made, _between(case, trees, *sealed)]


def _grow(trees: _Trees, shard: SourceShard, row_key: bytes, gone: Gone | None) -> None:
    count = len(shard.kept)
    trees.source.append((tree_root(shard.digests), count))
    trees.rows += count
    tree = KeyedTree(row_key, shard.digests)
    trees.first.append((tree.root(), count))
    trees.between[0].append((tree.root(), count))
    if gone is not None:
        here = slice(*np.searchsorted(gone.position, [shard.first, shard.first + count]).tolist())
        local, steps = gone.position[here] - shard.first, gone.step[here]
        for number in range(1, len(trees.between)):
            tree.remove(local[steps == number].tolist())
            trees.between[number].append((tree.root(), count))
        flags = np.ones(count, np.bool_)
        flags[local] = False
        trees.flags_differ += int((flags != shard.kept).sum())
        tree = KeyedTree(row_key, shard.digests)
    tree.remove(np.flatnonzero(~shard.kept).tolist())
    trees.last.append((tree.root(), count))


def _unlike(found: bytes, expected: str, fault: str) -> list[str]:
    return [] if found.hex() == expected else [fault]


def _source_faults(trees: _Trees, manifest: Manifest) -> list[str]:
    faults = (
        [] if trees.rows == manifest.source.rows else [f"the evidence has {trees.rows} source rows, the manifest {manifest.source.rows}"]
    )
    return faults + _unlike(dataset_root(trees.source), manifest.source.root, "the sealed row digests give another source root")


def _last_faults(trees: _Trees, published: Published, manifest: Manifest) -> list[str]:
    faults = _unlike(dataset_root(trees.last), manifest.keyed_roots.last, "the rows marked kept give another last keyed root")
    return faults + ([] if published.holds else ["the rows marked kept are not the published rows in their order"])


def _between(case: Examined, trees: _Trees, matches: OpenedTier, gone: Gone) -> Claim:
    faults = [f"{trees.flags_differ} rows are kept in one table and gone in the other"] if trees.flags_differ else []
    faults += _strays(gone, trees.rows, len(case.steps))
    found = [commitment(matches.key, number, dataset_root(roots)).hex() for number, roots in enumerate(trees.between)]
    for step in case.steps:
        order = step.step.order
        for side, boundary, number in (("input", step.input, order - 1), ("output", step.output, order)):
            if boundary.commitment != found[number]:
                faults.append(f"the {side} commitment of step {order} is not that of the sealed rows")
    return decide(claims.STEP_COMMITMENTS, faults, f"all {len(found)} commitments follow from the sealed rows, step by step")


def _strays(gone: Gone, rows: int, steps: int) -> Sequence[str]:
    outside = bool(len(gone.position)) and not (gone.position[0] >= 0 and gone.position[-1] < rows)
    twice = bool((np.diff(gone.position) == 0).any())
    unknown = bool(((gone.step < 1) | (gone.step > steps)).any())
    named = (("rows beyond the source", outside), ("a row twice", twice), ("a step that does not exist", unknown))
    return [f"the table of rows that are gone names {what}" for what, so in named if so]
