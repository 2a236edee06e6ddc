"""`release lists`: keep the store of known-hash lists. What it prints are counts, dates and line numbers, never a value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from release.cli._command import FOLDER, CommandGroup, command
from release.cli._output import Output
from release.cli._passphrase import PASSPHRASE, ask
from release.errors import UsageError

if TYPE_CHECKING:
    from release.lists import ImportReport, ListStore, StoredList
    from release.lists.report import Change

FORMATS = ("auto", "text", "csv", "parquet", "ncmec", "stopncii", "vics", "icse", "tat", "threatexchange")
TYPES = ("md5", "sha1", "sha256", "pdq", "photodna", "video-md5", "url", "domain", "url-md5", "url-sha1", "url-sha256", "term", "regex")
COLUMNS = (*TYPES, "class")
EXCHANGES = ("ncmec", "stopncii")
SHOWN = 20  # rejected lines told to a person; JSON has more

lists = CommandGroup(
    "lists",
    summary="Keep the store of known-hash lists.",
    examples=(
        "release lists import hashes.txt --name known-digests --vintage 2026-01-31 --type sha256",
        "release lists import page-1.xml page-2.xml --name exchange",
        "release lists show",
    ),
)
_FILES = click.argument("files", type=FOLDER, nargs=-1, required=True, metavar="FILE...")
_STORE = click.option("--store", type=FOLDER, help="The store's folder.  [default: the store of ./plan.toml]")
_NAME = click.option("--name", required=True, help="The list's name in plans.")
_VINTAGE = click.option(
    "--vintage", type=click.DateTime(["%Y-%m-%d"]), help="The day as of which the list holds.  [default: what the file says]"
)
_TYPE = click.option("--type", "kind", type=click.Choice(TYPES), help="Type of the values, where the file does not tell it.")
_COLUMN = click.option("--column", multiple=True, metavar="TYPE=NAME", help="csv, parquet: the column of a type, or of the `class`.")
_CLASS = click.option("--class", "classes", multiple=True, help="Take the entries of this class alone; may be given again.")
_PARTIAL = click.option("--accept-partial", is_flag=True, help="Take what stands before a place where a file is broken; attested.")


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the command line says of list files."""

    files: tuple[Path, ...]
    store: Path | None
    name: str
    vintage: datetime | None
    authority: str | None
    file_format: str | None
    kind: str | None
    column: tuple[str, ...]
    classes: tuple[str, ...]
    accept_partial: bool

    def columns(self) -> dict[str, str]:
        """Return the columns by type."""
        pairs = [text.partition("=") for text in self.column]
        wrong = [kind for kind, equals, name in pairs if not equals or not name or kind not in COLUMNS]
        if wrong or len({kind for kind, _, _ in pairs}) != len(pairs):
            raise UsageError("--column is TYPE=NAME, once for each type", expected="one of " + ", ".join(COLUMNS) + ", =, a column's name")
        return {kind: name for kind, _, name in pairs}


