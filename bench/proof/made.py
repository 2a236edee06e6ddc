"""A complete, verified release of any size, whose data files are made-up bytes: the light verifier never parses them."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from simulator import NOW, Simulator, digest

from audit_logs import merkle
from audit_logs.card import configs
from audit_logs.fields import time_text
from audit_logs.manifest import FileEntry, Manifest, Range, RowGroup, Shard
from audit_logs.statement import FilterStep

BLOCK = 1 << 20
FOOTER = b"footer PAR1"
LEFT_OUT = 3  # rows that the steps of the simulator take
TIME = time_text(NOW)


@dataclass(frozen=True, slots=True)
class Made:
    """A release on disk, its trust file, and how many bytes its data files have."""

    folder: Path
    trust: Path
    data: int

    @property
    def command(self) -> list[str]:
        """The words with which a verifier is asked about it."""
        return ["verify", str(self.folder), "--trust", str(self.trust), "--now", TIME, "--format", "quiet"]


class Large(Simulator):
    """A release of one row in each of some large shards, written to disk while it is made."""

    def __init__(self, folder: Path, shards: int, size: int) -> None:
        super().__init__()
        self.folder, self.count, self.size = folder, shards, size

    def _manifest(self) -> Manifest:
        full = super()._manifest()
        self.files = {path: data for path, data in self.files.items() if not path.startswith("data/")}
        shards = tuple(self._large(number) for number in range(self.count))
        self.files["README.md"] = "\n".join(["---", 'license: "cc-by-4.0"', *configs(shards), "---", "# Made up", ""]).encode()
        files = tuple(FileEntry(entry.path, len(self.files[entry.path]), digest(self.files[entry.path])) for entry in full.files)
        root = merkle.root([merkle.leaf_hash(bytes.fromhex(shard.root) + shard.rows.to_bytes(8, "big")) for shard in shards])
        source = replace(full.source, rows=self.count + LEFT_OUT)
        return replace(full, rows=self.count, root=root.hex(), shards=shards, files=files, source=source)

    def _large(self, number: int) -> Shard:
        path = f"data/train-{number:05d}-of-{self.count:05d}.parquet"
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        whole, body = hashlib.sha256(b"PAR1"), hashlib.sha256()
        with (self.folder / path).open("wb") as file:
            file.write(b"PAR1")
            block, left = os.urandom(BLOCK), self.size
            while left:
                part = block[: min(BLOCK, left)]
                file.write(part)
                whole.update(part)
                body.update(part)
                left -= len(part)
            file.write(FOOTER)
            whole.update(FOOTER)
        end = 4 + self.size
        root = merkle.leaf_hash(body.digest()).hex()
        group = RowGroup(4, end, body.hexdigest(), 1, root)
        footer = Range(end, end + len(FOOTER), digest(FOOTER))
        return Shard(path, "train", footer.end, whole.hexdigest(), 1, root, (group,), footer)

    def _steps(self, manifest: Manifest) -> list[FilterStep]:
        rows = manifest.rows
        counts = ((rows + 3, rows + 1, 1, 1), (rows + 1, rows, 1, 0))
        return [self._step(manifest, order, numbers) for order, numbers in enumerate(counts, 1)]


def make(folder: Path, shards: int, size: int) -> Made:
    """Make a release of `shards` data files with `size` bytes of rows each."""
    world = Large(folder / "release", shards, size).finish()
    return Made(folder / "release", world.write_to(folder / "release"), shards * size)
