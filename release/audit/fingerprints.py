"""Fingerprints of the published bytes against those that the institution sealed, row by row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import pyarrow as pa

from audit_logs.statement import Claim, FilterStep
from release.audit import claims
from release.audit.attested import looked_at, low_quality
from release.audit.candidate import Examined
from release.audit.evidence_tables import batches
from release.evidence import OpenedTier
from release.fingerprint import CONVENTIONS, DECODER, Fingerprints
from release.ledger import fingerprint_arrays, fingerprint_fields, kept_schema
from release.lists.urls import host
from release.steps.near_hash import KEEP

UNABLE: Final = frozenset({"too-large", "frames", "pixels", "memory", "timeout", "crashed"})
"""Reasons that speak of this machine's limits, not of the picture."""

OTHER_DECODER_BITS = 10
"""Another version of the decoders may turn a few bits of a PDQ hash; more is another picture."""

_LINKS = ("url", "domain")


class Comparison:
    """Compares batch by batch; `take` is given the published rows in order."""

    def __init__(self, kept: OpenedTier, case: Examined) -> None:
        """Begin."""
        self._image, self._url = case.columns.image, case.columns.url
        looked = [looked_at(step) for step in case.steps]
        used = {convention for one in looked for convention in one.conventions}
        self.conventions = tuple(convention for convention in CONVENTIONS if convention in used)
        schema = kept_schema(self.conventions, _LINKS if self._url else ())
        self._rows = _Rows(batches(kept, "kept", schema), schema)
        self._bits = 0 if all(step.decoder in ("", DECODER) for step in case.steps if step.conventions) else OTHER_DECODER_BITS
        self._pixels = any(one.covers == "pixels" for one in looked)
        self._wrong = self._unable = self._count = 0
        self._low = LowQuality(case.steps)

    def take(self, batch: pa.RecordBatch, prints: Fingerprints) -> None:
        """Compare the next rows with their sealed fingerprints and links.

        Raises:
            EvidenceError: the table `kept` is not in its form.
        """
        sealed = self._rows.take(batch.num_rows)
        self._count += batch.num_rows
        self._low.take(prints)
        if sealed.num_rows != batch.num_rows:
            self._wrong += batch.num_rows - sealed.num_rows
            return
        unable = np.array([reason in UNABLE for reason in prints.reason], np.bool_)
        wrong = self._differing(sealed, prints) & ~unable
        if self._pixels:  # a row that cannot be decoded is unscreenable for such a step, and kept by none
            wrong |= np.array([bool(reason) and reason not in UNABLE for reason in prints.reason], np.bool_)
        self._wrong += int((wrong | self._wrong_links(batch, sealed)).sum())
        self._unable += int(unable.sum())

    def _differing(self, sealed: pa.Table, prints: Fingerprints) -> np.ndarray:
        found = fingerprint_arrays(prints, np.arange(len(prints)))
        differ = np.zeros(len(prints), np.bool_)
        for name, _ in fingerprint_fields(self.conventions):
            if name == "quality" and (self._bits or prints.pdq.keys() != set(self.conventions)):
                continue  # it is the lowest over all conventions that were computed
            bits = self._bits if name.startswith("pdq-") else 0
            pairs = zip(sealed[name].to_pylist(), found[name].to_pylist(), strict=True)
            differ |= np.array([not _alike(one, other, bits) for one, other in pairs], np.bool_)
        return differ

    def _wrong_links(self, batch: pa.RecordBatch, sealed: pa.Table) -> np.ndarray:
        """Return which rows have another link, or a link to another host, than was sealed."""
        if self._url is None:
            return np.zeros(batch.num_rows, np.bool_)
        urls = batch.column(self._url).to_pylist()
        expected = [(url, host(url) if url else None) for url in urls]
        found = zip(*(sealed[name].to_pylist() for name in _LINKS), strict=True)
        return np.array([one != other for one, other in zip(found, expected, strict=True)], np.bool_)

    def claim(self) -> Claim:
        """Return the claim on fingerprints, after the last row."""
        wrong = self._wrong + self._rows.take_rest()
        if wrong:
            return claims.refuted(claims.FINGERPRINTS, f"{wrong} rows have other fingerprints or links than those that were sealed")
        told = self._low.faults() if not (self._bits or self._unable) else []
        if told:
            return claims.refuted(claims.FINGERPRINTS, "; ".join(told))
        if self._image is None:
            links = f"; the sealed links of all {self._count} published rows are theirs" if self._url else ""
            return claims.not_checkable(claims.FINGERPRINTS, f"the release has no images, so no fingerprint was sealed{links}")
        if self._unable:
            return claims.skipped(claims.FINGERPRINTS, f"{self._unable} rows could not be decoded within this machine's limits")
        return claims.confirmed(
            claims.FINGERPRINTS, f"those of all {self._count} published rows, made anew from their bytes, are the sealed ones"
        )


class LowQuality:
    """Counts the published rows whose picture has too little detail by the measure of each step that looks at it."""

    def __init__(self, steps: Sequence[FilterStep]) -> None:
        self._steps = steps
        self._judged = [(step, parameters) for step in steps if (parameters := low_quality(step)) is not None]
        self._found = [0] * len(self._judged)

    def take(self, prints: Fingerprints) -> None:
        """Count the next rows."""
        for at, (_, parameters) in enumerate(self._judged):
            if prints.pdq.keys() >= set(parameters.conventions):
                self._found[at] += int(parameters.low(prints).sum())

    def faults(self) -> list[str]:
        """Return which steps kept other numbers of such rows than they may have: what later steps took can only make them more."""
        said = []
        for (step, parameters), found in zip(self._judged, self._found, strict=True):
            later = sum(other.removed + other.unscreenable for other in self._steps if other.step.order > step.step.order)
            if not found <= step.kept_low_quality <= found + later or (step.kept_low_quality and parameters.low_quality != KEEP):
                said.append(f"step {step.step.order} kept another number of rows at low quality than its attestation and parameters allow")
        return said


class _Rows:
    """A table's rows, of which any number can be taken."""

    def __init__(self, stream: Iterator[pa.RecordBatch], schema: pa.Schema) -> None:
        self._stream = stream
        self._waiting = schema.empty_table()

    def take(self, count: int) -> pa.Table:
        """Return the next rows, fewer at the end."""
        while self._waiting.num_rows < count and (batch := next(self._stream, None)) is not None:
            self._waiting = pa.concat_tables([self._waiting, pa.Table.from_batches([batch])])
        taken, self._waiting = self._waiting.slice(0, count), self._waiting.slice(count)
        return taken

    def take_rest(self) -> int:
        """Return how many rows are left."""
        left: int = self._waiting.num_rows
        for batch in self._stream:
            left += batch.num_rows
        return left


def _alike(one: bytes | int | None, other: bytes | int | None, bits: int) -> bool:
    if one == other or not bits:
        return one == other
    if not isinstance(one, bytes) or not isinstance(other, bytes) or len(one) != len(other):
        return False
    frames = np.frombuffer(one, np.uint8) ^ np.frombuffer(other, np.uint8)
    if len(frames) % 32:
        return False
    return int(np.unpackbits(frames.reshape(-1, 32), axis=1).sum(axis=1).max(initial=0)) <= bits
