"""Writing a list into its store: into a folder beside its place, and from there in one step; sealed, where the store is."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from release import store
from release.errors import ListError
from release.lists import sealed
from release.lists.entries import reserved
from release.lists.gather import Resolved
from release.lists.report import ImportReport
from release.lists.stored import INDEX, ORIGINS, RECORD, RECORD_LIMIT, Record, index_path, new_index


def write(folder: Path, authority: str, report: ImportReport, resolved: Resolved) -> None:
    """Write a list into the store in `folder`, whose lock the caller has.

    Raises:
        ListError: the store is sealed, and this system has nowhere to seal in.
        StoreError: it cannot be written; what was there stays.
    """
    with _staging(folder, report.name) as staging:
        under_seal = sealed.is_sealed(folder)
        with sealed.shelter() if under_seal else nullcontext(staging) as made:
            digests = _indexes(made, resolved)
            for name in digests if under_seal else ():
                sealed.seal(index_path(made, name), sealed_path(staging, name), folder)
        store.write_file(staging / RECORD, _record(authority, report, resolved, digests).encode(), private=True)


def seal(folder: Path, name: str) -> bool:
    """Seal a list of the store in `folder`, whose lock the caller has, and say whether it was not sealed.

    Raises:
        StoreError: it cannot be read or written; what was there stays.
    """
    there = folder / name
    clear_files = sorted(there.glob(f"*{INDEX}"))
    if not clear_files:
        return False
    with _staging(folder, name) as staging:
        for path in clear_files:
            store.check_private(path)
            sealed.seal(path, staging / f"{path.name}{sealed.SUFFIX}", folder)
        store.write_file(staging / RECORD, store.read_file(there / RECORD, RECORD_LIMIT, private=True), private=True)
    return True


def clear(folder: Path) -> None:
    """Remove a folder of the store with everything in it.

    Raises:
        ListError: it could not be removed.
    """
    if not folder.exists():
        return
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise ListError("a list could not be removed", where=str(folder), found=error.strerror or "an error") from error


def sealed_path(folder: Path, name: str) -> Path:
    """Return where the sealed form of a list's file lies."""
    path = index_path(folder, name)
    return path.with_name(f"{path.name}{sealed.SUFFIX}")


@contextmanager
def _staging(folder: Path, name: str) -> Iterator[Path]:
    """Give an empty folder that takes the place of a list when the block ends well, and is gone if it does not."""
    staging = folder / f".{name}.new"
    clear(staging)
    try:
        store.make_private_folder(staging)
        yield staging
        store.swap_folder(staging, folder / name)
    finally:
        clear(staging)


def _indexes(folder: Path, resolved: Resolved) -> dict[str, str]:
    """Write the indexes of a list, and return the sha256 of each by type; that of its origins with them.

    The entries of a type are given up once they are written: together they may be most of the memory that there is.
    """
    digests = {}
    for kind in sorted(resolved.entries):
        new_index(kind, resolved.entries.pop(kind), reserved(kind)).save(index_path(folder, kind))
        digests[kind] = store.file_sha256(index_path(folder, kind))
    if resolved.origins is not None:
        resolved.origins.save(index_path(folder, ORIGINS))
        digests[ORIGINS] = store.file_sha256(index_path(folder, ORIGINS))
    return digests


def _record(authority: str, report: ImportReport, resolved: Resolved, digests: dict[str, str]) -> Record:
    return Record(
        name=report.name,
        authority=authority,
        vintage=report.vintage.isoformat(),
        vintage_from=report.vintage_from,
        partial=report.partial,
        format=report.format,
        entries=report.entries,
        indexes={kind: digests[kind] for kind in report.entries},
        classes=report.classes,
        class_names=resolved.origins.names if resolved.origins is not None else (),
        origins=digests.get(ORIGINS),
    )
