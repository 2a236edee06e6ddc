"""What a newer release has that an older one had not, and the other way round: counts, never rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit_logs.files import FolderFiles
from audit_logs.manifest import Manifest, RowGroup
from audit_logs.report import Report
from audit_logs.verify import recorded
from release import rows, store, table

Vintages = dict[str, str]


@dataclass(frozen=True, slots=True)
class Changes:
    """What is different.

    Attributes:
        before: version of the older release; after: of the newer.
        added: rows that the newer has and the older had not; None where the older copy is damaged.
        gone: rows that the older had and the newer has not; None as above.
        lists: sentences about lists whose vintage is another.
        auditors: sentences about auditors whose opinions count now and did not, or the reverse.
        log: whether the log has more entries.
    """

    before: str
    after: str
    added: int | None
    gone: int | None
    lists: tuple[str, ...]
    auditors: tuple[str, ...]
    log: bool


def between(older: tuple[Path, Manifest], newer: tuple[Path, Report], trust: bytes) -> Changes:
    """Return what changed from an older copy of a release to one that was verified.

    Args:
        older: its folder, and its manifest, of which nothing is believed.
        newer: its folder, and the report on it.
        trust: the pinned trust file's bytes.
    """
    (folder, before), (place, report) = older, newer
    after = report.manifest or before
    record = recorded(FolderFiles(folder), trust, now=datetime.now(UTC))
    counts = (0, 0) if before.root == after.root else _rows((folder, before), (place, after))
    added, gone = counts if counts is not None else (None, None)
    auditors = [
        (_organisations(report) - _organisations(record), "passed this one"),
        (_organisations(record) - _organisations(report), "no longer"),
    ]
    return Changes(
        before.version,
        after.version,
        added,
        gone,
        tuple(_lists(_vintages(record), _vintages(report))),
        tuple(f"{name}: {how}" for names, how in auditors for name in sorted(names)),
        len(record.case.entries) != len(report.case.entries),
    )


def _rows(older: tuple[Path, Manifest], newer: tuple[Path, Manifest]) -> tuple[int, int] | None:
    """Return how many rows came and went; row groups that both have are not read."""
    shared = {group.root for group in _groups(older[1])} & {group.root for group in _groups(newer[1])}
    found = [_digests(folder, manifest, shared) for folder, manifest in (older, newer)]
    if found[0] is None or found[1] is None:
        return None
    return (found[1] - found[0]).total(), (found[0] - found[1]).total()


def _groups(manifest: Manifest) -> Iterator[RowGroup]:
    yield from (group for shard in manifest.shards for group in shard.row_groups)


def _digests(folder: Path, manifest: Manifest, shared: set[str]) -> Counter[bytes] | None:
    """Return the digests of all rows outside shared row groups; None where a data file is damaged."""
    found: Counter[bytes] = Counter()
    for shard in manifest.shards:
        if all(group.root in shared for group in shard.row_groups):
            continue
        if not (folder / shard.path).is_file() or store.file_sha256(folder / shard.path) != shard.sha256:
            return None
        for group, batch in zip(shard.row_groups, table.read_groups(folder / shard.path), strict=True):
            if group.root not in shared:
                found.update(digest.tobytes() for digest in rows.row_digests(batch))
    return found


def _organisations(report: Report) -> set[str]:
    return {item.auditor.organisation for item in report.case.weighed if item.counts}


def _vintages(report: Report) -> Vintages:
    candidate = report.case.candidate
    steps = () if candidate is None else candidate.attestations
    return {f"{step.step.name}, list {used.name}": used.vintage for _, step in steps for used in step.lists}


def _lists(before: Vintages, after: Vintages) -> Iterator[str]:
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, 'none')} -> {after.get(name, 'none')}"
