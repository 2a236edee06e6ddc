"""Rows that are streamed: each row group is proven before it is parsed, for any number of workers, and again after an interruption."""

from __future__ import annotations

import multiprocessing
import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain, repeat

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made import Line, Made, Maker, row, withdrawn

import release
from audit_logs.errors import Problem, StoreError, TrustError, VerificationError
from release.consume.ranges import FolderReader, ahead
from release.consume.stream import Stream
from release.errors import UsageError

TRAIN, TEST = [row(number) for number in range(10)], [row(number) for number in range(50, 55)]
SHARD = "data/train-00000-of-00001.parquet"


@pytest.fixture
def made(make: Maker) -> Made:
    """Return a release of ten and five rows, in row groups of four."""
    return make({"train": TRAIN, "test": TEST})


def opened(made: Made, **options: object) -> Stream:
    """Return its stream."""
    return release.stream(made.folder, made.trust, **options)  # type: ignore[arg-type]


def test_rows_come_in_order_as_they_are_stored(made: Made) -> None:
    """All rows of all splits, images as bytes and path; twice the same; the log is remembered, and what is not looked at is told."""
    stream = opened(made)
    assert list(stream) == TRAIN + TEST
    assert list(stream) == TRAIN + TEST
    assert stream.rows == 15
    assert stream.report.verdict == "verified"
    assert len(stream.unchecked) == 3
    assert made.trust.with_suffix(".seen.json").exists()


def test_a_split_and_columns_are_chosen(made: Made) -> None:
    """Others are not given out; what is not there is a wrong call."""
    assert list(opened(made, split="test", columns=["caption"])) == [{"caption": row["caption"]} for row in TEST]
    for wrong in ({"split": "none"}, {"columns": ["caption", "none"]}):
        with pytest.raises(UsageError, match="no such"):
            opened(made, **wrong)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_workers_share_the_rows(made: Made, count: int) -> None:
    """Each row is in the part of exactly one of any number of workers, and parts can be parted again."""
    stream = opened(made)
    parts = [list(stream.shard(count, index)) for index in range(count)]
    assert sorted(one["caption"] for part in parts for one in part) == sorted(one["caption"] for one in TRAIN + TEST)
    assert [stream.shard(count, index).rows for index in range(count)] == [len(part) for part in parts]
    twice = [one for index in range(2) for one in stream.shard(count, 0).shard(2, index)]
    assert sorted(one["caption"] for one in twice) == sorted(one["caption"] for one in parts[0])


def captions(stream: Stream) -> list[str]:
    """Return the captions of a stream, in a process of a loader."""
    return [one["caption"] for one in stream]


def test_a_loader_hands_streams_to_its_processes(made: Made) -> None:
    """A stream is pickled, and each process reads and proves its own part."""
    stream = pickle.loads(pickle.dumps(opened(made)))  # noqa: S301  (our own)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(captions, [stream.shard(2, index) for index in range(2)]))
    assert found == [captions(stream.shard(2, index)) for index in range(2)]
    assert sum(map(len, found)) == 15


@pytest.mark.parametrize("count", range(16))
def test_a_stream_goes_on_where_it_was(made: Made, count: int) -> None:
    """After any number of rows the position leads to exactly those that follow, also in another stream of the release."""
    rows = iter(opened(made))
    before = [next(rows) for _ in range(count)]
    assert before + list(opened(made).after(rows.position)) == TRAIN + TEST


def test_a_position_of_another_release_is_refused(made: Made) -> None:
    """Row 7 of one release is another row in the next, and a text that is no position is none."""
    for position in (f"{'0' * 16}:0:3", "7", ""):
        with pytest.raises(UsageError, match="no position"):
            opened(made).after(position)
    for wrong in ((2, 2), (0, 0), (2, -1)):
        with pytest.raises(UsageError, match="no such part"):
            opened(made).shard(*wrong)


