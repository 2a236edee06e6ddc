"""File and range digests in one read, whatever the sizes of file, range and buffer."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator import MemoryFiles

from audit_logs import hashing


@given(data=st.binary(min_size=5, max_size=400), cuts=st.sets(st.integers(5, 399), max_size=6), chunk=st.integers(1, 64))
def test_ranges_and_file_are_hashed_as_if_alone(data: bytes, cuts: set[int], chunk: int) -> None:
    """Every range's digest is that of its own bytes, and the file's that of all, for any buffer size."""
    ends = [*sorted(cut for cut in cuts if cut < len(data)), len(data)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "_CHUNK", chunk)
        size, whole, ranges = hashing._digests("x", ends, MemoryFiles({"x": data}))
    starts = [4, *ends[:-1]]
    assert (size, whole) == (len(data), hashlib.sha256(data).hexdigest())
    assert ranges == [hashlib.sha256(data[start:end]).hexdigest() for start, end in zip(starts, ends, strict=True)]


def test_a_file_shorter_than_its_ranges_is_no_accident() -> None:
    """Ranges beyond the end of a file hash to what is there; their digests then differ."""
    _, _, ranges = hashing._digests("x", [8, 100], MemoryFiles({"x": b"PAR1aaaabb"}))
    assert ranges == [hashlib.sha256(b"aaaa").hexdigest(), hashlib.sha256(b"bb").hexdigest()]
