"""Whether a folder holds rows of a release and nothing else, by the receipts of its exports (docs/SPEC.md section 19).

A row is known by what it is, not by what its files are called: a picture by its SHA-256, a caption by its column digest. So a
receipt survives copying, renaming and re-ordering, and whatever is not proven is named.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from audit_logs import documents
from audit_logs import trust as trusts
from audit_logs.errors import Failure, Problem, TrustError, VerificationError
from audit_logs.manifest import Manifest
from audit_logs.report import EXIT_CODES, Report
from audit_logs.seen import Seen
from release import store
from release.consume import holding, receipts
from release.consume.columns import line_form, text_digest, value_digest
from release.consume.holding import Holding, Saying
from release.consume.paper import Row
from release.consume.receipts import Receipt

OPPOSITE = {"minors", "adults"}
MIXED = "incomplete"


@dataclass(frozen=True, slots=True)
class Unscreened:
    """A file, or a line of one, that no receipt proves, and why."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """A release of which the folder holds rows.

    Attributes:
        release: its name.
        version: its version.
        separation: as in the manifest.
        rows: rows of the receipt.
        organisations: auditors whose opinions count.
        confirmed: when the quorum confirmed the log, in seconds since the epoch.
        later: entries of the log beyond the receipt's that this reader saw elsewhere; a withdrawal may be among them.
    """

    release: str
    version: str
    separation: str | None
    rows: int
    organisations: tuple[str, ...]
    confirmed: int | None
    later: int = 0


@dataclass(frozen=True, slots=True)
class Checked:
    """What a folder was found to hold.

    Attributes:
        verdict: `verified` if it holds vetted rows only; `incomplete` if it holds something else as well, or no row at all; else what the record
            of the receipt's release comes to.
        vetted: pictures, or lines without pictures, that are rows of a release.
        unscreened: everything else.
        sources: the releases.
        failures: why the receipt itself proves nothing; none if it does.
    """

    verdict: str
    vetted: int
    unscreened: tuple[Unscreened, ...]
    sources: tuple[Source, ...]
    failures: tuple[Failure, ...]

    @property
    def exit_code(self) -> int:
        """Return the exit code of the verdict."""
        return EXIT_CODES[self.verdict]

    def as_json(self) -> Mapping[str, Any]:
        """Return the object that `--format json` prints."""
        names = ("verdict", "vetted", "unscreened", "sources", "failures")
        return {name: documents.write(getattr(self, name)) for name in names}


@dataclass(frozen=True, slots=True)
class _Line:
    """By what receipts of a dataset line are judged: its trust file, and what was seen of its log."""

    trust: bytes
    seen: Seen | None


def check(receipt: Path, folder: Path, trust: Sequence[bytes], *, now: datetime, seen: Sequence[Seen] = ()) -> Checked:
    """Check what a folder holds against a receipt, and against those that lie in the folder.

    Args:
        receipt: the receipt's file.
        folder: what was exported, or made of exports.
        trust: pinned trust files; each receipt is checked by that of its release's line.
        now: the time, aware.
        seen: what was remembered of logs: a receipt with another history fails, and one with an older one is told as such.

    Raises:
        FormatError: the receipt has not its legal form (`receipt`).
        VerificationError: its rows are not in its release (`receipt-proof`), or receipts exclude each other (`receipt-mixed`).
        TrustError: a trust file has not its legal form, or none is of this line.
        StoreError: receipt or folder cannot be read.
    """
    memory = {one.origin: one for one in seen}
    lines = {parsed.name: _Line(data, memory.get(parsed.log.origin)) for data in trust for parsed in [trusts.parse(data)]}
    main = _load(receipt)
    record = _recorded(main, lines, now)
    if record.failures:
        return Checked(record.verdict, 0, (), (_source(main, record, lines),), record.failures)
    receipts.check_rows(main)
    found = holding.read(folder)
    others = list(_others(folder, found, (main, lines), now))
    _check_sides([main.manifest, *(other.manifest for other, _ in others)])
    proven = [(main, record), *others]
    rows = _Rows([one for one, _ in proven])
    vetted, unscreened = _sort(found, rows)
    verdict = MIXED if unscreened or not vetted else "verified"  # an empty folder is no vetted one: rather, it is the wrong one
    return Checked(verdict, vetted, tuple(unscreened), tuple(_source(*one, lines) for one in proven), ())


def _load(path: Path) -> Receipt:
    size = path.stat().st_size if path.is_file() else 0  # a reader takes room for the most that it may read
    return receipts.parse(store.read_file(path, min(size, receipts.LIMIT)), where=path.name)


def _recorded(receipt: Receipt, lines: Mapping[str, _Line], now: datetime) -> Report:
    line = lines.get(receipt.manifest.name)
    if line is None:
        expected = f"the trust file of {receipt.manifest.name}"
        raise TrustError(
            "a receipt is of another line than the trust file", expected=expected, found=", ".join(lines), code="manifest-name"
        )
    return receipts.record(receipt, line.trust, now=now, seen=line.seen)


def _source(receipt: Receipt, record: Report, lines: Mapping[str, _Line]) -> Source:
    manifest, freshness = receipt.manifest, record.freshness
    counted = tuple(item.auditor.organisation for item in record.case.weighed if item.counts)
    age = None if freshness is None else freshness.age_seconds
    confirmed = None if age is None else int(record.case.now.timestamp()) - age
    later = receipts.later(receipt, lines[manifest.name].seen)
    return Source(manifest.name, manifest.version, manifest.separation, len(receipt.rows), counted, confirmed, later)


def _others(folder: Path, found: Holding, main: tuple[Receipt, Mapping[str, _Line]], now: datetime) -> Iterator[tuple[Receipt, Report]]:
    """Yield the other receipts in the folder that hold; one that does not is a fault, but its side counts all the same."""
    first, lines = main
    seen = [first]
    for path in found.receipts:
        try:
            other = _load(folder / path)
            if other in seen:
                continue
            _check_sides([first.manifest, other.manifest])
            record = _recorded(other, lines, now)
            if record.failures:
                raise VerificationError(f"its release is {record.verdict}", code=record.failures[0].code)
            receipts.check_rows(other)
        except Problem as problem:
            if problem.code == "receipt-mixed":
                raise
            found.faults[path] = f"a receipt that proves nothing here: {problem.what}"
        else:
            seen.append(other)
            yield other, record


def check_surroundings(place: Path, manifest: Manifest) -> None:
    """Refuse a place below an export of the opposite side: whoever trains on that folder would train on both.

    Raises:
        VerificationError: it is one (`receipt-mixed`).
    """
    if manifest.separation not in OPPOSITE:
        return
    for folder in dict.fromkeys((*place.parents, *place.resolve().parents)):  # a link leads to another place than its name says
        for path in sorted(folder.glob(f"*{receipts.SUFFIX}")):
            try:
                other = _load(path).manifest
            except Problem:
                continue  # no receipt: it vouches for nothing
            _check_sides([manifest, other])


def _check_sides(found: Sequence[Manifest]) -> None:
    sides = {manifest.separation for manifest in found}
    if sides >= OPPOSITE:
        raise VerificationError(
            "receipts of opposite sides must not be used together: the one release keeps depictions of minors, the other adult content",
            where=" and ".join(sorted({f"{manifest.name} {manifest.version}" for manifest in found})),
            next_step="keep the two exports apart, and train on one of them",
            code="receipt-mixed",
        )


class _Rows:
    """The proven rows of all receipts, to be found by what they hold."""

    def __init__(self, found: Sequence[Receipt]) -> None:
        self._views = [_View(receipt) for receipt in found]
        self._pictures: dict[str, list[tuple[_View, Row]]] = defaultdict(list)
        self._lines: list[tuple[_View, set[tuple[bytes, ...]]]] = []
        for view in self._views:
            if view.receipt.layout == receipts.WITHOUT_PICTURES:
                self._lines.append((view, {view.exported(row) for row in view.receipt.rows}))
            for row in view.receipt.rows:
                if row.image is not None:
                    self._pictures[row.image.sha256].append((view, row))

    def doubt(self, picture: tuple[int, str], said: Sequence[Saying]) -> str:
        """Return why a picture is no vetted row, or "" if it is one."""
        size, sha256 = picture
        rows = [(view, row) for view, row in self._pictures.get(sha256, ()) if row.image is not None and row.image.bytes == size]
        if not rows:
            return "no picture of the receipt"
        if any(all(view.agrees(row, saying) for saying in said) for view, row in rows):
            return ""
        saying = next((one for one in said if not any(view.agrees(row, one) for view, row in rows)), said[-1])
        return f"{saying.where} says something else of it than its row"

    def has_line(self, values: Mapping[str, object]) -> bool:
        """Tell whether values by column are those of a row without a picture."""
        for view, known in self._lines:
            digests = (
                tuple(view.digest(name, values[name]) for name in view.receipt.columns)
                if values.keys() == set(view.receipt.columns)
                else ()
            )
            if digests and None not in digests and digests in known:
                return True
        return False


class _View:
    """A receipt with its columns at hand."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self._kinds = {column.name: column.type for column in receipt.manifest.schema}
        self._places = {name: place for place, name in enumerate(receipt.digested) if name in receipt.columns}

    def exported(self, row: Row) -> tuple[bytes, ...]:
        """Return the digests of a row's exported columns."""
        return tuple(bytes.fromhex(row.columns[place]) for place in self._places.values())

    def digest(self, name: str, value: object) -> bytes | None:
        """Return the column digest of a value, None if it can be none of the column's."""
        return value_digest(name, self._kinds[name], value)

    def agrees(self, row: Row, saying: Saying) -> bool:
        """Tell whether what is said of a picture is what its row has."""
        if saying.values is not None:
            return all(self._has(row, name, value) for name, value in saying.values.items())
        name, text = self.receipt.manifest.columns.text, saying.text or ""
        if name is None or name not in self._places:
            return False
        if row.text is not None and line_form(row.text) == text:
            return True
        return text_digest(name, text).hex() == row.columns[self._places[name]]

    def _has(self, row: Row, name: str, value: object) -> bool:
        if name not in self._places:
            return False
        digest = self.digest(name, value)
        return digest is not None and digest.hex() == row.columns[self._places[name]]


def _sort(found: Holding, rows: _Rows) -> tuple[int, list[Unscreened]]:
    """Return how many rows are vetted, and everything else."""
    unscreened = [Unscreened(path, reason) for path, reason in found.faults.items()]
    vetted = 0
    for path, picture in found.pictures.items():
        reason = rows.doubt(picture, found.of(path))
        vetted += not reason
        unscreened += [Unscreened(path, reason)] if reason else []
    for saying in found.rows:
        is_row = saying.values is not None and rows.has_line(saying.values)
        vetted += is_row
        unscreened += [] if is_row else [Unscreened(saying.where, "no row of the receipt")]
    unscreened += [Unscreened(saying.where, "it speaks of no picture here") for saying in _orphans(found)]
    return vetted, sorted(unscreened, key=lambda one: one.path)


def _orphans(found: Holding) -> Iterator[Saying]:
    stems = {holding.stem(path) for path in found.pictures}
    for stem, said in found.by_stem.items():
        yield from () if stem in stems else said
    for path, said in found.by_path.items():
        yield from () if path in found.pictures else said
