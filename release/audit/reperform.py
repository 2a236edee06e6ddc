"""One pass over the published bytes: each row group is proven once more, fingerprinted, compared and matched, then forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pyarrow as pa

from audit_logs.errors import VerificationError
from release import table
from release.audit.candidate import Examined
from release.audit.filters import Filters
from release.audit.fingerprints import Comparison
from release.audit.matching import Matching
from release.fingerprint import CONVENTIONS, Fingerprinter, Pictures, Viewer
from release.plan import Limits
from release.rows import row_digests, tree_root
from release.screen import image_bytes, known_digests
from release.steps import Rows

# What a build could decode under usual limits can be decoded here; what cannot is told as not compared and not matched.
LIMITS = Limits(pixels=1_000_000_000, frames=10_000, bytes=1 << 30, seconds=120, memory=2 << 30)


@dataclass(frozen=True, slots=True)
class Reperformance:
    """What is done with each published row; None where it is not to be done."""

    case: Examined
    comparison: Comparison | None
    matching: Matching | None
    filters: Filters | None = None

    def run(self, tick: Callable[[int], object]) -> None:
        """Pass over all published rows; `tick` is told their number after each row group.

        Raises:
            VerificationError: the data changed after it was checked.
            ScreeningError: the decoder cannot be started.
            StepError: a step of the matching missed its own canary.
        """
        conventions = self._conventions()
        prints_of = Fingerprinter(LIMITS, conventions or CONVENTIONS[:1], perceptual=bool(conventions))
        with prints_of as fingerprinter, Viewer(LIMITS) as viewer:
            if self.matching is not None:
                self.matching.self_test(fingerprinter)
            for batch, root in self._groups():
                images = image_bytes(batch, self.case.columns.image)
                prints = fingerprinter.run(images)
                digests = row_digests(batch, known_digests(prints, batch.schema, self.case.columns.image))
                if tree_root(digests).hex() != root:
                    raise VerificationError("the data changed while it was audited", where=str(self.case.folder), code="row-root")
                for one in (self.matching, self.comparison):
                    if one is not None:
                        one.take(batch, prints)
                if self.filters is not None:
                    self.filters.take(Rows(batch.num_rows, batch, prints, {}, Pictures(viewer, images)))
                tick(batch.num_rows)

    def _conventions(self) -> tuple[str, ...]:
        """Return the resize conventions that are needed, in their fixed order."""
        needed = {convention for one in (self.comparison, self.matching) if one is not None for convention in one.conventions}
        return tuple(convention for convention in CONVENTIONS if convention in needed)

    def _groups(self) -> Iterator[tuple[pa.RecordBatch, str]]:
        for shard in self.case.manifest.shards:
            batches = table.read_groups(self.case.folder / shard.path, self.case.schema)
            yield from zip(batches, (group.root for group in shard.row_groups), strict=True)