def test_a_position_in_another_part_or_other_splits_is_refused(made: Made) -> None:
    """It would leave rows out in silence, where the number of workers was changed, say."""
    stream = opened(made)
    rows = iter(stream.shard(2, 0))
    next(rows)
    for other in (stream, stream.shard(2, 1), stream.shard(4, 0), opened(made, split="test").shard(2, 0)):
        with pytest.raises(UsageError, match="no position"):
            other.after(rows.position)
    assert len(list(opened(made).shard(2, 0).after(rows.position))) == stream.shard(2, 0).rows - 1
    assert list(stream.shard(2, 0).after(rows.position).shard(3, 2)) == list(stream.shard(2, 0).shard(3, 2))


def test_one_name_in_the_place_of_columns_is_told(made: Made) -> None:
    """A text is a sequence of letters too."""
    with pytest.raises(UsageError, match="list of names"):
        opened(made, columns="caption")


@dataclass
class Failing:
    """A reader that fails now and then."""

    honest: FolderReader
    turns: Iterator[bool]

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return a range, or fail."""
        if next(self.turns):
            raise StoreError("the connection was cut")
        return self.honest.read(path, start, end)


@pytest.mark.parametrize("turns", [[True], [False, True], [False, False, True, True], [True, False] * 5])
def test_a_stream_that_is_gone_on_with_after_an_error_leaves_no_row_out(made: Made, turns: list[bool]) -> None:
    """Who catches an error and asks for the next row gets that very row, never an end that is none."""
    stream = opened(made)
    assert isinstance(stream.reader, FolderReader)
    for source in (stream, *(stream.shard(2, index) for index in range(2))):
        rows, given, errors = iter(replace(source, reader=Failing(stream.reader, chain(turns, repeat(object=False))))), [], 0
        while True:
            try:
                given.append(next(rows))
            except StoreError:
                errors += 1
            except StopIteration:
                break
        assert given == list(source)
        assert errors


def test_rows_that_are_others_stay_an_error_however_often_they_are_asked_for(made: Made) -> None:
    """A bent row group is never passed over."""
    stream = opened(made)
    assert isinstance(stream.reader, FolderReader)
    rows = iter(replace(stream, reader=Lying(stream.reader, "flip")))
    assert [next(rows) for _ in range(4)] == TRAIN[:4]
    for _ in range(3):
        with pytest.raises(VerificationError):
            next(rows)


@dataclass(frozen=True)
class Lying:
    """A reader that gives other bytes of a file from some place on."""

    honest: FolderReader
    lie: str

    def read(self, path: str, start: int, end: int) -> bytes:
        """Return a range, bent if it is one of row groups behind the first, or the footer where the lie is about it."""
        data = self.honest.read(path, start, end)
        is_footer = end - start != 0 and data[-4:] == b"PAR1"
        if self.lie == "footer":
            return data[:-9] + bytes([data[-9] ^ 1]) + data[-8:] if is_footer else data
        if start <= 4 or is_footer:
            return data
        return {
            "flip": data[:100] + bytes([data[100] ^ 1]) + data[101:],
            "short": data[:-1],
            "long": data + b"x",
            "none": b"",
            "whole": self.honest.read(path, 0, 1 << 30),
            "swap": self.honest.read(SHARD, 4, 4 + end - start),
        }[self.lie]


@pytest.mark.parametrize("lie", ["flip", "short", "long", "none", "whole", "swap", "footer"])
def test_no_row_of_a_row_group_with_other_bytes_is_given_out(made: Made, lie: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What came before is given out, and nothing of the bent row group; nothing of it is ever parsed."""
    stream = opened(made)
    assert isinstance(stream.reader, FolderReader)
    parsed = _count_parsed(monkeypatch)
    rows, given = iter(replace(stream, reader=Lying(stream.reader, lie))), []
    with pytest.raises(VerificationError) as caught:
        given.extend(rows)
    assert caught.value.code == "range-digest"
    assert given == ([] if lie == "footer" else TRAIN[:4])
    assert parsed == ([] if lie == "footer" else [0])


