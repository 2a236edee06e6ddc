"""The digests of the files that a manifest names, each in one read. Source: docs/SPEC.md section 13.7.

Files are hashed side by side, one for each processor: hashlib releases the interpreter's lock. Memory: one buffer for each.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from audit_logs.errors import Failure
from audit_logs.files import Files, unreadable
from audit_logs.manifest import FileEntry, Manifest, Shard


def check_files(manifest: Manifest, files: Files) -> Iterator[Failure]:
    """Yield every file of the manifest that has not its size and digest."""
    items: tuple[Shard | FileEntry, ...] = (*manifest.files, *manifest.shards)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for failures in pool.map(lambda item: _check(item, files), items):
            yield from failures


def _check(item: Shard | FileEntry, files: Files) -> list[Failure]:
    """Return what is wrong with one file."""
    try:
        size, digest = files.digest(item.path)
    except OSError as error:
        raise unreadable(item.path, error) from error
    failures = [Failure("file-size", item.path, f"{item.bytes} bytes", f"{size} bytes")] if size != item.bytes else []
    return failures + ([Failure("file-digest", item.path, item.sha256, digest)] if digest != item.sha256 else [])
