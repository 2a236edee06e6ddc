"""Digests that are taken while a file is written: those of its bytes, however they come, and of no other file that comes in its place."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit_logs.errors import VerificationError
from audit_logs.manifest import Range, RowGroup, Shard
from release.consume.arriving import Digester, HashedFiles, Landing

PATH = "data/train-00000-of-00001.parquet"


def shard(data: bytes, ends: tuple[int, ...]) -> Shard:
    """Return what a manifest says of a file whose row groups begin at byte 4 and end at these places."""
    starts = (4, *ends)
    groups = tuple(RowGroup(a, b, hashlib.sha256(data[a:b]).hexdigest(), 1, "0" * 64) for a, b in zip(starts, ends, strict=False))
    footer = Range(ends[-1], len(data), hashlib.sha256(data[ends[-1] :]).hexdigest())
    return Shard(PATH, "train", len(data), hashlib.sha256(data).hexdigest(), len(groups), "0" * 64, groups, footer)


DATA = bytes(range(256)) * 4
ENTRY = shard(DATA, (100, 101, 900))


@given(cuts=st.lists(st.integers(0, len(DATA)), max_size=12))
def test_pieces_of_any_size_give_the_same_digests(cuts: list[int]) -> None:
    """Of the whole, and of each row group, wherever the chunks end."""
    digester = Digester(ENTRY)
    places = sorted({0, len(DATA), *cuts})
    for start, end in pairwise(places):
        digester.update(DATA[start:end])
    assert (digester.size, digester.sha256) == (len(DATA), ENTRY.sha256)
    assert digester.ranges == tuple(group.sha256 for group in ENTRY.row_groups)


@dataclass
class Source:
    """A repository that gives a file from some place on, in small chunks."""

    data: bytes
    asked: list[int] = field(default_factory=list)

    def chunks(self, path: str, first: int) -> Iterator[bytes]:
        """Yield what was asked for."""
        assert path == PATH
        self.asked.append(first)
        yield from (self.data[at : at + 7] for at in range(first, len(self.data), 7))


def landing(folder: Path, source: Any, older: Path | None = None) -> Landing:
    """Return where files land in a folder."""
    made = Landing(source, folder / "release", folder / "parts", {} if older is None else {ENTRY.sha256: older})
    made.tidy([ENTRY])
    return made


def test_the_verifier_is_answered_for_the_very_file_that_was_written(tmp_path: Path) -> None:
    """From memory while it is that file; by a new look once it was changed, exchanged or put back with another time."""
    place = landing(tmp_path, Source(DATA))
    arrived = place.obtain(ENTRY)
    files, path = HashedFiles(place.folder, {PATH: (ENTRY, arrived)}), place.folder / PATH
    list(files.names())
    assert files.digest(PATH) == (len(DATA), ENTRY.sha256)
    other = bytes([DATA[0] ^ 1]) + DATA[1:]
    status = path.stat()
    path.write_bytes(other)
    assert files.digest(PATH) == (len(DATA), hashlib.sha256(other).hexdigest())
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    exchanged = tmp_path / "exchanged"
    exchanged.write_bytes(other)
    os.utime(exchanged, ns=(status.st_atime_ns, status.st_mtime_ns))
    exchanged.rename(path)
    assert files.digest(PATH) == (len(DATA), hashlib.sha256(other).hexdigest())


@pytest.mark.parametrize(
    ("given", "code"), [(DATA[:-1] + b"!", "file-digest"), (DATA[:-1], "file-size"), (DATA + b"!", "file-size"), (b"", "file-size")]
)
def test_other_bytes_are_told_and_gone(tmp_path: Path, given: bytes, code: str) -> None:
    """Neither the file nor a part of it stays, and a source without an end fills no disk."""
    place = landing(tmp_path, Source(given))
    with pytest.raises(VerificationError) as caught:
        place.obtain(ENTRY)
    assert caught.value.code == code
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("kept", [0, 1, 100, 101, 1023, 1024])
def test_a_part_is_gone_on_with_whatever_its_size(tmp_path: Path, kept: int) -> None:
    """What is there is hashed and the rest is asked for, nothing at all if there is none."""
    source = Source(DATA)
    place = landing(tmp_path, source)
    part = place.parts / f"{ENTRY.sha256}.{Path(PATH).name}"
    part.write_bytes(DATA[:kept])
    assert place.obtain(ENTRY).ranges == tuple(group.sha256 for group in ENTRY.row_groups)
    assert source.asked == ([kept] if kept < len(DATA) else [])
    assert (place.folder / PATH).read_bytes() == DATA


def test_a_part_that_is_a_link_or_too_large_is_not_written_to(tmp_path: Path) -> None:
    """A link is refused as the system says it; too large a part begins anew."""
    place = landing(tmp_path, Source(DATA))
    part = place.parts / f"{ENTRY.sha256}.{Path(PATH).name}"
    part.write_bytes(DATA + b"more")
    place.obtain(ENTRY)
    (place.folder / PATH).unlink()
    mine = tmp_path / "mine"
    mine.write_bytes(b"mine")
    part.symlink_to(mine)
    with pytest.raises(OSError, match="symbolic link"):
        place.obtain(ENTRY)
    assert mine.read_bytes() == b"mine"


@pytest.mark.parametrize("whole", [True, False])
def test_an_older_copy_is_used_if_it_has_the_bytes(tmp_path: Path, whole: bool) -> None:
    """Then nothing is fetched; one that has not is left as it is."""
    older = tmp_path / "older"
    older.write_bytes(DATA if whole else DATA[:-1] + b"!")
    before, source = older.read_bytes(), Source(DATA)
    place = landing(tmp_path, source, older=older)
    place.obtain(ENTRY)
    assert source.asked == ([] if whole else [0])
    assert older.read_bytes() == before
    assert (place.folder / PATH).read_bytes() == DATA


def test_what_is_no_longer_wanted_goes(tmp_path: Path) -> None:
    """Files and parts of a release that was the newest when an earlier run was cut off."""
    place = landing(tmp_path, Source(DATA))
    place.obtain(ENTRY)
    (place.folder / "data" / "old.parquet").write_bytes(b"x")
    (place.parts / "old").write_bytes(b"x")
    place.tidy([ENTRY])
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [Path(PATH).name]