@command(
    "import",
    examples=(
        "release lists import hashes.csv --name known --vintage 2026-01-31 --format csv --column md5=MD5",
        "release lists import page-1.xml page-2.xml --name exchange",
    ),
    formats=FORMATS,
)
@_FILES
@_NAME
@_VINTAGE
@click.option("--authority", help="Who vouches for the list.")
@_TYPE
@_COLUMN
@_CLASS
@_PARTIAL
@_STORE
@PASSPHRASE
@click.option("--replace", is_flag=True, help="Replace a list of this name.")
def import_(output: Output, replace: bool, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Add the list in FILE to the store; several files are the pages of one list.

    How a file is written is told from what it begins with, where that leaves no doubt; else say it with --format (docs/steps.md has
    the formats). What holds no usable value is left out and named by place and reason. A file that is broken stores nothing.
    """
    asked = _Asked(**options)
    store = _store(asked.store)
    with output.progress("importing", total=None, unit="values") as bar:
        report = store.import_files(asked.files, _request(asked, asked.authority or "", replace=replace), _today(), bar.update)
    _tell(output, report)


@command("update", examples=("release lists update newer.txt --name known-digests --vintage 2026-02-28 --type sha256",), formats=FORMATS)
@_FILES
@_NAME
@_VINTAGE
@click.option("--authority", help="Who vouches for the list.  [default: as before]")
@_TYPE
@_COLUMN
@_CLASS
@_PARTIAL
@_STORE
@PASSPHRASE
@click.option("--add", is_flag=True, help="FILE holds what came new and what was taken back: keep the other entries that are there.")
def update(output: Output, add: bool, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Replace a list by the newer one in FILE, and show what that adds and removes."""
    asked = _Asked(**options)
    store = _store(asked.store)
    old = store.open(asked.name)
    authority = old.authority if asked.authority is None else asked.authority
    request = _request(asked, authority, replace=True, not_before=None if add else old.vintage)
    change = store.extend_files if add else store.import_files
    with output.progress("importing", total=None, unit="values") as bar:
        report = change(asked.files, request, _today(), bar.update)
    _tell(output, report)


@command(
    "fetch",
    examples=(
        "release lists fetch ncmec --name exchange --environment NGO --credentials ncmec.toml",
        "release lists fetch stopncii --name intimate",
    ),
)
@click.argument("exchange", type=click.Choice(EXCHANGES))
@_NAME
@click.option("--authority", default="", help="Who vouches for the list.")
@click.option("--environment", default="Industry", show_default=True, help="ncmec: which collection, by its client's name for it.")
@click.option("--credentials", type=FOLDER, help="A TOML file of mode 0600.  [default: the system's keyring]")
@click.option("--url", help="Another address than the exchange's own, such as that of a test system.")
@_CLASS
@_STORE
@PASSPHRASE
@click.option("--replace", is_flag=True, help="Fetch everything anew, and replace a list of this name.")
def fetch(output: Output, exchange: str, **options: Any) -> None:  # noqa: ANN401  (click has checked their types)
    """Bring a list up to what an exchange has: all of it at first, then what changed since.

    Needs the extra [exchanges]. A fetch that breaks off goes on where it was, within twelve hours. ncmec needs `user` and `password`,
    stopncii `subscription_key` and `function_key`.
    """
    from release.lists import ImportRequest
    from release.lists.credentials import load
    from release.lists.exchanges import NEEDS, connect
    from release.lists.fetching import fetch as bring

    store = _store(options["store"])
    request = ImportRequest(options["name"], None, options["authority"], replace=options["replace"], classes=options["classes"])
    client = connect(exchange, load(exchange, NEEDS[exchange], options["credentials"]), options["environment"], options["url"])
    with output.progress("fetching", total=None, unit="pages") as bar:
        report = bring(store, client, request, datetime.now(UTC), bar.update)
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
        {"lists": [_as_json(one, today) for one in found]}, "\n".join(_words(one, today) for one in found) or "The store holds no list."
    )


@command("remove", examples=("release lists remove old-list",))
@click.argument("name")
@_STORE
def remove(output: Output, name: str, store: Path | None) -> None:
    """Remove a list from the store."""
    _store(store).remove(name)
    output.result({"removed": name}, f"Removed list {name}.")


@command("seal", examples=("release lists seal --store lists",))
@_STORE
@click.option(
    "--lists-passphrase-fd",
    "passphrase_fd",
    type=click.IntRange(0),
    metavar="N",
    help="Read the passphrase from descriptor N.  [default: ask]",
)
def seal(output: Output, store: Path | None, passphrase_fd: int | None) -> None:
    """Seal the store with a passphrase: what it holds, and all that is imported later.

    Sealed entries never stand on a disk in clear. Importing needs no passphrase; updating, building and auditing ask for it, or read it
    from --lists-passphrase-fd. It cannot be got back. What an earlier, unsealed import left in the free space of the disk is not erased.
    """
    done = _store(store).seal(lambda: ask(passphrase_fd, new=True))
    output.result({"sealed": list(done)}, f"The store is sealed; {len(done)} lists were sealed now.")


for _command in (import_, fetch, show, update, remove, seal):
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


def _request(asked: _Asked, authority: str, *, replace: bool, not_before: date | None = None) -> Any:  # noqa: ANN401  (imported where used)
    from release.lists import ImportRequest

    return ImportRequest(
        name=asked.name,
        vintage=asked.vintage.date() if asked.vintage else None,
        authority=authority,
        format=asked.file_format,
        type=asked.kind,
        columns=asked.columns(),
        replace=replace,
        accept_partial=asked.accept_partial,
        classes=asked.classes,
        not_before=not_before,
    )


