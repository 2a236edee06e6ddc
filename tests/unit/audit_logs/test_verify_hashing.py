"""File digests in one read, whatever the sizes of file and buffer."""

from __future__ import annotations

import errno
import hashlib
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulator import NOW, Simulator

from audit_logs import files
from audit_logs.errors import StoreError
from audit_logs.files import FolderFiles
from audit_logs.verify import verify


@given(data=st.binary(max_size=400), chunk=st.integers(1, 64))
def test_a_file_is_hashed_as_a_whole(data: bytes, chunk: int) -> None:
    """The digest is that of all bytes, for any buffer size."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(files, "_CHUNK", chunk)
        (Path(folder) / "x").write_bytes(data)
        assert FolderFiles(Path(folder)).digest("x") == (len(data), hashlib.sha256(data).hexdigest())


class Failing(io.RawIOBase):
    """A file on a disk that fails."""

    def readable(self) -> bool:
        """Return true: it can be opened for reading."""
        return True

    def readinto(self, _: object) -> NoReturn:
        """Fail."""
        raise OSError(errno.EIO, "Input/output error")


def test_a_disk_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was opened and cannot be read to its end is `unreadable`, data and documents alike."""
    world = Simulator().finish()
    trust = world.write_to(tmp_path / "release")
    folder = FolderFiles(tmp_path / "release")
    whole = FolderFiles.open
    monkeypatch.setattr(FolderFiles, "open", lambda self, path: Failing() if path.startswith("data/") else whole(self, path))
    report = verify(folder, trust.read_bytes(), now=NOW)
    assert [(failure.code, failure.found) for failure in report.failures] == [("unreadable", "Input/output error")]
    with pytest.raises(StoreError) as caught:
        folder.read("data/train-00000-of-00002.parquet", 100)
    assert caught.value.code == "unreadable"
