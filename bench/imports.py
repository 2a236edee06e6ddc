"""Imports of long list files: `release lists import` of a million records in each format, its processor seconds and its peak of memory.

Usage: python -m bench.imports [--quick] [--readme] [--only FORMAT]

Files have the shapes that the tests have (tests/list_files.py), with entries derived from their numbers. In the pages of NCMEC one record in a hundred is
named again by a tombstone, every other time by one that is older than the record and so takes nothing back. Every import has to find what was written.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import list_files
import pyarrow as pa
import pyarrow.parquet as pq
from list_files import value

from bench import watch
from bench.machine import load_average
from bench.setting import HERE, Found, Setting, into_readme, parser, setting, told
from bench.tables import MIB, table

BEGIN, END = "<!-- last imports run -->\n", "<!-- end of last imports run -->\n"
RECORDS, QUICK = 1_000_000, 2_000
SECONDS, MEMORY = 60, 1_000_000_000
_NAMED_AGAIN = 100  # one record in so many
_MARK = '"@"'  # where records go


@dataclass(frozen=True, slots=True)
class Case:
    """A format: the ending of its files, what each record has, how they are written, and what the import is told besides.

    Attributes:
        ending: of the file.
        kinds: the types of which a record has a value each.
        write: makes a file of so many records.
        told: further options.
        taken_back: whether tombstones follow the records.
    """

    ending: str
    kinds: tuple[str, ...]
    write: Callable[[Path, int], None]
    told: tuple[str, ...] = ()
    taken_back: bool = False

    def expected(self, count: int) -> dict[str, int]:
        """Return how many entries the list has, by type."""
        return dict.fromkeys(self.kinds, count - self.taken_back * len(range(0, count, 2 * _NAMED_AGAIN)))


def ncmec(path: Path, count: int) -> None:
    """Write a page of images with four fingerprints each, and tombstones after them."""
    _stream(path, list_files.ncmec_page(["@"]), "@", _of_ncmec(count), "")


def _of_ncmec(count: int) -> Iterator[str]:
    for number in range(count):
        prints = {name: value(number, kind) for name, kind in (("md5", "md5"), ("sha1", "sha1"), ("pdq", "pdq"), ("pdna", "photodna"))}
        day = f"2026-01-{1 + number * 7919 % 28:02d}T12:00:00Z"
        yield list_files.ncmec_record("image", str(number % 50), f"image-{number}", day, classification="A1", **prints)
    for turn, number in enumerate(range(0, count, _NAMED_AGAIN)):
        day = "2025-12-01T12:00:00Z" if turn % 2 else "2026-02-01T12:00:00Z"
        yield list_files.ncmec_record("deletedImage", str(number % 50), f"image-{number}", day)


def stopncii(path: Path, count: int) -> None:
    """Write a page of PDQ hashes."""
    found = (list_files.stopncii_record("ImagePDQ", value(number, "pdq"), time=1_760_000_000 + number) for number in range(count))
    _stream(path, list_files.stopncii_page([]).replace("[]", f"[{_MARK}]"), _MARK, map(json.dumps, found))


def vics(path: Path, count: int) -> None:
    """Write files with MD5, SHA-1 and PhotoDNA in categories 1 and 2."""
    found = (list_files.media(number, 1 + number % 2, PhotoDNA=value(number, "photodna")) for number in range(count))
    _stream(path, list_files.vics([]).replace("[]", f"[{_MARK}]"), _MARK, map(json.dumps, found))


def tat(path: Path, count: int) -> None:
    """Write records of SHA-256."""
    found = (list_files.tat_record(number, "sha256", "SHA256") for number in range(count))
    _stream(path, f"[{_MARK}]", _MARK, map(json.dumps, found))


def icse(path: Path, count: int) -> None:
    """Write lines with MD5, SHA-1 and PhotoDNA."""
    found = (",".join(value(number, kind) for kind in ("md5", "sha1", "photodna")) for number in range(count))
    head = list_files.icse()
    lines = (list_files.icse((*one.split(","), "Image", "True")).removeprefix(head) for one in found)
    _stream(path, f"{head}@", "@", lines, "")


def text(path: Path, count: int) -> None:
    """Write lines of MD5."""
    _stream(path, "@", "@", (value(number, "md5") + "\n" for number in range(count)), "")


def csv(path: Path, count: int) -> None:
    """Write lines with MD5 and SHA-1."""
    _stream(path, "md5,sha1\n@", "@", (f"{value(number, 'md5')},{value(number, 'sha1')}\n" for number in range(count)), "")


def threatexchange(path: Path, count: int) -> None:
    """Write lines of PDQ with their type."""
    _stream(path, "id,indicator,type\n@", "@", (f"{number},{value(number, 'pdq')},HASH_PDQ\n" for number in range(count)), "")


def parquet(path: Path, count: int) -> None:
    """Write a column of MD5 as text and one of links."""
    md5 = [value(number, "md5") for number in range(count)]
    pq.write_table(pa.table({"md5": md5, "URL": [f"https://example.org/{number}.jpg" for number in range(count)]}), path)


CASES: Mapping[str, Case] = {
    "ncmec": Case("xml", ("md5", "pdq", "photodna", "sha1"), ncmec, taken_back=True),
    "stopncii": Case("json", ("pdq",), stopncii),
    "vics": Case("json", ("md5", "photodna", "sha1"), vics, ("--vintage", "2026-01-31")),
    "tat": Case("json", ("sha256",), tat),
    "icse": Case("csv", ("md5", "photodna", "sha1"), icse, ("--vintage", "2026-01-31")),
    "threatexchange": Case("csv", ("pdq",), threatexchange, ("--vintage", "2026-01-31")),
    "csv": Case("csv", ("md5", "sha1"), csv, ("--vintage", "2026-01-31")),
    "text": Case("txt", ("md5",), text, ("--vintage", "2026-01-31", "--type", "md5")),
    "parquet": Case("parquet", ("md5", "url"), parquet, ("--vintage", "2026-01-31", "--column", "md5=md5", "--column", "url=URL")),
}


def _stream(path: Path, around: str, mark: str, records: Iterator[str], between: str = ",") -> None:
    """Write records in the place of a mark, one at a time."""
    head, _, tail = around.partition(mark)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(head)
        for number, record in enumerate(records):
            file.write(f"{between}{record}" if number else record)
        file.write(tail)


def measure(setting: Setting, names: list[str]) -> Found:
    """Return what the import of each format took, and that it found what was written."""
    count = setting.scaled(RECORDS, QUICK)
    home = setting.results / "imports"
    home.mkdir(parents=True, exist_ok=True)
    return {name: _one(home, name, CASES[name], count) for name in names}


def _one(home: Path, name: str, case: Case, count: int) -> Found:
    """Write a file, import it into a store of its own, and remove both: together they are gigabytes."""
    path, lists = home / f"{name}-{count}.{case.ending}", home / f"{name}-lists"
    case.write(path, count)
    command = [sys.executable, "-m", "release", "--format", "json", "lists", "import", str(path), "--name", name, "--store", str(lists)]
    run = watch.run([*command, "--format", name, *case.told])
    found = json.loads(run.output)["entries"]
    if found != case.expected(count):
        raise SystemExit(f"{name}: the import found {found} instead of {case.expected(count)}")
    size = path.stat().st_size
    path.unlink()
    shutil.rmtree(lists)
    print(f"{name}: {run.processor:.1f} s of processor, {run.worst('parent').peak / MIB:.0f} MiB", flush=True)
    peak = max(memory.peak for memory in run.processes)
    return {"records": count, "bytes": size, "entries": found, "seconds": run.seconds, "processor": run.processor, "peak": peak}


def tables(found: Found) -> str:
    """Return the table of this part."""
    head = ["import", "records", "file, MiB", "values", "processor seconds", "seconds", "peak, MiB", "within a minute and 1 GB"]
    lines = [
        [
            f"{name}: {', '.join(CASES[name].kinds)}",
            seen["records"],
            seen["bytes"] / MIB,
            sum(seen["entries"].values()),
            float(seen["processor"]),
            float(seen["seconds"]),
            seen["peak"] / MIB,
            "yes" if seen["processor"] < SECONDS and seen["peak"] < MEMORY else "no",
        ]
        for name, seen in found.items()
    ]
    return table(head, lines)


def main() -> None:
    """Measure, print the table, write it and the JSON."""
    options = parser(__doc__)
    options.add_argument("--readme", action="store_true", help="write the table into bench/README.md as well")
    options.add_argument("--only", choices=CASES, action="append", help="this format alone; may be given again")
    given = options.parse_args()
    chosen = setting(given)
    before = load_average()
    found = measure(chosen, given.only or list(CASES))
    text = told("imports", chosen, found, before, tables(found))
    if given.readme:
        into_readme(HERE / "README.md", text, BEGIN, END)


if __name__ == "__main__":
    main()
