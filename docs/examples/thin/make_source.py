"""Write the example's source and lists into a folder: 12,000 links that lead nowhere, as a metadata dataset that anybody may hold.

Usage: python make_source.py FOLDER

    source/links.parquet   url, caption, width, height: five hosts, of which one is small, and two sizes
    known.txt              six of the links
    known-later.txt        the same list some months later: one link was taken off it, two came on
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 12_000
HOSTS = ("landscapes", "animals", "tools", "food")
SIDES = (512, 2048)
KNOWN = (12, 345, 678, 2_001, 4_049, 9_003)
LATER = (12, 345, 678, 2_001, 4_049, 5_555, 11_777)


def link(row: int) -> str:
    """Return the link of a row; one in fifty is of a small host."""
    host = "rarities" if row % 50 == 49 else HOSTS[row % len(HOSTS)]
    return f"https://{host}.example.org/{row}.jpg"


def main(folder: Path) -> None:
    """Write everything."""
    (folder / "source").mkdir(parents=True, exist_ok=True)
    columns = {
        "url": [link(row) for row in range(ROWS)],
        "caption": [f"picture {row}" for row in range(ROWS)],
        "width": [SIDES[row // 7 % len(SIDES)] for row in range(ROWS)],
        "height": [SIDES[row // 7 % len(SIDES)] for row in range(ROWS)],
    }
    pq.write_table(pa.table(columns), folder / "source" / "links.parquet")
    for name, rows in (("known.txt", KNOWN), ("known-later.txt", LATER)):
        (folder / name).write_text("".join(f"{link(row)}\n" for row in rows), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
