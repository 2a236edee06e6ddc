"""Receipts: which rows of which release an export holds, provable without the release (docs/SPEC.md section 19).

A receipt carries manifest, checkpoint and log, so that it is believed for what the release is believed; column digests of every
row, so that an exported picture and caption prove a row without the columns that were not exported; and one multiproof.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby, pairwise
from typing import Any

from audit_logs import canonical, documents, merkle, tiles
from audit_logs import manifest as manifests
from audit_logs.errors import FormatError, Problem, VerificationError
from audit_logs.fields import BASE
from audit_logs.files import FileInfo
from audit_logs.folder import CHECKPOINT
from audit_logs.log import encode_bundle
from audit_logs.manifest import Manifest
from audit_logs.report import Report
from audit_logs.seen import Seen
from audit_logs.verify import recorded
from release.consume import multiproof, paper
from release.consume.columns import image_digest, line_form, text_digest
from release.consume.paper import Body, Row

TYPE = BASE + "receipt/v0.1"
LIMIT = 512 << 20
SUFFIX = ".receipt.json"
LAYOUTS = ("imagefolder", "kohya", "webdataset", "jsonl")
WITHOUT_PICTURES = "jsonl"


@dataclass(frozen=True)
class Receipt:
    """A receipt; parsing does not prove it: `check_rows` and `audit_logs.verify.recorded` do.

    Attributes:
        manifest: of the release that the rows are of.
        checkpoint: the bytes of `log/checkpoint`.
        entries: all entries of the log.
        layout: how the rows were written.
        columns: which columns were exported, in schema order.
        rows: sorted by shard and row.
        proof: the multiproof's hashes.
    """

    manifest: Manifest
    checkpoint: bytes
    entries: tuple[bytes, ...]
    layout: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    proof: tuple[bytes, ...]

    @cached_property
    def digested(self) -> tuple[str, ...]:
        """The columns whose digests stand in a row's `columns`, in order."""
        left_out = None if self.layout == WITHOUT_PICTURES else self.manifest.columns.image
        return tuple(column.name for column in self.manifest.schema if column.name != left_out)

    def encode(self) -> bytes:
        """Return the document.

        Raises:
            FormatError: it would be larger than a receipt may be.
        """
        entries, proof = tuple(map(_text, self.entries)), tuple(map(_text, self.proof))
        body = Body(self.checkpoint.decode(), entries, _layout(self.layout), self.columns, proof)
        manifest = canonical_object(manifests.encode(self.manifest))
        data = paper.encode({"_type": TYPE, "manifest": manifest, **documents.write(body)}, self.rows)
        if len(data) > LIMIT:
            raise FormatError(
                "the receipt would be too large",
                expected=f"at most {LIMIT} bytes",
                found=f"{len(data)} bytes for {len(self.rows)} rows",
                next_step="export in parts, with --split or --where",
                code="receipt",
            )
        return data


def canonical_object(data: bytes) -> dict[str, object]:
    """Return the object that a manifest's bytes hold."""
    return canonical.decode(data, where=manifests.PATH, limit=manifests.LIMIT)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _layout(name: str) -> Any:  # noqa: ANN401  (a Literal cannot be narrowed from text)
    return name


def parse(data: bytes, *, where: str) -> Receipt:
    """Return the receipt that a document holds (section 19.1).

    Raises:
        FormatError: it has not its legal form (`receipt`, or `manifest` for the manifest in it).
    """
    try:
        value, rows = paper.decode(data, where, LIMIT)
        if value.pop("_type", None) != TYPE:
            raise documents.refuse(f"{where}._type", TYPE, "another type")
        manifest = manifests.parse(canonical.encode(value.pop("manifest", None)))
        body = documents.read(Body, value, where)
        entries = tuple(canonical.decode_base64(entry, where=where) for entry in body.entries)
        proof = tuple(canonical.decode_base64(item, where=where) for item in body.proof)
        receipt = Receipt(manifest, body.checkpoint.encode(), entries, body.layout, body.columns, rows, proof)
        _check_form(receipt)
    except Problem as problem:
        code = "manifest" if problem.code == "manifest" else "receipt"
        raise FormatError(
            problem.what, where=problem.where or where, expected=problem.expected, found=problem.found, code=code
        ) from problem
    return receipt


def _check_form(receipt: Receipt) -> None:
    """Check what section 19.1 says beyond the kind of each member."""
    for holds, where, expected in _rules(receipt):
        if not holds:
            raise FormatError("a receipt contradicts itself", where=where, expected=expected)
    for number, row in enumerate(receipt.rows):
        if fault := _row_fault(receipt, row):
            raise FormatError("a row of a receipt contradicts the rest of it", where=f"rows[{number}]", expected=fault)


def _rules(receipt: Receipt) -> Iterator[tuple[bool, str, str]]:
    """Yield whether something holds, of which member, and what."""
    known = tuple(column.name for column in receipt.manifest.schema if column.name in receipt.columns)
    yield receipt.entries != () and all(receipt.entries), "entries", "at least one entry, none empty"
    yield known == receipt.columns != (), "columns", "columns of the schema, in its order"
    has_picture = receipt.manifest.columns.image in receipt.columns
    expected = "the image column for layouts with pictures, and for no other"
    yield has_picture == (receipt.layout != WITHOUT_PICTURES), "columns", expected
    ascending = all((one.shard, one.row) < (other.shard, other.row) for one, other in pairwise(receipt.rows))
    yield receipt.rows != () and ascending, "rows", "at least one row, in ascending order, none twice"
    yield all(len(item) == merkle.HASH_SIZE for item in receipt.proof), "proof", "hashes of 32 bytes"


