"""File digests in one read, whatever the sizes of file and buffer."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator import MemoryFiles

from audit_logs import hashing


@given(data=st.binary(max_size=400), chunk=st.integers(1, 64))
def test_a_file_is_hashed_as_a_whole(data: bytes, chunk: int) -> None:
    """The digest is that of all bytes, for any buffer size."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hashing, "_CHUNK", chunk)
        assert hashing._digest("x", MemoryFiles({"x": data})) == (len(data), hashlib.sha256(data).hexdigest())
