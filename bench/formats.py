"""PNG, WebP and GIF to fingerprints, next to Pillow and pdqhash, and how much of it is Pillow's decoding.

Usage: python -m bench.formats [--quick]
"""

from __future__ import annotations

import sys

from bench import material
from bench.contest import Contest
from bench.setting import Found, Setting, alone
from bench.tables import RACE, per_processor_second, race, table

OURS, PEER, DECODING = "ours", "Pillow and pdqhash", "Pillow, decoding alone"
KINDS = tuple(material.ENCODING)


def measure(setting: Setting) -> Found:
    """Return what was seen, by format."""
    found: Found = {}
    squares = material.squares(setting, setting.scaled(2000, 40))
    for kind in KINDS:
        given = ["--pictures", str(material.other(squares, kind, setting.scaled(200, 20)))]
        with Contest() as contest:
            contest.enter(OURS, sys.executable, ["-m", "bench.ours.prints", *given])
            if setting.peer:
                contest.enter(PEER, setting.peer, ["-m", "bench.peers.formats", *given])
            contest.enter(DECODING, sys.executable, ["-m", "bench.ours.decode", "--by", "pillow", *given])
            found[kind] = contest.play(setting.rounds)
        if found[kind][OURS]["results"][0]["without"]:
            raise SystemExit(f"{kind}: some pictures were not fingerprinted")
    return found


def tables(found: Found) -> str:
    """Return the tables of this part."""
    races = [race(f"{kind}, 512x512", found[kind][OURS], found[kind].get(PEER)) for kind in KINDS]
    limits = []
    for kind in KINDS:
        ours, decoding = (per_processor_second(found[kind][name]) for name in (OURS, DECODING))
        limits.append([kind, 1000 / ours, 1000 / decoding, ours / decoding])
    head = ["what limits it, processor time", "ours, ms", "Pillow's decoding alone, ms", "its share"]
    return table(["pictures/s to digests and PDQ, `full`, one core", *RACE[1:]], races) + "\n\n" + table(head, limits)


if __name__ == "__main__":
    alone("formats", __doc__, measure, tables)
