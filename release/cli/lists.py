"""`release lists`: keep the store of known-hash lists. What it prints are counts, dates and line numbers, never a value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, CommandGroup, command
from release.cli._output import Output
from release.errors import ListError, UsageError

if TYPE_CHECKING:
    from release.lists import ImportReport, ListStore, StoredList

FORMATS = ("text", "csv")
TYPES = ("md5", "sha1", "sha256", "pdq", "photodna", "url", "domain")
SHOWN = 20  # rejected lines told to a person; JSON has more

lists = CommandGroup(
    "lists",
    summary="Keep the store of known-hash lists.",
    examples=(
        "release lists import hashes.txt --name known-digests --vintage 2026-01-31 --type sha256",
        "release lists show",
    ),
)
_STORE = click.option("--store", type=FOLDER, help="The store's folder.  [default: the store of ./plan.toml]")
_NAME = click.option("--name", required=True, help="The list's name in plans.")
_VINTAGE = click.option("--vintage", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The day as of which the list holds.")
_TYPE = click.option("--type", "kind", type=click.Choice(TYPES), help="Type of the values, where the file does not tell it.")
_COLUMN = click.option("--column", multiple=True, metavar="TYPE=NAME", help="csv: the column that holds values of a type.")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line says of a list file."""

    file: Path
    store: Path | None
    name: str
    vintage: datetime
    authority: str | None
    file_format: str | None
    kind: str | None
    column: tuple[str, ...]

    def columns(self) -> dict[str, str]:
        """Return the columns by type."""
        pairs = [text.partition("=") for text in self.column]
        wrong = [kind for kind, equals, name in pairs if not equals or not name or kind not in TYPES]
        if wrong or len({kind for kind, _, _ in pairs}) != len(pairs):
            raise UsageError("--column is TYPE=NAME, once for each type", expected="one of " + ", ".join(TYPES) + ", =, a column's name")
        return {kind: name for kind, _, name in pairs}


@command(
    "import", examples=("release lists import hashes.csv --name known --vintage 2026-01-31 --format csv --column md5=MD5",), formats=FORMATS
)
@click.argument("file", type=FOLDER)
@_NAME
@_VINTAGE
@click.option("--authority", help="Who vouches for the list.")
@_TYPE
@_COLUMN
@_STORE
@click.option("--replace", is_flag=True, help="Replace a list of this name.")
def import_(output: Output, replace: bool, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Add the list in FILE to the store.

    text: one value on each line, `#` begins a comment line. csv: a header, and a column for each type. Lines that hold no usable
    value are left out and named by number and reason.
    """
    asked = _Asked(**options)
    store = _store(asked.store)
    with output.progress("importing", total=None, unit="values") as bar:
        report = store.import_file(asked.file, _request(asked, asked.authority or "", replace=replace), _today(), bar.update)
    _tell(output, report)


@command("update", examples=("release lists update newer.txt --name known-digests --vintage 2026-02-28 --type sha256",), formats=FORMATS)
@click.argument("file", type=FOLDER)
@_NAME
@_VINTAGE
@click.option("--authority", help="Who vouches for the list.  [default: as before]")
@_TYPE
@_COLUMN
@_STORE
@click.option("--add", is_flag=True, help="FILE holds what came new: keep the entries that are there.")
def update(output: Output, add: bool, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Replace a list by the newer one in FILE."""
    asked = _Asked(**options)
    store = _store(asked.store)
    old = store.open(asked.name)
    if asked.vintage.date() < old.vintage:
        raise ListError(
            "the file is older than the list",
            where=f"list {asked.name}",
            expected=f"a vintage from {old.vintage} on",
            found=str(asked.vintage.date()),
            next_step="`release lists import --replace` puts back an older one",
        )
    request = _request(asked, old.authority if asked.authority is None else asked.authority, replace=True)
    change = store.extend if add else store.import_file
    with output.progress("importing", total=None, unit="values") as bar:
        report = change(asked.file, request, _today(), bar.update)
    _tell(output, report)


@command("show", examples=("release lists show", "release lists show known-digests --format json"))
@click.argument("name", required=False)
@_STORE
def show(output: Output, name: str | None, store: Path | None) -> None:
    """Show what is known of one list, or of all: counts and dates, no entries."""
    opened = _store(store)
    found = [opened.open(one) for one in ([name] if name else opened.names())]
    today = _today()
    output.result(
        {"lists": [_as_json(one, today) for one in found]}, "\n".join(_line(one, today) for one in found) or "The store holds no list."
    )


@command("remove", examples=("release lists remove old-list",))
@click.argument("name")
@_STORE
def remove(output: Output, name: str, store: Path | None) -> None:
    """Remove a list from the store."""
    _store(store).remove(name)
    output.result({"removed": name}, f"Removed list {name}.")


for _command in (import_, show, update, remove):
    lists.add_command(_command)


def _today() -> date:
    return datetime.now(UTC).date()


def _store(path: Path | None) -> ListStore:
    from release.lists import ListStore

    if path is not None:
        return ListStore(path)
    plan = Path("plan.toml")
    if not plan.exists():
        raise UsageError("no list store is named", next_step="give --store DIR, or run where plan.toml lies")
    from release.plan import load
    from release.steps import kinds

    return ListStore(load(plan, kinds()).lists.store)


def _request(asked: _Asked, authority: str, *, replace: bool) -> Any:  # noqa: ANN401  (imported where used)
    from release.lists import ImportRequest

    return ImportRequest(asked.name, asked.vintage.date(), authority, asked.file_format, asked.kind, asked.columns(), replace)


def _tell(output: Output, report: ImportReport) -> None:
    rejected = [{"line": one.line, "reason": one.reason} for one in report.rejected]
    entries = ", ".join(f"{count:,} {kind}" for kind, count in report.entries.items())
    if report.rejected_count:
        shown = "".join(f"\n  line {one.line}: {one.reason}" for one in report.rejected[:SHOWN])
        more = f"\n  and {report.rejected_count - SHOWN:,} more" if report.rejected_count > SHOWN else ""
        output.warn(f"{report.rejected_count:,} values were left out{shown}{more}")
    output.result(
        {
            "list": report.name,
            "entries": dict(report.entries),
            "duplicates": report.duplicates,
            "rejected": rejected,
            "rejectedCount": report.rejected_count,
            "vintageFrom": report.vintage_from,
        },
        f"List {report.name}: {entries}; {report.duplicates:,} duplicates, {report.rejected_count:,} rejected.",
    )


def _as_json(one: StoredList, today: date) -> dict[str, object]:
    return {
        "name": one.name,
        "authority": one.authority,
        "vintage": one.vintage.isoformat(),
        "vintageFrom": one.vintage_from,
        "ageDays": one.age(today),
        "entries": dict(one.entries),
        "digest": one.digest,
    }


def _line(one: StoredList, today: date) -> str:
    entries = ", ".join(f"{count:,} {kind}" for kind, count in one.entries.items())
    return f"{one.name}: {entries}; vintage {one.vintage} ({one.age(today)} days old), authority {one.authority or 'not named'}"
