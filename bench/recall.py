"""How many changed copies of real photographs are found, by kind of change: `make recall`, or `python -m bench.recall`.

Originals are photographs of Debian packages, whole (1,600 pixels at most) and their four quarters, saved as JPEG of quality 95. The list has
one entry for each, a third of them made under each resize convention, since nobody says which one a list was made with. Each change is
applied to each original, and the copy goes through the product's fingerprinter and index. With --write the table goes into docs/limits.md.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench import material, photographs
from bench.changes import CHANGES, file
from bench.setting import HERE, Found, into_readme, parser, setting
from bench.tables import table
from release.fingerprint import CONVENTIONS, DECODER, Fingerprinter, Fingerprints, pdq
from release.match import NearIndex
from release.plan import Limits

RADIUS = 31
QUALITY = 50  # below it a plan sets rows aside that were not found
LONGEST = 1600  # pixels
SAME = 31  # bits: photographs nearer to an earlier one show the same picture and are left out
PLANTED = "the list's entry 0 to 31 bits away"
BEGIN, END = "<!-- recall: made by `make recall` -->\n", "<!-- end of recall -->\n"
ONE_FORM = "`full`, one form"
ASIDE = "not found, but of low quality"
OWN = "the entry's own"
DEFAULTS = "defaults"

Codes = NDArray[np.uint8]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Original:
    """A picture, its file, and its list entry, made under the convention of this number."""

    picture: Image.Image
    data: bytes
    convention: int
    entry: Codes


def main() -> None:
    """Measure, print the table, write it and the JSON."""
    options = parser(__doc__)
    options.add_argument("--write", action="store_true", help="put the table into docs/limits.md")
    given = options.parse_args()
    chosen = setting(given)
    originals = list(_originals(chosen.photos()[: 4 if chosen.quick else None]))
    found = measure(originals)
    text = describe(found)
    (chosen.results / "recall.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    if given.write:
        into_readme(HERE.parent / "docs" / "limits.md", text, BEGIN, END)
    print(text)


def _originals(paths: Sequence[Path]) -> Iterator[Original]:
    """Yield each photograph and its quarters; of photographs that show the same picture, the first."""
    seen: list[Codes] = []
    number = 0
    for path in paths:
        whole = photographs.load(path)
        whole.thumbnail((LONGEST, LONGEST))
        code = pdq.dihedral(np.asarray(whole))[0][0]
        if any(int(np.bitwise_count(code ^ other).sum()) <= SAME for other in seen):
            continue
        seen.append(code)
        for picture in (whole, *_quarters(whole)):
            yield _original(picture, number % len(CONVENTIONS))
            number += 1


def _quarters(whole: Image.Image) -> Iterator[Image.Image]:
    width, height = whole.width // 2, whole.height // 2
    for left in (0, width):
        for top in (0, height):
            yield whole.crop((left, top, left + width, top + height))


def _original(picture: Image.Image, convention: int) -> Original:
    entry, _ = pdq.dihedral(np.asarray(picture), CONVENTIONS[convention])
    return Original(picture, file(picture, quality=95), convention, entry[0].copy())


def measure(originals: Sequence[Original]) -> Found:
    """Return by change how many copies there were and how many were found under each column."""
    entries = np.stack([original.entry for original in originals])
    index = NearIndex.build(entries, entries[:0])
    found: Found = {"originals": len(originals), "decoder": DECODER, "changes": {}}
    with Fingerprinter(Limits(), CONVENTIONS) as fingerprinter, multiprocessing.get_context("spawn").Pool(2) as pool:
        found["changes"][PLANTED] = _planted(originals, fingerprinter.run([original.data for original in originals]))
        for name in CHANGES:
            copies = pool.starmap(_changed, [(name, original.data) for original in originals], chunksize=4)
            made = fingerprinter.run(copies)
            found["changes"][name] = _counted(originals, made, index)
            print(f"{name}: {found['changes'][name]}", flush=True)
    if found["changes"][PLANTED][DEFAULTS] != found["changes"][PLANTED]["copies"]:
        raise SystemExit(f"not every entry within {RADIUS} bits was found")
    return found


def _changed(name: str, data: bytes) -> bytes:
    """Return a changed copy of an original, as somebody makes it who has the file."""
    with Image.open(BytesIO(data)) as picture:
        return CHANGES[name](picture.convert("RGB"))


def _counted(originals: Sequence[Original], made: Fingerprints, index: NearIndex) -> dict[str, int]:
    """Return how many rows are found in a list under each column; a row with several frames by any of them."""
    alone = {name: _rows(made, index.any_within(made.pdq[name], RADIUS)) for name in CONVENTIONS}
    everywhere = np.logical_or.reduce(list(alone.values()))
    owned = [alone[CONVENTIONS[original.convention]][row] for row, original in enumerate(originals)]
    return {
        "copies": len(made),
        **{name: int(rows.sum()) for name, rows in alone.items()},
        OWN: sum(map(int, owned)),
        DEFAULTS: int(everywhere.sum()),
        ASIDE: int((~everywhere & (made.quality < QUALITY)).sum()),
        ONE_FORM: int(_rows(made, index.any_within(made.pdq["full"][:, 0], RADIUS)).sum()),
    }


def _rows(made: Fingerprints, frames: Flags) -> Flags:
    """Return which rows have a frame among those flagged."""
    rows = np.zeros(len(made), np.bool_)
    rows[made.frame_row[frames]] = True
    return rows


def _planted(originals: Sequence[Original], made: Fingerprints) -> dict[str, int]:
    """Return the same for the originals themselves, added up over lists whose entries are 0, 1 ... 31 bits from what the rows have."""
    total: dict[str, int] = {}
    own = [made.pdq[CONVENTIONS[original.convention]][row, 0] for row, original in enumerate(originals)]
    for bits in range(RADIUS + 1):
        moved = np.stack([material.turned(code, bits, 1000 * bits + row) for row, code in enumerate(own)])
        for name, count in _counted(originals, made, NearIndex.build(moved, moved[:0])).items():
            total[name] = total.get(name, 0) + count
    return total


def describe(found: Found) -> str:
    """Return what was done, and the table."""
    rows: list[list[object]] = []
    for name, counts in found["changes"].items():
        shares = [f"{100 * counts[column] / counts['copies']:.1f} %" for column in (*CONVENTIONS, OWN, DEFAULTS, ASIDE, ONE_FORM)]
        rows.append([name, counts["copies"], *shares])
    head = ["change", "copies", *(f"`{name}`" for name in CONVENTIONS), OWN, DEFAULTS, ASIDE, ONE_FORM]
    about = (
        f"{found['originals']} originals (photographs of Debian packages, whole and in quarters), one list entry each, "
        f"a third of them made under each convention; {found['decoder']}; distance {RADIUS}."
    )
    return f"{about}\n\n{table(head, rows)}"


if __name__ == "__main__":
    main()
