"""The page that `--report` asks for: where it may go, and what it tells of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from release.cli._output import Output

if TYPE_CHECKING:
    from audit_logs.contact import Chosen
    from audit_logs.report import Report


def page_place(path: Path | None, folder: Path | None) -> Path | None:
    """Return where the page goes, checked before a verification that may take long.

    Raises:
        UsageError: it would lie in the release, there is no folder for it, or it would replace what is no such page.
    """
    from release.checks import outside
    from release.errors import UsageError

    if path is None:
        return None
    if folder is not None:
        outside(path, folder, "the page")
    if not path.absolute().parent.is_dir():
        raise UsageError("there is no folder for the page", where=str(path.parent), next_step="make it, or name another file")
    _free(path)
    return path


def _free(path: Path) -> None:
    """Raise UsageError where a page would replace what is no such page."""
    from release.errors import UsageError
    from release.page import is_page

    if (path.exists() or path.is_symlink()) and not is_page(path):
        expected = "a new name, or a page that this command wrote"
        raise UsageError("there is something here that is no such page", where=str(path), expected=expected, next_step="name another file")


def write_page(output: Output, place: Path | None, report: Report, chosen: Chosen, *, whole: bool = True) -> None:
    """Write the page, if one was asked for.

    Args:
        output: where to say so.
        place: as `page_place` returned it.
        report: what was found.
        chosen: the trust file by which it was found.
        whole: whether the data was looked at too; else the record alone was.

    Raises:
        UsageError: something else has come to its place since, such as a state file.
        StoreError: it cannot be written.
    """
    from hashlib import sha256

    from audit_logs.telling import tell
    from release import store
    from release.report import Writing, of_record
    from release.report import report as page

    if place is not None:
        _free(place)
        told = tell(report) if whole else of_record(tell(report))
        store.write_file(place, page(told, Writing(report.case.now, sha256(chosen.data).hexdigest(), own=True)))
        output.say(f"\nThe page is {place}; any browser opens it.")