def _row_fault(receipt: Receipt, row: Row) -> str:
    """Return what was expected of a row and is not so, or nothing."""
    shards = receipt.manifest.shards
    if row.shard >= len(shards) or row.row >= shards[row.shard].rows:
        return "a row of the release"
    if len(row.columns) != len(receipt.digested):
        return f"{len(receipt.digested)} column digests"
    if (row.image is None) != (receipt.layout == WITHOUT_PICTURES):
        return "a picture for layouts with pictures, and for no other"
    if row.image is not None and row.image.path is not None and "path:" not in image_type(receipt.manifest):
        return "no path where the column has none"
    return "" if row.text is None else _text_fault(receipt, row, row.text)


def _text_fault(receipt: Receipt, row: Row, text: str) -> str:
    column = receipt.manifest.columns.text
    if receipt.layout != "kohya" or column not in receipt.columns:
        return "a text only where a line form of it was exported"
    holds = text_digest(column or "", text).hex() == row.columns[receipt.digested.index(column or "")]
    return "" if holds and line_form(text) != text else "the row's text, where its line form is another"


def image_type(manifest: Manifest) -> str:
    """Return the type of the image column as text."""
    return next(column.type for column in manifest.schema if column.name == manifest.columns.image)


def row_digest(receipt: Receipt, row: Row) -> bytes:
    """Return the row digest that a row's column digests and picture give."""
    digests = [bytes.fromhex(digest) for digest in row.columns]
    image = receipt.manifest.columns.image
    if row.image is not None and image is not None:
        place = [column.name for column in receipt.manifest.schema].index(image)
        digests.insert(place, image_digest(image, image_type(receipt.manifest), (row.image.bytes, row.image.sha256, row.image.path)))
    return hashlib.sha256(b"R" + b"".join(digests)).digest()


def check_rows(receipt: Receipt) -> None:
    """Check that every row of a receipt is in the row group roots of its manifest (section 19.3).

    Raises:
        VerificationError: it is not, or the proof has too few or too many hashes (`receipt-proof`).
    """
    size = receipt.manifest.row_group_rows
    proof = iter(receipt.proof)
    for (shard, group), members in groupby(receipt.rows, key=lambda row: (row.shard, row.row // size)):
        leaves = {row.row % size: merkle.leaf_hash(row_digest(receipt, row)) for row in members}
        expected = receipt.manifest.shards[shard].row_groups[group]
        if multiproof.root(expected.rows, leaves, proof).hex() != expected.root:
            where = f"{receipt.manifest.shards[shard].path}, row group {group}"
            raise VerificationError("rows of a receipt are not in its release", where=where, expected=expected.root, code="receipt-proof")
    if next(proof, None) is not None:
        raise VerificationError("the receipt's proof has too many hashes", where="proof", code="receipt-proof")


def record(receipt: Receipt, trust: bytes, *, now: datetime, seen: Seen | None = None) -> Report:
    """Return whether a receipt's release stood at its checkpoint (section 19.2); not a report to tell facts from.

    Age is no failure, having no quorum is: a receipt knows nothing of what came after its checkpoint.

    Args:
        receipt: the receipt.
        trust: the pinned trust file's bytes.
        now: the time, aware.
        seen: what was remembered of the log. That it had more entries then is no failure (`later` tells how many); that it was another is.
    """
    report = recorded(RecordFiles(receipt), trust, now=now, seen=seen and _comparable(seen, len(receipt.entries)))
    is_dated = report.freshness is not None and report.freshness.age_seconds is not None
    return Report(tuple(failure for failure in report.failures if failure.code != "stale" or not is_dated), report.case)


def _comparable(seen: Seen, size: int) -> Seen:
    """Return what was seen, without the log where it was longer than the receipt's: its root then says nothing of a shorter one."""
    return seen if seen.size <= size else replace(seen, size=0, root=merkle.EMPTY.hex())


def later(receipt: Receipt, seen: Seen | None) -> int:
    """Return how many entries a reader saw in the log beyond those that a receipt knows: a withdrawal may be among them."""
    return 0 if seen is None else max(0, seen.size - len(receipt.entries))


class RecordFiles:
    """Manifest and log of a receipt, as a verifier of a folder would read them."""

    def __init__(self, receipt: Receipt) -> None:
        self._files = dict(_record(receipt))

    def names(self) -> Iterator[FileInfo]:
        """Yield every file."""
        yield from (FileInfo(path, len(data)) for path, data in self._files.items())

    def read(self, path: str, limit: int) -> bytes:
        """Return a file's bytes, at most `limit` + 1 of them."""
        return self._files[path][: limit + 1]

    def digest(self, path: str) -> tuple[int, str]:
        """Return a file's size and SHA-256; nothing asks for them, as no data file is among these."""
        return len(self._files[path]), hashlib.sha256(self._files[path]).hexdigest()


def _record(receipt: Receipt) -> Iterator[tuple[str, bytes]]:
    yield manifests.PATH, manifests.encode(receipt.manifest)
    yield CHECKPOINT, receipt.checkpoint
    bundles = [encode_bundle(part) for part in _tiles(receipt.entries)]
    levels = tiles.levels([merkle.leaf_hash(entry) for entry in receipt.entries])
    for index, part in enumerate(_tiles(receipt.entries)):
        yield f"log/{tiles.tile_path(tiles.ENTRIES, index, len(part))}", bundles[index]
    for level, hashes in enumerate(levels):
        for index, tile in enumerate(_tiles(hashes)):
            yield f"log/{tiles.tile_path(level, index, len(tile))}", b"".join(tile)


def _tiles(items: Sequence[bytes]) -> list[Sequence[bytes]]:
    return [items[at : at + tiles.WIDTH] for at in range(0, len(items), tiles.WIDTH)]