def _count_parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list of the row groups that are parsed from now on."""
    parsed: list[int] = []
    whole = pq.ParquetFile.read_row_group

    def counted(self: pq.ParquetFile, index: int, **options: object) -> pa.Table:
        parsed.append(index)
        return whole(self, index, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counted)
    return parsed


def test_a_file_that_changes_while_it_is_streamed_is_noticed(made: Made) -> None:
    """The first rows are given out, those of the changed row group are not."""
    path = made.folder / SHARD
    data = bytearray(path.read_bytes())
    group = opened(made).manifest.shards[0].row_groups[2]
    rows = iter(opened(made))
    assert next(rows) == TRAIN[0]
    data[group.start + 50] ^= 1
    path.write_bytes(data)
    with pytest.raises(VerificationError) as caught:
        list(rows)
    assert caught.value.code == "range-digest"


def test_a_row_group_in_the_place_of_another_is_no_row_of_the_release(make: Maker) -> None:
    """Where the institution's own manifest names a row group with other rows, its root tells."""
    one, other = make({"train": TRAIN}), make({"train": [row(number) for number in range(200, 210)]}, place="other")
    streams = [opened(made) for made in (one, other)]
    shards = [stream.manifest.shards[0] for stream in streams]
    mixed = replace(shards[1], row_groups=tuple(replace(b, root=a.root) for a, b in zip(*(s.row_groups for s in shards), strict=True)))
    stream = replace(streams[1], manifest=replace(streams[1].manifest, shards=(mixed,)))
    with pytest.raises(VerificationError) as caught:
        list(stream)
    assert caught.value.code == "row-root"


def test_only_a_verified_release_is_streamed(made: Made) -> None:
    """A withdrawn one is not, nor a folder that is none, nor any without a trust file."""
    with pytest.raises(TrustError):
        release.stream(made.folder, made.folder / "none")
    with pytest.raises(Problem):
        release.stream(made.folder.parent / "none", made.trust)
    withdrawn(made)
    with pytest.raises(VerificationError, match="withdrawn") as caught:
        opened(made)
    assert caught.value.code == "withdrawn"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda folder: (folder / SHARD).unlink(), "folder-missing"),
        (lambda folder: (folder / "data" / "extra.parquet").write_bytes(b"x"), "folder-extra"),
        (lambda folder: (folder / SHARD).write_bytes((folder / SHARD).read_bytes()[:-1]), "file-size"),
        (lambda folder: (folder / "data" / "link.parquet").symlink_to(SHARD), "folder-link"),
    ],
)
def test_a_folder_with_other_files_is_not_streamed(made: Made, change: object, code: str) -> None:
    """A shard too few, one too many, a cut one, a link: each is told before a row is given out."""
    change(made.folder)  # type: ignore[operator]
    with pytest.raises(VerificationError) as caught:
        opened(made)
    assert caught.value.code == code


def test_a_log_that_was_rolled_back_is_not_streamed(made: Made, make: Maker) -> None:
    """What was seen of the log before is held against it, as everywhere."""
    newer = make({"train": TRAIN}, Line("1.1.0", after=made.world), place="newer")
    release.stream(newer.folder, made.trust.read_bytes())
    made.trust.write_bytes(newer.trust.read_bytes())
    release.stream(newer.folder, made.trust)
    with pytest.raises(VerificationError) as caught:
        release.stream(made.folder, made.trust)
    assert caught.value.code in {"log-rollback", "log-fork"}


def test_one_row_group_is_worked_on_ahead_and_no_more() -> None:
    """Memory holds the one that is used and the next, whatever the reader's pace."""
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        return item * item

    for number, (item, result) in enumerate(ahead(work, iter(range(20)))):
        assert (item, result) == (number, number * number)
        assert len(begun) <= number + 2


def test_a_stream_that_is_given_up_ends_its_thread(made: Made) -> None:
    """Nothing is read on for a reader that went away."""
    rows: Iterator[object] = iter(opened(made))
    before = set(threading.enumerate())
    next(rows)
    mine = set(threading.enumerate()) - before
    assert mine
    del rows
    for thread in mine:
        thread.join(10)
        assert not thread.is_alive()
