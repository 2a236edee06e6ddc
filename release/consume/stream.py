"""The rows of a release one after another, none before its row group was proven, and nothing of them on the disk.

    1. the record, as for `release.load`: trust file, log, what was seen of it before, statements, policy; on the Hub, these small files alone
    2. the list of files: none of the manifest's is missing or of another size, and there is none beside them
    3. of each data file the footer, by byte range: its SHA-256, then the layout and the columns that it tells
    4. each row group, by byte range: its SHA-256, and only then is it parsed; its rows' digests give its root in the manifest,
       a subtree of shard root and release root; only then are its rows given out

While the rows of one row group are used, the next is fetched and proven: memory holds two, however large the release is. What is not
looked at stands in `UNCHECKED`, and `Stream.unchecked` tells it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any

from audit_logs.contact import Chosen
from audit_logs.errors import VerificationError
from audit_logs.files import FolderFiles
from audit_logs.manifest import Manifest, Shard
from audit_logs.report import Report
from audit_logs.verify import recorded
from release import advice
from release.checks import local_folder, remembered, trust_bytes
from release.consume.address import is_on_hub, parse
from release.consume.arriving import unwritten
from release.consume.hubrecord import check_listed, check_version, fetch_record
from release.consume.proven import Opened
from release.consume.ranges import FolderReader, HubReader, RangeProver, Reader, ahead
from release.errors import UsageError

UNCHECKED = (
    "The SHA-256 of whole files was not computed: row groups and footers are hashed each for itself, before they are parsed.",
    "Card, croissant.json, report.html and the files of attestations, reports and opinions were not read: the log holds what is signed.",
    "Row groups that were not read are not proven, and a withdrawal after the stream was opened is not noticed.",
)
Row = dict[str, Any]
_POSITION = re.compile("([0-9a-f]{16}):([0-9]{1,12}):([0-9]{1,12})")


def stream(
    path: Path | str,
    trust: Path | str | bytes,
    *,
    accept_stale: timedelta | None = None,
    split: str | None = None,
    columns: Sequence[str] | None = None,
) -> Stream:
    """Verify the record of a release, and return its rows, of which each row group is proven when it is reached.

    Args:
        path: the release's folder, or `hub:owner/name[@version]`: then nothing but what is read is fetched.
        trust: the pinned trust file or its bytes; never the copy that lies in the release. Beside a file the log is remembered, as
            `release verify` does.
        accept_stale: accept a release whose newest proof is older than the trust file allows, up to this age.
        split: the one split to read.
        columns: names of the columns to give out; all columns enter the proof.

    Raises:
        VerificationError: the record is not verified; the code says why.
        UsageError: there is no such split or column.
        Problem: folder, Hub or trust file cannot be read.
    """
    if isinstance(columns, str):
        raise UsageError("columns are given as a list of names", where="columns", expected=f"[{columns!r}]", found=repr(columns))
    chosen = Chosen(trust_bytes(trust), None if isinstance(trust, bytes) else Path(trust))
    opened, reader = _from_hub(str(path), chosen, accept_stale) if is_on_hub(path) else _from_folder(path, chosen, accept_stale)
    names = tuple(column.name for column in opened.manifest.schema)
    for name in columns or ():
        if name not in names:
            raise UsageError("there is no such column", where="columns", expected=" or ".join(names), found=name)
    splits = tuple(opened.splits(split))
    opened.remember()
    return Stream(opened.report, opened.manifest, reader, splits, tuple(names if columns is None else columns))


def _from_hub(name: str, chosen: Chosen, accept_stale: timedelta | None) -> tuple[Opened, Reader]:
    address = parse(name)
    try:
        with TemporaryDirectory(prefix="vetted-release-") as place:
            listed = fetch_record(address, Path(place))
            opened = _opened(FolderFiles(Path(place)), chosen, accept_stale)
    except OSError as error:
        raise unwritten(error, Path(gettempdir())) from error
    check_version(opened.manifest, address)
    check_listed(opened.manifest, listed.sizes)
    return opened, HubReader(listed.source)


def _from_folder(path: Path | str, chosen: Chosen, accept_stale: timedelta | None) -> tuple[Opened, Reader]:
    files = FolderFiles(local_folder(path))
    opened = _opened(files, chosen, accept_stale)
    listing = opened.report.case.listing
    for info in listing.values():
        if info.special:
            raise VerificationError("a file is none", where=ascii(info.path), expected="a file", found=info.special, code="folder-link")
    check_listed(opened.manifest, {path: info.size for path, info in listing.items()})
    return opened, FolderReader(files)


def _opened(files: FolderFiles, chosen: Chosen, accept_stale: timedelta | None) -> Opened:
    """Verify a record.

    Raises:
        VerificationError: it is not verified; the code says why.
        StoreError: the folder cannot be listed, or the state file not be read.
    """
    seen = remembered.read(chosen.state)
    report = recorded(files, chosen.data, now=datetime.now(UTC), seen=seen)
    advice.require(report, accept_stale)
    if report.manifest is None:
        raise VerificationError("the release has no manifest", where=str(files.folder), code="manifest")
    return Opened(files.folder, report.manifest, chosen, report, seen)


@dataclass(frozen=True, slots=True)
class Group:
    """A row group: its shard, its number there, and its number in the release."""

    shard: Shard
    number: int
    place: int


@dataclass(frozen=True)
class Stream:
    """Rows that can be gone through any number of times, and in any number of processes: it can be pickled.

    Attributes:
        report: what the record of the release comes to; nothing of its data was looked at for it.
        manifest: of the release.
        reader: gives the bytes.
        splits: the splits that are read.
        columns: names of the columns that are given out.
        part: every how manieth row group is read, and which one first.
        start: number of a row group in the release, and of a row there: what comes before is left out.
        unchecked: what was not looked at, in sentences.
    """

    report: Report
    manifest: Manifest
    reader: Reader
    splits: tuple[str, ...]
    columns: tuple[str, ...]
    part: tuple[int, int] = (1, 0)
    start: tuple[int, int] = (0, 0)
    unchecked: tuple[str, ...] = UNCHECKED

    def shard(self, num_shards: int, index: int) -> Stream:
        """Return every `num_shards`-th row group from the one at `index` on: a part for each worker of a loader, none in two of them.

        Raises:
            UsageError: there is no such part.
        """
        if not 0 <= index < num_shards:
            expected = f"an index from 0 to {num_shards - 1}" if num_shards > 0 else "at least one part"
            raise UsageError("there is no such part of a stream", expected=expected, found=f"part {index} of {num_shards}")
        count, first = self.part
        return replace(self, part=(count * num_shards, first + count * index))

    def after(self, position: str) -> Stream:
        """Return the rows that had not been given out when `Rows.position` told this position, to a stream of the same part.

        Raises:
            UsageError: it is no position, or one in another release or another part of it: rows would be left out in silence.
        """
        found = _POSITION.fullmatch(position)
        if found is None or found[1] != self.name:
            raise UsageError(
                "this is no position in this stream",
                where=f"{self.manifest.name} {self.manifest.version}",
                found="a position in another release, in other splits or in another part" if found else ascii(position)[:60],
                next_step="take the version, the splits and the part that it was told of, or begin anew",
            )
        return replace(self, start=(int(found[2]), int(found[3])))

    @property
    def name(self) -> str:
        """What a position is a position in: 16 characters of a SHA-256 over release, splits and part."""
        count, first = self.part
        return hashlib.sha256(f"{self.manifest.digest} {count} {first} {' '.join(self.splits)}".encode()).hexdigest()[:16]

    @property
    def rows(self) -> int:
        """Number of rows of this part, from its very beginning."""
        return sum(group.shard.row_groups[group.number].rows for group in self.groups())

    def groups(self) -> Iterator[Group]:
        """Yield the row groups of this part."""
        count, first = self.part
        place = turn = 0
        for shard in self.manifest.shards:
            for number in range(len(shard.row_groups)):
                if shard.split in self.splits:
                    if turn % count == first:
                        yield Group(shard, number, place)
                    turn += 1
                place += 1

    def __iter__(self) -> Rows:
        """Begin to give out rows."""
        return Rows(self)


class Rows(Iterator[Row]):
    """Rows on their way: dictionaries by column; a picture as the release stores it, `{"bytes", "path"}` or its bytes.

    After an error the next call tries again what failed: no row is ever left out, and the end is told only where it is.
    """

    def __init__(self, source: Stream) -> None:
        self._source, self._name = source, source.name
        self._next = source.start
        self._rows = _placed(source)

    @property
    def position(self) -> str:
        """Which rows were given out, for `Stream.after`."""
        return f"{self._name}:{self._next[0]}:{self._next[1]}"

    def __next__(self) -> Row:
        """Return the next row.

        Raises:
            VerificationError: what comes next is not the manifest's; nothing of it was given out.
            HubError: the Hub refused or failed.
            StoreError: a file cannot be read.
        """
        told = False
        try:
            self._next, row = next(self._rows)
            told = True
        except StopIteration:
            told = True
            raise
        finally:
            if not told:  # the error ended the generator: asked again, it would tell an end that is none
                self._rows = _placed(replace(self._source, start=self._next))
        return row


def _placed(source: Stream) -> Iterator[tuple[tuple[int, int], Row]]:
    """Yield each row with the place of the one that follows it."""
    first, skipped = source.start
    prover = RangeProver(source.manifest, source.reader)
    wanted = (group for group in source.groups() if group.place >= first)
    for group, batch in ahead(lambda one: prover.prove(one.shard, one.number), wanted):
        columns = {name: batch.column(name) for name in source.columns}
        for index in range(skipped if group.place == first else 0, batch.num_rows):
            is_last = index + 1 == batch.num_rows
            following = (group.place + 1, 0) if is_last else (group.place, index + 1)
            yield following, {name: column[index].as_py() for name, column in columns.items()}
