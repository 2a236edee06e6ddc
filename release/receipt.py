"""The receipt that ends a shard: what it depended on, what came out, and the digests of every file that it wrote.

A receipt is private (0600): it holds counts per shard and per reason. A shard with a receipt whose context and files still
hold is not done again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from audit_logs import canonical, documents
from audit_logs.errors import FormatError
from audit_logs.fields import Count, Sha256
from audit_logs.manifest import Shard
from audit_logs.statement import SelfTest
from release import store
from release.account import Tally

LIMIT = 256 << 20


@dataclass(frozen=True, slots=True)
class Receipt:
    """One shard's result.

    Attributes:
        context: digest of everything that the shard is a function of (hex).
        unit: index of the source shard.
        rows: source rows of the shard.
        source_root: its root over all source rows (hex).
        keyed_roots: its keyed root at every boundary, 0 to n (hex).
        shard: the data file, as in the manifest.
        tallies: one for each step.
        self_tests: one for each step.
        tables: sha256 (hex) of the private tables, by name.
    """

    context: Sha256
    unit: Count
    rows: Count
    source_root: Sha256
    keyed_roots: tuple[Sha256, ...]
    shard: Shard
    tallies: tuple[Tally, ...]
    self_tests: tuple[SelfTest, ...]
    tables: Mapping[str, Sha256]


def write(path: Path, receipt: Receipt) -> None:
    """Write the receipt durably and private: it is the last file of its shard."""
    store.write_file(path, canonical.encode(documents.write(receipt)), private=True)


def read(path: Path) -> Receipt | None:
    """Return the receipt at `path`, or None where there is none, or none that this program can read."""
    try:
        return documents.read(Receipt, canonical.decode(path.read_bytes(), where=str(path), limit=LIMIT), str(path))
    except (FileNotFoundError, FormatError):
        return None
