"""Updates: what a new vintage adds and removes, and tombstones that come after the entry that they take back."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from list_files import ncmec_page, ncmec_record, raw, stopncii_page, stopncii_record, value

from release.cli import run
from release.errors import ListError
from release.lists import ImportReport, ImportRequest, ListStore
from release.lists.report import Change

TODAY = date(2026, 3, 1)
EARLY, LATE = "2026-01-01T00:00:00Z", "2026-02-01T00:00:00Z"


def record(name: str, number: int, group: str = "A1", time: str = EARLY) -> str:
    """Return a statement on a picture."""
    return ncmec_record("image", "1", name, time, classification=group, md5=value(number, "md5"))


def bring_in(folder: Path, content: str, *, add: bool = False, **more: object) -> ImportReport:
    """Import a page, in the place of a list or to go on from it."""
    path = folder / "page.xml"
    path.write_text(content)
    lists = ListStore(folder / "lists")
    request = ImportRequest("known", replace=True, **more)  # type: ignore[arg-type]
    return (lists.extend if add else lists.import_file)(path, request, TODAY)


def entries(folder: Path, kind: str = "md5") -> set[bytes]:
    """Return the stored entries of a type."""
    return {bytes(row) for chunk in ListStore(folder / "lists").open("known").raw_entries(kind) for row in chunk}


def test_a_tombstone_in_an_update_takes_back_its_own_entry(tmp_path: Path) -> None:
    """What the list had from another name stays; the counts by class say what went."""
    bring_in(tmp_path, ncmec_page([record("a", 1), record("b", 2, "B2"), record("c", 2)], newest=EARLY))
    deleted = [ncmec_record("deletedImage", "1", name, LATE) for name in ("a", "b", "unknown")]
    report = bring_in(tmp_path, ncmec_page([*deleted, record("d", 4, "B2", LATE)], newest=LATE), add=True)
    assert entries(tmp_path) == {raw(2, "md5"), raw(4, "md5")}
    assert report.tombstones == 2
    assert report.changes == {"md5": Change(1, 1, {"B2": 1}, {"A1": 1})}
    assert report.classes == {"md5": {"A1": 1, "B2": 1}}
    assert (report.vintage, ListStore(tmp_path / "lists").open("known").vintage) == (date(2026, 2, 1), date(2026, 2, 1))


def test_an_old_statement_after_its_tombstone_brings_nothing_back(tmp_path: Path) -> None:
    """The store remembers what was taken back, over any number of updates."""
    bring_in(tmp_path, ncmec_page([record("keep", 9), ncmec_record("deletedImage", "1", "a", LATE)]))
    bring_in(tmp_path, ncmec_page([record("b", 2)]), add=True)
    bring_in(tmp_path, ncmec_page([record("a", 1, time=EARLY)]), add=True)
    assert entries(tmp_path) == {raw(2, "md5"), raw(9, "md5")}


def test_a_restatement_replaces_the_class(tmp_path: Path) -> None:
    """The newest statement is all that counts of a record."""
    bring_in(tmp_path, ncmec_page([record("a", 1, "A1")]))
    report = bring_in(tmp_path, ncmec_page([record("a", 1, "B1", LATE)]), add=True)
    assert (report.classes, report.superseded) == ({"md5": {"B1": 1}}, 1)


def test_an_addition_of_plain_values_stands_beside_statements(tmp_path: Path) -> None:
    """Entries that no statement owns are never taken back by one."""
    bring_in(tmp_path, ncmec_page([record("a", 1)]))
    path = tmp_path / "more.txt"
    path.write_text(value(1, "md5") + "\n" + value(2, "md5"))
    request = ImportRequest("known", TODAY, replace=True)
    report = ListStore(tmp_path / "lists").extend(path, request, TODAY)
    assert report.classes == {"md5": {"A1": 1, "": 1}}
    bring_in(tmp_path, ncmec_page([ncmec_record("deletedImage", "1", "a", LATE)]), add=True)
    assert entries(tmp_path) == {raw(1, "md5"), raw(2, "md5")}
    assert ListStore(tmp_path / "lists").open("known").vintage == TODAY


def test_tombstones_that_empty_a_list_are_refused(tmp_path: Path) -> None:
    """An empty list matches nothing and looks like a clean result; what was there stays."""
    bring_in(tmp_path, ncmec_page([record("a", 1)]))
    with pytest.raises(ListError, match="no usable entry"):
        bring_in(tmp_path, ncmec_page([ncmec_record("deletedImage", "1", "a", LATE)]), add=True)
    assert entries(tmp_path) == {raw(1, "md5")}


def test_a_list_that_grew_from_a_partial_one_is_partial(tmp_path: Path) -> None:
    """What was missing is missing still; a whole file in its place ends that."""
    bring_in(tmp_path, ncmec_page([record("a", 1)])[:-20], accept_partial=True)
    assert bring_in(tmp_path, ncmec_page([record("b", 2)]), add=True).partial
    assert not bring_in(tmp_path, ncmec_page([record("a", 1)])).partial


def test_an_update_is_told_by_type_and_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`update` and `show` speak of counts by type and class, age, digest and where the vintage comes from; of no value."""
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    first.write_text(stopncii_page([stopncii_record("ImagePDQ", value(n, "pdq"), time=1_760_000_000) for n in (1, 2)]))
    second.write_text(stopncii_page([stopncii_record("ImagePDQ", value(n, "pdq"), state) for n, state in ((2, "Active"), (3, "Received"))]))
    store = ["--name", "known", "--store", str(tmp_path / "lists")]
    assert run(["lists", "import", str(first), *store, "--authority", "a holder"]) == 0
    assert run(["lists", "update", str(second), *store, "--format", "json", "--format", "auto"]) == 0
    told = json.loads(capsys.readouterr().out.split("\n", 2)[-1] or "{}")
    assert told["changes"] == {"pdq": {"added": 1, "removed": 1, "addedByClass": {"Received": 1}, "removedByClass": {"Active": 1}}}
    assert run(["lists", "update", str(first), *store]) == 1
    assert "older than the list" in capsys.readouterr().err
    assert run(["lists", "show", "--store", str(tmp_path / "lists")]) == 0
    said = capsys.readouterr().out
    digest = ListStore(tmp_path / "lists").open("known").digest
    for part in ("2 pdq", "Active 1", "Received 1", "said by the file", "a holder", "stopncii", digest, "days old"):
        assert part in said
    assert value(3, "pdq") not in said
