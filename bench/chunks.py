"""What the Hub would have to be sent: content-defined chunks of files, cut and looked up by its own client.

`hf_xet` (the client that `huggingface_hub` uploads with) cuts files at places that a rolling hash of their content names, into chunks
of 8 to 128 KiB, 64 KiB on average, and sends those that the store does not have. It can have a folder of this machine in the place
of the Hub's store, and tells what it did. Source of the chunks' sizes: the Xet specification, "Content-Defined Chunking Algorithm".
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sent:
    """What files came to: their bytes and chunks, and those of them that the store did not have."""

    bytes: int
    chunks: int
    new_bytes: int
    new_chunks: int


class ChunkStore:
    """A store of chunks in a folder; whatever was sent to it once is not new again."""

    def __init__(self, folder: Path) -> None:
        """Open the store, empty if it is not there."""
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["HF_XET_CACHE"] = str(folder / "cache")  # read when the client is imported
        self._place = f"local://{folder.absolute()}"

    def send(self, paths: Iterable[Path]) -> Sent:
        """Send files, one after another."""
        from hf_xet import XetSession

        seen = []
        for path in paths:
            with XetSession().new_upload_commit(endpoint=self._place) as commit:
                upload = commit.start_upload_file(str(path.absolute()))
            seen.append(upload.result().dedup_metrics)
        return Sent(
            bytes=sum(one.total_bytes for one in seen),
            chunks=sum(one.total_chunks for one in seen),
            new_bytes=sum(one.new_bytes for one in seen),
            new_chunks=sum(one.new_chunks for one in seen),
        )