def _tell(output: Output, report: ImportReport) -> None:
    for place in report.broken:
        output.warn(f"the list is partial, and will be attested as such: {place}")
    if report.rejected_count:
        shown = "".join(f"\n  {_place(report, at)}: {one.reason}" for at, one in enumerate(report.rejected[:SHOWN]))
        more = f"\n  and {report.rejected_count - SHOWN:,} more" if report.rejected_count > SHOWN else ""
        output.warn(f"{report.rejected_count:,} values were left out{shown}{more}")
    output.result(_report_json(report), "\n".join(_report_words(report)))


def _place(report: ImportReport, at: int) -> str:
    one = report.rejected[at]
    several = len({rejection.file for rejection in report.rejected}) > 1
    return f"{one.file}, {report.unit} {one.line}" if several else f"{report.unit} {one.line}"


def _report_json(report: ImportReport) -> dict[str, object]:
    return {
        "list": report.name,
        "format": report.format,
        "entries": dict(report.entries),
        "classes": report.classes,
        "duplicates": report.duplicates,
        "tombstones": report.tombstones,
        "superseded": report.superseded,
        "aside": report.aside,
        "unit": report.unit,
        "rejected": [{"file": one.file, "line": one.line, "reason": one.reason} for one in report.rejected],
        "rejectedCount": report.rejected_count,
        "vintage": report.vintage.isoformat(),
        "vintageFrom": report.vintage_from,
        "partial": report.partial,
        "broken": list(report.broken),
        "changes": None if report.changes is None else {kind: _change_json(change) for kind, change in report.changes.items()},
    }


def _report_words(report: ImportReport) -> list[str]:
    """Return what came of an import: the sentence that is always there, then what there is to say besides."""
    words = [f"List {report.name}: {_counts(report.entries)}; {report.duplicates:,} duplicates, {report.rejected_count:,} rejected."]
    words += _class_words(report.classes)
    if report.tombstones or report.superseded:
        words.append(f"  {report.tombstones:,} records taken back, {report.superseded:,} replaced by a newer one")
    words += [f"  no entries: {count:,} x {what}" for what, count in report.aside.items()]
    for kind, change in (report.changes or {}).items():
        added, removed = _by_class(change.added_by_class), _by_class(change.removed_by_class)
        words.append(f"  {kind}: {change.added:,} came new{added}, {change.removed:,} are gone{removed}")
    return words


def _change_json(change: Change) -> dict[str, object]:
    by_class = {"addedByClass": dict(change.added_by_class), "removedByClass": dict(change.removed_by_class)}
    return {"added": change.added, "removed": change.removed, **by_class}


def _by_class(counts: Mapping[str, int]) -> str:
    return f" ({_classes(counts)})" if counts else ""


def _counts(entries: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {kind}" for kind, count in entries.items())


def _class_words(classes: Mapping[str, Mapping[str, int]]) -> list[str]:
    return [f"  {kind} by class: {_classes(counts)}" for kind, counts in classes.items()]


def _classes(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name or 'none'} {count:,}" for name, count in counts.items())


def _as_json(one: StoredList, today: date) -> dict[str, object]:
    return {
        "name": one.name,
        "authority": one.authority,
        "vintage": one.vintage.isoformat(),
        "vintageFrom": one.vintage_from,
        "ageDays": one.age(today),
        "format": one.format,
        "partial": one.partial,
        "sealed": one.under_seal,
        "entries": dict(one.entries),
        "classes": {kind: dict(counts) for kind, counts in one.classes.items()},
        "digest": one.digest,
    }


def _words(one: StoredList, today: date) -> str:
    source = "said by the file" if one.vintage_from == "file" else "declared"
    lines: Sequence[str] = [
        f"{one.name}: {_counts(one.entries)}",
        f"  vintage {one.vintage} ({one.age(today)} days old, {source}), authority {one.authority or 'not named'}, format {one.format}",
        *(["  partial: its file was broken, and what could be read was taken"] if one.partial else []),
        *_class_words(one.classes),
        f"  digest {one.digest}{', sealed' if one.under_seal else ''}",
    ]
    return "\n".join(lines)
